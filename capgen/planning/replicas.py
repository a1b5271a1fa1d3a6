"""What autoscaled workloads will ask for, by month: the HPA's own algorithm over the last week's demand, grown.

Replicas are no straight function of demand (a minimum, a maximum, whole pods, a week that is not over), so the demand
is moved and not the replicas. It grows with the forecast of what the HPA looks at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from capgen.blueprint import Blueprint, Hpa
from capgen.blueprint.sizing import SizedWorkload
from capgen.history.series import Series
from capgen.planning.compute import Asked, End
from capgen.planning.forecast import TooLittle, forecast
from capgen.planning.grid import Uneven
from capgen.planning.rates import Rate, rate
from capgen.planning.sizing import RESOURCES, demand_of, replayed
from capgen.simulate.declared import autoscaler

TICKS_AN_HOUR = 240
ENDS: tuple[End, End, End] = ("low", "expected", "high")


class Scaled(Struct, frozen=True):
    """A workload's replicas at the busiest, by month: at the 10th, 50th and 90th percentile of its demand."""

    workload: str
    rate: Rate
    replicas: tuple[tuple[int, int, int], ...]
    most: int
    """The HPA's maximum: where it is reached, more is wanted than there will be."""
    pod: tuple[Decimal, Decimal]
    """Cores and bytes that a pod asks for."""


def scaled_by_month(
    service: Blueprint,
    usage: Mapping[str, Series],
    history: Mapping[str, Series],
    rates: Mapping[str, Rate],
    months: int,
    horizon: float,
) -> tuple[Scaled, ...]:
    """Those workloads whose requests are declared and of which there is a history to replay."""
    hpas = {hpa.name: hpa for hpa in service.hpas}
    found = (
        _scaled(workload, hpas[workload.hpa], usage, history, rates, months, horizon)
        for workload in service.sized
        if workload.hpa in hpas
    )
    return tuple(one for one in found if one is not None)


def together(scaled: Sequence[Scaled]) -> tuple[Mapping[End, Asked], ...]:
    """What all of them ask for, by month."""
    if not scaled:
        return ()

    def asked(month: int, end: int) -> Asked:
        return {
            resource: sum((one.replicas[month][end] * one.pod[place] for one in scaled), Decimal(0))
            for place, resource in enumerate(RESOURCES)
        }

    months = range(len(scaled[0].replicas))
    return tuple({end: asked(month, place) for place, end in enumerate(ENDS)} for month in months)


def _scaled(
    workload: SizedWorkload,
    hpa: Hpa,
    usage: Mapping[str, Series],
    history: Mapping[str, Series],
    rates: Mapping[str, Rate],
    months: int,
    horizon: float,
) -> Scaled | None:
    sums = [_sum(workload, place) for place in range(len(RESOURCES))]
    cores, size = sums
    if cores is None or size is None:
        return None
    demand, reason = demand_of(workload, hpa, usage, history, days=7)
    demand = _busiest(demand)
    grows = None if reason else _rate(workload, hpa, usage, rates, horizon)
    if grows is None:
        return None
    scaler = autoscaler(hpa)
    requests = {resource: _sum(workload, place, looked_at(hpa, resource)) for place, resource in enumerate(RESOURCES)}
    known: dict[str, Decimal] = {resource: amount for resource, amount in requests.items() if amount is not None}

    def most(factor: Decimal) -> int:
        grown = {name: values * float(factor) for name, values in demand.items()}
        return replayed(scaler, workload, known, grown).most

    replicas = []
    for month in range(months + 1):
        factors = {(1 + growth) ** month for growth in (grows.low, grows.expected, grows.high)}
        counted = {factor: most(factor) for factor in sorted(factors)}
        low, middle, high = (counted[(1 + growth) ** month] for growth in (grows.low, grows.expected, grows.high))
        replicas.append((low, middle, high))
    return Scaled(workload.name, grows, tuple(replicas), hpa.max_replicas, (cores, size))


def _busiest(demand: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Half a day before and a quarter after the highest demand of each metric: what is looked for is the most pods."""
    if not demand:
        return {}
    ticks = np.arange(len(next(iter(demand.values()))))
    near = np.zeros(len(ticks), dtype=bool)
    for values in demand.values():
        peak = int(np.argmax(np.nan_to_num(values)))
        near |= (ticks >= peak - 12 * TICKS_AN_HOUR) & (ticks < peak + 6 * TICKS_AN_HOUR)
    return {name: values[near] for name, values in demand.items()}


def looked_at(hpa: Hpa, resource: str) -> str:
    """The one container whose use of a resource the HPA looks at; "" for all of them."""
    return next((metric.container for metric in hpa.metrics if metric.name == resource and metric.container), "")


def _sum(workload: SizedWorkload, place: int, container: str = "") -> Decimal | None:
    each = [one.requests[place] for one in workload.containers if container in ("", one.name)]
    known = [amount for amount in each if amount is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(each) else None


def _rate(
    workload: SizedWorkload, hpa: Hpa, usage: Mapping[str, Series], rates: Mapping[str, Rate], horizon: float
) -> Rate | None:
    """Of the signal that the HPA looks at, else of what its pods use together."""
    measured = next((rates[metric.signal] for metric in hpa.metrics if metric.signal in rates), None)
    if measured is not None:
        return measured
    resource = next((metric.name for metric in hpa.metrics if metric.name in RESOURCES), "")
    container = looked_at(hpa, resource)
    parts = [
        usage[name]
        for one in workload.containers
        if container in ("", one.name) and (name := f"{workload.name}.{one.name}.{resource}.total") in usage
    ]
    if not parts:
        return None
    times = parts[0].times
    values = sum((np.interp(times, one.times, one.values) for one in parts[1:]), parts[0].values)
    try:
        return rate(forecast(Series(workload.name, times, values, ()), horizon, step=3600.0))
    except (TooLittle, Uneven):
        return None
