"""PromQL as a tree: what an expression reads, and by which labels its result is told apart.

Parsing is promql-parser's (the Rust port of Prometheus' grammar); what is ours is the inference on top. A
rule generator knows its metrics, so it can prove offline what other linters ask a live Prometheus for: that
both sides of an operator can match, and that an annotation's label exists. The tree of the library is turned
into small frozen types of our own here, and no other module sees the library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
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


@lru_cache(maxsize=4096)
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


# --- the labels of a result -------------------------------------------------------------------------------


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


# --- placeholders -----------------------------------------------------------------------------------------

_FILLED = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)?\{\s*\$selector\b|\$([a-z_][a-z0-9_]*)")
_PLACEHOLDER = re.compile(r"\$([a-z_][a-z0-9_]*)")


def placeholders(template: str) -> tuple[str, ...]:
    """The names after `$` in a template, each once, sorted."""
    return tuple(sorted(set(_PLACEHOLDER.findall(template))))


def fill(template: str, selector_of: Callable[[str], str], values: Mapping[str, str]) -> str:
    """A template as PromQL: `metric{$selector` gets the matchers for that metric, `$name` its value.

    White space is folded, so that a template may be written over several lines. Raises KeyError with the
    name of a placeholder that has no value.
    """
    pieces = _pieces(template)
    filled = [pieces[0]]
    for metric, name, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        filled += (values[name] if name else f"{metric or ''}{{{selector_of(metric or '')}", text)
    return "".join(filled)


@lru_cache(maxsize=4096)
def _pieces(template: str) -> tuple[str, ...]:
    """Text, metric, placeholder, text, …: every template is filled for many services."""
    # Folded before anything is put in: what a spec's matcher says keeps its spaces, and its dollars.
    folded = " ".join(template.split()).replace("( ", "(").replace(" )", ")")
    return tuple(_FILLED.split(folded))


@lru_cache(maxsize=4096)  # every selector names the service
def string(text: str) -> str:
    """The text as a PromQL string literal in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    if not escaped.isprintable():
        escaped = "".join(c if c.isprintable() or ord(c) > 255 else f"\\x{ord(c):02x}" for c in escaped)
    return f'"{escaped}"'


def matchers(pairs: Mapping[str, str], regexes: Mapping[str, str] | None = None) -> str:
    """The inside of a selector's braces: equality matchers, then regular expressions, each sorted by name."""
    found = [f"{name}={string(value)}" for name, value in sorted(pairs.items())]
    if regexes:
        found += [f"{name}=~{string(value)}" for name, value in sorted(regexes.items())]
    return ",".join(found)
