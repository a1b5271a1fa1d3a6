"""What befalls series without any load behind it: each such case is green for the right rule, and red for a wrong one
that the other cases let pass."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from msgspec.structs import replace
from prove.groups import CPU, LATENCY, group, signal

from capgen.prove.promtool import run_tests
from capgen.prove.run import Prepared, prepare
from capgen.prove.suite import Case, render

SCRAPES = '{job="kubelet",namespace="shop"}'
MEMORY = signal(
    f"max by (namespace, pod) (container_memory_working_set_bytes{SCRAPES}) / on (namespace, pod)"
    ' (max by (namespace, pod) (kube_pod_container_resource_limits{job="kube-state-metrics",resource="memory"}) > 0)',
    {"warning": 0.7, "critical": 0.85},
    unit="ratio",
    labels=("namespace", "pod"),
)
MAX = "max by (namespace, pod) (kube_pod"
UNREDUCED = (MAX, "max by (namespace, pod, instance) (kube_pod")
ANY_NODE = ("max by (namespace, pod) (container", "sum without (prometheus_replica) (container")
FIRST_BUCKETS = (LATENCY.expr, f"({LATENCY.expr}) < 5")
SHORT = ("[5m]", "[45s]")


def verdict(promtool: Path, prepared: Prepared, case: Case, rules: str) -> str:
    """promtool's complaint when it runs this case alone against the rules."""
    alone = replace(prepared.suite, cases=(case,))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / prepared.rules_name).write_text(rules)
        (Path(folder) / "case.test.yml").write_text(render(alone, prepared.rules_name))
        return run_tests(promtool, Path(folder), ["case.test.yml"], 1)["case.test.yml"]


def case_of(prepared: Prepared, part: str) -> Case:
    return next(case for case in prepared.suite.cases if part in case.name)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("a second kube-state-metrics", UNREDUCED),
        ("a pod moves", (MAX, "sum without (prometheus_replica) (kube_pod")),
        ("a pod moves", ANY_NODE),
    ],
    ids=["another instance of a join's side", "two nodes' limits in a join", "the use on both nodes"],
)
def test_a_rule_that_does_not_live_through_it_is_red(promtool: Path, name: str, wrong: tuple[str, str]) -> None:
    prepared = prepare(group(MEMORY))
    assert wrong[0] in MEMORY.expr and prepared.suite.gaps == ()
    case = case_of(prepared, name)
    assert verdict(promtool, prepared, case, prepared.rules) == ""
    assert verdict(promtool, prepared, case, prepared.rules.replace(*wrong)) != ""


def test_three_missed_scrapes_are_more_than_a_short_range_takes(promtool: Path) -> None:
    prepared = prepare(group(CPU))
    sweep = case_of(prepared, "levels")
    idle = next(values for series, values in sweep.series if series.startswith("cpu_seconds_total")).split()
    # Where they fail, as samples: what else is asserted would notice a shorter range as well.
    place = sum(int(token.rpartition("x")[2]) + 1 if "+" in token else 1 for token in idle[: idle.index("_x3")])
    last = (place + 2) * sweep.interval
    during = replace(sweep, alerts=(), samples=tuple(s for s in sweep.samples if s.at == last))
    assert len(during.samples) > 1
    assert verdict(promtool, prepared, during, prepared.rules) == ""
    assert f"time: {last / 60:g}m" in verdict(promtool, prepared, during, prepared.rules.replace(*SHORT))


@pytest.mark.parametrize(
    ("unsafe", "reason"),
    [
        ('sum by (pod) (queue_depth{job="shop"})', "a pod that moves begins or ends an alert: healthy while both"),
        ('work{job="shop"} / on (pod) group_left () limit{job="shop"}', "not safe for a pod that moves to another"),
        (
            'max by (pod) (work{job="shop"}) / on (pod) max without (prometheus_replica) (kube_limit{job="kube"})',
            "not safe for a second kube-state-metrics: many-to-many",
        ),
    ],
)
def test_a_signal_that_is_not_made_for_it_is_told(unsafe: str, reason: str) -> None:
    found = prepare(group(signal(unsafe, {"warning": 20.0, "critical": 40.0}, labels=("pod",), hold=120.0)))
    assert any(gap.reason.startswith(reason) for gap in found.suite.gaps), found.suite.gaps


def test_a_level_that_the_last_bucket_hides_is_no_proof() -> None:
    buckets = 'histogram_quantile(0.9, sum by (le) (rate(x_bucket{job="shop"}[5m])))'
    hidden = signal(f"{buckets} < 5", {"slow": 1.0}, labels=(), unit="seconds", buckets=(0.5, 1.0, 2.5, 5.0))
    reasons = {gap.reason for gap in prepare(group(hidden)).suite.gaps}
    assert reasons == {"when everything is beyond the histogram's last bound, slow does not show: the value is None"}


def test_the_cap_of_a_histogram_hides_no_breach(promtool: Path) -> None:
    prepared = prepare(group(LATENCY))
    sweep = case_of(prepared, "levels")
    assert verdict(promtool, prepared, sweep, prepared.rules) == ""
    # All that the histogram knows is that it took longer than its last bound, 5 s: a rule that takes that for no value.
    assert "ShopValuePoor" in verdict(promtool, prepared, sweep, prepared.rules.replace(*FIRST_BUCKETS))
