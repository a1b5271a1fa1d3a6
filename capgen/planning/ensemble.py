"""One forecast from several: each member is believed as its own errors at earlier origins of this series allow.

Picking the one with the least error was measured to be no better than a plain mean, so nothing is picked: the weights
fall with the fourth power of a member's error, and the errors are drawn towards equal ones the more, the less has been
tried. A member that is off by a twentieth of the others' (growth, where a disk fills) is believed nearly alone. One that could not be tried yet (there has been one week only) is believed like the others of its season.

A mean of lines is smoother than any of them, and a plan is made for peaks. Where the combined line is calmer than
nine tenths of what the weeks before were, its upper half is stretched to that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct

from capgen.history.series import Bools, Floats
from capgen.planning.members import DAILY, DAYS, LAST, MEDIAN, NOW
from capgen.planning.seasons import Seasons, quantile, table

STEEP = 4.0
DRAWN = 0.5
"""How many trials the belief that all members err alike is worth."""
CALMEST = 0.9
"""How much lower than usual a season's 95th percentile may be forecast."""
ONLY_WEEK, UNLIKE_WEEK = 5.0, 0.8
"""What last week counts when it is the only one: where its days differ as weekdays do, and where nothing says so."""
GROWTH_OF_DAYS = 0.05
"""What growth from day to day counts then: a Saturday after a Friday looks like a fall."""
FAR = 2
"""After how many seasons a member's error tells as much as one of the whole horizon would."""
PEAK = 0.95
Lines = Callable[[Floats, int], Floats]
"""From the known values and a number of steps to a row of that many values for each member, NaN for one that cannot."""


class Trial(Struct, frozen=True, eq=False):
    """What each member would have said at an earlier origin, and what came."""

    origin: int
    lines: Floats
    actual: Floats


def tried(values: Floats, lines: Lines, horizon: int, origins: Sequence[int]) -> tuple[Trial, ...]:
    """The members at earlier origins, the newest first, each without a look at what came after."""
    found = []
    for origin in origins:
        actual = values[origin : origin + horizon]
        if np.isnan(values[:origin]).all():
            break
        found.append(Trial(origin, lines(values[:origin], len(actual)), actual))
    return tuple(found)


def weights(
    present: Bools, trials: Sequence[Trial], now: int, horizon: int, seasons: Seasons, weekly: float = 1.0
) -> Floats:
    """How much each member that is present counts, from the errors that were known at step `now`; their sum is 1.

    `weekly` is how far a single week is believed to repeat, 0 to 1.
    """
    prior = present.astype(np.float64)
    if seasons.short:
        # Where the series stands now says little about a day far ahead.
        prior[NOW] *= min(1.0, seasons.short / horizon) if present[DAYS] else 1.0
    if present[LAST] and not present[MEDIAN]:
        # One week was seen: a Saturday is known from one Saturday only, but no other member knows it at all.
        prior[LAST] *= UNLIKE_WEEK + (ONLY_WEEK - UNLIKE_WEEK) * weekly
        prior[DAILY] *= GROWTH_OF_DAYS
    prior /= prior.sum()
    size, usual = np.zeros(len(present)), np.zeros(len(present))
    seen = 0.0
    for trial in trials:
        length = min(len(trial.actual), now - trial.origin)
        known = ~np.isnan(trial.actual[:length])
        if length <= 0 or not known.any():
            continue
        errors = np.abs(trial.lines[:, :length] - trial.actual[:length])
        errors = (errors if known.all() else errors[:, known]).mean(axis=1)
        there = ~np.isnan(errors) & present
        if not there.any():
            continue
        share = min(1.0, length / min(horizon, FAR * seasons.long if seasons.long > 1 else horizon))
        size[there] += share * errors[there]
        usual[there] += share * np.median(errors[there])
        seen += share * (1.0 if there[LAST] or not present[LAST] else 1.0 - weekly)
    if not seen or not usual.any():
        return prior
    rank = np.where(usual > 0, size / np.where(usual > 0, usual, 1.0), np.nan)
    rank = np.where(np.isnan(rank), rank[LAST] if not np.isnan(rank[LAST]) else 1.0, rank)
    drawn = (seen * rank + DRAWN) / (seen + DRAWN)
    scored: Floats = prior * drawn**-STEEP
    scored /= scored.sum()
    return scored


def mixed(lines: Floats, shares: Floats) -> Floats:
    """The weighted mean of the members that are there."""
    mean: Floats = np.where(shares[:, None] > 0, np.nan_to_num(lines) * shares[:, None], 0.0).sum(axis=0)
    return mean


def lifted(line: Floats, values: Floats, seasons: Seasons) -> Floats:
    """The line with its peaks no lower than nine tenths of what seasons before it had."""
    piece = _piece(len(values), len(line), seasons)
    if not piece:
        return line
    pieces = [values[len(values) - (place + 1) * piece : len(values) - place * piece] for place in range(4)]
    seen = [part[~np.isnan(part)] for part in pieces]
    tops = [quantile(part, PEAK) for part in seen if len(part) > piece / 2]
    if not tops:
        return line
    usual = CALMEST * float(np.median(tops))
    top, middle = (quantile(line[:piece], part) for part in (PEAK, 0.5))
    if top <= middle or top >= usual or _at_random(values, seasons):
        return line
    # What is higher than the 95th percentile (a job of one hour a day) moves along with it: it is no calmer than it was.
    lift = np.minimum(line, top) - middle
    stretched: Floats = np.where(lift > 0, line + lift * (min((usual - middle) / (top - middle), 3.0) - 1.0), line)
    return stretched


def _at_random(values: Floats, seasons: Seasons) -> bool:
    """Whether there is no hour in which anything usually happens: its peaks are nowhere to be expected."""
    rows = table(values, seasons.short or seasons.long)
    return bool((2 * np.count_nonzero(rows == 0, axis=0) > np.count_nonzero(~np.isnan(rows), axis=0)).all())


def _piece(size: int, horizon: int, seasons: Seasons) -> int:
    """What a forecast's peaks are compared with: a whole season, or whole days where weeks are not known. 0: nothing."""
    if horizon >= seasons.long > 1 and size >= seasons.long:
        return seasons.long
    if seasons.short > 1 and size < 2 * seasons.long and horizon >= seasons.short:
        return min(horizon, size) // seasons.short * seasons.short
    return 0
