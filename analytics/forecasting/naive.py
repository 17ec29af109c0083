"""Forecasts by repetition: what every other one must beat, and what some are averaged with."""

from __future__ import annotations

import numpy as np

from analytics.forecasting.state import Floats

NAMES = ("seasonal naive", "mean of four seasons", "last value")


def carried(values: Floats) -> Floats:
    """`values` (n, t) with each unknown step taking the last known one before it; NaN before the first."""
    steps = values.shape[1]
    at = np.where(np.isnan(values), -1, np.arange(steps)[None, :])
    at = np.maximum.accumulate(at, axis=1)
    return np.where(at >= 0, np.take_along_axis(values, np.maximum(at, 0), axis=1), np.nan)


def seasonal_fill(values: Floats, season: int) -> Floats:
    """`values` with each unknown step taking the same phase of the last season that knows it, else the last known value."""
    n, steps = values.shape
    whole = -(-steps // season) * season
    padded = np.concatenate([values, np.full((n, whole - steps), np.nan)], axis=1)
    by_phase = padded.reshape(n, whole // season, season).transpose(0, 2, 1).reshape(n * season, -1)
    filled = carried(by_phase).reshape(n, season, -1).transpose(0, 2, 1).reshape(n, whole)[:, :steps]
    return np.where(np.isnan(values), np.where(np.isnan(filled), carried(values), filled), values)


def ahead(filled: Floats, origin: int, horizon: int, season: int) -> Floats:
    """(3, n, horizon) the naive forecasts after `origin` steps of `filled`, in the order of `NAMES`; unknown histories give 0."""
    seen = filled[:, :origin]
    n = len(seen)
    phases = np.arange(horizon) % season
    if origin == 0:
        return np.zeros((3, n, horizon))
    short = seen[:, -season:]
    if short.shape[1] < season:
        short = np.concatenate([np.repeat(short[:, -1:], season - short.shape[1], axis=1), short], axis=1)
    seasons = min(4, max(origin // season, 1))
    span = seen[:, -seasons * season :] if origin >= season else short
    known = ~np.isnan(span.reshape(n, -1, season))
    sums = np.nan_to_num(span.reshape(n, -1, season)).sum(axis=1)
    mean = np.where(known.any(axis=1), sums / np.maximum(known.sum(axis=1), 1), 0.0)
    last = np.repeat(seen[:, -1:], horizon, axis=1)
    return np.asarray(np.nan_to_num(np.stack([short[:, phases], mean[:, phases], last])), dtype=np.float64)
