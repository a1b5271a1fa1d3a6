"""Reads a HorizontalPodAutoscaler from YAML: what the API server would refuse is a finding at its place.

The file may be anybody's, so nothing is taken for granted; the limits are those of `autoscaling/v2`, and a field that
is left out becomes what the API server makes of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, cast

from capgen import yamlio
from capgen.diagnostics import Diagnostic, Severity, has_errors, suggest
from capgen.simulate import quantity
from capgen.simulate.autoscaler import DEFAULT_METRIC, DOWN, UP, Autoscaler, Behavior, Kind, Metric, Policy, Rules
from capgen.yamlio import Node, Source

_MOST = 2**31 - 1
_SOURCES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Resource": ("resource", ("name", "target")),
    "ContainerResource": ("containerResource", ("container", "name", "target")),
    "Pods": ("pods", ("metric", "target")),
    "Object": ("object", ("describedObject", "metric", "target")),
    "External": ("external", ("metric", "target")),
}
_WANTS: Mapping[str, tuple[str, ...]] = {
    "Resource": ("averageValue", "averageUtilization"),
    "ContainerResource": ("averageValue", "averageUtilization"),
    "Pods": ("averageValue",),
    "Object": ("value", "averageValue"),
    "External": ("averageValue", "value"),
}
"""The fields of a target that a kind of metric may have; where both stand, the controller takes the first."""
_TYPES = {"averageUtilization": "Utilization", "averageValue": "AverageValue", "value": "Value"}


def read(source: Source) -> tuple[Autoscaler | None, tuple[Diagnostic, ...]]:
    """The autoscaler of a file, or every reason why the API server would not take it."""
    node, found = yamlio.read(source, foreign=True)
    if node is None:
        return None, found
    reader = _Reader()
    hpa = reader.document(node)
    found = tuple(reader.found)
    return (None if has_errors(found) else hpa), found


class _Reader:
    """Collects what is wrong, so that all of it is told at once; a value that is wrong reads as its default."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

    def document(self, node: Node) -> Autoscaler | None:
        fields = self.mapping(node, "the document")
        kind, version = (fields[key].value if key in fields else None for key in ("kind", "apiVersion"))
        if kind != "HorizontalPodAutoscaler" or version != "autoscaling/v2":
            at = fields.get("kind" if kind != "HorizontalPodAutoscaler" else "apiVersion", node)
            self.fail(
                "CG920", at, f"this is no HorizontalPodAutoscaler of autoscaling/v2 but {_shown(kind)} of {_shown(version)}",
                "for one in a cluster: kubectl get hpa.v2.autoscaling NAME -o yaml",
            )  # fmt: skip
            return None
        spec = self.child(node, "spec", "the autoscaler")
        if spec is None:
            return None
        fields = self.mapping(spec, "spec", ("scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior"))
        self.reference(spec, fields.get("scaleTargetRef"))
        minimum = self.integer(spec, "minReplicas", low=0, default=1)
        maximum = self.integer(spec, "maxReplicas", low=1)
        metrics = self.metrics(fields.get("metrics"))
        if "maxReplicas" in fields and maximum < minimum:
            self.fail("CG922", fields["maxReplicas"], f"maxReplicas {maximum} is below minReplicas {minimum}", "raise it, or lower minReplicas")  # fmt: skip
        hpa = Autoscaler(
            minimum, max(minimum, maximum), metrics, self.behavior(fields.get("behavior")), self.name(node)
        )
        if minimum == 0 and not hpa.scales_to_zero:
            self.fail("CG922", fields["minReplicas"], "without pods no metric of pods can be had, so nothing would scale it up again", "add an Object or External metric, or write 1")  # fmt: skip
        return hpa

    def name(self, node: Node) -> str:
        found = node.at(("metadata", "name"))
        return str(found.value) if found is not None and isinstance(found.value, str) else ""

    def reference(self, spec: Node, target: Node | None) -> None:
        if target is None:
            hint = "name what it scales: apiVersion, kind and name; the replay does without"
            self.fail("CG921", spec, "the API server wants scaleTargetRef", hint, Severity.WARNING)
            return
        self.mapping(target, "scaleTargetRef", ("apiVersion", "kind", "name"))
        for key in ("kind", "name"):
            self.text(target, key, "scaleTargetRef")

    def metrics(self, node: Node | None) -> tuple[Metric, ...]:
        if node is None or node.value is None:
            return (DEFAULT_METRIC,)
        read = [self.metric(item) for item in self.items(node, "metrics")]
        named = {metric.container for metric in read if metric and metric.container}
        if len(named) > 1:
            self.fail("CG922", node, f"the containers {', '.join(sorted(named))} are looked at, and a replay knows what a pod uses, not which container", "replay with the metric that decides")  # fmt: skip
        return tuple(metric for metric in read if metric) or (DEFAULT_METRIC,)

    def metric(self, node: Node) -> Metric | None:
        fields = self.mapping(node, "a metric", ("type", *(key for key, _ in _SOURCES.values())))
        kind = self.choice(node, "type", _SOURCES, "a metric")
        if kind is None:
            return None
        key, inside = _SOURCES[kind]
        for other in fields:
            if other not in ("type", key):
                self.fail("CG922", fields[other], f"a metric of the type {kind} has {key} and not {other}", "remove it, or write it as a metric of its own")  # fmt: skip
        source = self.child(node, key, f"a metric of the type {kind}")
        if source is None:
            return None
        found = self.mapping(source, key, inside)
        name = self.text(source, "name", key) if "name" in inside else self.identifier(source, key)
        container = self.text(source, "container", key) if "container" in inside else ""
        if "describedObject" in inside and (described := self.child(source, "describedObject", key)) is not None:
            self.reference(source, described)
        target = self.child(source, "target", key)
        if target is None or not name or (kind == "ContainerResource" and not container):
            return None
        found = self.mapping(target, "target", ("type", *_TYPES))
        return self.target(cast(Kind, kind), name, container, target, found)

    def identifier(self, source: Node, what: str) -> str:
        metric = self.child(source, "metric", what)
        if metric is None:
            return ""
        self.mapping(metric, "metric", ("name", "selector"))
        name = self.text(metric, "name", "metric")
        if name in (".", "..") or "/" in name or "%" in name:
            self.fail("CG922", cast(dict[str, Node], metric.value)["name"], f"{name!r} cannot be a metric's name", "it may hold no slash and no percent sign")  # fmt: skip
        return name

    def target(self, kind: Kind, name: str, container: str, node: Node, fields: Mapping[str, Node]) -> Metric | None:
        said = self.choice(node, "type", tuple(_TYPES.values()), "a target")
        wanted = _WANTS[kind]
        given = [key for key in wanted if key in fields and fields[key].value is not None]
        for key in _TYPES:
            if key in fields and key not in wanted:
                self.fail("CG922", fields[key], f"a metric of the type {kind} has no target in {key}", f"write {' or '.join(wanted)}")  # fmt: skip
        if not given:
            fits = [key for key in wanted if _TYPES[key] == said] or wanted
            self.fail("CG922", node, f"the target says no amount; {kind} wants {' or '.join(wanted)}", f"add {fits[0]}")  # fmt: skip
            return None
        if kind == "Object":
            given = [key for key in given if _TYPES[key] == said] or given
            if said and _TYPES[given[0]] != said:
                self.fail("CG922", fields[given[0]], f"the target is of the type {said}, and {given[0]} is no such amount: the controller never gets a number", f"write the type {_TYPES[given[0]]}")  # fmt: skip
        elif len(given) > 1:
            self.fail("CG922", fields[given[1]], f"{given[0]} and {given[1]} stand side by side", "remove one of them")
        key = given[0]
        if key == "averageUtilization":
            amount = self.integer(node, key, low=1)
        else:
            amount = self.quantity(fields[key], key, positive=True)
        target_type = cast(Literal["Utilization", "AverageValue", "Value"], _TYPES[key])
        return Metric(kind, name, target_type, amount, container) if amount > 0 else None

    def behavior(self, node: Node | None) -> Behavior | None:
        if node is None or node.value is None:
            return None
        fields = self.mapping(node, "behavior", ("scaleUp", "scaleDown"))
        return Behavior(self.rules(fields.get("scaleUp"), "scaleUp", UP), self.rules(fields.get("scaleDown"), "scaleDown", DOWN))  # fmt: skip

    def rules(self, node: Node | None, what: str, default: Rules) -> Rules:
        if node is None or node.value is None:
            return default
        fields = self.mapping(node, what, ("stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"))
        window = self.integer(node, "stabilizationWindowSeconds", low=0, high=3600, default=default.window)
        select = default.select
        if "selectPolicy" in fields and fields["selectPolicy"].value is not None:
            select = cast(Any, self.choice(node, "selectPolicy", ("Max", "Min", "Disabled"), what)) or select
        policies = default.policies
        if "policies" in fields and fields["policies"].value is not None:
            read = [self.policy(item) for item in self.items(fields["policies"], "policies")]
            policies = tuple(policy for policy in read if policy) or policies
            if not read:
                self.fail("CG922", fields["policies"], "an empty list of policies", "leave it out for the defaults, or write selectPolicy: Disabled")  # fmt: skip
        tolerance = default.tolerance
        if "tolerance" in fields and fields["tolerance"].value is not None:
            self.quantity(fields["tolerance"], "tolerance", positive=False)
            tolerance = self.double(fields["tolerance"], tolerance)
        return Rules(window, policies, select, tolerance)

    def policy(self, node: Node) -> Policy | None:
        self.mapping(node, "a policy", ("type", "value", "periodSeconds"))
        kind = self.choice(node, "type", ("Pods", "Percent"), "a policy")
        value, period = self.integer(node, "value", low=1), self.integer(node, "periodSeconds", low=1, high=1800)
        return Policy(cast(Any, kind), max(value, 1), max(period, 1)) if kind else None

    # The shapes of values

    def fail(self, code: str, node: Node, message: str, hint: str, severity: Severity = Severity.ERROR) -> None:
        line = node.source.line(node.mark[0])
        self.found.append(Diagnostic(code, message, node.span, hint, severity, line))

    def mapping(self, node: Node, what: str, known: Collection[str] = ()) -> Mapping[str, Node]:
        if not isinstance(node.value, dict):
            self.fail("CG921", node, f"{what} is {_shown(node.value)}, and a mapping is wanted", "write keys and values below it")  # fmt: skip
            return {}
        for key in node.value:
            if known and key not in known:
                source, span = node.key_source(key), node.key_span(key)
                message, hint = f"{what} has no field {key!r}", suggest(key, known, what="fields")
                self.found.append(Diagnostic("CG921", message, span, hint, excerpt=source.line(span.line)))
        return node.value

    def items(self, node: Node, what: str) -> list[Node]:
        if isinstance(node.value, list):
            return node.value
        self.fail("CG921", node, f"{what} is {_shown(node.value)}, and a list is wanted", "start each item with a hyphen")  # fmt: skip
        return []

    def child(self, node: Node, key: str, what: str) -> Node | None:
        fields = node.value if isinstance(node.value, dict) else {}
        if key in fields and fields[key].value is not None:
            return fields[key]
        if isinstance(node.value, dict):
            self.fail("CG921", node, f"{what} wants the field {key!r}", f"add `{key}:`")
        return None

    def text(self, node: Node, key: str, what: str) -> str:
        found = self.child(node, key, what)
        if found is None:
            return ""
        if not isinstance(found.value, str) or not found.value:
            self.fail("CG921", found, f"{key} is {_shown(found.value)}, and text is wanted", "write it in quotes")
            return ""
        return found.value

    def choice(self, node: Node, key: str, known: Collection[str], what: str) -> str | None:
        said = self.text(node, key, what)
        if said and said not in known:
            self.fail("CG922", cast(dict[str, Node], node.value)[key], f"{key} is {said!r}", suggest(said, known, what="values"))  # fmt: skip
        return said if said in known else None

    def integer(self, node: Node, key: str, *, low: int, high: int = _MOST, default: int | None = None) -> int:
        fields = node.value if isinstance(node.value, dict) else {}
        found = fields.get(key)
        if found is None or found.value is None:
            if default is None:
                self.child(node, key, "it")
            return low if default is None else default
        value = found.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail("CG921", found, f"{key} is {_shown(value)}, and a whole number is wanted", f"write a number, {low} at least")  # fmt: skip
            return low
        if not low <= value <= high:
            self.fail("CG922", found, f"{key} is {value}", f"the API server takes {low} to {high:,}")
            return low
        return value

    def quantity(self, node: Node, key: str, *, positive: bool) -> int:
        try:
            value = quantity.milli(_quantity_text(node))
        except ValueError as error:
            self.fail("CG922", node, f"{key}: {error}", "write a number like 500m, 2 or 4Gi")
            return 0
        if value < 0 or (positive and value == 0):
            self.fail("CG922", node, f"{key} is {_quantity_text(node)}", f"it has to be {'above' if positive else 'at least'} 0")  # fmt: skip
            return 0
        return value

    def double(self, node: Node, default: float) -> float:
        try:
            return quantity.double(_quantity_text(node))
        except ValueError:
            return default


def _quantity_text(node: Node) -> str:
    if isinstance(node.value, bool) or not isinstance(node.value, (str, int, float)):
        raise ValueError(f"{_shown(node.value)} is no quantity")
    return str(node.value)


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}…"
