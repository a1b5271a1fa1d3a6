"""Whether the rules that a Prometheus evaluates are the ones that were delivered, and not those of before.

A group keeps its name when its rules change, so its health says nothing of that. Prometheus prints expressions in its own
way, and an operator may hold every selector to a namespace: they are compared as trees, and more matchers or labels than were
delivered do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from msgspec import Struct

from capgen import units
from capgen.promql import tree
from capgen.reconcile.packed import unpacked
from capgen.reconcile.plan import Document, Plan

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MARKS = ("\ngroups:", "\nkind: PrometheusRule")
_MOST = 3

Rules = Sequence[Mapping[str, Any]]


def delivered(plan: Plan) -> dict[str, Rules]:
    """The rules of each group that the plan wants, by the group's name, as its objects or files have them."""
    return {
        str(group["name"]): tuple(group.get("rules") or ())
        for change in plan.changes
        for document in _documents(change.after)
        for group in _groups(document)
    }


def differences(wanted: Rules, there: Rules) -> tuple[str, ...]:
    """What Prometheus (`there`, as its API tells rules) does otherwise than was delivered; a few of it when it is much."""
    if len(wanted) != len(there):
        return (f"Prometheus has {len(there)} rules of it, and {len(wanted)} were delivered",)
    found = [told for pair in zip(wanted, there, strict=True) if (told := _difference(*pair))]
    more = [f"and {len(found) - _MOST} rules more that are not as they were delivered"] if len(found) > _MOST else []
    return (*found[:_MOST], *more)


def _documents(after: Document | str | None) -> Iterator[Any]:
    if isinstance(after, Mapping):
        yield unpacked(after)
    elif after and any(mark in f"\n{after}" for mark in _MARKS):
        yield from yaml.load_all(after, Loader=_LOADER)


def _groups(document: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(document, Mapping):
        return ()
    holder = document.get("spec") if document.get("kind") == "PrometheusRule" else document
    groups = holder.get("groups") if isinstance(holder, Mapping) else None
    return [g for g in groups if isinstance(g, Mapping) and "name" in g] if isinstance(groups, list) else ()


def _difference(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """How one rule is not as it was delivered, "" when it is."""
    name = str(wanted.get("alert") or wanted.get("record"))
    if there.get("name") != name:
        return f"{name}: Prometheus has {there.get('name')} in its place"
    if not _same_query(str(wanted.get("expr", "")), str(there.get("query", ""))):
        return f"{name}: Prometheus evaluates another expression: {there.get('query')}"
    for key, told in (("for", "duration"), ("keep_firing_for", "keepFiringFor")):
        seconds = _seconds(wanted.get(key) or 0)
        if "alert" in wanted and seconds is not None and seconds != float(there.get(told) or 0):
            return f"{name}: {key} is {units.duration(float(there.get(told) or 0))} in Prometheus, and not {wanted.get(key, '0s')}"
    has = there.get("labels") or {}
    for label, value in (wanted.get("labels") or {}).items():
        if has.get(label) != str(value):
            return f"{name}: the label {label} is {has.get(label)!r} in Prometheus, and not {str(value)!r}"
    return ""


def _seconds(said: Any) -> float | None:
    try:
        return units.parse(str(said), "seconds") if said else 0.0
    except units.BadQuantity:
        return None


def _same_query(wanted: str, there: str) -> bool:
    if wanted == there:
        return True
    try:
        return _is(tree.parse(wanted), tree.parse(there))
    except tree.BadPromQL:
        return True  # what is not read here cannot be told apart


def _is(wanted: Any, there: Any) -> bool:
    """Whether a tree is the same, but for more matchers."""
    if type(wanted) is not type(there):
        return False
    if isinstance(wanted, tuple):
        return len(wanted) == len(there) and all(map(_is, wanted, there))
    if not isinstance(wanted, Struct):
        return bool(wanted == there)
    if isinstance(wanted, tree.Selector):
        fields = (wanted.name, wanted.range, wanted.offset) == (there.name, there.range, there.offset)
        return fields and set(wanted.matchers) <= set(there.matchers)
    return all(_is(getattr(wanted, name), getattr(there, name)) for name in wanted.__struct_fields__)
