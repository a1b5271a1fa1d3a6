"""When a level is reached: a range of dates, or "not within the horizon".

What repeats every week says nothing about the date; the drift from week to week does. It is the median of the slopes
between all pairs of whole weeks (one odd week cannot bend it), and its uncertainty is that of these weeks. The drift
moves the usual week's shape; the early and late dates come from the 10th and 90th percentile of both. A series that only
grows is taken from its own forecast.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct

from capgen.history.series import Floats
from capgen.planning.forecast import WEEK, Forecast
from capgen.planning.members import columns_median, table

WEEKS = 13
_Z = 1.2816
"""The 90th percentile of the normal distribution."""


class Reached(Struct, frozen=True):
    """When a threshold is reached, as seconds since 1970. None: not within the horizon."""

    threshold: float
    early: float | None
    """One in ten comes before this."""
    expected: float | None
    late: float | None
    """One in ten comes after this."""
    already: bool
    """Whether the last week of history was there."""


def paths(made: Forecast) -> tuple[Floats, Floats, Floats]:
    """The 10th, 50th and 90th percentile of the coming values, with the drift over whole weeks."""
    steps = round(WEEK / made.history.step)
    values = made.history.values
    if made.growing or steps < 7 or len(values) < 4 * steps:
        return made.lo80, made.p50, made.hi80
    rows = table(values, steps)[-WEEKS:]
    count = len(rows)
    whole = np.flatnonzero(np.count_nonzero(~np.isnan(rows), axis=1) > 0.7 * steps)
    rows = rows[whole]
    if len(rows) < 4:
        return made.lo80, made.p50, made.hi80
    # A week is compared with the usual one at the hours that it has, so that a gap in the night does not raise it. Load
    # grows as a whole, peaks more than nights: a share of the usual week where nothing is negative, else a distance.
    usual = columns_median(rows)
    known = ~np.isnan(rows) & ~np.isnan(usual)
    low = float(np.nanmin(values))
    base = np.where(known, usual, 0.0).sum(axis=1)
    if relative := low >= 0 and bool((base > 0).all()):
        weekly = np.where(known, rows, 0.0).sum(axis=1) / base
    else:
        weekly = np.where(known, rows - usual, 0.0).sum(axis=1) / known.sum(axis=1)
    at = whole.astype(np.float64)
    height, slope, spread, unsure = _drift(at, weekly)
    ahead = (np.arange(len(made.p50), dtype=np.float64) + 0.5) / steps
    shape = usual[np.arange(len(made.p50)) % steps]
    moved = height + slope * (count - 0.5 + ahead)
    middle = shape * moved if relative else shape + moved
    half = _Z * np.sqrt(spread**2 + (unsure * (ahead + count / 2)) ** 2)
    reach = np.maximum(np.abs(shape) * half if relative else half, (made.hi80 - made.lo80) / 2)
    floor = 0.0 if low >= 0 else -np.inf
    return np.maximum(middle - reach, floor), np.maximum(middle, floor), middle + reach


def _drift(at: Floats, weekly: Floats) -> tuple[float, float, float, float]:
    """Height, slope, what is left of each week, and how unsure the slope is."""
    first, second = np.triu_indices(len(at), 1)
    slope = float(np.median((weekly[second] - weekly[first]) / (at[second] - at[first])))
    height = float(np.median(weekly - slope * at))
    rest = weekly - height - slope * at
    spread = float(np.sqrt((rest**2).sum() / max(1, len(at) - 2)))
    return height, slope, spread, spread / float(np.sqrt(((at - at.mean()) ** 2).sum()))


def reached(made: Forecast, threshold: float, worse: Literal["above", "below"]) -> Reached:
    """When the values are at a threshold or beyond it, on its worse side."""
    low, middle, high = paths(made)
    sign = 1.0 if worse == "above" else -1.0
    early, late = (high, low) if worse == "above" else (low, high)
    times = made.times
    week = max(1, round(WEEK / made.history.step))
    last = made.history.values[-week:]
    already = bool(np.any(sign * last[~np.isnan(last)] >= sign * threshold))
    dates = [_first(times, sign * path, sign * threshold) for path in (early, middle, late)]
    return Reached(threshold, dates[0], dates[1], dates[2], already)


def _first(times: Floats, path: Floats, threshold: float) -> float | None:
    beyond = np.flatnonzero(path >= threshold)
    return float(times[beyond[0]]) if len(beyond) else None
