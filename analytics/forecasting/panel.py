"""A forecast of many series at once: `fit_panel(frame)` and `forecast(state)`.

The caller drops the incomplete day: the frame's last step is the last complete one.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from analytics.forecasting import drivers as driving
from analytics.forecasting import history, mixture, scales, weights
from analytics.forecasting.state import Bools, Floats, PanelState
from roomleft.outlook import NoDate, Shape

CHUNK = 256
"""Series fitted together: their states fit a processor's cache."""
THREADS = 2
"""Chunks fitted side by side: numpy lets go of the interpreter's lock while it computes."""


@dataclass(frozen=True, slots=True)
class PointForecast:
    """Middles of what comes next: `values` (n, h) in the series' unit, row i for `names[i]`."""

    names: tuple[str, ...]
    values: Floats
    no_date: tuple[NoDate | None, ...]
    supported: int
    """So many steps rest on a backtest; further ones repeat the last season of them."""


def fit_panel(
    frame: pd.DataFrame,
    *,
    season: int = 7,
    horizon: int = 30,
    nonnegative: bool | Sequence[bool] | Bools = True,
    first_day: date | None = None,
    shapes: Sequence[Shape] = (),
    drivers: pd.DataFrame | None = None,
) -> PanelState:
    """Fit every column of `frame` (rows: consecutive complete steps, oldest first; NaN = unknown) for `horizon` steps ahead.

    `season`: steps in a season, 7 for days, 24 for hours, 52 for weeks, 1 for none. `nonnegative`: whether values cannot be below zero, for all series or each;
    one that was below zero before is not taken at its word. `first_day`: the day after the last row, where steps are days. `drivers`: what is known
    beforehand, one row for each step of the history and the horizon, one column for each (1 on a holiday, a step from 0 to 1 where a price changes or a launch lasts).

    By length of history: under 7 known steps the mean of the last ones and TOO_SHORT; 7 to 27 half seasonal naive, half median, on logarithms, `provisional`;
    from 28 on the mixture (see `mixture`). Zero on more than 60 % of the steps: the mean of the last ninety and TOO_SPARSE, on all of them ALL_ZERO.
    Nothing known NO_DATA, or NOT_FINITE where infinite or absurd values (beyond 1e150) came in; silent for a week STALE; more than half unknown TOO_GAPPY.

    Against seasonal naive: a mixture whose backtest is not better gives way to it, points and error paths both, and keeps its dates, because its ranges
    then are errors that seasonal naive really made: a flat series far below its limit is answered, not refused. NO_BETTER stands only where seasonal naive, too, foretells
    nothing: where the median over the origins of |forecast total − total| ÷ total exceeds a half. The points stay seasonal naive's.

    Raises ValueError for a season or horizon below 1 and for drivers that are too short. Same input, same output.
    """
    if season < 1 or horizon < 1:
        raise ValueError(f"a season and a horizon have at least one step: {season=} {horizon=}")
    values = np.ascontiguousarray(frame.to_numpy(dtype=np.float64, na_value=np.nan).T)
    n, steps = values.shape
    looked = history.read(values if steps else np.full((n, 1), np.nan), season)
    floors = np.broadcast_to(np.asarray(nonnegative, dtype=np.bool_), (n,)) & looked.positive
    ceiling, growth = history.growth_cap(looked)
    known = driving.table(drivers, steps, horizon)
    caps = scales.ceilings(ceiling, growth, horizon)
    plan = mixture.Plan(season, horizon, weights.origins(steps, horizon, season), looked.values.shape[1], known)
    spans = [slice(low, min(low + CHUNK, n)) for low in range(0, n, CHUNK)]
    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(lambda span: mixture.fit(looked.of(span), plan, floors[span], caps[span]), spans))
    return PanelState(
        names=tuple(str(name) for name in frame.columns), season=season, horizon=horizon, history=values,
        logged=_joined([p.logged for p in parts], (0,), np.bool_), offset=_joined([p.offset for p in parts], (0,)),
        point=_joined([p.point for p in parts], (0, horizon)), naive=_joined([p.naive for p in parts], (0, horizon)),
        scale=_joined([p.scale for p in parts], (0,)),
        errors=_joined([p.errors for p in parts], (0, len(plan.origins), horizon), np.float32),
        origins=np.array(plan.origins, dtype=np.int64), nonnegative=floors, ceiling=ceiling,
        no_date=tuple(reason for p in parts for reason in p.no_date),
        provisional=(looked.known >= history.SHORTEST) & (looked.known < history.SHORT),
        models=tuple(words for p in parts for words in p.models), first_day=first_day,
        details=_dated([one for p in parts for one in p.details], first_day, steps), shapes=tuple(shapes),
        growth=growth,
    )  # fmt: skip


def _dated(details: list[dict[str, Any]], first_day: date | None, steps: int) -> tuple[dict[str, Any], ...]:
    """`details` with the day of each shift, where steps are days."""
    if first_day is not None:
        for shift in (shift for one in details for shift in one["shifts"]):
            shift["day"] = (first_day - timedelta(days=steps - shift["step"])).isoformat()
    return tuple(details)


def _joined(parts: list[Any], empty: tuple[int, ...], kind: Any = np.float64) -> Any:
    return np.concatenate(parts) if parts else np.zeros(empty, dtype=kind)


def forecast(state: PanelState, horizon: int | None = None) -> PointForecast:
    """The middle of what comes next, in units. Beyond the fitted horizon its last season repeats: no trend is drawn further than was tested."""
    wanted = state.horizon if horizon is None else horizon
    if wanted < 1:
        raise ValueError(f"a forecast has at least one step: {horizon=}")
    caps = scales.ceilings(state.ceiling, state.growth, state.point.shape[1])
    point = scales.held(scales.units(state.point, state.logged, state.offset), state.nonnegative, caps)
    if wanted > state.horizon:
        season = min(state.season, state.horizon)
        more = np.arange(wanted - state.horizon) % season + state.horizon - season
        point = np.concatenate([point, point[:, more]], axis=1)
    return PointForecast(state.names, point[:, :wanted], state.no_date, min(wanted, state.horizon))
