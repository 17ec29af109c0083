"""How a server's parts are put together, where nothing else would notice that they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.alert import ALERT
from roomleft.app.building import build
from roomleft.clock import Clock
from roomleft.settings import Settings


def test_a_deed_about_alerts_has_the_rules_evaluated_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packs").mkdir()
    settings = Settings(
        data_dir=tmp_path,
        warehouse_url=f"duckdb:///{tmp_path / 'warehouse.duckdb'}",
        state_url=f"sqlite:///{tmp_path / 'state.db'}",
        packs_dir=tmp_path / "packs",
    )
    app = build(settings, Clock())
    try:
        asked: list[str] = []
        monkeypatch.setattr(app.schedule, "soon", asked.append)
        app.parts.responded()
        assert asked == [ALERT]
    finally:
        app.parts.writer.close()
        app.parts.store.close()
        app.parts.state.close()
