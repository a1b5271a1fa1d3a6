"""A rule that reads a record of another group, or one recorded after it: it sees the value of the last round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity
from capgen.promql import selectors

CODE = "CG527"


def check(rules: Sequence[Rule], setting: Setting) -> Iterator[tuple[Rule, Problem]]:
    """A warning for each record read so; groups run side by side, the rules of one in order."""
    recorded: dict[str, list[tuple[int, Rule]]] = {}
    for position, rule in enumerate(rules):
        if not rule.alert:
            recorded.setdefault(rule.name, []).append((position, rule))
    for position, rule in enumerate(rules):
        for selector in {s.name: s for s in reversed(selectors(rule.expr))}.values():
            sources = recorded.get(selector.name, [])
            same = [at for at, source in sources if source.group.index == rule.group.index]
            if sources and not same:
                yield rule, Problem(CODE, Severity.WARNING, f"{selector.name} is recorded in the group {sources[0][1].group.name!r}, so this reads the value of an earlier round",
                                    "put the record and what reads it in one group, records first", selector)  # fmt: skip
            elif same and min(same) > position:
                yield (
                    rule,
                    Problem(
                        CODE,
                        Severity.WARNING,
                        f"{selector.name} is recorded after it is read here",
                        "move the record up",
                        selector,
                    ),
                )
