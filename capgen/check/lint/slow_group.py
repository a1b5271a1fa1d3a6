"""A group evaluated less often than every 5 minutes: between two rounds its series are stale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capgen import units
from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity

CODE = "CG528"
LOOKBACK = 300.0


def check(rules: Sequence[Rule], setting: Setting) -> Iterator[tuple[Rule, Problem]]:
    """A warning for each such group, at its interval."""
    seen: set[int] = set()
    for rule in rules:
        interval = rule.group.interval
        if interval is not None and interval > LOOKBACK and rule.group.index not in seen:
            seen.add(rule.group.index)
            yield rule, Problem(CODE, Severity.WARNING, f"evaluated every {units.duration(interval)}, the group's results are stale after 5m",
                                "write `interval: 5m` or less", key=("group", "interval"))  # fmt: skip
