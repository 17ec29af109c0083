"""What is known of days beforehand (holidays, price changes, launches), added to a forecast only where it would have helped before.

Both a series and its drivers are taken as differences from the mean of the same phase in the four seasons before; ridge regression of the one on the other, at every
origin from what was known by then, says what a driver adds. At an origin the effect is put on the steps ahead whose drivers differ from those of the season just
seen, because what has lasted for a season the smoothing already follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.forecasting.by_row import nanmedian
from analytics.forecasting.state import Bools, Floats

SEASONS = 4
PENALTY = 1.0
"""The ridge's weight on the size of effects, in days: a driver seen on one day counts half."""
LEAST_DAYS = 3
"""On so many days, at least, a driver must have been at work within the backtest."""
GAIN = 0.05
"""By so much, at least, the errors of those days must have shrunk."""
SURE = 2.0
"""The mean gain of a day must exceed so many of its standard errors."""
WILD, MARKED = 4.0, 20.0
"""Differences count up to so many typical ones; on days that a driver sets apart, up to more."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What drivers add on the fitted scale: `paths` (o + 1, n, h), 0 where they did not help; `used` (n,); `size` (k, n) of each driver in `names`."""

    paths: Floats
    used: Bools
    size: Floats
    names: tuple[str, ...]


def table(frame: pd.DataFrame | None, steps: int, horizon: int) -> tuple[tuple[str, ...], Floats] | None:
    """Names and (steps + horizon, k) values of the drivers that vary within the history; None for none.

    Raises ValueError for a frame that does not reach over history and horizon.
    """
    if frame is None or frame.shape[1] == 0:
        return None
    if len(frame) < steps + horizon:
        raise ValueError(
            f"drivers: {len(frame)} rows for {steps} steps of history and {horizon} ahead; give one row for each step of both"
        )
    values = np.nan_to_num(frame.to_numpy(dtype=np.float64, na_value=0.0)[: steps + horizon], nan=0.0, posinf=0.0, neginf=0.0)
    size = np.abs(values).max(axis=0, initial=0.0)
    varies = np.ptp(values[:steps], axis=0) > 0 if steps else np.zeros(values.shape[1], dtype=np.bool_)
    if not varies.any():
        return None
    names = tuple(str(name) for name, good in zip(frame.columns, varies, strict=True) if good)
    return names, values[:, varies] / size[varies]


def effects(
    values: Floats,
    paths: Floats,
    truth: Sequence[Floats],
    known: tuple[tuple[str, ...], Floats],
    origins: Sequence[int],
    season: int,
) -> Effects:
    """`values` (n, t), `paths` (o + 1, n, h) and `truth` (o of (n, h)), all on the fitted scale."""
    from sklearn.linear_model import Ridge  # it takes a moment to load, and most panels have no drivers

    names, table = known
    n, steps = values.shape
    horizon = paths.shape[2]
    change, marks = differences(values, season), differences(table[:steps].T, season).T
    usual = nanmedian(np.abs(change))
    cause = np.nan_to_num(marks)
    wild = np.where(np.abs(cause).max(axis=1) > 0.5, MARKED, WILD)
    bound = np.where(np.isnan(usual), 0.0, np.maximum(usual, 1e-9))[:, None] * wild[None, :]
    target = np.clip(np.nan_to_num(change), -bound, bound)
    added = np.zeros_like(paths)
    size = np.zeros((len(names), n))
    for i, end in enumerate((*origins, steps)):
        if end < (SEASONS + 2) * season:
            continue
        model = Ridge(alpha=PENALTY, fit_intercept=False).fit(cause[:end], target[:, :end].T)
        size = np.asarray(model.coef_, dtype=np.float64).reshape(n, len(names)).T
        ahead = table[end : end + horizon] - table[max(end - season, 0) : end].mean(axis=0)
        added[i] = (ahead @ size).T
    used = _helped(paths[:-1], added[:-1], truth, table, origins, season)
    return Effects(np.where(used[None, :, None], added, 0.0), used, size, names)


def differences(values: Floats, season: int) -> Floats:
    """(n, t) each value less the mean of its phase in the four seasons before; NaN where one is not known."""
    out = np.full(values.shape, np.nan)
    span = SEASONS * season
    if values.shape[1] > span:
        before = [values[:, span - k * season : values.shape[1] - k * season] for k in range(1, SEASONS + 1)]
        out[:, span:] = values[:, span:] - sum(before) / SEASONS
    return out


def _helped(paths: Floats, added: Floats, truth: Sequence[Floats], table: Floats, origins: Sequence[int], season: int) -> Bools:
    """(n,) whether, on the days that the drivers set apart, errors were smaller with them. A day that several origins foretold counts once."""
    n, horizon = paths.shape[1:]
    steps = table.shape[0]
    gained, plain, counts = (np.zeros((n, steps)) for _ in range(3))
    for i, end in enumerate(origins):
        ahead = table[end : end + horizon] - table[max(end - season, 0) : end].mean(axis=0)
        apart = np.abs(ahead).max(axis=1) > 0.5
        came = truth[i]
        marked = ~np.isnan(came) & apart[None, : came.shape[1]] & (added[i] != 0)
        known = np.where(marked, came, 0.0)
        before, after = np.abs(known - paths[i]), np.abs(known - paths[i] - added[i])
        gained[:, end : end + horizon] += np.where(marked, before - after, 0.0)
        plain[:, end : end + horizon] += np.where(marked, before, 0.0)
        counts[:, end : end + horizon] += marked
    days = (counts > 0).sum(axis=1)
    gain = gained / np.maximum(counts, 1)
    mean = gain.sum(axis=1) / np.maximum(days, 1)
    spread = np.sqrt(np.where(counts > 0, (gain - mean[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(days - 1, 1))
    error = spread / np.sqrt(np.maximum(days, 1))
    base = (plain / np.maximum(counts, 1)).sum(axis=1) / np.maximum(days, 1)
    return np.asarray((days >= LEAST_DAYS) & (mean > GAIN * base) & (mean > SURE * error), dtype=np.bool_)
