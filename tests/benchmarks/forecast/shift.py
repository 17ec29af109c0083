"""A level that doubled five days ago: real series, the last five days of their history and all that follows multiplied by two.

NN5 and Wikipedia views (back from the logarithm); 365 days in, 30 out, at the newest and at eleven seeded earlier origins of each. A seeded half of the series is doubled at each origin and the other half is not: a forecaster that merely expects doublings
gains nothing. The error is the sum of absolute errors of the 30 days divided by the sum of what came.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.forecasting.panel import fit_panel, forecast
from tests.benchmarks.forecast import sets
from tests.benchmarks.forecast.registry import Row, absent, at_most

Floats = npt.NDArray[np.float64]

HISTORY, HORIZON, DAYS, FACTOR = 365, 30, 5, 2.0
ORIGINS = 12
FEW = 4
"""So few origins show how much the figure depends on which they are."""
KNOWN = "Theta .209, panel without detection .323"


def shift(data: Path, seed: int) -> list[Row]:
    """Median errors of the doubled series, of their 30-day totals, and of the series left alone."""
    measure = "median 30-day error, level ×2 five days ago"
    frames = [frame for frame in (sets.nn5_daily(data), _views(data)) if frame is not None]
    if not frames:
        return [absent(measure, "≤ 0.22", KNOWN, "NN5 and Wikipedia")]
    doubled: list[Floats] = []
    totals: list[Floats] = []
    alone: list[Floats] = []
    few: list[Floats] = []
    rng = np.random.default_rng(seed)
    for frame in frames:
        room = len(frame) - HISTORY - HORIZON
        for k in range(ORIGINS):
            end = len(frame) - HORIZON - (0 if k == 0 else int(rng.integers(0, room + 1)))
            chosen = rng.random(frame.shape[1]) < 0.5
            sizes, total = _errors(frame.iloc[end - HISTORY : end + HORIZON], chosen)
            doubled.append(sizes[chosen])
            totals.append(total[chosen])
            alone.append(sizes[~chosen])
            if k < FEW:
                few.append(sizes[chosen])
    a, b, c = (np.concatenate(part) for part in (doubled, totals, alone))
    a, b, c = a[np.isfinite(a)], b[np.isfinite(b)], c[np.isfinite(c)]
    first = np.concatenate(few)
    first = first[np.isfinite(first)]
    note = f"{len(a)} forecasts over NN5 and Wikipedia; mean of absolute daily errors ÷ mean"
    return [
        at_most(measure, 0.22, float(np.median(a)), KNOWN, note),
        Row(f"the same at the first {FEW} origins of each", "", float(np.median(first)), None, "", f"{len(first)} forecasts"),
        Row("the same, error of the 30-day total", "", float(np.median(b)), None, "", "distance of the sums ÷ sum of what came"),
        Row("the same series left alone", "", float(np.median(c)), None, "", f"{len(c)} forecasts beside them; daily errors"),
    ]


def _views(data: Path) -> pd.DataFrame | None:
    frame = sets.wikipedia_daily(data)
    return None if frame is None else np.exp(frame).reset_index(drop=True)


def _errors(span: pd.DataFrame, chosen: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    values = span.to_numpy(dtype=np.float64).T.copy()
    values[chosen, HISTORY - DAYS :] *= FACTOR
    past, truth = values[:, :HISTORY], values[:, HISTORY:]
    made = forecast(fit_panel(pd.DataFrame(past.T), horizon=HORIZON)).values
    known = ~np.isnan(truth)
    came = np.nansum(truth, axis=1)
    came = np.where(came > 0, came, np.nan)
    error = np.where(known, made - np.where(known, truth, 0.0), 0.0)
    return np.abs(error).sum(axis=1) / came, np.abs(error.sum(axis=1)) / came
