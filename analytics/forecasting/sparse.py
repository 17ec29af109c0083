"""Forecasts of what has too little history, or too few uses, for more than a mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.forecasting import scales
from analytics.forecasting.by_row import nanmean, nanmedian
from analytics.forecasting.history import SHORTEST
from analytics.forecasting.state import Bools, Floats

RATE_STEPS = 90
RECENT = 7


def short_paths(filled: Floats, known: Bools, ends: Sequence[int], seasonal: Floats, positive: Bools, offset: Floats) -> Floats:
    """(ends, n, h) half seasonal naive (`seasonal`, of the same shape), half the median, both as logarithms where `positive` (n,).

    A series with fewer than seven `known` (n, t) steps by then gets the mean of its last seven.
    """
    out = np.zeros(seasonal.shape)
    for i, end in enumerate(ends):
        middle = np.nan_to_num(nanmedian(scales.fitted(filled[:, :end], positive, offset)))
        both = (scales.fitted(seasonal[i], positive, offset) + middle[:, None]) / 2
        mean = np.nan_to_num(nanmean(filled[:, max(end - RECENT, 0) : end]))
        enough = known[:, :end].sum(axis=1) >= SHORTEST
        out[i] = np.where(enough[:, None], scales.units(both, positive, offset), mean[:, None])
    return out


def rate_paths(values: Floats, ends: Sequence[int], horizon: int) -> Floats:
    """(ends, n, horizon) the mean of the last ninety steps, zeros included."""
    rates = [np.nan_to_num(nanmean(values[:, max(end - RATE_STEPS, 0) : end])) for end in ends]
    return np.stack([np.repeat(rate[:, None], horizon, axis=1) for rate in rates])


def days_again(history: Floats, draws: int, horizon: int, rng: np.random.Generator) -> Floats:
    """(n, draws, horizon) days of the last ninety, drawn again: the same days for every series, so that what failed together does so again.

    In each draw every day has a weight of its own (the Bayesian bootstrap, Rubin 1981): of one event in a month nobody knows whether the next brings
    none or three. A day on which a series was unknown counts as any other of its days.
    """
    recent = history[:, -RATE_STEPS:]
    weights = np.cumsum(rng.standard_exponential((draws, recent.shape[1])), axis=1)
    place = rng.random((draws, horizon)) * weights[:, -1:]
    chosen = np.stack([np.searchsorted(row, at, side="right") for row, at in zip(weights, place, strict=True)])
    filled = recent.copy()
    for row in np.flatnonzero(~np.isfinite(filled).all(axis=1)):
        known = filled[row][np.isfinite(filled[row])]
        gaps = ~np.isfinite(filled[row])
        filled[row, gaps] = rng.choice(known, gaps.sum()) if len(known) else 0.0
    return np.asarray(filled[:, np.minimum(chosen, recent.shape[1] - 1)], dtype=np.float64)
