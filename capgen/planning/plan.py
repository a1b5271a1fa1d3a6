"""The plan of one service: what its history and its declared growth say about the time to come. Pure.

Every number that is not in the spec comes from a series that was handed in; what has no history says so. "Now" is the
end of the history unless the caller says otherwise, so that the same input gives the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct

from capgen.blueprint import Ahead, Blueprint, Signal
from capgen.blueprint.planning import Planning, Volume
from capgen.diagnostics import Diagnostic
from capgen.history.series import Series
from capgen.planning.advice import Recommendation, advise
from capgen.planning.compute import NodeMonth, less, nodes_by_month
from capgen.planning.cost import CostForecast, forecast_costs, with_right_size
from capgen.planning.crossing import Reached, paths, reached
from capgen.planning.findings import judge
from capgen.planning.forecast import DAY, Forecast, TooLittle, forecast
from capgen.planning.grid import Uneven, own_step
from capgen.planning.rates import Rate, rate
from capgen.planning.replicas import Scaled, scaled_by_month, together
from capgen.planning.roadmap import RoadmapItem, due_at
from capgen.planning.sizing import WorkloadSize, freed, size_workloads
from capgen.planning.storage import VolumePlan, plan_volume

MONTHS = 12
"""How far storage is planned where neither compute nor costs say."""
PAGES = ("critical", "emergency")


class LevelOutlook(Struct, frozen=True):
    """A level of a signal, or its declared capacity, and when it is reached."""

    name: str
    severity: str
    reached: Reached
    lead: float | None = None
    """How long before it somebody is told, in seconds."""


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
    lead: float | None = None


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
    sizes: tuple[WorkloadSize, ...]
    scaled: tuple[Scaled, ...]
    """What autoscaled workloads will ask for, by replay; () where nothing is known of them."""
    ungrown: tuple[str, ...]
    """What is to grow with a signal of which there is no forecast, in words."""
    advice: tuple[Recommendation, ...]
    found: tuple[Diagnostic, ...]


def plan_service(
    service: Blueprint,
    history: Mapping[str, Series],
    now: float | None = None,
    usage: Mapping[str, Series] | None = None,
) -> ServicePlan:
    """The plan. `history` has a series for some of the service's signals, by id; `usage` for some of its containers."""
    declared = service.planning
    horizon = declared.horizon if declared else 90 * DAY
    limits = dict(declared.capacity) if declared else {}
    leads = {one.signal.id: one for group in service.groups if isinstance(one := group.ahead, Ahead)}
    outlooks = tuple(
        _outlook(signal, history.get(signal.id), horizon, limits, leads.get(signal.id)) for signal in service.signals
    )
    if now is None:
        now = max((float(series.times[-1]) for series in history.values() if len(series.times)), default=None)
    by_id = {outlook.signal.id: outlook for outlook in outlooks}
    made = {outlook.signal.id: outlook.made for outlook in outlooks if outlook.made is not None}
    rates = {name: found for name, one in made.items() if (found := rate(one)) is not None}
    sizes = size_workloads(service, usage or {}, history)
    scaled: tuple[Scaled, ...] = ()
    if declared and declared.nodes:
        scaled = scaled_by_month(service, usage or {}, history, rates, declared.nodes.months, horizon)
    nodes = nodes_by_month(declared.nodes, rates, together(scaled)) if declared and declared.nodes else ()
    months = max((declared.nodes.months if declared and declared.nodes else 0), _cost_months(declared)) or MONTHS
    volumes = (
        tuple(_volume(volume, by_id, months, leads.get(volume.signal)) for volume in declared.volumes)
        if declared
        else ()
    )
    costs = None
    if declared and declared.costs:
        costs = forecast_costs(declared.costs, rates)
        if declared.nodes:
            smaller = nodes_by_month(less(declared.nodes, freed(sizes)), rates, together(scaled))
            costs = with_right_size(costs, declared.costs, nodes, smaller)
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
        sizes=sizes,
        scaled=scaled,
        ungrown=_ungrown(declared, rates, scaled),
        advice=advise(
            declared, nodes, tuple((v.volume, v.plan) for v in volumes), costs, sizes, _basis(declared, scaled)
        ),
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


def _basis(declared: Planning | None, scaled: tuple[Scaled, ...]) -> str:
    """What the nodes were planned from."""
    if scaled:
        return f"declared use, and what {', '.join(one.workload for one in scaled)} will ask for by replay of its HPA"
    resources = declared.nodes.resources if declared and declared.nodes else ()
    measured = [resource.growth.signal for resource in resources if resource.growth.signal]
    return f"declared use, and the drift of {', '.join(measured)}" if measured else "declared use and growth"


def _ungrown(declared: Planning | None, rates: Mapping[str, Rate], scaled: tuple[Scaled, ...]) -> tuple[str, ...]:
    nodes = declared.nodes if declared else None
    return tuple(
        f"{resource.name} is to grow with {resource.growth.signal}"
        for resource in (nodes.resources if nodes and not scaled else ())
        if resource.growth.signal and resource.growth.signal not in rates
    )


def _cost_months(declared: Planning | None) -> int:
    return declared.costs.months if declared and declared.costs else 0


def _outlook(
    signal: Signal, series: Series | None, horizon: float, limits: Mapping[str, float], ahead: Ahead | None
) -> Outlook:  # fmt: skip
    if series is None or not len(series.times):
        return Outlook(signal, None, "no history", (), None)
    # An hour is fine enough for weeks ahead, and what is coarser stays as it is.
    step = max(own_step(series), 3600.0)
    try:
        made = forecast(series, horizon, step=step)
    except (TooLittle, Uneven) as error:
        return Outlook(signal, None, str(error), (), None)
    levels = [
        LevelOutlook(
            level.name,
            level.severity or "",
            reached(made, level.threshold, signal.worse),
            ahead.lead if ahead and ahead.of == "level" and ahead.full == level.threshold else None,
        )
        for level in signal.levels
        if level.severity is not None
    ]
    if signal.id in limits:
        lead = ahead.lead if ahead and ahead.of == "capacity" else None
        levels.append(LevelOutlook("capacity", "limit", reached(made, limits[signal.id], "above"), lead))
    return Outlook(signal, made, "", tuple(levels), _peaks(made, signal.worse))


def _peaks(made: Forecast, worse: str) -> tuple[float, float, float, float]:
    steps = max(1, round(7 * DAY / made.history.step))
    recent = made.history.values[-4 * steps :]
    share = 0.95 if worse == "above" else 0.05
    past = float(np.nanquantile(recent, share)) if not np.isnan(recent).all() else float(made.p50[0])
    low, middle, high = (float(np.quantile(path[-steps:], share)) for path in paths(made))
    return past, low, middle, high


def _volume(volume: Volume, outlooks: Mapping[str, Outlook], months: int, ahead: Ahead | None) -> VolumeOutlook:
    lead = ahead.lead if ahead and ahead.of == volume.name else None
    outlook = outlooks.get(volume.signal)
    made = outlook.made if outlook else None
    measured = None
    growth = volume.growth
    if outlook is not None and made is not None and volume.capacity is not None:
        full = float(volume.capacity) if outlook.signal.unit == "bytes" else 1.0
        measured = reached(made, full, "above")
    if growth is None and made is not None and (measured_rate := rate(made)) is not None:
        growth = measured_rate.expected
    if growth is None:
        reason = f"{volume.signal}: {outlook.reason}" if outlook and outlook.reason else "nothing says how it grows"
        return VolumeOutlook(volume, None, measured, reason, lead)
    return VolumeOutlook(volume, plan_volume(volume, growth, months), measured, "", lead)


def _roadmap(declared: Planning, outlooks: Mapping[str, Outlook], now: float | None) -> tuple[RoadmapItem, ...]:
    items = []
    for entry in declared.roadmap:
        outlook = outlooks.get(entry.moves)
        paging = [level.reached for level in (outlook.levels if outlook else ()) if level.severity in (*PAGES, "limit")]
        already = any(reached.already for reached in paging)
        dates = [reached.expected for reached in paging if reached.expected is not None]
        full = now if already else min(dates, default=None)
        items.append(RoadmapItem(entry, due_at(entry.quarter, now), full, already))
    return tuple(items)
