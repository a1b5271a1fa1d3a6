"""An expression as a tree. Parsing is promql-parser's (the Rust port of Prometheus' grammar); its tree is turned into
small frozen types of our own here, and no other module sees the library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import promql_parser
from msgspec import Struct

MAX_LENGTH = 1 << 16
MAX_DEPTH = 60
MAX_OPERATORS = 500
"""The library's time grows with the square of a chain of operators, and it crashes on a very long one."""


class BadPromQL(ValueError):
    """The text is no PromQL expression; the message is the parser's."""


class TooLarge(BadPromQL):
    """More than is read here, though Prometheus may take it."""


class Matcher(Struct, frozen=True):
    """`name op value` inside the braces of a selector."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


class Selector(Struct, frozen=True):
    """`metric{matchers}`, with `range` seconds when it selects a range; `name` is "" when only matched by label."""

    name: str
    matchers: tuple[Matcher, ...]
    range: float | None = None
    offset: float = 0.0


class Number(Struct, frozen=True):
    """A literal number."""

    value: float


class String(Struct, frozen=True):
    """A literal text."""

    value: str


class Call(Struct, frozen=True):
    """A function; `arguments` in order."""

    function: str
    arguments: tuple[Expr, ...]


class Aggregate(Struct, frozen=True):
    """`sum by (labels) (…)`; `grouping` is None for neither by nor without (everything in one)."""

    op: str
    inner: Expr
    grouping: Literal["by", "without"] | None
    labels: tuple[str, ...]
    parameter: Expr | None = None


class Binary(Struct, frozen=True):
    """`left op right`; `matching` is None when all labels have to agree."""

    op: str
    left: Expr
    right: Expr
    matching: Literal["on", "ignoring"] | None
    labels: tuple[str, ...]
    group: Literal["left", "right"] | None
    include: tuple[str, ...]
    bool: bool


class Subquery(Struct, frozen=True):
    """`inner[range:step]`, seconds; `step` is None for the evaluation interval."""

    inner: Expr
    range: float
    step: float | None
    offset: float = 0.0


class Unary(Struct, frozen=True):
    """`-inner` (or `+inner`, which promql-parser does not tell apart)."""

    inner: Expr


Expr: TypeAlias = "Selector | Number | String | Call | Aggregate | Binary | Subquery | Unary"

COMPARISONS = frozenset(("==", "!=", ">", "<", ">=", "<="))
SET_OPERATORS = frozenset(("and", "or", "unless"))

_MATCH_OPS: Mapping[str, Literal["=", "!=", "=~", "!~"]] = {
    "Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~",
}  # fmt: skip


# As the library reads texts, which lets a backslash escape a backtick too.
_TEXTS = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|`(?:[^`\\]|\\.)*`|#[^\n]*", re.DOTALL)
_MATCHERS = re.compile(r"\{[^{}]*\}")
_OPERATOR = re.compile(r"[-+*/%^<>]|[=!]=|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)


@lru_cache(maxsize=1024)
def parse(text: str) -> Expr:
    """The expression's tree. Raises BadPromQL (TooLarge for what is only beyond reading); parentheses leave no trace."""
    if len(text) > MAX_LENGTH:
        raise TooLarge(f"longer than {MAX_LENGTH:,} characters")
    bare = _TEXTS.sub("", text)
    depth = deepest = 0
    for character in bare:
        depth += (character in "({[") - (character in ")}]")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise TooLarge(f"nested deeper than {MAX_DEPTH} brackets")
    if len(_OPERATOR.findall(_MATCHERS.sub("", bare))) > MAX_OPERATORS:
        raise TooLarge(f"of more than {MAX_OPERATORS} operators")
    try:
        return _convert(promql_parser.parse(text))
    except ValueError as error:
        raise BadPromQL(str(error)) from error
    except RecursionError as error:
        raise TooLarge("of too many operators") from error


def _convert(node: Any) -> Expr:
    match type(node).__name__:
        case "ParenExpr":
            return _convert(node.expr)
        case "VectorSelector":
            return _selector(node, None)
        case "MatrixSelector":
            return _selector(node.vector_selector, node.range.total_seconds())
        case "NumberLiteral":
            return Number(float(node.val))
        case "StringLiteral":
            return String(str(node.val))
        case "UnaryExpr":
            return Unary(_convert(node.expr))
        case "Call":
            return Call(node.func.name, tuple(_convert(argument) for argument in node.args))
        case "SubqueryExpr":
            step = node.step.total_seconds() if node.step is not None else None
            return Subquery(_convert(node.expr), node.range.total_seconds(), step, _seconds(node.offset))
        case "AggregateExpr":
            modifier = node.modifier
            grouping: Literal["by", "without"] | None = None
            if modifier is not None:
                grouping = "by" if str(modifier.type).endswith("By") else "without"
            labels = tuple(modifier.labels) if modifier is not None else ()
            parameter = _convert(node.param) if node.param is not None else None
            return Aggregate(str(node.op), _convert(node.expr), grouping, labels, parameter)
        case "BinaryExpr":
            return _binary(node)
        case other:
            raise BadPromQL(f"{other} is not supported here")


def _selector(node: Any, seconds: float | None) -> Selector:
    if node.matchers.or_matchers:
        raise BadPromQL("`or` between matchers is not supported here")
    matchers = tuple(
        Matcher(m.name, _MATCH_OPS[str(m.op).rpartition(".")[2]], m.value)
        for m in node.matchers.matchers
        if not (m.name == "__name__" and node.name)
    )
    return Selector(node.name or "", matchers, seconds, _seconds(node.offset))


def _seconds(offset: Any) -> float:
    return float(offset.total_seconds()) if offset is not None else 0.0


def _binary(node: Any) -> Binary:
    modifier = node.modifier
    matching: Literal["on", "ignoring"] | None = None
    labels: tuple[str, ...] = ()
    group: Literal["left", "right"] | None = None
    include: tuple[str, ...] = ()
    returns_bool = False
    if modifier is not None:
        returns_bool = bool(modifier.return_bool)
        if modifier.matching is not None:
            matching = "on" if str(modifier.matching.type).endswith("Include") else "ignoring"
            labels = tuple(modifier.matching.labels)
        card = str(modifier.card)
        if card.endswith(("ManyToOne", "OneToMany")):
            group = "left" if card.endswith("ManyToOne") else "right"
            include = tuple(modifier.group_labels or ())
    left, right = _convert(node.lhs), _convert(node.rhs)
    return Binary(str(node.op), left, right, matching, labels, group, include, returns_bool)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside one."""
    match expr:
        case Call():
            return expr.arguments
        case Aggregate():
            return (expr.inner,) if expr.parameter is None else (expr.parameter, expr.inner)
        case Binary():
            return (expr.left, expr.right)
        case Subquery() | Unary():
            return (expr.inner,)
        case _:
            return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything inside it, outermost first, left to right."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def selectors(expr: Expr) -> tuple[Selector, ...]:
    """All selectors, left to right."""
    return tuple(node for node in walk(expr) if isinstance(node, Selector))
