"""History from CSV: `timestamp,value`, or a table of several columns like the runbook's `date,requests_per_second,…`.

Every mistake is found with its line and column, all of them at once (the first hundred). What is merely missing (an
empty cell, `NaN`) is a gap. Exports differ in their separator and in whether they have a header: both are recognised.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from capgen.diagnostics import Diagnostic, Span, suggest
from capgen.errors import Findings
from capgen.history.series import Series, ordered
from capgen.history.timestamps import seconds

MOST_FINDINGS = 100
TIME_NAMES = ("timestamp", "time", "date", "datetime", "ts", "t", "ds")
VALUE_NAMES = ("value", "values", "v", "y")
_MISSING = frozenset({"", "nan", "null", "none", "na", "n/a", "-", "inf", "+inf", "-inf", "infinity", "-infinity"})


class _Row(Struct, frozen=True):
    line: int
    cells: tuple[str, ...]


def read_series(file: str, text: str, column: str | None = None) -> Series:
    """One column of a CSV as a series. Raises Findings for what cannot be read, with its place."""
    if column in (None, "value") and (quick := _plain(text)) is not None:
        return quick
    rows, separator = _rows(file, text)
    header = rows[0] if rows and _is_header(rows[0]) else None
    body = rows[1:] if header else rows
    if not body:
        raise Findings([_finding("CG905", file, header.line if header else 1, 1, "", *_EMPTY)])
    width = len((header or body[0]).cells)
    time_at, value_at, name = _columns(file, header, width, column)
    times: list[float] = []
    values: list[float] = []
    found: list[Diagnostic] = []
    for row in body:
        if len(row.cells) != width:
            message = f"{_fields(len(row.cells))} where {'the header' if header else 'the first row'} has {width}"
            found.append(_finding("CG903", file, row.line, 1, separator.join(row.cells), message, _SEPARATOR))
            continue
        try:
            times.append(seconds(row.cells[time_at]))
        except ValueError as error:
            place = _column_of(row, time_at)
            found.append(_finding("CG901", file, row.line, place, separator.join(row.cells), *_told(error)))
            continue
        values.append(_value(row.cells[value_at]))
        if values[-1] == math.inf:
            message = f"{row.cells[value_at]!r} is no number"
            place = _column_of(row, value_at)
            found.append(_finding("CG902", file, row.line, place, separator.join(row.cells), message, _NUMBERS))
    if found:
        more = len(found) - MOST_FINDINGS
        if more > 0:
            last = found[MOST_FINDINGS - 1].span
            found = found[:MOST_FINDINGS]
            found.append(Diagnostic("CG904", f"{more} more rows of {file} cannot be read", last, "mend these first"))
        raise Findings(found)
    return ordered(name, times, values)


_PLAIN = re.compile(
    r"timestamp,value\n(?:(?:\d{9,10}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ),-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?\n)+", re.ASCII
)


def _plain(text: str) -> Series | None:
    """A file as programs write it, read at once; None for any other, and for one with a mistake to be located.

    Fleets have thousands of these, and row by row they would cost as much as all of their forecasts.
    """
    if not _PLAIN.fullmatch(text):
        return None
    cells = text[len("timestamp,value\n") : -1].replace("\n", ",").split(",")
    try:
        values = np.array(cells[1::2], dtype=np.float64)
        stamps = [cell.removesuffix("Z") for cell in cells[::2]]
        if any("T" in cell for cell in stamps):
            times = np.array(stamps, dtype="datetime64[s]").astype(np.float64)
        else:
            times = np.array(stamps, dtype=np.float64)
    except ValueError:
        return None
    return ordered("value", times, values) if np.isfinite(values).all() else None


_EMPTY = ("there are no rows", "a series is a file of `timestamp,value` rows, with or without that header")
_SEPARATOR = "separate the columns with one comma, semicolon, tab or bar, and quote what contains one"
_NUMBERS = "write a number with a decimal point; leave the cell empty where nothing was measured"


def _rows(file: str, text: str) -> tuple[list[_Row], str]:
    text = text.removeprefix("\ufeff")
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    separator = max((",", ";", "\t", "|"), key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows = []
    try:
        for cells in reader:
            if cells and not (len(cells) == 1 and not cells[0].strip()) and not cells[0].startswith("#"):
                rows.append(_Row(reader.line_num, tuple(cells)))
    except csv.Error as error:
        raise Findings(
            [_finding("CG903", file, reader.line_num + 1, 1, "", f"this row is no CSV: {error}", _SEPARATOR)]
        ) from error
    return rows, separator


def _is_header(row: _Row) -> bool:
    """A first row without a time and without a number names the columns."""
    return not any(_kind(cell) for cell in row.cells)


def _kind(cell: str) -> Literal["time", "number", ""]:
    try:
        seconds(cell)
        return "time"
    except ValueError:
        pass
    try:
        float(cell)
        return "number"
    except ValueError:
        return ""


def _columns(file: str, header: _Row | None, width: int, wanted: str | None) -> tuple[int, int, str]:
    """Which columns hold the time and the value, and what the value is called."""
    if header is None:
        if wanted is not None:
            message = f"the file has no header, so there is no column {wanted!r}"
            raise Findings([_finding("CG904", file, 1, 1, "", message, "give it a first row of names")])
        if width != 2:
            message = f"{_fields(width)} and no header"
            raise Findings([_finding("CG904", file, 1, 1, "", message, "give it a first row: timestamp,value")])
        return 0, 1, "value"
    names = [cell.strip() for cell in header.cells]
    lower = [name.lower() for name in names]
    time_at = next((lower.index(name) for name in TIME_NAMES if name in lower), 0)
    others = [name for index, name in enumerate(names) if index != time_at]
    if wanted is not None and wanted not in others:
        message = f"there is no column {wanted!r}"
        raise Findings([_finding("CG904", file, header.line, 1, "", message, suggest(wanted, others, what="columns"))])
    if wanted is None:
        usual = next((names[lower.index(name)] for name in VALUE_NAMES if name in lower), None)
        wanted = usual if usual is not None else (others[0] if len(others) == 1 else None)
    if wanted is None:
        message = f"{_fields(width)}, and none is called `value`" if others else "there is no column of values"
        hint = f"choose one with --column: {', '.join(others)}" if others else "write `timestamp,value` rows"
        raise Findings([_finding("CG904", file, header.line, 1, ",".join(header.cells), message, hint)])
    index = next(i for i, name in enumerate(names) if name == wanted and i != time_at)
    return time_at, index, wanted


def columns(file: str, text: str) -> tuple[str, ...]:
    """The names of the columns that hold values; () for a file without a header."""
    rows, _ = _rows(file, text)
    if not rows or not _is_header(rows[0]):
        return ()
    names = [cell.strip() for cell in rows[0].cells]
    time = next((name for name in names if name.lower() in TIME_NAMES), names[0])
    return tuple(name for name in names if name != time)


def _value(cell: str) -> float:
    """A number, NaN for a gap, infinity for what is neither."""
    written = cell.strip()
    if written.lower() in _MISSING:
        return math.nan
    try:
        number = float(written)
    except ValueError:
        return math.inf
    return number if math.isfinite(number) and "_" not in written else math.inf


def _column_of(row: _Row, index: int) -> int:
    return 1 + sum(len(cell) + 1 for cell in row.cells[:index])


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def _told(error: ValueError) -> Sequence[str]:
    wrong, _, advice = str(error).partition("; ")
    return wrong, advice


def _finding(code: str, file: str, line: int, column: int, excerpt: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code, message, Span(file, line, column, line, column + 1), hint, excerpt=excerpt)
