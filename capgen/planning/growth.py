"""How a series grows from season to season, whatever its hours do: the drift that decides when something is full.

What repeats says nothing about the growth, so each season is measured against the usual one, at the hours that it has
(a gap in the night does not raise it). Load grows as a whole, peaks more than nights: by a share of the usual season where
nothing is negative, else by a distance. The slope is the median of those between all pairs of seasons (one odd season cannot
bend it).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from capgen.history.series import Floats
from capgen.planning.seasons import quantile

FEWEST = 0.7
"""Of a season that has less of its hours nothing is believed."""


class Growth(Struct, frozen=True, eq=False):
    """A usual season, and how high the others were against it."""

    usual: Floats
    relative: bool
    """Whether heights are shares of the usual season, or distances from it."""
    at: Floats
    """The seasons that were measured, counted from the oldest."""
    heights: Floats
    level: float
    """The height of season 0 by the line through all."""
    slope: float
    """What is added to the height from season to season."""

    def height(self, season: Floats) -> Floats:
        """The line through the heights, at these seasons."""
        return self.level + self.slope * season

    def moved(self, shape: Floats, height: Floats) -> Floats:
        """Values of a usual season at these heights."""
        return shape * height if self.relative else shape + height


def growth(rows: Floats, usual: Floats) -> Growth | None:
    """The growth of a table with a season a row, against a usual one. None with fewer than two seasons."""
    known = ~np.isnan(rows + usual)
    count = known.sum(axis=1)
    whole = np.flatnonzero(count > FEWEST * rows.shape[1])
    if len(whole) < 2:
        return None
    known, count = known[whole], count[whole]
    base = np.where(known, usual, 0.0).sum(axis=1)
    total = np.where(known, rows[whole], 0.0).sum(axis=1)
    relative = float(base.min()) > 0 and float(np.nanmin(rows)) >= 0
    heights = total / base if relative else (total - base) / count
    at = whole.astype(np.float64)
    first, second = _pairs(len(at))
    slope = quantile((heights[second] - heights[first]) / (at[second] - at[first]), 0.5)
    return Growth(usual, relative, at, heights, quantile(heights - slope * at, 0.5), slope)


@cache
def _pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All pairs of so many seasons: numpy takes as long to name them as the rest takes together."""
    first, second = np.triu_indices(count, 1)
    return first, second
