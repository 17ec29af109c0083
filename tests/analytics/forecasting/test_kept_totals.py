"""What a run keeps of the next 30 days of a series whose paths it does not keep."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.forecasting.fitting import total_ahead
from analytics.forecasting.futures import Futures
from analytics.reports.capacity_ahead import ahead_of
from roomleft.outlook import Shape


def futures(zone: str, days: int = 45) -> Futures:
    rng = np.random.default_rng(4)
    values = rng.uniform(80, 120, (400, days)).astype(np.float32)
    at = datetime(2026, 10, 10, tzinfo=UTC)
    return Futures(
        "shop/usage:cost#model=x", "r", Shape.FLOW, ZoneInfo(zone), date(2026, 10, 10), values, np.full(60, 90.0), at, ""
    )


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_it_is_what_the_paths_would_have_said(zone: str) -> None:
    kept, read = total_ahead(futures(zone)), ahead_of(futures(zone), 30)
    assert kept is not None
    assert read is not None
    assert kept["low"] == pytest.approx(read.low)
    assert kept["middle"] == pytest.approx(read.middle)
    assert kept["high"] == pytest.approx(read.high)
    assert kept["before"] == pytest.approx(read.before)
    assert kept["before"] == pytest.approx(2700)


def test_nothing_is_kept_of_what_says_nothing() -> None:
    assert total_ahead(futures("UTC", 29)) is None
    assert total_ahead(replace(futures("UTC"), shape=Shape.LEVEL)) is None
    assert total_ahead(replace(futures("UTC"), values=np.full((400, 45), np.nan, dtype=np.float32))) is None
    gappy = replace(futures("UTC"), past=np.array([*np.full(59, 90.0), np.nan]))
    kept = total_ahead(gappy)
    assert kept is not None
    assert kept["before"] is None
