"""Errors of the panel against seasonal naive's, from rolling origins over real series that no part of the forecaster sees beforehand.

MASE divides a mean absolute error by the mean absolute seasonal difference of the history it was made from (Hyndman and Koehler, 2006). Both our forecast and
seasonal naive's are divided by the same number; the ratio is of the means over all series and origins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.forecasting.panel import fit_panel, forecast
from tests.benchmarks.forecast import sets
from tests.benchmarks.forecast.registry import Row, absent, at_most

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plan:
    """How one set is measured: `history` steps in, `horizon` steps out, `origins` of them, `apart` steps from each other (newest first)."""

    name: str
    load: Callable[[Path], pd.DataFrame | None]
    season: int
    history: int
    horizon: int
    origins: int
    apart: int
    aim: float | None = None
    known: str = ""
    note: str = ""


PLANS = (
    Plan("NN5 daily", sets.nn5_daily, 7, 365, 30, 8, 30, 0.86, "on 200 mixed real series: Theta .908, AutoETS .981"),
    Plan("Ausgrid weekly", sets.ausgrid_weekly, 1, 104, 8, 5, 8),
    Plan("exchange rates daily", sets.fx_daily, 7, 365, 30, 24, 180, note="trading days; a random walk"),
    Plan("Wikipedia views (log) daily", sets.wikipedia_daily, 7, 365, 30, 24, 90),
    Plan("PJM load hourly", sets.pjm_hourly, 24, 1344, 48, 24, 240),
    Plan("ServeGen tenants daily", sets.servegen_daily, 7, 10, 4, 1, 1, note="14 days in all: 10 in, 4 out"),
    Plan("BurstGPT daily", sets.burstgpt_daily, 7, 28, 7, 3, 3, note="28 days in, 7 out"),
)


def accuracy(data: Path, seed: int) -> list[Row]:
    """MASE ÷ seasonal naive's of every set of daily, weekly and hourly series."""
    return [_measured(plan, data) for plan in PLANS]


def _measured(plan: Plan, data: Path) -> Row:
    measure = f"MASE ÷ seasonal naive's, {plan.name}"
    frame = plan.load(data)
    if frame is None:
        return absent(measure, "" if plan.aim is None else f"≤ {plan.aim:g}", plan.known, "the set")
    scores = rolling(frame, plan)
    if scores is None:
        return absent(measure, "" if plan.aim is None else f"≤ {plan.aim:g}", plan.known, "enough history in the set")
    ours, theirs, tasks = scores
    note = "; ".join(part for part in (plan.note, f"{tasks} forecasts, MASE {ours:.3f} against {theirs:.3f}") if part)
    if plan.aim is None:
        return Row(measure, "", ours / theirs, None, plan.known, note)
    return at_most(measure, plan.aim, ours / theirs, plan.known, note)


def rolling(frame: pd.DataFrame, plan: Plan) -> tuple[float, float, int] | None:
    """Mean MASE of ours and of seasonal naive, and over how many forecasts. None where the frame is too short."""
    ours: list[Floats] = []
    theirs: list[Floats] = []
    for k in range(plan.origins):
        end = len(frame) - plan.horizon - k * plan.apart
        if end < min(plan.history, len(frame) - plan.horizon - (plan.origins - 1) * plan.apart) or end < plan.season + 1:
            break
        past = frame.iloc[max(end - plan.history, 0) : end]
        truth = frame.iloc[end : end + plan.horizon].to_numpy(dtype=np.float64).T
        state = fit_panel(past, season=plan.season, horizon=plan.horizon)
        size = scale(past.to_numpy(dtype=np.float64).T, plan.season)
        ours.append(mase(forecast(state).values, truth, size))
        theirs.append(mase(state.naive, truth, size))
    if not ours:
        return None
    a, b = np.concatenate(ours), np.concatenate(theirs)
    good = np.isfinite(a) & np.isfinite(b)
    return float(a[good].mean()), float(b[good].mean()), int(good.sum())


def scale(past: Floats, season: int) -> Floats:
    """(n,) mean absolute seasonal difference; NaN where it is nothing or unknown."""
    apart = np.abs(past[:, season:] - past[:, :-season])
    count = (~np.isnan(apart)).sum(axis=1)
    size = np.nansum(apart, axis=1) / np.maximum(count, 1)
    return np.where(size > 0, size, np.nan)


def mase(values: Floats, truth: Floats, size: Floats) -> Floats:
    """(n,) mean absolute scaled error over the known steps."""
    error = np.abs(values - truth)
    count = (~np.isnan(error)).sum(axis=1)
    return np.where(count > 0, np.nansum(error, axis=1) / np.maximum(count, 1), np.nan) / size
