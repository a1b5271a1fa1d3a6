"""topk() in an alert: who is in the list changes, so alerts resolve and start again with each change."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity
from capgen.promql import Aggregate, Binary, walk

CODE = "CG520"


def check(rule: Rule, setting: Setting) -> Iterator[Problem]:
    """A warning for each aggregation that picks series; as a side of a `group_left` it only removes doubles."""
    if not rule.alert:
        return
    joins = [node for node in walk(rule.expr) if isinstance(node, Binary) and node.group is not None]
    for node in walk(rule.expr):
        if any(node is join.left or node is join.right for join in joins):
            continue
        if isinstance(node, Aggregate) and node.op in ("topk", "bottomk", "limitk", "limit_ratio"):
            yield Problem(CODE, Severity.WARNING, f"{node.op}() picks other series each time, so the alert's `for` starts over",
                          "compare with a threshold instead; use max by (…) to remove doubles", node)  # fmt: skip
