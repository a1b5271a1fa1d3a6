"""What histories are really like: outages, resets, events, gaps, too short, constant, at a limit."""

from __future__ import annotations

import numpy as np
import pytest
from planning.shapes import HOUR, START, WEEK, noise, series, weekly

from capgen.history.series import Series
from capgen.planning.calendar import Event
from capgen.planning.forecast import Forecast, TooLittle, forecast
from capgen.planning.grid import Uneven

BASE = weekly(13, seed=11)


def codes(made: Forecast) -> set[str]:
    return {notice.code for notice in made.notices}


def ahead(values: np.ndarray, **more: object) -> Forecast:
    return forecast(series(values), WEEK * HOUR, **more)  # type: ignore[arg-type]


def test_an_outage_of_two_days_changes_nothing_that_is_forecast() -> None:
    broken = BASE.copy()
    broken[-3 * 24 - 48 : -3 * 24] = 0.0
    healthy, made = ahead(BASE), ahead(broken)
    naive = broken[-WEEK:]
    assert np.abs(made.p50 / healthy.p50 - 1).max() < 0.2
    assert np.abs(naive / healthy.p50 - 1).max() > 0.9
    outage = next(notice for notice in made.notices if notice.code == "CG908")
    assert outage.begin == START + HOUR * (len(BASE) - 120)
    assert outage.end == START + HOUR * (len(BASE) - 72)
    assert "CG908" not in codes(healthy)


def test_a_service_that_sleeps_at_night_has_no_outages() -> None:
    hours = np.arange(len(BASE)) % 24
    assert "CG908" not in codes(ahead(np.where(hours < 8, 0.0, BASE)))


def test_a_service_that_was_switched_off_is_not_expected_back() -> None:
    gone = BASE.copy()
    gone[-5 * 24 :] = 0.0
    assert "CG908" not in codes(ahead(gone))


def test_a_counter_goes_on_over_its_resets() -> None:
    total = np.cumsum(BASE)
    total[-50:] -= total[-51]
    made = ahead(total)
    assert "CG909" in codes(made)
    assert made.growing
    week = float(BASE[-WEEK:].sum())
    assert made.p50[-1] == pytest.approx(total[-1] + week, rel=0.02)
    assert (np.diff(made.p50) >= 0).all()
    assert made.lo95.min() >= total[-1]
    reset = next(notice for notice in made.notices if "reset" in notice.message)
    assert reset.begin == START + (len(BASE) - 50) * HOUR


def test_a_known_event_is_taken_out_of_the_past_and_put_into_the_future() -> None:
    sale = BASE.copy()
    sale[-WEEK + 24 : -WEEK + 48] *= 3.0
    last = START + HOUR * len(BASE)
    past = Event("sale", last - (WEEK - 24) * HOUR, last - (WEEK - 48) * HOUR, 3.0)
    coming = Event("launch", last + 48 * HOUR, last + 72 * HOUR, 2.0)
    plain, made = ahead(BASE), ahead(sale, events=(past, coming))
    ratio = made.p50 / plain.p50
    assert ratio[48:72] == pytest.approx(2.0, rel=1e-6)
    assert np.delete(ratio, np.s_[48:72]) == pytest.approx(1.0, rel=1e-6)
    assert made.hi95[50] == pytest.approx(2 * plain.hi95[50], rel=1e-6)
    assert "CG914" in codes(made)


def test_an_event_without_a_multiplier_is_left_out_of_the_past() -> None:
    odd = BASE.copy()
    odd[-WEEK : -WEEK + 24] *= 0.4
    last = START + HOUR * len(BASE)
    event = Event("migration", last - WEEK * HOUR, last - (WEEK - 24) * HOUR, None)
    assert np.abs(ahead(odd, events=(event,)).p50 / ahead(BASE).p50 - 1)[:24].max() < 0.25


def test_demand_that_rests_at_its_limit_is_called_censored() -> None:
    assert "CG911" in codes(ahead(np.minimum(BASE, np.quantile(BASE, 0.85))))
    assert "CG911" not in codes(ahead(BASE))
    assert "CG911" in codes(ahead(BASE, limit=float(np.quantile(BASE, 0.97))))


def test_gaps_are_gaps_and_no_zeros() -> None:
    holes = BASE.copy()
    holes[::7] = np.nan
    made = ahead(holes)
    assert "CG907" in codes(made)
    assert np.abs(made.p50 / ahead(BASE).p50 - 1).max() < 0.35


def test_less_than_two_weeks_says_so_and_widens() -> None:
    short, long = ahead(BASE[: 10 * 24]), ahead(BASE)
    assert "CG906" in codes(short)
    assert short.season == "day"
    assert (short.hi80 - short.lo80).mean() > (long.hi80 - long.lo80).mean()
    day = ahead(BASE[:20])
    assert day.season == "none"
    assert "CG906" in codes(day)


@pytest.mark.parametrize("count", [2, 3, 5, 23, 24, 25, 47, 48, 49, 335, 336, 337])
def test_every_length_is_answered_with_intervals_in_order(count: int) -> None:
    made = ahead(BASE[:count])
    for low, high in ((made.lo95, made.lo80), (made.lo80, made.p50), (made.p50, made.hi80), (made.hi80, made.hi95)):
        assert (low <= high).all()
    assert np.isfinite(made.hi95).all()
    assert made.lo95.min() >= 0
    assert (made.hi80 - made.lo80).min() > 0


def test_one_value_is_refused_with_a_reason() -> None:
    with pytest.raises(TooLittle, match="at least two"):
        ahead(BASE[:1])
    with pytest.raises(TooLittle, match="0 usable"):
        ahead(np.full(500, np.nan))


def test_a_constant_stays_and_says_what_it_does_not_know() -> None:
    made = ahead(np.full(1000, 7.0))
    assert made.p50 == pytest.approx(7.0)
    assert "CG913" in codes(made)


def test_a_quantity_that_may_be_negative_may_be_forecast_negative() -> None:
    balance = BASE - 100.0
    made = ahead(balance)
    assert made.p50.min() < 0
    bad = BASE.copy()
    bad[500] = -4000.0
    fixed = ahead(bad)
    assert "CG919" in codes(fixed)
    assert fixed.lo95.min() >= 0


def test_a_step_that_would_give_millions_of_values_is_refused() -> None:
    wide = Series("value", np.array([0.0, 1.0, 2.0, 4e9]), np.ones(4))
    with pytest.raises(Uneven):
        forecast(wide, WEEK * HOUR)
    with pytest.raises(TooLittle, match="longer --step"):
        forecast(series(BASE), 1e12)


def test_a_coarser_step_averages_and_an_unfinished_bucket_is_left_out() -> None:
    fine = np.repeat(BASE, 12)[:-9]
    made = forecast(series(fine, step=300.0), WEEK * HOUR, step=HOUR)
    assert len(made.history.values) == len(BASE) - 1
    assert made.history.values == pytest.approx(BASE[:-1])
    assert made.times[0] == START + HOUR * (len(BASE) - 1)


def test_five_minutes_of_history_give_the_same_week() -> None:
    fine = np.repeat(BASE, 12) * np.exp(0.02 * noise(12 * len(BASE), 3))
    made = forecast(series(fine, step=300.0), WEEK * HOUR)
    assert len(made.p50) == 12 * WEEK
    assert made.p50.reshape(-1, 12).mean(axis=1) == pytest.approx(ahead(BASE).p50, rel=0.05)


def test_what_nothing_can_have_measured_is_refused_and_not_reckoned_with() -> None:
    broken = BASE.copy()
    broken[100] = 1e300
    with pytest.raises(TooLittle, match="nothing that was measured"):
        ahead(broken)


def test_what_is_closed_at_night_is_no_gappy_history() -> None:
    hours = np.arange(len(BASE)) % 24
    by_day = np.where((hours >= 8) & (hours < 17), BASE, np.nan)
    assert "CG906" not in codes(ahead(by_day))
    holes = np.where(noise(len(BASE), 3) > 0.4, BASE, np.nan)
    assert "CG906" in codes(ahead(holes))


def test_a_step_finer_than_the_series_repeats_what_it_was_given_and_says_so() -> None:
    made = forecast(series(BASE), WEEK * HOUR, step=300.0)
    assert "CG956" in codes(made)
    assert "CG907" not in codes(made)
    assert made.p50[11::12] == pytest.approx(ahead(BASE).p50, rel=0.05)
    holes = BASE.copy()
    holes[100:110] = np.nan
    gaps = [notice for notice in forecast(series(holes), HOUR, step=300.0).notices if notice.code == "CG907"]
    assert [(notice.begin, notice.end) for notice in gaps] == [(START + 99 * HOUR + 300, START + 110 * HOUR)]


def test_a_day_of_which_only_the_evening_was_measured_is_no_day() -> None:
    made = forecast(series(BASE[18:], start=START + 18 * HOUR), 7 * 24 * HOUR, step=24 * HOUR)
    assert made.history.start == START + 24 * HOUR
    assert made.history.values == pytest.approx(BASE[24:].reshape(-1, 24).mean(axis=1))


def test_a_history_that_was_scraped_less_often_at_first_is_read_at_the_step_of_most_of_it() -> None:
    times = np.concatenate(
        [np.arange(0, 10 * WEEK) * HOUR, (10 * WEEK - 0.5) * HOUR + 300.0 * np.arange(1, 3 * WEEK * 12)]
    )
    made = forecast(Series("value", START + times, np.interp(times, np.arange(len(BASE)) * HOUR, BASE)), WEEK * HOUR)
    assert made.history.step == HOUR
    assert "CG910" in codes(made)
    assert made.p50 == pytest.approx(ahead(BASE).p50, rel=0.1)
    # A service that is closed at night leaves gaps as long as its days; these are none of its steps.
    open_by_day = np.flatnonzero(np.arange(WEEK * 12) % 288 >= 150)
    closed = Series("value", START + 300.0 * open_by_day, 10.0 + open_by_day % 288)
    assert forecast(closed, HOUR).history.step == 300.0


def test_further_ahead_than_the_history_reaches_back_begins_like_a_week_ahead() -> None:
    far = forecast(series(BASE[: 3 * WEEK]), 200 * 24 * HOUR)
    near = ahead(BASE[: 3 * WEEK])
    assert "CG957" in codes(far)
    assert "CG957" not in codes(near)
    width, usual = ((made.hi80 - made.lo80)[:WEEK].mean() for made in (far, near))
    assert width == pytest.approx(usual, rel=0.7)
    assert (far.hi80 - far.lo80)[-WEEK:].mean() > 1.3 * width


def test_an_event_over_all_of_the_history_leaves_nothing_to_forecast_from() -> None:
    with pytest.raises(TooLittle, match="events without a multiplier"):
        ahead(BASE, events=(Event("all", START - 1, START + 1e9, None),))
