"""Forecasts that go straight on: the last seasons, carried along the slope of the last weeks.

The slope is the median of the last seasonal differences (after Theil 1950, with one season between the two points of each pair), so that neither the season nor a
jump of a few days tilts it. On logarithms it is a growth rate. It is not damped: whether a series keeps its slope is for the backtest to say.
"""

from __future__ import annotations

import numpy as np

from analytics.forecasting.by_row import nanmedian
from analytics.forecasting.state import Floats

SEASONS = 4
"""So many seasons of differences make the slope, and so many seasons carried on make the level."""
LEAST_PAIRS = 7
"""Differences below which no slope is known."""
ONE_WAY = 0.85
"""A series moves steadily where so many of its seasonal differences have the sign of their median."""


def lag(season: int) -> int:
    """How many steps lie between the two points of a difference: the season, or a week of steps where there is none."""
    return season if season > 1 else 7


def reach(season: int) -> int:
    """Over how many of the last steps a line is drawn."""
    return (SEASONS + 1) * lag(season)


def differences(values: Floats, season: int) -> Floats:
    """(n, k) the seasonal differences of the last four seasons of `values` (n, t)."""
    apart = lag(season)
    seen = values[:, -reach(season) :]
    return seen[:, apart:] - seen[:, : max(seen.shape[1] - apart, 0)]


def slopes(values: Floats, season: int) -> Floats:
    """(n,) by how much a step rises at the end of `values` (n, t), on their scale; 0 where that cannot be told."""
    apart = differences(values, season)
    enough = np.isfinite(apart).sum(axis=1) >= LEAST_PAIRS
    return np.where(enough, np.nan_to_num(nanmedian(apart)), 0.0) / lag(season)


def steady_slopes(values: Floats, season: int) -> Floats:
    """(n,) the slopes of those that move steadily: nearly all of the last four seasons' differences go one way. 0 for the others."""
    apart = differences(values, season)
    known = np.isfinite(apart).sum(axis=1)
    most = np.maximum((apart > 0).sum(axis=1), (apart < 0).sum(axis=1))
    return np.where(most >= ONE_WAY * np.maximum(known, LEAST_PAIRS), slopes(values, season), 0.0)


def ahead(values: Floats, horizon: int, season: int) -> Floats:
    """(2, n, horizon) after `values` (n, t): the last season, and the mean of the last four, each carried along the slope. Unknown histories give 0."""
    apart = lag(season)
    n, end = values.shape
    if end < apart:
        last = values[:, -1:] if end else np.zeros((n, 1))
        return np.repeat(np.nan_to_num(last)[None], 2, axis=0) + np.zeros((2, n, horizon))
    steps = np.arange(horizon)
    phases, turns = steps % apart, steps // apart
    seasons = min(SEASONS, end // apart)
    rise = slopes(values, season)[:, None] * apart
    blocks = values[:, end - seasons * apart :].reshape(n, seasons, apart)
    # Each season stands where it would be one season after the last.
    moved = blocks + rise[:, :, None] * np.arange(seasons, 0, -1)[None, :, None]
    known = np.isfinite(moved)
    mean = np.where(known, moved, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    both = np.nan_to_num(np.stack([moved[:, -1], mean]))
    return np.asarray(both[:, :, phases] + rise * turns, dtype=np.float64)
