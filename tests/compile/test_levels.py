"""Levels: a ladder's names, the catalogue's numbers under the spec's, in order and within reason."""

from __future__ import annotations

import pytest
from compile.service import alerts, marked, said, service, signal

OWN = "signals: {own.q: {source: app, expr: 'sum(q{$selector})', %s}}"


def thresholds(text: str, id_: str) -> dict[str, float]:
    return {level.name: level.threshold for level in signal(service(text), id_).levels}


def test_the_specs_numbers_lie_over_the_catalogues() -> None:
    known = thresholds("", "app.latency")
    assert known == {"good": 0.2, "acceptable": 0.5, "poor": 1, "unacceptable": 2}
    assert thresholds("signals: {app.latency: {levels: {poor: 700ms, good: null}}}", "app.latency") == {
        "acceptable": 0.5, "poor": 0.7, "unacceptable": 2,
    }  # fmt: skip
    assert thresholds("signals: {app.latency: {levels: null}}", "app.latency") == {}
    assert thresholds("signals: {app.latency: {ladder: utilisation, levels: {warning: 1s}}}", "app.latency") == {
        "warning": 1
    }


def test_levels_stand_in_the_ladders_order_whatever_the_specs_is() -> None:
    found = signal(service("signals: {host.cpu: {levels: {emergency: 97%, warning: 60%, critical: 90%}}}"), "host.cpu")
    assert [(level.name, level.rank) for level in found.levels] == [("warning", 1), ("critical", 2), ("emergency", 3)]


def test_a_severity_is_the_ladders_unless_the_spec_changes_it_and_none_tells_nobody() -> None:
    text = OWN % "ladder: quality, levels: {good: 1, acceptable: 2, poor: 3}, severity: {good: info, poor: none}"
    assert {level.name: level.severity for level in signal(service(text), "own.q").levels} == {
        "good": "info", "acceptable": "info", "poor": None,
    }  # fmt: skip
    assert {a.level for a in alerts(service(text)).values() if a.signal == "own.q"} == {"good", "acceptable"}


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("CG307", OWN % "ladder: »utilization«, levels: {warning: 1}"),
        ("CG308", OWN % "levels: {»warn«: 1}"),
        ("CG308", OWN % "levels: {»normal«: 1}"),
        ("CG308", OWN % "levels: {warning: 1}, severity: {»warn«: info}"),
        ("CG309", OWN % "levels: {warning: 5, critical: »5«}"),
        ("CG309", OWN % "levels: {warning: 5, critical: »3«}"),
        ("CG309", OWN % "worse: below, levels: {warning: 5, critical: »7«}"),
        ("CG309", "signals: {host.cpu: {levels: {warning: »99%«}}}"),
        ("CG205", "signals: {host.cpu: {levels: {warning: »80«}}}"),
        ("CG205", OWN % "levels: {warning: »-1«}"),
        ("CG204", "signals: {app.latency: {levels: {good: »5%«}}}"),
        ("CG204", "signals: {app.latency: {levels: {good: »5«}}}"),
    ],
)
def test_levels_that_cannot_be_are_found_where_they_stand(code: str, text: str) -> None:
    assert said(text) == [(code, marked(text)[0])]


def test_more_than_all_of_it_is_possible_where_the_whole_is_no_limit() -> None:
    assert thresholds(OWN % "unit: ratio, levels: {warning: 150%}", "own.q") == {"warning": 1.5}
