"""A rule that reads a record of another group, or one recorded after it: it sees the value of the last round.

What is read over hours is not meant to be of this round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity
from capgen.promql import Expr, Selector, Subquery, children, selectors

CODE = "CG527"
LONG = 3600.0


def check(rules: Sequence[Rule], setting: Setting) -> Iterator[tuple[Rule, Problem]]:
    """A warning for each record read so; groups run side by side, the rules of one in order."""
    recorded: dict[str, list[tuple[int, Rule]]] = {}
    for position, rule in enumerate(rules):
        if not rule.alert:
            recorded.setdefault(rule.name, []).append((position, rule))
    for position, rule in enumerate(rules):
        over_hours = set(map(id, _over_hours(rule.expr)))
        read = [s for s in reversed(selectors(rule.expr)) if id(s) not in over_hours]
        for selector in {s.name: s for s in read}.values():
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


def _over_hours(expr: Expr) -> Iterator[Selector]:
    match expr:
        case Selector(range=float() as range_) | Subquery(range=range_) if range_ >= LONG:
            yield from selectors(expr)
        case _:
            for child in children(expr):
                yield from _over_hours(child)
