"""What a period was like, against the one before: use, time beyond each level, headroom, scaling, cost efficiency.

Periods are whole days in UTC that have ended: the last day, the last seven days, the last calendar month or quarter
before "now". What a period's forecast would have said is made again from the history up to its beginning, so that the
change since last time needs no memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from msgspec import Struct

from capgen.blueprint import Blueprint, Hpa, Signal
from capgen.history.series import Floats, Series
from capgen.planning.forecast import DAY
from capgen.planning.plan import PAGES, ServicePlan, plan_service

Kind = Literal["daily", "weekly", "monthly", "quarterly"]
KINDS: tuple[Kind, ...] = ("daily", "weekly", "monthly", "quarterly")
LONGEST: Mapping[Kind, float] = {"daily": 3 * DAY, "weekly": 15 * DAY, "monthly": 93 * DAY, "quarterly": 276 * DAY}
"""How far back a kind looks from "now": over the running period, the last and the one before."""


_SETTLED = 900.0
"""After so many seconds new replicas have started and taken their share."""


class Period(Struct, frozen=True):
    """From `begin` (included) to `end` (not), and the beginning of the one before."""

    kind: Kind
    before: float
    begin: float
    end: float


class Use(Struct, frozen=True):
    """A signal in a period. `beyond` is the share of time at a level or beyond it, by level."""

    typical: float
    peak: float
    """The 95th percentile (the 5th where less is worse)."""
    worst: float
    beyond: tuple[tuple[str, float], ...]
    measured: float
    """The share of the period that was measured."""


class SignalPeriod(Struct, frozen=True):
    """A signal in this period and in the one before; None where nothing was measured."""

    signal: Signal
    now: Use | None
    before: Use | None

    @property
    def change(self) -> float | None:
        """How much higher (lower) the peak is than before, as a share of it."""
        if self.now is None or self.before is None or self.before.peak == 0:
            return None
        return self.now.peak / self.before.peak - 1.0

    @property
    def headroom(self) -> tuple[str, float] | None:
        """The first level that pages, and how far the peak is from it, as a share of it."""
        paging = [level for level in self.signal.levels if level.severity in PAGES and level.threshold]
        if self.now is None or not paging:
            return None
        first = paging[0]
        gap = (first.threshold - self.now.peak) / first.threshold
        return first.name, gap if self.signal.worse == "above" else -gap

    @property
    def degraded(self) -> tuple[tuple[str, float, float], ...]:
        """Levels with more time beyond them than before: name, share before, share now."""
        if self.now is None or self.before is None:
            return ()
        earlier = dict(self.before.beyond)
        told = {level.name for level in self.signal.levels if level.severity is not None}
        return tuple(
            (name, earlier.get(name, 0.0), share)
            for name, share in self.now.beyond
            if name in told and share > earlier.get(name, 0.0) + 0.005
        )


class Effect(Struct, frozen=True):
    """A signal before and after replicas were added: medians over the events that both were measured at."""

    signal: Signal
    events: int
    before: float
    after: float


class Scaling(Struct, frozen=True):
    """What an autoscaler did. `reason` where there is no history of its replicas."""

    hpa: Hpa
    reason: str
    ups: int = 0
    downs: int = 0
    fewest: int = 0
    mean: float = 0.0
    most: int = 0
    at_max: float = 0.0
    effects: tuple[Effect, ...] = ()
    """Of scaling up, on signals that should fall by it: use, latency and errors."""


class Review(Struct, frozen=True):
    """A service's period: what was, what is to come, and what has changed in what is advised."""

    period: Period
    plan: ServicePlan
    earlier: ServicePlan
    signals: tuple[SignalPeriod, ...]
    scaling: tuple[Scaling, ...]
    served: tuple[tuple[str, float], ...]
    """By signal that counts something a second: its mean."""


def period_of(kind: Kind, now: float) -> Period:
    """The last period of a kind that has ended."""
    midnight = np.floor(now / DAY) * DAY
    if kind in ("daily", "weekly"):
        length = DAY if kind == "daily" else 7 * DAY
        return Period(kind, float(midnight - 2 * length), float(midnight - length), float(midnight))
    at = datetime.fromtimestamp(now, UTC)
    months = at.year * 12 + at.month - 1
    size = 1 if kind == "monthly" else 3
    end = months // size * size
    return Period(kind, _month(end - 2 * size), _month(end - size), _month(end))


def _month(count: int) -> float:
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC).timestamp()


def review(
    service: Blueprint,
    history: Mapping[str, Series],
    replicas: Mapping[str, Series],
    period: Period,
    usage: Mapping[str, Series] | None = None,
) -> Review:
    """One service's period. `replicas` is by the HPA's name, `usage` as for the plan."""
    now, then = _until(history, period.end), _until(history, period.begin)
    signals = []
    served = []
    for signal in service.signals:
        series = now.get(signal.id)
        this = use(signal, series, period.begin, period.end) if series is not None else None
        before = use(signal, series, period.before, period.begin) if series is not None else None
        signals.append(SignalPeriod(signal, this, before))
        if series is not None and this is not None and signal.unit == "per_second" and signal.ladder == "load":
            served.append((signal.id, float(np.nanmean(between(series, period.begin, period.end).values))))
    return Review(
        period=period,
        plan=plan_service(service, now, period.end, _until(usage or {}, period.end)),
        earlier=plan_service(service, then, period.begin, _until(usage or {}, period.begin)),
        signals=tuple(signals),
        scaling=tuple(_scaling(hpa, replicas.get(hpa.name), period, service.signals, now) for hpa in service.hpas),
        served=tuple(served),
    )


def _until(history: Mapping[str, Series], end: float) -> dict[str, Series]:
    return {name: between(series, -np.inf, end) for name, series in history.items()}


def between(series: Series, begin: float, end: float) -> Series:
    """The samples from `begin` (included) to `end` (not)."""
    inside = (series.times >= begin) & (series.times < end)
    return Series(series.name, series.times[inside], series.values[inside], series.notices)


def use(signal: Signal, series: Series, begin: float, end: float) -> Use | None:
    """What a signal was like; None where nothing was measured."""
    part = between(series, begin, end)
    values = part.values[~np.isnan(part.values)]
    if not len(values):
        return None
    above = signal.worse == "above"
    usual = float(np.median(np.diff(series.times))) if len(series.times) > 1 else end - begin
    return Use(
        typical=float(np.median(values)),
        peak=float(np.quantile(values, 0.95 if above else 0.05)),
        worst=float(values.max() if above else values.min()),
        beyond=tuple((level.name, _share(values, level.threshold, above=above)) for level in signal.levels),
        measured=min(1.0, len(values) * usual / (end - begin)),
    )


def _share(values: Floats, threshold: float, *, above: bool) -> float:
    return float(np.mean(values >= threshold if above else values <= threshold))


def _scaling(
    hpa: Hpa, series: Series | None, period: Period, signals: Sequence[Signal], history: Mapping[str, Series]
) -> Scaling:
    part = between(series, period.begin, period.end) if series is not None else None
    if part is None or np.isnan(part.values).all():
        return Scaling(hpa, f"no history of its replicas: ask --prometheus, or give {hpa.name}.replicas.csv")
    known = ~np.isnan(part.values)
    values = part.values[known]
    steps = np.diff(values)
    ups = part.times[known][1:][steps > 0]
    effects = (_effect(signal, history.get(signal.id), ups) for signal in signals)
    return Scaling(
        hpa=hpa,
        reason="",
        ups=int(np.count_nonzero(steps > 0)),
        downs=int(np.count_nonzero(steps < 0)),
        fewest=int(values.min()),
        mean=float(values.mean()),
        most=int(values.max()),
        at_max=float(np.mean(values >= hpa.max_replicas)),
        effects=tuple(effect for effect in effects if effect is not None),
    )


def _effect(signal: Signal, series: Series | None, ups: Floats) -> Effect | None:
    """The last value before each moment against the one an hour after it; None where a signal does not tell."""
    if series is None or not len(ups) or signal.worse != "above" or signal.unit not in ("ratio", "seconds"):
        return None
    known = ~np.isnan(series.values)
    times, values = series.times[known], series.values[known]
    if len(times) < 2:
        return None
    usual = float(np.median(np.diff(times)))
    first = np.searchsorted(times, ups, side="left") - 1
    then = np.searchsorted(times, ups + max(_SETTLED, usual), side="right") - 1
    near = (first >= 0) & (then > first)
    near &= (ups - times[np.maximum(first, 0)] <= 2 * usual) & (times[np.maximum(then, 0)] > ups)
    if not near.any():
        return None
    before, after = values[first[near]], values[then[near]]
    return Effect(signal, int(near.sum()), float(np.median(before)), float(np.median(after)))


def new_and_gone(review: Review, last: Mapping[str, str] | None = None) -> tuple[Sequence[str], Sequence[str]]:
    """Recommendations that came since the last period, and those that are no more.

    `last` is what the last report said, by the recommendations' keys; without it, what it would have said of today's spec.
    """
    now = {one.key: one.what for one in review.plan.advice}
    then = {one.key: one.what for one in review.earlier.advice} if last is None else last
    return [now[key] for key in now if key not in then], [then[key] for key in then if key not in now]
