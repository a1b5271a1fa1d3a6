"""What surrounds each selector of an expression: which labels its series need, and what becomes of them.

Read off the expression once, from the outside in: aggregations and joins say which labels they tell series apart
by, functions whether a series counts or is read as it is, comparisons which values let a result through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from capgen.promql import (
    SET_OPERATORS,
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
    children,
)
from capgen.prove import functions

_NONE: frozenset[str] = frozenset()


class Leaf(Struct, frozen=True):
    """One selector of an expression with what surrounds it."""

    selector: Selector
    wanted: tuple[str, ...]
    """Labels that the expression tells its series apart by."""
    counter: bool
    """Whether its slope is what counts."""
    aggregated: tuple[str, ...] | None
    """None where every series shows in the result; else the labels kept by the innermost aggregation."""
    spread: tuple[str, ...]
    """Labels that the innermost aggregation keeps and one further out drops."""
    histogram: bool
    hint: float | None
    """A value that lets a comparison with a constant around it hold; None for any."""
    alias: tuple[tuple[str, str], ...] = ()
    """Labels that `label_replace` renames: the series' own name, and the one it is matched by."""
    excluding: bool = False
    """Whether it stands behind `unless`: while it is there, nothing comes out."""
    gate: bool = False
    """Whether it stands behind `and`: it decides whether there is a result, and not which."""


class _Around(Struct, frozen=True):
    """What the expressions around one say about it."""

    wanted: frozenset[str]
    counter: bool = False
    kept: tuple[str, ...] | None = None
    spread: frozenset[str] = _NONE
    outer: frozenset[str] | None = None
    """The labels kept by an aggregation further out; None without one."""
    joined: frozenset[str] | None = None
    """The labels that a join in between matches by; None without one."""
    histogram: bool = False
    hint: float | None = None


def leaves(expressions: Sequence[Expr], labels: Sequence[str]) -> tuple[Leaf, ...]:
    """The distinct selectors of the expressions, whose results are told apart by `labels`, left to right."""
    found: dict[tuple[str, tuple[Matcher, ...]], Leaf] = {}
    for expr in expressions:
        for leaf in _leaves(expr, _Around(frozenset(labels))):
            key = (leaf.selector.name, leaf.selector.matchers)
            found[key] = _both(found[key], leaf) if key in found else leaf
    return tuple(found.values())


def _both(first: Leaf, second: Leaf) -> Leaf:
    """A selector that is used twice."""
    return replace(
        first,
        wanted=tuple(sorted({*first.wanted, *second.wanted})),
        counter=first.counter or second.counter,
        histogram=first.histogram or second.histogram,
        hint=first.hint if second.hint is None else second.hint,
        alias=tuple(sorted({*first.alias, *second.alias})),
        excluding=first.excluding and second.excluding,
        gate=first.gate and second.gate,
    )


def _leaves(expr: Expr, around: _Around) -> Iterator[Leaf]:
    match expr:
        case Selector():
            wanted, spread = tuple(sorted(around.wanted)), tuple(sorted(around.spread))
            yield Leaf(expr, wanted, around.counter, around.kept, spread, around.histogram, around.hint)
        case Aggregate(op="topk" | "bottomk"):
            yield from _leaves(expr.inner, around)
        case Aggregate():
            yield from _leaves(expr.inner, _aggregated(expr, around))
        case Call():
            yield from _arguments(expr, around)
        case Binary():
            yield from _sides(expr, around)
        case Subquery() | Unary():
            for child in children(expr):
                yield from _leaves(child, around)
        case _:
            return


def _aggregated(expr: Aggregate, around: _Around) -> _Around:
    named = frozenset(expr.labels)
    kept = named if expr.grouping == "by" else around.wanted - named if expr.grouping == "without" else _NONE
    spread = kept - around.outer if around.outer is not None else _NONE
    if around.joined is not None:
        spread &= around.joined
    wanted = kept | named if expr.grouping == "without" else kept
    return replace(
        around, wanted=wanted, kept=tuple(sorted(kept)), spread=around.spread & kept | spread, outer=kept, joined=None
    )


def _arguments(expr: Call, around: _Around) -> Iterator[Leaf]:
    if expr.function in ("label_replace", "label_join"):
        words = [a.value for a in expr.arguments if isinstance(a, String)]
        sources = [word for word in (words[2:3] if expr.function == "label_replace" else words[2:]) if word]
        inner = replace(around, wanted=(around.wanted - {words[0]}) | set(sources))
        for leaf in _leaves(expr.arguments[0], inner):
            yield replace(leaf, alias=(*leaf.alias, *((source, words[0]) for source in sources)))
        return
    if expr.function == "histogram_quantile":
        around = replace(around, wanted=around.wanted | {"le"}, histogram=True)
    if expr.function in functions.SLOPE_FUNCTIONS:
        around = replace(around, counter=True)
    for argument in expr.arguments:
        yield from _leaves(argument, around)


def _sides(expr: Binary, around: _Around) -> Iterator[Leaf]:
    left, right = _wanted(expr, around.wanted)
    for side, labels, other in ((expr.left, left, expr.right), (expr.right, right, expr.left)):
        behind = side is expr.right
        inner = replace(around, wanted=labels)
        if isinstance(other, Number):
            if expr.op in functions.COMPARE and not expr.bool:
                inner = replace(inner, hint=_holding(expr.op, other.value, flipped=behind))
        else:
            # A join shows every series of its sides, so an aggregation further out adds up pairs.
            joined = frozenset(expr.labels) if expr.matching == "on" else labels
            inner = replace(
                inner, kept=None, spread=_NONE, joined=joined if around.joined is None else joined & around.joined
            )
        for leaf in _leaves(side, inner):
            excluding = leaf.excluding or (behind and expr.op == "unless")
            yield replace(leaf, excluding=excluding, gate=leaf.gate or (behind and expr.op == "and"))


def _wanted(expr: Binary, wanted: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The labels that each side of an operator needs."""
    if expr.matching == "ignoring":
        return wanted - set(expr.labels), wanted - set(expr.labels)
    if expr.matching is None:
        return wanted, wanted
    on = frozenset(expr.labels)
    many, one = (wanted - set(expr.include)) | on, on | set(expr.include)
    if expr.op in SET_OPERATORS:
        return many, many if expr.op == "or" else on
    if expr.group is None:
        return on, on
    return (many, one) if expr.group == "left" else (one, many)


def _holding(op: str, number: float, *, flipped: bool) -> float | None:
    """A number x for which `x op number` holds, None where the usual values do."""
    if flipped:
        op = {">": "<", "<": ">", ">=": "<=", "<=": ">="}.get(op, op)
    match op:
        case "==" | ">=" | "<=":
            return number if op == "==" or number else None
        case "!=":
            return number + 1 if number else None
        case "<":
            return number / 2 if number > 0 else number - 1
        case _:
            return None if number == 0 else number + max(1.0, abs(number))
