"""topk() in an alert: who is in the list changes, so alerts resolve and start again with each change."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity
from capgen.promql import Aggregate, walk

CODE = "CG520"


def check(rule: Rule, setting: Setting) -> Iterator[Problem]:  # noqa: ARG001  # one signature for all
    """A warning for each aggregation that picks series; `topk(1, …)` inside a join only removes doubles."""
    if not rule.alert:
        return
    for node in walk(rule.expr):
        if isinstance(node, Aggregate) and node.op in ("topk", "bottomk", "limitk", "limit_ratio"):
            yield Problem(CODE, Severity.WARNING, f"{node.op}() picks other series each time, so the alert's `for` starts over",
                          "compare with a threshold instead; use max by (…) to remove doubles", node)  # fmt: skip
