"""Small wrongs done to an expression, one at a time: what a careless edit would do.

Changes that cannot make a difference are left out here rather than forgiven later: a matcher that the other
side of a join demands anyway, a guard's constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from capgen.promql import (
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Expr,
    Matcher,
    Number,
    Selector,
    Subquery,
    Unary,
    selectors,
)

Change = tuple[str, Expr]
Pins = frozenset[Matcher]

_FLIPPED: Mapping[str, str] = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}
_ARITHMETIC: Mapping[str, str] = {"+": "-", "-": "+", "*": "/", "/": "*"}
_AGGREGATION: Mapping[str, str] = {"sum": "max", "max": "min", "min": "max", "avg": "max", "count": "sum"}
_FUNCTION: Mapping[str, str] = {
    "rate": "increase", "increase": "rate", "irate": "increase", "deriv": "delta", "delta": "deriv",
    "max_over_time": "min_over_time", "min_over_time": "max_over_time", "avg_over_time": "max_over_time",
    "clamp_min": "clamp_max", "clamp_max": "clamp_min",
}  # fmt: skip

_TO_INCREASE = "rate became increase"


def changes(expr: Expr, *, thresholds: bool, pins: Pins = frozenset()) -> Iterator[Change]:
    """Every changed form of the expression with what was changed. `thresholds`: also the numbers compared with.

    `pins` are matchers that a join demands of this side.
    """
    yield from _own(expr, thresholds=thresholds, pins=pins)
    match expr:
        case Call():
            for i, argument in enumerate(expr.arguments):
                if isinstance(argument, Number):
                    continue
                for what, changed in changes(argument, thresholds=thresholds, pins=pins):
                    if expr.function == "histogram_quantile" and what == _TO_INCREASE:
                        continue  # a quantile does not depend on the buckets' scale
                    yield what, replace(expr, arguments=(*expr.arguments[:i], changed, *expr.arguments[i + 1 :]))
        case Aggregate():
            kept = frozenset(
                pin for pin in pins if expr.grouping and (pin.name in expr.labels) == (expr.grouping == "by")
            )
            for what, changed in changes(expr.inner, thresholds=thresholds, pins=kept):
                yield what, replace(expr, inner=changed)
        case Subquery() | Unary():
            for what, changed in changes(expr.inner, thresholds=thresholds, pins=pins):
                yield what, replace(expr, inner=changed)
        case Binary():
            if Number(0.0) in (expr.left, expr.right):
                return  # zero times anything is zero
            wanted = pins | _demanded(expr, expr.right, left=True)
            for what, changed in changes(expr.left, thresholds=thresholds, pins=wanted):
                yield what, replace(expr, left=changed)
            wanted = _demanded(expr, expr.left, left=False)
            for what, changed in changes(expr.right, thresholds=thresholds, pins=wanted):
                yield what, replace(expr, right=changed)
        case _:
            return


def _demanded(expr: Binary, other: Expr, *, left: bool) -> Pins:
    """Matchers that a series has to pass to find a partner: those of all the other side's selectors, if matched by."""
    if expr.op == "or" or (expr.op == "unless" and left):
        return frozenset()
    found = [set(s.matchers) for s in selectors(other)]
    if not found:
        return frozenset()
    shared = set.intersection(*found)
    if expr.matching is None:
        return frozenset(shared)
    return frozenset(pin for pin in shared if (pin.name in expr.labels) == (expr.matching == "on"))


def _own(expr: Expr, *, thresholds: bool, pins: Pins) -> Iterator[Change]:
    match expr:
        case Selector():
            yield from _selector(expr, pins)
        case Aggregate():
            if expr.op in _AGGREGATION:
                yield f"{expr.op} became {_AGGREGATION[expr.op]}", replace(expr, op=_AGGREGATION[expr.op])
            for label in expr.labels:
                kept = tuple(name for name in expr.labels if name != label)
                yield f"{expr.grouping} lost {label}", replace(expr, labels=kept)
        case Call():
            if expr.function in _FUNCTION:
                yield (
                    f"{expr.function} became {_FUNCTION[expr.function]}",
                    replace(expr, function=_FUNCTION[expr.function]),
                )
            if expr.function in ("histogram_quantile", "quantile_over_time") and isinstance(expr.arguments[0], Number):
                half = Number(expr.arguments[0].value / 2)
                yield f"the quantile became {half.value:g}", replace(expr, arguments=(half, *expr.arguments[1:]))
        case Binary():
            yield from _operator(expr, thresholds=thresholds)
        case _:
            return


def _selector(expr: Selector, pins: Pins) -> Iterator[Change]:
    for i, matcher in enumerate(expr.matchers):
        rest = (*expr.matchers[:i], *expr.matchers[i + 1 :])
        if matcher not in pins and (rest or expr.name):
            yield f"{_written(matcher)} was lost", replace(expr, matchers=rest)
        if matcher.op == "=":
            changed = replace(matcher, value=matcher.value + "-changed")
            yield (
                f"{_written(matcher)} became {_written(changed)}",
                replace(expr, matchers=(*expr.matchers[:i], changed, *expr.matchers[i + 1 :])),
            )
    if expr.range is not None:
        for factor in (0.5, 2.0):
            yield f"the range became {expr.range * factor:g}s", replace(expr, range=expr.range * factor)


def _written(matcher: Matcher) -> str:
    return f"{matcher.name}{matcher.op}{matcher.value!r}"


def _operator(expr: Binary, *, thresholds: bool) -> Iterator[Change]:
    if expr.op in COMPARISONS:
        yield f"{expr.op} became {_FLIPPED[expr.op]}", replace(expr, op=_FLIPPED[expr.op])
        if thresholds and isinstance(expr.right, Number):
            number = expr.right.value
            for moved in (number * 1.05, number * 0.95) if number else (1.0, -1.0):
                yield f"{number:g} became {moved:g}", replace(expr, right=Number(moved))
    if expr.op in _ARITHMETIC and Number(0.0) not in (expr.left, expr.right):
        yield f"{expr.op} became {_ARITHMETIC[expr.op]}", replace(expr, op=_ARITHMETIC[expr.op])
    if expr.op == "and":
        yield "and became or", replace(expr, op="or")
        yield "what stood after and was lost", expr.left
    if expr.op in ("or", "unless"):
        yield f"what stood after {expr.op} was lost", expr.left
