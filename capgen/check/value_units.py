"""The unit of an expression's value, as far as the catalogue's units tell; None when they do not."""

from __future__ import annotations

from typing import Literal, TypeAlias

from capgen.check.facts import Facts
from capgen.check.problem import is_filter
from capgen.promql import Aggregate, Binary, Call, Expr, Number, Selector, Subquery, Unary, selectors

ValueUnit: TypeAlias = Literal["ratio", "percent", "seconds", "bytes", "bytes_per_second", "per_second", "count"]

_BASE: dict[str, ValueUnit] = {
    "ratio": "ratio",
    "seconds": "seconds",
    "bytes": "bytes",
    "": "count",
    "count": "count",
    "short": "count",
}
_RATES: dict[ValueUnit, ValueUnit] = {"seconds": "ratio", "bytes": "bytes_per_second", "count": "per_second"}
_SAME = frozenset(
    ("increase", "delta", "idelta", "predict_linear", "clamp_min", "clamp_max", "clamp", "abs", "ceil", "floor", "round",
     "avg_over_time", "max_over_time", "min_over_time", "sum_over_time", "last_over_time")
)  # fmt: skip
_KEEPING = frozenset(("sum", "avg", "max", "min", "topk", "bottomk", "quantile", "limitk"))


def unit_of(expr: Expr, facts: Facts) -> ValueUnit | None:
    """The unit of a value: rates of seconds are ratios, the quotient of two equal units is one."""
    match expr:
        case Selector():
            known = {_BASE.get(_metric_unit(expr.name, fact.metric.unit)) for fact in facts.of(expr.name)}
            return known.pop() if len(known) == 1 else None
        case Aggregate():
            if expr.op in ("count", "count_values"):
                return "count"
            inner = unit_of(expr.inner, facts)
            # A sum of shares may pass 1: seconds of CPU a second are cores, not a ratio.
            return None if expr.op not in _KEEPING or (expr.op == "sum" and inner in ("ratio", "percent")) else inner
        case Call():
            return _call(expr, facts)
        case Binary():
            return _binary(expr, facts)
        case Subquery() | Unary():
            return unit_of(expr.inner, facts)
        case _:
            return None


def _metric_unit(name: str, unit: str) -> str:
    return "" if name.endswith(("_count", "_bucket")) else unit


def _call(expr: Call, facts: Facts) -> ValueUnit | None:
    if expr.function in ("count_over_time", "changes", "resets"):
        return "count"
    if expr.function in ("time", "timestamp"):
        return "seconds"
    if expr.function == "histogram_quantile":
        return _histogram(expr.arguments[-1], facts)
    inner = unit_of(expr.arguments[0], facts) if expr.arguments else None
    if expr.function in ("rate", "irate", "deriv"):
        return _RATES.get(inner) if inner else None
    if expr.function == "quantile_over_time":
        return unit_of(expr.arguments[-1], facts)
    return inner if expr.function in _SAME else None


def _histogram(buckets: Expr, facts: Facts) -> ValueUnit | None:
    found = {_BASE.get(fact.metric.unit) for s in selectors(buckets) for fact in facts.of(s.name)}
    return found.pop() if len(found) == 1 else None


def _binary(expr: Binary, facts: Facts) -> ValueUnit | None:
    if expr.op in ("and", "unless") or is_filter(expr):
        return unit_of(expr.left, facts)
    left, right = unit_of(expr.left, facts), unit_of(expr.right, facts)
    if expr.op == "or":
        return left if left == right else None
    if expr.op in ("+", "-"):
        if isinstance(expr.left, Number):
            return right
        return left if left == right or isinstance(expr.right, Number) else None
    if expr.op == "/":
        if left is not None and left == right:
            return "ratio"
        part = _hundredfold(expr.left)
        return "percent" if part is not None and right is not None and unit_of(part, facts) == right else None
    whole = _hundredfold(expr)
    return "percent" if whole is not None and unit_of(whole, facts) == "ratio" else None


def _hundredfold(expr: Expr) -> Expr | None:
    """What is multiplied by 100."""
    if isinstance(expr, Binary) and expr.op == "*":
        for side, other in ((expr.left, expr.right), (expr.right, expr.left)):
            if side == Number(100.0):
                return other
    return None
