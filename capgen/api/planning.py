"""The library's verbs that look ahead: they read files and servers, and hand series to the pure rooms."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from capgen import units
from capgen.diagnostics import Diagnostic, Span
from capgen.errors import Findings, UsageError
from capgen.yamlio import Source

if TYPE_CHECKING:
    from capgen.history.series import Series
    from capgen.planning.calendar import Event
    from capgen.planning.forecast import Forecast

MOST_BYTES = 256 << 20
"""A year of samples every five seconds has less."""


def duration(text: str, option: str) -> float:
    """A positive duration from the command line, in seconds. Raises UsageError."""
    try:
        value = units.parse(text, "seconds")
    except units.BadQuantity as error:
        raise UsageError(f"{option}: {error}") from error
    if value <= 0:
        raise UsageError(f"{option}: nothing can be seen in no time; write {units.UNITS['seconds'].examples}")
    return value


def read_history(path: Path, column: str | None = None) -> Series:
    """A series from a CSV or Parquet file; `-` is standard input. Raises UsageError or Findings."""
    from capgen.history.csv_file import read_series

    if path.suffix.lower() in (".parquet", ".pq"):
        from capgen.history.parquet_file import read_parquet

        return read_parquet(path, column)
    return read_series(path.as_posix(), _text(path), column)


def read_events(path: Path | None) -> tuple[Event, ...]:
    """The calendar of known events. Raises UsageError or Findings."""
    if path is None:
        return ()
    from capgen.history.calendar_file import read_calendar
    from capgen.planning.calendar import Event

    rows = read_calendar(Source(path.as_posix(), _text(path), path.as_posix()))
    return tuple(Event(*row) for row in rows)


def forecast(
    path: Path,
    *,
    horizon: str = "7d",
    step: str | None = None,
    calendar: Path | None = None,
    column: str | None = None,
    limit: float | None = None,
) -> Forecast:
    """The forecast of a file's series. Raises UsageError, or Findings for a file that cannot be read or is too short."""
    from capgen.planning.forecast import TooLittle
    from capgen.planning.forecast import forecast as made
    from capgen.planning.grid import Uneven

    ahead = duration(horizon, "--horizon")
    size = None if step is None else duration(step, "--step")
    events = read_events(calendar)
    series = read_history(path, column)
    try:
        return made(series, ahead, step=size, events=events, limit=limit)
    except (TooLittle, Uneven) as error:
        raise Findings([_about(path, str(error))]) from error


def _about(path: Path, message: str) -> Diagnostic:
    hint = "give it more history, or another --step"
    return Diagnostic("CG905", f"no forecast can be made: {message}", Span(path.as_posix(), 1, 1, 1, 2), hint)


def _text(path: Path) -> str:
    if path.as_posix() == "-":
        return sys.stdin.read(MOST_BYTES)
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    if path.stat().st_size > MOST_BYTES:
        raise UsageError(f"{path} is larger than {MOST_BYTES >> 20} MiB: resample it, or read it from Prometheus")
    return path.read_bytes().decode("utf-8", errors="surrogateescape")
