"""A field as a person calls it: items of lists by their names, and numbers with the unit that is in the field's name."""

from __future__ import annotations

import re
from typing import Any

from capgen.reconcile.paths import called, lookup
from capgen.reconcile.plan import ABSENT, Change

_PLACE = re.compile(r"\[(\d+)\]")
_UNITS = (("Utilization", " %"), ("Percentage", " %"), ("Seconds", " s"))


def named(change: Change, path: str) -> str:
    """The path with `groups[name="a"].rules[CpuWarning]` in the place of `groups[0].rules[3]`, where the object has names."""
    shown, at = "", 0
    for match in _PLACE.finditer(path):
        sides = (lookup(side, path[: match.end()]) for side in (change.after, change.before))
        item = next((one for one in sides if one is not ABSENT), None)
        shown += path[at : match.start()] + f"[{called(item) or match[1]}]"
        at = match.end()
    return shown + path[at:]


def unit(path: str, value: Any) -> str:
    """What a number in a field counts, as its suffix; "" where the name does not say it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    return next((suffix for end, suffix in _UNITS if path.endswith(end)), "")
