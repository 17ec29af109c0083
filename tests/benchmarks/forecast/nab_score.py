"""The scoring of the Numenta Anomaly Benchmark (Lavin and Ahmad, *Evaluating Real-time Anomaly Detection Algorithms*, 2015; numenta/NAB 1.1), and its data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
PROBATION = 0.15
PROBATION_ROWS = 5_000
"""The first 15 % of a file are not scored, of a long one 15 % of so many rows."""


@dataclass(frozen=True, slots=True)
class File:
    """One file: seconds since 1970 and values of its rows, and the windows as row numbers, both ends among them."""

    name: str
    at_s: Ints
    values: Floats
    windows: tuple[tuple[int, int], ...]

    @property
    def step_s(self) -> int:
        """Seconds between rows, as a rule."""
        return max(int(np.median(np.diff(self.at_s))), 1)

    @property
    def probation(self) -> int:
        """How many first rows are not scored."""
        return int(min(np.floor(PROBATION * len(self.values)), PROBATION * PROBATION_ROWS))


@dataclass(frozen=True, slots=True)
class Weights:
    """What a found window, a missed one and a false alert count."""

    found: float
    missed: float
    false: float


@dataclass(frozen=True, slots=True)
class Scored:
    """A score of 0 to 100 (0: nothing is ever reported, 100: every window at its first row and no false alert) and where its threshold lies."""

    score: float
    threshold: float
    recall: float
    false_alerts: int


def files(folder: Path) -> list[File]:
    """The files of a folder with `series.parquet` and `labels.json`, by name."""
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    found = []
    for name, rows in pd.read_parquet(folder / "series.parquet").groupby("file", sort=True, observed=True):
        at_s = rows["timestamp"].astype("datetime64[s]").astype("int64").to_numpy()
        windows = []
        for first, last in labels[str(name)]["windows"]:
            ends = [int(pd.Timestamp(each).timestamp()) for each in (first, last)]
            left, right = (int(np.flatnonzero(at_s == each)[0]) for each in ends)
            windows.append((left, right))
        found.append(File(str(name), at_s, rows["value"].to_numpy(dtype=np.float64), tuple(windows)))
    return found


def weights(folder: Path) -> Weights:
    """The standard profile."""
    matrix = json.loads((folder / "scoring_profiles.json").read_text(encoding="utf-8"))["standard"]["CostMatrix"]
    return Weights(matrix["tpWeight"], matrix["fnWeight"], matrix["fpWeight"])


def scaled_sigmoid(x: Floats) -> Floats:
    """1 far before a window's end, −1 far behind it."""
    return np.where(x > 3.0, -1.0, 2 / (1 + np.exp(5 * np.minimum(x, 3.0))) - 1)


def row_scores(file: File, weigh: Weights) -> tuple[Ints, Floats]:
    """For each row the window it lies in (−1: none), and what reporting it counts."""
    n = len(file.values)
    window = np.full(n, -1, dtype=np.int64)
    score = np.full(n, -weigh.false)
    for number, (left, right) in enumerate(file.windows):
        width = right - left + 1
        inside = np.arange(left, right + 1)
        window[inside] = number
        score[inside] = scaled_sigmoid(-(right - inside + 1) / width) / scaled_sigmoid(np.array(-1.0)) * weigh.found
        until = file.windows[number + 1][0] if number + 1 < len(file.windows) else n
        behind = np.arange(right + 1, until)
        score[behind] = weigh.false * scaled_sigmoid((behind - right) / max(width - 1, 1))
    return window, score


def optimised(given: list[File], rarities: list[Floats], weigh: Weights) -> tuple[Scored, list[Scored]]:
    """The best score over all thresholds, one for all files, as NAB's optimiser finds it; and the score at every threshold, highest first.

    `rarities`: how odd each row is; a row is reported when it is at least the threshold.
    """
    windows, scores, values, count = [], [], [], 0
    for file, rarity in zip(given, rarities, strict=True):
        window, score = row_scores(file, weigh)
        counted = slice(file.probation, None)
        windows.append(np.where(window >= 0, window + count, -1)[counted])
        scores.append(score[counted])
        values.append(rarity[counted])
        count += len(file.windows)
    odd = np.concatenate(values)
    order = np.argsort(-odd, kind="stable")
    which, worth = np.concatenate(windows).tolist(), np.concatenate(scores).tolist()
    best_of = np.full(count, -weigh.missed)
    raw, false, curve = -weigh.missed * count, 0, []
    for n, i in enumerate(order):
        if which[i] >= 0:
            gain = max(worth[i] - float(best_of[which[i]]), 0.0)
            best_of[which[i]] += gain
            raw += gain
        else:
            raw += worth[i]
            false += 1
        if n + 1 == len(order) or odd[order[n + 1]] != odd[i]:
            recall = float((best_of > -weigh.missed).mean()) if count else 0.0
            curve.append(Scored(normalised(raw, count, weigh), float(odd[i]), recall, false))
    nothing = Scored(0.0, np.inf, 0.0, 0)
    return max([nothing, *curve], key=lambda each: each.score), curve


def normalised(raw: float, windows: int, weigh: Weights) -> float:
    """A sum of scores as 0 (nothing reported) to 100 (perfect)."""
    worst = -weigh.missed * windows
    return 100 * (raw - worst) / (weigh.found * windows - worst) if windows else 0.0


def at_threshold(curve: list[Scored], threshold: float) -> Scored:
    """The score at a threshold that was chosen elsewhere."""
    return next((each for each in reversed(curve) if each.threshold >= threshold), Scored(0.0, threshold, 0.0, 0))
