"""By which labels the series of a result are told apart.

A rule generator knows its metrics, so it can prove offline what other linters ask a live Prometheus for: that both sides
of an operator can match, and that an annotation's label exists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

from capgen.promql.tree import SET_OPERATORS, Aggregate, Binary, Call, Expr, Number, Selector, String, Subquery, Unary


class Shape(Struct, frozen=True):
    """What a result looks like. An `open` label set may hold more labels than `labels`, which are certain."""

    kind: Literal["scalar", "string", "vector", "range"]
    labels: frozenset[str] = frozenset()
    open: bool = False


LabelsOf: TypeAlias = Callable[[str], "Shape | None"]
"""The shape of a metric's series by its name, None when the catalogue does not know it."""

_SCALARS = frozenset(("scalar", "time", "pi"))
_UNKNOWN = Shape("vector", frozenset(), True)


def shape(expr: Expr, labels_of: LabelsOf) -> Shape:
    """By which labels the result's series are told apart, as far as the metrics' labels are known."""
    match expr:
        case Number():
            return Shape("scalar")
        case String():
            return Shape("string")
        case Selector():
            known = labels_of(expr.name) or _UNKNOWN
            kind: Literal["vector", "range"] = "vector" if expr.range is None else "range"
            # A series that matched `x="y"` carries x, whatever the catalogue says.
            named = {m.name for m in expr.matchers if m.op == "=" and m.value and m.name != "__name__"}
            return Shape(kind, known.labels | named, known.open)
        case Subquery():
            return _as("range", shape(expr.inner, labels_of))
        case Unary():
            return shape(expr.inner, labels_of)
        case Aggregate():
            return _aggregate(expr, shape(expr.inner, labels_of))
        case Call():
            return _call(expr, labels_of)
        case Binary():
            return _operator(expr, shape(expr.left, labels_of), shape(expr.right, labels_of))


def _as(kind: Literal["vector", "range"], other: Shape) -> Shape:
    return Shape(kind, other.labels, other.open)


def _aggregate(expr: Aggregate, inner: Shape) -> Shape:
    if expr.op in ("topk", "bottomk", "limitk", "limit_ratio"):
        return _as("vector", inner)
    if expr.grouping == "without":
        return Shape("vector", inner.labels - set(expr.labels), inner.open)
    # A label that no input series has is dropped from the result of `by`.
    kept = frozenset(label for label in expr.labels if inner.open or label in inner.labels)
    if expr.op == "count_values" and isinstance(expr.parameter, String):
        kept |= {expr.parameter.value}
    return Shape("vector", kept)


def _call(expr: Call, labels_of: LabelsOf) -> Shape:
    name = expr.function
    if name in _SCALARS:
        return Shape("scalar")
    if name == "vector":
        return Shape("vector")
    if name in ("absent", "absent_over_time"):
        first = expr.arguments[0]
        if not isinstance(first, Selector):
            return Shape("vector")
        return Shape("vector", frozenset(m.name for m in first.matchers if m.op == "="))
    inputs = [s for s in (shape(a, labels_of) for a in expr.arguments) if s.kind in ("vector", "range")]
    if not inputs:
        return Shape("vector")
    result = inputs[-1]
    if name in ("histogram_quantile", "histogram_fraction"):
        return Shape("vector", result.labels - {"le"}, result.open)
    if name in ("label_replace", "label_join") and isinstance(expr.arguments[1], String):
        return Shape("vector", result.labels | {expr.arguments[1].value}, result.open)
    return _as("vector", result)


def _operator(expr: Binary, left: Shape, right: Shape) -> Shape:
    if left.kind == "scalar" and right.kind == "scalar":
        return Shape("scalar")
    if left.kind == "scalar" or right.kind == "scalar":
        return right if left.kind == "scalar" else left
    if expr.op == "or":
        return Shape("vector", left.labels & right.labels, left.open or right.open or left.labels != right.labels)
    if expr.op in SET_OPERATORS:
        return left
    if expr.group is not None:
        many, one = (left, right) if expr.group == "left" else (right, left)
        return Shape("vector", many.labels | set(expr.include), many.open or (one.open and bool(expr.include)))
    # Also a comparison that filters: Prometheus keeps the labels it matched on, and no others.
    if expr.matching == "on":
        return Shape("vector", frozenset(expr.labels))
    if expr.matching == "ignoring":
        return Shape("vector", left.labels - set(expr.labels), left.open)
    return left if not left.open else Shape("vector", left.labels | right.labels, right.open)
