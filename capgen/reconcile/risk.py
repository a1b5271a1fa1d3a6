"""What a reviewer has to see first: changes after which somebody is paged too late, or something cannot scale.

Read from the fields that change, by kind, in words of the field; whatever is in no row is no risk that is known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from capgen.reconcile import meaning
from capgen.reconcile.files import fields_of, kind_of
from capgen.reconcile.plan import ABSENT, Action, Change, FieldChange

_NUMBER = re.compile(r"(?<![\w.:])[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.:\[])")
_COMPARISON = re.compile(r"(>=|<=|>|<)\s*$")
_DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_LOWERED: Mapping[str, str] = {
    ".spec.minReplicas": "lowers the minimum of replicas",
    ".spec.maxReplicas": "lowers the maximum of replicas",
}


def risks(change: Change) -> tuple[str, ...]:
    """Why the change wants a second look, most of all first; () when nothing speaks for that."""
    return tuple(dict.fromkeys(_risks(change)))


def _risks(change: Change) -> Iterator[str]:
    if change.action is Action.DELETE:
        yield "deletes"
    if change.replaces:
        yield "is deleted and made again: for a moment it is not there"
    if change.takes:
        yield "takes a field from " + " and ".join(sorted({field.owner for field in change.fields if field.owner}))
    if change.adopts:
        yield f"takes the object over from {' and '.join(change.adopts)}"
    if change.action is Action.UPDATE:
        for field in fields_of(change):
            yield from _of_field(kind_of(change), field)


def _of_field(kind: str, field: FieldChange) -> Iterator[str]:
    old, new = field.old, field.new
    if kind == "HorizontalPodAutoscaler" and field.path in _LOWERED and _below(new, old):
        yield f"{_LOWERED[field.path]}, {old} → {new}"
    if kind == "HorizontalPodAutoscaler" and field.path.endswith("averageUtilization") and _below(old, new):
        yield f"scales later, at {new} % and no longer at {old} %"
    if kind == "VerticalPodAutoscaler" and ".maxAllowed" in field.path and _smaller(new, old):
        yield f"lowers what a container may get, {old} → {new}"
    if kind == "CronJob" and field.path == ".spec.suspend" and new is True:
        yield "suspends the job"
    if kind in ("ScrapeConfig", "ServiceMonitor") and new is ABSENT and field.path.startswith(".spec."):
        yield f"narrows what is scraped: {field.path} goes"
    if kind == "PrometheusRule":
        yield from _of_rules(field)


def _of_rules(field: FieldChange) -> Iterator[str]:
    for name in sorted(_alerts(field.old) - _alerts(field.new)):
        yield f"the alert {name} goes"
    if field.path.endswith(".for") and _seconds(field.new) > _seconds(field.old):
        yield f"an alert fires later, after {field.new} and no longer after {_shown(field.old)}"
    if field.path.endswith(".expr") and isinstance(field.old, str) and isinstance(field.new, str):
        yield from _loosened(field.old, field.new)
    if field.path.endswith(".labels.severity"):
        yield f"an alert's severity changes, {_shown(field.old)} → {_shown(field.new)}"


def _loosened(old: str, new: str) -> Iterator[str]:
    """A threshold that moved away from where it pages, where the expressions are the same otherwise."""
    if _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
        yield "an alert or a record is computed otherwise"
        return
    for before, after in zip(_NUMBER.finditer(old), _NUMBER.finditer(new), strict=True):
        comparison = _COMPARISON.search(old[: before.start()])
        less, more = float(before[0]), float(after[0])
        if comparison and less != more and (more > less) is (comparison[1][0] == ">"):
            yield f"loosens an alert: {comparison[1]} {before[0]} becomes {comparison[1]} {after[0]}"


def _alerts(value: Any) -> set[str]:
    """The names of the alerts in a rule, a list of rules or a group."""
    if isinstance(value, Mapping):
        named = {str(value["alert"])} if "alert" in value else set()
        return named.union(*(_alerts(child) for child in value.values()))
    if isinstance(value, list):
        return set().union(*(_alerts(item) for item in value))
    return set()


def _below(one: Any, other: Any) -> bool:
    return isinstance(one, int) and isinstance(other, int) and one < other


def _smaller(one: Any, other: Any) -> bool:
    first, second = (meaning.quantity(str(value)) for value in (one, other))
    return first.startswith("=") and second.startswith("=") and float(first[1:]) < float(second[1:])


def _seconds(value: Any) -> float:
    return sum(int(n) * _SECONDS[unit] for n, unit in _DURATION.findall(value)) if isinstance(value, str) else 0.0


def _shown(value: Any) -> str:
    return "nothing" if value is ABSENT else value if isinstance(value, str) else json.dumps(value)
