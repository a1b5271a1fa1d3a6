"""The back-test and Prometheus' own rule engine say the same of generated rules, evaluation for evaluation.

The rules are those that specs compile to; the history is random, with gaps, stale markers, restarts and traffic that comes
and goes. Compared are all samples of ALERTS and ALERTS_FOR_STATE. The back-test gets only what range queries give, and none
of the records, as for a spec that has no history yet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import yaml
from compile.service import service
from harness.binaries import component
from harness.rules import Answer, RuleEngine, Samples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from capgen.blueprint import Blueprint
from capgen.history.matrix import Clock, Labels
from capgen.render.rules import rules_of
from capgen.simulate.alerts.questions import queries, watched
from capgen.simulate.alerts.states import follow

STEP = 15_000
START = 1_790_000_000_000 // STEP * STEP + 4_217
"""Off the grid of the interval, as a group's evaluations are."""
EXAMPLES = int(os.environ.get("CAPGEN_EXAMPLES", "25"))
UNUSED = dict.fromkeys(("app.latency", "app.latency_p99", "app.latency_mean", "app.throughput", "app.concurrency"))
"""Signals of the catalogue that nothing is scraped of here: each costs the rule engine as much as the others."""
AlertSamples = dict[Labels, dict[int, float]]


@pytest.fixture(scope="module")
def engine() -> Iterator[RuleEngine]:
    with RuleEngine(component("rule-engine") / "rules") as running:
        yield running


def shop(backlog: Mapping[str, Any], idle: Mapping[str, Any]) -> Blueprint:
    """A service with levels above and below, the catalogue's ratio with its traffic, and alerts on what is absent."""
    own: dict[str, Any] = {"source": "app", "unit": "short", "ladder": "utilisation"}
    signals = {
        "app.backlog": {
            **own, "title": "Backlog", "expr": "max by (queue) (queue_depth{$selector})",
            "levels": {"warning": 10, "critical": 20, "emergency": 30}, **backlog,
        },
        "app.idle": {
            **own, "title": "Idle", "expr": "max by (queue) (queue_idle{$selector})", "worse": "below",
            "levels": {"warning": 20, "critical": 10, "emergency": 5}, **idle,
        },
        "app.errors": {"for": "1m", "keep_firing_for": "45s"}, **UNUSED,
    }  # fmt: skip
    metadata = {"name": "shop", "owner": "web", "labels": {"tier": "{{ gold"}}
    sources = {"app": {"exporter": "http", "job": "shop-app", "targets": ["a:80"]}}
    return service(yaml.safe_dump({"metadata": metadata, "sources": sources, "signals": signals}))


DURATIONS = st.sampled_from(["0s", "10s", "15s", "16s", "30s", "1m", "100s", "5m"])
HOLDING = {"for": DURATIONS, "keep_firing_for": DURATIONS}


def gauge(chance: np.random.Generator, ticks: int, every: int, level: float = 1.0, start: int = START) -> Samples:
    """A gauge that stands at levels' thresholds and between, goes missing for a while, or is marked stale."""
    samples: list[tuple[float, float | None]] = []
    at, end = start - 600_000 + int(chance.integers(0, every)), start + ticks * STEP
    while at < end:
        length = int(chance.choice([1, 2, 3, 5, 9, 25]))
        value = float(chance.choice([0.0, 3.0, 5.0, 8.5, 10.0, 11.0, 19.0, 20.0, 21.5, 30.0, 44.0])) * level
        match chance.choice(["value", "value", "value", "gap", "stale"]):
            case "value":
                samples += [(at + n * every, value) for n in range(length)]
            case "stale":
                samples.append((at, None))
        at += length * every
    return samples


def counter(chance: np.random.Generator, ticks: int, start: int = START) -> Samples:
    """A counter that runs, stands still, is reset, or is not scraped."""
    samples: list[tuple[float, float | None]] = []
    at, total = start - 600_000, 0.0
    while at < start + ticks * STEP:
        length, rate = int(chance.integers(1, 40)), float(chance.choice([0, 0, 1, 10, 100]))
        kind = chance.choice(["run", "run", "run", "gap", "reset"])
        total = 0.0 if kind == "reset" else total
        for n in range(length):
            total += rate
            if kind != "gap":
                samples.append((at + n * STEP, total))
        at += length * STEP
    return samples


def history(seed: int, ticks: int, start: int = START) -> dict[Labels, Samples]:
    """What a Prometheus has scraped of the service."""
    chance = np.random.default_rng(seed)

    def labels(metric: str, **more: str) -> Labels:
        return tuple(sorted({"__name__": metric, "job": "shop-app", "instance": "a:80", **more}.items()))

    found = {labels("up"): gauge(chance, ticks, STEP, float(chance.integers(0, 2)), start)}
    for queue in ("a", "b", "c")[: int(chance.integers(1, 4))]:
        for metric in ("queue_depth", "queue_idle"):
            found[labels(metric, queue=queue)] = gauge(chance, ticks, int(chance.choice([15_000, 60_000])), start=start)
    for code in ("200", "500")[: int(chance.integers(0, 3))]:
        found[labels("http_requests_total", code=code)] = counter(chance, ticks, start)
    return found


def alerts(service_: Blueprint, answer: Answer, clock: Clock) -> AlertSamples:
    """ALERTS and ALERTS_FOR_STATE as the back-test has them: values by time, by labels."""
    found: AlertSamples = {}
    followed = watched(service_)
    asked = dict(zip(queries(followed), answer.matrices, strict=True))
    for one in followed:
        for labels, periods in follow(one, asked[one.question], clock).items():
            for period in periods:
                for tick in range(period.since, period.until):
                    state = "firing" if period.fired is not None and tick >= period.fired else "pending"
                    named = {**dict(labels), "__name__": "ALERTS", "alertstate": state}
                    found.setdefault(tuple(sorted(named.items())), {})[clock.at(tick)] = 1.0
                    named = {**dict(labels), "__name__": "ALERTS_FOR_STATE"}
                    since = clock.at(period.since) // 1000
                    found.setdefault(tuple(sorted(named.items())), {})[clock.at(tick)] = float(since)
    return found


def written(answer: Answer) -> AlertSamples:
    """The same as Prometheus wrote them."""
    return {
        labels: dict(zip(times, values, strict=True))
        for labels, (times, values) in answer.written.items()
        if dict(labels)["__name__"].startswith("ALERTS") and times
    }


def differences(ours: AlertSamples, theirs: AlertSamples) -> list[tuple[Labels, int, float | None, float | None]]:
    """Where the two differ: labels, time, what we say and what Prometheus does; the first few."""
    return [
        (labels, at, ours.get(labels, {}).get(at), theirs.get(labels, {}).get(at))
        for labels in sorted({*ours, *theirs})
        for at in sorted({*ours.get(labels, {}), *theirs.get(labels, {})})
        if ours.get(labels, {}).get(at) != theirs.get(labels, {}).get(at)
    ][:10]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.generate,),
)
@given(
    st.fixed_dictionaries(HOLDING, optional={"hysteresis": st.sampled_from([1, 2, 5])}),
    st.fixed_dictionaries(HOLDING, optional={
        "hysteresis": st.sampled_from([1, 2]),
        "traffic": st.just("max by (queue) (queue_depth{$selector})"), "min_traffic": st.sampled_from([5, 10]),
    }),
    st.integers(0, 10**9),
)  # fmt: skip
def test_every_sample_of_alerts(engine: RuleEngine, backlog: Any, idle: Any, seed: int) -> None:
    compiled = shop(backlog, idle)
    clock = Clock(START, STEP, 120)
    answer = engine.ask(
        history(seed, 120), clock, rules=rules_of(compiled), queries=list(queries(watched(compiled)).values())
    )
    assert not answer.errors
    assert differences(alerts(compiled, answer, clock), written(answer)) == []
