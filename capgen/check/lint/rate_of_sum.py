"""A rate over what was summed before: when one instance restarts, the sum falls and the rate leaps."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, calls
from capgen.diagnostics import Severity
from capgen.promql import Aggregate, Binary, Expr, Selector, Subquery

CODE = "CG519"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """An error for a subquery over an aggregate; for a recorded series a warning, by its name."""
    for call in calls(tree, "rate", "irate", "increase"):
        inner = call.arguments[0]
        if isinstance(inner, Subquery) and isinstance(inner.inner, (Aggregate, Binary)):
            yield Problem(CODE, Severity.ERROR, f"{call.function}() over a sum takes the restart of one instance for a leap of all",
                          f"rate first, then sum: `sum({call.function}(…))`", call)  # fmt: skip
        elif isinstance(inner, Selector) and (inner.name in setting.records or ":" in inner.name):
            yield Problem(CODE, Severity.WARNING, f"{call.function}() over the recorded {inner.name}, which is no counter any more",
                          "record the rate and sum that", inner)  # fmt: skip
