"""A counter's function on a gauge: every fall is taken for a restart, so the result is made up."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, calls
from capgen.diagnostics import Severity
from capgen.promql import Expr, Selector

CODE = "CG504"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """An error for each; an unknown or untyped metric is left alone, since suffixes lie."""
    for call in calls(tree, "rate", "increase", "irate", "resets"):
        for argument in call.arguments:
            if (
                isinstance(argument, Selector)
                and (types := setting.facts.types(argument.name))
                and types <= {"gauge", "summary"}
            ):
                use = {"rate": "deriv()", "irate": "deriv()", "increase": "delta()", "resets": "changes()"}[
                    call.function
                ]
                kind = "gauge" if "gauge" in types else "summary's quantile"
                yield Problem(CODE, Severity.ERROR, f"{call.function}() needs a counter, and {argument.name} is a {kind}",
                              f"compare it as it is, or use {use}", argument)  # fmt: skip
