"""The forecast keeps its promises on series of other kinds than its parameters were chosen by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from planning.shapes import WEEK, series, weekly
from planning.test_forecast_quality import TRAINED, Score, geometric, roll

from capgen.planning.forecast import forecast

Floats = NDArray[np.float64]
COUNT = 17
"""Weeks of each series."""


def drawn(seed: int) -> np.random.Generator:
    return np.random.default_rng(90_000 + seed)


def hours() -> Floats:
    return np.arange(COUNT * WEEK, dtype=np.float64)


def bursts(seed: int) -> Floats:
    """A few hours at two to six times the usual, about three times a week."""
    values = weekly(COUNT, seed=seed, swing=0.3, memory=0.5)
    for begin in np.flatnonzero(drawn(seed).random(len(values)) < 1 / 60):
        values[begin : begin + int(drawn(int(begin)).integers(1, 6))] *= drawn(int(begin)).uniform(2.0, 6.0)
    return values


def stepping(seed: int) -> Floats:
    """A machine that is moved between jobs: a level that steps every five days."""
    steps = np.where(drawn(seed).random(COUNT * WEEK) < 1 / 120, drawn(seed + 1).normal(0.0, 0.4, COUNT * WEEK), 0.0)
    return 40.0 * np.exp(np.cumsum(steps)) * (1.0 + 0.03 * drawn(seed + 2).normal(size=COUNT * WEEK))


def nightly(seed: int) -> Floats:
    """A job of one hour a night, over little else."""
    values = 10.0 + drawn(seed).normal(size=COUNT * WEEK)
    return values + np.where(hours() % 24 == 3, 80.0 + 10.0 * drawn(seed + 1).normal(size=COUNT * WEEK), 0.0)


def now_and_then(seed: int) -> Floats:
    """Nothing in nine hours of ten."""
    return np.where(drawn(seed).random(COUNT * WEEK) < 0.1, drawn(seed + 1).gamma(2.0, 10.0, COUNT * WEEK), 0.0)


def holidays(seed: int) -> Floats:
    """Days at half or nearly twice the usual, one in 25."""
    values = weekly(COUNT, seed=seed, swing=0.5)
    for day in np.flatnonzero(drawn(seed).random(COUNT * 7) < 1 / 25):
        values[day * 24 : day * 24 + 24] *= drawn(int(day)).choice([0.4, 0.5, 1.8])
    return values


def shifted(seed: int) -> Floats:
    """A release that halves or doubles the load for good, somewhere before the last month."""
    values = weekly(COUNT, seed=seed, swing=0.5)
    values[int(drawn(seed).integers(2 * WEEK, 11 * WEEK)) :] *= drawn(seed + 1).choice([0.5, 2.0])
    return values


KINDS: dict[str, Callable[[int], Floats]] = {
    "regular": lambda seed: weekly(COUNT, seed=seed, swing=0.6, spread=0.03),
    "days only": lambda seed: 100.0 * np.exp(0.5 * np.sin(hours() / 24 * 2 * np.pi) + 0.2 * drawn(seed).normal(size=COUNT * WEEK)),
    "growing 8 % a week": lambda seed: weekly(COUNT, seed=seed, swing=0.5) * 1.08 ** (hours() / WEEK),
    "shrinking": lambda seed: weekly(COUNT, seed=seed, swing=0.5, trend=-0.03),
    "noise": lambda seed: np.maximum(50.0 + 10.0 * drawn(seed).normal(size=COUNT * WEEK), 0.0),
    "below zero": lambda seed: 20.0 * np.sin(hours() / 24 * 2 * np.pi) + 5.0 * drawn(seed).normal(size=COUNT * WEEK),
    "at a limit": lambda seed: np.minimum(weekly(COUNT, seed=seed, swing=0.5), 140.0),
    "bursts": bursts,
    "stepping": stepping,
    "nightly": nightly,
    "now and then": now_and_then,
    "holidays": holidays,
    "shifted": shifted,
}  # fmt: skip


def line(seed: int, noise: float) -> Floats:
    """A volume that fills in a straight line, from four tenths to eight."""
    return 0.4 + 0.4 * hours() / len(hours()) + noise * drawn(seed).normal(size=len(hours()))


TRENDS: dict[str, Callable[[int], Floats]] = {
    "filling": lambda seed: line(seed, 0.004),
    "filling quietly": lambda seed: line(seed, 0.0004),
    "tidied up at midnight": lambda seed: 40.0 + 0.02 * hours() + 0.12 * (hours() % 24) + 0.3 * drawn(seed).normal(size=len(hours())),
    "tidied up on Mondays": lambda seed: 40.0 + 0.015 * hours() + 0.05 * (hours() % WEEK) + 0.3 * drawn(seed).normal(size=len(hours())),
    "slower and slower": lambda seed: 30.0 * np.log1p(hours() / 300) + 0.5 * drawn(seed).normal(size=len(hours())),
    "faster and faster": lambda seed: 20.0 + 1e-5 * hours() ** 2 + 0.5 * drawn(seed).normal(size=len(hours())),
    "emptying": lambda seed: 200.0 - 0.03 * hours() + 2.0 * drawn(seed).normal(size=len(hours())),
    "a leak until the restart": lambda seed: 30.0 + 0.2 * (hours() % 216) + drawn(seed).normal(size=len(hours())),
}  # fmt: skip


def rolled(weeks: int, kinds: dict[str, Callable[[int], Floats]] = KINDS) -> dict[str, Score]:
    """A week ahead from so many weeks, at three origins of two series of each kind."""
    found = {}
    for name, kind in kinds.items():
        score = found[name] = Score()
        for seed in (71, 72):
            values = kind(seed)[-(weeks + 3) * WEEK :]
            for begin in (0, WEEK - 29, 2 * WEEK - 58):
                roll(score, values[begin : begin + (weeks + 1) * WEEK], seen=weeks * WEEK, ahead=WEEK, every=WEEK)
    return found


@pytest.mark.parametrize("weeks", [TRAINED // WEEK, 4, 2])
def test_other_kinds_of_series_reach_the_bounds_too(weeks: int) -> None:
    scores = rolled(weeks)
    assert geometric([score.against(1) for score in scores.values()]) <= 0.95
    assert geometric([score.against(2) for score in scores.values()]) <= 0.7
    assert 0.75 <= np.mean([np.mean(score.held80) for score in scores.values()]) <= 0.88
    assert 0.90 <= np.mean([np.mean(score.held95) for score in scores.values()]) <= 0.98
    assert np.mean([np.mean(score.short) for score in scores.values()]) <= 0.15


@pytest.mark.parametrize(("weeks", "naive", "line"), [(TRAINED // WEEK, 0.25, 0.5), (4, 0.25, 0.8), (2, 0.45, 1.5)])
def test_what_grows_goes_on_growing_though_it_is_noisy(weeks: int, naive: float, line: float) -> None:
    """Last week again is off by a week's growth, and a straight line is what some of these are."""
    scores = rolled(weeks, TRENDS)
    assert geometric([score.against(1) for score in scores.values()]) <= naive
    assert geometric([score.against(2) for score in scores.values()]) <= line
    assert np.mean([np.mean(score.held80) for score in scores.values()]) >= 0.75


@pytest.mark.parametrize("kind", ["filling", "filling quietly"])
def test_a_volume_that_fills_is_where_its_line_says_in_six_weeks(kind: str) -> None:
    made = forecast(series(TRENDS[kind](75)[: 11 * WEEK]), 6 * WEEK * 3600.0)
    came = line(75, 0.0)[11 * WEEK :]
    assert made.p50 == pytest.approx(came, abs=0.012)
    assert (made.lo80 <= came).all()
    assert (made.hi80 >= came).all()


def test_two_weeks_of_a_regular_series_are_as_good_as_last_week_again() -> None:
    """Its hours hardly differ from week to week, so nothing may pull them towards the mean of the day."""
    assert rolled(2)["regular"].against(1) <= 1.0


def test_a_job_of_one_hour_a_day_is_forecast_at_its_height() -> None:
    values = nightly(73)[-TRAINED - WEEK :]
    made = forecast(series(values[:TRAINED]), WEEK * 3600.0)
    at = np.arange(WEEK) % 24 == 3
    assert made.p50[at] == pytest.approx(np.full(7, 90.0), rel=0.15)


def test_the_interval_of_what_happens_now_and_then_holds_that_nothing_does() -> None:
    for weeks in (2, 13):
        made = forecast(series(now_and_then(74)[-weeks * WEEK :]), WEEK * 3600.0)
        assert not made.lo80.any()
        assert made.hi95.min() > 0.0


def test_a_walk_is_held_as_well_in_a_week_as_tomorrow() -> None:
    """Its level wanders, so its errors grow with the days ahead, and windows that overlap tell the same once more."""
    held = []
    for seed in range(16):
        steps = drawn(seed).normal(size=7 * WEEK)
        values = 200.0 * np.exp(
            0.08 * np.cumsum(steps) / np.sqrt(24.0) + 0.5 * np.sin(hours()[: 7 * WEEK] / 24 * 2 * np.pi)
        )
        for weeks in (2, 4):
            for end in (5 * WEEK, 6 * WEEK - 29):
                made = forecast(series(values[end - weeks * WEEK : end]), WEEK * 3600.0)
                came = values[end : end + WEEK]
                held.append(((came >= made.lo80) & (came <= made.hi80)).reshape(7, 24).mean(axis=1))
    by_day = np.mean(held, axis=0)
    assert 0.75 <= by_day.mean() <= 0.88
    assert abs(by_day[:2].mean() - by_day[5:].mean()) <= 0.08


def test_one_week_is_believed_for_its_weekend_and_not_for_a_level_that_has_gone() -> None:
    """The second Monday comes after five working days and a weekend; or after a level that stepped on a Thursday."""
    working = weekly(2, seed=81, swing=0.4, spread=0.03)
    made = forecast(series(working[:WEEK]), 24 * 3600.0)
    assert made.p50.mean() == pytest.approx(working[WEEK : WEEK + 24].mean(), rel=0.1)
    stepped = 50.0 * np.exp(0.02 * drawn(82).normal(size=WEEK)) * np.where(np.arange(WEEK) < 84, 1.0, 0.6)
    made = forecast(series(stepped), 24 * 3600.0)
    assert made.p50.mean() == pytest.approx(30.0, rel=0.16)


def test_three_days_have_peaks_too_and_their_wider_interval_is_the_wider_one() -> None:
    uneven = 60.0 * np.exp(0.4 * np.sin(hours()[:72] / 24 * 2 * np.pi) + 0.6 * drawn(83).normal(size=72))
    made = forecast(series(uneven), WEEK * 3600.0)
    assert np.quantile(made.p50, 0.95) >= 0.85 * np.quantile(uneven, 0.95)
    assert (made.hi95 > made.hi80).all()


def test_three_days_are_not_drawn_out_as_growth() -> None:
    ratios = []
    for kind in ("regular", "bursts", "growing 8 % a week", "holidays"):
        values = KINDS[kind](84)
        for end in (5 * WEEK, 8 * WEEK - 29, 12 * WEEK - 58):
            past, came = values[end - 72 : end], values[end : end + WEEK]
            again = np.resize(past[-24:], WEEK)
            ratios.append(np.abs(forecast(series(past), WEEK * 3600.0).p50 - came).mean() / np.abs(again - came).mean())
    assert geometric(ratios) <= 1.0
