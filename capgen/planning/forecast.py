"""The forecast of one series, told flat: regular steps, without what misleads, the mean of three methods, intervals.

Deterministic: no clock, no randomness; the same samples give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from capgen.history.series import Floats, Notice, Series
from capgen.planning import masking
from capgen.planning.calendar import Event, multipliers, ordinary
from capgen.planning.counters import accumulated, continued
from capgen.planning.grid import Grid, regular
from capgen.planning.intervals import Backtest, Method, Window, backtest, scale, width, windows
from capgen.planning.members import combined

DAY, WEEK = 86400.0, 604800.0
MOST_AHEAD = 200_000


class TooLittle(ValueError):
    """There is not enough to forecast from; the message says what is missing."""


class Season(Struct, frozen=True):
    """How many steps make a season, what it is called, and how much wider the intervals are for what it cannot know."""

    steps: int
    name: str
    widen: float


class Forecast(Struct, frozen=True, eq=False):
    """The coming values: `p50`, and between `lo` and `hi` with the probability in their names."""

    name: str
    history: Grid
    """What it was learned from: regular, masked."""
    season: str
    growing: bool
    p50: Floats
    lo80: Floats
    hi80: Floats
    lo95: Floats
    hi95: Floats
    backtest: Backtest
    notices: tuple[Notice, ...]

    @property
    def times(self) -> Floats:
        """When each value is expected, seconds since 1970."""
        first = len(self.history.values)
        times: Floats = self.history.start + self.history.step * np.arange(
            first, first + len(self.p50), dtype=np.float64
        )
        return times


def forecast(
    series: Series,
    horizon: float,
    *,
    step: float | None = None,
    events: Sequence[Event] = (),
    limit: float | None = None,
) -> Forecast:
    """The next `horizon` seconds of a series. Raises TooLittle, or grid.Uneven for times that fit no grid.

    `limit` is the most that could be measured (replicas × capacity): values that rest there are called censored.
    """
    raised, growing, told = continued(series)
    notices: list[Notice] = [*series.notices, *told]
    grid, told = regular(raised, step)
    notices += told
    known = int(np.count_nonzero(~np.isnan(grid.values)))
    if known < 2:
        raise TooLittle(f"{known} usable values; at least two are needed, and two weeks to know the hours of a week")
    grid = _recent(grid, horizon)
    ahead = max(1, round(horizon / grid.step))
    if ahead > MOST_AHEAD:
        raise TooLittle(f"{ahead:,} steps of {grid.step:g} s are more than {MOST_AHEAD:,}; give a longer --step")
    notices += masking.gaps(grid)
    grid = ordinary(grid, events)
    if not growing:
        notices += masking.at_a_limit(grid, limit)
        grid, told = masking.without_bad_samples(grid)
        notices += told
        grid, told = masking.without_outages(grid, season_of(grid)[0].steps)
        notices += told
    season, told = season_of(grid)
    notices += told
    values = grid.values
    if float(np.nanmax(values)) == float(np.nanmin(values)):
        notices.append(
            Notice("CG913", "the series has never changed; its intervals cannot know what a change would be")
        )
    factor, told = multipliers(grid, events, ahead)
    notices += told
    lines, tested = _lines(values, season, ahead, growing)
    lower, upper = _bounds(values, growing)
    p50, lo80, hi80, lo95, hi95 = (np.clip(line, lower, upper) * factor for line in lines)
    return Forecast(series.name, grid, season.name, growing, p50, lo80, hi80, lo95, hi95, tested, tuple(notices))


def _recent(grid: Grid, horizon: float) -> Grid:
    """A year of history, or more for a far horizon: what was usual years ago says nothing about an outage today."""
    surplus = len(grid.values) - round(max(53 * WEEK, 26 * WEEK + 4 * horizon) / grid.step)
    return grid if surplus <= 0 else Grid(grid.at(surplus), grid.step, grid.values[surplus:])


def season_of(grid: Grid) -> tuple[Season, tuple[Notice, ...]]:
    """A week where there are two of them, else a day, else none; and what that means for the reader."""
    known = ~np.isnan(grid.values)
    seen = float(np.count_nonzero(known)) * grid.step
    span = len(grid.values) * grid.step
    week, day = round(WEEK / grid.step), round(DAY / grid.step)
    days = f"{seen / DAY:.1f} days"
    if week >= 2 and len(grid.values) >= 2 * week and seen >= WEEK:
        if seen < 0.5 * span:
            message = f"less than half of the history is there ({days} of {span / DAY:.1f}); wider intervals"
            return Season(week, "week", 1.3), (Notice("CG906", message),)
        return Season(week, "week", 1.0), ()
    if day >= 2 and len(grid.values) >= 2 * day and seen >= DAY:
        message = f"{days} of history: less than two weeks, so the days of the week are unknown; wider intervals"
        return Season(day, "day", 1.3), (Notice("CG906", message),)
    if grid.step >= WEEK and np.count_nonzero(known) >= 12:
        return Season(1, "none", 1.1), ()
    message = f"{days} of history: too short to know the hours of a day, so the level goes on; much wider intervals"
    return Season(1, "none", 1.6), (Notice("CG906", message),)


def _lines(values: Floats, season: Season, ahead: int, growing: bool) -> tuple[tuple[Floats, ...], Backtest]:
    """p50, lo80, hi80, lo95, hi95, and the back-test."""
    steps = season.steps

    def method(past: Floats, count: int) -> Floats:
        return accumulated(past, steps, count) if growing else combined(past, min(steps, len(past)), count)

    level = float(np.nanmean(np.abs(values)))
    seen = _windows(values, method, steps, ahead)
    p50 = method(values, ahead)
    half = width(seen, len(values), level, season=steps, growing=growing, widen=season.widen)
    reach = scale(p50, level, season=steps, growing=growing)
    if half is None:
        # Too short for one window: all that is known is how much it has moved so far.
        spread = float(np.nanmax(values) - np.nanmin(values)) or 0.1 * level
        reach, half80, half95 = np.sqrt(1.0 + np.arange(ahead) / 10.0), 1.3 * spread, 2.0 * spread
    else:
        half80, half95 = half.q80, half.q95
    lines = (p50, p50 - half80 * reach, p50 + half80 * reach, p50 - half95 * reach, p50 + half95 * reach)
    return lines, backtest(values, seen, level, season=steps, growing=growing, widen=season.widen)


def _windows(values: Floats, method: Method, season: int, ahead: int) -> tuple[Window, ...]:
    if season > 1:
        # Far horizons need windows as far apart as lets some of them reach that far.
        spacing = season * max(1, ahead // (4 * season))
        least = 2 * season if len(values) >= 3 * season else season
    else:
        spacing, least = max(1, len(values) // 12), max(2, len(values) // 3)
    return windows(values, method, horizon=ahead, season=season, spacing=spacing, least=least)


def _bounds(values: Floats, growing: bool) -> tuple[float, float]:
    if growing:
        return float(values[~np.isnan(values)][-1]), np.inf
    return (0.0 if float(np.nanmin(values)) >= 0 else -np.inf), np.inf
