"""Intervals from the forecast's own earlier errors, and its back-test, from the same windows.

The method is run again at earlier origins, each time without a look at what came after. The errors it made there, as
shares of the square root of the level (busy hours err more), give the width: the quantile of their size, higher for few
of them (as conformal prediction has it, with what they are worth for their number). Nothing is assumed about their
distribution. How errors grow from day to day ahead is measured too: a load that returns to its level is as well known in
a week as tomorrow, one that wanders is not. The back-test judges each window by what the windows before it knew, so its coverage is honest too.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from capgen.history.series import Bools, Floats
from capgen.planning.members import seasonal_naive, straight_line
from capgen.planning.seasons import quantile

MOST_WINDOWS = 10
FEW = 0.35
"""How much wider fewer windows than the most make an interval: a third for one, nothing for the most."""
_DRAWN = 5.0
"""What the usual growth of errors is worth: about what two windows of seven days tell."""
_STEEPEST = 0.5
"""A random walk's; what looks steeper in a few windows is chance."""
USUAL = 0.12


class Window(Struct, frozen=True, eq=False):
    """What would have been forecast at an earlier origin, and what came."""

    origin: int
    predicted: Floats
    actual: Floats


class Backtest(Struct, frozen=True):
    """How the forecast would have done. None where it cannot be said (no window, or nothing ever changed)."""

    origins: int
    steps: int
    mase: float | None
    mase_seasonal_naive: float | None
    mase_straight_line: float | None
    coverage80: float | None
    coverage95: float | None
    peak_errors: tuple[float, ...]
    """The 95th percentile of each window's forecast against what came: -0.2 is a fifth too low."""
    short: float | None
    """The share of windows whose peak was more than a fifth too low."""


class Width(Struct, frozen=True):
    """Half widths of the intervals, as multiples of `scale` with this `power`."""

    q80: float
    q95: float
    power: float


def scale(predicted: Floats, level: float, *, pace: int, growing: bool, power: float) -> Floats:
    """How large an error is expected to be at each step, up to a factor: by its level, and by a power of how many `pace` steps
    (a day; a season where there is none in it) ahead it is."""
    ahead = np.arange(len(predicted), dtype=np.float64)
    if growing:
        return (1.0 + ahead) ** 0.75
    further: Floats = _height(predicted, level) * (1.0 + np.floor(ahead / max(pace, 2))) ** power
    return further


def usual_power(pace: int) -> float:
    """With which power of the days ahead errors grow where nothing has been measured: little where there are seasons to
    return to, like a random walk's where there are none."""
    return USUAL if pace > 1 else 0.5


def _height(predicted: Floats, level: float) -> Floats:
    if level <= 0:
        return np.ones(len(predicted))
    height: Floats = np.sqrt(np.maximum(np.abs(predicted), 0.05 * level))
    return height


def _power(seen: tuple[Window, ...], now: int, level: float, pace: int) -> float:
    """The power that fits the mean errors of each window's days, drawn towards the usual one where there are few."""
    usual = usual_power(pace)
    if pace < 2:
        return usual
    rise, run = usual * _DRAWN, _DRAWN
    for window in seen:
        count = min(len(window.actual), now - window.origin) // pace
        if count < 2:
            continue
        errors = np.abs(window.actual - window.predicted) / _height(window.predicted, level)
        rows = errors[: count * pace].reshape(count, pace)
        known = np.count_nonzero(~np.isnan(rows), axis=1)
        means = np.nansum(rows, axis=1) / np.maximum(known, 1)
        told = (2 * known > pace) & (means > 0)
        if np.count_nonzero(told) > 1:
            far, size = (np.log(line[told]) for line in (np.arange(1.0, count + 1), means))
            far -= far.mean()
            rise, run = rise + float(far @ size), run + float(far @ far)
    return min(max(rise / run, 0.0), _STEEPEST)


def width(seen: tuple[Window, ...], now: int, level: float, *, pace: int, growing: bool, widen: float) -> Width | None:
    """From the errors that were known at step `now`; None when there were none."""
    sizes = []
    power = _power(seen, now, level, pace)
    for window in seen:
        length = min(len(window.actual), now - window.origin)
        if length > 0:
            height = scale(window.predicted, level, pace=pace, growing=growing, power=power)
            sizes.append((np.abs(window.actual - window.predicted) / height)[:length])
    counts = np.zeros(max(map(len, sizes), default=0))
    for size in sizes:
        counts[: len(size)] += ~np.isnan(size)
    # Windows near the end know only how far off the next steps were; every step ahead counts the same nevertheless.
    shares = [np.where(np.isnan(size), 0.0, 1.0 / np.maximum(counts[: len(size)], 1.0)) for size in sizes]
    pooled = np.concatenate(sizes) if sizes else np.zeros(0)
    known = ~np.isnan(pooled)
    if not known.any():
        return None
    worth = _independent([size[~np.isnan(size)] for size in sizes], _covered(seen, now))
    # Sizes in their order, each with the share that is reached in its middle.
    order = np.argsort(pooled[known], kind="stable")
    ranked, share = pooled[known][order], np.concatenate(shares)[known][order]
    reached = np.cumsum(share)
    parts = np.minimum(np.array([0.8, 0.95]) * (1.0 + 1.0 / worth), 1.0)
    q80, q95 = np.interp(parts * reached[-1], reached - share / 2, ranked) * widen
    # Few errors have one largest for both; nothing that is measured is flatter at its ends than if all sizes were as likely.
    q95 = max(q95, q80 * 0.95 / 0.8)
    few = 1.0 + FEW * (1.0 / len(sizes) - 1.0 / MOST_WINDOWS)
    return Width(float(q80) * few, float(q95) * few, power)


def _covered(seen: tuple[Window, ...], now: int) -> int:
    """How many steps the windows have seen together: those that overlap saw the same once more."""
    steps = np.zeros(now, dtype=bool)
    for window in seen:
        steps[window.origin : window.origin + len(window.actual)] = True
    return int(np.count_nonzero(steps))


def _independent(groups: list[Floats], covered: int) -> float:
    """How many errors these are worth, where those of one window are alike (a level that wandered off): two at least.

    Windows that overlap, over `covered` steps in all, are worth no more than as many as would lie beside each other.
    """
    groups = [group for group in groups if len(group)]
    total = sum(map(len, groups))
    if len(groups) < 2 or total <= len(groups):
        return max(2.0, float(len(groups)))
    pooled = np.concatenate(groups)
    inside = sum(float(((group - group.mean()) ** 2).sum()) for group in groups) / (total - len(groups))
    between = sum(len(group) * float((group.mean() - pooled.mean()) ** 2) for group in groups) / (len(groups) - 1)
    usual = total / len(groups)
    alike = min(max((between - inside) / (between + (usual - 1.0) * inside), 0.0), 1.0) if between > 0 else 0.0
    return max(2.0, min(total, covered) / (1.0 + (usual - 1.0) * alike))


def backtest(
    values: Floats, seen: tuple[Window, ...], level: float, *, season: int, pace: int, growing: bool, widen: float
) -> Backtest:
    """The windows' verdict."""
    scores: list[tuple[float, float, float]] = []
    inside: list[tuple[Bools, Bools]] = []
    peaks = []
    for place, window in enumerate(seen):
        known = ~np.isnan(window.actual)
        if not known.any():
            continue
        past = values[: window.origin]
        unit = _seasonal_error(past, season)
        if unit > 0:
            length = len(window.actual)
            lines = (window.predicted, seasonal_naive(past, season, length), straight_line(past, length))
            a, b, c = (float(np.abs(line - window.actual)[known].mean()) / unit for line in lines)
            scores.append((a, b, c))
        older = width(seen[place + 1 :], window.origin, level, pace=pace, growing=growing, widen=widen)
        if older is not None:
            reach = scale(window.predicted, level, pace=pace, growing=growing, power=older.power)
            size = np.abs(window.actual - window.predicted)[known]
            inside.append((size <= (older.q80 * reach)[known], size <= (older.q95 * reach)[known]))
        top = quantile(window.actual[known], 0.95)
        if top > 0:
            peaks.append(quantile(window.predicted, 0.95) / top - 1.0)
    means = np.mean(scores, axis=0) if scores else None
    return Backtest(
        origins=len(seen),
        steps=max((len(window.actual) for window in seen), default=0),
        mase=float(means[0]) if means is not None else None,
        mase_seasonal_naive=float(means[1]) if means is not None else None,
        mase_straight_line=float(means[2]) if means is not None else None,
        coverage80=float(np.concatenate([a for a, _ in inside]).mean()) if inside else None,
        coverage95=float(np.concatenate([b for _, b in inside]).mean()) if inside else None,
        peak_errors=tuple(peaks),
        short=sum(peak < -0.2 for peak in peaks) / len(peaks) if peaks else None,
    )


def _seasonal_error(past: Floats, season: int) -> float:
    """The mean error of "as last season" within the past: the unit of MASE. 0 when there is none."""
    if len(past) <= season:
        return 0.0
    errors = np.abs(past[season:] - past[:-season])
    errors = errors[~np.isnan(errors)]
    return float(errors.mean()) if len(errors) else 0.0
