"""The benchmark's parts on how sure forecasts are: their sums, and that they say what a folder lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.forecast import registry
from tests.benchmarks.forecast.accuracy import Plan
from tests.benchmarks.forecast.coverage import by_origin, pooled
from tests.benchmarks.forecast.month_end import breaches, calibration_error
from tests.benchmarks.forecast.young import Young, covered, cut, ends


@pytest.mark.parametrize("name", ["coverage", "young", "month_end"])
def test_an_empty_folder_is_reported_absent(name: str, tmp_path: Path) -> None:
    rows = registry.part(name)(tmp_path, 1)
    assert rows
    assert all(row.value is None and row.met is None and row.note.startswith("absent") for row in rows)


def series(days: int, many: int = 12) -> pd.DataFrame:
    """Weekly rhythms with noise, the same every time."""
    rng = np.random.default_rng(5)
    week = np.resize([80, 90, 100, 100, 110, 130, 90], days)[:, None]
    return pd.DataFrame(week * rng.uniform(0.5, 2, many) * rng.lognormal(0, 0.15, (days, many)))


def test_coverage_of_series_that_go_on_as_they_were() -> None:
    found = by_origin(series(300), Plan("made", lambda _: None, 7, 200, 14, 3, 20), np.random.default_rng(1))
    assert len(found) == 3
    assert 0.7 < pooled(found) < 0.92
    assert all(one.values == 12 * 14 for one in found)


def test_young_histories_of_series_that_go_on_as_they_were() -> None:
    frame = series(220)
    frame.iloc[150:170, 0] = np.nan
    plan = Young("made", lambda _: None, False, 3, 30)
    assert list(ends(len(frame), plan)) == [130, 160, 190]
    past, came = cut(frame, 160, 35)
    # The series with twenty unknown days of what came is left out.
    assert (past.shape, came.shape) == ((35, 11), (11, 30))
    held = covered(frame, plan, 45, np.random.default_rng(1))
    assert held is not None
    assert held.forecasts == 3 * 11
    assert all(0.6 < share <= 1 for share in (*held.values, *held.totals))
    assert held.values[0] == held.totals[0]


def test_months_of_series_that_go_on_as_they_were() -> None:
    said, rate, came = breaches(series(430), 10, np.random.default_rng(1), months=2, draws=100)
    assert len(said) == 2 * 12 * 3
    assert set(np.unique(rate)) <= {0.0, 1.0}
    assert np.mean((said - came) ** 2) < 0.12
    # Nothing but noise moves a month's total by a tenth.
    assert came[0::3].mean() > 0.9
    assert came[2::3].mean() < 0.1


def test_calibration_error() -> None:
    said = np.array([0.05, 0.05, 0.95, 0.95])
    assert calibration_error(said, np.array([0.0, 0, 1, 1])) == pytest.approx(0.05)
    assert calibration_error(said, np.array([1.0, 1, 0, 0])) == pytest.approx(0.95)
