"""absent() over what has lost its labels: the alert says that something is missing and not what."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, calls
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity

CODE = "CG513"
TELLS_NOTHING = frozenset(("severity", "priority", "level"))


def check(rule: Rule, setting: Setting) -> Iterator[Problem]:
    """A warning unless the selector's equality matchers or the rule's own labels say whose metric it is."""
    if not rule.alert or set(rule.labels) - TELLS_NOTHING:
        return
    for call in calls(rule.expr, "absent", "absent_over_time"):
        if not setting.shape(call).labels:
            yield Problem(CODE, Severity.WARNING, f"{call.function}() keeps only the labels of `=` matchers, and here are none",
                          f"select the metric by {call.function}(metric{{job=\"…\"}}), or add static labels to the rule", call)  # fmt: skip
