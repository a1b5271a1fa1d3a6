"""Sizes the autoscalers: what a spec says of replicas and requests, as HPA and VPA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from capgen import naming, units
from capgen.blueprint import ContainerBounds, Hpa, HpaMetric, ScalingPolicy, ScalingRules, Signal, Vpa, Workload
from capgen.blueprint.origin import Labels
from capgen.compile.context import Context
from capgen.compile.serving import serve
from capgen.compile.sources import Bound
from capgen.diagnostics import suggest
from capgen.spec.sections import HorizontalSpec, Resources, ScalingSpec, TargetSpec, VerticalSpec, WorkloadSpec
from capgen.units import BadQuantity
from capgen.yamlio import Path

API_VERSIONS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "ReplicaSet": "apps/v1", "DaemonSet": "apps/v1"}
_MODES: Mapping[str, Literal["Off", "Initial", "Recreate", "InPlaceOrRecreate"]] = {
    "recommend": "Off",
    "initial": "Initial",
    "recreate": "Recreate",
    "in_place": "InPlaceOrRecreate",
}
_SELECT: Mapping[str, Literal["Max", "Min", "Disabled"]] = {"max": "Max", "min": "Min", "disabled": "Disabled"}
_VALUES: Mapping[str, Literal["RequestsOnly", "RequestsAndLimits"]] = {
    "requests": "RequestsOnly",
    "requests_and_limits": "RequestsAndLimits",
}
_CONTAINER_MODES: Mapping[str, Literal["Auto", "Off"]] = {"auto": "Auto", "off": "Off"}
_RESOURCES = {"cpu": "cores", "memory": "bytes"}

Signals = Mapping[str, tuple[Signal, Bound]]


def size_autoscalers(context: Context, signals: Signals) -> tuple[tuple[Hpa, ...], tuple[Vpa, ...]]:
    """HPAs and VPAs, each by the workload's name."""
    hpas, vpas = [], []
    for name, spec in sorted(context.spec.model.workloads.items()):
        api_version = spec.api_version or API_VERSIONS.get(spec.kind)
        if api_version is None:
            context.error(
                "CG323",
                f"nobody knows the API of the kind {spec.kind!r}",
                ("workloads", name, "kind"),
                f"give `apiVersion:`, or choose one of {', '.join(sorted(API_VERSIONS))}",
            )
            continue
        workload = Workload(spec.name or name, spec.kind, api_version, spec.namespace)
        if spec.horizontal is not None and not spec.horizontal.targets:
            hint = "add one, like `cpu: 70%` or a signal"
            context.error(
                "CG329",
                f"{name!r} is scaled by no target",
                ("workloads", name, "horizontal", "targets"),
                hint,
                at_key=True,
            )
        if spec.horizontal is not None and spec.horizontal.by == "hpa":
            hpa = _hpa(context, name, workload, spec.horizontal, signals)
            hpas.append(serve(context, ("workloads", name, "horizontal"), hpa, signals))
        elif spec.horizontal is not None:
            _check_containers(context, ("workloads", name, "horizontal"), spec.horizontal)
            _check_script_targets(context, name, spec.horizontal, signals)
        if spec.vertical is not None:
            vpas.append(_vpa(context, name, workload, spec, spec.vertical))
    _check_names(context, "horizontal", {name: s.horizontal for name, s in context.spec.model.workloads.items()}, "hpa")
    _check_names(context, "vertical", {name: s.vertical for name, s in context.spec.model.workloads.items()}, "vpa")
    return tuple(hpas), tuple(vpas)


def _check_containers(context: Context, path: Path, horizontal: HorizontalSpec) -> None:
    """Notes targets for a container that the workload has not, where it says which it has."""
    known = context.spec.model.workloads[str(path[1])].containers
    for key in horizontal.targets:
        container = key.partition("/")[2]
        if container and known and container not in known:
            hint = suggest(container, known, what="containers")
            message = f"the workload {path[1]!r} has no container {container!r}"
            context.error("CG312", message, (*path, "targets", key), hint, at_key=True)


def _check_names(
    context: Context, section: str, scalers: Mapping[str, HorizontalSpec | VerticalSpec | None], suffix: str
) -> None:
    """Notes two autoscalers of one name, which would be one object and one file."""
    first: dict[str, str] = {}
    for name, scaler in sorted(scalers.items()):
        if scaler is None:
            continue
        called = (scaler.name or name).removesuffix(f"-{suffix}")
        if (earlier := first.setdefault(called, name)) != name:
            context.error(
                "CG315",
                f"the {suffix.upper()} of {earlier!r} is called like that already",
                ("workloads", name, section, *(("name",) if scaler.name else ())),
                "give one of the two another `name:`",
                at_key=scaler.name is None,
            )


def _hpa(context: Context, name: str, workload: Workload, spec: HorizontalSpec, signals: Signals) -> Hpa:
    path = ("workloads", name, "horizontal")
    _check_containers(context, path, spec)
    metrics = [_metric(context, path, key, target, signals) for key, target in sorted(spec.targets.items())]
    return Hpa(
        name=spec.name or naming.hpa(name),
        workload=workload,
        min_replicas=spec.replicas.min,
        max_replicas=spec.replicas.max,
        metrics=tuple(m for m in metrics if m is not None),
        scale_up=_rules(context, (*path, "scale_up"), spec.scale_up),
        scale_down=_rules(context, (*path, "scale_down"), spec.scale_down),
        origin=context.origin(path),
    )


def _metric(
    context: Context, path: Path, key: str, target: str | float | TargetSpec, signals: Signals
) -> HpaMetric | None:
    at = (*path, "targets", key)
    if isinstance(target, TargetSpec):
        return _full_metric(context, at, key, target, signals)
    resource, _, container = key.partition("/")
    if resource in _RESOURCES:
        kind: Literal["ContainerResource", "Resource"] = "ContainerResource" if container else "Resource"
        if isinstance(target, str) and target.strip().endswith("%"):
            share = _quantity(context, at, target, "ratio")
            if share is None:
                return None
            if not 0 < share <= 10:
                context.error(
                    "CG205",
                    f"{key}: a utilisation of {target} cannot be a target",
                    at,
                    "write a share of the request, like 70%",
                )
            return HpaMetric(kind, resource, "Utilization", units.number(round(share * 100)), container)
        if not isinstance(target, str):
            context.error(
                "CG204",
                f"{key}: {target!r} has no unit",
                at,
                "write a share of the request, like 70%, or an amount for each pod, like 500m or 1Gi",
            )
            return None
        amount = _quantity(context, at, target, _RESOURCES[resource])
        return (
            None
            if amount is None
            else HpaMetric(kind, resource, "AverageValue", _canonical(resource, amount), container)
        )
    if key not in signals:
        _unknown_target(context, at, key, signals)
        return None
    signal, bound = signals[key]
    amount = _quantity(context, at, target, signal.unit)
    return None if amount is None else _signal_metric(context, signal, bound, "AverageValue", amount)


def _signal_metric(
    context: Context, signal: Signal, bound: Bound, kind: Literal["AverageValue", "Value"], amount: float
) -> HpaMetric:
    exporter, measured = bound.entry.exporter.exporter, signal.id.partition(".")[2]
    if signal.record.startswith(f"{naming.PREFIX}:own_"):  # of the spec's own: like its record
        exporter, measured = "own", f"{signal.id}_{signal.unit}"
    name = naming.external_metric(exporter, measured)
    selector = ((naming.SERVICE, context.spec.name), (naming.SOURCE, signal.source))
    return HpaMetric("External", name, kind, _kube_number(amount), selector=selector, signal=signal.id)


def _full_metric(context: Context, at: Path, key: str, target: TargetSpec, signals: Signals) -> HpaMetric | None:
    amounts = {"utilization": target.utilization, "average": target.average, "value": target.value}
    given = [name for name, amount in amounts.items() if amount is not None]
    if len(given) != 1:
        context.error(
            "CG311",
            f"{key}: exactly one of utilization, average and value is wanted",
            at,
            "write how much of the metric one pod (average) or all of them (value) should see",
            at_key=True,
        )
        return None
    which = given[0]
    raw = amounts[which]
    if raw is None:
        return None
    selector: Labels = tuple(sorted(target.selector.items()))
    kind: Literal["AverageValue", "Value"] = "AverageValue" if which == "average" else "Value"
    if key in signals and not (target.pods or target.external or target.object):
        signal, bound = signals[key]
        amount = _quantity(context, (*at, which), raw, signal.unit)
        return None if amount is None else _signal_metric(context, signal, bound, kind, amount)
    amount = _quantity(context, (*at, which), raw, "short")
    if amount is None:
        return None
    number = _kube_number(amount)
    if target.pods:
        return HpaMetric("Pods", target.pods, "AverageValue", number, selector=selector)
    if target.external:
        return HpaMetric("External", target.external, kind, number, selector=selector)
    if target.object and target.of is not None:
        described = (target.of.api_version, target.of.kind, target.of.name)
        return HpaMetric("Object", target.object, kind, number, selector=selector, object=described)
    context.error(
        "CG311",
        f"{key}: nothing says which metric this is",
        at,
        "add `pods:`, `external:`, or `object:` with `of:`, or use a signal's name as the key",
        at_key=True,
    )
    return None


def _unknown_target(context: Context, at: Path, key: str, signals: Signals) -> None:
    if not context.explained(key):
        hint = suggest(key, {"cpu", "memory", *signals}, what="targets")
        context.error("CG306", f"{key!r} is neither cpu, memory nor a signal of this spec", at, hint, at_key=True)


def _quantity(context: Context, at: Path, value: str | float, unit: str) -> float | None:
    try:
        return units.parse(value, unit)
    except BadQuantity as error:
        context.bad_quantity(str(at[-1]), error, at)
        return None


def _kube_number(amount: float) -> str:
    milli = round(amount * 1000)
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def _canonical(resource: str, amount: float) -> str:
    return units.kube_cpu(amount) if resource == "cpu" else units.kube_bytes(amount)


def _rules(context: Context, path: Path, spec: ScalingSpec | None) -> ScalingRules | None:
    if spec is None:
        return None
    policies = []
    for index, policy in enumerate(spec.policies):
        at = (*path, "policies", index)
        if (policy.pods is None) == (policy.percent is None):
            context.error(
                "CG324", "a policy limits either pods or percent", at, "write one of `pods: 4` and `percent: 100`"
            )
            continue
        if not 1 <= policy.every <= 1800 or policy.every != int(policy.every):
            context.error(
                "CG205",
                f"every: {units.duration(policy.every)} is out of range",
                (*at, "every"),
                "Kubernetes takes whole seconds from 1s to 30m",
            )
        pods = policy.pods is not None
        policies.append(
            ScalingPolicy("Pods" if pods else "Percent", policy.pods or policy.percent or 0, int(policy.every))
        )
    window = spec.stabilization
    if window is not None and not (0 <= window <= 3600 and window == int(window)):
        context.error(
            "CG205",
            f"stabilization: {units.duration(window)} is out of range",
            (*path, "stabilization"),
            "Kubernetes takes whole seconds from 0s to 1h",
        )
    select = _SELECT[spec.select] if spec.select else None
    tolerance = units.number(spec.tolerance) if spec.tolerance is not None else None
    return ScalingRules(None if window is None else int(window), tuple(policies), select, tolerance)


def _check_script_targets(context: Context, name: str, spec: HorizontalSpec, signals: Signals) -> None:
    for key, target in sorted(spec.targets.items()):
        at = ("workloads", name, "horizontal", "targets", key)
        if isinstance(target, TargetSpec) and key not in signals:
            context.error(
                "CG330", f"a script cannot read the target {key!r}", at,
                "it reads cpu, memory and this spec's signals: use one of these, or `by: hpa`", at_key=True,
            )  # fmt: skip
            continue
        if key.partition("/")[0] in _RESOURCES:
            continue
        if key not in signals:
            _unknown_target(context, at, key, signals)
        elif not isinstance(target, TargetSpec):
            _quantity(context, at, target, signals[key][0].unit)


def _vpa(context: Context, name: str, workload: Workload, spec: WorkloadSpec, vertical: VerticalSpec) -> Vpa:
    path = ("workloads", name, "vertical")
    containers = []
    for container, policy in sorted(vertical.containers.items()):
        if spec.containers and container != "*" and container not in spec.containers:
            context.error(
                "CG312",
                f"the workload {name!r} has no container {container!r}",
                (*path, "containers", container),
                suggest(container, spec.containers, what="containers"),
                at_key=True,
            )
        low, high = _resources(policy.min), _resources(policy.max)
        _check_bounds(context, (*path, "containers", container), policy.min, policy.max)
        values = _VALUES[policy.values] if policy.values else None
        mode = _CONTAINER_MODES[policy.mode] if policy.mode else None
        containers.append(ContainerBounds(container, mode, low, high, tuple(sorted(policy.control)), values))
    return Vpa(
        vertical.name or naming.vpa(name),
        workload,
        _MODES[vertical.mode],
        vertical.min_replicas,
        tuple(containers),
        context.origin(path),
    )


def _resources(given: Resources | None) -> Labels:
    if given is None:
        return ()
    pairs = [(name, getattr(given, name)) for name in ("cpu", "memory")]
    return tuple((name, _canonical(name, amount)) for name, amount in pairs if amount is not None)


def _check_bounds(context: Context, path: Path, low: Resources | None, high: Resources | None) -> None:
    for name in ("cpu", "memory"):
        least, most = getattr(low, name, None), getattr(high, name, None)
        if least is not None and most is not None and least > most:
            context.error(
                "CG325",
                f"{name}: the minimum {_canonical(name, least)} is above the maximum {_canonical(name, most)}",
                (*path, "min", name),
                "swap them or change one",
            )
