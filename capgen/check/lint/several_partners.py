"""`on (…)` that leaves several series on a side: Prometheus stops with "many-to-many matching not allowed"."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, calls, named
from capgen.diagnostics import Severity
from capgen.promql import SET_OPERATORS, Binary, Expr, selectors, walk

CODE = "CG509"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """A warning for a side that has to be unique and has a label of several values outside `on`."""
    for node in walk(tree):
        if not isinstance(node, Binary) or node.op in SET_OPERATORS or node.matching is None:
            continue
        if calls(node, "label_replace", "label_join"):
            continue
        ones = [side for side, many in ((node.left, "left"), (node.right, "right")) if node.group != many]
        for side in ones:
            labels = sorted(_varying(side, setting) & _outside(node, side, setting))
            if labels:
                keys = ", ".join(node.labels) if node.matching == "on" else "…"
                yield Problem(CODE, Severity.WARNING, f"`{node.op}` fails when {named(side)} has more than one {labels[0]!r} for the same labels",
                              f"reduce that side first: `max by ({keys}) (…)`", side)  # fmt: skip


def _varying(side: Expr, setting: Setting) -> frozenset[str]:
    """Labels of which one target's series have several values, and that no matcher fixes."""
    found: set[str] = set()
    for selector in selectors(side):
        fixed = {m.name for m in selector.matchers if m.op in ("=", "=~")}
        found |= {
            label for fact in setting.facts.of(selector.name) for label, count in fact.labels.items() if count > 1
        } - fixed
    return frozenset(found)


def _outside(node: Binary, side: Expr, setting: Setting) -> frozenset[str]:
    shape = setting.shape(side)
    if shape.kind != "vector" or shape.open:
        return frozenset()
    return shape.labels - set(node.labels) if node.matching == "on" else shape.labels & set(node.labels)
