"""The simple forecasts that are combined: of the week, its last one, its recent median and a ridge; of the day, two more;
and the growth of either, continued.

Those of the week know what Monday is like; those of the day know where the series stands now, and need no two weeks;
growth knows when a disk is full. None of them is best everywhere; see docs/decisions/forecast.md.
"""

from __future__ import annotations

import numpy as np

from capgen.history.series import Floats
from capgen.planning.growth import growth
from capgen.planning.seasons import (
    Seasons,
    columns_median,
    last_season,
    recent_median,
    table,
    without_empty_columns,
)

RECENT_DAYS = 7
LONGEST = 13
"""Seasons that the ridge looks at: 90 days of weeks."""
GROWN_DAYS = 14
LOWEST = 0.1
NAMES = (
    "last week",
    "weeks' median",
    "weeks' ridge",
    "the week at today's level",
    "days' median",
    "last day",
    "growth of weeks",
    "growth of days",
)
LAST, MEDIAN, RIDGE, MOVED, DAYS, NOW, WEEKLY, DAILY = range(len(NAMES))


def ridge(rows: Floats, horizon: int) -> Floats:
    """A trend and an effect a column, both drawn towards nothing, continued for `horizon` steps.

    Closed form: the columns' effects are eliminated, which leaves two equations. The trend is drawn the harder the
    further it is to be continued and the less history it was seen in; the effects as hard as chance alone would have
    made columns differ (an amount that is fixed draws two weeks of a regular service by a third, and too low).
    """
    count, season = rows.shape
    times = (np.arange(count * season, dtype=np.float64).reshape(count, season) - count * season) / season
    known = ~np.isnan(rows)
    y, t = np.where(known, rows, 0.0), np.where(known, times, 0.0)
    n, sum_y, sum_t = known.sum(axis=0).astype(np.float64), y.sum(axis=0), t.sum(axis=0)
    weight = 1.0 / (n + _chance(rows))
    drawn = season * (10.0 + (horizon / season) ** 2)
    a11, a12 = n.sum() - (n * n * weight).sum(), sum_t.sum() - (n * sum_t * weight).sum()
    a22 = (t * t).sum() - (sum_t * sum_t * weight).sum() + drawn
    b1, b2 = sum_y.sum() - (n * sum_y * weight).sum(), (t * y).sum() - (sum_t * sum_y * weight).sum()
    determinant = a11 * a22 - a12 * a12
    level, slope = (b1 * a22 - b2 * a12) / determinant, (a11 * b2 - a12 * b1) / determinant
    effects = (sum_y - level * n - slope * sum_t) * weight
    ahead = np.arange(horizon)
    line: Floats = level + slope * ahead / season + effects[ahead % season]
    return line


def _chance(rows: Floats) -> float:
    """The variance of a column's values over that of the columns' means, the seasons' levels taken out: 0.01 to 100."""
    if len(rows) < 2:
        return 1.0
    known = ~np.isnan(rows)
    levels = np.where(known, rows, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, rows - levels[:, None], 0.0)
    n = known.sum(axis=0)
    means = filled.sum(axis=0) / np.maximum(n, 1)
    spare = float(np.maximum(n - 1, 0).sum())
    if not spare:
        return 1.0
    inside = float((np.where(known, filled - means, 0.0) ** 2).sum()) / spare
    between = float(means.var()) - inside / float(n.mean())
    if inside <= 0.01 * between:
        return 0.01
    return min(inside / between, 100.0) if between > 0 else 100.0


def combined(values: Floats, season: int, horizon: int) -> Floats:
    """The mean of the three of one season, for what a growing series grows by. At least one value has to be known."""
    mean: Floats = np.mean(_of_a_season(values, season, horizon), axis=0)
    return mean


def _of_a_season(values: Floats, season: int, horizon: int) -> Floats:
    rows = without_empty_columns(table(values, season))
    ahead = np.arange(horizon) % season
    return np.stack([last_season(rows)[ahead], recent_median(rows)[ahead], ridge(rows[-LONGEST:], horizon)])


def lines(values: Floats, seasons: Seasons, horizon: int) -> Floats:
    """What each member of NAMES says, a row each; a row of NaN where the history is too short for it."""
    found = np.full((len(NAMES), horizon), np.nan)
    ahead = np.arange(horizon)
    size = len(values)
    if size >= 2 * seasons.long or not seasons.short:
        found[LAST : RIDGE + 1] = _of_a_season(values, min(seasons.long, size), horizon)
    elif size >= seasons.long:
        rows = without_empty_columns(table(values, seasons.long))
        found[LAST] = last_season(rows)[ahead % seasons.long]
    day = seasons.short
    if day and size >= seasons.long + day:
        found[MOVED] = _moved(found[LAST] if np.isnan(found[MEDIAN, 0]) else found[MEDIAN], values, seasons)
    recent = values[-(RECENT_DAYS + 1) * day :]
    if day and not np.isnan(recent).all():
        rows = without_empty_columns(table(recent, day))
        found[NOW] = last_season(rows)[ahead % day]
        if size >= 2 * day:
            found[DAYS] = recent_median(rows, RECENT_DAYS)[ahead % day]
    if size >= 2 * seasons.long > 2:
        found[WEEKLY] = _growing(table(values, seasons.long)[-LONGEST:], horizon)
    if day and size >= 3 * day:
        found[DAILY] = _growing(table(values[-GROWN_DAYS * day :], day), horizon)
    return found


def _growing(rows: Floats, horizon: int) -> Floats:
    """The recent median, the steady growth from season to season taken out before and put on again after."""
    rows = without_empty_columns(rows)
    count, season = rows.shape
    ahead = np.arange(horizon)
    found = growth(rows, columns_median(rows))
    if found is None:
        level: Floats = recent_median(rows)[ahead % season]
        return level
    past = found.height(np.arange(count, dtype=np.float64))[:, None]
    if found.relative:
        # A line that comes from nothing would make its first seasons endless.
        past = np.maximum(past, LOWEST)
    shape = recent_median(rows / past if found.relative else rows - past)
    line = found.moved(shape[ahead % season], found.height(count + np.floor(ahead / season)))
    return np.maximum(line, 0.0) if found.relative else line


def _moved(line: Floats, values: Floats, seasons: Seasons) -> Floats:
    """The line at the level of the last day, by what the weeks before it would have said of that day.

    Load grows as a whole, peaks more than nights: by a share where nothing is negative, else by a distance.
    """
    before, today = values[: -seasons.short], values[-seasons.short :]
    said = recent_median(without_empty_columns(table(before, seasons.long)))[: seasons.short]
    known = ~np.isnan(today)
    if not known.any():
        return line
    usual, found = float(np.median(said[known])), float(np.median(today[known]))
    many = len(values) >= 3 * seasons.long
    if many and float(np.nanmin(values)) >= 0 and usual > 0 and 0.25 * usual < found < 4.0 * usual:
        return line * (found / usual)
    return line + float(np.median((today - said)[known]))


def seasonal_naive(values: Floats, season: int, horizon: int) -> Floats:
    """What every forecast is measured against: the last season again."""
    return last_season(table(values, season))[np.arange(horizon) % season]


def straight_line(values: Floats, horizon: int) -> Floats:
    """The least-squares line through everything, continued: what the runbook began with, here as a yardstick."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) < 2:
        return np.full(horizon, float(np.nanmean(values)))
    x, y = known.astype(np.float64), values[known]
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    ahead: Floats = y.mean() + slope * (len(values) + np.arange(horizon) - x.mean())
    return ahead
