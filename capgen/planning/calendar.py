"""Known events, past and to come: what no history of ordinary weeks can know.

An event in the past is taken out of the history (divided by its multiplier, or masked when it has none), so that it is
not expected again; one to come multiplies the forecast.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from capgen.history.series import Bools, Floats, Notice, instant
from capgen.planning.grid import Grid


class Event(Struct, frozen=True):
    """From `begin` (included) to `end` (not), `multiplier` times the usual. None: unusual, nobody knows how much."""

    name: str
    begin: float
    end: float
    multiplier: float | None


def _inside(event: Event, grid: Grid, first: int, count: int) -> Bools:
    times = grid.start + grid.step * (first + np.arange(count))
    inside: Bools = (times >= event.begin) & (times < event.end)
    return inside


def ordinary(grid: Grid, events: Sequence[Event]) -> Grid:
    """The history as it would have been without its events."""
    values = grid.values.copy()
    for event in events:
        inside = _inside(event, grid, 0, len(values))
        values[inside] = values[inside] / event.multiplier if event.multiplier else np.nan
    return Grid(grid.start, grid.step, values)


def multipliers(grid: Grid, events: Sequence[Event], horizon: int) -> tuple[Floats, tuple[Notice, ...]]:
    """What each step of the forecast is multiplied by, and the events that do it. Events at one time multiply."""
    factor = np.ones(horizon)
    notices = []
    for event in events:
        inside = _inside(event, grid, len(grid.values), horizon)
        if not inside.any():
            continue
        if event.multiplier is None:
            message = f"{event.name!r} lies ahead and has no multiplier; the forecast does not know it"
        else:
            factor[inside] *= event.multiplier
            message = f"{event.name!r} lies ahead: × {event.multiplier:g}"
        span = f" ({instant(event.begin)} to {instant(event.end)})"
        notices.append(Notice("CG914", message + span, event.begin, event.end))
    return factor, tuple(notices)
