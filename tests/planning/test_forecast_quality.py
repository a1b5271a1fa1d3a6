"""The forecast is as good as was measured: on series of the project's own, and on real ones where they are at hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from planning.shapes import HOUR, WEEK, series, weekly

from capgen.api.planning import read_history
from capgen.history.series import Series
from capgen.planning.forecast import Forecast, forecast
from capgen.planning.grid import regular
from capgen.planning.members import seasonal_naive, straight_line

REAL = Path(__file__).parents[3] / "shared" / "data"
TRAINED = 13 * WEEK
SHAPES = {
    "calm": weekly(20, seed=1, swing=0.6, spread=0.08),
    "nervous": weekly(20, seed=2, swing=0.5, spread=0.25),
    "growing": weekly(20, seed=3, swing=0.5, trend=0.05),
    "shrinking": weekly(20, seed=4, swing=0.5, trend=-0.02, spread=0.15),
    "flat days": weekly(20, seed=5, swing=0.25, spread=0.1, memory=0.5),
}


class Score:
    """What a rolling origin finds: mean errors against the two yardsticks, coverages, weeks whose peak was too low."""

    def __init__(self) -> None:
        self.errors: list[tuple[float, float, float]] = []
        self.held80: list[float] = []
        self.held95: list[float] = []
        self.short: list[bool] = []

    def add(self, past: NDArray[np.float64], made: Forecast, came: NDArray[np.float64]) -> None:
        known = ~np.isnan(came)
        lines = (made.p50, seasonal_naive(past, WEEK, len(came)), straight_line(past, len(came)))
        a, b, c = (float(np.abs(line - came)[known].mean()) for line in lines)
        self.errors.append((a, b, c))
        self.held80.append(float(((came >= made.lo80) & (came <= made.hi80))[known].mean()))
        self.held95.append(float(((came >= made.lo95) & (came <= made.hi95))[known].mean()))
        self.short.append(bool(np.quantile(made.p50, 0.95) < 0.8 * np.quantile(came[known], 0.95)))

    def against(self, column: int) -> float:
        means = np.mean(self.errors, axis=0)
        return float(means[0] / means[column])


def rolled(values: NDArray[np.float64], *, step: float = HOUR, every: int = WEEK // 2) -> Score:
    """Forecasts a week ahead from each origin, having seen nothing after it."""
    score = Score()
    for origin in range(len(values) - WEEK, 4 * WEEK, -every):
        past = values[max(0, origin - TRAINED) : origin]
        score.add(past, forecast(series(past, step=step), WEEK * step), values[origin : origin + WEEK])
    return score


@pytest.fixture(scope="module")
def scores() -> dict[str, Score]:
    return {name: rolled(values) for name, values in SHAPES.items()}


def test_it_beats_last_week_and_the_straight_line_everywhere(scores: dict[str, Score]) -> None:
    for name, score in scores.items():
        assert score.against(1) < 1.0, name
        # A growing series flatters a line; everywhere else it has no peaks.
        assert score.against(2) < (0.9 if name == "flat days" else 0.7), name


def test_its_intervals_hold_what_they_say(scores: dict[str, Score]) -> None:
    held80 = np.mean([np.mean(score.held80) for score in scores.values()])
    held95 = np.mean([np.mean(score.held95) for score in scores.values()])
    assert 0.75 <= held80 <= 0.88
    assert 0.90 <= held95 <= 0.985


def test_it_rarely_misses_the_peak_of_a_week(scores: dict[str, Score]) -> None:
    short = [week for score in scores.values() for week in score.short]
    assert np.mean(short) <= 0.15


def test_its_own_back_test_says_what_the_rolling_origin_finds(scores: dict[str, Score]) -> None:
    tested = forecast(series(SHAPES["calm"][-TRAINED:]), WEEK * HOUR).backtest
    assert tested.mase is not None
    assert tested.mase_seasonal_naive is not None
    assert tested.coverage80 is not None
    assert tested.mase / tested.mase_seasonal_naive == pytest.approx(scores["calm"].against(1), abs=0.15)
    assert 0.7 <= tested.coverage80 <= 0.95
    assert len(tested.peak_errors) == tested.origins >= 8


def real() -> Iterator[tuple[str, Series]]:
    for path in sorted(REAL.glob("*.csv")) if REAL.is_dir() else ():
        yield path.stem, read_history(path)


@cache
def real_scores() -> tuple[Score, ...]:
    """The rolled scores of the real series, each at an hour; those of less than five weeks cannot be rolled and are
    only answered."""
    if not REAL.is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"the real series are not at {REAL}")
    found = []
    for name, data in real():
        if "daily" in name:
            continue
        grid, _ = regular(data, HOUR)
        if len(grid.values) < 5 * WEEK:
            made = forecast(data, WEEK * HOUR, step=HOUR)
            assert np.isfinite(made.p50).all(), name
            continue
        found.append(rolled(grid.values))
    assert found
    return tuple(found)


def test_the_real_series() -> None:
    assert np.exp(np.mean(np.log([score.against(1) for score in real_scores()]))) <= 1.0
    assert np.exp(np.mean(np.log([score.against(2) for score in real_scores()]))) <= 0.7
    assert 0.75 <= np.mean([np.mean(score.held80) for score in real_scores()]) <= 0.88
