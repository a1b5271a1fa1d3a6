"""A threshold that a histogram's quantile cannot reach: it is capped at the largest finite bucket."""

from __future__ import annotations

from collections.abc import Iterator

from capgen import units
from capgen.check.problem import Problem, Setting, calls
from capgen.diagnostics import Severity
from capgen.promql import Binary, Call, Expr, Number, Selector, selectors, walk

CODE = "CG516"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """An error where the buckets are known, a warning where an application may have set its own."""
    for node in walk(tree):
        if (
            isinstance(node, Binary)
            and node.op in (">", ">=")
            and isinstance(node.left, Call)
            and isinstance(node.right, Number)
        ):
            yield from _quantile(node, node.left, node.right.value, setting)
        if isinstance(node, Selector):
            yield from _exact(node, setting)


def _quantile(node: Binary, call: Call, threshold: float, setting: Setting) -> Iterator[Problem]:
    for quantile in calls(call, "histogram_quantile"):
        for name in (s.name for s in selectors(quantile)):
            largest = max((bound for fact in setting.facts.of(name) for bound in fact.metric.buckets), default=None)
            if largest is None or threshold < largest or (threshold == largest and node.op == ">="):
                continue
            severity = Severity.WARNING if any(fact.open for fact in setting.facts.of(name)) else Severity.ERROR
            yield Problem(CODE, severity, f"the quantile of {name} never gets above its largest bucket, {units.number(largest)}",
                          f"choose a threshold below {units.number(largest)}, or larger buckets", quantile)  # fmt: skip


def _exact(selector: Selector, setting: Setting) -> Iterator[Problem]:
    """`le="0.3"` where no bucket has that bound."""
    bounds = {bound for fact in setting.facts.of(selector.name) for bound in fact.metric.buckets}
    for matcher in selector.matchers:
        if matcher.name != "le" or matcher.op != "=" or not bounds:
            continue
        try:
            bound = float(matcher.value)
        except ValueError:
            bound = float("nan")
        if bound not in bounds and bound != float("inf"):
            severity = (
                Severity.WARNING if any(fact.open for fact in setting.facts.of(selector.name)) else Severity.ERROR
            )
            known = ", ".join(units.number(each) for each in sorted(bounds))
            yield Problem(
                CODE,
                severity,
                f"{selector.name} has no bucket le={matcher.value!r}",
                f"its bounds: {known}",
                selector,
                "le",
            )
