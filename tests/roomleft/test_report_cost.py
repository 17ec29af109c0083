"""`report cost` and its route: whose cost is told, how it is written, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from openpyxl import load_workbook
from starlette.testclient import TestClient

from dashboards.api.economics import make_economics_api
from dashboards.api.program import install_errors
from dashboards.parts import Parts
from dashboards.readiness import Readiness
from roomleft.cli import report as command
from roomleft.clock import FixedClock
from roomleft.errors import InputError, RoomleftError
from tests.analytics.economics_world import DAY, NOW, TODAY, call, daily, make_pack, paid, world
from tests.dashboards.conftest import Driven, texts
from tests.fixtures.state import state_url
from tests.roomleft.running import speak_through
from tests.roomleft.seen_html import Seen
from warehouse.state import StateDb
from warehouse.state.pseudonyms import Pseudonyms

PERSON = "ann@example.com"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Parts, TestClient, str]]:
    """A server's routes over sixty days of two users, one of whom is a person with a pseudonym."""
    folder, clock = tmp_path_factory.mktemp("report"), FixedClock(NOW)
    state = StateDb.open(state_url(folder), clock)
    ann = Pseudonyms(state).of([PERSON])[PERSON]
    events = [
        *daily(TODAY - 61 * DAY, TODAY, "2", user_id=ann, urgency="normal"),
        *daily(TODAY - 61 * DAY, TODAY, "0.10", user_id="u_bob", tier="free", request_type="<b>&summary"),
        {**call(NOW - timedelta(hours=3), "0", 5, user_id="u_bob", tier="free"), "cost_state": "unpriced"},
    ]
    pack = make_pack(folder)
    with world(events, [*paid(TODAY - 61 * DAY, TODAY, "5"), *paid(TODAY - 61 * DAY, TODAY, "0", "free")]) as store:
        settings: Any = SimpleNamespace(demo=False)
        nothing: Any = None
        parts = Parts(
            settings=settings, clock=clock, packs={pack.slug: pack}, store=store, writer=nothing, state=state, jobs=list, readiness=Readiness({})
        )  # fmt: skip
        server = FastAPI()
        install_errors(server)
        server.include_router(make_economics_api(parts))
        yield parts, TestClient(server), ann
    state.close()


@pytest.fixture
def run(served: tuple[Parts, TestClient, str], monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The command's client speaks to those routes instead of to a port."""
    client = served[1]
    speak_through(monkeypatch, command, client)
    return client


def test_a_person_and_their_pseudonym_give_the_same_report(served: tuple[Parts, TestClient, str]) -> None:
    _, client, ann = served
    by_name, by_pseudonym = (client.get("/api/v1/reports/cost", params={"user": user}).json() for user in (PERSON, ann))
    assert by_name == by_pseudonym
    assert [report["user"] for report in by_name] == [ann]
    assert PERSON not in json.dumps(by_name)
    assert by_name[0]["total"]["cost_usd"] == "59.000000000"


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({"user": "nobody@example.com"}, "no call of this user is known"),
        ({"platform": "atelie"}, "did you mean 'atelier'"),
        ({"period": "2h"}, "a cost report cannot be of '2h'"),
        ({"period": "9000d"}, "cannot be of"),
        ({"period": "soon"}, "not a length of time"),
    ],
)
def test_what_cannot_be_told_is_refused(served: tuple[Parts, TestClient, str], asked: dict[str, str], what: str) -> None:
    answer = served[1].get("/api/v1/reports/cost", params=asked)
    assert answer.status_code == 422
    assert what in str(answer.json()["error"])


def test_asking_for_a_stranger_makes_no_pseudonym(served: tuple[Parts, TestClient, str]) -> None:
    parts, client, _ = served
    client.get("/api/v1/reports/cost", params={"user": "stranger@example.com"})
    assert Pseudonyms(parts.state).of_known("stranger@example.com") is None


@pytest.mark.parametrize(
    ("asked", "what"), [({"period": "week"}, "no period"), ({"by": "day"}, "no step"), ({"platform": "x"}, "unknown platform")]
)
def test_economics_refuses_what_it_does_not_know(served: tuple[Parts, TestClient, str], asked: dict[str, str], what: str) -> None:
    answer = served[1].get("/api/v1/economics", params=asked)
    assert (answer.status_code, what in answer.json()["error"]["what"]) == (422, True)


@pytest.mark.usefixtures("run")
def test_the_text_is_printed_and_an_unpriced_part_shows_in_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run_cost(None, None, None, False, None) == 1
    said = capsys.readouterr().out
    assert "Atelier: cost of all users" in said
    assert "At least: 1 calls with 1,000 tokens have no price" in said
    assert "Users who cost most" in said
    assert command.run_cost("atelier", PERSON, "7d", False, None) == 0
    said = capsys.readouterr().out
    assert "$13.00 in 7 days" in said
    assert PERSON not in said


@pytest.mark.usefixtures("run")
def test_the_files_need_nothing_else_and_do_not_name_the_person(
    served: tuple[Parts, TestClient, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.run_cost(None, PERSON, None, False, tmp_path / "made")
    command.run_cost("atelier", None, None, False, tmp_path / "made")
    files = sorted(path.name for path in (tmp_path / "made").iterdir())
    ann = served[2]
    assert files == sorted(
        f"cost-{whose}-2026-11-21.{end}" for whose in (f"all-{ann}", "atelier") for end in ("html", "txt", "xlsx")
    )
    for path in (tmp_path / "made").iterdir():
        if path.suffix == ".xlsx":
            continue
        page = path.read_text(encoding="utf-8")
        assert PERSON not in page
        if path.suffix == ".html":
            seen = Seen()
            seen.feed(page)
            assert (seen.open, seen.loads) == ([], [])
            assert "<b>&summary" not in page
            assert "prefers-color-scheme:dark" in page
    assert "&lt;b&gt;&amp;summary" in (tmp_path / "made" / "cost-atelier-2026-11-21.html").read_text(encoding="utf-8")
    assert str(tmp_path / "made") in capsys.readouterr().out.replace("\n", "")


@pytest.mark.usefixtures("run")
def test_the_workbooks_feet_are_formulas_that_come_to_the_total(tmp_path: Path) -> None:
    command.run_cost("atelier", None, None, False, tmp_path)
    path = next(tmp_path.glob("*.xlsx"))
    formulas, values = (load_workbook(path, data_only=only).worksheets[0] for only in (False, True))
    feet = [row for row in formulas.iter_rows() if row[0].value == "Total" and str(row[1].value).startswith("=SUM")]
    assert len(feet) == 3
    for foot in feet:
        for cell in foot[1:6]:
            edges = [int(number) for number in re.findall(r"\d+", cell.value)]
            first, last = edges[0], edges[-1]
            above = [Decimal(str(values.cell(line, cell.column).value)) for line in range(first, last + 1)]
            assert sum(above) == Decimal(str(values.cell(cell.row, cell.column).value))
            assert last == cell.row - 1
        assert values.cell(foot[0].row, 2).value == 61.95
    names = [str(row[0].value) for row in formulas.iter_rows()]
    assert "<b>&summary" in names
    assert not any(PERSON in name for name in names)


@pytest.mark.usefixtures("run")
def test_json_is_printed_whole_and_writes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command.run_cost("atelier", None, None, True, None)
    (report,) = json.loads(capsys.readouterr().out)
    assert report["total"]["cost_usd"] == "61.950000000"
    assert {
        "by_service",
        "by_request_type",
        "by_peak",
        "projection",
        "trend",
        "efficiency",
        "advice",
        "top_users",
    } <= report.keys()
    assert list(tmp_path.iterdir()) == []


def test_without_a_server_the_command_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    settings: Any = SimpleNamespace(data_dir="var")
    monkeypatch.setattr(command, "located", lambda: (settings, None))
    with pytest.raises(InputError, match="made by a running server"):
        command.run_cost(None, None, None, True, None)


@pytest.mark.usefixtures("run")
def test_a_folder_that_cannot_be_written_is_an_error_with_its_place(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RoomleftError, match="cannot be written"):
        command.run_cost("atelier", None, None, False, blocked)


def test_the_page_and_the_route_tell_the_same(served: tuple[Parts, TestClient, str]) -> None:
    parts, client, _ = served
    (told,) = client.get("/api/v1/economics").json()
    driven = Driven(parts)
    page = texts(driven.call("economics-body.children", "/cost/economics"))
    assert told["sentence"] in page
    assert f"{told['active_users']} active users" in page
    assert "By tier" in page
    assert "too few to tell kinds of users apart" in page
    assert told["personas"]["found"] == []
    assert told["whole"]
    assert told["trend"][-1]["whole"] is False


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("?platform=nobody", "Unknown platform 'nobody': platforms here: "),
        ("?period=month", "partial: 20 of 30 days"),
        ("?period=90d", "partial: 61 of 90 days"),
        ("?by=month", "There is no trend yet|Cost of an active user a month"),
        ("?period=nonsense&by=nonsense", "22 Oct–20 Nov 2026"),
    ],
)
def test_the_page_of_every_choice(served: tuple[Parts, TestClient, str], search: str, words: str) -> None:
    page = texts(Driven(served[0]).call("economics-body.children", "/cost/economics", search))
    assert any(word in page for word in words.split("|"))
