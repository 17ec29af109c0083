"""How long ten thousand daily series of a year take to fit, and what their limits cost on top."""

from __future__ import annotations

import resource
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import outlook
from analytics.forecasting.panel import fit_panel, forecast
from analytics.forecasting.sampling import as_futures, sample
from roomleft.limits import Kind, Limit, Reading
from roomleft.outlook import Shape
from tests.benchmarks.forecast.registry import Row, at_most

SERIES, DAYS = 10_000, 365
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def throughput(data: Path, seed: int) -> list[Row]:
    """Seconds from the histories to a limit's outlook for each of 10 000 series of 365 days, and the memory at its highest."""
    frame = pd.DataFrame(made(SERIES, DAYS, seed).T)
    began, cpu = time.perf_counter(), _cpu()
    state = fit_panel(frame, first_day=NOW.date(), shapes=(Shape.LEVEL,) * SERIES)
    forecast(state)
    fitted, fit_cpu = time.perf_counter(), _cpu() - cpu
    futures = as_futures(state, sample(state, np.random.default_rng(seed)), zone=ZoneInfo("UTC"), fitted_at=NOW)
    said = [outlook(_limit(one), _reading(one), one, NOW) for one in futures]
    ended, whole_cpu = time.perf_counter(), _cpu() - cpu
    note = f"{whole_cpu:.1f} s of CPU; at most {_memory_gb():.2f} GB; seeded series, 30 days ahead, 400 draws, {sum(o.p_breach is not None for o in said)} answers"
    known = "28 s, one scale, no limits"
    return [
        at_most("seconds, fit and limits of 10 000 daily series of 365 days", 30, ended - began, known, note),
        Row("of them the fit", "", fitted - began, None, "", f"{fit_cpu:.1f} s of CPU"),
    ]


def _limit(futures: Futures) -> Limit:
    """Half as much again as the most that was ever seen."""
    most = float(np.nanmax(futures.past, initial=1.0)) * 1.5
    return Limit(futures.target, "bench", Kind.CAPACITY, futures.target, Decimal(repr(most)), "units", "meter")


def _reading(futures: Futures) -> Reading:
    last = futures.past[np.isfinite(futures.past)][-1]
    return Reading(Decimal(repr(float(last))), NOW, timedelta(days=1))


def made(series: int, days: int, seed: int) -> npt.NDArray[np.float64]:
    """(series, days) seeded daily totals of many kinds: weekly shapes, drifts, random walks, level shifts, sparse and empty ones, gaps."""
    rng = np.random.default_rng(seed)
    day = np.arange(days)
    level = np.exp(rng.normal(3, 2, series))[:, None]
    week = rng.normal(0, 0.25, (series, 7))[:, day % 7]
    drift = rng.normal(0, 0.001, series)[:, None] * day
    walk = np.cumsum(rng.normal(0, 1, (series, days)), axis=1) * rng.exponential(0.01, series)[:, None]
    jump = np.where(day[None] >= rng.integers(0, 4 * days, series)[:, None], rng.normal(0, 0.5, series)[:, None], 0.0)
    noise = rng.normal(0, 1, (series, days)) * rng.uniform(0.05, 0.4, series)[:, None]
    values = level * np.exp(week + drift + walk + jump + noise)
    kind = rng.random(series)[:, None]
    values = np.where((kind < 0.1) & (rng.random((series, days)) < 0.8), 0.0, values)
    values = np.where(kind < 0.02, 0.0, values)
    return np.where((kind > 0.9) & (rng.random((series, days)) < 0.05), np.nan, values)


def _cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _memory_gb() -> float:
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e6
