"""Whether one week alone shows that its days differ: that a Saturday is a Saturday and not a level that has moved.

From one week nothing can be compared with the week before. But people's weekends are known from the calendar, wherever
they live, and two days that stand out from five that are alike are hardly chance; a level that steps or wanders leaves
no five days alike, unless it steps at the very edge of the week, which counts at a weekend only.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capgen.history.series import Floats
from capgen.planning.seasons import columns_median, table

_DAY = 86400.0
_SHIFTS = (0.0, 0.25, 0.5, 0.75)
"""When a day may begin, as a share of it in UTC: local days are no days of UTC."""
_WEEKENDS = ((5, 6), (4, 5), (6,), (5,))
"""Monday is 0: those of most countries, which begin on a Friday in UTC east of it, as some do everywhere; single days off."""
_CHANCE, _CERTAIN = 2.5, 4.5
"""By how many times the spread of the other days: up to the first nothing is believed, from the second on all."""


def weekly(values: Floats, start: float, step: float) -> float:
    """How far the last seven days are to be believed to repeat as a week: 0 (nothing tells) to 1. Step of a day at most."""
    day = round(_DAY / step)
    recent = values[-7 * day :]
    if day < 2 or len(recent) < 7 * day:
        return 0.0
    # Without the hours of the day, so that a day of which an hour is missing is like the others.
    level = recent - np.resize(columns_median(table(recent, day)), len(recent))
    first = start + step * (len(values) - len(recent))
    at: Floats = (first + step * np.arange(len(recent), dtype=np.float64)) / _DAY
    return max((min(1.0, max(0.0, found)) for found in _found(level, at, day)), default=0.0)


def _found(level: Floats, at: Floats, day: int) -> Iterator[float]:
    known = ~np.isnan(level)
    filled = np.where(known, level, 0.0)
    for shift in _SHIFTS:
        weekday = (np.floor(at - shift).astype(np.int64) + 3) % 7
        counts = np.bincount(weekday[known], minlength=7)
        if (2 * counts < day).any():
            continue
        means = np.bincount(weekday, weights=filled, minlength=7) / counts
        # The weekday that the seven days begin within: its two ends are a week apart.
        edge = int(weekday[0])
        for first in range(7):
            for off in ((first, (first + 1) % 7), (first,)):
                inside = edge not in off and (edge + 1) % 7 not in off and (edge - 1) % 7 not in off
                if off in _WEEKENDS or (inside and len(off) == 2):
                    yield (_apart(means, off) - _CHANCE) / (_CERTAIN - _CHANCE)


def _apart(means: Floats, off: tuple[int, ...]) -> float:
    """How far each of these days lies on the same side of all others, in standard deviations of the others."""
    others = np.delete(means, off)
    distance = means[list(off)] - others.mean()
    if (distance > 0).any() and (distance < 0).any():
        return 0.0
    spread = float(others.std(ddof=1))
    nearest = float(np.abs(distance).min())
    return nearest / spread if spread > 0 else 100.0 * (nearest > 0)
