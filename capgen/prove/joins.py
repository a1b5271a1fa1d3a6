"""Operators between vectors: which label sets meet is worked out once, by Prometheus' matching rules."""

from __future__ import annotations

from collections.abc import Callable

from capgen.promql import COMPARISONS, SET_OPERATORS, Binary
from capgen.prove import functions
from capgen.prove.vectors import Conflict, Labels, Plan, Scalar, Source, Unsupported, Value, Vector, distinct


def _key(expr: Binary, labels: Labels) -> Labels:
    if expr.matching is None:
        return labels
    return tuple(pair for pair in labels if (pair[0] in expr.labels) == (expr.matching == "on"))


def _operation(expr: Binary) -> Callable[[float, float], Value]:
    """The operator on two numbers; a comparison without `bool` gives the left one or nothing."""
    if expr.op not in COMPARISONS:
        return functions.ARITHMETIC[expr.op]
    compare = functions.COMPARE[expr.op]
    if expr.bool:
        return lambda a, b: float(compare(a, b))
    return lambda a, b: a if compare(a, b) else None


def combine(expr: Binary, left: Plan, right: Plan) -> Plan:
    """The operator's plan over its sides' plans. Raises Unsupported; running it may raise Conflict."""
    if expr.op in SET_OPERATORS:
        if isinstance(left, Scalar) or isinstance(right, Scalar):
            raise Unsupported(f"{expr.op} with a number")
        return _set_operation(expr, left, right)
    operation = _operation(expr)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return Scalar(lambda s: operation(left.run(s), right.run(s)) or 0.0)
    if isinstance(left, Vector) and isinstance(right, Vector):
        return _matched(expr, operation, left, right)
    if isinstance(right, Scalar) and isinstance(left, Vector):
        return distinct(Vector(left.labels, lambda s: _against(operation, left.run(s), right.run(s))))
    assert isinstance(left, Scalar) and isinstance(right, Vector)  # noqa: S101 - the one combination left
    filters = expr.op in COMPARISONS and not expr.bool
    compare = functions.COMPARE.get(expr.op)

    def swapped(source: Source) -> list[Value]:
        number = left.run(source)
        if filters and compare is not None:
            return [v if v is not None and compare(number, v) else None for v in right.run(source)]
        return [None if v is None else operation(number, v) for v in right.run(source)]

    return distinct(Vector(right.labels, swapped))


def _against(operation: Callable[[float, float], Value], values: list[Value], number: float) -> list[Value]:
    return [None if value is None else operation(value, number) for value in values]


def _set_operation(expr: Binary, left: Vector, right: Vector) -> Vector:
    keys = [_key(expr, labels) for labels in left.labels]
    others = [_key(expr, labels) for labels in right.labels]
    if expr.op == "or":

        def union(source: Source) -> list[Value]:
            values, more = left.run(source), right.run(source)
            taken = {key for key, value in zip(keys, values, strict=True) if value is not None}
            return values + [None if key in taken else value for key, value in zip(others, more, strict=True)]

        return _merged(Vector(left.labels + right.labels, union))
    wanted = expr.op == "and"

    def keep(source: Source) -> list[Value]:
        there = {key for key, value in zip(others, right.run(source), strict=True) if value is not None}
        return [value if (key in there) == wanted else None for key, value in zip(keys, left.run(source), strict=True)]

    return Vector(left.labels, keep)


def _merged(plan: Vector) -> Vector:
    """The same label set from both sides of an `or` is one series of the result."""
    places: dict[Labels, list[int]] = {}
    for i, labels in enumerate(plan.labels):
        places.setdefault(labels, []).append(i)
    if len(places) == len(plan.labels):
        return plan
    rows = list(places.values())

    def run(source: Source) -> list[Value]:
        values = plan.run(source)
        return [next((values[i] for i in row if values[i] is not None), None) for row in rows]

    return Vector(tuple(places), run)


def _matched(expr: Binary, operation: Callable[[float, float], Value], left: Vector, right: Vector) -> Vector:
    """Arithmetic and comparisons between two vectors: pairs by the matching labels, results by Prometheus' rules."""
    by_key: dict[Labels, list[int]] = {}
    for j, labels in enumerate(right.labels):
        by_key.setdefault(_key(expr, labels), []).append(j)
    pairs = [(i, j) for i, labels in enumerate(left.labels) for j in by_key.get(_key(expr, labels), ())]
    results = tuple(_result_labels(expr, left.labels[i], right.labels[j]) for i, j in pairs)
    one_left, one_right = expr.group != "left", expr.group != "right"

    def run(source: Source) -> list[Value]:
        a, b = left.run(source), right.run(source)
        met_left: set[int] = set()
        met_right: set[int] = set()
        values: list[Value] = []
        for i, j in pairs:
            x, y = a[i], b[j]
            if x is None or y is None:
                values.append(None)
                continue
            if (i in met_left and one_right) or (j in met_right and one_left):
                raise Conflict(f"many-to-many matching around {expr.op!r}")
            met_left.add(i)
            met_right.add(j)
            values.append(operation(x, y))
        return values

    return distinct(Vector(results, run))


def _result_labels(expr: Binary, left: Labels, right: Labels) -> Labels:
    many, one = (right, left) if expr.group == "right" else (left, right)
    if expr.group is None:
        return _key(expr, left)
    known, given = dict(many), dict(one)
    for label in expr.include:
        known.pop(label, None)
        if given.get(label):
            known[label] = given[label]
    return tuple(sorted(known.items()))
