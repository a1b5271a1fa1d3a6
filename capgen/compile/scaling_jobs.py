"""Jobs that change a workload: between which bounds, by which targets, and how far one run may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capgen import naming, promql, units
from capgen.blueprint import Hpa, Signal, Vpa
from capgen.blueprint.jobs import Bounds, JobDelivery, Object, Resize, Scale, ScaleTarget, Step
from capgen.compile.autoscale import API_VERSIONS
from capgen.compile.context import Context
from capgen.compile.sources import Bound
from capgen.spec.operations import JobSpec
from capgen.spec.sections import HorizontalSpec, ScalingSpec, TargetSpec, WorkloadSpec
from capgen.units import BadQuantity
from capgen.yamlio import Path

Signals = Mapping[str, tuple[Signal, Bound]]

UP_WAIT, DOWN_WAIT = 180.0, 300.0
"""After a change, the signal needs a few minutes to show it; going down can wait as long as an HPA waits."""
AIM = 0.8
"""The share of a request that use shall be where no target says so: a fifth is left for peaks."""
_PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "ReplicaSet": "replicasets"}
_RESOURCES = {"cpu": "cores", "memory": "bytes"}


def scale(context: Context, path: Path, name: str, delivery: JobDelivery, signals: Signals) -> Scale | None:
    """The task of a `scale` job; None where another finding says why not."""
    workload = context.spec.model.workloads.get(name)
    if workload is None or workload.horizontal is None or workload.horizontal.by != "script":
        return None
    target = _object(name, workload)
    if target is None:
        return None
    horizontal = workload.horizontal
    targets = [
        _target(context, path, name, key, amount, delivery, signals)
        for key, amount in sorted(horizontal.targets.items())
    ]
    return Scale(
        target, horizontal.replicas.min, horizontal.replicas.max, tuple(t for t in targets if t is not None),
        _step(horizontal.scale_up, UP_WAIT), _step(horizontal.scale_down, DOWN_WAIT),
    )  # fmt: skip


def _object(name: str, workload: WorkloadSpec) -> Object | None:
    api_version = workload.api_version or API_VERSIONS.get(workload.kind)
    if api_version is None:
        return None
    group, _, version = api_version.rpartition("/")
    plural = _PLURALS.get(workload.kind, workload.kind.lower() + "s")
    return Object(workload.kind, group, version, plural, workload.namespace, workload.name or name)


def _target(
    context: Context, path: Path, workload: str, key: str, amount: str | float | TargetSpec, delivery: JobDelivery,
    signals: Signals,
) -> ScaleTarget | None:  # fmt: skip
    at: Path = ("workloads", workload, "horizontal", "targets", key)
    resource, _, container = key.partition("/")
    if resource in _RESOURCES and not isinstance(amount, TargetSpec):
        share = isinstance(amount, str) and amount.strip().endswith("%")
        unit = "ratio" if share else _RESOURCES[resource]
        value = _quantity(context, at, amount, unit)
        title = f"{resource} of {container}" if container else resource
        of = "request" if share else "each"
        return None if value is None else ScaleTarget(resource, title, unit, value, of, "", container)  # type: ignore[arg-type]  # cpu or memory
    if key not in signals:
        return None  # what it is instead has a finding already
    if not delivery.prometheus:
        context.error(
            "CG361", f"a script cannot measure {key}: it is asked by Prometheus alone", (*path, "scale"),
            "give the environment a `prometheus: {url: …}` to ask", severity=context.of_jobs(),
        )  # fmt: skip
        return None
    return _signal_target(context, at, signals[key][0], amount)


def _signal_target(context: Context, at: Path, signal: Signal, amount: str | float | TargetSpec) -> ScaleTarget | None:
    """A share is held as it is, by the fullest series; everything else is an amount for each replica, as for an HPA."""
    each = signal.unit != "ratio"
    if isinstance(amount, TargetSpec):
        each = amount.average is not None
        given = [amount.average, amount.value, amount.utilization]
        amount = next((value for value in given if value is not None), "")
    value = _quantity(context, at, amount, signal.unit)
    if value is None or value <= 0:
        return None
    scope = promql.matchers({naming.SERVICE: context.spec.name, naming.SOURCE: signal.source})
    over = "max" if signal.unit == "ratio" and not each else "sum"
    query = f"{over}({signal.record}{{{scope}}})"
    return ScaleTarget(signal.id, signal.title, signal.unit, value, "each" if each else "whole", query)


def _quantity(context: Context, at: Path, value: str | float, unit: str) -> float | None:
    try:
        return units.parse(value, unit)
    except BadQuantity as error:
        context.bad_quantity(str(at[-1]), error, at)
        return None


def _step(spec: ScalingSpec | None, wait: float) -> Step:
    if spec is None:
        return Step(1, 0, wait, forbidden=False)
    pods = max((policy.pods or 0 for policy in spec.policies), default=1)
    percent = max((policy.percent or 0 for policy in spec.policies), default=0)
    stabilization = wait if spec.stabilization is None else spec.stabilization
    longest = max((policy.every for policy in spec.policies), default=0.0)
    return Step(pods, percent, max(stabilization, longest), forbidden=spec.select == "disabled")


def resize(
    context: Context, path: Path, spec: JobSpec, delivery: JobDelivery, signals: Signals, hpas: Sequence[Hpa],
    vpas: Sequence[Vpa],
) -> Resize | None:  # fmt: skip
    """The task of a `resize` job; None where another finding says why not."""
    name = spec.resize or ""
    workload = context.spec.model.workloads.get(name)
    target = _object(name, workload) if workload is not None else None
    if workload is None or target is None:
        return None
    aims = _aims(hpas, target, workload.horizontal)
    if spec.apply and aims:
        context.error(
            "CG368", f"{name!r} is scaled by its use of {' and '.join(sorted(aims))}, and this job would change what that is a share of",
            (*path, "apply"), "leave `apply` out and let people decide, or scale by something else", at_key=True,
        )  # fmt: skip
    queries = {
        resource: _use(context, name, resource, signals) if delivery.prometheus else "" for resource in _RESOURCES
    }
    return Resize(
        target, spec.apply, _bounds(vpas, target), aims.get("cpu", AIM), aims.get("memory", AIM),
        queries["cpu"], queries["memory"],
    )  # fmt: skip


def _aims(hpas: Sequence[Hpa], workload: Object, horizontal: HorizontalSpec | None) -> dict[str, float]:
    """The share of its request that something scales each resource by."""
    found = {}
    for hpa in hpas:
        if (hpa.workload.namespace, hpa.workload.kind, hpa.workload.name) == (
            workload.namespace, workload.kind, workload.name,
        ):  # fmt: skip
            for metric in hpa.metrics:
                if metric.target_type == "Utilization":
                    found[metric.name] = float(metric.target) / 100
    if horizontal is not None and horizontal.by == "script":
        for key, amount in horizontal.targets.items():
            if key.partition("/")[0] in _RESOURCES and isinstance(amount, str) and amount.strip().endswith("%"):
                found[key.partition("/")[0]] = units.parse(amount, "ratio")
    return found


def _use(context: Context, workload: str, resource: str, signals: Signals) -> str:
    """A day's use of each container as a share of its request: nearly all of it for cpu, the peak for memory."""
    for signal, _ in signals.values():
        if signal.of_request == (workload, resource):
            scope = promql.matchers({naming.SERVICE: context.spec.name, naming.SOURCE: signal.source})
            series = f"{signal.record}{{{scope}}}[1d]"
            over = f"quantile_over_time(0.95, {series})" if resource == "cpu" else f"max_over_time({series})"
            return f"max by (container) ({over})"
    return ""


def _bounds(vpas: Sequence[Vpa], workload: Object) -> tuple[Bounds, ...]:
    for vpa in vpas:
        if (vpa.workload.namespace, vpa.workload.kind, vpa.workload.name) == (
            workload.namespace, workload.kind, workload.name,
        ):  # fmt: skip
            return tuple(
                Bounds(
                    c.container, c.mode == "Off", _range(c.min_allowed, c.max_allowed, "cpu"),
                    _range(c.min_allowed, c.max_allowed, "memory"), c.controlled_values != "RequestsOnly",
                )
                for c in vpa.containers
            )  # fmt: skip
    return ()


def _range(low: Sequence[tuple[str, str]], high: Sequence[tuple[str, str]], resource: str) -> tuple[float, float]:
    least, most = dict(low).get(resource), dict(high).get(resource)
    unit = _RESOURCES[resource]
    return (units.parse(least, unit) if least else 0.0, units.parse(most, unit) if most else 0.0)
