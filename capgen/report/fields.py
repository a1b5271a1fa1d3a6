"""A field as a person calls it: items of lists by their names, and numbers with the unit that is in the field's name."""

from __future__ import annotations

from typing import Any

from capgen.reconcile import paths
from capgen.reconcile.paths import lookup
from capgen.reconcile.plan import Change

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
    return paths.named(path, change.after, change.before)


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
