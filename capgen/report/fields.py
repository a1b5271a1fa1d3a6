"""A field as a person calls it: items of lists by their names, and numbers with the unit that is in the field's name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from capgen.reconcile.paths import lookup
from capgen.reconcile.plan import ABSENT, Change

_PLACE = re.compile(r"\[(\d+)\]")
_NAMES = ("alert", "record", "job_name", "containerName")
_UNITS = (
    ("Utilization", " %"),
    ("Percentage", " %"),
    ("Seconds", " s"),
    ("pollingInterval", " s"),
    ("cooldownPeriod", " s"),
)
_STEPS = {"Percent": " %", "Pods": " pods"}


def named(change: Change, path: str) -> str:
    """The path with `groups[name="a"].rules[CpuWarning]` in the place of `groups[0].rules[3]`, where the object has names."""
    shown, at = "", 0
    for match in _PLACE.finditer(path):
        sides = (lookup(side, path[: match.end()]) for side in (change.after, change.before))
        item = next((one for one in sides if one is not ABSENT), None)
        shown += path[at : match.start()] + f"[{_name(item) or match[1]}]"
        at = match.end()
    return shown + path[at:]


def unit(side: Any, path: str, value: Any) -> str:
    """What a number in a field counts, as its suffix; "" where neither its name nor what stands beside it says so. `side` is the
    document that it is of."""
    if isinstance(value, str) and path.endswith(".averageValue"):
        return " a pod"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    if path.endswith("].value"):
        suffix = _STEPS.get(str(lookup(side, f"{path.removesuffix('value')}type")), "")
        return " pod" if suffix == " pods" and value == 1 else suffix
    return next((suffix for end, suffix in _UNITS if path.endswith(end)), "")


def _name(item: Any) -> str:
    """What an item is called: a rule, a group, a container, or an HPA's metric by what it measures."""
    if not isinstance(item, Mapping):
        return ""
    if isinstance(name := item.get("name"), str):
        return f"name={json.dumps(name, ensure_ascii=False)}"  # as a server spells it, and `kubernetes.ownership`
    if found := next((str(item[key]) for key in _NAMES if isinstance(item.get(key), str)), ""):
        return found
    inside = item.get(str(item.get("type", ""))[:1].lower() + str(item.get("type", ""))[1:])
    if not isinstance(inside, Mapping):
        return ""
    metric = inside.get("metric")
    return str((metric if isinstance(metric, Mapping) else inside).get("name") or "")
