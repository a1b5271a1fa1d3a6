"""A quantile over buckets that are no longer told apart, or that count since the start of time."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, calls
from capgen.diagnostics import Severity
from capgen.promql import Expr, selectors

CODE = "CG517"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """An error when `le` is aggregated away, a warning when the buckets are not rated."""
    for call in calls(tree, "histogram_quantile", "histogram_fraction"):
        buckets = call.arguments[-1]
        names = [s.name for s in selectors(buckets)]
        if not names or not all(name.endswith("_bucket") for name in names):
            continue  # native histograms have no le
        shape = setting.shape(buckets)
        if not shape.open and "le" not in shape.labels:
            yield Problem(CODE, Severity.ERROR, f"{call.function}() gets no label 'le', so its result is always empty",
                          "keep it: `sum by (le, …) (rate(…_bucket[…]))`", call)  # fmt: skip
        elif not any(s.range is not None for s in selectors(buckets)):
            yield Problem(CODE, Severity.WARNING, f"{call.function}() over {names[0]} as it is describes all time since the last restart",
                          "take rate() of the buckets first", call)  # fmt: skip
