"""A forecast as the only condition: an empty disk that gets its first big file is "full in four hours"."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, calls, is_filter
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity
from capgen.promql import Binary, walk

CODE = "CG529"


def check(rule: Rule, setting: Setting) -> Iterator[Problem]:
    """A warning unless the alert also asks for a level, in a comparison without a forecast."""
    forecasts = calls(rule.expr, "predict_linear")
    if not rule.alert or not forecasts:
        return
    levels = (node for node in walk(rule.expr) if isinstance(node, Binary) and is_filter(node))
    if not any(not calls(level, "predict_linear") for level in levels):
        yield Problem(CODE, Severity.WARNING, "the forecast alone fires on every short slope, however much is left",
                      "add what is left now: `… and avail / size < 0.2`", forecasts[0])  # fmt: skip
