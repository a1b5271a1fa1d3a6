"""Names: what becomes of the spec's words in the places that have rules of their own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capgen import naming

SERVICES = st.from_regex(naming.DNS_LABEL, fullmatch=True)
WORDS = st.from_regex(naming.WORD, fullmatch=True)


@pytest.mark.parametrize(
    ("words", "name"),
    [(("apm", "host.cpu", "very_slow"), "ApmHostCpuVerySlow"), (("my-shop", "web.p99_time", "high"), "MyShopWebP99TimeHigh"), (("1st", "a.b", "c"), "1stABC")],
)  # fmt: skip
def test_alert_names_are_read_as_words(words: tuple[str, str, str], name: str) -> None:
    assert naming.level_alert(*words) == name


@given(SERVICES, WORDS, WORDS)
def test_generated_names_are_valid_where_they_are_used(service: str, source: str, signal: str) -> None:
    assert re.fullmatch(naming.METRIC_NAME, naming.record(source, signal, "ratio"))
    assert re.fullmatch(naming.METRIC_NAME, naming.external_metric(source, signal))
    assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", naming.monitoring_object(service, source.rstrip("_")))
    assert re.fullmatch(r"[A-Za-z0-9]+", naming.down_alert(service, source))


@given(SERVICES, WORDS)
def test_objects_and_groups_tell_services_and_sources_apart(service: str, source: str) -> None:
    assert naming.group(service, source) != naming.group(f"{service}x", source)
    assert naming.monitoring_object(service) == f"capgen-{service}"
    assert {naming.hpa(service), naming.vpa(service)} == {f"{service}-hpa", f"{service}-vpa"}


def test_the_labels_that_capgen_sets_are_reserved() -> None:
    assert {"service", "source", "signal", "level", "severity", "team", "alertname"} <= naming.RESERVED_LABELS
