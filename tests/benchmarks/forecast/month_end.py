"""Whether a month's budget will be passed, said on its first day and after 10 and 20 days, against the run rate.

A month is 30 days of a real daily series; months follow one another, the newest first, each with 365 days of history before it, at most 28. An unknown day
counts as the mean of its month; a month with more than three of them does not count. Its budgets are 90, 100 and 110 % of the mean 30-day total of the
90 days before the month. We say a probability (`outlook` of a calendar month, as the product does). The run rate
says yes or no: what was used so far, over the days so far, times 30, is more than the budget; on the first day, the last 30 days' total is.
Brier's score is the mean of (said - happened)², 1950.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.forecasting.limit import outlook
from analytics.forecasting.panel import fit_panel
from analytics.forecasting.sampling import as_futures, sample
from roomleft.limits import Kind, Limit, Reading
from roomleft.timespan import Period, Window
from tests.benchmarks.forecast import sets
from tests.benchmarks.forecast.registry import Row, absent

Floats = npt.NDArray[np.float64]

HISTORY, MONTH, MONTHS = 365, 30, 28
UNKNOWN_MOST = 3
DAYS = (0, 10, 20)
FACTORS = (0.9, 1.0, 1.1)
FIRST = date(2026, 6, 1)
"""The month is played as a June: it has 30 days."""
AIM, AIM_DAY = 0.55, 10
KNOWN = {0: "ours .138 / run rate .225 = .61", 10: "ours .105 / .175 = .60", 20: "ours .047 / .080 = .59"}
UTC_ZONE = ZoneInfo("UTC")


def month_end(data: Path, seed: int) -> list[Row]:
    """Brier of ours ÷ of the run rate by day of the month, over NN5 and Wikipedia views."""
    frames = [frame for frame in (sets.nn5_daily(data), views(data)) if frame is not None]
    if not frames:
        return [absent(f"month-end breach Brier ÷ run rate's, day {AIM_DAY}", f"≤ {AIM}", KNOWN[AIM_DAY], "NN5 and Wikipedia")]
    rows = []
    rng = np.random.default_rng(seed)
    for day in DAYS:
        said, rate, came = (np.concatenate(part) for part in zip(*(breaches(frame, day, rng) for frame in frames), strict=True))
        ours, theirs = float(np.mean((said - came) ** 2)), float(np.mean((rate - came) ** 2))
        note = f"{len(came)} budgets, {came.mean():.2f} of them passed; ours {ours:.3f}, run rate {theirs:.3f}; calibration error {calibration_error(said, came):.3f}"
        ratio = ours / theirs if theirs > 0 else float("nan")
        aim, met = (f"≤ {AIM}", ratio <= AIM) if day == AIM_DAY else ("", None)
        rows.append(Row(f"month-end breach Brier ÷ run rate's, day {day}", aim, ratio, met, KNOWN[day], note))
    return rows


def views(data: Path) -> pd.DataFrame | None:
    """Wikipedia views as a count."""
    frame = sets.wikipedia_daily(data)
    return None if frame is None else np.exp(frame).reset_index(drop=True)


def breaches(
    frame: pd.DataFrame, day: int, rng: np.random.Generator, months: int = MONTHS, draws: int = 400
) -> tuple[Floats, Floats, Floats]:
    """What we said, what the run rate said and what came (1 or 0), of every series, month and budget whose days are known."""
    said: list[float] = []
    rate: list[float] = []
    came: list[float] = []
    values = frame.to_numpy(dtype=np.float64)
    for month in range(months):
        start = len(values) - MONTH * (month + 1)
        if start - HISTORY < 0:
            break
        end = start + day
        state = fit_panel(frame.iloc[end - HISTORY : end], horizon=MONTH, first_day=FIRST + timedelta(days=day))
        now = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=day)
        every = as_futures(state, sample(state, rng, draws), zone=UTC_ZONE, fitted_at=now)
        for column, futures in enumerate(every):
            truth, before = values[start : start + MONTH, column], values[start - 90 : start, column]
            if np.isnan(truth).sum() > UNKNOWN_MOST or np.isfinite(before).sum() < 60 or not np.isfinite(before[-MONTH:]).any():
                continue
            truth = np.where(np.isnan(truth), np.nanmean(truth), truth)
            used, total = float(truth[:day].sum()), float(truth.sum())
            usual = float(np.nanmean(before)) * MONTH
            last = float(np.nanmean(before[-MONTH:])) * MONTH
            for factor in FACTORS:
                budget = factor * usual
                chance = outlook(_budget(budget), Reading(Decimal(repr(used)), now, timedelta(days=1)), futures, now).p_breach
                said.append(0.5 if chance is None else chance)
                rate.append(float((used / day * MONTH if day else last) > budget))
                came.append(float(total > budget))
    return np.array(said), np.array(rate), np.array(came)


def _budget(amount: float) -> Limit:
    return Limit(
        "budget", "bench", Kind.BUDGET, "Budget", Decimal(repr(amount)), "usd", "cost", window=Window(Period.MONTH, UTC_ZONE)
    )


def calibration_error(said: Floats, came: Floats, bins: int = 10) -> float:
    """Mean distance between what was said and how often it came, over ten bins weighted by their claims."""
    place = np.minimum((said * bins).astype(int), bins - 1)
    gaps = [
        (place == b).mean() * abs(said[place == b].mean() - came[place == b].mean()) for b in range(bins) if (place == b).any()
    ]
    return float(sum(gaps))
