"""A counter compared as it is: the total since the last restart says nothing about now."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, is_filter
from capgen.diagnostics import Severity
from capgen.promql import Aggregate, Binary, Expr, Number, Selector, walk

CODE = "CG532"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """A warning when a known counter, or a sum of one, is compared with a number other than zero.

    `> 0` and `== 0` ask whether there was ever one, which is a fair question.
    """
    for node in walk(tree):
        if not isinstance(node, Binary) or not is_filter(node):
            continue
        for side, other in ((node.left, node.right), (node.right, node.left)):
            while isinstance(side, Aggregate) and side.op in ("sum", "max", "min", "avg"):
                side = side.inner
            if (
                isinstance(side, Selector)
                and isinstance(other, Number)
                and other.value
                and setting.facts.types(side.name) == {"counter"}
            ):
                yield Problem(CODE, Severity.WARNING, f"the counter {side.name} is compared as it is, counting since the last restart",
                              "compare its rate() or increase()", side)  # fmt: skip
