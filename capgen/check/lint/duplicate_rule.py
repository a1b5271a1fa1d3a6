"""The same name and labels twice: records overwrite each other, alerts share one state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capgen.check.problem import Problem, Setting
from capgen.check.rulefile import Rule
from capgen.diagnostics import Severity

CODE = "CG526"


def check(rules: Sequence[Rule], setting: Setting) -> Iterator[tuple[Rule, Problem]]:
    """An error when the expression is the same too; else a warning, since the selectors may be disjoint."""
    seen: dict[tuple[str, str, tuple[tuple[str, str], ...]], Rule] = {}
    for rule in rules:
        key = (rule.kind, rule.name, tuple(sorted(rule.labels.items())))
        first = seen.setdefault(key, rule)
        if first is rule:
            continue
        where = f"the {rule.kind} {rule.name} with these labels is in line {first.node.mark[0]} already"
        if first.expr == rule.expr:
            yield rule, Problem(CODE, Severity.ERROR, where, "remove one of the two", key=(rule.kind,))
        else:
            hint = "give one a label of its own (the band, the kind), or another name"
            yield rule, Problem(CODE, Severity.WARNING, f"{where}, with another expression", hint, key=(rule.kind,))
