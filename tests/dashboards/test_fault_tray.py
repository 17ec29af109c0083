"""The demo's fault tray against a real stand-in process: what is switched on is on there, and a real server has no switches."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.api.program import install_errors
from dashboards.door.asking import asked_by
from dashboards.fault_tray import make_fault_routes, tray_body
from dashboards.parts import Parts
from roomleft import demo
from roomleft.clock import Clock
from roomleft.packs import load_packs
from roomleft.settings import ROOT
from tests.dashboards.sample_rows import sample_parts
from tests.fixtures.asked import OWNER, somebody
from tests.fixtures.state import state_url
from warehouse.state import Audit, Role, StateDb

PACKS = ROOT / "packs"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """Parts of a demo whose stand-in really runs."""
    folder = tmp_path_factory.mktemp("tray")
    plan = demo.plan(folder, ("scribe",), 1, datetime.now(UTC))
    settings: Any = SimpleNamespace(demo=True, data_dir=folder)
    state = StateDb.open(state_url(folder), Clock())
    with demo.stand_in(plan, Clock(), (), PACKS, folder):
        yield dataclasses.replace(sample_parts(filled=False), settings=settings, packs=load_packs(PACKS, ["scribe"]), state=state)
    state.close()


def client(parts: Parts) -> TestClient:
    app = FastAPI()
    install_errors(app)
    app.include_router(make_fault_routes(parts))
    return TestClient(app)


def is_on(http: TestClient, fault: str) -> bool:
    return next(bool(each["on"]) for each in http.get("/api/v1/demo/faults").json()["scribe"] if each["name"] == fault)


def test_a_fault_is_switched_on_and_off_in_the_stand_in(parts: Parts) -> None:
    http = client(parts)
    assert not is_on(http, "replica_lag")
    assert http.put("/api/v1/demo/faults/scribe/replica_lag", json={"on": True}).json()["on"] is True
    assert is_on(http, "replica_lag")
    assert not is_on(http, "cache_cold")
    deed = Audit(parts.state).recent(1)[0]
    assert (deed.who, deed.what) == (OWNER.name, "switch fault")
    assert deed.detail == {"platform": "scribe", "fault": "replica_lag", "on": True}
    http.put("/api/v1/demo/faults/scribe/replica_lag", json={"on": False})
    assert not is_on(http, "replica_lag")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("scribe/nonsense", {"on": True}, "has no fault"),
        ("nobody/replica_lag", {"on": True}, "has no fault"),
        ("scribe/replica_lag", {"on": "yes"}, "not a switch"),
        ("scribe/replica_lag", {}, "not a switch"),
    ],
)
def test_a_wrong_switch_is_refused(parts: Parts, path: str, body: dict[str, Any], words: str) -> None:
    answer = client(parts).put(f"/api/v1/demo/faults/{path}", json=body)
    assert answer.status_code == 422
    assert words in answer.json()["error"]["what"]


@pytest.mark.parametrize("is_demo", [False, True])
def test_without_a_stand_in_there_is_nothing_to_switch(parts: Parts, tmp_path: Path, is_demo: bool) -> None:
    settings: Any = SimpleNamespace(demo=is_demo, data_dir=tmp_path)
    answer = client(dataclasses.replace(parts, settings=settings)).get("/api/v1/demo/faults")
    assert answer.status_code == 422
    assert "no stand-in platform runs here" in answer.json()["error"]["what"]


def test_the_tray_opens_the_page_s_platform_and_counts_what_is_on(parts: Parts) -> None:
    faults = [
        {"name": "cache_cold", "on": True, "description": "The caches were emptied", "shows_on": ["cache"]},
        {"name": "broken", "on": False, "description": "Every route answers 500", "shows_on": []},
    ]
    (group,) = tray_body({"scribe": faults}, parts.packs, "")
    said = json.dumps(group.to_plotly_json(), default=lambda each: each.to_plotly_json(), ensure_ascii=False)
    assert group.open is True
    assert "1 on" in said
    assert "Cache" in said
    assert '"aria-checked": "true"' in said
    (group,) = tray_body({"scribe": faults[1:]}, parts.packs, "")
    assert group.open is False


def test_who_may_not_switch_faults_sees_them_grey_and_why(parts: Parts) -> None:
    faults = [{"name": "broken", "on": False, "description": "Every route answers 500", "shows_on": []}]
    with asked_by(somebody(Role.ONCALL)):
        note, group = tray_body({"scribe": faults}, parts.packs, "")
    assert note.children == "Needs the admin role to switch them."
    said = json.dumps(group.to_plotly_json(), default=lambda each: each.to_plotly_json())
    assert '"disabled": true' in said
