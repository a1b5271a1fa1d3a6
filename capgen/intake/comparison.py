"""An alert's expression taken apart as it is written: what is measured, where it gets bad, and under which condition.

The text is cut and not printed anew, so that what is carried over is what people wrote; the parser then confirms that the
pieces are the halves of the expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from capgen import promql
from capgen.promql import COMPARISONS, Aggregate, Binary, Expr, Matcher, Number, Selector, Unary

_TOKEN = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(\#[^\n]*)|([({\[])|([)}\]])|(>=|<=|==|!=|>|<)|([A-Za-z_:][A-Za-z0-9_:]*)""",
    re.DOTALL,
)
_TURNED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}


class Comparison(Struct, frozen=True):
    """`measured op threshold`. `measured` is PromQL, with the condition (`… and …`) in it, as written."""

    measured: str
    tree: Expr
    op: Literal[">", "<", ">=", "<=", "==", "!="]
    threshold: float

    @property
    def worse(self) -> Literal["above", "below"] | None:
        """On which side it gets bad; None for an equality, which has no sides."""
        return "above" if self.op in (">", ">=") else "below" if self.op in ("<", "<=") else None


def taken_apart(text: str) -> Comparison | None:
    """The one comparison with a number that an expression is, or None."""
    text = _without_brackets(" ".join(_without_comments(text).split()))
    tree = promql.parse(text)
    condition = ""
    if isinstance(tree, Binary) and tree.op in ("and", "unless") and isinstance(tree.left, Binary):
        cut = next((c for c in _at_outside(text, ("and", "unless")) if _parses_to(text[: c[0]], tree.left)), None)
        if cut is None:
            return None
        text, condition, tree = text[: cut[0]].strip(), text[cut[0] :].strip(), tree.left
        text = _without_brackets(text)
    if not isinstance(tree, Binary) or tree.op not in COMPARISONS or tree.bool:
        return None
    number, turned = _number(tree.right), False
    if number is None:
        number, turned = _number(tree.left), True
    if number is None:
        return None
    inside = tree.right if turned else tree.left
    for start, end in _at_outside(text, COMPARISONS):
        half = (text[end:] if turned else text[:start]).strip()
        if _parses_to(half, inside):
            measured = f"({half}) {condition}" if condition else half
            op = _TURNED.get(tree.op, tree.op) if turned else tree.op
            return Comparison(measured, promql.parse(measured), op, number)  # type: ignore[arg-type]  # one of COMPARISONS
    return None


def _number(expr: Expr) -> float | None:
    match expr:
        case Number(value=value):
            return value
        case Unary(inner=Number(value=value)):
            return -value
        case Binary(op=op, left=left, right=right) if op in "+-*/":
            a, b = _number(left), _number(right)
            if a is None or b is None or (op == "/" and not b):
                return None
            return {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else 0.0}[op]
        case _:
            return None


def _parses_to(text: str, tree: Expr) -> bool:
    try:
        return promql.parse(text) == tree
    except promql.BadPromQL:
        return False


def _at_outside(text: str, words: tuple[str, ...] | frozenset[str]) -> Iterator[tuple[int, int]]:
    """Where words stand that no bracket or quote encloses."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += bool(token[3]) - bool(token[4])
        if depth == 0 and (token[5] or token[6]) in words:
            yield token.span()


def _without_brackets(text: str) -> str:
    while text.startswith("(") and text.endswith(")"):
        depth = 0
        for token in _TOKEN.finditer(text):
            depth += bool(token[3]) - bool(token[4])
            if depth == 0 and token.end() < len(text):
                return text
        text = text[1:-1].strip()
    return text


def _without_comments(text: str) -> str:
    return _TOKEN.sub(lambda token: " " if token[2] else token[0], text)


def scoped(text: str, is_scope: Callable[[Matcher], bool]) -> str | None:
    """The expression as a template: `$selector` stands in each selector for the matchers that say whose series it reads.

    None where a selector cannot be found in the text.
    """
    names = {selector.name for selector in promql.selectors(promql.parse(text))}
    if "" in names:
        return None
    pieces: list[str] = []
    at, grouping = 0, False
    tokens = list(_TOKEN.finditer(text))
    for number, token in enumerate(tokens):
        after = text[token.end() :].lstrip()
        if (
            token[3] == "("
            and number
            and tokens[number - 1][6] in ("by", "without", "on", "ignoring", "group_left", "group_right")
        ):
            grouping = True
        if token[4]:
            grouping = False
        if token[6] not in names or grouping or token.start() < at or after.startswith("("):
            continue
        if not after.startswith("{"):
            pieces += [text[at : token.end()], "{$selector}"]
            at = token.end()
            continue
        opened = text.index("{", token.end())
        closed = next(t.start() for t in tokens if t[4] == "}" and t.start() > opened)
        selector = promql.parse(f"{token[6]}{text[opened : closed + 1]}")
        if not isinstance(selector, Selector):
            return None
        kept = [f"{m.name}{m.op}{promql.string(m.value)}" for m in selector.matchers if not is_scope(m)]
        pieces += [text[at : token.end()], "{" + ",".join(["$selector", *kept]) + "}"]
        at = closed + 1
    template = "".join([*pieces, text[at:]])
    count = len(promql.selectors(promql.parse(text)))
    return template if template.count("$selector") == count else None


def unscoped_tree(expr: Expr, is_scope: Callable[[Matcher], bool]) -> Expr:
    """The tree without the matchers that say whose series it reads: what two spellings are compared by."""

    match expr:
        case Selector():
            return replace(expr, matchers=tuple(sorted((m for m in expr.matchers if not is_scope(m)), key=repr)))
        case Aggregate():
            parameter = unscoped_tree(expr.parameter, is_scope) if expr.parameter is not None else None
            return replace(expr, inner=unscoped_tree(expr.inner, is_scope), parameter=parameter)
        case Binary():
            return replace(expr, left=unscoped_tree(expr.left, is_scope), right=unscoped_tree(expr.right, is_scope))
        case promql.Call():
            return replace(expr, arguments=tuple(unscoped_tree(a, is_scope) for a in expr.arguments))
        case promql.Subquery() | Unary():
            return replace(expr, inner=unscoped_tree(expr.inner, is_scope))
        case _:
            return expr
