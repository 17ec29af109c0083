"""What holds of every panel, whatever is in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analytics.forecasting.panel import fit_panel, forecast

Floats = npt.NDArray[np.float64]

anything = st.floats(allow_nan=True, allow_infinity=True, width=64)
amounts = st.floats(min_value=0, max_value=1e6, allow_nan=False) | st.just(0.0) | st.just(float("nan"))
shapes = st.tuples(st.integers(1, 60), st.integers(1, 3))
few = settings(
    max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@few
@given(
    shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=anything)), st.sampled_from([1, 7, 24]), st.integers(1, 40)
)
def test_nothing_but_numbers_comes_out(values: Floats, season: int, horizon: int) -> None:
    state = fit_panel(pd.DataFrame(values), season=season, horizon=horizon, nonnegative=False)
    assert np.isfinite(forecast(state).values).all()
    assert np.isfinite(state.point).all()
    assert (state.scale > 0).all()
    assert not np.isinf(state.errors).any()


@few
@given(shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=amounts)))
def test_no_amount_is_below_zero(values: Floats) -> None:
    made = forecast(fit_panel(pd.DataFrame(values)), 35).values
    assert (made >= 0).all()


def some(seed: int, n: int = 6, t: int = 150) -> Floats:
    rng = np.random.default_rng(seed)
    level = np.exp(rng.normal(2, 1, n))[:, None] * np.exp(np.cumsum(rng.normal(0, 0.02, (n, t)), axis=1))
    return np.asarray(level * (1 + 0.3 * np.sin(np.arange(t) * 2 * np.pi / 7)) * np.exp(rng.normal(0, 0.1, (n, t))))


@settings(max_examples=4, deadline=None, derandomize=True)
@given(st.integers(0, 1000), st.integers(-40, 40))
def test_the_unit_does_not_matter(seed: int, power: int) -> None:
    values = some(seed)
    factor = 2.0**power
    plain, scaled = fit_panel(pd.DataFrame(values.T)), fit_panel(pd.DataFrame(values.T * factor))
    assert forecast(scaled).values == pytest.approx(forecast(plain).values * factor, rel=1e-9)
    assert np.array_equal(plain.errors, scaled.errors, equal_nan=True)


@settings(max_examples=3, deadline=None, derandomize=True)
@given(st.integers(0, 1000))
def test_the_order_of_the_series_does_not_matter(seed: int) -> None:
    values = some(seed)
    turned = forecast(fit_panel(pd.DataFrame(values[::-1].T))).values[::-1]
    assert turned == pytest.approx(forecast(fit_panel(pd.DataFrame(values.T))).values, rel=1e-4)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_panel_gives_the_same_forecast(seed: int) -> None:
    frame = pd.DataFrame(some(seed, n=300, t=80).T)
    first, second = fit_panel(frame), fit_panel(frame)
    assert np.array_equal(first.point, second.point)
    assert np.array_equal(first.errors, second.errors, equal_nan=True)
    assert first.details == second.details


def test_labels_of_the_steps_do_not_matter() -> None:
    values = some(3)
    dated = pd.DataFrame(values.T, index=pd.date_range("2024-02-01", periods=values.shape[1], freq="D"))
    assert np.array_equal(fit_panel(dated).point, fit_panel(pd.DataFrame(values.T)).point)
