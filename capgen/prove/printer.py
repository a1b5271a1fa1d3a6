"""An expression's tree back as PromQL, for rules that are changed on purpose."""

from __future__ import annotations

from capgen.promql import Aggregate, Binary, Call, Expr, Number, Selector, String, Subquery, Unary, string
from capgen.units import duration, number


def text(expr: Expr) -> str:
    """PromQL that parses to the same tree; every operator stands in brackets."""
    match expr:
        case Number():
            return (
                number(expr.value) if expr.value == expr.value and abs(expr.value) != float("inf") else str(expr.value)
            )
        case String():
            return string(expr.value)
        case Unary():
            return f"(-{text(expr.inner)})"
        case Selector():
            inside = ",".join(f"{m.name}{m.op}{string(m.value)}" for m in expr.matchers)
            window = "" if expr.range is None else f"[{duration(expr.range)}]"
            return f"{expr.name}{{{inside}}}{window}{_offset(expr.offset)}"
        case Subquery():
            step = "" if expr.step is None else duration(expr.step)
            return f"{text(expr.inner)}[{duration(expr.range)}:{step}]{_offset(expr.offset)}"
        case Call():
            return f"{expr.function}({', '.join(text(argument) for argument in expr.arguments)})"
        case Aggregate():
            grouping = f" {expr.grouping} ({', '.join(expr.labels)}) " if expr.grouping else ""
            parameter = f"{text(expr.parameter)}, " if expr.parameter is not None else ""
            return f"{expr.op}{grouping}({parameter}{text(expr.inner)})"
        case Binary():
            return f"({text(expr.left)} {expr.op}{_modifiers(expr)} {text(expr.right)})"


def _offset(seconds: float) -> str:
    if not seconds:
        return ""
    return f" offset {'-' if seconds < 0 else ''}{duration(abs(seconds))}"


def _modifiers(expr: Binary) -> str:
    words = " bool" if expr.bool else ""
    if expr.matching is not None:
        words += f" {expr.matching} ({', '.join(expr.labels)})"
    if expr.group is not None:
        words += f" group_{expr.group} ({', '.join(expr.include)})"
    return words
