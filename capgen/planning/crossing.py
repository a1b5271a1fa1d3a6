"""When a level is reached: a range of dates, or "not within the horizon".

What repeats every week says nothing about the date; the growth from week to week does (capgen.planning.growth), and its
uncertainty is that of these weeks. It moves the usual week's shape; the early and late dates come from the 10th and
90th percentile of both. A series that only grows is taken from its own forecast.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct

from capgen.history.series import Floats
from capgen.planning.forecast import WEEK, Forecast
from capgen.planning.growth import Growth, growth
from capgen.planning.seasons import columns_median, table

WEEKS = 13
FEWEST_WEEKS = 4
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
    if made.growing or steps < 7 or len(values) < FEWEST_WEEKS * steps:
        return made.lo80, made.p50, made.hi80
    rows = table(values, steps)[-WEEKS:]
    count = len(rows)
    found = growth(rows, columns_median(rows))
    if found is None or len(found.at) < FEWEST_WEEKS:
        return made.lo80, made.p50, made.hi80
    spread, unsure = _unsure(found)
    ahead = (np.arange(len(made.p50), dtype=np.float64) + 0.5) / steps
    shape = found.usual[np.arange(len(made.p50)) % steps]
    middle = found.moved(shape, found.height(count - 0.5 + ahead))
    half = _Z * np.sqrt(spread**2 + (unsure * (ahead + count / 2)) ** 2)
    reach = np.maximum(np.abs(shape) * half if found.relative else half, (made.hi80 - made.lo80) / 2)
    floor = 0.0 if float(np.nanmin(values)) >= 0 else -np.inf
    return np.maximum(middle - reach, floor), np.maximum(middle, floor), middle + reach


def _unsure(found: Growth) -> tuple[float, float]:
    """What is left of each week's height, and how unsure the slope is."""
    rest = found.heights - found.height(found.at)
    spread = float(np.sqrt((rest**2).sum() / max(1, len(rest) - 2)))
    return spread, spread / float(np.sqrt(((found.at - found.at.mean()) ** 2).sum()))


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
