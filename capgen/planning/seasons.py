"""A series as a table with a season a row (a week, or a day), the newest last: a column is one hour of it.

Gaps are NaN. What the columns have in common is found without numpy's own medians, which take ten times as long.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from capgen.history.series import Floats

RECENT = 4
"""Seasons of which the median is taken."""


class Seasons(Struct, frozen=True):
    """How many steps a long and a short season have: a week and a day. `short` is 0 where there is none."""

    long: int
    short: int


def table(values: Floats, season: int) -> Floats:
    """The values with a season a row, aligned so that the last one ends at the end."""
    rows = -(-len(values) // season)
    return np.concatenate([np.full(rows * season - len(values), np.nan), values]).reshape(rows, season)


def columns_median(rows: Floats) -> Floats:
    """The median of each column without its gaps; NaN for a column of gaps. Much faster than numpy's own."""
    ranked = np.sort(rows, axis=0)
    counts = np.count_nonzero(~np.isnan(rows), axis=0)
    last = np.maximum(counts - 1, 0)
    columns = np.arange(rows.shape[1])
    middle: Floats = (ranked[last // 2, columns] + ranked[(last + 1) // 2, columns]) / 2
    return middle


def quantile(values: Floats, part: float) -> float:
    """What `part` of the values are at or below, between two of them by their distance; all are known.

    numpy's own takes a hundred times as long for the few hundred values of a week.
    """
    ranked = np.sort(values)
    place = part * (len(ranked) - 1)
    below = int(place)
    above = min(below + 1, len(ranked) - 1)
    return float(ranked[below] + (ranked[above] - ranked[below]) * (place - below))


def last_season(rows: Floats) -> Floats:
    """Each column's newest value; the median of everything where a column has none."""
    known = ~np.isnan(rows)
    newest = len(rows) - 1 - np.argmax(known[::-1], axis=0)
    values = rows[newest, np.arange(rows.shape[1])]
    none = np.isnan(values)
    return np.where(none, np.nanmedian(rows), values) if none.any() else values


def recent_median(rows: Floats, count: int = RECENT) -> Floats:
    """Each column's median over the newest seasons; its newest value where these are gaps."""
    middle = columns_median(rows[-count:])
    return np.where(np.isnan(middle), last_season(rows), middle)


def without_empty_columns(rows: Floats) -> Floats:
    """An hour of the week that was never measured is taken from the hours beside it."""
    empty = np.isnan(rows).all(axis=0)
    if not empty.any():
        return rows
    flat = rows.reshape(-1)
    known = np.flatnonzero(~np.isnan(flat))
    between = np.interp(np.arange(len(flat)), known, flat[known]).reshape(rows.shape)
    return np.where(empty, between, rows)
