"""Every line of every generated file says whose it is; those that have a number of the spec say which."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from capgen import api
from capgen.explain import Answer, explain_line
from capgen.explain.files import explain_file
from capgen.yamlio import Source

SPECS = Path(__file__).parents[2] / "specs"
SAMPLES = 8


@pytest.fixture(scope="module")
def built() -> api.Built:
    return api.build([SPECS])


def answer(built: api.Built, source: Source, line: int) -> Answer:
    compiled = built.compiled
    declared = {document.name: document.file for document, _ in compiled.project.environments}
    found = explain_line(source, line, compiled.fleets) or explain_file(
        source, line, compiled.fleets, compiled.specs, declared
    )
    assert found is not None, f"{source.name}:{line}"
    return found


def files(built: api.Built) -> Iterator[Source]:
    for environment, artifacts in built.artifacts:
        yield from (Source(f"generated/{environment}/{artifact.path}", artifact.text) for artifact in artifacts)


def test_lines_of_every_generated_file_have_an_answer(built: api.Built) -> None:
    seen = 0
    for source in files(built):
        count = source.text.count("\n")
        for line in sorted({1 + (count - 1) * step // SAMPLES for step in range(SAMPLES + 1)}):
            told = answer(built, source, line)
            assert told.facts, f"{source.name}:{line}"
            assert all(fact.layer or fact.place for fact in told.facts), (f"{source.name}:{line}", told)
            seen += 1
    assert seen > 400


def test_a_line_that_a_file_does_not_have_comes_from_nothing(built: api.Built) -> None:
    source = next(one for one in files(built) if one.name == "generated/host/apm/rules.yml")
    for line in (0, source.text.count("\n") + 1):
        assert explain_line(source, line, built.compiled.fleets) is None
        assert explain_file(source, line, built.compiled.fleets, built.compiled.specs, {}) is None


@pytest.mark.parametrize(
    ("file", "text", "fact", "place"),
    [
        ("host/apm/dashboard.json", '{"color":"red","value":0.8}', "host.cpu critical", "specs/apm.yaml:"),
        (
            "production/apm/configmap-dashboard.yaml",
            '"title": "CPU utilisation",',
            "signals.host.cpu",
            "specs/apm.yaml:",
        ),
        ("host/apm/dashboard.json", '"type": "row"', "row ", "specs/apm.yaml:"),
        ("host/apm/dashboard.json", '"schemaVersion":', "dashboard ", "specs/apm.yaml:"),
        ("host/apm/README.md", "| critical | at or above 80%", "host.cpu critical", "specs/apm.yaml:"),
        ("host/apm/README.md", "](#host.cpu) |", "signals.host.cpu", "specs/apm.yaml:"),
        ("host/alertmanager.yml", "api_url_file:", "notify.slack", "specs/apm.yaml:"),
        ("production/alertmanagerconfig.yaml", "- name: platform/slack", "notify.slack", "specs/apm.yaml:"),
        ("host/alertmanager.yml", "group_wait:", "environment", "specs/environments/host.yaml"),
        ("production/kustomization.yaml", "shop/hpa-shop-web.yaml", "metadata.owner", "specs/shop.yaml:"),
        ("production/configmap-metrics-adapter.yaml", "capgen:otel_http_throughput:rate", ".throughput: ", "specs/"),
        ("production/apm/jobs/report-weekly/cronjob.yaml", "schedule:", "reports.weekly", "specs/apm.yaml:"),
        ("host/crontab", "apm/jobs/monitor-app.sh", "jobs.monitor-app", "specs/apm.yaml:"),
    ],
)
def test_a_line_names_what_made_it(built: api.Built, file: str, text: str, fact: str, place: str) -> None:
    (source,) = (one for one in files(built) if one.name == f"generated/{file}")
    lines = [number for number, line in enumerate(source.text.split("\n"), start=1) if text in line]
    assert lines, text
    told = [one for line in lines for one in answer(built, source, line).facts if fact in f"{one.name} {one.value}"]
    assert told, [answer(built, source, line) for line in lines[:2]]
    assert all(place in f"{one.layer} {one.place}" for one in told), told
