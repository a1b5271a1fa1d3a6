"""A gauge's function on a counter: a restart looks like a fall, and a total never comes back down."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, calls
from capgen.diagnostics import Severity
from capgen.promql import Expr, Selector

CODE = "CG505"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """An error for a known counter; for an unknown name that ends in `_total` a warning."""
    for call in calls(tree, "deriv", "delta", "idelta", "predict_linear"):
        for argument in call.arguments:
            if not isinstance(argument, Selector):
                continue
            types = setting.facts.types(argument.name)
            use = "use increase()" if "delta" in call.function else "use rate()"
            if types and types <= {"counter"}:
                yield Problem(
                    CODE,
                    Severity.ERROR,
                    f"{call.function}() needs a gauge, and {argument.name} is a counter",
                    use,
                    argument,
                )
            elif not types and argument.name.endswith("_total"):
                yield Problem(
                    CODE,
                    Severity.WARNING,
                    f"{call.function}() needs a gauge, and {argument.name} is named like a counter",
                    use,
                    argument,
                )
