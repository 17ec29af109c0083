"""Futures drawn from a fitted panel: error paths of the backtest, pooled across similar series, put onto the forecast.

Draw k takes one origin's errors for every series, so that a shock that all shared hits all: sums, ratios and totals of several series stay
coherent draw by draw. On top come what a handful of origins cannot show: the shared part is drawn with the heavier tails of so few independent
origins (Student's t by a chi-square scale), ranges are widened as leaving each origin out asks for, and last year's shock of the same dates returns
with a random strength.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from analytics.forecasting import scales, sparse
from analytics.forecasting.calibration import ALL, Calibration
from analytics.forecasting.error_pool import ErrorPool, Paths, error_pool
from analytics.forecasting.futures import Futures
from analytics.forecasting.state import Floats, PanelState
from roomleft.outlook import NoDate, Shape

DRAWS = 400
OWN_PRIOR = 30.0
"""A series draws its own paths with probability own ÷ (own + this)."""
NEIGHBOURS = 0.15
"""Within this part of the panel, by how errors grow, a series borrows paths."""
LEAST_FREEDOM = 6.0
"""Fewer degrees of freedom would let a few draws run away."""
WIDENED = 1.645
"""Errors of so many usual ones are widened as far as the range is, greater ones no further: nine tenths of a normal error are within."""
STRONGEST = 2.0
"""Last year's shock returns between 0 and so many times its strength."""
UNLIKE = 1.0
"""How differently single series take it: standard deviation of their own strength."""
ROWS = 64
LARGEST = 3e38

Ints = npt.NDArray[np.int64]


def sample(
    state: PanelState,
    rng: np.random.Generator,
    draws: int = DRAWS,
    horizon: int | None = None,
    calibration: Calibration | None = None,
    metrics: Sequence[str] = (),
) -> Paths:
    """float32 (n, draws, h) values in each series' unit, finite, within its floor and growth cap. Draw k is the same future in every series.

    `horizon` beyond the fitted one repeats its last season with errors that go on growing. `calibration` widens or narrows all ranges as the record
    asks for, by the metric of each series in `metrics` (one for each, or none: what holds for all).
    """
    n, steps = state.point.shape
    h = steps if horizon is None else horizon
    out = np.zeros((n, draws, h), dtype=np.float32)
    if n == 0 or h == 0 or draws == 0:
        return out
    pool = error_pool(state, h)
    column = rng.choice(len(pool.chance), draws, p=pool.chance)
    freedom = max(pool.independent, LEAST_FREEDOM)
    heavier = np.sqrt(freedom / rng.chisquare(freedom, draws))
    shared = (pool.shared[column] * heavier[:, None]).astype(np.float32)
    # Up or down alike: on which side a few origins erred is mostly chance, and would shift every future.
    sign = (rng.integers(0, 2, draws) * 2 - 1).astype(np.float32)[:, None]
    strength = rng.uniform(0.0, STRONGEST, draws)
    point = _extended(state.point, state.season, h)
    widths = _widths(calibration, metrics, n, h)
    wider = pool.width * widths
    returns = bool(pool.coming.any())
    for low in range(0, n, ROWS):
        rows = np.arange(low, min(low + ROWS, n))
        donor = _donors(pool, rows, column, rng)
        errors = (pool.paths[donor, column[None, :]] + shared) * sign
        # A range wider for want of errors leaves its tails: of few errors nobody knows them, and on logarithms they would run away.
        errors += np.clip(errors, -WIDENED, WIDENED) * (pool.few[rows] - 1)[:, None, :].astype(np.float32)
        errors *= (pool.size[rows, None] * wider[rows])[:, None, :].astype(np.float32)
        if returns:
            taken = strength[None, :] + UNLIKE * rng.standard_normal((len(rows), draws))
            errors += (state.scale[rows, None] * taken)[:, :, None].astype(np.float32) * pool.coming.astype(np.float32)
        out[rows] = _in_units(state, rows, (point[rows] + pool.bias[rows])[:, None, :] + errors)
    seldom = np.flatnonzero([reason is NoDate.TOO_SPARSE for reason in state.no_date])
    same = int(rng.integers(2**63)) if len(seldom) else 0
    for low in range(0, len(seldom), ROWS):
        # What seldom happens comes in whole days of it: a middle and errors about it would say a little of it every day.
        rows = seldom[low : low + ROWS]
        again = sparse.days_again(state.history[rows], draws, h, np.random.default_rng(same))
        out[rows] = np.clip(again * widths[rows][:, None, :], -LARGEST, LARGEST)
    return out


def _donors(pool: ErrorPool, rows: Ints, column: Ints, rng: np.random.Generator) -> Ints:
    """(rows, draws) whose error path each draw takes: one's own, or that of a neighbour in likeness which has one of that origin."""
    n = len(pool.usable)
    draws = len(column)
    count = pool.usable[rows].sum(axis=1)
    own = (rng.random((len(rows), draws)) < (count / (count + OWN_PRIOR))[:, None]) & pool.usable[rows][:, column]
    place = np.empty(n, dtype=np.int64)
    place[pool.likeness] = np.arange(n)
    reach = max(8, int(NEIGHBOURS * n))
    found = np.broadcast_to(rows[:, None], own.shape).copy()
    missing = ~own
    for attempt in range(4):
        at = place[rows][:, None] + rng.integers(-reach, reach + 1, own.shape)
        other = pool.likeness[np.clip(at, 0, n - 1)] if attempt < 3 else rng.integers(0, n, own.shape)
        good = missing & pool.usable[other, column[None, :]] & pool.lends[other]
        found = np.where(good, other, found)
        missing &= ~good
    return found


def _extended(point: Floats, season: int, h: int) -> Floats:
    steps = point.shape[1]
    if h <= steps:
        return point[:, :h]
    last = min(season, steps)
    more = np.arange(h - steps) % last + steps - last
    return np.concatenate((point, point[:, more]), axis=1)


def _widths(calibration: Calibration | None, metrics: Sequence[str], n: int, h: int) -> Floats:
    if calibration is None or not calibration.widths:
        return np.ones((n, h))
    every = list(metrics) if len(metrics) == n else [ALL] * n
    known = {metric: [calibration.width(metric, day + 1) for day in range(h)] for metric in set(every)}
    return np.array([known[metric] for metric in every])


def _in_units(state: PanelState, rows: Ints, fitted: npt.NDArray[np.floating]) -> Paths:
    """(rows, draws, h) values on the fitted scale as values in units, floored and capped."""
    values = np.asarray(fitted, dtype=np.float64)
    logged = state.logged[rows]
    if logged.any():
        values[logged] = np.exp(np.minimum(values[logged], 80.0)) - state.offset[rows][logged][:, None, None]
    growth = None if state.growth is None else state.growth[rows]
    caps = scales.ceilings(state.ceiling[rows], growth, values.shape[2])
    np.minimum(values, np.minimum(caps, LARGEST)[:, None, :], out=values)
    floor = np.where(state.nonnegative[rows], 0.0, -LARGEST)[:, None, None]
    np.maximum(values, floor, out=values)
    return np.nan_to_num(values, nan=0.0).astype(np.float32)


def as_futures(
    state: PanelState,
    values: Paths,
    *,
    zone: ZoneInfo,
    fitted_at: datetime,
    run_id: str = "",
    basis: Sequence[str] | None = None,
    rows: Sequence[int] | None = None,
) -> list[Futures]:
    """The drawn values as one Futures a series, or of some rows only. A state whose steps are not days has none."""
    if state.first_day is None:
        return []
    return [
        Futures(
            target=state.names[i],
            run_id=run_id,
            shape=state.shapes[i] if state.shapes else Shape.FLOW,
            zone=zone,
            first_day=state.first_day,
            values=values[i],
            past=state.history[i],
            fitted_at=fitted_at,
            basis=basis[i] if basis else state.models[i],
            no_date=state.no_date[i],
            provisional=bool(state.provisional[i]),
        )
        for i in (range(len(state.names)) if rows is None else rows)
    ]
