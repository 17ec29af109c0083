"""The forecast's job where nothing is stored, and its worker where nothing is asked: no history of theirs is needed."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analytics.forecasting.forecasts import Forecasts
from analytics.forecasting.track_record import NONE_YET, track_record
from jobs import forecast_worker
from jobs.forecast import Forecaster
from roomleft.clock import FixedClock
from roomleft.outlook import Outlook
from tests.analytics.budget_shop import opened
from tests.analytics.forecasting.world import world_pack

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_an_empty_warehouse_says_why(tmp_path: Path) -> None:
    clock = FixedClock(NOON)
    pack = world_pack(tmp_path)
    with opened(clock, pack) as store:
        forecaster = Forecaster(store, {"shop": pack}, ask=lambda message, **how: (forecast_worker.answer(message), 0.1))
        forecaster.run(NOON)
        assert forecaster.replay(NOON).words == "no platform has history enough for a record"
        forecasts = Forecasts(store)
        for limit in pack.limit_list():
            found = forecasts.of(pack, limit)
            assert isinstance(found, Outlook) or limit.limit_id == "shop.whole" or found.no_date is not None, limit.limit_id
        assert track_record(store).words == NONE_YET


def test_the_worker_s_environment_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hush")
    monkeypatch.setattr(
        forecast_worker, "COMMAND", [sys.executable, "-c", "import os, sys; sys.stdin.buffer.read(); print(sorted(os.environ))"]
    )
    said, _ = forecast_worker.ask(b"", limit_s=30)
    assert b"SHOP_TOKEN" not in said
    assert b"OMP_NUM_THREADS" in said
    assert "SHOP_TOKEN" in os.environ
