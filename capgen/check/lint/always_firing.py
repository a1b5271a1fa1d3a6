"""An alert without a comparison fires for every series that exists, whatever its value."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, is_filter
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity
from capgen.promql import Aggregate, Binary, Call, Expr, Selector, Unary, selectors

CODE = "CG533"


def check(rule: Rule, setting: Setting) -> Iterator[Problem]:
    """An error unless something in it can be empty while all is well; `vector(1)` (a dead man's switch) may."""
    if rule.alert and selectors(rule.expr) and not _can_be_empty(rule.expr, setting):
        yield Problem(CODE, Severity.ERROR, f"the alert {rule.name} compares nothing, so it fires whenever the metric exists",
                      "compare it: `… > 0.8`", rule.expr)  # fmt: skip


def _can_be_empty(expr: Expr, setting: Setting) -> bool:
    match expr:
        case Binary():
            if is_filter(expr) or expr.op == "unless":
                return True
            return not expr.bool and (_can_be_empty(expr.left, setting) or _can_be_empty(expr.right, setting))
        case Call():
            if expr.function in ("absent", "absent_over_time"):
                return True
            return any(_can_be_empty(argument, setting) for argument in expr.arguments)
        case Aggregate() | Unary():
            return _can_be_empty(expr.inner, setting)
        case Selector():
            return expr.name in setting.records or ":" in expr.name or expr.name in ("ALERTS", "")
        case _:
            return False
