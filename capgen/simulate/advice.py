"""A search for the cheapest setting that keeps the declared bounds, and what the others would have cost.

Every candidate is replayed over the same demand, so a saving is shown and never estimated. Targets move together by a
factor, replicas at least are tried around those of today, and the most is either today's or as many as were ever
needed: between the two a smaller maximum only saves where it is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

from msgspec import Struct
from msgspec.structs import replace

from capgen.simulate.autoscaler import Autoscaler, Behavior, Metric, Policy, Rules
from capgen.simulate.bounds import Bound, bounds
from capgen.simulate.proposals import MOST_REPLICAS
from capgen.simulate.result import Summary

FACTORS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3)
_WORTHWHILE = 0.99
"""A setting that saves less than a hundredth is no reason to change one that works."""
_STEP = 0.9
"""The next setting of the curve has to take away a tenth of the time above target."""
ROOM = 10
"""How many times as many replicas as today are taken for "as many as it wants"."""
_QUICK = Behavior(
    up=Rules(0, (Policy("Percent", 100, 15), Policy("Pods", 10, 15))), down=Rules(600, (Policy("Percent", 50, 60),))
)


class Candidate(Struct, frozen=True):
    """A setting with what its replay gave and which of the bounds it keeps."""

    hpa: Autoscaler
    factor: float
    behavior: str
    summary: Summary
    kept: bool

    @property
    def cost(self) -> tuple[float, float]:
        """What is made small: pod-hours, and at equal pod-hours the changes."""
        return self.summary.pod_hours, self.summary.events


class Advice(Struct, frozen=True):
    """The cheapest setting that keeps every bound (None when none does), today's, and the trade-off between cost and
    time above target: each of `curve` costs more than the one before it and is above target for less."""

    best: Candidate | None
    today: Candidate
    curve: tuple[Candidate, ...]
    tried: int


def runs(hpa: Autoscaler) -> int:
    """How many replays a search takes at least."""
    return 1 + len(FACTORS) * len(_minimums(hpa)) * len(list(_behaviors(hpa)))


def advise(hpa: Autoscaler, declared: Mapping[str, str], replayed: Callable[[Autoscaler], Summary]) -> Advice:
    """Searches around today's setting. `replayed` gives the summary of a setting, held against today's targets."""
    wanted = tuple(bounds(declared))
    today = _candidate(hpa, 1.0, "as it is", replayed(hpa), wanted)
    tried = [today]
    for factor, minimum, (name, behavior) in product(FACTORS, _minimums(hpa), _behaviors(hpa)):
        roomy = replace(
            hpa, minimum=minimum, maximum=min(hpa.maximum * ROOM, MOST_REPLICAS), behavior=behavior,
            metrics=tuple(_scaled(metric, factor) for metric in hpa.metrics),
        )  # fmt: skip
        summary = replayed(roomy)
        # A maximum that is never reached changes nothing; one pod above the highest need is such a one.
        fitting = replace(roomy, maximum=max(summary.most + 1, minimum))
        tried.append(_candidate(fitting, factor, name, summary, wanted))
        if summary.most > hpa.maximum >= minimum:
            capped = replace(roomy, maximum=hpa.maximum)
            tried.append(_candidate(capped, factor, name, replayed(capped), wanted))
    keeping = [candidate for candidate in tried if candidate.kept]
    best = min(keeping, key=lambda candidate: candidate.cost) if keeping else None
    if best and today.kept and best.summary.pod_hours > _WORTHWHILE * today.summary.pod_hours:
        best = today
    return Advice(best, today, tuple(_frontier(tried)), len(tried))


def _candidate(hpa: Autoscaler, factor: float, name: str, summary: Summary, wanted: Sequence[Bound]) -> Candidate:
    return Candidate(hpa, factor, name, summary, all(bound.holds(summary) for bound in wanted))


def _scaled(metric: Metric, factor: float) -> Metric:
    return replace(metric, target=max(1, round(metric.target * factor)))


def _minimums(hpa: Autoscaler) -> list[int]:
    return sorted({max(hpa.minimum // 2, 1), hpa.minimum, hpa.minimum + 1} if hpa.minimum else {0})


def _behaviors(hpa: Autoscaler) -> Iterator[tuple[str, Behavior | None]]:
    yield "as it is", hpa.behavior
    yield "up at once, down 50 % a minute after 10 minutes", _QUICK


def _frontier(tried: Sequence[Candidate]) -> Iterator[Candidate]:
    least = float("inf")
    for candidate in sorted(tried, key=lambda c: (*c.cost, _pressure(c))):
        if _pressure(candidate) < _STEP * least:
            least = _pressure(candidate)
            yield candidate


def _pressure(candidate: Candidate) -> float:
    """How long pods had to take more than today's target."""
    return max(candidate.summary.above_target.values(), default=candidate.summary.at_max)
