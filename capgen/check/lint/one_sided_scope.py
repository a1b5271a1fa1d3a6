"""A ratio whose numerator is scoped to a job or service and whose denominator is not (or the other way)."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, named
from capgen.diagnostics import Severity
from capgen.promql import Binary, Expr, selectors, walk

CODE = "CG510"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """A warning for labels of the target; a label of the metric (`code=~"5.."`) is what makes it a share."""
    for node in walk(tree):
        if not isinstance(node, Binary) or node.op != "/":
            continue
        left, right = _scope(node.left, setting), _scope(node.right, setting)
        if left is None or right is None:
            continue
        # What `on (…)` names is compared: the other side's series without a partner fall out.
        agreed = set(node.labels) if node.matching == "on" else set()
        for label in sorted((left ^ right) - agreed):
            scoped, free = (node.left, node.right) if label in left else (node.right, node.left)
            yield Problem(CODE, Severity.WARNING, f"{named(scoped)} is selected by {label!r}, and {named(free)}, which it is divided with, is not",
                          "give both sides of the ratio the same selector", free)  # fmt: skip


def _scope(side: Expr, setting: Setting) -> frozenset[str] | None:
    """The target's labels by which all that a side reads is selected; None when it reads nothing."""
    read = selectors(side)
    if not read:
        return None
    scopes = (
        {
            m.name
            for m in s.matchers
            if m.name != "__name__"
            and m.name not in setting.own_labels(s.name)
            and m.name in setting.facts.target_labels
        }
        for s in read
    )
    return frozenset(set.intersection(*scopes))
