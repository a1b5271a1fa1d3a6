"""The calendar of known events as people write it: a YAML list, or CSV with the same columns.

    - {name: Black Friday, start: 2026-11-27, end: 2026-11-27, multiplier: 2.5}
    - {name: migration, start: 2026-03-01T02:00Z, end: 2026-03-01T06:00Z}      # unusual; left out of the history

A date alone as `end` means until the end of that day.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence

from capgen.diagnostics import Diagnostic, Span, in_order, suggest
from capgen.errors import Findings
from capgen.history.timestamps import seconds
from capgen.yamlio import Source, read

KEYS = ("name", "start", "end", "multiplier")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
Row = tuple[str, float, float, float | None]
"""Name, begin, end, multiplier."""


def read_calendar(source: Source) -> tuple[Row, ...]:
    """The events in order of their start. Raises Findings with the place of every mistake."""
    example = "{name: Black Friday, start: 2026-11-27, end: 2026-11-27, multiplier: 2.5}"
    rows = listed(source, KEYS, code="CG912", example=example, check=_multiplier)
    events = [(name, begin, end, _multiplier(cells)) for name, begin, end, cells in rows]
    return tuple(sorted(events, key=lambda event: (event[1], event[2], event[0])))


def listed(
    source: Source,
    keys: Sequence[str],
    *,
    code: str,
    example: str,
    check: Callable[[Mapping[str, object]], object] = lambda _: None,
) -> list[tuple[str, float, float, Mapping[str, object]]]:
    """Name, begin, end and all cells of each row of a list of spans of time. `check` raises ValueError for what is wrong
    in other cells. Raises Findings with the place of every mistake, under that code."""
    rows = _from_csv(source, code, keys) if source.name.lower().endswith(".csv") else _from_yaml(source, code)
    events: list[tuple[str, float, float, Mapping[str, object]]] = []
    found: list[Diagnostic] = []
    for span, cells in rows:
        try:
            events.append((*_span(cells, keys), cells))
            check(cells)
        except ValueError as error:
            wrong, _, advice = str(error).partition("; ")
            hint = advice or f"write {example}"
            found.append(Diagnostic(code, wrong, span, hint, excerpt=source.line(span.line)))
    if found:
        raise Findings(in_order(found))
    return events


def _from_yaml(source: Source, code: str) -> list[tuple[Span, Mapping[str, object]]]:
    if not source.text.strip():
        raise Findings(
            [Diagnostic(code, "there is nothing in this list", Span(source.name, 1, 1, 1, 2), "write `[]` for none")]
        )
    node, found = read(source)
    if found:
        raise Findings(found)
    inside = node.value if node is not None else []
    if isinstance(inside, dict) and "events" in inside:
        inside = inside["events"].value
    if not isinstance(inside, list):
        span = node.span if node is not None else Span(source.name, 1, 1, 1, 2)
        raise Findings([Diagnostic(code, "this is no list", span, "begin each with `- name:`")])
    rows: list[tuple[Span, Mapping[str, object]]] = []
    for item in inside:
        data = item.data()
        rows.append((item.span, data if isinstance(data, dict) else {"": data}))
    return rows


def _from_csv(source: Source, code: str, keys: Sequence[str]) -> list[tuple[Span, Mapping[str, object]]]:
    text = source.text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    separator = max((",", ";", "\t"), key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    if "start" not in [name.strip().lower() for name in reader.fieldnames or ()]:
        # Without it the first event would be taken for the names of columns, and nobody would be told.
        hint = f"begin with a row of names: {','.join(keys)}"
        span = Span(source.name, 1, 1, 1, 2)
        raise Findings([Diagnostic(code, "no column is called `start`", span, hint, excerpt=source.line(1))])
    rows: list[tuple[Span, Mapping[str, object]]] = []
    for row in reader:
        line = reader.line_num
        cells = {str(key or "").strip().lower(): value or None for key, value in row.items()}
        if not cells.get(""):
            cells.pop("", None)  # a row that ends with a separator
        rows.append((Span(source.name, line, 1, line, 2), cells))
    return rows


def _span(cells: Mapping[str, object], keys: Sequence[str]) -> tuple[str, float, float]:
    for key in cells:
        if not key:
            raise ValueError(f"there is a value without a name; known keys: {', '.join(keys)}")
        if key not in keys:
            raise ValueError(f"there is no {key!r} here; {suggest(key, keys, what='keys')}")
    if cells.get("start") is None:
        raise ValueError("a start is missing")
    start = str(cells["start"])
    end = str(cells["end"]) if cells.get("end") is not None else start
    begin, until = seconds(start), seconds(end)
    if _DATE.fullmatch(end.strip()):
        until += 86400
    if until <= begin:
        raise ValueError(f"it ends ({end}) before it starts ({start})")
    return str(cells.get("name") or "event"), begin, until


def _multiplier(cells: Mapping[str, object]) -> float | None:
    given = cells.get("multiplier")
    try:
        multiplier = None if given is None else float(str(given))
    except ValueError:
        raise ValueError(f"{given!r} is no multiplier; write a number like 2.5") from None
    if multiplier is not None and not 0 < multiplier <= 1000:
        raise ValueError(f"the multiplier {multiplier:g} is out of range; write more than 0, at most 1000")
    return multiplier
