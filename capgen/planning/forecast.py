"""The forecast of one series, told flat: regular steps, without what misleads, the weighted mean of simple methods, intervals.

Deterministic: no clock, no randomness; the same samples give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct

from capgen import units
from capgen.history.series import Floats, Notice, Series
from capgen.planning import masking, members
from capgen.planning.calendar import Event, multipliers, ordinary
from capgen.planning.counters import accumulated, continued
from capgen.planning.ensemble import Trial, lifted, mixed, tried, weights
from capgen.planning.grid import Grid, regular
from capgen.planning.intervals import MOST_WINDOWS, Backtest, Window, backtest, scale, usual_power, width
from capgen.planning.seasons import Seasons, table
from capgen.planning.weekend import weekly

DAY, WEEK = 86400.0, 604800.0
MOST_AHEAD = 200_000
LARGEST = 1e100
"""What is larger overflows when it is squared and added up."""
SLOW_TRIALS = 3
Member = Callable[[Floats, Seasons, int], Floats]
"""From the known values, their seasons and a number of steps to that many values, NaN for none."""


class TooLittle(ValueError):
    """There is not enough to forecast from; the message says what is missing."""


class Season(Struct, frozen=True):
    """How many steps make a season, what it is called, and how much wider the intervals are for what it cannot know."""

    seasons: Seasons
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
    members: tuple[tuple[str, float], ...]
    """The simple forecasts that it is a mean of, and how much each counts; none for a series that only grows."""
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
    also: tuple[str, Member] | None = None,
) -> Forecast:
    """The next `horizon` seconds of a series. Raises TooLittle, or grid.Uneven for times that fit no grid.

    `limit` is the most that could be measured (replicas × capacity): values that rest there are called censored.
    `also` is one more member and its name; it may be slow, and is tried at a few earlier origins only.
    """
    raised, growing, told = continued(series)
    notices: list[Notice] = [*series.notices, *told]
    grid, told = regular(raised, step)
    notices += told
    known = int(np.count_nonzero(~np.isnan(grid.values)))
    if known < 2:
        raise TooLittle(
            f"{known} usable value{'s' * (known != 1)}; at least two are needed, and two weeks to know the hours of a week"
        )
    if float(np.nanmax(np.abs(grid.values))) > LARGEST:
        raise TooLittle(f"values beyond {LARGEST:g} are nothing that was measured")
    grid = _recent(grid, horizon)
    ahead = max(1, round(horizon / grid.step))
    if ahead > MOST_AHEAD:
        raise TooLittle(f"{ahead:,} steps of {grid.step:g} s are more than {MOST_AHEAD:,}; give a longer --step")
    if ahead > len(grid.values):
        seen, far = (units.duration(count * grid.step) for count in (len(grid.values), ahead))
        message = f"{far} ahead from {seen} of history: what comes after {seen} has never been seen to happen; do not plan by it"
        notices.append(Notice("CG957", message))
    notices += masking.gaps(grid)
    grid = ordinary(grid, events)
    if not growing:
        notices += masking.at_a_limit(grid, limit)
        grid, told = masking.without_bad_samples(grid)
        notices += told
        grid, told = masking.without_outages(grid, _steps(season_of(grid)[0]))
        notices += told
    if np.count_nonzero(~np.isnan(grid.values)) < 2:
        raise TooLittle(
            "events without a multiplier, outages and bad samples leave fewer than two values of the history"
        )
    season, told = season_of(grid)
    notices += told
    if season.name == "day" and not growing:
        notices += masking.stepped(grid, season.seasons.short)
    values = grid.values
    if float(np.nanmax(values)) == float(np.nanmin(values)):
        notices.append(
            Notice("CG913", "the series has never changed; its intervals cannot know what a change would be")
        )
    factor, told = multipliers(grid, events, ahead)
    notices += told
    lines, tested, shares = _lines(grid, season, ahead, growing, also)
    lower, upper = _bounds(values, growing)
    idle = np.zeros(ahead) if growing or lower else _idle(values, season.seasons, ahead)
    lines = tuple(
        np.where(idle > part, lower, line) if part else line for line, part in zip(lines, _BELOW, strict=True)
    )
    p50, lo80, hi80, lo95, hi95 = (np.clip(line, lower, upper) * factor for line in lines)
    return Forecast(
        series.name, grid, season.name, growing, p50, lo80, hi80, lo95, hi95, tested, shares, tuple(notices)
    )


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
    # A service that closes at night is measured by day, and that is all there is of it.
    awake = max(float(np.mean(~np.isnan(table(grid.values, max(day, 1))).all(axis=0))), 1.0 / max(day, 1))
    if week >= 2 and len(grid.values) >= 2 * week and seen >= WEEK * awake:
        if seen < 0.5 * span * awake:
            message = f"less than half of the history is there ({days} of {span / DAY:.1f}); wider intervals"
            return Season(Seasons(week, day if day < week else 0), "week", 1.3), (Notice("CG906", message),)
        return Season(Seasons(week, day if day < week else 0), "week", 1.0), ()
    if day >= 2 and len(grid.values) >= 2 * day and seen >= DAY * awake:
        message = f"{days} of history: less than two weeks, so the days of the week are unknown; wider intervals"
        return Season(Seasons(week, day), "day", 1.1), (Notice("CG906", message),)
    if grid.step >= WEEK and np.count_nonzero(known) >= 12:
        return Season(Seasons(1, 0), "none", 1.1), ()
    message = f"{days} of history: too short to know the hours of a day, so the level goes on; much wider intervals"
    return Season(Seasons(1, 0), "none", 1.6), (Notice("CG906", message),)


def _steps(season: Season) -> int:
    """The steps of the season that a back-test is measured by."""
    return season.seasons.short if season.name == "day" else season.seasons.long


def _lines(
    grid: Grid, season: Season, ahead: int, growing: bool, also: tuple[str, Member] | None
) -> tuple[tuple[Floats, ...], Backtest, tuple[tuple[str, float], ...]]:
    """p50, lo80, hi80, lo95, hi95, the back-test, and the members' shares."""
    values = grid.values
    shares: tuple[tuple[str, float], ...] = ()
    steps = _steps(season)
    pace = season.seasons.short or steps
    level = float(np.nanmean(np.abs(values)))
    if growing:
        p50, seen = _accumulated(values, steps, ahead)
    else:
        p50, seen, shares = _combined(grid, season.seasons, ahead, also)
    half = width(seen, len(values), level, pace=pace, growing=growing, widen=season.widen)
    power = usual_power(pace) if half is None else half.power
    reach = scale(p50, level, pace=pace, growing=growing, power=power)
    if half is None:
        # Too short for one window: all that is known is how much it has moved so far.
        spread = float(np.nanmax(values) - np.nanmin(values)) or 0.1 * level
        reach, half80, half95 = np.sqrt(1.0 + np.arange(ahead) / 10.0), 1.3 * spread, 2.0 * spread
    else:
        half80, half95 = half.q80, half.q95
    lines = (p50, p50 - half80 * reach, p50 + half80 * reach, p50 - half95 * reach, p50 + half95 * reach)
    return lines, backtest(values, seen, level, season=steps, pace=pace, growing=growing, widen=season.widen), shares


def _accumulated(values: Floats, steps: int, ahead: int) -> tuple[Floats, tuple[Window, ...]]:
    """What only grows: the line ahead, and what it would have been at earlier origins."""
    seen = []
    for origin in _origins(values, Seasons(steps, 0), ahead):
        actual = values[origin : origin + ahead]
        seen.append(Window(origin, accumulated(values[:origin], steps, len(actual)), actual))
    return accumulated(values, steps, ahead), tuple(seen)


def _combined(
    grid: Grid, seasons: Seasons, ahead: int, also: tuple[str, Member] | None
) -> tuple[Floats, tuple[Window, ...], tuple[tuple[str, float], ...]]:
    """The weighted members: the line ahead, what it would have been at earlier origins, and the weights."""
    values = grid.values
    origins = _origins(values, seasons, ahead)
    slow = (len(values), *origins[:SLOW_TRIALS])

    def lines(past: Floats, count: int) -> Floats:
        said = members.lines(past, seasons, count)
        if also is None:
            return said
        more = also[1](past, seasons, count) if len(past) in slow else np.full(count, np.nan)
        return np.vstack([said, more])

    trials = tried(values, lines, ahead, origins)

    def line(past: Floats, said: Floats, older: Sequence[Trial]) -> tuple[Floats, Floats]:
        present = ~np.isnan(said[:, 0])
        only = present[members.LAST] and not present[members.MEDIAN]
        sure = weekly(past, grid.start, grid.step) if only else 1.0
        shares = weights(present, older, len(past), ahead, seasons, sure)
        return lifted(mixed(said, shares), past, seasons), shares

    seen = [
        Window(trial.origin, line(values[: trial.origin], trial.lines, trials[place + 1 :])[0], trial.actual)
        for place, trial in enumerate(trials)
    ]
    p50, shares = line(values, lines(values, ahead), trials)
    names = (*members.NAMES, *(() if also is None else (also[0],)))
    told = tuple((name, float(share)) for name, share in zip(names, shares, strict=True) if share > 0)
    return p50, tuple(seen), told


def _origins(values: Floats, seasons: Seasons, ahead: int) -> Sequence[int]:
    """Where the forecast is tried: the newest first, with enough before each, on different days of the week."""
    size, long, short = len(values), seasons.long, seasons.short
    # Far horizons need windows as far apart as lets some of them reach that far.
    spacing, least = long * max(1, ahead // (4 * long)), 2 * long if size >= 3 * long else long
    if long == 1:
        spacing, least = max(1, size // 12), max(2, size // 3)
    elif not short:
        # Where nothing has been seen for as long, nearer windows tell at least how errors begin to grow.
        spacing = spacing if size >= least + 3 * spacing else long
    elif ahead <= 4 * long or size < least + 3 * spacing:
        least = 2 * long if size >= 3 * long else long if size > long + 2 * short else min(2 * short, size - 1)
        most = (long - 1) // short
        spacing = short * min(max(1, (size - least) // (MOST_WINDOWS * short)), max(1, most))
    return [origin for number in range(1, MOST_WINDOWS + 1) if (origin := size - number * spacing) >= least]


_BELOW = (0.0, 0.1, 0.0, 0.025, 0.0)
"""The share of values that p50, lo80, hi80, lo95, hi95 leave below them; 0 where that is not asked."""


def _idle(values: Floats, seasons: Seasons, ahead: int) -> Floats:
    """How often nothing at all happened at the hour of each coming step, in the last weeks: an interval has to hold it."""
    season = seasons.short or seasons.long
    rows = table(values[-members.LONGEST * seasons.long :], season)
    known = np.count_nonzero(~np.isnan(rows), axis=0)
    share: Floats = np.count_nonzero(rows == 0, axis=0) / np.maximum(known, 1)
    return share[np.arange(ahead) % season]


def _bounds(values: Floats, growing: bool) -> tuple[float, float]:
    if growing:
        return float(values[~np.isnan(values)][-1]), np.inf
    return (0.0 if float(np.nanmin(values)) >= 0 else -np.inf), np.inf
