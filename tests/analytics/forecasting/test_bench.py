"""The benchmark's own sums, and that it says what a folder lacks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.forecast import m4, registry, table
from tests.benchmarks.forecast.accuracy import mase, scale

QUICK = ("accuracy", "m4", "shift")


@pytest.mark.parametrize("name", registry.PARTS)
def test_every_part_is_there(name: str) -> None:
    assert callable(registry.part(name))


@pytest.mark.parametrize("name", QUICK)
def test_an_empty_folder_is_reported_absent(name: str, tmp_path: Path) -> None:
    rows = registry.part(name)(tmp_path, 1)
    assert rows
    assert all(row.value is None and row.met is None and row.note.startswith("absent") for row in rows)


def test_autoets_runs_only_when_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PEERS", raising=False)
    (row,) = registry.part("autoets")(tmp_path, 1)
    assert row.value is None
    monkeypatch.setenv("PEERS", "1")
    monkeypatch.setenv("BENCH_PYTHON", "/bin/false")
    (row,) = registry.part("autoets")(tmp_path, 1)
    assert row.met is None
    assert "could not run statsforecast" in row.note


def test_naive2_is_the_published_one(shared_data: Path) -> None:
    hourly = m4.FREQUENCIES[0]
    series = m4.load(hourly, shared_data / "m4")[:40]
    published, source = m4._naive2(hourly, shared_data / "m4", series)
    assert source == "as published"
    ours = np.stack([m4.naive2(train, 24, 48) for _, train, _ in series])
    assert ours == pytest.approx(published, rel=1e-6)


def test_the_published_scores_come_out(shared_data: Path) -> None:
    """Seasonal naive's OWA over our half, worked out elsewhere from the published forecasts, is .637."""
    hourly = m4.FREQUENCIES[0]
    series = m4.load(hourly, shared_data / "m4")
    theirs, _ = m4._naive2(hourly, shared_data / "m4", series)
    seasonal = np.stack([np.tile(train[-24:], 2) for _, train, _ in series])
    owa, smape, error = m4.score(hourly, series, seasonal, theirs)
    assert owa == pytest.approx(0.637, abs=0.0005)
    assert smape == pytest.approx(13.9793, abs=0.001)
    assert error == pytest.approx(1.2329, abs=0.001)


def test_mase() -> None:
    past = np.array([[1.0, 2, 3, 4, 2, 3, 4, 5]])
    assert scale(past, 4) == pytest.approx([1.0])
    assert mase(np.array([[1.0, 2]]), np.array([[3.0, np.nan]]), scale(past, 4)) == pytest.approx([2.0])
    assert np.isnan(scale(np.ones((1, 9)), 4)[0])


def test_the_table_and_its_json() -> None:
    rows = [registry.at_most("a", 0.5, 0.4321), registry.at_least("b", 60, 51.7), registry.absent("c", "≤ 1", "x", "the set")]
    lines = table.text(rows).splitlines()
    assert "0.432" in lines[2]
    assert "| met " in lines[2]
    assert "51.7" in lines[3]
    assert "NOT MET" in lines[3]
    assert "absent: the set" in lines[4]
    read = json.loads(table.as_json([*rows, registry.Row("d", "", float("nan"), None)], 7))
    assert [row["value"] for row in read["rows"]] == [0.4321, 51.7, None, None]
    assert read["seed"] == 7
