"""Two rules that mean different things by "CPU used": the panel says 70 %, the alert counts 90 %."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from capgen.check.problem import Problem, Setting, calls
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity
from capgen.promql import Expr, Matcher, Selector

CODE = "CG525"
METRIC, LABEL, REST = "node_cpu_seconds_total", "mode", "idle"
MODES = frozenset(("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"))


def check(rules: Sequence[Rule], setting: Setting) -> Iterator[tuple[Rule, Problem]]:
    """A warning where the modes that count as used differ from those of the file's first such rule."""
    first: tuple[Rule, frozenset[str]] | None = None
    for rule in rules:
        for selector, used in _used(rule.expr):
            if first is None:
                first = (rule, used)
            elif used != first[1]:
                more, less = sorted(used - first[1]), sorted(first[1] - used)
                words = [f"counts {', '.join(more)}" for _ in more[:1]] + [
                    f"leaves out {', '.join(less)}" for _ in less[:1]
                ]
                message = (
                    f"this {' and '.join(words)} as CPU use, unlike {first[0].name} in line {first[0].node.mark[0]}"
                )
                yield (
                    rule,
                    Problem(
                        CODE,
                        Severity.WARNING,
                        message,
                        "decide once: idle, iowait and steal are usually not use",
                        selector,
                        LABEL,
                    ),
                )


def _used(expr: Expr) -> Iterator[tuple[Selector, frozenset[str]]]:
    """The selectors that measure utilisation; single modes (`mode="iowait"`) are a breakdown."""
    for call in calls(expr, "rate", "irate", "increase"):
        for argument in call.arguments:
            if isinstance(argument, Selector) and argument.name == METRIC:
                taken = frozenset(
                    mode for mode in MODES if all(_passes(m, mode) for m in argument.matchers if m.name == LABEL)
                )
                if REST in taken and taken != MODES:
                    yield argument, MODES - taken
                elif len(taken) >= 3 and taken != MODES:
                    yield argument, taken


def _passes(matcher: Matcher, mode: str) -> bool:
    if matcher.op in ("=", "!="):
        return (matcher.value == mode) == (matcher.op == "=")
    try:
        return (re.fullmatch(matcher.value, mode) is not None) == (matcher.op == "=~")
    except re.error:  # RE2 knows what Python does not
        return True
