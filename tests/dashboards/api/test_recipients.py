"""Recipients and the archive over HTTP: what is taken, refused and shown; and the link by which a recipient ends it."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from dashboards.addresses import hidden
from dashboards.api.program import install_errors
from dashboards.api.recipients import make_recipient_api
from dashboards.api.report_archive import make_report_archive_api
from dashboards.door.asking import asked_by
from dashboards.parts import Parts
from dashboards.reports.weekly_made import weekly_report
from roomleft.clock import FixedClock
from tests.dashboards.reports.weekly_sample import NOW, week
from tests.dashboards.sample_rows import sample_packs
from tests.fixtures.asked import somebody
from tests.fixtures.state import state_url
from warehouse.state import Audit, Role, StateDb
from warehouse.state.archive import Archive, Report
from warehouse.state.mailings import Mailings
from warehouse.state.recipients import Recipient, Recipients
from warehouse.state.unsubscribing import Unsubscribing

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

KEY = "weekly/2026-11-16T08/Europe/Berlin"


class Post:
    """A mailer that remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def unready(self) -> str:
        return "alerting.yaml has no smtp section"

    def due_next(self, recipient: Recipient) -> datetime:
        return NOW + timedelta(days=3)

    def preview(self, platforms: Sequence[str], zone: str) -> Report:
        self.asked.append((tuple(platforms), zone))
        return weekly_report(week(), "preview")

    def send(self, to: Sequence[str] | None, platforms: Sequence[str], zone: str, who: str) -> Mapping[str, Any]:
        self.asked.append((to, tuple(platforms), zone))
        return {"reports": [], "mailings": []}

    def send_capacity(self, to: Sequence[str] | None, platforms: Sequence[str], who: str) -> Mapping[str, Any]:
        self.asked.append((to, tuple(platforms), "capacity"))
        return {"reports": [], "mailings": []}


@dataclasses.dataclass
class Served:
    client: TestClient
    state: StateDb
    post: Post


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    state = StateDb.open(state_url(tmp_path), FixedClock(NOW))
    post = Post()
    parts: Any = SimpleNamespace(state=state, packs=sample_packs(), mailer=post, clock=FixedClock(NOW))
    assert {"state", "packs", "mailer", "clock"} <= {each.name for each in dataclasses.fields(Parts)}
    app = FastAPI()
    install_errors(app)
    app.include_router(make_recipient_api(parts))
    app.include_router(make_report_archive_api(parts))
    yield Served(TestClient(app, raise_server_exceptions=False), state, post)
    state.close()


def test_recipients_are_added_listed_and_ended(served: Served) -> None:
    given = {
        "address": " finance@example.org ",
        "zone": "Asia/Kathmandu",
        "weekday": "Tuesday",
        "hour": 7,
        "platforms": ["arena", "arena"],
    }
    made = served.client.post("/api/v1/recipients", json=given).json()
    assert {name: made[name] for name in ("address", "zone", "weekday", "hour", "platforms")} == {
        "address": "finance@example.org", "zone": "Asia/Kathmandu", "weekday": "tue", "hour": 7, "platforms": ["arena"],
    }  # fmt: skip
    listed = served.client.get("/api/v1/recipients").json()
    assert [each["id"] for each in listed["recipients"]] == [made["id"]]
    assert listed["mail"] == {"ready": False, "words": "alerting.yaml has no smtp section"}
    assert served.client.delete("/api/v1/recipients/finance@example.org").json()["id"] == made["id"]
    after = served.client.get("/api/v1/recipients").json()
    assert after["recipients"] == []
    assert [(each["address"], each["ended_by"] != "", each["ended_at"] is not None) for each in after["ended"]] == [
        ("finance@example.org", True, True)
    ]
    assert served.client.delete(f"/api/v1/recipients/{made['id']}").status_code == 422
    assert [entry.what for entry in Audit(served.state).recent()] == ["end recipient", "add recipient"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "not an e-mail address"),
        ({"address": "a@example.org\r\nBcc: eve@example.org"}, "not an e-mail address"),
        ({"address": "Ada <a@example.org>"}, "not an e-mail address"),
        ({"address": "a@example.org, b@example.org"}, "not an e-mail address"),
        ({"address": "a@localhost"}, "not an e-mail address"),
        ({"address": f"{'x' * 65}@example.org"}, "not an e-mail address"),
        ({"address": ".a@example.org"}, "not an e-mail address"),
        ({"address": "ünï@example.org"}, "not an e-mail address"),
        ({"address": 7}, "not an e-mail address"),
        ({"address": "a@example.org", "zone": "Mars/Olympus"}, "not a time zone"),
        ({"address": "a@example.org", "zone": 3}, "not a time zone"),
        ({"address": "a@example.org", "weekday": "someday"}, "not a day of the week"),
        ({"address": "a@example.org", "hour": 24}, "not an hour"),
        ({"address": "a@example.org", "hour": True}, "not an hour"),
        ({"address": "a@example.org", "hour": 7.5}, "not an hour"),
        ({"address": "a@example.org", "platforms": ["nosuch"]}, "unknown platform"),
        ({"address": "a@example.org", "platforms": "arena"}, "list of names"),
        ({"address": "a@example.org", "cc": "b"}, "unknown field"),
    ],
)
def test_what_is_wrong_is_refused_with_the_reason(served: Served, body: dict[str, Any], word: str) -> None:
    answer = served.client.post("/api/v1/recipients", json=body)
    assert answer.status_code == 422
    assert word in answer.json()["error"]["what"]
    assert answer.json()["error"]["hint"]
    assert Recipients(served.state).live() == []


@pytest.mark.parametrize(
    ("role", "address"), [(Role.ADMIN, "finance@example.org"), (Role.FINANCE, "f…@example.org"), (Role.VIEWER, "f…@example.org")]
)
def test_addresses_of_a_reports_copies_are_for_administrators(served: Served, role: Role, address: str) -> None:
    Archive(served.state).keep(weekly_report(week(), KEY))
    Mailings(served.state).put(KEY, "finance@example.org", NOW, NOW)
    with asked_by(somebody(role)):
        (row,) = served.client.get("/api/v1/reports").json()
        whole = served.client.get(f"/api/v1/reports/{KEY}").json()
    assert [each["mailings"][0]["address"] for each in (row, whole)] == [address] * 2


ADDRESSES = {
    "one": ("ada@example.org", "a…@example.org"),
    "in an answer": (
        "550 <ada.l@x.example>: unknown; bo@x.example: 450 later",
        "550 <a…@x.example>: unknown; b…@x.example: 450 later",
    ),
    "in a document": ({"to": ["ada@x.example", 7], "at": None}, {"to": ["a…@x.example", 7], "at": None}),
    "none": ("12 @ 14:00, a @b", "12 @ 14:00, a @b"),
    "hidden already": ("a…@example.org", "a…@example.org"),
}


@pytest.mark.parametrize(("told", "kept"), ADDRESSES.values(), ids=ADDRESSES)
def test_what_is_left_of_an_address(told: Any, kept: Any) -> None:
    assert hidden(told) == kept


def test_the_archive_gives_what_was_made(served: Served) -> None:
    report = weekly_report(week(), KEY)
    assert Archive(served.state).keep(report)
    assert not Archive(served.state).keep(dataclasses.replace(report, subject="another"))
    Mailings(served.state).put(KEY, "a@example.org", NOW, NOW)
    (row,) = served.client.get("/api/v1/reports").json()
    assert (row["report_key"], row["subject"], row["mailings"][0]["state"]) == (KEY, report.subject, "waiting")
    assert [each["name"] for each in row["files"]] == [
        "budgets.png",
        "capacity.png",
        "movers.png",
        "roomleft-weekly-2026-11-20.xlsx",
    ]
    whole = served.client.get(f"/api/v1/reports/{KEY}").json()
    assert whole["text"] == report.text
    assert whole["content"]["decisions"][0]["limit_id"] == "creator.availability"
    assert whole["html"].count("data:image/png") == 3
    picture = served.client.get(f"/api/v1/reports/{KEY}/files/budgets.png")
    assert (picture.headers["content-type"], picture.headers["content-disposition"]) == (
        "image/png",
        'inline; filename="budgets.png"',
    )
    book = served.client.get(f"/api/v1/reports/{KEY}/files/roomleft-weekly-2026-11-20.xlsx")
    assert book.headers["content-disposition"].startswith("attachment")
    assert book.content == report.files[-1].content


@pytest.mark.parametrize(
    "path", ["weekly/none", f"{KEY}/files/none.png", "/files/signing-key", "%2Ffiles%2Fsigning-key", "x/files/../signing-key"]
)
def test_what_is_not_there_is_not_found(served: Served, path: str) -> None:
    Unsubscribing(served.state).word(1)
    answer = served.client.get(f"/api/v1/reports/{path}")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "asked"),
    [
        ("preview", {"zone": "Europe/Berlin", "platforms": ["arena"]}, [(("arena",), "Europe/Berlin")]),
        ("preview", {}, [((), "UTC")]),
        ("send", {}, [(None, (), "UTC")]),
        ("send", {"to": ["a@example.org"], "platforms": ["coach"]}, [(["a@example.org"], ("coach",), "UTC")]),
        ("send", {"report": "capacity", "platforms": ["arena"]}, [(None, ("arena",), "capacity")]),
        ("preview", {"report": "capacity"}, []),
        ("send", {"to": "a@example.org"}, []),
        ("send", {"to": ["a@example.org"] * 51}, []),
        ("send", {"report": "daily"}, []),
        ("preview", {"zone": 5}, []),
        ("preview", {"platforms": ["nosuch"]}, []),
        ("preview", {"to": ["a@example.org"]}, []),
    ],
)
def test_previews_and_sending_by_hand(served: Served, path: str, body: dict[str, Any], asked: list[Any]) -> None:
    answer = served.client.post(f"/api/v1/reports/{path}", json=body)
    assert answer.status_code == (200 if asked else 422)
    assert served.post.asked == asked
    if asked and path == "preview":
        assert answer.json()["subject"] == week()["subject"]
        assert served.client.get("/api/v1/reports").json() == []


def test_a_recipient_ends_it_by_their_own_link_and_only_by_posting(served: Served) -> None:
    mine = Recipients(served.state).add("a@example.org", who="ada")
    other = Recipients(served.state).add("b@example.org", who="ada")
    word = Unsubscribing(served.state).word(mine.id)
    asked = served.client.get("/unsubscribe", params={"of": word})
    assert asked.status_code == 200
    assert "a@example.org" in asked.text
    assert len(Recipients(served.state).live()) == 2
    forged = word.replace(str(mine.id), str(other.id), 1)
    assert served.client.post("/unsubscribe", params={"of": forged}).status_code == 404
    for _ in range(2):  # mail programs may click more than once
        done = served.client.post("/unsubscribe", params={"of": word}, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
        assert "No more weekly reports" in done.text
    recipients = Recipients(served.state)
    assert [each.address for each in recipients.live()] == ["b@example.org"]
    assert [(each.address, each.ended_by) for each in recipients.ended("weekly")] == [("a@example.org", "a@example.org by mail")]
    recipients.add("a@example.org", who="ada")
    assert recipients.ended("weekly") == [], "who gets it again has not ended"
    assert served.client.get("/unsubscribe").status_code == 404
