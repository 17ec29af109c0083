"""The health report: the figures of the home, as JSON and as a file that needs nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.api.program import install_errors
from dashboards.api.reports import make_report_api
from dashboards.parts import Parts
from roomleft.cli import report as command
from roomleft.errors import InputError, RoomleftError
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.played_world import NOW, played_parts
from tests.roomleft.running import speak_through
from tests.roomleft.seen_html import Seen


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Parts, TestClient]]:
    """The played world behind the report's route."""
    parts = played_parts(hours=0.5)
    server = FastAPI()
    install_errors(server)
    server.include_router(make_report_api(parts))
    yield parts, TestClient(server)
    parts.store.close()


@pytest.fixture
def served(world: tuple[Parts, TestClient], monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The command's client speaks to that route instead of to a port."""
    client = world[1]
    speak_through(monkeypatch, command, client)
    return client


def test_the_report_of_every_platform_is_json(world: tuple[Parts, TestClient]) -> None:
    parts, client = world
    reports = client.get("/api/v1/reports/health").json()
    assert [report["platform"] for report in reports] == list(parts.packs)
    for report in reports:
        pack = parts.packs[report["platform"]]
        assert report["as_of"] == NOW.isoformat().replace("+00:00", "Z")
        assert [each["component"] for each in report["components"]] == [part.id for part in pack.components]
        assert {each["limit_id"] for each in report["limits"]} == {limit.limit_id for limit in pack.limit_list()}
        assert len(report["targets"]) == len(pack.limits) + len(pack.targets)
        assert len(report["golden"]) == 6
        assert [each["total_usd"] for each in report["cost_tiers"]] == [
            str(sum(item.usd_per_month for item in tier.items)) for tier in pack.cost_tiers
        ]


def test_an_unknown_platform_is_refused(world: tuple[Parts, TestClient]) -> None:
    answer = world[1].get("/api/v1/reports/health", params={"platform": "nobody"})
    assert answer.status_code == 422
    assert "unknown platform 'nobody'" in answer.json()["error"]["what"]


def test_the_report_and_the_home_tell_the_same(world: tuple[Parts, TestClient]) -> None:
    parts, client = world
    driven = Driven(parts)
    for slug in parts.packs:
        (report,) = client.get("/api/v1/reports/health", params={"platform": slug}).json()
        head = texts(driven.call("platform-head.children", f"/platforms/{slug}"))
        assert report["sentence"] in head
        cards = found(driven.call("health-components.children", f"/platforms/{slug}"), className="component-card")
        assert {card["props"]["data-component"] for card in cards} == {each["component"] for each in report["components"]}
        shown = texts(driven.call("platform-targets.children", f"/platforms/{slug}/limits"))
        assert f"{report['targets_met']} met" in shown
        tiles = found(driven.call("health-golden.children", f"/platforms/{slug}"), className="tile")
        told = {tile["props"]["data-tile"]: texts(tile) for tile in tiles}
        for tile in report["golden"]:
            assert (tile["missing"] or tile["title"]) in told[tile["id"]]


@pytest.mark.usefixtures("served")
def test_the_file_needs_nothing_else_and_is_well_formed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = command.run_health(None, False, tmp_path / "made")
    (file,) = (tmp_path / "made").iterdir()
    assert file.name == f"health-all-{NOW:%Y-%m-%d}.html"
    assert code in (0, 1, 2)
    page = file.read_text(encoding="utf-8")
    seen = Seen(unclosed=("meta", "br"), drawn=("line", "circle", "polyline"))
    seen.feed(page)
    assert seen.open == ["html"] or seen.open == []
    assert seen.loads == []
    assert "<script" not in page
    assert "@import" not in page
    assert re.findall(r"url\(", page) == []
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    assert str(file) in capsys.readouterr().out.replace("\n", "")


@pytest.mark.usefixtures("served")
def test_json_is_printed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    command.run_health("coach", True, None)
    (report,) = json.loads(capsys.readouterr().out)
    assert report["platform"] == "coach"
    assert [each["total_usd"] for each in report["cost_tiers"]] == ["29", "75", "424", "2364", "8700", "39500"]
    assert list(tmp_path.iterdir()) == [], "no file unless one is asked for"


def test_without_a_server_the_command_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    settings: Any = type("Settings", (), {"data_dir": "var"})()
    monkeypatch.setattr(command, "located", lambda: (settings, None))
    with pytest.raises(InputError, match="made by a running server"):
        command.run_health(None, True, None)


@pytest.mark.usefixtures("served")
def test_a_folder_that_cannot_be_written_is_an_error_with_its_place(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RoomleftError, match="cannot be written"):
        command.run_health("coach", False, blocked)
