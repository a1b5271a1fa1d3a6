"""What a replay means for people: time at the limits, changes, pod-hours, demand that did not fit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from capgen.diagnostics import Diagnostic
from capgen.simulate.autoscaler import Autoscaler, Metric
from capgen.simulate.pods import SECOND, Model
from capgen.simulate.replay import Replay
from capgen.simulate.settled import sliding

FLAPPING = 600
"""A change that turns back the one before within so many seconds is flapping."""


class Summary(Struct, frozen=True):
    """Seconds, unless the name says something else; shares of time are what the replay covers from its start."""

    duration: float
    least: int
    mean: float
    most: int
    events: int
    flapping: int
    at_max: float
    above_target: Mapping[str, float]
    """By metric: how long the ready pods had to take more than the target each."""
    above_limit: Mapping[str, float]
    """By resource: how long they had to take more than a pod may use."""
    pod_hours: float
    """With the surge of rollouts."""
    money: Decimal | None

    @property
    def events_a_day(self) -> float:
        """Changes of the number of replicas in a day."""
        return self.events / self.duration * 86400 if self.duration else 0.0


class Simulation(Struct, frozen=True):
    """A replay with what went into it, what it means, and what there is to say of its input."""

    hpa: Autoscaler
    model: Model
    replay: Replay
    summary: Summary
    diagnostics: tuple[Diagnostic, ...]


class Comparison(Struct, frozen=True):
    """One workload of a spec: what its autoscaler would have done, and what the one before it did."""

    service: str
    workload: str
    after: Simulation
    before: Simulation | None
    """None where it was the same before, or nothing is known of it."""
    price: str = ""
    """What a pod costs, in words; "" where nothing says."""
    ahead: tuple[tuple[str, Simulation], ...] = ()
    """Replays over forecast demand, by its percentile; () where none was asked for."""
    demand: str = ""
    """Where the demand is from, in words; "" for a file that somebody named."""
    alone: bool = False
    """Whether there was none before, or nothing is known of it."""


def summarise(
    hpa: Autoscaler,
    model: Model,
    demand: Mapping[str, NDArray[np.float64]],
    replayed: Replay,
    *,
    limits: Mapping[str, int],
    pod_hour: Decimal | None = None,
) -> Summary:
    """The replay in numbers. `limits` are what one pod may use, in thousandths."""
    # What holds during the sync period before each tick: a change at a tick counts from then on.
    during = np.concatenate([[model.initial], replayed.replicas[:-1]]) if len(replayed.replicas) else np.zeros(0, int)
    seconds = model.sync / SECOND
    ready, running = _ready(model, during, replayed), during
    if replayed.rolled:
        running = during.copy()
        at, pods, _ = np.array(replayed.rolled).T
        running[at] = pods
    pod_hours = float(running.sum()) * seconds / 3600
    return Summary(
        duration=len(during) * seconds,
        least=int(during.min(initial=model.initial)),
        mean=float(during.mean()) if len(during) else float(model.initial),
        most=int(during.max(initial=0)),
        events=len(replayed.events),
        flapping=_flapping(model, replayed),
        at_max=float((during >= hpa.maximum).sum()) * seconds,
        above_target={
            str(metric): float((demand[metric.name] > amount * _share(metric, ready)).sum()) * seconds
            for metric in hpa.metrics
            if metric.name in demand and (amount := _target(metric, model)) is not None
        },
        above_limit={
            name: float((demand[name] > limit / 1000 * ready).sum()) * seconds
            for name, limit in limits.items()
            if name in demand
        },
        pod_hours=pod_hours,
        money=None if pod_hour is None else (pod_hour * Decimal(repr(pod_hours))).quantize(Decimal("0.01")),
    )


def _ready(model: Model, during: NDArray[np.int64], replayed: Replay) -> NDArray[np.int64]:
    """How many pods are ready before each tick: the newest go first, so those that have been there long enough."""
    if model.rollouts is not None:
        ready = during.copy()
        for tick, _, count in replayed.rolled:
            ready[tick] = count
        return ready
    start_up = max(model.ticks(model.ready_after) - 1, 0)
    padded = np.concatenate([np.full(start_up, model.initial), during])
    return sliding(padded, start_up, np.minimum)[start_up:]


def _share(metric: Metric, ready: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.ones_like(ready) if metric.target_type == "Value" else ready


def _target(metric: Metric, model: Model) -> float | None:
    if metric.target_type != "Utilization":
        return metric.target / 1000
    request = model.requests.get(metric.name)
    return None if request is None else request * metric.target / 100 / 1000


def _flapping(model: Model, replayed: Replay) -> int:
    changes = np.diff(replayed.replicas, prepend=np.int32(model.initial))
    ticks = np.flatnonzero(changes)
    rises = changes[ticks] > 0
    return int(((rises[1:] != rises[:-1]) & (np.diff(ticks) <= FLAPPING * SECOND // replayed.sync)).sum())
