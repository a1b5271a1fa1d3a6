"""A field as a person calls it: items of lists by their names, and numbers with the unit that is in the field's name."""

from __future__ import annotations

import re
from typing import Any

from capgen.reconcile.names import names_in
from capgen.reconcile.paths import lookup
from capgen.reconcile.plan import ABSENT, Change

_PLACE = re.compile(r"\[(\d+)\]")
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
        side = next((s for s in (change.after, change.before) if lookup(s, path[: match.end()]) is not ABSENT), None)
        items, within = lookup(side, path[: match.start()]), path[: match.start()].rpartition(".")[2]
        name = names_in(within, items)[int(match[1])] if isinstance(items, list) else ""
        shown += path[at : match.start()] + f"[{name or match[1]}]"
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
