"""Right-sizing: what each container should ask for and may use, by two rules, and with the HPA that divides by it.

By percentile: CPU is asked for at the 95th percentile of the busiest pod and not limited, memory is asked for and limited
at the most that was used and 15 % more. Beside it stands what Kubernetes' VPA would say of the same history. Fewer than
a hundred samples say nothing.

Where an HPA holds use at a share of the request, the request is half of a setting: changed alone, it moves the target
that pods are held at, and with it how many there are. So request and target are advised together, and both are
replayed by the controller's algorithm over the same demand: as it is, together, and the request alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from capgen.blueprint import Blueprint, Hpa
from capgen.blueprint.sizing import SizedContainer, SizedWorkload
from capgen.history.series import Series
from capgen.planning.forecast import DAY
from capgen.simulate.autoscaler import Autoscaler, Metric
from capgen.simulate.declared import autoscaler
from capgen.simulate.pods import SECOND, Model
from capgen.simulate.replay import replay
from capgen.simulate.result import Summary, summarise
from capgen.vpa import DAY as VPA_DAY
from capgen.vpa import MemoryPeaks, Usage, recommend

Resource = Literal["cpu", "memory"]
RESOURCES: tuple[Resource, Resource] = ("cpu", "memory")
WINDOW, VPA_WINDOW = 14 * DAY, 8 * VPA_DAY
LEAST_SAMPLES = 100
PERCENTILE, MORE = 0.95, Decimal("1.15")
STEPS: Mapping[Resource, Decimal] = {"cpu": Decimal("0.01"), "memory": Decimal(16 << 20)}
"""To what requests are rounded up: 10m and 16Mi; no less is asked for."""
CHANGE = Decimal("0.1")
"""What is off by less is left alone, as the VPA's updater leaves it."""
ROOM = Decimal("0.9")
"""The highest target that is advised: above, a pod is full before the next one is ready."""
AT_LIMIT = Decimal("0.95")


class Size(Struct, frozen=True):
    """One resource of one container, in cores or bytes. `reason` says why there is no advice."""

    container: str
    resource: Resource
    requested: Decimal | None
    limited: Decimal | None
    samples: int
    used: Decimal | None
    """The 95th percentile of CPU, the most of memory."""
    percentile: Decimal | None
    """What to ask for by percentile."""
    higher: Decimal | None
    """What it would be at the 99th percentile (CPU)."""
    vpa: Decimal | None
    """What the VPA would ask for."""
    reason: str = ""
    censored: bool = False
    """Whether use was at the limit, so that more may have been wanted."""

    @property
    def off(self) -> bool:
        """Whether what is asked for is worth changing."""
        if self.percentile is None or self.censored:
            return False
        return self.requested is None or abs(self.percentile - self.requested) >= CHANGE * self.requested


class Joint(Struct, frozen=True):
    """Request and target of what an HPA holds, together: as it is, as advised, and with the new request alone."""

    metric: str
    resource: Resource
    request: Decimal
    target: int
    advised_request: Decimal
    advised_target: int
    today: Summary
    together: Summary
    alone: Summary
    days: float

    @property
    def off(self) -> bool:
        """Whether it is worth changing."""
        return abs(self.advised_request - self.request) >= CHANGE * self.request

    @property
    def saved(self) -> Decimal:
        """Cores (bytes) that are no longer asked for, on average over the replay."""
        before, after = (Decimal(repr(round(s.mean, 6))) for s in (self.today, self.together))
        return self.request * before - self.advised_request * after


class WorkloadSize(Struct, frozen=True):
    """A workload's sizes. `joint` stands where an HPA holds a resource, and `unjoint` says why there is none."""

    workload: SizedWorkload
    sizes: tuple[Size, ...]
    joint: Joint | None
    unjoint: str
    replicas: Decimal | None
    """How many pods there are on average: declared, or of the replay."""


def size_workloads(
    service: Blueprint, usage: Mapping[str, Series], history: Mapping[str, Series]
) -> tuple[WorkloadSize, ...]:
    """The advice for each workload. `usage` is as `api.measured.usage` names it, `history` is of signals by id."""
    hpas = {hpa.name: hpa for hpa in service.hpas}
    return tuple(_workload(one, hpas.get(one.hpa), usage, history) for one in service.sized)


def _workload(
    workload: SizedWorkload, hpa: Hpa | None, usage: Mapping[str, Series], history: Mapping[str, Series]
) -> WorkloadSize:
    sizes = tuple(
        _size(workload, container, place, usage) for container in workload.containers for place in (0, 1)
    )  # fmt: skip
    joint, reason = _joint(workload, hpa, sizes, usage, history) if hpa is not None else (None, "")
    replicas = None if workload.replicas is None else Decimal(workload.replicas)
    if joint is not None:
        replicas = Decimal(repr(round(joint.today.mean, 6)))
    return WorkloadSize(workload, sizes, joint, reason, replicas)


def _size(workload: SizedWorkload, container: SizedContainer, place: int, usage: Mapping[str, Series]) -> Size:
    resource = RESOURCES[place]
    requested, limited = container.requests[place], container.limits[place]
    series = usage.get(f"{workload.name}.{container.name}.{resource}")
    times, values = _recent(series, WINDOW)
    size = Size(container.name, resource, requested, limited, len(values), None, None, None, None)
    if len(values) < LEAST_SAMPLES:
        what = "no history" if not len(values) else f"only {len(values)} samples, and {LEAST_SAMPLES} are needed"
        return replace(size, reason=what)
    used = _exact(float(np.quantile(values, PERCENTILE) if resource == "cpu" else values.max()))
    return replace(
        size,
        used=used,
        percentile=rounded_up(used if resource == "cpu" else used * MORE, resource),
        higher=rounded_up(_exact(float(np.quantile(values, 0.99))), resource) if resource == "cpu" else None,
        vpa=_of_vpa(resource, times, values, len(workload.containers)),
        censored=limited is not None and limited > 0 and _exact(float(values.max())) >= AT_LIMIT * limited,
    )


def _recent(series: Series | None, window: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if series is None or not len(series.times):
        return np.zeros(0), np.zeros(0)
    kept = (series.times > series.times[-1] - window) & np.isfinite(series.values) & (series.values >= 0)
    return series.times[kept], series.values[kept]


def _of_vpa(resource: Resource, times: NDArray[np.float64], values: NDArray[np.float64], containers: int) -> Decimal:
    used = Usage()
    peaks = MemoryPeaks(used)
    for at, value in zip(times, values, strict=True):
        if at <= times[-1] - VPA_WINDOW:
            continue
        if resource == "cpu":
            used.add_cpu(float(value), float(at))
        else:
            peaks.add(float(value), float(at))
    target = recommend(used, containers=containers).target
    return Decimal(target.cpu) / 1000 if resource == "cpu" else Decimal(target.memory)


def _exact(value: float) -> Decimal:
    return Decimal(f"{value:.9g}")


def rounded_up(amount: Decimal, resource: Resource) -> Decimal:
    """To the next step of the resource, and at least one."""
    step = STEPS[resource]
    return max((amount / step).to_integral_value(ROUND_CEILING), Decimal(1)) * step


# --- with the HPA -------------------------------------------------------------------------------------------------


def _joint(
    workload: SizedWorkload,
    hpa: Hpa,
    sizes: tuple[Size, ...],
    usage: Mapping[str, Series],
    history: Mapping[str, Series],
) -> tuple[Joint | None, str]:
    held = [m for m in autoscaler(hpa).metrics if m.target_type == "Utilization" and m.name in RESOURCES]
    if not held:
        return None, "its HPA holds no share of a request, so requests do not move replicas"
    if len(held) > 1:
        return None, "its HPA holds shares of two requests, and they cannot be moved one by one"
    metric = held[0]
    resource: Resource = "cpu" if metric.name == "cpu" else "memory"
    looked_at = [c for c in workload.containers if metric.container in ("", c.name)]
    needed = [s for s in sizes if s.resource == resource and s.container in {c.name for c in looked_at}]
    if any(size.requested is None for size in needed):
        return None, f"not every container that its HPA looks at has a request for {resource}"
    if missing := next((size for size in needed if size.percentile is None), None):
        return None, f"{missing.container}: {missing.reason}"
    if full := next((size for size in needed if size.censored), None):
        return None, f"{full.container} used all that it may, so what it needs is not known"
    demand, reason = demand_of(workload, hpa, usage, history, days=14)
    if reason:
        return None, reason
    request = sum((size.requested or Decimal(0) for size in needed), Decimal(0))
    wanted = sum((size.percentile or Decimal(0) for size in needed), Decimal(0))
    # What a pod is held at stays what it is, so that there are as many pods as before.
    level = request * metric.target / 100
    advised = rounded_up(max(wanted, level / ROOM), resource)
    target = max(1, int((level / advised * 100).to_integral_value()))
    scaler = autoscaler(hpa)
    today, together, alone = (
        replayed(_held_at(scaler, metric, share), workload, {resource: of_pod}, demand)
        for of_pod, share in ((request, metric.target), (advised, target), (advised, metric.target))
    )
    days = today.duration / DAY
    return Joint(str(metric), resource, request, metric.target, advised, target, today, together, alone, days), ""


def _held_at(scaler: Autoscaler, metric: Metric, share: int) -> Autoscaler:
    metrics = tuple(replace(one, target=share) if one == metric else one for one in scaler.metrics)
    return replace(scaler, metrics=metrics)


def replayed(
    scaler: Autoscaler,
    workload: SizedWorkload,
    requests: Mapping[str, Decimal],
    demand: Mapping[str, NDArray[np.float64]],
) -> Summary:
    """What the controller would have done. `requests` are of what the HPA looks at in a pod."""
    # From where it would have settled: else the first minutes tell of the start and not of the setting.
    of_pod = {resource: int(amount * 1000) for resource, amount in requests.items()}
    first = Model(max(scaler.minimum, 1), round(workload.ready_after * SECOND), of_pod)
    begin = {name: np.full(240, values[0]) for name, values in demand.items()}
    settled = replay(scaler, first, begin).replicas
    model = replace(first, initial=int(settled[-1])) if len(settled) else first
    return summarise(scaler, model, demand, replay(scaler, model, demand), limits={})


def demand_of(
    workload: SizedWorkload, hpa: Hpa, usage: Mapping[str, Series], history: Mapping[str, Series], *, days: int
) -> tuple[dict[str, NDArray[np.float64]], str]:
    """What all pods together used or were asked for, by the HPA's metrics, at each tick; or why that is not known."""
    of_signals = {m.name: m.signal for m in hpa.metrics if m.signal}
    parts: dict[str, list[Series]] = {}
    for metric in autoscaler(hpa).metrics:
        if metric.name in RESOURCES and metric.kind in ("Resource", "ContainerResource"):
            containers = [c.name for c in workload.containers if metric.container in ("", c.name)]
            names = [f"{workload.name}.{container}.{metric.name}.total" for container in containers]
            if missing := next((name for name in names if name not in usage or not len(usage[name].times)), None):
                return {}, f"no history of what all pods use together ({missing})"
            parts[metric.name] = [usage[name] for name in names]
        elif (signal := of_signals.get(metric.name, "")) in history and len(history[signal].times):
            parts[metric.name] = [history[signal]]
        else:
            return {}, f"no history of {signal or metric}, which its HPA looks at"
    step = 15.0
    end = min(float(one.times[-1]) for series in parts.values() for one in series)
    begin = max(end - days * DAY, max(float(one.times[0]) for series in parts.values() for one in series))
    ticks = np.arange(begin, end, step)
    if len(ticks) < DAY / step:
        return {}, "less than a day of what its HPA looks at"
    return {
        name: sum((_held(one, ticks) for one in series), np.zeros(len(ticks))) for name, series in parts.items()
    }, ""


def _held(series: Series, ticks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each sample until the next; the gaps of a history are gaps of the metric."""
    place = np.searchsorted(series.times, ticks, side="right") - 1
    usual = float(np.median(np.diff(series.times))) if len(series.times) > 1 else 3600.0
    return np.where(ticks - series.times[place] <= 2 * usual, series.values[place], np.nan)


def freed(sizes: tuple[WorkloadSize, ...]) -> tuple[Decimal, Decimal]:
    """Cores and bytes that are no longer asked for when all advice is followed; negative where more has to be."""
    amounts = [Decimal(0), Decimal(0)]
    for one in sizes:
        if one.joint is not None and one.joint.off:
            amounts[RESOURCES.index(one.joint.resource)] += one.joint.saved
    for one, size in advised(sizes):
        if size.requested is not None and size.percentile is not None and one.replicas is not None:
            amounts[RESOURCES.index(size.resource)] += (size.requested - size.percentile) * one.replicas
    return amounts[0], amounts[1]


def advised(sizes: tuple[WorkloadSize, ...]) -> Iterator[tuple[WorkloadSize, Size]]:
    """What is worth changing by itself: what an HPA holds is changed with its target."""
    for one in sizes:
        for size in one.sizes:
            if size.off and not (one.joint is not None and one.joint.resource == size.resource):
                yield one, size
