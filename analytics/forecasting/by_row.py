"""Means and medians by row that leave NaN out."""

from __future__ import annotations

import numpy as np

from analytics.forecasting.state import Floats


def nanmedian(values: Floats) -> Floats:
    """(n,) medians that leave NaN out, without a warning for a row of nothing else."""
    if values.shape[1] == 0:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(values)).sum(axis=1)
    rows = np.arange(len(values))
    low, high = ordered[rows, np.maximum((count - 1) // 2, 0)], ordered[rows, np.minimum(count // 2, values.shape[1] - 1)]
    return np.where(count > 0, low + (high - low) / 2, np.nan)


def nanmean(values: Floats) -> Floats:
    """(n,) means that leave NaN out, without a warning for a row of nothing else."""
    count = (~np.isnan(values)).sum(axis=1)
    return np.where(count > 0, np.nansum(values, axis=1) / np.maximum(count, 1), np.nan)


def nanmiddle(values: Floats) -> Floats:
    """(n,) the mean without the lowest and the highest fifth, rounded down; NaN left out."""
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(values)).sum(axis=1)
    drop = count // 5
    at = np.arange(values.shape[1])[None, :]
    kept = (at >= drop[:, None]) & (at < (count - drop)[:, None])
    return np.where(count > 0, np.where(kept, ordered, 0.0).sum(axis=1) / np.maximum(kept.sum(axis=1), 1), np.nan)
