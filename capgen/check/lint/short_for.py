"""A `for` that is over before the rule was evaluated twice: it waits for nothing."""

from __future__ import annotations

from collections.abc import Iterator

from capgen import units
from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity

CODE = "CG515"


def check(rule: Rule, setting: Setting) -> Iterator[Problem]:
    """A warning below two intervals of the group."""
    interval = rule.group.interval or setting.evaluation_interval
    if 0 < rule.for_ < 2 * interval:
        every, least = units.duration(interval), units.duration(2 * interval)
        yield Problem(CODE, Severity.WARNING, f"`for: {units.duration(rule.for_)}` is over within two evaluations, one every {every}",
                      f"write `for: {least}` or more, or evaluate the group more often", key=("for",))  # fmt: skip
