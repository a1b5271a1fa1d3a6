"""Incidents as people list them: a YAML list, or CSV with the same columns, like the calendar of events.

    - {name: checkout was down, start: 2026-11-03T09:12Z, end: 2026-11-03T10:40Z, service: shop}

`service` says whose alerts count; without it those of all services do. A date alone as `end` is that whole day.
"""

from __future__ import annotations

from capgen.history.calendar_file import listed
from capgen.yamlio import Source

KEYS = ("name", "start", "end", "service")
EXAMPLE = "{name: checkout was down, start: 2026-11-03T09:12Z, end: 2026-11-03T10:40Z}"


def read_incidents(source: Source) -> tuple[tuple[str, float, float, str], ...]:
    """Name, begin, end and service in the order of their begin. Raises Findings with the place of every mistake."""
    rows = listed(source, KEYS, code="CG960", example=EXAMPLE)
    found = [(name, begin, end, str(cells.get("service") or "")) for name, begin, end, cells in rows]
    return tuple(sorted(found, key=lambda row: (row[1], row[2], row[0], row[3])))
