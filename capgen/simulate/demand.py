"""Demand over time, from CSV: a column of seconds and a column a metric, each row holding until the next.

What is replayed is the demand of all pods together, not the use of one: replicas feed back into that. A file of ninety
days at 15 seconds has half a million rows, so a well-formed one is read in one go, and only one with a mistake in it is
looked at row by row, to say where.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from io import StringIO
from math import isfinite

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from capgen import units
from capgen.diagnostics import Diagnostic, Severity, Span, suggest

SECOND = 10**9
MOST = 2**63 // 10**5
"""What is counted in thousandths and hundredths of them has to fit the controller's 64 bits."""
MOST_TICKS = 20_000_000
_LONGEST = 2**61
"""Nanoseconds: with what is added to them they fit 64 bits."""
_LISTED = 20
_AT_ONCE = 1 << 17
_NUMBERS = msgspec.json.Decoder(list[float])
_NONE = frozenset(("nan", "null", "none", "na", "n/a", "-", "inf", "+inf"))
"""What programs write where there is no number."""

Values = NDArray[np.float64]


class Demand(Struct, frozen=True):
    """Rows as they were written: `times` in nanoseconds, rising; NaN where nothing was measured."""

    times: NDArray[np.int64]
    columns: Mapping[str, Values]

    @property
    def measured(self) -> Collection[str]:
        """The columns that have a value anywhere."""
        return [name for name, values in self.columns.items() if not np.isnan(values).all()]

    @property
    def step(self) -> int:
        """How long the last row holds, as long as the one before it did; 0 where there is only one."""
        return int(self.times[-1] - self.times[-2]) if len(self.times) > 1 else 0

    def ticks(self, sync: int) -> int:
        """How many ticks there are up to the end of the last row; one at that very instant runs."""
        return max(0, (int(self.times[-1]) + (self.step or sync)) // sync)

    def at_ticks(self, sync: int, ago: int = 0) -> dict[str, Values]:
        """What held so many nanoseconds before each tick; NaN at ticks before the first row, which holds before itself."""
        instants = (np.arange(self.ticks(sync), dtype=np.int64) + 1) * sync
        early = instants < self.times[0]
        rows = np.maximum(np.searchsorted(self.times, instants - ago, side="right") - 1, 0)
        return {name: np.where(early, np.nan, values[rows]) for name, values in self.columns.items()}


def read(name: str, text: str, *, sync: int) -> tuple[Demand | None, tuple[Diagnostic, ...]]:
    """The demand of a CSV file, or what is wrong with it, each with its line and column."""
    head, _, body = text.removeprefix("\ufeff").replace("\r\n", "\n").partition("\n")
    columns = [_bare(cell) for cell in head.split(",")]
    if problem := _header_problem(name, head, columns):
        return None, (problem,)
    table = _table(body, len(columns))
    if table is None:
        table, found = _careful(name, body, columns)
        if found:
            return None, found
    place = columns.index("t")
    seconds = table[:, place]
    if found := (*_times(name, body, place, seconds), *_amounts(name, body, columns, table)):
        return None, found
    columns_of = {column: table[:, n].copy() for n, column in enumerate(columns) if n != place}
    demand = _reaching(seconds, columns_of, sync)
    if isinstance(demand, Demand):
        return demand, ()
    row, (message, hint) = len(seconds) - 1, demand
    return None, (_at(name, _number_of(body, row), _line(body, row), place, "CG924", message, hint),)


def _reaching(seconds: Values, columns: Mapping[str, Values], sync: int) -> Demand | tuple[str, str]:
    """The demand, or what is wrong with the time that it covers and what to do."""
    hint = "count t in seconds from the start of the history"
    # Told by doubles: as nanoseconds, what is far too much (milliseconds since 1970, say) wraps around to what is not.
    farthest = max(float(seconds[-1]), float(seconds[0]), key=abs)
    most = min(MOST_TICKS * sync, _LONGEST) / SECOND
    if abs(farthest) > most:
        shown = f"{farthest:,.0f}" if abs(farthest) < 1e15 else f"{farthest:g}"
        return f"the rows reach {shown} seconds, which are more than the {most:,.0f} that are replayed", hint
    demand = Demand(np.rint(seconds * SECOND).astype(np.int64), columns)
    ticks = demand.ticks(sync)
    if ticks > MOST_TICKS:
        return f"the last row holds until {ticks:,} ticks from the start, and {MOST_TICKS:,} are replayed at most", hint
    if not ticks:
        first = units.duration(sync / SECOND)
        return (
            f"the rows end before the controller looks for the first time, {first} after 0",
            f"{hint}, or choose a shorter --sync",
        )
    return demand


def _header_problem(name: str, head: str, columns: Sequence[str]) -> Diagnostic | None:
    hint = "start with a header like `t,cpu,memory`: seconds, cores and bytes of all pods together"
    if "t" not in columns:
        message = "the header has no column t" if head.strip() else "there is no header"
        hint = suggest("t", columns, what="columns") if "time" in columns or "timestamp" in columns else hint
        return _at(name, 1, head, 0, "CG923", message, hint)
    for place, column in enumerate(columns):
        if not column:
            return _at(name, 1, head, place, "CG923", f"column {place + 1} has no name", hint)
        if column in columns[:place]:
            return _at(name, 1, head, place, "CG923", f"the column {column!r} stands there twice", "remove one of them")
    return _at(name, 1, head, 0, "CG923", "there is no column of demand", hint) if len(columns) < 2 else None


def _table(body: str, width: int) -> Values | None:
    """The numbers of a well-formed file; None for any other, also for one with empty cells."""
    if not body.strip():
        return None
    if (table := _plain_table(body.encode(errors="replace"), width)) is not None:
        return table
    try:
        table = np.loadtxt(StringIO(body), delimiter=",", ndmin=2, comments=None)
    except ValueError:
        return None
    return table if table.shape[1] == width and bool(np.isfinite(table).all()) else None


def _plain_table(body: bytes, width: int) -> Values | None:
    """The numbers of a file in which nothing is unusual; None for any other.

    As JSON they are read in half the time, and in a quarter where what is read at once stays in the processor's cache.
    """
    parts, at = [], 0
    while at < len(body):
        end = body.find(b"\n", at + _AT_ONCE)
        end = len(body) if end < 0 else end + 1
        numbers = _plain_numbers(body[at:end].removesuffix(b"\n"), width)
        if numbers is None:
            return None
        parts.append(np.fromiter(numbers, np.float64, len(numbers)))
        at = end
    table = np.concatenate(parts).reshape(-1, width)
    return table if bool(np.isfinite(table).all()) else None


def _plain_numbers(lines: bytes, width: int) -> list[float] | None:
    if lines.translate(None, b"0123456789+-.eE,\n"):
        return None
    marks = np.frombuffer(lines + b"\n", np.uint8)
    ends = marks[(marks == ord(",")) | (marks == ord("\n"))] == ord("\n")
    if len(ends) % width or not (ends.reshape(-1, width) == (np.arange(width) == width - 1)).all():
        return None
    try:
        return _NUMBERS.decode(b"[" + lines.replace(b"\n", b",") + b"]")
    except msgspec.DecodeError:
        return None


_PLAIN = frozenset("0123456789+-.eE")


def _careful(name: str, body: str, columns: Sequence[str]) -> tuple[Values, tuple[Diagnostic, ...]]:
    rows: list[list[float]] = []
    found: list[Diagnostic] = []
    for number, line in enumerate(body.split("\n"), start=2):
        if not line.strip():
            continue
        cells = line.split(",")
        if len(cells) != len(columns):
            message, hint = f"{len(cells)} cells, and the header has {len(columns)}", "leave a cell empty where nothing was measured"  # fmt: skip
            found.append(_at(name, number, line, min(len(cells), len(columns)) - 1, "CG924", message, hint))
            continue
        row = []
        for place, (cell, column) in enumerate(zip(cells, columns, strict=True)):
            value = _number(_bare(cell))
            if value is None or (column == "t" and value != value):
                message = f"{cell.strip()[:40]!r} in the column {column} is no number"
                hint = (
                    "leave the cell empty where nothing was measured"
                    if value is None and _bare(cell).lower() in _NONE
                    else "write a plain number, like 12.5"
                )
                found.append(_at(name, number, line, place, "CG924", message, hint))
                value = 0.0
            row.append(value)
        rows.append(row)
        if len(found) >= _LISTED:
            break
    if not rows and not found:
        found.append(_at(name, 1, "", 0, "CG924", "there are no rows", "add one: seconds, and the demand from then on"))
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(columns)), tuple(found)


def _bare(cell: str) -> str:
    """A cell without the spaces and the quotes around it, which many programs write around every one."""
    cell = cell.strip()
    return cell[1:-1].strip() if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def _number(cell: str) -> float | None:
    if not cell:
        return float("nan")
    if not _PLAIN.issuperset(cell):
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _times(name: str, body: str, place: int, seconds: Values) -> tuple[Diagnostic, ...]:
    backwards = np.flatnonzero(np.diff(seconds) <= 0)
    if not len(backwards):
        return ()
    row = int(backwards[0]) + 1
    message = f"t is {seconds[row]:g} after {seconds[row - 1]:g}: it has to rise from row to row"
    return (
        _at(name, _number_of(body, row), _line(body, row), place, "CG924", message, "sort the rows, one an instant"),
    )


def _amounts(name: str, body: str, columns: Sequence[str], table: Values) -> tuple[Diagnostic, ...]:
    with np.errstate(invalid="ignore"):
        wrong = (table < 0) | (table > MOST)
    wrong[:, columns.index("t")] = False
    found = []
    for row, place in np.argwhere(wrong)[:_LISTED]:
        value = table[row, place]
        what = "below 0" if value < 0 else f"more than {MOST:.3g}"
        line, number = _line(body, int(row)), _number_of(body, int(row))
        message = f"{columns[place]} is {value:g}, {what}"
        found.append(_at(name, number, line, int(place), "CG924", message, "leave the cell empty where nothing was measured"))  # fmt: skip
    return tuple(found)


def _rows(body: str) -> list[tuple[int, str]]:
    return [(number, line) for number, line in enumerate(body.split("\n"), start=2) if line.strip()]


def _line(body: str, row: int) -> str:
    return _rows(body)[row][1]


def _number_of(body: str, row: int) -> int:
    return _rows(body)[row][0]


def _at(name: str, number: int, line: str, place: int, code: str, message: str, hint: str) -> Diagnostic:
    """A finding at a cell of a line."""
    cells = line.split(",")
    start = sum(len(cell) + 1 for cell in cells[:place]) + 1
    width = max(len(cells[place]) if place < len(cells) else 0, 1)
    return Diagnostic(code, message, Span(name, number, start, number, start + width), hint, excerpt=line)


def unread(name: str, demand: Demand, metrics: Collection[str]) -> Iterator[Diagnostic]:
    """What to say of metrics that no value is there of: they fail at every tick, as they would in the cluster."""
    header = ",".join(("t", *demand.columns))
    span = Span(name, 1, 1, 1, len(header) + 1)
    for metric in sorted({*metrics} - {*demand.measured}):
        why = f"the column {metric} is empty" if metric in demand.columns else f"no column gives the metric {metric!r}"
        hint = suggest(metric, {*demand.columns} - {metric}, what="columns")
        yield Diagnostic("CG925", f"{why}: it fails at every tick", span, hint, Severity.WARNING, header)
