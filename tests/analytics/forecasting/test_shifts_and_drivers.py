"""Level shifts: both levels and the day. Drivers: used where they help, nowhere else."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from analytics.forecasting import shifts
from analytics.forecasting.panel import fit_panel, forecast

Floats = npt.NDArray[np.float64]
T, H = 200, 30


def calm(n: int, seed: int = 4, t: int = T + H) -> Floats:
    rng = np.random.default_rng(seed)
    return np.asarray(100 * np.exp(0.2 * np.sin(np.arange(t) * 2 * np.pi / 7) + rng.normal(0, 0.08, (n, t))))


@pytest.mark.parametrize(("days_ago", "factor"), [(5, 2.0), (5, 0.5), (8, 2.0), (20, 3.0)])
def test_a_new_level_is_followed_and_both_are_told(days_ago: int, factor: float) -> None:
    values = calm(4)
    values[:, T - days_ago :] *= factor
    state = fit_panel(pd.DataFrame(values[:, :T].T), first_day=date(2024, 3, 3))
    made = forecast(state).values
    assert np.abs(made / values[:, T:] - 1).mean() < 0.15
    for details in state.details:
        (shift,) = details["shifts"]
        assert shift["step"] == T - days_ago
        assert shift["day"] == date.fromordinal(date(2024, 3, 3).toordinal() - days_ago).isoformat()
        assert shift["before"] == pytest.approx(100, rel=0.1)
        assert shift["after"] == pytest.approx(100 * factor, rel=0.2)


def test_an_episode_is_no_shift() -> None:
    values = calm(4)
    values[:, T - 20 : T - 13] *= 0.4
    state = fit_panel(pd.DataFrame(values[:, :T].T))
    assert all(details["shifts"] == [] for details in state.details)
    assert np.abs(forecast(state).values / values[:, T:] - 1).mean() < 0.12


def test_one_wild_day_moves_nothing() -> None:
    values = calm(4)
    values[:, T - 2] *= 50
    state = fit_panel(pd.DataFrame(values[:, :T].T))
    assert all(details["shifts"] == [] for details in state.details)
    assert np.abs(forecast(state).values / values[:, T:] - 1).mean() < 0.15


def test_a_walk_has_no_shifts() -> None:
    walks = np.cumsum(np.random.default_rng(1).normal(0, 0.02, (20, 300)), axis=1)
    assert (shifts.detect(walks, 7).since < 0).all()


def marks(t: int = T + H) -> Floats:
    found = np.zeros(t)
    found[[20, 51, 75, 99, 120, 137, 149, 160, 173, 186, T + 8]] = 1.0
    return found


def test_a_holiday_that_was_always_quiet_will_be() -> None:
    values = calm(6)
    values[:4] *= np.where(marks() > 0, 0.4, 1.0)
    drivers = pd.DataFrame({"holiday": marks(), "never": 0.0})
    state = fit_panel(pd.DataFrame(values[:, :T].T), drivers=drivers)
    without = forecast(fit_panel(pd.DataFrame(values[:, :T].T))).values[:, 8]
    day = forecast(state).values[:, 8]
    assert (day[:4] < 0.75 * without[:4]).all()
    assert day[4:] == pytest.approx(without[4:])
    for details in state.details[:4]:
        assert set(details["drivers"]) == {"holiday"}
        assert details["drivers"]["holiday"] < -0.3
    assert [details["drivers"] for details in state.details[4:]] == [{}, {}]


def test_drivers_without_effect_change_nothing() -> None:
    values = calm(8)
    rng = np.random.default_rng(3)
    drivers = pd.DataFrame(
        {"launch": (np.arange(T + H) >= T + 4).astype(float), "price": (rng.random(T + H) < 0.02).astype(float)}
    )
    with_them = fit_panel(pd.DataFrame(values[:, :T].T), drivers=drivers)
    used = sum(bool(details["drivers"]) for details in with_them.details)
    assert used <= 2


def test_drivers_must_reach_over_the_horizon() -> None:
    with pytest.raises(ValueError, match=r"drivers: 200 rows for 200 steps of history and 30 ahead"):
        fit_panel(pd.DataFrame(calm(1)[:, :T].T), drivers=pd.DataFrame({"holiday": np.ones(T)}))
