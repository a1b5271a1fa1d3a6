"""What should fire when: levels, hold times and hysteresis followed evaluation by evaluation.

This is the specification that generated rules are held against, so it reads a signal's levels and never an
alert's expression. Values come from the recorded samples; where Prometheus 2 and 3 disagree about a sample on
the edge of a range, both are followed, and only what they agree on is expected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from capgen.blueprint import Alert, Level, Signal
from capgen.prove.sources import Recording
from capgen.prove.vectors import Labels, Value, Vector

Rows = dict[Labels, float]
"""The series of a result with their values."""


class Expected(Struct, frozen=True):
    """One alert that is pending or firing: its labels without rule labels, and the value it will print."""

    alert: Alert
    labels: Labels
    firing: bool
    value: float


Trace = tuple[list[Rows], list[Rows]]
"""The rows of each evaluation under both rules for the older end of a range: closed, then open."""


def trace(
    plan: Vector, recording: Recording, evaluations: int, reach: float, changes: Sequence[float], *, timed: bool
) -> Trace:
    """The plan's rows at each evaluation; `reach` is how far back it looks.

    Between changes of state the rows repeat, unless they are `timed` (depend on the clock).
    """
    step = recording.step
    edges = sorted(changes)
    rows: Trace = ([], [])
    for closed, found in ((True, rows[0]), (False, rows[1])):
        place = 0
        for k in range(evaluations):
            now = k * step
            while place + 1 < len(edges) and edges[place + 1] <= now:
                place += 1
            settled = now - edges[place] > reach + recording.interval + step
            if found and settled and not timed:
                found.append(found[-1])
                continue
            if not closed and reach == 0:
                found.append(rows[0][k])
                continue
            values: Sequence[Value] = plan.run(recording.at(now, closed=closed))
            found.append({labels: v for labels, v in zip(plan.labels, values, strict=True) if v is not None})
    return rows


class Rule(Struct, frozen=True):
    """One level's alert, as the signal wants it: where it begins, where it lets go."""

    alert: Alert
    threshold: float
    release: float
    above: bool
    floor: float

    def holds(self, value: float, *, firing: bool, blur: float) -> bool:
        """Whether the level is reached; `blur` moves the threshold, relative to it.

        Only values that are meant to be the threshold hit it to the last bit, and there the level has begun.
        """
        threshold = self.release if firing else self.threshold
        if value == self.threshold:
            return True
        moved = threshold + blur * max(abs(threshold), 1e-12)
        return value >= moved if self.above else value <= moved


def rules(signal: Signal, alerts: Sequence[Alert]) -> tuple[Rule, ...]:
    """The rules of a signal's levels."""
    levels: Mapping[str, Level] = {level.name: level for level in signal.levels}
    above = signal.worse == "above"
    made = []
    for alert in alerts:
        threshold = levels[alert.level].threshold
        release = threshold - signal.hysteresis if above else threshold + signal.hysteresis
        floor = signal.min_traffic if signal.traffic else 0.0
        made.append(Rule(alert, threshold, release, above, floor))
    return tuple(made)


class _Active(Struct):
    since: float
    firing: bool = False
    ended: float = math.nan
    value: float = math.nan


class _Follower(Struct):
    """The state of one rule over time, as Prometheus keeps it."""

    rule: Rule
    active: dict[Labels, _Active] = field(default_factory=dict)

    def evaluate(self, now: float, rows: Rows, traffic: Mapping[Labels, float] | None, blur: float) -> list[Expected]:
        alert = self.rule.alert
        reached = set()
        for labels, value in rows.items():
            known = self.active.get(labels)
            if not self.rule.holds(value, firing=known is not None and known.firing, blur=blur):
                continue
            if traffic is not None and not traffic.get(labels, -1.0) >= self.rule.floor:
                continue
            reached.add(labels)
            known = self.active.setdefault(labels, _Active(now))
            known.value, known.ended = value, math.nan
        for labels in [labels for labels in self.active if labels not in reached]:
            known = self.active[labels]
            if math.isnan(known.ended):
                known.ended = now
            if not known.firing or not now - known.ended < alert.keep_firing_for:
                del self.active[labels]
        for known in self.active.values():
            known.firing = known.firing or now - known.since >= alert.for_
        return [Expected(alert, labels, known.firing, known.value) for labels, known in self.active.items()]


def follow(
    found: Sequence[Rule], values: Trace, traffic: Trace | None, step: float
) -> list[tuple[tuple[Expected, ...], ...]]:
    """Pending and firing alerts at each evaluation: two readings, equal wherever nothing is in doubt."""
    readings = []
    for side, blur in ((0, 1e-9), (1, -1e-9)):
        followers = [_Follower(rule) for rule in found]
        history = []
        for k, rows in enumerate(values[side]):
            flow = traffic[side][k] if traffic is not None else None
            now = [e for f in followers for e in f.evaluate(k * step, rows, flow if f.rule.floor else None, blur)]
            history.append(tuple(now))
        readings.append(history)
    return list(zip(*readings, strict=True))
