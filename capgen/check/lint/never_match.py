"""Two sides of an operator whose label sets can never agree: the result is always empty."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, calls, named
from capgen.diagnostics import Severity
from capgen.promql import Binary, Expr, selectors, walk

CODE = "CG508"


def check(tree: Expr, setting: Setting) -> Iterator[Problem]:
    """An error when one side certainly has a label that the other cannot have, a warning when it may have one."""
    for node in walk(tree):
        if isinstance(node, Binary) and node.op != "or":
            yield from _sides(node, setting)


def _sides(node: Binary, setting: Setting) -> Iterator[Problem]:
    left, right = setting.shape(node.left), setting.shape(node.right)
    if left.kind != "vector" or right.kind != "vector" or left.open or right.open:
        return
    if calls(node, "label_replace", "label_join", "info", "vector", "absent", "absent_over_time"):
        return
    differing = left.labels ^ right.labels
    differing = differing & set(node.labels) if node.matching == "on" else differing - set(node.labels)
    certain = _certain(node.left, setting) | _certain(node.right, setting)
    sure = sorted(differing & certain)
    one, two = named(node.left), named(node.right)
    if sure:
        side, lacking = (one, two) if sure[0] in left.labels else (two, one)
        if side == lacking:
            side, lacking = ("the left side", "the right") if sure[0] in left.labels else ("the right side", "the left")
        keys = ", ".join(sorted((left.labels & right.labels & _grouped(node, setting)) or {"instance"}))
        hint = (
            "remove it from `on`"
            if node.matching == "on"
            else f"say on what they agree, like `{node.op} on ({keys})`, or aggregate both sides by the same labels"
        )
        yield Problem(
            CODE,
            Severity.ERROR,
            f"`{node.op}` never finds a partner: {_list(sure)} is on {side} and not on {lacking}",
            hint,
            node.right,
        )
    elif differing:
        yield Problem(CODE, Severity.WARNING, f"`{node.op}` finds a partner only where no series has {_list(sorted(differing))}, which one side alone keeps",
                      "aggregate both sides by the same labels", node.right)  # fmt: skip
    elif node.matching is None and left.labels >= {"job", "instance"} and (targets := _targets(node, setting)):
        yield Problem(CODE, Severity.ERROR, f"`{node.op}` never finds a partner: {one} comes from {targets[0]} and {two} from {targets[1]}, whose job and instance differ",
                      f"say on what they agree with `{node.op} on (…)`", node.right)  # fmt: skip


def _certain(side: Expr, setting: Setting) -> frozenset[str]:
    """The labels that the series read are sure to have (an unknown metric: those it is grouped by)."""
    if all(setting.facts.of(selector.name) or selector.name in setting.records for selector in selectors(side)):
        own = (
            setting.own_labels(s.name) | {m.name for m in s.matchers if m.op == "=" and m.value}
            for s in selectors(side)
        )
        return frozenset(("job", "instance")).union(*own)
    return setting.shape(side).labels


def _grouped(node: Binary, setting: Setting) -> frozenset[str]:
    return (_certain(node.left, setting) & _certain(node.right, setting)) - {"job"}


def _targets(node: Binary, setting: Setting) -> tuple[str, str] | None:
    left = [setting.facts.of(s.name) for s in selectors(node.left)]
    right = [setting.facts.of(s.name) for s in selectors(node.right)]
    if not left or not right or not all(left) or not all(right):
        return None
    ours, theirs = ({fact.target for facts in side for fact in facts} for side in (left, right))
    if ours & theirs:
        return None
    return tuple(" or ".join(sorted({"/".join(filter(None, target)) for target in side})) for side in (ours, theirs))  # type: ignore[return-value]  # two sides, two texts


def _list(labels: list[str]) -> str:
    return ", ".join(repr(label) for label in labels[:4])
