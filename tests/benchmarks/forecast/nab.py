"""The anomaly detector on the Numenta Anomaly Benchmark: one detector and one set of constants for all files and for the product.

The constants were chosen on the files of even position (sorted by name) of one half of the corpus; the others of that half, and the other half, were
printed in every trial.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from analytics.anomalies.detector import Detector
from analytics.anomalies.marks import quieted
from tests.benchmarks.forecast.nab_score import File, Scored, at_threshold, files, optimised, weights
from tests.benchmarks.forecast.registry import Row, absent, at_least

Floats = npt.NDArray[np.float64]
NEEDS = ("series.parquet", "labels.json", "scoring_profiles.json")
KNOWN = "Random Cut Forest 51.7, windowed Gaussian 36.7, seasonal residual with a quiet day 57.1"
DAY_S, HOUR_S, WEEK_S = 86_400, 3_600, 604_800
RECALL = 0.35


def rarities(given: list[File]) -> tuple[list[Floats], list[Floats]]:
    """How odd each row is, −log10 of its p-value: as the screen form sees it, and as the page form does."""
    rows = max(len(file.values) for file in given)
    values = np.full((rows, len(given)), np.nan)
    day, week = np.zeros(values.shape, dtype=np.int64), np.zeros(values.shape, dtype=np.int64)
    steps = np.array([file.step_s for file in given])
    for j, file in enumerate(given):
        n = len(file.values)
        values[:n, j] = file.values
        day[:n, j] = file.at_s % DAY_S // file.step_s
        week[:n, j] = file.at_s // HOUR_S % 168
    seen = Detector(np.maximum(DAY_S / steps, 1.0)).observe(values, day, week)
    a_day = np.maximum(DAY_S // steps, 1)

    def odd(p: Floats) -> list[Floats]:
        told = -np.log10(np.maximum(np.where(np.isfinite(p), p, 1.0), 1e-300))
        return [told[: len(file.values), j] for j, file in enumerate(given)]

    return odd(quieted(seen.p_any, a_day)), odd(quieted(seen.p_three, a_day))


def nab(data: Path, seed: int) -> list[Row]:
    """The score, how it carries over to files that nothing was chosen on, and what it costs in false alerts. `seed`: nothing is random here."""
    folder = data / "nab"
    measure = "NAB standard score, one-day quiet form"
    if any(not (folder / name).is_file() for name in NEEDS):
        return [absent(measure, "≥ 57", KNOWN, "nab")]
    given, weigh = files(folder), weights(folder)
    screen, page = rarities(given)
    best, _ = optimised(given, screen, weigh)
    even = [i for i in range(len(given)) if i % 2 == 0]
    odd = [i for i in range(len(given)) if i % 2]
    on_even, _ = optimised([given[i] for i in even], [screen[i] for i in even], weigh)
    on_odd, curve_odd = optimised([given[i] for i in odd], [screen[i] for i in odd], weigh)
    carried = at_threshold(curve_odd, on_even.threshold)
    found = f"{len(given)} files, {sum(len(file.windows) for file in given)} windows; recall {best.recall:.2f}, {best.false_alerts} false"
    rows = [
        at_least(measure, 57, best.score, KNOWN, found),
        Row("the same, files of even position", "", on_even.score, None, "", "the constants were chosen on these of one half"),
        Row("the same, files of odd position", "", on_odd.score, None, "", "printed in every trial"),
        Row("the same, threshold from the even files", "", carried.score, None, "", f"recall {carried.recall:.2f}"),
    ]
    weeks = sum((len(file.values) - file.probation) * file.step_s for file in given) / WEEK_S
    points = sum(len(file.values) - file.probation for file in given)
    for name, odds in (("paging (three-point) form", page), ("quiet form", screen)):
        _, curve = optimised(given, odds, weigh)
        reached = next((each for each in curve if each.recall >= RECALL), None)
        rows.append(
            Row(f"false alerts a week at recall {RECALL}, {name}", "", reached.false_alerts / weeks if reached else None, None, "",
                f"a week of one series; {weeks:.0f} such weeks")
        )  # fmt: skip
        rare = _last_below(curve, points / 5_000)
        rows.append(
            Row(f"recall at one false alert in 5 000 points, {name}", "", rare.recall, None, ".48, three-point mean", f"{rare.false_alerts} false alerts")
        )  # fmt: skip
    return rows


def _last_below(curve: list[Scored], most: float) -> Scored:
    within = [each for each in curve if each.false_alerts <= most]
    return within[-1] if within else Scored(0.0, np.inf, 0.0, 0)
