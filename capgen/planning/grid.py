"""From samples at any times to one value a step: what every method of forecasting needs.

A step that is not asked for is the series' own: the usual time between two samples. On its own step a series keeps
its phase (samples at 14:27 stay there); on a coarser one, buckets begin at multiples of the step since 1970, and a
bucket is the mean of its samples. A bucket without samples is a gap. On a finer one, what lies between two neighbouring samples is drawn between them.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from capgen.history.series import Floats, Notice, Series

MOST_STEPS = 2_000_000
_ROUND = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400, 604800)  # fmt: skip


_FEWEST_RUNS = 20


class Grid(Struct, frozen=True, eq=False):
    """Values at `start`, `start + step`, …; NaN where there is none."""

    start: float
    step: float
    values: Floats

    def at(self, index: float) -> float:
        """The time of a step; `len(values)` is the first one that is not measured."""
        return self.start + index * self.step


class Uneven(ValueError):
    """The series does not fit a grid of a sensible size; the message says why."""


def own_step(series: Series) -> float:
    """The usual time between two samples, as people would say it: 3599 s is an hour. 0 for fewer than two samples."""
    if len(series.times) < 2:
        return 0.0
    steps = np.diff(series.times)
    usual = float(np.median(steps))
    # A history that was once scraped less often is read at that step, where that is most of it; a gap alone is no step.
    longer = steps > 1.5 * usual
    runs = longer[1:] & longer[:-1] & (np.abs(np.diff(steps)) < 0.02 * steps[1:])
    if np.count_nonzero(runs) >= _FEWEST_RUNS:
        coarse = steps[1:][runs]
        if coarse.sum() > 0.5 * steps.sum():
            usual = float(np.median(coarse))
    near = min(_ROUND, key=lambda size: abs(size - usual))
    return float(near) if abs(near - usual) <= 0.02 * near else usual


def regular(series: Series, step: float | None = None) -> tuple[Grid, tuple[Notice, ...]]:
    """The series, one value a step. Raises Uneven where a step would give more values than anybody can read."""
    own = own_step(series)
    size = step or own or 3600.0
    times, values = series.times, series.values
    if not len(times):
        return Grid(0.0, size, values), ()
    if (times[-1] - times[0]) / size > MOST_STEPS:
        raise Uneven(f"from its first to its last sample there are more than {MOST_STEPS:,} steps of {size:g} s")
    notices = []
    steps = np.diff(times)
    odd = int(np.count_nonzero(np.abs(steps / own - np.round(steps / own)) > 0.1)) if own else 0
    finer = own > 0 and size <= 0.5 * own and len(times) > 1
    if odd > 0.05 * len(steps):
        share = odd / len(steps)
        notices.append(Notice("CG910", f"the samples are irregular ({share:.0%} off the usual step); averaged by step"))
    elif len(steps) and step is None and float(np.median(steps)) < 0.6 * own:
        notices.append(Notice("CG910", f"the samples are closer in a part of the history; averaged by {own:g} s"))
    phase = float(times[0]) if size == own and odd <= 0.05 * len(steps) else float(np.floor(times[0] / size) * size)
    # Half a step of tolerance on its own grid, so that jitter does not put two samples into one step.
    shift = 0.5 if size == own and odd <= 0.05 * len(steps) else 0.0
    index = np.floor((times - phase) / size + shift + 1e-9).astype(np.int64)
    if finer:
        message = (
            f"the step of {size:g} s is finer than the series' own of {own:g} s: between its values a line is drawn"
        )
        notices.append(Notice("CG956", message))
        times, values = _drawn(times, values, size, own)
        phase = float(times[0])
        index = np.floor((times - phase) / size + 1e-9).astype(np.int64)
    known = ~np.isnan(values)
    length = int(index[-1]) + 1
    counts = np.bincount(index[known], minlength=length)
    sums = np.bincount(index[known], weights=values[known], minlength=length)
    grid = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    first = 0
    if own and size >= 2 * own and length > 1:
        # The last bucket has only begun, and a mean of its beginning is no mean of it; nor is one of the first one's end.
        if counts[-1] < 0.5 * size / own:
            grid = grid[:-1]
        if len(grid) > 1 and counts[0] < 0.5 * size / own:
            first = 1
    return Grid(phase + first * size, size, grid[first:]), tuple(notices)


def _drawn(times: Floats, values: Floats, size: float, own: float) -> tuple[Floats, Floats]:
    """The samples at every multiple of `size` from the first to the last, by lines between neighbours; a gap stays one."""
    at = np.arange(np.ceil(times[0] / size), np.floor(times[-1] / size) + 1) * size
    after = np.minimum(np.searchsorted(times, at, side="left"), len(times) - 1)
    before = np.where(times[after] == at, after, np.maximum(after - 1, 0))
    line = np.interp(at, times, values)
    near = (times[after] - times[before] <= 1.5 * own) & ~np.isnan(values[after]) & ~np.isnan(values[before])
    return at, np.where(near, line, np.nan)
