"""An average of ratios or quantiles: a host with ten requests weighs as much as one with ten million."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting
from capgen.diagnostics import Severity
from capgen.promql import Aggregate, Binary, Expr, Number, selectors, walk

CODE = "CG518"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """A warning for `avg` and `sum` over a division of two vectors, or over a summary's quantile."""
    for node in walk(tree):
        if not isinstance(node, Aggregate) or node.op not in ("avg", "sum"):
            continue
        what = "an average" if node.op == "avg" else "a sum"
        if _ratio(node.inner, setting):
            yield Problem(CODE, Severity.WARNING, f"{what} of ratios is no ratio of the whole",
                          "divide the sums: `sum(…) / (sum(…) > 0)`", node)  # fmt: skip
        elif any(m.name == "quantile" for s in selectors(node.inner) for m in s.matchers):
            yield Problem(CODE, Severity.WARNING, f"{what} of quantiles is no quantile of the whole",
                          "take max(), or a histogram", node)  # fmt: skip


def _ratio(inner: Expr, setting: Setting) -> bool:
    """Whether the value is a share: `a / b`, `1 - a / b`, `100 * a / b`."""
    while isinstance(inner, Binary) and inner.op in ("*", "-") and Number in (type(inner.left), type(inner.right)):
        inner = inner.right if isinstance(inner.left, Number) else inner.left
    if not isinstance(inner, Binary) or inner.op != "/":
        return False
    return setting.shape(inner.left).kind == "vector" and setting.shape(inner.right).kind == "vector"
