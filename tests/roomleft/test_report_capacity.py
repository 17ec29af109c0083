"""`report capacity` and its routes: what is read, written, sent and refused."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import roomleft.cli.report_capacity as command
from analytics.forecasting.futures import Futures
from dashboards import reads
from dashboards.api.capacity import make_capacity_api
from dashboards.api.program import install_errors
from dashboards.parts import Parts
from dashboards.reports import capacity_made, capacity_read
from dashboards.reports.capacity_read import read_capacity
from roomleft.alerting import Alerting
from roomleft.app.reporting import Reporting
from roomleft.clock import FixedClock
from roomleft.errors import InputError, RoomleftError, StoreError
from roomleft.limits import Limit
from roomleft.outlook import NoDate, Outlook, Shape
from roomleft.packs import Pack, load_packs
from tests.analytics.reports.capacity_world import PACKS, futures
from tests.dashboards.sample_rows import NOW, sample_parts
from tests.fixtures.smtp import Mailbox
from tests.fixtures.state import state_url
from tests.roomleft.running import speak_through
from warehouse.state import StateDb
from warehouse.state.archive import Archive
from warehouse.state.recipients import Recipients

ROUTE = "/api/v1/reports/capacity"


class Book:
    """Forecasts of everything: flows of 145 a day, levels of 66; of `refused` series none, and why."""

    def __init__(self, refused: str = "") -> None:
        self.refused = refused

    def of_series(self, pack: Pack, name: str) -> Futures | Outlook:
        if name == self.refused:
            return Outlook.none(NoDate.TOO_SHORT)
        flow = name.startswith("ai_")
        made = futures(name, level=145 if flow else 66, slope=0.4 if flow else 0.0, shape=Shape.FLOW if flow else Shape.LEVEL)
        return dataclasses.replace(made, first_day=NOW.date())

    def of(self, pack: Pack, limit: Limit) -> Futures | Outlook:
        return self.of_series(pack, f"ai_cost/{limit.meter_id}")

    def fitted_at(self) -> Any:
        return NOW


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Parts, TestClient]]:
    """The sample world behind the report's routes."""
    book: Any = Book(refused="storage/content")
    parts = dataclasses.replace(sample_parts(), packs=load_packs(PACKS, only=["arena", "scribe"]), forecasts=book)
    server = FastAPI()
    install_errors(server)
    server.include_router(make_capacity_api(parts))
    yield parts, TestClient(server)
    parts.store.close()


@pytest.fixture
def served(world: tuple[Parts, TestClient], monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The command's client speaks to those routes instead of to a port."""
    speak_through(monkeypatch, command, world[1])
    return world[1]


def test_the_report_s_limits_are_those_of_the_pages(world: tuple[Parts, TestClient]) -> None:
    parts, client = world
    (told,) = client.get(ROUTE, params={"platform": "scribe"}).json()
    pages = {row.key: row for row in reads.limits(parts.store, {"scribe": parts.packs["scribe"]}, NOW, parts.slack)}
    shown = [*told["limits"], *told["budgets"]]
    assert len(shown) > 10
    for each in shown:
        headroom = pages[each["limit_id"]].headroom
        for name in ("amount", "used", "remaining", "ends_p10", "ends_p50", "ends_p90"):
            stored = getattr(headroom, name)
            if name in each:
                assert each[name] is None if stored is None else Decimal(each[name]) == stored
        assert (each["p_breach"], each["state"]) == (headroom.p_breach, headroom.state.value)


def test_every_platform_has_a_report(world: tuple[Parts, TestClient]) -> None:
    parts, client = world
    assert [each["platform"] for each in client.get(ROUTE).json()] == list(parts.packs)


def test_the_advice_finds_its_forecast_though_the_series_has_another_name(world: tuple[Parts, TestClient]) -> None:
    (told,) = world[1].get(ROUTE, params={"platform": "scribe"}).json()
    by_name = {each["advice"]: each for each in told["recommendations"]}
    assert (
        by_name["optimise_ai"]["value_ahead"] is not None
        or by_name["optimise_ai"]["why"] == "the amount of its limit is not known"
    )
    assert Decimal(by_name["add_instances"]["value_ahead"]) > 66
    assert by_name["archive"]["why"] == "too few complete days"
    heads = {each["meter"]: each for each in told["forecasts"]}
    assert heads["content"]["words"] == "No forecast: too few complete days."
    assert heads["usage:cost"]["limit"]["limit_id"] == "scribe.ai_budget"


@pytest.mark.parametrize(
    ("ending", "begins", "media"),
    [
        ("html", b"<!DOCTYPE html>", "text/html; charset=utf-8"),
        ("txt", b"Arena: capacity report\n", "text/plain; charset=utf-8"),
        ("xlsx", b"PK", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ],
)
def test_each_file_comes_over_http(world: tuple[Parts, TestClient], ending: str, begins: bytes, media: str) -> None:
    found = world[1].get(f"{ROUTE}.{ending}", params={"platform": "arena"})
    assert found.status_code == 200
    assert found.content.startswith(begins)
    assert found.headers["content-type"] == media
    assert f"capacity-arena.{ending}" in found.headers["content-disposition"]


@pytest.mark.parametrize("path", [ROUTE, f"{ROUTE}.html", f"{ROUTE}.txt", f"{ROUTE}.xlsx"])
def test_an_unknown_platform_is_refused(world: tuple[Parts, TestClient], path: str) -> None:
    answered = world[1].get(path, params={"platform": "scrib"})
    assert answered.status_code == 422
    said = answered.json()["error"]
    assert (said["what"], said["hint"]) == ("unknown platform 'scrib'", "did you mean 'scribe'?")


def test_a_part_that_cannot_be_read_is_named_and_the_rest_goes(
    world: tuple[Parts, TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, _ = world

    def broken(*_: object, **__: object) -> None:
        raise StoreError("the disk is gone", "here")

    monkeypatch.setattr(capacity_read, "usage_freshness", broken)
    monkeypatch.setattr(capacity_read, "scaling_rows", broken)
    given = read_capacity(parts.store, parts.forecasts, parts.packs["arena"], NOW)
    assert {"how fresh usage is", "the scaling triggers"} <= set(given.missing)
    assert given.rows


def test_without_any_forecast_it_says_so(world: tuple[Parts, TestClient]) -> None:
    parts, _ = world
    given = read_capacity(parts.store, None, parts.packs["scribe"], NOW)
    assert {each.no_date for each in given.series} == {NoDate.NO_DATA}
    assert given.fitted_at is None


def test_text_is_printed_and_files_are_written(served: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = command.run_capacity("scribe", False, None, False, [])
    assert code == 1, "the stand-in book calls for instances"
    assert capsys.readouterr().out.startswith("Scribe: capacity report")
    command.run_capacity("scribe", False, tmp_path / "new", False, [])
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    day = NOW.date().isoformat()
    assert names == [f"capacity-scribe-{day}.{ending}" for ending in ("html", "txt", "xlsx")]
    assert openpyxl.load_workbook(io.BytesIO((tmp_path / "new" / names[2]).read_bytes())).sheetnames[0] == "Summary"


def test_json_is_printed_whole(served: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.run_capacity("arena", True, tmp_path, False, [])
    assert [each["report"] for each in json.loads(capsys.readouterr().out)] == ["capacity"]
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"forecasts": [], "limits": [], "decisions": [], "recommendations": []}, 2),
        ({"forecasts": [{"p50": None}], "limits": [{"p_breach": None}], "decisions": [{}], "recommendations": []}, 2),
        ({"forecasts": [{"p50": "1"}], "limits": [], "decisions": [], "recommendations": [{"holds": False}]}, 0),
        ({"forecasts": [], "limits": [{"p_breach": 0.1}], "decisions": [{}], "recommendations": []}, 1),
        ({"forecasts": [{"p50": "1"}], "limits": [], "decisions": [], "recommendations": [{"holds": True}]}, 1),
    ],
)
def test_the_exit_code_says_what_is_called_for(report: dict[str, Any], code: int) -> None:
    assert command.outcome(report) == code


def test_a_folder_that_cannot_be_written_is_an_error_with_its_place(served: TestClient, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RoomleftError, match="cannot be written") as told:
        command.run_capacity("arena", False, tmp_path / "file", False, [])
    assert str(tmp_path / "file") in told.value.where


def test_addresses_without_email_are_refused() -> None:
    with pytest.raises(InputError, match="for --email"):
        command.run_capacity(None, False, None, False, ["a@example.org"])


@pytest.fixture
def desk(world: tuple[Parts, TestClient], tmp_path: Path, smtp: Mailbox) -> Iterator[tuple[Reporting, StateDb, Mailbox]]:
    clock, parts = FixedClock(NOW), world[0]
    state = StateDb.open(state_url(tmp_path), clock)
    server = {"host": smtp.host, "port": smtp.port, "security": "none", "from": "roomleft@example.org"}
    settings: Any = SimpleNamespace(demo=False, data_dir=Path("no-demo-here"), public_url="https://room.example.org")
    paced: Any = clock
    alerting = Alerting.model_validate({"smtp": server})
    reporting = Reporting(settings, paced, parts.packs, parts.store, state, lambda: alerting)
    book: Any = Book()
    reporting.forecasts = book
    yield reporting, state, smtp
    state.close()


def test_it_is_mailed_with_text_pictures_and_workbook(desk: tuple[Reporting, StateDb, Mailbox]) -> None:
    reporting, state, smtp = desk
    told = reporting.send_capacity(["a@example.org"], ["scribe"], "ada")
    assert [each["state"] for each in told["mailings"]] == ["sent"]
    assert Archive(state).has(told["reports"][0])
    (mail,) = smtp.mails
    assert str(mail["Subject"]).strip().startswith("Scribe capacity: ")
    kinds = [part.get_content_type() for part in mail.walk()]
    assert {"text/plain", "text/html", "image/png"} <= set(kinds)
    assert any(kind.endswith("spreadsheetml.sheet") for kind in kinds)
    html = mail.get_body(("html",))
    assert html is not None
    named = {str(part["Content-ID"]).strip("<>").split("@")[0] for part in mail.walk() if part["Content-ID"]}
    assert "resources-cpu_use" in named or any("cpu_use" in name for name in named)
    assert "base64" not in html.get_content()


def test_recipients_get_the_platforms_that_they_get(
    desk: tuple[Reporting, StateDb, Mailbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity_made, "capacity_pictures", lambda _: ([], []))
    reporting, state, _ = desk
    people = Recipients(state)
    people.add("all@example.org", who="ada")
    people.add("arena@example.org", who="ada", platforms=["arena"])
    told = reporting.send_capacity(None, ["arena", "scribe"], "ada")
    assert sorted((each["address"], each["report_key"].rpartition("/")[2]) for each in told["mailings"]) == [
        ("all@example.org", "arena"), ("all@example.org", "scribe"), ("arena@example.org", "arena"),
    ]  # fmt: skip
