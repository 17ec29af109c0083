"""What grows: histories whose future is known, forecast as the product forecasts them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from analytics.forecasting import drift
from analytics.forecasting.fitting import HORIZON, drawn_out
from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import outlook
from analytics.forecasting.panel import fit_panel, forecast
from analytics.forecasting.questions import persistence
from analytics.forecasting.sampling import as_futures, sample
from roomleft.limits import Kind, Limit, Reading
from roomleft.outlook import Outlook, Shape
from tests.analytics.forecasting.drawn import UTC_ZONE

Floats = npt.NDArray[np.float64]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = np.arange(160.0)
GROWING: dict[str, tuple[Floats, int]] = {
    "a line, a month known": (100 + 10 * DAYS, 33),
    "a line, three months known": (100 + 10 * DAYS, 90),
    "compounding slowly": (450 * 1.006**DAYS, 40),
    "compounding fast": (100 * 1.02**DAYS, 90),
    "a line with a week": (200 + 5 * DAYS + 30 * np.sin(2 * np.pi * DAYS / 7), 60),
    "a falling line": (2000 - 8 * DAYS, 60),
}


def foreseen(past: Floats) -> Futures:
    """The futures of a level with such a past, as far as the product draws them."""
    frame = pd.DataFrame({"shop/disk": past})
    state = drawn_out(fit_panel(frame, horizon=30, first_day=NOW.date(), shapes=(Shape.LEVEL,)), HORIZON)
    return as_futures(state, sample(state, np.random.default_rng(1), horizon=HORIZON), zone=UTC_ZONE, fitted_at=NOW)[0]


def asked(futures: Futures, amount: float, used: float) -> Outlook:
    """What is said of a disk of so many gigabytes."""
    disk = Limit("disk", "shop", Kind.CAPACITY, "Disk", Decimal(repr(float(amount))), "gb", "disk")
    return outlook(disk, Reading(Decimal(repr(float(used))), NOW, timedelta(days=1)), futures, NOW)


@pytest.mark.parametrize("name", GROWING)
def test_smooth_growth_goes_on(name: str) -> None:
    values, known = GROWING[name]
    futures = foreseen(values[:known])
    for days in (1, 7, 30, 60):
        middle = float(np.median(futures.values[:, days - 1]))
        assert middle == pytest.approx(values[known + days - 1], rel=0.01), f"{days} days ahead"


def test_ten_gigabytes_a_day_and_sixty_left_run_out() -> None:
    past = 100 + 10 * DAYS[:33]
    said = asked(foreseen(past), past[-1] + 60, past[-1])
    assert said.p_breach is not None
    assert said.p_breach > 0.99
    assert said.p50 is not None
    assert abs(said.p50 - (NOW + timedelta(days=6))) < timedelta(days=1.5)


def test_a_date_two_months_away_is_right() -> None:
    past = 100 + 10 * DAYS[:60]
    said = asked(foreseen(past), past[-1] + 600, past[-1])
    assert said.p_breach is not None
    assert said.p_breach < 0.01
    assert said.p50 is not None
    assert abs(said.p50 - (NOW + timedelta(days=60))) < timedelta(days=2)


def test_growth_is_seen_through_noise() -> None:
    values = 450 * 1.006 ** DAYS[:, None] * (1 + np.random.default_rng(5).normal(0, 0.01, (160, 20)))
    frame = pd.DataFrame(values[:45])
    point = forecast(fit_panel(frame)).values[:, -1]
    assert np.median(point / values[74]) == pytest.approx(1, abs=0.025)


def test_noisy_neighbours_do_not_widen_a_smooth_series() -> None:
    noise = np.exp(np.random.default_rng(3).normal(0, 0.5, (90, 20)))
    frame = pd.DataFrame(noise, columns=[f"n{i}" for i in range(20)])
    frame["smooth"] = 100 + 10 * DAYS[:90]
    drawn = sample(fit_panel(frame), np.random.default_rng(1))[-1, :, -1]
    low, high = np.quantile(drawn, (0.1, 0.9))
    assert low == pytest.approx(100 + 10 * 119, rel=0.02)
    assert high - low < 0.03 * 1290


def test_a_stock_keeps_its_jump() -> None:
    past = 614 * 1.006 ** DAYS[:40]
    assert persistence(past) == 1.0
    said = asked(foreseen(past), 1000, 985)
    assert said.p_breach is not None
    assert said.p_breach > 0.95
    jittering = 780 + np.random.default_rng(2).normal(0, 5, 40)
    assert persistence(jittering) < 0.5


@pytest.mark.parametrize("known", [75, 90, 100])
def test_what_is_emptied_each_month_does_not_grow_through_its_roof(known: int) -> None:
    values = 50 + 10.0 * (DAYS % 30)
    futures = foreseen(values[:known])
    assert np.median(futures.values, axis=0).max() < values.max()
    # From 75 days half the draws touch the growth cap on some day, twice what was ever seen, and go no further.
    highest = np.median(futures.values.max(axis=1))
    assert highest <= 2 * values.max()
    assert np.median(futures.values[:, 60:].mean(axis=1)) < 1.2 * values.max()
    said = asked(futures, 2 * values.max(), values[known - 1])
    assert said.p_breach is not None
    assert said.p_breach < 0.5


@pytest.mark.parametrize("known", [60, 90])
def test_what_levels_off_is_not_drawn_on(known: int) -> None:
    values = 100 * (1 - np.exp(-DAYS / 20))
    futures = foreseen(values[:known])
    assert float(np.median(futures.values[:, 29])) == pytest.approx(values[known + 29], rel=0.03)


def test_growth_goes_on_after_a_jump() -> None:
    values = 100 * 1.006**DAYS * np.where(DAYS >= 54, 2, 1)
    futures = foreseen(values[:60])
    for days in (7, 30):
        assert float(np.median(futures.values[:, days - 1])) == pytest.approx(values[59 + days], rel=0.08)


def test_the_growth_cap_compounds() -> None:
    values = 100 * 1.04**DAYS
    futures = foreseen(values[:90])
    assert float(np.median(futures.values[:, 59])) == pytest.approx(values[149], rel=0.02)


MOVES: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "a line": (lambda day: 3 * day, 3.0),
    "a line with a week": (lambda day: 3 * day + 20 * (day % 7), 3.0),
    "a line that jumped": (lambda day: 3 * day + 500 * (day >= 53), 3.0),
    "a constant": (lambda day: 0 * day + 5, 0.0),
    "too little": (lambda day: np.where(day < 50, np.nan, day), 0.0),
}


@pytest.mark.parametrize("name", MOVES)
def test_slopes(name: str) -> None:
    make, slope = MOVES[name]
    values = make(DAYS[:60])[None]
    assert drift.slopes(values, 7)[0] == pytest.approx(slope)
    assert drift.steady_slopes(values, 7)[0] == pytest.approx(slope)


def test_what_goes_up_and_down_is_not_steady() -> None:
    noise = np.random.default_rng(1).normal(0, 1, (50, 60))
    assert (drift.steady_slopes(noise, 7) == 0).mean() > 0.8
