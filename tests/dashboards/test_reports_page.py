"""The Reports page driven without a browser: who gets the next, what was made and what is missing in it, a report in its frame, files made now."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from plotly.utils import PlotlyJSONEncoder

from dashboards import report_words
from dashboards.archive_rows import POLICY, Post, shown_safely
from dashboards.door.asking import asked_by
from dashboards.filters import parse
from dashboards.pages import reports
from roomleft.errors import Refused
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.forecast_world import World, forecast_world, report
from tests.dashboards.sample_rows import NOW
from tests.fixtures.asked import somebody
from warehouse.state import Role

REPORTS = "/reports"
THIN = "\u202f"
WALL = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = forecast_world(Path(tmp_path_factory.mktemp("reports")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def shown(world: World) -> Driven:
    return Driven(world.parts)


def plain(component: Any) -> str:
    """Its words with ordinary spaces."""
    return texts(component).replace(THIN, " ").replace("\u00a0", " ")


def test_reports_say_who_gets_the_next_and_when_in_their_own_zone(shown: Driven) -> None:
    assert "2 recipients get the weekly report, the next on Mon 23 Nov 08:00 UTC+1 Berlin." in plain(
        shown.call("reports-top.children", REPORTS)
    )
    body = plain(shown.call("reports-recipients.children", REPORTS))
    for part in (
        "finance@example.org",
        "Mondays 08:00, Europe/Berlin",
        "Fridays 17:00, America/New_York",
        "arena",
        "nothing sent yet",
    ):
        assert part in body, part


@pytest.mark.parametrize("role", [Role.VIEWER, Role.FINANCE])
def test_recipients_addresses_are_for_administrators(shown: Driven, role: Role) -> None:
    with asked_by(somebody(role)):
        drawn = json.dumps(
            [shown.call(f"{each}.children", REPORTS) for each in ("reports-top", "reports-recipients", "reports-archive")],
            ensure_ascii=False,
        )
    assert "f…@example.org" in drawn
    assert "finance@example.org" not in drawn


def test_the_archive_lists_the_newest_first_with_what_is_missing(shown: Driven) -> None:
    block = shown.call("reports-archive.children", REPORTS)
    assert [texts(each) for each in found(block, className="row-link")] == [
        "2 decisions: Arena, worlds by 22 Nov, +$99/month",
        "Nothing needs you",
    ]
    words = plain(block)
    assert "the workbook (ValueError)" in words
    assert "1 waiting" in words


def test_a_report_is_shown_in_a_frame_in_which_nothing_runs(shown: Driven) -> None:
    key = "weekly%2F2026-11-16T08%2FEurope%2FBerlin"
    opened = shown.call("reports-open.children", REPORTS, f"?report={key}")
    (frame,) = found(opened, className="mail-frame")
    assert frame["props"]["sandbox"] == ""
    assert POLICY in frame["props"]["srcDoc"]
    assert "data:image/png;base64," in frame["props"]["srcDoc"]
    text = shown.call("reports-open.children", REPORTS, f"?report={key}&as=text")
    assert found(text, className="mail-frame") == []
    assert "Order 1 deployment by 22 Nov." in texts(text)
    assert "There is no report nothing." in texts(shown.call("reports-open.children", REPORTS, "?report=nothing"))


def test_a_preview_is_of_the_chosen_platform_and_zone_and_is_kept_nowhere(shown: Driven, world: World) -> None:
    words = texts(shown.call("reports-open.children", REPORTS, "?preview=weekly&platform=arena&tz=Europe%2FBerlin"))
    assert "Preview of arena in Europe/Berlin" in words
    assert "kept nowhere" in words
    assert "Preview of" not in texts(shown.call("reports-archive.children", REPORTS))


@pytest.mark.parametrize(
    "html", ["<p>bare</p>", "<!DOCTYPE html><html><HEAD lang='x'><title>t</title></HEAD><body></body></html>"]
)
def test_the_policy_stands_before_anything_that_a_report_says(html: str) -> None:
    safe = shown_safely(dataclasses.replace(report("k", NOW, "s"), html=html))
    assert safe.index(POLICY) < (safe.index("<title>") if "<title>" in safe else safe.index("<p>"))


def test_no_mail_and_nobody_to_get_it_say_what_to_do(tmp_path: Path) -> None:
    own = forecast_world(tmp_path, posted=False, why="no mail server is set")
    driven = Driven(own.parts)
    top = plain(driven.call("reports-top.children", REPORTS))
    assert "Nobody gets the weekly report yet." in top
    assert "No mail can be sent: no mail server is set." in top
    assert "Add an address" in plain(driven.call("reports-recipients.children", REPORTS))
    assert "No report has been made yet" in plain(driven.call("reports-archive.children", REPORTS))
    own.close()


def drawn(block: Any) -> str:
    """A block's words as a browser would get them."""
    return plain(json.loads(json.dumps(block, cls=PlotlyJSONEncoder)))


def person(address: str, last: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    terms = {
        "id": 1,
        "zone": "UTC",
        "weekday": "mon",
        "hour": 8,
        "platforms": [],
        "made_by": "ada",
        "made_at": WALL,
        "next_at": WALL,
    }
    return {"address": address, "last": last, **terms, **more}


@pytest.mark.parametrize(
    ("last", "top", "row"),
    [
        (None, "", "nothing sent yet"),
        ({"state": "refused", "status": "550", "answer": "5.1.1 no such user"}, "The last copy to a@example.org was refused.", "refused: 550 5.1.1 no such user"),
        ({"state": "waiting", "answer": "timed out", "next_at": WALL + timedelta(minutes=20)}, "", "waiting, next attempt today 12:20: timed out"),
    ],
)  # fmt: skip
def test_what_became_of_the_newest_copy_is_said_however_old_and_when_it_is_tried_again(
    last: dict[str, Any] | None, top: str, row: str
) -> None:
    given = None if last is None else {"status": "", "done_at": None, "next_at": None, **last}
    post = Post([], [person("a@example.org", given)], "")
    assert report_words.undelivered_words(post) == top
    assert top in drawn(reports.top(post, parse(REPORTS, ""), {}, WALL))
    assert row in drawn(reports.recipients_block(post, {}, parse(REPORTS, ""), WALL))


def test_one_who_ended_is_still_listed_as_such() -> None:
    post = Post([], [], "", [person("a@example.org", ended_at=WALL - timedelta(days=3), ended_by="a@example.org by mail")])
    assert "a@example.org  was ended on 18 Nov 12:00 by a@example.org by mail." in drawn(
        reports.recipients_block(post, {}, parse(REPORTS, ""), WALL)
    )


def test_a_report_that_cannot_be_made_leaves_the_rest_of_the_page(tmp_path: Path) -> None:
    own = forecast_world(tmp_path, why="broken")
    driven = Driven(own.parts)
    assert "Nothing can be made." in texts(driven.call("reports-open.children", REPORTS, "?preview=weekly"))
    assert "finance@example.org" in texts(driven.call("reports-recipients.children", REPORTS))
    own.close()


def test_every_platform_has_its_reports_as_files(shown: Driven) -> None:
    block = shown.call("reports-files.children", REPORTS, "?platform=arena")
    (capacity,), (cost,) = (found(block, download=f"{name}-arena.xlsx") for name in ("capacity", "cost"))
    assert capacity["props"]["href"] == "/api/v1/reports/capacity.xlsx?platform=arena"
    assert cost["props"]["href"] == "/export/reports/cost.xlsx?platform=arena"
    assert found(block, download="cost-scribe.xlsx") == []


@pytest.mark.parametrize("name", ["cost.pdf", "health.html", "cost"])
def test_a_file_that_there_is_not_is_refused_by_name(shown: Driven, name: str) -> None:
    with pytest.raises(Refused, match="there is no report"):
        shown.client.get(f"/export/reports/{name}")
