"""Series that are odd in every way we could think of: each gets a forecast or a named refusal, alone and among others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from analytics.forecasting import scales
from analytics.forecasting.panel import fit_panel, forecast
from analytics.forecasting.state import PanelState
from roomleft.outlook import NoDate

Floats = npt.NDArray[np.float64]


def week(t: int) -> Floats:
    rng = np.random.default_rng(5)
    return np.asarray(100 + 10 * np.sin(np.arange(t) * 2 * np.pi / 7) + rng.normal(size=t))


def holes(t: int, every: int) -> Floats:
    return np.where(np.arange(t) % every == 0, np.nan, week(t))


ODD: dict[str, Callable[[int], Floats]] = {
    "all zero": np.zeros,
    "constant": lambda t: np.full(t, 5.0),
    "negative": lambda t: -week(t),
    "both signs": lambda t: week(t) - 100,
    "one point": lambda t: np.append(np.full(t - 1, np.nan), 3.0),
    "nothing known": lambda t: np.full(t, np.nan),
    "infinite": lambda t: np.full(t, np.inf),
    "infinite now and then": lambda t: np.where(np.arange(t) % 9 == 3, -np.inf, week(t)),
    "gaps": lambda t: holes(t, 4),
    "mostly gaps": lambda t: np.where(np.arange(t) % 3 == 0, week(t), np.nan),
    "doubles daily": lambda t: 2.0 ** np.arange(t),
    "e-folds daily": lambda t: np.exp(np.minimum(np.arange(t) * 1.5, 700)),
    "grows by a tenth daily": lambda t: 1.1 ** np.arange(t),
    "halves daily": lambda t: 0.5 ** np.arange(t),
    "huge": lambda t: week(t) * 1e140,
    "beyond measure": lambda t: week(t) * 1e300,
    "tiny": lambda t: week(t) * 1e-140,
    "the smallest number": lambda t: np.full(t, 5e-324),
    "the largest, either sign": lambda t: np.where(np.arange(t) % 2 == 0, 1.7e308, -1.7e308),
    "used one day in ten": lambda t: np.where(np.arange(t) % 10 == 3, week(t), 0.0),
    "silent of late": lambda t: np.where(np.arange(t) >= t - 12, np.nan, week(t)),
    "new": lambda t: np.where(np.arange(t) < t - 15, np.nan, week(t)),
    "a spike the day before yesterday": lambda t: np.where(np.arange(t) == t - 2, 1e9, week(t)),
    "zero, then use": lambda t: np.where(np.arange(t) < t // 3, 0.0, week(t)),
    "use, then zero": lambda t: np.where(np.arange(t) < 2 * t // 3, week(t), 0.0),
}
LENGTHS = (1, 6, 7, 13, 14, 27, 28, 45, 61, 200)


def sound(state: PanelState, horizon: int) -> None:
    """Every number of `state` is one, and its forecast too."""
    n = len(state.names)
    values = forecast(state, horizon + 9).values
    assert values.shape == (n, horizon + 9)
    for made in (values, state.point, state.naive, state.scale, state.offset):
        assert np.isfinite(made).all()
    assert (state.scale > 0).all()
    assert not np.isinf(state.errors).any()
    assert (values[state.nonnegative] >= 0).all()
    caps = scales.ceilings(state.ceiling, state.growth, horizon + 9)
    assert (values <= np.maximum(caps, 0) * (1 + 1e-9)).all()
    assert state.errors.shape == (n, len(state.origins), horizon)
    assert list(state.origins) == sorted(set(state.origins))
    assert len(state.models) == len(state.details) == len(state.no_date) == n


@pytest.mark.parametrize("length", LENGTHS)
def test_odd_series_together(length: int) -> None:
    frame = pd.DataFrame({name: make(length) for name, make in ODD.items()})
    sound(fit_panel(frame), 30)


@pytest.mark.parametrize("name", ODD)
def test_odd_series_alone(name: str) -> None:
    for length in (10, 90):
        sound(fit_panel(pd.DataFrame({name: ODD[name](length)}), nonnegative=False), 30)


@pytest.mark.parametrize(
    ("season", "horizon", "length"), [(1, 13, 120), (24, 48, 400), (52, 13, 160), (12, 5, 60), (7, 92, 90), (7, 1, 40)]
)
def test_any_season_and_horizon(season: int, horizon: int, length: int) -> None:
    frame = pd.DataFrame({name: make(length) for name, make in ODD.items()})
    sound(fit_panel(frame, season=season, horizon=horizon), horizon)


REASONS = [
    ("all zero", 90, NoDate.ALL_ZERO),
    ("one point", 90, NoDate.TOO_SHORT),
    ("constant", 6, NoDate.TOO_SHORT),
    ("constant", 7, None),
    ("constant", 90, None),
    ("nothing known", 90, NoDate.NO_DATA),
    ("infinite", 90, NoDate.NOT_FINITE),
    ("beyond measure", 90, NoDate.NOT_FINITE),
    ("used one day in ten", 90, NoDate.TOO_SPARSE),
    ("mostly gaps", 90, NoDate.TOO_GAPPY),
    ("silent of late", 90, NoDate.STALE),
    ("infinite now and then", 90, None),
    ("gaps", 90, None),
    ("new", 90, None),
    ("negative", 90, None),
]


@pytest.mark.parametrize(("name", "length", "reason"), REASONS)
def test_refusals_have_names(name: str, length: int, reason: NoDate | None) -> None:
    state = fit_panel(pd.DataFrame({name: ODD[name](length)}))
    assert state.no_date == (reason,)


def test_a_constant_stays_what_it_is() -> None:
    values = forecast(fit_panel(pd.DataFrame({"flat": np.full(90, 5.0)}))).values
    assert values == pytest.approx(5.0)


def test_a_sparse_series_gets_its_mean_rate() -> None:
    state = fit_panel(pd.DataFrame({"rare": ODD["used one day in ten"](100)}))
    assert state.models == ("mean rate",)
    assert forecast(state).values == pytest.approx(state.history[0, -90:].mean())


def test_under_a_week_is_the_recent_mean() -> None:
    state = fit_panel(pd.DataFrame({"young": [1.0, 2.0, 6.0]}))
    assert forecast(state).values == pytest.approx(3.0)
    assert not state.provisional[0]


@pytest.mark.parametrize(("length", "provisional"), [(6, False), (7, True), (27, True), (28, False)])
def test_provisional_from_seven_to_twenty_seven_days(length: int, provisional: bool) -> None:
    assert fit_panel(pd.DataFrame({"x": week(length)})).provisional[0] == provisional


def test_half_seasonal_naive_half_median_on_logarithms() -> None:
    values = np.array([1.0, 2, 4, 8, 16, 32, 64] * 2)
    made = forecast(fit_panel(pd.DataFrame({"x": values})), 7).values[0]
    assert made == pytest.approx(np.sqrt(values[:7] * 8))


def test_what_the_caller_marks_unknown_teaches_nothing() -> None:
    values = week(120)
    marked = values.copy()
    marked[[40, 70, 115]] = np.nan
    values[[40, 70, 115]] = np.inf
    assert np.array_equal(
        forecast(fit_panel(pd.DataFrame({"x": values}))).values, forecast(fit_panel(pd.DataFrame({"x": marked}))).values
    )


def test_growth_is_capped_at_the_largest_that_was_seen() -> None:
    values = 100 * 1.01 ** np.arange(120)
    state = fit_panel(pd.DataFrame({"x": values}))
    assert state.ceiling[0] == pytest.approx(2 * values[-1])
    steep = fit_panel(pd.DataFrame({"x": 100 * 1.04 ** np.arange(120)}))
    # What always grew so may go on, and a quarter faster.
    assert steep.ceiling[0] == pytest.approx(1.25 * 1.04**30 * 100 * 1.04**119, rel=1e-6)
    caps = scales.ceilings(steep.ceiling, steep.growth, 90)[0]
    assert caps[[0, 29]] == pytest.approx(steep.ceiling[0])
    assert caps[[59, 89]] == pytest.approx(steep.ceiling[0] * (1.25 * 1.04**30) ** np.array([1, 2]))


def test_an_empty_panel() -> None:
    state = fit_panel(pd.DataFrame(index=range(40)))
    assert forecast(state).values.shape == (0, 30)
    assert forecast(fit_panel(pd.DataFrame({"x": np.zeros(0)}))).values.shape == (1, 30)


@pytest.mark.parametrize("wrong", [{"season": 0}, {"horizon": 0}])
def test_a_season_or_horizon_of_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one step"):
        fit_panel(pd.DataFrame({"x": week(40)}), **wrong)  # type: ignore[arg-type]


def test_beyond_the_fitted_horizon_its_last_season_repeats() -> None:
    state = fit_panel(pd.DataFrame({"x": week(120)}), horizon=14)
    far = forecast(state, 28)
    assert far.supported == 14
    assert np.array_equal(far.values[:, 14:21], far.values[:, 7:14])


@pytest.mark.parametrize(
    "first_day", [date(2024, 2, 29), date(2024, 3, 1), date(2025, 1, 1), date(2026, 3, 29), date(2026, 10, 25)]
)
def test_the_calendar_does_not_change_a_forecast(first_day: date) -> None:
    frame = pd.DataFrame({"x": week(120)})
    dated = frame.set_index(pd.date_range(end=first_day, periods=121, freq="D")[:-1])
    state = fit_panel(dated, first_day=first_day)
    assert state.first_day == first_day
    assert np.array_equal(state.point, fit_panel(frame).point)
