"""What a service's rules will cost, estimated from the catalogue's sizes of labels, and the budgets that bound it.

Declared targets count exactly, and so do the replicas and containers of a workload. What else tells series apart has
the size that the catalogue takes for typical, unless a source says its own (`sizes:`). The estimate follows each
expression the way Prometheus evaluates it: every selector reads its series once, or once for each sample in its
range; an aggregation leaves as many series as its labels allow, and never more than it was given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import floor, prod

from msgspec import Struct

from capgen import units
from capgen.blueprint import Group, Signal
from capgen.blueprint.cost import NOTHING, Cost, GroupCost
from capgen.catalog.load import Catalog
from capgen.compile.ahead import ahead_groups
from capgen.compile.context import Context
from capgen.compile.rules import derive_groups
from capgen.compile.signals import resolve_signals
from capgen.compile.sources import DEFAULT_INTERVAL, Bound, bind_sources, prometheus_setting
from capgen.diagnostics import Diagnostic
from capgen.promql import (
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Expr,
    Matcher,
    Number,
    Selector,
    String,
    Subquery,
    Unary,
    parse,
)
from capgen.spec.parse import Spec
from capgen.spec.sections import BudgetSpec, WorkloadSpec
from capgen.yamlio import Node, Path

UNKNOWN = 5
"""Values of a label that nobody knows anything of: of a signal of one's own, on a metric of one's own."""
BUCKETS = 11
"""Of a histogram whose bounds the catalogue does not know: what most client libraries start with."""
REPLICAS = 2
"""Endpoints of a Service for whose pods no workload of the spec stands."""
_LITERAL = re.compile(r"[A-Za-z0-9_ -]+(?:\|[A-Za-z0-9_ -]+)*")


class ServiceCost(Struct, frozen=True):
    """One service in one environment: its groups, their sum, and its budget where it has one."""

    service: str
    groups: tuple[GroupCost, ...]
    cost: Cost
    budget: BudgetSpec | None


class Estimate(Struct, frozen=True):
    """One environment: its services, their sum, and its budget where it has one."""

    environment: str
    services: tuple[ServiceCost, ...]
    cost: Cost
    budget: BudgetSpec | None


class Series(Struct, frozen=True):
    """How many series there are at a point of an expression, and how many values each of their labels has."""

    count: float
    sizes: Mapping[str, float]
    target: frozenset[str] = frozenset()
    """Labels that only say which target it is: together they have as many values as one of them alone."""

    def by(self, labels: Iterable[str]) -> Series:
        """What is left when only these labels tell series apart."""
        kept = {label: size for label in labels if (size := self.sizes.get(label)) is not None}
        places = [size for label, size in kept.items() if label in self.target]
        free = prod(size for label, size in kept.items() if label not in self.target)
        return Series(min(self.count, free * max(places, default=1)), kept, self.target & set(kept))


class _World(Struct, frozen=True):
    """What the expressions of a group read: its source's metrics, and the group's own records."""

    bound: Bound
    targets: int
    sizes: Mapping[str, int]
    records: dict[str, Series]


def costs(context: Context, groups: Sequence[Group], sources: Mapping[str, Bound]) -> tuple[GroupCost, ...]:
    """The cost of each group, in their order."""
    found = []
    # Groups that look ahead read what a signal's group records, and stand behind it.
    records: dict[str, dict[str, Series]] = {}
    for group in groups:
        bound = sources[group.scrape.source]
        known = records.setdefault(bound.name, {})
        world = _World(bound, _targets(context, bound), _known_sizes(context, bound), known)
        found.append(GroupCost(_subject(group), _group(group, world)))
    return tuple(found)


def _subject(group: Group) -> str:
    if group.ahead is not None:
        return f"{group.ahead.signal.id} ahead"
    return group.signal.id if group.signal else group.scrape.source


def estimate(spec: Spec, catalog: Catalog) -> tuple[GroupCost, ...]:
    """As `costs`, for a spec that has compiled already."""
    context = Context(spec, catalog)
    sources = bind_sources(context)
    evaluation = prometheus_setting(context, "evaluation_interval") or DEFAULT_INTERVAL
    return costs(context, all_groups(context, resolve_signals(context, sources), sources, evaluation), sources)


def all_groups(
    context: Context, signals: Sequence[tuple[Signal, Bound]], sources: Mapping[str, Bound], evaluation: float
) -> tuple[Group, ...]:
    """Every rule group of a service by name: of its signals, its sources, and what is to come."""
    by_id = {signal.id: (signal, bound) for signal, bound in signals}
    groups = (
        *derive_groups(context, signals, list(sources.values()), evaluation),
        *ahead_groups(context, by_id),
    )
    return tuple(sorted(groups, key=lambda group: group.name))


def total(parts: Iterable[Cost]) -> Cost:
    """All of them together."""
    rules, series, samples = NOTHING.rules, NOTHING.series, NOTHING.samples_per_second
    for part in parts:
        rules, series, samples = rules + part.rules, series + part.series, samples + part.samples_per_second
    return Cost(rules, series, samples)


def check_budget(context: Context, found: Sequence[GroupCost]) -> None:
    """Notes each limit of the spec's budget that its rules exceed."""
    budget = context.spec.model.budget
    if budget is not None:
        dearest = [one.subject for one in sorted(found, key=lambda one: -one.cost.samples_per_second)][:3]
        for name, message, hint in _exceeded(budget, total(one.cost for one in found), ", ".join(dearest)):
            # A budget of the Defaults holds for each service: the place alone does not say whose this is.
            context.error("CG380", f"{context.spec.name}: {message}", ("budget", name), hint)


def over_budget(node: Node, budget: BudgetSpec, spent: Mapping[str, Cost]) -> Iterator[Diagnostic]:
    """The limits of an environment's budget that all services together exceed. `node` is the environment's."""
    dearest = sorted(spent, key=lambda name: (-spent[name].samples_per_second, name))[:3]
    for name, message, hint in _exceeded(budget, total(spent.values()), ", ".join(dearest)):
        path: Path = ("budget", name)
        at = node.at(path) or node
        yield Diagnostic("CG380", message, at.span, hint, excerpt=at.source.line(at.span.line))


def _exceeded(budget: BudgetSpec, cost: Cost, dearest: str) -> Iterator[tuple[str, str, str]]:
    hint = f"`capgen estimate` shows what costs how much (most of it: {dearest}); raise the budget or watch less"
    for name, words in (
        ("series", "series are recorded"),
        ("samples_per_second", "samples are read a second"),
        ("rules", "rules are evaluated"),
    ):
        limit, value = getattr(budget, name), getattr(cost, name)
        if limit is not None and value > limit:
            yield name, f"about {value:,.0f} {words}, and the budget is {units.number(limit)}", hint


# --- a group ------------------------------------------------------------------------------------------------


def _group(group: Group, world: _World) -> Cost:
    series = samples = 0.0
    for record in group.records:
        result, read = _expression(parse(record.expr), world)
        world.records[record.name] = Series(result.count, {**result.sizes, **dict.fromkeys(dict(record.labels), 1)})
        series, samples = series + result.count, samples + read
    for alert in group.alerts:
        samples += _expression(parse(alert.expr), world)[1]
    return Cost(len(group.records) + len(group.alerts), round(series), samples / group.interval)


def _targets(context: Context, bound: Bound) -> int:
    """How many targets give the source's series."""
    if bound.spec.targets:
        return len(bound.spec.targets)
    if bound.spec.service is None:  # someone else's job, narrowed down by its matchers to what is this service's
        return 1
    here = [w for w in context.spec.model.workloads.values() if w.namespace == bound.spec.service.namespace]
    return max((_replicas(workload) for workload in here), default=REPLICAS)


def _replicas(workload: WorkloadSpec) -> int:
    most = workload.horizontal.replicas.max if workload.horizontal else workload.replicas
    return REPLICAS if most is None else most


def _known_sizes(context: Context, bound: Bound) -> Mapping[str, int]:
    """Sizes of labels that the spec itself knows."""
    workload = context.spec.model.workloads.get(bound.spec.workload or "")
    own: dict[str, int] = {}
    if workload is not None:
        own = {"pod": max(1, _replicas(workload))}
        own |= {"container": len(workload.containers)} if workload.containers else {}
        own |= {"persistentvolumeclaim": own["pod"]} if workload.kind == "StatefulSet" else {}
    return {**own, **bound.spec.sizes}


# --- an expression ------------------------------------------------------------------------------------------


def _expression(expr: Expr, world: _World) -> tuple[Series, float]:
    """The series that come of an expression, and the samples it reads."""
    match expr:
        case Selector():
            found = _selected(expr, world)
            if expr.range is None:
                return found, found.count
            return found, found.count * max(1, floor(expr.range / world.bound.scrape.interval))
        case Number() | String():
            return Series(0, {}), 0.0
        case Unary():
            return _expression(expr.inner, world)
        case Subquery():
            inner, read = _expression(expr.inner, world)
            return inner, read * max(1.0, expr.range / (expr.step or world.bound.scrape.interval))
        case Call():
            return _call(expr, world)
        case Aggregate():
            inner, read = _expression(expr.inner, world)
            return _aggregated(expr, inner, world.sizes), read
        case Binary():
            return _binary(expr, world)


def _selected(selector: Selector, world: _World) -> Series:
    if selector.name in world.records:
        return _narrowed(world.records[selector.name], selector.matchers)
    if selector.name in ("ALERTS", "ALERTS_FOR_STATE"):  # there is none while all is well
        return Series(0, {})
    return _narrowed(_metric(selector.name, world), selector.matchers)


def _metric(name: str, world: _World) -> Series:
    known, exporter = world.bound.metric(name), world.bound.entry.exporter
    target = frozenset(("instance", *exporter.target_labels))
    sizes: dict[str, float] = dict.fromkeys(target, world.targets)
    count = 1.0
    if known is not None:
        sizes |= known.labels
        # Labels that go together (a device and where it is mounted) have fewer pairs than their sizes multiply to.
        count = float(known.series if known.series is not None else prod(known.labels.values()))
        for label, size in world.sizes.items():
            if label in known.labels:
                count, sizes[label] = count * size / known.labels[label], size
        if known.type == "histogram" and name.endswith("_bucket"):
            bounds = len(world.bound.spec.buckets or known.buckets) or BUCKETS
            sizes["le"], count = bounds + 1, count * (bounds + 1)
    sizes |= dict.fromkeys(world.bound.spec.labels, 1)
    return Series(max(count, 1.0) * world.targets, sizes | {"job": 1}, target)


def _narrowed(series: Series, matchers: Iterable[Matcher]) -> Series:
    count, sizes = series.count, dict(series.sizes)
    for matcher in matchers:
        size = sizes.get(matcher.name)
        left = _left(matcher, size) if size else None
        if size and left is not None:
            count, sizes[matcher.name] = count * left / size, left
    return Series(max(count, min(series.count, 1.0)), sizes, series.target)


def _left(matcher: Matcher, size: float) -> float | None:
    """How many values of a label pass; None where nobody can tell."""
    alternatives = matcher.value.count("|") + 1 if _LITERAL.fullmatch(matcher.value) else None
    match matcher.op:
        case "=":
            return min(size, 1)
        case "=~":
            return min(size, alternatives) if alternatives else None
        case "!=":
            return max(1, size - 1) if matcher.value else size
        case _:
            return None


def _call(expr: Call, world: _World) -> tuple[Series, float]:
    found, read = Series(0, {}), 0.0
    for argument in expr.arguments:
        series, samples = _expression(argument, world)
        read += samples
        found = series if series.count > found.count else found
    if expr.function in ("absent", "absent_over_time", "scalar", "vector"):
        return Series(1, {}), read
    if expr.function == "histogram_quantile" and (bounds := found.sizes.get("le")):
        rest = {label: size for label, size in found.sizes.items() if label != "le"}
        return Series(found.count / bounds, rest, found.target), read
    return found, read


def _aggregated(expr: Aggregate, inner: Series, known: Mapping[str, int]) -> Series:
    if expr.op in ("topk", "bottomk"):
        most = expr.parameter.value if isinstance(expr.parameter, Number) else inner.count
        return Series(min(inner.count, most), inner.sizes, inner.target)
    if expr.grouping == "without":
        return inner.by(label for label in inner.sizes if label not in expr.labels)
    if expr.grouping == "by":
        # A label that nothing is known of is one of the user's own metric.
        unknown = {label: known.get(label, UNKNOWN) for label in expr.labels if label not in inner.sizes}
        count = inner.count * prod(unknown.values()) if inner.count else 0
        return Series(count, {**inner.sizes, **unknown}, inner.target).by(expr.labels)
    return Series(min(inner.count, 1), {})


def _binary(expr: Binary, world: _World) -> tuple[Series, float]:
    left, read_left = _expression(expr.left, world)
    right, read_right = _expression(expr.right, world)
    return _joined(expr, left, right), read_left + read_right


def _joined(expr: Binary, left: Series, right: Series) -> Series:
    if isinstance(expr.right, Number) or not right.count:
        return left
    if isinstance(expr.left, Number) or not left.count:
        return right
    if expr.op == "or":
        return left if left.count >= right.count else right
    if expr.op in ("and", "unless") or expr.group == "left":
        return left
    if expr.group == "right":
        return right
    fewer = left if left.count <= right.count else right
    if expr.matching == "on" and expr.op not in COMPARISONS:
        return fewer.by(expr.labels)
    return fewer
