"""Drawn futures: as wide as the backtest's errors, sharing their shocks, within floors and caps, finite whatever came in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analytics.forecasting.calibration import Calibration
from analytics.forecasting.error_pool import error_pool
from analytics.forecasting.last_year import last_year
from analytics.forecasting.panel import fit_panel
from analytics.forecasting.sampling import as_futures, sample
from roomleft.outlook import NoDate, Shape
from tests.analytics.forecasting.drawn import NOW, TODAY, UTC_ZONE, panel


def rng() -> np.random.Generator:
    """A seeded generator."""
    return np.random.default_rng(20261121)


def test_draws_are_as_wide_as_the_backtests_errors() -> None:
    errors = rng().normal(0, 5, (40, 20, 30))
    drawn = sample(panel(errors), rng())
    assert drawn.shape == (40, 400, 30)
    assert drawn.dtype == np.float32
    low, middle, high = np.quantile(drawn, (0.1, 0.5, 0.9), axis=(0, 1))
    # 80 % of a normal variable lie within 1.28 standard deviations.
    assert np.allclose((high - low) / 2, 1.2816 * 5, rtol=0.15)
    assert np.allclose(middle, 100, atol=1)


def test_a_shared_shock_stays_shared() -> None:
    shock = rng().normal(0, 5, (1, 20, 30))
    together = sample(panel(np.repeat(shock, 30, axis=0) + rng().normal(0, 0.5, (30, 20, 30))), rng())
    apart = sample(panel(rng().normal(0, 5, (30, 20, 30))), rng())

    def spread_of_total(drawn: np.ndarray) -> float:
        return float(drawn.sum(axis=0).std(axis=0).mean() / drawn.std(axis=1).mean() / 30)

    assert spread_of_total(together) > 0.9
    assert spread_of_total(apart) < 0.5


def test_a_consistent_bias_is_taken_off_and_a_chance_one_is_not() -> None:
    noise = rng().normal(0, 1, (10, 12, 30))
    noise[3] += 20
    middles = np.median(sample(panel(noise), rng()), axis=(1, 2))
    assert middles[3] == pytest.approx(120, abs=1)
    assert np.allclose(np.delete(middles, 3), 100, atol=0.5)


def test_a_series_keeps_its_own_size_and_borrows_where_it_has_no_past() -> None:
    noise = rng().normal(0, 1, (20, 12, 30))
    noise[0] *= 8
    noise[1] = np.nan
    spread = sample(panel(noise), rng()).std(axis=(1, 2))
    assert spread[0] > 4 * np.median(spread)
    assert 0.5 < spread[1] / np.median(spread) < 2


def test_floor_and_cap_hold() -> None:
    state = panel(
        rng().normal(0, 200, (3, 10, 30)), ceiling=np.array([150.0, np.inf, 150.0]), nonnegative=np.array([True, True, False])
    )
    drawn = sample(state, rng())
    assert drawn[:2].min() == 0
    assert drawn[2].min() < 0
    assert drawn[0].max() == drawn[2].max() == 150


def test_logarithms_come_back() -> None:
    state = panel(rng().normal(0, 0.2, (3, 10, 30)), point=np.log(110.0), logged=True, offset=np.full(3, 10.0))
    drawn = sample(state, rng())
    assert np.median(drawn) == pytest.approx(100, rel=0.03)
    assert np.quantile(drawn, 0.9) == pytest.approx(110 * np.exp(0.2 * 1.2816) - 10, rel=0.1)


def test_a_horizon_past_the_fitted_one_repeats_its_last_week_and_widens() -> None:
    point = 100 + 10 * np.tile(np.arange(7.0), 5)[None, :30]
    walk = np.cumsum(rng().normal(0, 1, (4, 12, 30)), axis=2)
    drawn = sample(panel(walk, point=np.repeat(point, 4, axis=0)), rng(), horizon=90)
    assert drawn.shape == (4, 400, 90)
    assert np.isfinite(drawn).all()
    assert drawn[:, :, 80:].std() > drawn[:, :, :10].std()
    middle = np.median(drawn, axis=(0, 1))
    assert np.allclose(middle[60:67], middle[67:74], atol=4)


def test_calibration_widens_by_metric() -> None:
    state = panel(rng().normal(0, 1, (2, 12, 30)))
    wider = Calibration(widths={("budget", 2): 2.0, ("budget", 1): 2.0, ("budget", 0): 2.0})
    plain = sample(state, rng()).std(axis=(1, 2))
    told = sample(state, rng(), calibration=wider, metrics=["budget", "slo"]).std(axis=(1, 2))
    assert told[0] == pytest.approx(2 * plain[0], rel=0.01)
    assert told[1] == pytest.approx(plain[1], rel=0.01)


def test_the_same_seed_draws_the_same() -> None:
    state = panel(rng().normal(0, 1, (70, 12, 30)))
    assert np.array_equal(sample(state, rng()), sample(state, rng()))


ODD = {
    "all zero": np.zeros(60),
    "constant": np.full(60, 7.0),
    "one point": np.r_[np.full(59, np.nan), 3.0],
    "gaps": np.where(np.arange(60) % 2, np.nan, 5.0),
    "exploding": 2.0 ** np.arange(0, 240, 4),
    "all unknown": np.full(60, np.nan),
    "infinite": np.r_[np.ones(59), np.inf],
    "negative": -np.arange(60.0),
}


@pytest.mark.parametrize("days", [1, 3, 8, 20, 60])
def test_whatever_came_in_the_draws_are_finite(days: int) -> None:
    frame = pd.DataFrame({name: values[-days:] for name, values in ODD.items()})
    state = fit_panel(frame, horizon=30, first_day=TODAY, nonnegative=[name != "negative" for name in ODD])
    drawn = sample(state, rng(), horizon=40)
    assert np.isfinite(drawn).all()
    assert drawn[:-1].min() >= 0
    every = as_futures(state, drawn, zone=UTC_ZONE, fitted_at=NOW)
    assert [one.target for one in every] == list(ODD)
    assert every[0].shape is Shape.FLOW
    assert every[5].no_date in (NoDate.NO_DATA, NoDate.TOO_SHORT)


def test_no_series_no_draws() -> None:
    empty = fit_panel(pd.DataFrame(index=range(30)), horizon=10)
    assert sample(empty, rng()).shape == (0, 400, 10)


def test_last_years_holiday_comes_again_for_all() -> None:
    days = 400
    made = rng()
    history = 100 + made.normal(0, 2, (30, days))
    holiday = days - 365 + 10
    history[:, holiday] -= 60
    state = panel(made.normal(0, 2, (30, 12, 30)), history=history, scale=np.ones(30))
    shock = last_year(state)
    assert shock.coming[10] < -20
    assert np.abs(np.delete(shock.coming, 10)).max() < 3
    drawn = sample(state, rng())
    assert np.median(drawn[:, :, 10]) < 75
    assert np.median(drawn[:, :, 12]) == pytest.approx(100, abs=2)
    # The strength with which it comes is shared, and not known beforehand.
    assert drawn[:, :, 10].mean(axis=0).std() > 10
    # A year that is not there says nothing; nor does a single series.
    assert not last_year(replace(state, history=history[:, -300:])).coming.any()
    alone = panel(made.normal(0, 2, (1, 12, 30)), history=100 + made.normal(0, 2, (1, days)), scale=np.ones(1))
    assert np.abs(last_year(alone).coming).max() < 3


@pytest.mark.parametrize("days_ago", [5, 9, 12, 20, 27, 34, 41, 60, 100, 200])
def test_a_new_level_is_not_drawn_back_to_last_years(days_ago: int) -> None:
    made = rng()
    history = 100 + made.normal(0, 2, (30, 400))
    history[:, -days_ago:] += 100
    state = panel(made.normal(0, 2, (30, 12, 30)), history=history, point=200.0, scale=np.ones(30))
    # Of a jump of 100; what is left is the straight line that the jump tilts.
    assert np.abs(last_year(state).coming).max() < 8


def test_what_wanders_does_not_return_to_last_years_level() -> None:
    made = rng()
    history = 100 + np.cumsum(made.normal(0, 3, (30, 400)), axis=1)
    state = panel(made.normal(0, 2, (30, 12, 30)), history=history, point=history[:, -1:], scale=np.ones(30))
    assert np.abs(last_year(state).coming).mean() < 3


def test_an_origins_left_out_share_sets_the_width() -> None:
    steady = error_pool(panel(rng().normal(0, 1, (40, 16, 7))), 7)
    assert steady.width == pytest.approx(1, abs=0.1)
    uneven = rng().normal(0, 1, (40, 16, 7)) * np.where(np.arange(16) % 4 == 3, 6.0, 1.0)[None, :, None]
    assert error_pool(panel(uneven), 7).width > steady.width


@pytest.mark.parametrize("kind", ["walks", "noise"])
def test_the_ranges_of_a_young_history_hold(kind: str) -> None:
    """Of seeded series without trends cut to 35, 45, 60 and 90 days, four fifths of the totals and next days come inside; before young ranges were widened, half of a walk's did."""
    inside: dict[int, list[float]] = {length: [] for length in (35, 45, 60, 90)}
    for turn in range(4):
        made = np.random.default_rng([3, turn])
        steps = made.normal(0, 1, (120, 24))
        values = 1000 + (np.cumsum(steps, axis=0) * 4 if kind == "walks" else steps * 20)
        for length, found in inside.items():
            drawn = sample(fit_panel(pd.DataFrame(values[90 - length : 90]), horizon=30), made).astype(np.float64)
            came = values[90:].T
            for said, what in ((drawn.sum(axis=2), came.sum(axis=1)), (drawn[:, :, 0], came[:, 0])):
                low, high = np.quantile(said, (0.1, 0.9), axis=1)
                found.append(float(((what >= low) & (what <= high)).mean()))
    for length, found in inside.items():
        assert 0.7 < np.mean(found) < 0.95, (length, found)


def test_one_wild_day_does_not_make_every_day_wild() -> None:
    """An outage of an hour a month ago: it may come again, on some day, but the usual day stays what it was."""
    made = rng()
    others = 100 + made.normal(0, 3, (90, 20))
    quiet = 91.2 + made.normal(0, 0.3, 90)
    struck = np.where(np.arange(90) == 60, 38.4, quiet)
    widths, chances = [], []
    for values in (quiet, struck):
        drawn = sample(fit_panel(pd.DataFrame(np.column_stack([others, values])), horizon=30), rng())[-1].astype(np.float64)
        low, high = np.quantile(drawn, (0.1, 0.9), axis=0)
        widths.append(float(np.median(high - low)))
        chances.append(float((drawn < 80).any(axis=1).mean()))
    assert widths[1] < 2 * widths[0]
    assert chances[0] == 0
    assert 0.05 < chances[1] < 0.5


def test_few_independent_errors_ask_for_wider_ranges() -> None:
    few = [
        error_pool(fit_panel(pd.DataFrame(rng().normal(100, 5, (days, 12))), horizon=30), 30).few for days in (35, 60, 120, 365)
    ]
    # Twice as wide with less than one stretch of thirty days, hardly wider after a year; nearer steps less than far ones.
    assert [float(one[:, -1].max()) for one in few] == sorted((float(one[:, -1].max()) for one in few), reverse=True)
    assert few[0][0, -1] > 1.8
    assert few[0][0, 0] < few[0][0, -1]
    assert few[-1].max() < 1.03
    # What lies beyond the backtest was never seen, and makes what was seen no less independent.
    year = fit_panel(pd.DataFrame(rng().normal(100, 5, (365, 12))), horizon=30)
    assert error_pool(year, 92).independent == error_pool(year, 30).independent


def test_of_one_stretch_no_habit_is_learnt() -> None:
    bends = 1000 + 0.3 * np.maximum(np.arange(45)[:, None] - 20, 0) ** 1.7
    pool = error_pool(fit_panel(pd.DataFrame(bends + rng().normal(0, 1, (45, 8))), horizon=30), 30)
    # Every origin erred on the same side, all within one and the same month.
    assert pool.independent == 1
    assert not pool.bias.any()


def test_an_error_path_that_was_cut_short_goes_on_as_restless_as_it_was() -> None:
    errors = rng().normal(0, 1, (30, 6, 30))
    errors[:, :, 12:] = np.nan
    drawn = sample(panel(errors), rng())
    steps = np.abs(np.diff(drawn, axis=2)).mean(axis=(0, 1))
    assert steps[16:].min() > 0.5 * steps[:10].mean()


def test_what_seldom_happens_comes_in_whole_days_of_it() -> None:
    days = np.zeros((60, 2))
    days[[9, 30, 51], 0] = 14, 18, 9
    days[[9, 30, 51], 1] = 1, 2, 1
    state = fit_panel(pd.DataFrame(days), horizon=30)
    assert set(state.no_date) == {NoDate.TOO_SPARSE}
    drawn = sample(state, rng())
    assert set(np.unique(drawn[0])) == {0, 9, 14, 18}
    assert np.array_equal(drawn[0] > 0, drawn[1] > 0)
    # A day is quiet more often than not, and says so: no share of a failure on each of them.
    assert np.quantile(drawn[0], 0.8, axis=0).max() == 0
    totals = drawn[0].sum(axis=1)
    # Three in sixty days are one and a half in thirty, give or take as many as one does not know.
    assert totals.mean() == pytest.approx(41 / 2, rel=0.2)
    assert (totals == 0).mean() > 0.2
    assert np.quantile(totals, 0.9) > 36
    unknown = days.copy()
    unknown[:30] = np.nan
    again = sample(fit_panel(pd.DataFrame(unknown), horizon=30), rng())
    assert np.isfinite(again).all()
    assert set(np.unique(again[0])) == {0, 9, 18}
