"""Risks of alerts and records: one that goes, is looser, later, or tells other people; and numbers nobody records any more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from capgen.reconcile.plan import ABSENT, FieldChange

GRAVITY = ("emergency", "critical", "page", "error", "warning", "info", "none")
"""Severities, the one that wakes people first."""
_NUMBER = re.compile(r"(?<![\w.:])[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.:\[])")
_COMPARISON = re.compile(r"(>=|<=|==|!=|>|<)(?:\s*bool)?\s*$")
_DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_RULE = re.compile(
    r"\.rules\[(?P<name>.*)\]\.(?P<field>expr|for|alert|record|keep_firing_for|labels\.[^.]+|labels|limit)$"
)
_GROUP = re.compile(r"\.groups\[name=\"(?P<name>[^\"]*)\"\]\.(?P<field>interval|limit|query_offset)$")


def risks(field: FieldChange, *, whole: bool) -> Iterator[tuple[str, str]]:
    """What is risky about a field of rules. Without `whole` the field may be of anything, and only what is in a group counts."""
    if not whole and ".groups" not in field.path:
        return
    old, new = field.old, field.new
    for name in sorted(_names(old, "alert") - _names(new, "alert")):
        yield f"the alert {name} goes", ""
    for name in sorted(_names(old, "record") - _names(new, "record")):
        yield f"the record {name} goes", ""
    rule, group = _RULE.search(field.path), _GROUP.search(field.path)
    if group and group["field"] == "interval" and seconds(new) > seconds(old) > 0:
        yield f"a group is evaluated less often, every {new} and no longer every {old}", group["name"]
    elif group and group["field"] == "limit" and _lower(new, old):
        yield f"a group gives up above {new} series", group["name"]
    elif rule:
        yield from _of_rule(rule["name"], rule["field"], old, new)


def _of_rule(name: str, field: str, old: Any, new: Any) -> Iterator[tuple[str, str]]:
    if field == "for" and seconds(new) > seconds(old):
        yield f"an alert fires later, after {new} and no longer after {shown(old)}", name
    elif field == "expr" and isinstance(old, str) and isinstance(new, str):
        for sentence in _loosened(old, new):
            yield sentence, name
    elif field == "labels.severity":
        if _less_grave(old, new):
            yield f"an alert's severity goes down, {shown(old)} → {shown(new)}", name
    elif field.startswith("labels.") and old is not ABSENT and field != "labels.level":
        yield f"the label {field[7:]} changes, {shown(old)} → {shown(new)}: routes and readers go by it", name


def _less_grave(old: Any, new: Any) -> bool:
    """Whether a severity is lower than it was; of one that is not known it is said."""
    if old in GRAVITY and new in GRAVITY:
        return GRAVITY.index(new) > GRAVITY.index(old)
    return old is not ABSENT


def _loosened(old: str, new: str) -> Iterator[str]:
    """A threshold that moved away from where it pages, where the expressions are the same otherwise."""
    old, new = (" ".join(side.split()) for side in (old, new))
    if _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
        if old != new:
            yield "an alert or a record is computed otherwise"
        return
    for before, after in zip(_NUMBER.finditer(old), _NUMBER.finditer(new), strict=True):
        comparison = _COMPARISON.search(old[: before.start()])
        less, more = float(before[0]), float(after[0])
        if comparison is None or less == more:
            continue
        if comparison[1] in ("==", "!="):
            yield f"an alert waits for another number: {comparison[1]} {before[0]} becomes {comparison[1]} {after[0]}"
        elif (more > less) is (comparison[1][0] == ">"):
            yield f"loosens an alert: {comparison[1]} {before[0]} becomes {comparison[1]} {after[0]}"


def _names(value: Any, key: str) -> set[str]:
    """The names of the alerts, or of the records, in a rule, a list of rules or a group."""
    if isinstance(value, Mapping):
        named = {str(value[key])} if key in value else set()
        return named.union(*(_names(child, key) for child in value.values()))
    if isinstance(value, list):
        return set().union(*(_names(item, key) for item in value))
    return set()


def _lower(new: Any, old: Any) -> bool:
    once, now = (float("inf") if side in (ABSENT, 0) else side for side in (old, new))
    return isinstance(now, (int, float)) and isinstance(once, (int, float)) and now < once


def seconds(value: Any) -> float:
    """A duration as Prometheus writes it; 0 for none."""
    return sum(int(n) * _SECONDS[unit] for n, unit in _DURATION.findall(value)) if isinstance(value, str) else 0.0


def shown(value: Any) -> str:
    """A value in a sentence."""
    return "nothing" if value is ABSENT else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
