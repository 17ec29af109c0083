"""The M4 competition's daily, weekly and hourly series, scored by its rules (Makridakis, Spiliotis and Assimakopoulos, 2020).

sMAPE is 2|y − f| / (|y| + |f|) in per cent; MASE divides by the mean absolute seasonal difference of the whole training part (season 24 hourly, 1 weekly
and daily); both are means over series; OWA is the mean of the two, each divided by Naive2's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.forecasting.panel import fit_panel, forecast
from tests.benchmarks.forecast.registry import Row, absent, at_most

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frequency:
    """`season` by the rules; `fitted` the season given to the panel; `steps` how much of the history it is given."""

    name: str
    file: str
    train_file: str
    season: int
    fitted: int
    horizon: int
    steps: int
    aim: float | None
    known: str


FREQUENCIES = (
    Frequency("Hourly", "hourly", "hourly", 24, 24, 48, 960, 0.50, "ES-RNN .440, seasonal naive .628"),
    Frequency("Weekly", "weekly", "weekly", 1, 52, 13, 780, 0.92, "AutoETS .917, naive 1.000"),
    Frequency("Daily", "daily", "daily_train_subset", 1, 1, 14, 1000, None, "naive 1.000"),
)


def m4(data: Path, seed: int) -> list[Row]:
    """OWA against Naive2 for every frequency; published scores of the competition's best where the folder has them."""
    return [_measured(frequency, data / "m4") for frequency in FREQUENCIES]


def _measured(frequency: Frequency, folder: Path) -> Row:
    measure = f"OWA, M4 {frequency.name}"
    aim = "" if frequency.aim is None else f"≤ {frequency.aim:g}"
    series = load(frequency, folder)
    if not series:
        return absent(measure, aim, frequency.known, "the set")
    ours = predict(frequency, [train for _, train, _ in series])
    truth = np.stack([test for _, _, test in series])
    theirs, source = _naive2(frequency, folder, series)
    owa, smape, mase = score(frequency, series, ours, theirs)
    note = f"{len(truth)} series, sMAPE {smape:.2f}, MASE {mase:.3f}; Naive2 {source}; {_published(frequency, folder)}"
    if frequency.aim is None:
        return Row(measure, aim, owa, None, frequency.known, note)
    return at_most(measure, frequency.aim, owa, frequency.known, note)


def load(frequency: Frequency, folder: Path) -> list[tuple[str, Floats, Floats]]:
    """(series, training values, test values) of every series whose training part is whole."""
    paths = folder / f"{frequency.file}.parquet", folder / f"{frequency.train_file}.parquet"
    if not all(path.is_file() for path in paths):
        return []
    test, train = (pd.read_parquet(path) for path in paths)
    test = test[test["part"] == "test"]
    train = train[train["complete"]] if "complete" in train else train[train["part"] == "train"]
    ends = {
        str(name): rows.sort_values("t")["value"].to_numpy(dtype=np.float64)
        for name, rows in test.groupby("series_id", observed=True)
    }
    starts = {
        str(name): rows.sort_values("t")["value"].to_numpy(dtype=np.float64)
        for name, rows in train.groupby("series_id", observed=True)
    }
    return [(name, starts[name], ends[name]) for name in sorted(starts) if name in ends]


def predict(frequency: Frequency, trains: list[Floats]) -> Floats:
    """(n, h) the panel's forecasts, made from the last `steps` values of each series."""
    longest = min(frequency.steps, max(len(train) for train in trains))
    table = np.full((longest, len(trains)), np.nan)
    for i, train in enumerate(trains):
        kept = train[-longest:]
        table[longest - len(kept) :, i] = kept
    return forecast(fit_panel(pd.DataFrame(table), season=frequency.fitted, horizon=frequency.horizon)).values


def score(
    frequency: Frequency, series: list[tuple[str, Floats, Floats]], ours: Floats, theirs: Floats
) -> tuple[float, float, float]:
    """OWA, sMAPE and MASE of `ours`, with `theirs` for Naive2."""
    truth = np.stack([test for _, _, test in series])
    sizes = np.array([np.mean(np.abs(train[frequency.season :] - train[: -frequency.season])) for _, train, _ in series])

    def both(values: Floats) -> tuple[float, float]:
        smape = 200 * np.mean(np.abs(truth - values) / (np.abs(truth) + np.abs(values)), axis=1)
        return float(smape.mean()), float((np.abs(truth - values).mean(axis=1) / sizes).mean())

    a, b = both(ours), both(theirs)
    return (a[0] / b[0] + a[1] / b[1]) / 2, *a


def _naive2(frequency: Frequency, folder: Path, series: list[tuple[str, Floats, Floats]]) -> tuple[Floats, str]:
    path = folder / "benchmark_forecasts.parquet"
    if path.is_file():
        rows = pd.read_parquet(path)
        rows = rows[rows["method"] == "Naive2"]
        table = {str(name): one.sort_values("h")["forecast"].to_numpy() for name, one in rows.groupby("series_id", observed=True)}
        if all(len(table.get(name, ())) == frequency.horizon for name, _, _ in series):
            return np.stack([table[name] for name, _, _ in series]), "as published"
    return np.stack([naive2(train, frequency.season, frequency.horizon) for _, train, _ in series]), "worked out here"


def naive2(train: Floats, season: int, horizon: int) -> Floats:
    """(h,) the last value of the seasonally adjusted series, with its season put back.

    The season is that of a classical multiplicative decomposition, where the autocorrelation at one season is significant at 90 %; otherwise there is none.
    """
    if season == 1 or len(train) < 3 * season or not _seasonal(train, season):
        return np.full(horizon, train[-1])
    kernel = np.ones(season + 1) if season % 2 == 0 else np.ones(season)
    if season % 2 == 0:
        kernel[[0, -1]] = 0.5
    trend = np.convolve(train, kernel / season, mode="valid")
    half = season // 2
    ratio = train[half : half + len(trend)] / trend
    phases = (np.arange(len(trend)) + half) % season
    indices = np.array([ratio[phases == phase].mean() for phase in range(season)])
    indices /= indices.mean()
    adjusted = train / indices[np.arange(len(train)) % season]
    return np.asarray(adjusted[-1] * indices[(len(train) + np.arange(horizon)) % season])


def _seasonal(train: Floats, season: int) -> bool:
    centred = train - train.mean()
    total = float((centred**2).sum())
    if total == 0:
        return False
    r = np.array([float((centred[lag:] * centred[: len(centred) - lag]).sum()) / total for lag in range(1, season + 1)])
    limit = 1.645 * np.sqrt((1 + 2 * (r[:-1] ** 2).sum()) / len(train))
    return bool(abs(r[-1]) > limit)


def _published(frequency: Frequency, folder: Path) -> str:
    path = folder / "published_scores.csv"
    if not path.is_file():
        return "published scores absent"
    column = f"owa_{frequency.name.lower()}"
    table = pd.read_csv(path)
    best = table.loc[pd.to_numeric(table[column], errors="coerce").idxmin()]
    return f"best published, all series: {best['method']} {best[column]:.3f}"
