"""An expression, prepared for a known set of series: labels are matched once, values are computed many times.

Finding a witness and following it through time evaluates one expression thousands of times over the same
series. Which label sets meet in a join and which series fall into which group depends on the labels alone, so
that is worked out here, and what is left is arithmetic. A value of None is a series that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from capgen.promql import (
    Aggregate,
    Binary,
    Call,
    Expr,
    Number,
    Selector,
    String,
    Subquery,
    Unary,
)
from capgen.prove import functions
from capgen.prove.joins import combine
from capgen.prove.sampling import accepts
from capgen.prove.vectors import Identity, Labels, Plan, Scalar, Source, Unsupported, Value, Vector, distinct


class _Range(Struct, frozen=True):
    """A range vector: label sets, and a range function over all of them."""

    labels: tuple[Labels, ...]
    apply: Callable[[Source, str, Sequence[float]], list[Value]]
    metric: str = ""


def matches(selector: Selector, series: Identity) -> bool:
    """Whether a selector selects a series."""
    if selector.name and selector.name != series.name:
        return False
    labels = dict(series.labels)
    labels["__name__"] = series.name
    return all(accepts(matcher, labels.get(matcher.name, "")) for matcher in selector.matchers)


def prepare(expr: Expr, universe: Sequence[Identity]) -> Plan:
    """The expression's plan over these series. Raises Unsupported; the plan's `run` may raise Conflict."""
    match expr:
        case Number():
            value = expr.value
            return Scalar(lambda _: value)
        case Selector(range=None):
            found = [i for i, series in enumerate(universe) if matches(expr, series)]
            offset = expr.offset
            return Vector(tuple(universe[i].labels for i in found), lambda s: [s.instant(i, offset) for i in found])
        case Unary():
            inner = prepare(expr.inner, universe)
            if isinstance(inner, Scalar):
                return Scalar(lambda s: -inner.run(s))
            return distinct(Vector(inner.labels, lambda s: [None if v is None else -v for v in inner.run(s)]))
        case Aggregate():
            return _aggregate(expr, universe)
        case Binary():
            return combine(expr, prepare(expr.left, universe), prepare(expr.right, universe))
        case Call():
            return _call(expr, universe)
        case Subquery() | Selector() | String():
            raise Unsupported("a range vector or a string is no result")


def _vector(expr: Expr, universe: Sequence[Identity], user: str) -> Vector:
    plan = prepare(expr, universe)
    if isinstance(plan, Scalar):
        raise Unsupported(f"{user} of a scalar")
    return plan


def _scalar(expr: Expr, universe: Sequence[Identity], user: str) -> Scalar:
    plan = prepare(expr, universe)
    if isinstance(plan, Vector):
        raise Unsupported(f"{user} takes a number here")
    return plan


# --- functions --------------------------------------------------------------------------------------------


def _call(expr: Call, universe: Sequence[Identity]) -> Plan:
    name, arguments = expr.function, expr.arguments
    if name == "time":
        return Scalar(lambda s: s.time())
    if name == "pi":
        return Scalar(lambda _: 3.141592653589793)
    if name == "vector":
        inner = _scalar(arguments[0], universe, name)
        return Vector(((),), lambda s: [inner.run(s)])
    if name == "scalar":
        vector = _vector(arguments[0], universe, name)
        return Scalar(lambda s: _only(vector.run(s)))
    if name in ("sort", "sort_desc"):
        return _vector(arguments[0], universe, name)
    if name in ("absent", "absent_over_time"):
        return _absent(expr, universe)
    if name in ("label_replace", "label_join"):
        return _relabel(expr, universe)
    if name == "histogram_quantile":
        return _histogram(_scalar(arguments[0], universe, name), _vector(arguments[1], universe, name))
    if name in functions.RANGE_FUNCTIONS:
        return _over(expr, universe)
    if name in functions.ELEMENTWISE:
        function = functions.ELEMENTWISE[name]
        vector = _vector(arguments[0], universe, name)
        extra = [_scalar(argument, universe, name) for argument in arguments[1:]]
        return distinct(Vector(vector.labels, lambda s: _each(function, vector.run(s), [e.run(s) for e in extra])))
    raise Unsupported(f"the function {name}() is not modelled")


def _each(function: Callable[..., float], values: list[Value], extra: list[float]) -> list[Value]:
    return [None if value is None else function(value, *extra) for value in values]


def _only(values: list[Value]) -> float:
    present = [value for value in values if value is not None]
    return present[0] if len(present) == 1 else float("nan")


def _over(expr: Call, universe: Sequence[Identity]) -> Plan:
    name = expr.function
    place = next(
        i
        for i, a in enumerate(expr.arguments)
        if isinstance(a, Subquery) or (isinstance(a, Selector) and a.range is not None)
    )
    window = _range(expr.arguments[place], universe)
    extra = [_scalar(a, universe, name) for i, a in enumerate(expr.arguments) if i != place]
    return distinct(Vector(window.labels, lambda s: window.apply(s, name, [e.run(s) for e in extra])))


def _range(expr: Expr, universe: Sequence[Identity]) -> _Range:
    if isinstance(expr, Selector) and expr.range is not None:
        seconds, offset = expr.range, expr.offset
        found = [i for i, series in enumerate(universe) if matches(expr, series)]
        labels = tuple(universe[i].labels for i in found)
        return _Range(labels, lambda s, f, extra: [s.over(f, i, seconds, offset, extra) for i in found])
    if isinstance(expr, Subquery):
        inner = _vector(expr.inner, universe, "a subquery")
        seconds, step, offset = expr.range, expr.step, expr.offset

        def apply(source: Source, function: str, extra: Sequence[float]) -> list[Value]:
            rows = [(at.time(), inner.run(at)) for at in source.within(seconds, step, offset)]
            bounds = (source.time() - offset - seconds, source.time() - offset)
            columns = range(len(inner.labels))
            points = [[(time, v) for time, row in rows if (v := row[i]) is not None] for i in columns]
            return [functions.over(function, column, bounds, extra) for column in points]

        return _Range(inner.labels, apply)
    raise Unsupported("a range function over something that has no range")


def _absent(expr: Call, universe: Sequence[Identity]) -> Plan:
    argument = expr.arguments[0]
    labels: Labels = ()
    if isinstance(argument, Selector):
        named: dict[str, list[str]] = {}
        for matcher in argument.matchers:
            if matcher.name != "__name__":
                named.setdefault(matcher.name, []).append(matcher.value if matcher.op == "=" else "")
        labels = tuple(sorted((name, values[0]) for name, values in named.items() if len(values) == 1 and values[0]))
    if expr.function == "absent":
        vector = _vector(argument, universe, "absent")
    else:
        window = _range(argument, universe)
        vector = Vector(window.labels, lambda s: window.apply(s, "present_over_time", ()))
    return Vector((labels,), lambda s: [1.0 if all(value is None for value in vector.run(s)) else None])


def _relabel(expr: Call, universe: Sequence[Identity]) -> Plan:
    inner = _vector(expr.arguments[0], universe, expr.function)
    words = [argument.value for argument in expr.arguments[1:] if isinstance(argument, String)]
    target = words[0]

    def relabelled(labels: Labels) -> Labels:
        known = dict(labels)
        if expr.function == "label_join":
            value = words[1].join(known.get(label, "") for label in words[2:])
        else:
            found = re.fullmatch(words[3], known.get(words[2], ""), re.DOTALL)
            if found is None:
                return labels
            value = _expanded(words[1], found)
        known[target] = value
        return tuple(sorted((name, text) for name, text in known.items() if text))

    return distinct(Vector(tuple(relabelled(labels) for labels in inner.labels), inner.run))


def _expanded(template: str, found: re.Match[str]) -> str:
    """Go's expansion: `$1` and `${1}`; a name goes as far as letters and digits do, and an unknown one is empty."""

    def group(name: str) -> str:
        if name.isdigit():
            return (found[int(name)] or "") if int(name) <= found.re.groups else ""
        return found.groupdict("").get(name, "")

    return re.sub(r"\$(?:\$|\{(\w+)\}|(\w+))", lambda m: group(m[1] or m[2]) if m[1] or m[2] else "$", template)


def _histogram(q: Scalar, buckets: Vector) -> Plan:
    groups: dict[Labels, list[tuple[float, int]]] = {}
    for i, labels in enumerate(buckets.labels):
        known = dict(labels)
        try:
            bound = float(known.pop("le", ""))
        except ValueError:
            continue
        groups.setdefault(tuple(sorted(known.items())), []).append((bound, i))
    rows = list(groups.values())

    def run(source: Source) -> list[Value]:
        values, quantile = buckets.run(source), q.run(source)
        found = [[(bound, v) for bound, i in row if (v := values[i]) is not None] for row in rows]
        return [functions.bucket_quantile(quantile, row) if row else None for row in found]

    return Vector(tuple(groups), run)


# --- aggregations -----------------------------------------------------------------------------------------


def _kept(expr: Aggregate, labels: Labels) -> Labels:
    if expr.grouping is None:
        return ()
    return tuple(pair for pair in labels if (pair[0] in expr.labels) == (expr.grouping == "by"))


def _aggregate(expr: Aggregate, universe: Sequence[Identity]) -> Plan:
    inner = _vector(expr.inner, universe, expr.op)
    groups: dict[Labels, list[int]] = {}
    for i, labels in enumerate(inner.labels):
        groups.setdefault(_kept(expr, labels), []).append(i)
    members = list(groups.values())
    if expr.op in ("topk", "bottomk"):
        return _ranked(expr, inner, members, universe)
    if expr.op == "quantile" and expr.parameter is not None:
        q = _scalar(expr.parameter, universe, "quantile")
        function: Callable[[Source, Sequence[float]], float] = lambda s, values: functions.quantile(q.run(s), values)  # noqa: E731
    elif expr.op in functions.AGGREGATIONS:
        aggregation = functions.AGGREGATIONS[expr.op]
        function = lambda _, values: aggregation(values)  # noqa: E731
    else:
        raise Unsupported(f"the aggregation {expr.op} is not modelled")

    def run(source: Source) -> list[Value]:
        values = inner.run(source)
        present = [[v for i in group if (v := values[i]) is not None] for group in members]
        return [function(source, group) if group else None for group in present]

    return Vector(tuple(groups), run)


def _ranked(expr: Aggregate, inner: Vector, members: list[list[int]], universe: Sequence[Identity]) -> Plan:
    if expr.parameter is None:
        raise Unsupported(f"{expr.op} without a number")
    size, sign = _scalar(expr.parameter, universe, expr.op), -1 if expr.op == "topk" else 1

    def run(source: Source) -> list[Value]:
        values, k = inner.run(source), int(size.run(source))
        kept: set[int] = set()
        for group in members:
            present = [(sign * v, i) for i in group if (v := values[i]) is not None]
            kept.update(i for _, i in sorted(present)[:k])
        return [value if i in kept else None for i, value in enumerate(values)]

    return Vector(inner.labels, run)
