"""How far forecasts go back to a series' long mean: as far as they fell short of it in the backtest, and nowhere where they did not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics.forecasting.long_level import FURTHEST, moves
from analytics.forecasting.panel import fit_panel, forecast

STEPS, HORIZON, LAG = 364, 30, 7
ORIGINS = tuple(range(98, STEPS - HORIZON, 17))
N = 30


def backtest(share: float, noise: float = 0.2, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paths, what came and histories about 100 of unlike levels: of each gap between long mean and path, `share` closed."""
    rng = np.random.default_rng(seed)
    values = 100 + rng.normal(0, 1, (N, STEPS))
    paths = 100 + rng.normal(0, 2, (len(ORIGINS) + 1, N, 1)) + np.zeros((1, 1, HORIZON))
    long = np.stack([values[:, :end][:, -(end // LAG) * LAG :].mean(axis=1) for end in ORIGINS])
    gap = long[:, :, None] - paths[:-1]
    came = paths[:-1] + share * gap + rng.normal(0, noise, (len(ORIGINS), N, HORIZON))
    return paths, came, values


def moved(share: float, **more: float) -> np.ndarray:
    """By what share of its gap the last path of each series is moved."""
    paths, came, values = backtest(share, **more)
    found = moves(paths, came, values, np.full(N, 2.0), ORIGINS, LAG, np.zeros((len(ORIGINS) + 1, N), dtype=bool))
    return found[-1] / (values.mean(axis=1) - paths[-1, :, 0])


@pytest.mark.parametrize(
    ("share", "low", "high"), [(0.3, 0.25, 0.31), (0.9, FURTHEST, FURTHEST), (0.0, 0.0, 0.02), (-0.3, 0.0, 0.0)]
)
def test_paths_move_as_far_as_they_fell_short(share: float, low: float, high: float) -> None:
    found = moved(share)
    assert low - 1e-9 <= np.median(found) <= high + 1e-9
    assert found.min() >= 0
    assert found.max() <= FURTHEST + 1e-9


def test_what_fewer_origins_show_counts_less() -> None:
    paths, came, values = backtest(0.3, noise=3.0)
    every = moves(paths, came, values, np.full(N, 2.0), ORIGINS, LAG, np.zeros((len(ORIGINS) + 1, N), dtype=bool))
    few = np.where(np.arange(len(ORIGINS))[:, None, None] < 3, came, np.nan)
    assert np.abs(every[-1]).max() > 0
    assert not moves(paths, few, values, np.full(N, 2.0), ORIGINS, LAG, np.zeros((len(ORIGINS) + 1, N), dtype=bool)).any()


def test_a_series_that_was_worse_with_it_is_left_alone() -> None:
    paths, came, values = backtest(0.4)
    gap = values.mean(axis=1)[None, :, None] - paths[:-1]
    came[:, 0] = (paths[:-1] - 0.4 * gap)[:, 0]
    found = moves(paths, came, values, np.full(N, 2.0), ORIGINS, LAG, np.zeros((len(ORIGINS) + 1, N), dtype=bool))
    assert found[-1, 0] == 0
    assert (found[-1, 1:] != 0).mean() > 0.9


@pytest.mark.parametrize("odd", ["unknown", "left out", "short"])
def test_odd_histories_are_left_alone(odd: str) -> None:
    paths, came, values = backtest(0.4)
    out = np.zeros((len(ORIGINS) + 1, N), dtype=bool)
    if odd == "unknown":
        values[3] = np.nan
    elif odd == "left out":
        out[-1, 3] = True
    else:
        values[3, : STEPS - 60] = np.nan
    found = moves(paths, came, values, np.full(N, 2.0), ORIGINS, LAG, out)
    assert found[-1, 3] == 0
    assert np.isfinite(found).all()
    assert (found[-1] != 0).mean() > 0.9


def test_what_always_returns_is_forecast_to_return_and_what_grows_is_not_held_back() -> None:
    rng = np.random.default_rng(4)
    level = np.zeros((40, 400))
    for day in range(1, 400):
        level[:, day] = 0.95 * level[:, day - 1] + rng.normal(0, 0.06, 40)
    back = 100 * np.exp(level + rng.normal(0, 0.05, (40, 400)))
    grown = 100 * 1.005 ** np.arange(400)[None, :] * np.exp(rng.normal(0, 0.01, (5, 400)))
    frame = pd.DataFrame(np.vstack([back, grown])[:, :365].T)
    said = forecast(fit_panel(frame)).values
    usual = np.exp(np.log(back[:, :365]).mean(axis=1))
    off = np.abs(np.log(back[:, 358:365]).mean(axis=1) - np.log(usual)) > 0.2
    ahead, now = np.log(said[:40].mean(axis=1) / usual), np.log(back[:, 351:365].mean(axis=1) / usual)
    assert np.median(np.abs(ahead[off]) / np.abs(now[off])) < 0.75
    assert said[40:].mean(axis=1) == pytest.approx(100 * 1.005 ** np.arange(365, 395).mean() * np.ones(5), rel=0.05)
