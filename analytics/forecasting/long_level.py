"""How far forecasts fall short of going back to where a series usually stands: its mean level of up to a year.

Whatever is smoothed or repeated follows the last weeks; where levels come back, the total of the next month lies between it and the long mean. How far
is told by the backtest: the slope of the mean error of a path on the gap between long mean and path, over all series and origins of the panel, since what
one origin shows is mostly what all shared on it. It is drawn to 0 by its chance, which is judged by origins (a slope clustered by origin), and used of a series only where
its own errors were smaller with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.forecasting.state import Bools, Floats

LEAST_SEASONS, MOST_SEASONS = 12, 52
"""Seasons (weeks, where there is none) that make a long mean."""
LEAST_ORIGINS = 4
PRIOR = 0.25
"""Standard deviation of such slopes among panels: the slope is drawn to 0 by its variance over both variances."""
LIKE_THE_OTHERS = 10.0
"""The slope of all counts as much as so many series."""
FURTHEST = 0.5
"""No path is moved by more than this share of its gap."""
WIDEST = 3.0
"""Gaps and errors of so many usual seasonal differences are as wide as any."""
KNOWN_SHARE = 0.5
"""Part of a path that must be known for it to count."""
SUM_SHARE = 0.5


def moves(
    paths: Floats, came: Floats, values: Floats, scale: Floats, origins: Sequence[int], lag: int, left_out: Bools
) -> Floats:
    """(o + 1, n) by how much each path is to be moved, the last of them that of the end; all on the fitted scale.

    `paths` (o + 1, n, h), `came` (o, n, h) with NaN where unknown, `values` (n, t) the history, `scale` (n,) a usual seasonal difference, `lag` steps a season,
    `left_out` (o + 1, n) where the long mean speaks of something else.
    """
    found = np.zeros(paths.shape[:2])
    ends = (*origins, values.shape[1])
    gaps = (_long_means(values, ends, lag) - paths.mean(axis=2)) / scale
    gaps = np.clip(np.where(np.isfinite(gaps) & ~left_out, gaps, 0.0), -WIDEST, WIDEST)
    errors = came - paths[:-1]
    known = np.isfinite(errors)
    many = known.sum(axis=2)
    counted = many >= KNOWN_SHARE * paths.shape[2]
    errors = np.where(known, errors, 0.0) / scale[:, None]
    gap = np.where(counted, gaps[:-1], 0.0)
    together, own = gap * np.clip(errors.sum(axis=2) / np.maximum(many, 1), -WIDEST, WIDEST), gap**2
    # What only ever stood on one side of its long mean, as what grows does, says nothing of coming back.
    both_sides = 1 - gap.sum(axis=0) ** 2 / np.maximum((gap != 0).sum(axis=0) * own.sum(axis=0), 1e-12)
    of_all = _slope((together * both_sides).sum(axis=1), (own * both_sides).sum(axis=1), origins, paths.shape[2])
    if of_all <= 0:
        return found
    size = own.sum(axis=0)
    others = LIKE_THE_OTHERS * float(np.median(size[size > 0]))
    share = np.clip((together.sum(axis=0) + others * of_all) / (size + others), 0.0, FURTHEST)
    moved = _loss(errors - (share * gap)[:, :, None], known & counted[:, :, None])
    better = moved < _loss(errors, known & counted[:, :, None])
    found[:] = np.where(better, share, 0.0) * gaps * scale
    return found


def _long_means(values: Floats, ends: Sequence[int], lag: int) -> Floats:
    """(o + 1, n) the mean of whole seasons before each end; NaN where they are too few."""
    known = np.isfinite(values)
    zero = np.zeros((len(values), 1))
    total = np.concatenate((zero, np.cumsum(np.where(known, values, 0.0), axis=1)), axis=1)
    count = np.concatenate((zero, np.cumsum(known, axis=1)), axis=1)
    found = np.full((len(ends), len(values)), np.nan)
    for i, end in enumerate(ends):
        steps = min(end // lag, MOST_SEASONS) * lag
        many = count[:, end] - count[:, end - steps]
        enough = many >= LEAST_SEASONS * lag
        found[i, enough] = ((total[:, end] - total[:, end - steps])[enough]) / many[enough]
    return found


def _slope(together: Floats, own: Floats, origins: Sequence[int], horizon: int) -> float:
    """The slope of all series over the origins, drawn to 0 by its chance; paths that overlap count as one."""
    if (own > 0).sum() < LEAST_ORIGINS:
        return 0.0
    slope = float(together.sum() / own.sum())
    apart = float(np.median(np.diff(origins)))
    variance = float(((together - slope * own) ** 2).sum() / own.sum() ** 2) * max(horizon / apart, 1.0)
    return max(slope, 0.0) * PRIOR**2 / (PRIOR**2 + variance)


def _loss(errors: Floats, known: Bools) -> Floats:
    """(n,) the mean error of steps and of sums."""
    counted = np.where(known, errors, 0.0)
    return np.asarray(np.abs(counted).sum(axis=(0, 2)) + SUM_SHARE * np.abs(counted.sum(axis=2)).sum(axis=0), dtype=np.float64)
