"""`or vector(0)` beside labelled series: the zero has no labels, so it joins nothing and routes nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting
from capgen.diagnostics import Severity
from capgen.promql import Binary, Call, Expr, Number, walk

CODE = "CG512"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """A warning unless the left side has no labels either (a plain `sum(…)`)."""
    for node in walk(tree):
        if not isinstance(node, Binary) or node.op != "or" or node.matching is not None:
            continue
        if (
            isinstance(node.right, Call)
            and node.right.function == "vector"
            and isinstance(node.right.arguments[0], Number)
        ):
            left = setting.shape(node.left)
            if left.kind == "vector" and (left.labels or left.open):
                yield Problem(CODE, Severity.WARNING, "`or vector(0)` adds a series without labels beside the labelled ones",
                              "fill with `or 0 * sum by (…) (…)` of the total, which has the labels", node.right)  # fmt: skip
