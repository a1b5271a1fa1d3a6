"""Two versions of a dashboard, told by panel: nobody reviews ten thousand lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def by_panel(old: Any, new: Any) -> list[str] | None:
    """What changed, a line a panel; None when the two are not both dashboards in classic JSON."""
    before, after = _dashboard(old), _dashboard(new)
    if before is None or after is None:
        return None
    return list(_lines(before, after)) or ["nothing that can be seen"]


def _lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    was, now = _panels(before), _panels(after)
    for title in (title for title in was if title not in now):
        yield f"- panel {title}"
    for title, panel in now.items():
        if title not in was:
            yield f"+ panel {title}"
        elif changed := sorted(
            key for key in panel.keys() | was[title].keys() if panel.get(key) != was[title].get(key)
        ):
            yield f"~ panel {title}: {', '.join(_told(key, was[title].get(key), panel.get(key)) for key in changed)}"
    rest = sorted(
        key for key in (before.keys() | after.keys()) - {"panels", "version"} if before.get(key) != after.get(key)
    )
    if rest:
        yield f"~ dashboard: {', '.join(rest)}"


def _told(key: str, old: Any, new: Any) -> str:
    if key == "targets":
        queries = [[str(target.get("expr", "")) for target in side or ()] for side in (old, new)]
        moved = sum(a != b for a, b in zip(*queries, strict=False)) + abs(len(queries[0]) - len(queries[1]))
        return f"{moved} {'query' if moved == 1 else 'queries'}" if moved else "queries' options"
    return {"fieldConfig": "units, thresholds or colours", "gridPos": "place"}.get(key, key)


def _panels(dashboard: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By title, panels of rows too; of two with one title the later one gets its number."""
    found: dict[str, Mapping[str, Any]] = {}
    for panel in dashboard["panels"]:
        for one in (panel, *(panel.get("panels") or ())):
            title = str(one.get("title") or one.get("type"))
            named = title if title not in found else f"{title} ({one.get('id')})"
            found[named] = {key: value for key, value in one.items() if key != "panels"}
    return found


def _dashboard(value: Any) -> Mapping[str, Any] | None:
    if not (isinstance(value, str) and value.lstrip().startswith("{") and '"panels"' in value):
        return None
    try:
        data = json.loads(value)
    except (ValueError, RecursionError):
        return None
    panels = data.get("panels") if isinstance(data, dict) else None
    return data if isinstance(panels, list) and all(isinstance(panel, dict) for panel in panels) else None
