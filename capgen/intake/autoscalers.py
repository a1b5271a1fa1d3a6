"""HPAs and VPAs as the language says them: exactly, or not at all.

An autoscaler without one of its metrics, or without one of its limits, scales otherwise; so one that holds anything
the language cannot say stays as it is, and what that is is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from capgen import naming, units
from capgen.compile.autoscale import API_VERSIONS
from capgen.intake.found import Remark, View

_FACTORS = {"n": "1e-9", "u": "1e-6", "m": "0.001", "": "1", "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12", "P": "1e15",
            "E": "1e18"} | {f"{p}i": str(1024**n) for n, p in enumerate("KMGTPE", start=1)}  # fmt: skip
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([eE][+-]?[0-9]{1,2})|([numkMGTPE]|[KMGTPE]i))?", re.ASCII)
_MODES = {
    "Off": "recommend", "Initial": "initial", "Recreate": "recreate", "Auto": "recreate", "InPlaceOrRecreate": "in_place",
}  # fmt: skip
_VALUES = {"RequestsOnly": "requests", "RequestsAndLimits": "requests_and_limits"}

ServedSignal = Callable[[str, Mapping[str, str], Decimal, str], "tuple[str, Any] | None"]
"""An external metric's name, its labels, the amount and its kind (average, value): the target that a signal of the
draft makes of it, if it is one."""


class Cannot(Exception):
    """What keeps an autoscaler from being said in the language."""

    def __init__(self, remark: Remark) -> None:
        super().__init__(remark.why)
        self.remark = remark


class Workloads(Struct):
    """The workloads of a draft by their keys, and the key of each target."""

    specs: dict[str, dict[str, Any]] = {}
    by_target: dict[tuple[str, str, str], str] = {}
    """(namespace, kind, name) -> key."""

    def of(self, namespace: str, kind: str, name: str, api_version: str = "") -> str:
        """The key of a workload, which is added if it is new."""
        target = (namespace, kind, name)
        if target not in self.by_target:
            taken = (name, f"{namespace}-{name}", f"{namespace}-{name}-{kind.lower()}")
            key = next(key for key in (*taken, f"{name}-{len(self.specs)}") if key not in self.specs)
            spec: dict[str, Any] = {"kind": kind, "namespace": namespace}
            if kind not in API_VERSIONS:
                spec["apiVersion"] = api_version
            if key != name:
                spec["name"] = name
            self.specs[key], self.by_target[target] = spec, key
        return self.by_target[target]


def amount(text: str) -> Decimal | None:
    """A Kubernetes quantity as a number; None for what is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    try:
        return Decimal(match[1] + (match[2] or "")) * Decimal(_FACTORS[match[3] or ""])
    except InvalidOperation:
        return None


def _target(view: View, workloads: Workloads) -> str:
    kind, name = view.at("kind").text(), view.at("name").text()
    if not kind or not name:
        view.wrong("a reference with kind and name")
        raise Cannot(view.remark("it does not say what it scales"))
    if not re.fullmatch(naming.DNS_LABEL, name):
        raise Cannot(view.at("name").remark(f"the language has no workload called {name!r}: names are DNS labels"))
    return workloads.of(view.found.namespace, kind, name, view.at("apiVersion").text())


def horizontal(view: View, workloads: Workloads, served: ServedSignal) -> tuple[str, dict[str, Any]]:
    """The workload's key, and its `horizontal`. Raises Cannot."""
    found = view.found
    owner = next((o for o in view.at("metadata", "ownerReferences").items() if o.at("controller").data() is True), None)
    if owner is not None:
        maker = f"{owner.at('kind').text()} {owner.at('name').text()}"
        raise Cannot(owner.remark(f"{maker} makes it: the language writes an HPA, or a ScaledObject of its own"))
    spec = view.at("spec")
    known = ("scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior", "targetCPUUtilizationPercentage")
    _refuse_others(spec, *known)
    most, least = spec.at("maxReplicas").whole(), spec.at("minReplicas").whole()
    if most is None:
        spec.at("maxReplicas").wrong("a whole number")
        raise Cannot(spec.at("maxReplicas").remark("nothing says how many replicas there may be"))
    targets: dict[str, Any] = {}
    metrics = [(metric, *_metric(metric, served)) for metric in spec.at("metrics").items()]
    if (share := spec.at("targetCPUUtilizationPercentage").whole()) is not None:
        metrics.append((spec.at("targetCPUUtilizationPercentage"), "cpu", f"{share}%"))
    if not metrics:
        metrics.append((spec.at("metrics"), "cpu", "80%"))  # what the server takes for no metrics at all
    for metric, key, target in metrics:
        free = next((k for k in _spellings(key, target) if k not in targets), None)
        if free is None:
            raise Cannot(metric.remark(f"two targets of the same metric {key!r}; the language has one"))
        targets[free] = target
    key = _target(spec.at("scaleTargetRef"), workloads)
    drafted: dict[str, Any] = {}
    if found.name != naming.hpa(key):
        drafted["name"] = _own_name(view)
    drafted |= {"replicas": {"min": 1 if least is None else least, "max": most}, "targets": targets}
    behavior = spec.at("behavior")
    _refuse_others(behavior, "scaleUp", "scaleDown")
    for name, direction in (("scale_up", "scaleUp"), ("scale_down", "scaleDown")):
        if rules := _rules(behavior.at(direction)):
            drafted[name] = rules
    return key, drafted


def _own_name(view: View) -> str:
    if not re.fullmatch(naming.DNS_LABEL, view.found.name):
        raise Cannot(view.at("metadata", "name").remark("the language has DNS labels as names: rename it first"))
    return view.found.name


def _spellings(key: str, target: Any) -> list[str]:
    return [key, *(f"{key}_{n}" for n in range(2, 10))] if isinstance(target, dict) else [key]


def _refuse_others(view: View, *known: str) -> None:
    for other in view.others(*known):
        raise Cannot(other.remark("the language has no word for it"))


def _metric(metric: View, served: ServedSignal) -> tuple[str, Any]:
    kind = metric.at("type").text()
    inside = metric.at(kind[:1].lower() + kind[1:])
    if kind in ("Resource", "ContainerResource"):
        name, container = inside.at("name").text(), inside.at("container").text()
        if name not in ("cpu", "memory"):
            raise Cannot(inside.at("name").remark(f"only cpu and memory are resources of the language, not {name!r}"))
        key = f"{name}/{container}" if kind == "ContainerResource" else name
        share = inside.at("target", "averageUtilization").whole()
        if share is not None:
            return key, f"{share}%"
        value = _amount(inside.at("target", "averageValue"))
        return key, resource_text(name, value, inside.at("target", "averageValue"))
    if kind not in ("Pods", "External", "Object"):
        metric.at("type").wrong("Resource, ContainerResource, Pods, External or Object")
        raise Cannot(metric.at("type").remark(f"no metric is of the type {kind!r}"))
    selector = inside.at("metric", "selector")
    _refuse_others(selector, "matchLabels")
    name, labels = inside.at("metric", "name").text(), selector.at("matchLabels").texts()
    average = inside.at("target", "averageValue")
    place = average if average else inside.at("target", "value")
    value, which = _amount(place), "average" if average else "value"
    if value * 1000 % 1:
        raise Cannot(place.remark("finer than a thousandth, which is as fine as an HPA's numbers are here"))
    if kind == "External" and (signal := served(name, labels, value, which)):
        return signal
    target: dict[str, Any] = {which: _plain(value), kind.lower(): name}
    if kind == "Object":
        described = inside.at("describedObject")
        target["of"] = {key: described.at(key).text() for key in ("apiVersion", "kind", "name")}
    if labels:
        target["selector"] = labels
    return word(name), target


def word(name: str) -> str:
    """A name as a word of the language: `http.requests-per_second` -> `http_requests_per_second`."""
    text = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:60].rstrip("_")
    return text if re.match("[a-z]", text) else f"x_{text}".rstrip("_")


def _amount(view: View) -> Decimal:
    value = amount(view.text())
    if value is None:
        view.wrong("a quantity, like 500m")
        raise Cannot(view.remark("nothing says how much of it is wanted"))
    return value


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def resource_text(resource: str, value: Decimal, view: View) -> str:
    """An amount of cpu or memory as the language writes it. Raises Cannot for one that it would round."""
    text = units.kube_cpu(float(value)) if resource == "cpu" else units.kube_bytes(float(value))
    if amount(text) != value:
        raise Cannot(view.remark(f"{view.text()} is finer than the language's {text}"))
    return text


def _rules(view: View) -> dict[str, Any]:
    _refuse_others(view, "stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance")
    rules: dict[str, Any] = {}
    if (window := view.at("stabilizationWindowSeconds").whole()) is not None:
        rules["stabilization"] = units.duration(window)
    if view.at("selectPolicy"):
        rules["select"] = view.at("selectPolicy").text().lower()
    policies = []
    for policy in view.at("policies").items():
        kind, value = policy.at("type").text(), policy.at("value").whole()
        period = policy.at("periodSeconds").whole()
        if kind not in ("Pods", "Percent") or value is None or period is None:
            policy.wrong("a policy with type, value and periodSeconds")
            raise Cannot(policy.remark("the policy is not whole"))
        policies.append({kind.lower(): value, "every": units.duration(period)})
    if policies:
        rules["policies"] = policies
    if view.at("tolerance"):
        rules["tolerance"] = _plain(_amount(view.at("tolerance")))
    return rules


def vertical(view: View, workloads: Workloads) -> tuple[str, dict[str, Any], tuple[Remark, ...]]:
    """The workload's key, its `vertical`, and what is called otherwise. Raises Cannot."""
    spec = view.at("spec")
    _refuse_others(spec, "targetRef", "updatePolicy", "resourcePolicy")
    _refuse_others(spec.at("updatePolicy"), "updateMode", "minReplicas")
    _refuse_others(spec.at("resourcePolicy"), "containerPolicies")
    mode = spec.at("updatePolicy", "updateMode")
    said = mode.text("Recreate")
    if said not in _MODES:
        raise Cannot(
            mode.remark(f"the language has no mode {said!r}; it has {', '.join(sorted(set(_MODES.values())))}")
        )
    renamed: tuple[Remark, ...] = ()
    if said == "Auto" or not mode:
        meant = (
            "Auto is deprecated and means Recreate"
            if mode
            else "nothing says so; the recommender takes it for Recreate"
        )
        renamed = (mode.remark(f"`mode: recreate`: {meant}"),)
    containers = {}
    for policy in spec.at("resourcePolicy", "containerPolicies").items():
        name = policy.at("containerName").text("*")
        if name in containers:
            raise Cannot(policy.remark(f"two policies for the container {name!r}"))
        containers[name] = _container(policy)
    key = _target(spec.at("targetRef"), workloads)
    drafted: dict[str, Any] = {"mode": _MODES[said]}
    if view.found.name != naming.vpa(key):
        drafted = {"name": _own_name(view), **drafted}
    if (least := spec.at("updatePolicy", "minReplicas").whole()) is not None:
        drafted["min_replicas"] = least
    if containers:
        drafted["containers"] = containers
    return key, drafted, renamed


def _container(policy: View) -> dict[str, Any]:
    _refuse_others(
        policy, "containerName", "mode", "minAllowed", "maxAllowed", "controlledResources", "controlledValues"
    )
    drafted: dict[str, Any] = {}
    if policy.at("mode"):
        drafted["mode"] = policy.at("mode").text().lower()
    if values := policy.at("controlledValues").text():
        drafted["values"] = _VALUES.get(values, values)
    if controlled := [item.text() for item in policy.at("controlledResources").items()]:
        drafted["control"] = controlled
    for key, name in (("minAllowed", "min"), ("maxAllowed", "max")):
        _refuse_others(policy.at(key), "cpu", "memory")
        if bounds := resources(policy.at(key)):
            drafted[name] = bounds
    return drafted


def resources(view: View) -> dict[str, str]:
    """The cpu and memory of a list of resources. Raises Cannot for an amount that would be rounded."""
    places = [(name, view.at(name)) for name in ("cpu", "memory") if view.at(name)]
    return {name: resource_text(name, _amount(place), place) for name, place in places}


def containers(view: View) -> dict[str, Any]:
    """What the containers of a Deployment or StatefulSet ask for; those whose amounts cannot be said are left out."""
    drafted: dict[str, Any] = {}
    for container in view.at("spec", "template", "spec", "containers").items():
        try:
            pairs = [(key, resources(container.at("resources", key))) for key in ("requests", "limits")]
        except Cannot:
            continue
        if given := {key: amounts for key, amounts in pairs if amounts}:
            drafted[container.at("name").text()] = given
    return drafted
