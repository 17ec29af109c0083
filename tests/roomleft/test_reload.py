"""`reload` says what came into force, what was refused, and that what was refused goes on as it was."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import APIRouter, FastAPI
from starlette.testclient import TestClient

from dashboards.api.sources import add_source_routes
from dashboards.parts import Parts, Reloaded
from roomleft.errors import PackError
from tests.alerts.paging import quick_state
from tests.roomleft.running import run_command, speak_through
from warehouse.state import Audit

FAULT = PackError("unknown limit 'x'", "packs/shop.rules.yaml: line 8", "did you mean 'y'?")
NOTHING: dict[str, Any] = {"added": (), "changed": (), "removed": (), "unchanged": ("shop",), "refused": {}}
CASES = {
    "nothing": (NOTHING, 0, "nothing has changed in shop\n", []),
    "rules": (
        NOTHING | {"rules_added": ("shop.A", "shop.B"), "rules_changed": ("shop.C",), "rules_removed": ("shop.D",)},
        0,
        "rules added: shop.A, shop.B\nrules changed: shop.C\nrules removed: shop.D\n",
        [],
    ),
    "alerting": (NOTHING | {"alerting_changed": True}, 0, "changed: alerting.yaml\n", []),
    "a refused file": (
        NOTHING | {"rules_refused": {"packs/shop.rules.yaml": [FAULT]}},
        1,
        "",
        ["unknown limit 'x'", "did you mean 'y'?", "packs/shop.rules.yaml stays as it was before this edit."],
    ),
}


@pytest.mark.parametrize(("reloaded", "code", "said", "told"), CASES.values(), ids=CASES)
def test_what_reload_says(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reloaded: dict[str, Any],
    code: int,
    said: str,
    told: list[str],
    tmp_path: Path,
) -> None:
    router, server = APIRouter(), FastAPI()
    with quick_state(tmp_path) as state, TestClient(server) as client:
        add_source_routes(router, cast(Parts, SimpleNamespace(reload_packs=lambda: Reloaded(**reloaded), state=state)))
        server.include_router(router)
        # The package has a command of the same name.
        speak_through(monkeypatch, import_module("roomleft.cli.reload"), client)
        found, out, err = run_command(monkeypatch, capsys, "reload")
        audited = [(entry.what, entry.detail) for entry in Audit(state).recent()]
    assert (found, out) == (code, said)
    assert [each for each in told if each not in err] == []
    rules = {"platform": "shop", "rules_added": ["A", "B"], "rules_changed": ["C"], "rules_removed": ["D"]}
    noted = (
        [rules]
        if "rules_added" in reloaded
        else [{"platform": "", "alerting": "changed"}]
        if "alerting_changed" in reloaded
        else []
    )
    assert audited == [("reload", each) for each in noted]
