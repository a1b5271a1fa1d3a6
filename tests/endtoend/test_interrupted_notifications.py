"""What stands when a signal jumps, its target or Prometheus goes away, and comes back: one notification at any time.

Ladders of one to four levels, of what is bad when it is high and when it is low, on a real Prometheus with a real
Alertmanager and a real webhook receiver.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from endtoend.notified import Everybody, everybody
from endtoend.test_notifications import SPEC, Swept, files_of, page, standing, until
from harness.prometheus import Start

OWN = """\
  own.queue: {source: app, expr: "max by (queue) (queue{$selector})", unit: short, ladder: utilisation, levels: {critical: 80}, title: Q, action: A., for: 0s, keep_firing_for: 0s}
  own.two:   {source: app, expr: "max(two{$selector})", unit: short, ladder: utilisation, levels: {warning: 50, critical: 80}, hysteresis: 5, title: T, action: A., for: 0s, keep_firing_for: 0s}
  own.free:  {source: app, expr: "min(free{$selector})", unit: bytes, worse: below, ladder: utilisation, levels: {warning: 30Gi, critical: 20Gi, emergency: 10Gi}, title: Free, action: A., for: 0s, keep_firing_for: 0s}
  own.four:  {source: app, expr: "max(four{$selector})", unit: seconds, ladder: quality, levels: {good: 100ms, acceptable: 250ms, poor: 500ms, unacceptable: 1s}, severity: {good: info, acceptable: warning}, title: Four, action: A., for: 0s, keep_firing_for: 0s}
"""
INTERRUPTED = SPEC[: SPEC.index("  own.queue:")] + OWN + SPEC[SPEC.index("notify:") :]
GIB = 2**30
SWEPT = {
    "own.queue": Swept("queue", {"critical": 80}, 10),
    "own.two": Swept("two", {"warning": 50, "critical": 80}, 10),
    "own.free": Swept("free", {"warning": 30 * GIB, "critical": 20 * GIB, "emergency": 10 * GIB}, 90 * GIB),
    "own.four": Swept("four", {"good": 0.1, "acceptable": 0.25, "poor": 0.5, "unacceptable": 1}, 0.01),
}
JUMPS = (4, 1, 3, 0, 2, 4)
"""Levels in an order in which no signal passes through those between."""


@pytest.fixture
def told() -> Iterator[Everybody]:
    with everybody() as server:
        yield server


def at(step: int) -> tuple[str, dict[str, set[str]]]:
    """The page on which each signal is at its level of this number, or its last one, and the levels that are to stand."""
    reached = {signal: min(step, len(swept.levels)) for signal, swept in SWEPT.items()}
    levels = {signal: {list(SWEPT[signal].levels)[n - 1]} for signal, n in reached.items() if n}
    return page({s.metric: s.value(reached[signal], falling=False) for signal, s in SWEPT.items()}), levels


def test_one_notification_stands_through_jumps_and_interruptions(
    told: Everybody, tmp_path: Path, prometheus: Start, alertmanager: Start
) -> None:
    built = files_of(INTERRUPTED, told, tmp_path)
    rules = yaml.safe_load((built / "shop" / "rules.yml").read_text())
    (down,) = (
        rule for group in rules["groups"] for rule in group["rules"] if rule.get("labels", {}).get("kind") == "down"
    )
    down["for"] = "1s"
    (built / "shop" / "rules.yml").write_text(yaml.safe_dump(rules))
    address = yaml.safe_load((built / "prometheus.yml").read_text())["alerting"]["alertmanagers"][0]
    (receiver,) = address["static_configs"][0]["targets"]

    def stands() -> dict[str, set[str]]:
        return standing(told.at("/hook"))

    told.page, _ = at(0)
    with alertmanager(built / "alertmanager.yml", receiver):
        with prometheus(built / "prometheus.yml"):
            for step in JUMPS:
                told.page, levels = at(step)
                until(stands, levels, f"jump to {step}")
            told.down = True
            until(stands, {"": {""}}, "the target is down, and of what is not known nothing is said")
            assert told.at("/hook")[-1]["commonLabels"]["alertname"] == "ShopAppDown"
            told.down = False
            until(stands, levels, "the target is back")
            told.page = "# TYPE nothing gauge\nnothing 1\n"
            until(stands, {}, "what is not there is at no level")
            told.page = at(4)[0]
            until(stands, levels, "it is there again")
            before = len(told.at("/hook"))
        time.sleep(2)
        assert stands() == levels, "Prometheus is away"
        with prometheus(built / "prometheus.yml") as server:
            until(
                lambda: len(server.json("/api/v1/alerts")["data"]["alerts"]) >= sum(range(5)),
                True,
                "Prometheus is back",
            )
            until(stands, levels, "Prometheus is back")
            assert len(told.at("/hook")) == before, "nobody is told again what they know"
            told.page, _ = at(0)
            until(stands, {}, "all is well")
