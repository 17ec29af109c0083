"""How a server's parts are put together, where nothing else would notice that they are not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from jobs.alert import ALERT
from roomleft.app.building import build
from roomleft.clock import Clock
from roomleft.settings import Settings


def settings_in(folder: Path) -> Settings:
    (folder / "packs").mkdir()
    return Settings(
        data_dir=folder,
        warehouse_url=f"duckdb:///{folder / 'warehouse.duckdb'}",
        state_url=f"sqlite:///{folder / 'state.db'}",
        packs_dir=folder / "packs",
        measure_every_s=3600.0,
    )


def test_a_deed_about_alerts_has_the_rules_evaluated_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = build(settings_in(tmp_path), Clock())
    try:
        asked: list[str] = []
        monkeypatch.setattr(app.schedule, "soon", asked.append)
        app.parts.responded()
        assert asked == [ALERT]
    finally:
        app.parts.writer.close()
        app.parts.store.close()
        app.parts.state.close()


def test_a_server_is_ready_without_waiting_for_its_next_measurement(tmp_path: Path) -> None:
    app = build(settings_in(tmp_path), Clock())
    app.start()
    try:
        deadline = time.monotonic() + 60
        while not app.parts.readiness.ready():
            assert time.monotonic() < deadline, app.parts.readiness.steps()
            time.sleep(0.02)
    finally:
        app.stop()
