"""A series: what all sources of history give, and all of planning reads.

A gap is a gap: where nothing was measured there is either no sample or a NaN, never a zero.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


class Notice(Struct, frozen=True):
    """Something about a series that its reader has to know, as a code, words, and the time that it is about."""

    code: str
    message: str
    begin: float | None = None
    end: float | None = None


class Series(Struct, frozen=True, eq=False):
    """Samples in the order of their times (seconds since 1970, UTC), each time once."""

    name: str
    times: Floats
    values: Floats
    notices: tuple[Notice, ...] = field(default=())


def instant(seconds: float) -> str:
    """A time as ISO 8601 in UTC: `2026-11-24T17:00:00Z`, with milliseconds where there are some."""
    moment = datetime.fromtimestamp(round(seconds, 3), UTC)
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def ordered(name: str, times: list[float] | Floats, values: list[float] | Floats) -> Series:
    """A series from samples in any order; of two at one time the later row counts. Says so where it changed something."""
    at = np.asarray(times, dtype=np.float64)
    found = np.asarray(values, dtype=np.float64)
    notices = []
    if len(at) > 1 and bool(np.any(np.diff(at) < 0)):
        count = int(np.count_nonzero(np.diff(at) < 0))
        notices.append(Notice("CG910", f"the rows are not in the order of their times ({count} step back); sorted"))
    order = np.argsort(at, kind="stable")
    at, found = at[order], found[order]
    last = np.append(np.diff(at) > 0, True) if len(at) else np.zeros(0, dtype=bool)
    if not last.all():
        count = int(np.count_nonzero(~last))
        notices.append(Notice("CG910", f"{count} rows have the time of another row; the later one in the file counts"))
    return Series(name, at[last], found[last], tuple(notices))
