"""The rolling-origin backtest sees no future, and what is used is never worse than seasonal naive in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from analytics.forecasting import history, shifts, weights
from analytics.forecasting.members import Smoother, settings
from analytics.forecasting.panel import fit_panel, forecast
from roomleft.outlook import NoDate
from tests.benchmarks.forecast import accuracy

Floats = npt.NDArray[np.float64]


def weekly(n: int, t: int, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    return np.asarray(1 + 0.3 * np.sin(np.arange(t) * 2 * np.pi / 7) + rng.normal(0, 0.1, (n, t)))


@pytest.mark.parametrize(
    ("steps", "horizon", "season", "count", "whole"),
    [(365, 30, 7, 20, True), (365, 92, 7, 20, True), (120, 30, 7, 11, True), (700, 48, 24, 20, True), (90, 92, 7, 12, False), (40, 30, 7, 4, False)],
)  # fmt: skip
def test_origins(steps: int, horizon: int, season: int, count: int, whole: bool) -> None:
    found = weights.origins(steps, horizon, season)
    assert len(found) >= min(count, 8)
    assert list(found) == sorted(set(found))
    assert found[0] >= 7
    assert found[-1] < steps
    assert (found[-1] <= steps - horizon) == whole


def test_what_comes_after_an_origin_changes_nothing_said_at_it() -> None:
    values = weekly(5, 200)
    other = values.copy()
    cut = 150
    other[:, cut:] = 7 + 3 * values[:, ::-1][:, : 200 - cut]
    at = weights.origins(200, 30, 7)
    said = []
    for one in (values, other):
        first = np.zeros(5, dtype=np.int64)
        found = shifts.detect(one, 7)
        smoother = Smoother(*history.start(one, first, 7), settings(7))
        said.append(weights.mix(one, history.ready(first, 7, 200), [smoother], found.resets, at, 30)[0])
    before = [i for i, origin in enumerate(at) if origin <= cut]
    assert len(before) > 5
    assert np.array_equal(said[0][before], said[1][before])
    assert not np.array_equal(said[0][-1], said[1][-1])


def test_shifts_are_noticed_from_the_past_alone() -> None:
    values = weekly(4, 150)
    values[1, 80:] += 1.2
    values[2, 100:110] -= 0.9
    whole = shifts.detect(values, 7)
    for cut in (84, 90, 107, 125):
        part = shifts.detect(values[:, :cut], 7)
        assert np.array_equal(part.resets, whole.resets[:, :cut])
        assert np.array_equal(part.since, whole.since[:, : cut + 1])


def test_errors_are_actual_less_forecast_on_the_fitted_scale() -> None:
    values = 100 * weekly(3, 200)
    state = fit_panel(pd.DataFrame(values.T))
    assert state.errors.shape[1] >= 8
    for i in range(3):
        fitted = np.log(values[i] + state.offset[i]) if state.logged[i] else values[i]
        for column in (0, 5, -1):
            origin = int(state.origins[column])
            said = fitted[origin : origin + 30] - state.errors[i, column] * state.scale[i]
            units = np.exp(said) - state.offset[i] if state.logged[i] else said
            assert np.all((units > 40) & (units < 190))


def test_a_new_series_has_unknown_errors_before_it_began() -> None:
    values = weekly(2, 200)
    values[1, :150] = np.nan
    state = fit_panel(pd.DataFrame(values.T))
    early = state.origins < 160
    assert np.isnan(state.errors[1, early]).all()
    assert not np.isnan(state.errors[0]).any()


def test_a_random_walk_is_no_worse_than_seasonal_naive() -> None:
    rng = np.random.default_rng(2)
    walks = np.exp(np.cumsum(rng.normal(0, 0.02, (40, 300)), axis=1))
    state = fit_panel(pd.DataFrame(walks.T))
    for i, details in enumerate(state.details):
        assert details["error_ratio"] < 1 or state.models[i] == "seasonal naive"
    assert set(state.no_date) == {None}


def test_a_flat_series_that_ties_with_naive_still_gets_an_answer() -> None:
    state = fit_panel(pd.DataFrame({"flat": np.full(200, 12.0), "week": np.tile([1.0, 2, 3, 4, 5, 6, 7], 30)[:200]}))
    assert state.no_date == (None, None)
    assert forecast(state, 7).values[0] == pytest.approx(12.0)
    assert forecast(state, 7).values[1] == pytest.approx([5, 6, 7, 1, 2, 3, 4])
    assert np.abs(state.errors * state.scale[:, None, None]).max() < 1e-6


def test_nothing_is_said_of_what_even_naive_misses_by_more_than_half() -> None:
    rng = np.random.default_rng(8)
    bursts = np.exp(np.cumsum(rng.normal(0, 0.9, (30, 160)), axis=1))
    state = fit_panel(pd.DataFrame(bursts.T))
    naive = [reason for reason, model in zip(state.no_date, state.models, strict=True) if model == "seasonal naive"]
    assert NoDate.NO_BETTER in naive
    assert all(np.isfinite(row).all() for row in state.point)


def test_the_week_of_hours_is_seen_through_its_days() -> None:
    hours = np.arange(24 * 7 * 6 + 48)
    values = 10 + 4 * np.sin(hours * 2 * np.pi / 24) + np.where(hours // 24 % 7 >= 5, -5.0, 0.0)
    values += np.random.default_rng(1).normal(0, 0.2, len(values))
    made = forecast(fit_panel(pd.DataFrame({"x": values[:-48]}), season=24, horizon=48)).values[0]
    assert np.abs(made - values[-48:]).mean() < 0.5


def test_real_daily_series(shared_data: Path) -> None:
    plan = accuracy.PLANS[0]
    frame = plan.load(shared_data)
    assert frame is not None
    found = accuracy.rolling(frame, accuracy.Plan(plan.name, plan.load, 7, 365, 30, 3, 120))
    assert found is not None
    assert found[0] / found[1] < 0.95
