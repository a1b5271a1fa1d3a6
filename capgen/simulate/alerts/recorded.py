"""Levels compared with a signal's own series, where there is no Prometheus to ask: an approximation.

A file has one series a signal, already computed, often coarser than rules are evaluated. A value holds until the next
sample, at most two and a half times as long as samples usually are apart; what is longer is a gap. Traffic is not known.
"""

from __future__ import annotations

import numpy as np

from capgen.history.matrix import Clock, Matrix
from capgen.history.series import Series

_HOLDS = 2.5


def matrix_of(series: Series, clock: Clock) -> Matrix:
    """The series at each tick, as one row without labels."""
    known = np.isfinite(series.values)
    times, values = np.rint(series.times[known] * 1000).astype(np.int64), series.values[known]
    ticks = np.arange(clock.count, dtype=np.int64)
    if not len(times) or not clock.count:
        return Matrix({})
    instants = clock.start + ticks * clock.step
    place = np.searchsorted(times, instants, side="right") - 1
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    holds = max(_HOLDS * usual, clock.step)
    seen = (place >= 0) & (instants - times[np.maximum(place, 0)] < holds)
    return Matrix({(): (ticks[seen], values[place[seen]])})
