"""What is taken out of a history before anything is learned from it, each time with a notice that says so.

An outage is a run of values at less than a tenth of what its hour of the week usually has. Where more than a seventh of
all values are like that, it is how the service works and no outage; nor is a low that has lasted to the end for
three days, which is rather the new normal. A value below zero in a series that hardly ever has one is a bad sample.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capgen.history.series import Bools, Notice, instant
from capgen.planning.grid import Grid
from capgen.planning.seasons import columns_median, table

MOST_LISTED = 20
_LASTING = 3 * 86400


def runs(mask: Bools) -> Iterator[tuple[int, int]]:
    """First and one-past-last index of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        yield int(begin), int(end)


def without_bad_samples(grid: Grid) -> tuple[Grid, tuple[Notice, ...]]:
    """Without the few negative values of a series that is positive otherwise."""
    known = ~np.isnan(grid.values)
    below = known & (np.where(known, grid.values, 0.0) < 0)
    count = int(np.count_nonzero(below))
    if not count or count > max(1, 0.01 * np.count_nonzero(known)) or np.count_nonzero(known) <= 10:
        return grid, ()
    notices = _listed("CG919", "values below zero, in a series that has none otherwise, are left out", grid, below)
    return Grid(grid.start, grid.step, np.where(below, np.nan, grid.values)), notices


def without_outages(grid: Grid, season: int) -> tuple[Grid, tuple[Notice, ...]]:
    """Without the runs of values far below what is usual for their hour."""
    values = grid.values
    known = ~np.isnan(values)
    if season < 2 or len(values) < 2 * season or float(np.nanmin(values)) < 0:
        return grid, ()
    rows = table(values, season)
    usual = np.broadcast_to(columns_median(rows), rows.shape).reshape(-1)[-len(values) :]
    usual = np.where(np.isnan(usual), 0.0, usual)
    level = float(np.median(values[known]))
    low = known & (np.where(known, values, 0.0) < 0.1 * usual) & (usual > 0.2 * level)
    for begin, end in list(runs(low)):
        if end == len(values) and (end - begin) * grid.step > _LASTING:
            low[begin:end] = False
    if not low.any() or np.count_nonzero(low) > np.count_nonzero(known) / 7:
        return grid, ()
    notices = _listed("CG908", "an outage, at less than a tenth of the usual, is left out", grid, low)
    return Grid(grid.start, grid.step, np.where(low, np.nan, values)), notices


def gaps(grid: Grid) -> tuple[Notice, ...]:
    """Where nothing was measured."""
    missing = np.isnan(grid.values)
    if not missing.any():
        return ()
    share = np.count_nonzero(missing) / len(missing)
    return _listed("CG907", f"nothing was measured ({share:.1%} of the steps are gaps in all)", grid, missing)


def at_a_limit(grid: Grid, limit: float | None) -> tuple[Notice, ...]:
    """Whether the demand may have been higher than what was measured: values that rest at the top, or at a limit."""
    values = grid.values[~np.isnan(grid.values)]
    if len(values) < 24:
        return ()
    top = float(values.max()) if limit is None else limit
    near = 0.001 if limit is None else 0.01
    if limit is None and (len(np.unique(values)) < 20 or top <= float(np.median(values)) * 1.02):
        return ()
    resting = np.where(np.isnan(grid.values), -np.inf, grid.values) >= top - near * abs(top)
    longest = max((end - begin for begin, end in runs(resting)), default=0)
    share = np.count_nonzero(resting) / len(values)
    if share < 0.005 or (limit is None and (share < 0.02 or longest < 3)):
        return ()
    what = "its highest value" if limit is None else "its limit"
    message = (
        f"{share:.1%} of the values are at {what} of {top:g}: what was asked for may have been more, "
        "and the forecast is then too low"
    )
    return (Notice("CG911", message),)


def stepped(grid: Grid, day: int) -> tuple[Notice, ...]:
    """Whether the level of a short history has stepped and stayed: what no interval from so few days can foresee.

    The split of the days, two at least on each side, whose levels lie furthest apart; a step is four times what the
    days of either side differ by.
    """
    days = len(grid.values) // day
    first = len(grid.values) - days * day
    levels = np.array([np.nanmedian(part) for part in table(grid.values[first:], day) if not np.isnan(part).all()])
    if len(levels) < days or days < 4:
        return ()
    sides = [(levels[:place], levels[place:], place) for place in range(2, days - 1)]
    before, after, place = max(sides, key=lambda side: abs(float(side[0].mean() - side[1].mean())))
    height = float(after.mean() - before.mean())
    if abs(height) <= 4.0 * max(float(before.std()), float(after.std()), 0.005 * abs(float(levels.mean()))):
        return ()
    at = grid.at(first + place * day)
    message = (
        f"about {instant(at)} the level went from {before.mean():.4g} to {after.mean():.4g} and stayed: it may step "
        "again, and so few days do not tell how often; do not count on the intervals"
    )
    return (Notice("CG945", message, at),)


def _listed(code: str, what: str, grid: Grid, mask: Bools) -> tuple[Notice, ...]:
    found = list(runs(mask))
    notices = []
    for begin, end in found[:MOST_LISTED]:
        since, until = grid.at(begin), grid.at(end)
        notices.append(Notice(code, f"{instant(since)} to {instant(until)}: {what}", since, until))
    if len(found) > MOST_LISTED:
        notices.append(Notice(code, f"and {len(found) - MOST_LISTED} more of the same kind: {what}"))
    return tuple(notices)
