"""The plan of one service: what its history and its declared growth say about the time to come. Pure.

Every number that is not in the spec comes from a series that was handed in; what has no history says so. "Now" is the
end of the history unless the caller says otherwise, so that the same input gives the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from msgspec import Struct

from capgen.blueprint import Blueprint, Signal
from capgen.blueprint.planning import Planning, Volume
from capgen.diagnostics import Diagnostic
from capgen.history.series import Series
from capgen.planning.advice import Recommendation, advise
from capgen.planning.compute import NodeMonth, nodes_by_month
from capgen.planning.cost import CostForecast, forecast_costs
from capgen.planning.crossing import Reached, paths, reached
from capgen.planning.findings import judge
from capgen.planning.forecast import DAY, Forecast, TooLittle, forecast
from capgen.planning.grid import Uneven, own_step
from capgen.planning.roadmap import RoadmapItem, due_at
from capgen.planning.storage import VolumePlan, plan_volume

MONTH = 365.25 / 12 * DAY
MONTHS = 12
"""How far storage is planned where neither compute nor costs say."""
PAGES = ("critical", "emergency")


class LevelOutlook(Struct, frozen=True):
    """A level of a signal, or its declared capacity, and when it is reached."""

    name: str
    severity: str
    reached: Reached


class Outlook(Struct, frozen=True, eq=False):
    """One signal. `made` is None where there is no forecast, and `reason` says why."""

    signal: Signal
    made: Forecast | None
    reason: str
    levels: tuple[LevelOutlook, ...]
    peaks: tuple[float, float, float, float] | None
    """The busiest hour (95th percentile) of the last four weeks, and of the horizon's end: 10th, 50th, 90th percentile."""


class VolumeOutlook(Struct, frozen=True):
    """One volume: by declared growth, by its signal's history, or the reason why neither."""

    volume: Volume
    plan: VolumePlan | None
    measured: Reached | None
    reason: str


class ServicePlan(Struct, frozen=True):
    """The whole plan of one service in one environment."""

    service: str
    title: str
    environment: str
    now: float | None
    horizon: float
    outlooks: tuple[Outlook, ...]
    declared: Planning | None
    nodes: tuple[NodeMonth, ...]
    volumes: tuple[VolumeOutlook, ...]
    costs: CostForecast | None
    roadmap: tuple[RoadmapItem, ...]
    advice: tuple[Recommendation, ...]
    found: tuple[Diagnostic, ...]


def plan_service(service: Blueprint, history: Mapping[str, Series], now: float | None = None) -> ServicePlan:
    """The plan. `history` has a series for some of the service's signals, by id."""
    declared = service.planning
    horizon = declared.horizon if declared else 90 * DAY
    limits = dict(declared.capacity) if declared else {}
    outlooks = tuple(_outlook(signal, history.get(signal.id), horizon, limits) for signal in service.signals)
    if now is None:
        now = max((float(series.times[-1]) for series in history.values() if len(series.times)), default=None)
    by_id = {outlook.signal.id: outlook for outlook in outlooks}
    nodes = nodes_by_month(declared.nodes) if declared and declared.nodes else ()
    months = max((declared.nodes.months if declared and declared.nodes else 0), _cost_months(declared)) or MONTHS
    volumes = tuple(_volume(volume, by_id, months) for volume in declared.volumes) if declared else ()
    costs = forecast_costs(declared.costs) if declared and declared.costs else None
    roadmap = _roadmap(declared, by_id, now) if declared else ()
    return ServicePlan(
        service=service.name,
        title=service.title,
        environment=service.environment,
        now=now,
        horizon=horizon,
        outlooks=outlooks,
        declared=declared,
        nodes=nodes,
        volumes=volumes,
        costs=costs,
        roadmap=roadmap,
        advice=advise(declared, nodes, tuple((v.volume, v.plan) for v in volumes), costs),
        found=judge(
            declared,
            levels=tuple(
                (outlook.signal, level.name, level.severity, level.reached)
                for outlook in outlooks
                for level in outlook.levels
            ),
            volumes=tuple((v.volume, v.plan, v.measured) for v in volumes),
            costs=costs,
            roadmap=roadmap,
        ),
    )


def _cost_months(declared: Planning | None) -> int:
    return declared.costs.months if declared and declared.costs else 0


def _outlook(signal: Signal, series: Series | None, horizon: float, limits: Mapping[str, float]) -> Outlook:
    if series is None or not len(series.times):
        return Outlook(signal, None, "no history", (), None)
    # An hour is fine enough for weeks ahead, and what is coarser stays as it is.
    step = max(own_step(series), 3600.0)
    try:
        made = forecast(series, horizon, step=step)
    except (TooLittle, Uneven) as error:
        return Outlook(signal, None, str(error), (), None)
    levels = [
        LevelOutlook(level.name, level.severity or "", reached(made, level.threshold, signal.worse))
        for level in signal.levels
        if level.severity is not None
    ]
    if signal.id in limits:
        levels.append(LevelOutlook("capacity", "limit", reached(made, limits[signal.id], "above")))
    return Outlook(signal, made, "", tuple(levels), _peaks(made, signal.worse))


def _peaks(made: Forecast, worse: str) -> tuple[float, float, float, float]:
    steps = max(1, round(7 * DAY / made.history.step))
    recent = made.history.values[-4 * steps :]
    share = 0.95 if worse == "above" else 0.05
    past = float(np.nanquantile(recent, share)) if not np.isnan(recent).all() else float(made.p50[0])
    low, middle, high = (float(np.quantile(path[-steps:], share)) for path in paths(made))
    return past, low, middle, high


def _volume(volume: Volume, outlooks: Mapping[str, Outlook], months: int) -> VolumeOutlook:
    outlook = outlooks.get(volume.signal)
    made = outlook.made if outlook else None
    measured = None
    growth = volume.growth
    if outlook is not None and made is not None and volume.capacity is not None:
        full = float(volume.capacity) if outlook.signal.unit == "bytes" else 1.0
        measured = reached(made, full, "above")
    if growth is None and made is not None:
        growth = _monthly(made)
    if growth is None:
        reason = f"{volume.signal}: {outlook.reason}" if outlook and outlook.reason else "nothing says how it grows"
        return VolumeOutlook(volume, None, measured, reason)
    return VolumeOutlook(volume, plan_volume(volume, growth, months), measured, "")


def _monthly(made: Forecast) -> Decimal | None:
    """The growth a month that the forecast's end means, to a tenth of a percent."""
    _, middle, _ = paths(made)
    steps = max(1, round(7 * DAY / made.history.step))
    begin, end = float(np.median(middle[:steps])), float(np.median(middle[-steps:]))
    span = max(1, len(middle) - steps) * made.history.step / MONTH
    if begin <= 0 or end <= 0 or span < 0.2:
        return None
    return Decimal(f"{(end / begin) ** (1 / span) - 1:.3f}")


def _roadmap(declared: Planning, outlooks: Mapping[str, Outlook], now: float | None) -> tuple[RoadmapItem, ...]:
    items = []
    for entry in declared.roadmap:
        outlook = outlooks.get(entry.moves)
        dates = [
            level.reached.expected
            for level in (outlook.levels if outlook else ())
            if level.severity in (*PAGES, "limit") and level.reached.expected is not None
        ]
        items.append(RoadmapItem(entry, due_at(entry.quarter, now), min(dates, default=None)))
    return tuple(items)
