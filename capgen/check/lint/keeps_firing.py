"""Alerts that all end at the first good sample: around the threshold they fire and resolve in turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity
from capgen.promql import selectors

CODE = "CG531"
FROM = 3


def check(rules: Sequence[Rule], setting: Setting) -> Iterator[tuple[Rule, Problem]]:
    """One note for a file with three alerts on levels or more, of which none has a way to hold on."""
    levels = [rule for rule in rules if rule.alert and rule.for_]
    held = any(rule.keep_firing_for or any(s.name == "ALERTS" for s in selectors(rule.expr)) for rule in rules)
    if len(levels) >= FROM and not held:
        yield levels[0], Problem(CODE, Severity.NOTE, f"none of the {len(levels)} alerts on levels holds on when its value swings around the threshold",
                                 "add `keep_firing_for:` (Prometheus 2.42), or a lower level at which it resolves", key=("alert",))  # fmt: skip
