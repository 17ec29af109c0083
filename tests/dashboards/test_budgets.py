"""The Budgets page and its API over a real state database: decide, see it everywhere, take it back, take it away as YAML and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.api.budgets import make_budget_api
from dashboards.api.program import install_errors
from dashboards.app import build_pages
from dashboards.parts import Parts
from jobs.measure import measure
from roomleft.app.deciding import Deciding
from roomleft.clock import FixedClock
from roomleft.packs import load_pack
from roomleft.packs_shelf import PacksInUse
from tests.analytics.budget_shop import opened, shop, used
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.sample_rows import sample_parts
from tests.fixtures.state import state_url
from warehouse.state import StateDb
from warehouse.state.audit import Audit

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
METERS = "  it: {kind: cost, unit: usd}\n  each: {kind: count, of: images, unit: images}"
LIMITS = """
  - {id: it, kind: budget, title: AI spend, amount: 100, window: {period: month, zone: Europe/Berlin}, unit: usd, meter: it, owner: o}
  - {id: each, kind: quota, title: Images of a user, amount: 10, window: day, per_user: true, unit: images, meter: each, owner: o}
"""
NEW = {
    "platform": "shop",
    "limit": {"kind": "budget", "title": "Red team's week", "unit": "usd", "amount": "5", "window": {"period": "week", "zone": "UTC"}, "recipients": "red@example.com"},
    "meter": {"kind": "cost", "unit": "usd", "where": {"team": "red, Data Science", "model": ""}},
}  # fmt: skip


class World:
    """A server's parts, its API, its pages and its clock."""

    def __init__(self, folder: Path, meters: str = METERS, limits: str = LIMITS) -> None:
        self.clock = FixedClock(NOW)
        self.folder = folder
        pack = shop(folder, meters, limits)
        self.packs = PacksInUse({"shop": pack})
        self.state = StateDb.open(state_url(folder), self.clock)
        store = opened(self.clock, pack)
        calls = [
            {"at": NOW - ago * DAY - timedelta(hours=1), "images": 4, "team": "red", "user_id": f"u{ago}"} for ago in range(40)
        ]
        used(store, self.clock, calls)
        deciding = Deciding(self.packs, self.state, self.clock)
        settings: Any = SimpleNamespace(demo=False, data_dir=folder)
        self.parts: Parts = replace(
            sample_parts(filled=False), settings=settings, clock=self.clock, packs=self.packs, store=store, state=self.state,
            decided=deciding.refresh, misfits=lambda: deciding.misfits,
        )  # fmt: skip
        self.deciding = deciding
        self.measure()
        server = FastAPI()
        install_errors(server)
        server.include_router(make_budget_api(self.parts))
        build_pages(server, self.parts)
        self.http = TestClient(server)
        self.pages = Driven(self.parts)

    def measure(self) -> None:
        self.deciding.refresh()
        measure(self.parts.store, self.packs, self.clock.now())

    def budget(self, limit_id: str) -> dict[str, Any]:
        rows = self.http.get("/api/v1/budgets").json()["budgets"]
        return next(row for row in rows if row["limit_id"] == limit_id)

    def limit_ids(self) -> set[str]:
        return {row["limit_id"] for row in self.http.get("/api/v1/budgets").json()["budgets"]}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("shop"))
    yield world
    world.parts.store.close()
    world.state.close()


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    """The shared one, with whatever a test decides taken back after it."""
    yield shared
    listed = shared.http.get("/api/v1/budgets").json()
    decisions = [term["id"] for row in listed["budgets"] for term in row["decisions"] if term["withdrawn_at"] is None]
    decisions += [term["id"] for term in [*listed["coming"], *listed["contracts"]]] + [
        each["decision"] for each in listed["credits"]
    ]
    for number in set(decisions):
        assert shared.http.delete(f"/api/v1/decisions/{number}").status_code == 200
    shared.clock.advance(timedelta(minutes=1))
    shared.measure()


def test_an_edit_holds_at_once_everywhere_and_is_taken_back(world: World) -> None:
    assert world.budget("shop.it")["amount"] == "100.000000000"
    made = world.http.put(
        "/api/v1/budgets/shop.it",
        json={"amount": "60.25", "owner": "finance", "recipients": "cfo@example.com; ops@example.com", "reason": "cut"},
    )
    assert made.status_code == 200, made.text
    world.clock.advance(timedelta(minutes=1))
    world.measure()
    row = world.budget("shop.it")
    assert (row["amount"], row["own_amount"], row["owner"], row["recipients"]) == (
        "60.250000000",
        "60.25",
        "finance",
        ["cfo@example.com", "ops@example.com"],
    )
    assert row["state"] == "exhausted"
    assert world.packs["shop"].limit("it").amount == Decimal("60.25")
    told = row["decisions"][0]
    assert (told["made_by"], told["note"], told["content"]["edit"]["amount"]) == ("somebody", "cut", "60.25")
    newest = Audit(world.state).recent(1)[0]
    assert (newest.who, newest.what, newest.detail["subject"]) == ("somebody", "set limit", "it")
    assert world.http.delete(f"/api/v1/decisions/{told['id']}").status_code == 200
    assert world.packs["shop"].limit("it").amount == 100
    assert world.http.delete(f"/api/v1/decisions/{told['id']}").status_code == 422


def test_a_change_to_come_shows_and_holds_from_midnight_of_its_zone(world: World) -> None:
    world.http.put("/api/v1/budgets/shop.it", json={"owner": "finance"})
    assert world.http.put("/api/v1/budgets/shop.it", json={"amount": "500", "from": "2026-12-01"}).status_code == 200
    row = world.budget("shop.it")
    assert (row["own_amount"], row["owner"]) == ("100", "finance")
    assert [term["valid_from"] for term in row["coming"]] == ["2026-11-30T23:00:00Z"]
    words = texts(world.pages.call("budgets-list.children", "/budgets"))
    # 23:00 of UTC, which is the page's zone.
    assert "changes 30 Nov" in words.replace("\u202f", " ").replace("\xa0", " ")
    limit = world.packs["shop"].limit("it")
    before = world.clock.now()
    try:
        world.clock.advance(datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC) - before)
        world.deciding.refresh()
        assert world.packs["shop"].limit("it") == limit
        world.clock.advance(timedelta(seconds=1))
        world.deciding.refresh()
        later = world.packs["shop"].limit("it")
        # What was decided before goes on.
        assert (later.amount, later.owner) == (500, "finance")
    finally:
        world.clock.advance(before - world.clock.now())
        world.deciding.refresh()


def test_a_change_dated_back_rewrites_nothing_that_was_stored(world: World) -> None:
    stored = world.parts.store.select(
        "SELECT as_of, amount, used, state FROM headroom WHERE limit_id = 'shop.it' ORDER BY as_of"
    ).to_pylist()
    world.http.put("/api/v1/budgets/shop.it", json={"amount": "200", "rollover": True, "from": "2026-10-01"})
    world.clock.advance(timedelta(minutes=1))
    world.measure()
    after = world.parts.store.select(
        "SELECT as_of, amount, used, state FROM headroom WHERE limit_id = 'shop.it' ORDER BY as_of"
    ).to_pylist()
    assert after[: len(stored)] == stored
    row = world.budget("shop.it")
    # October is not covered from its beginning, so nothing is carried; its own amount shows in the periods that are over.
    assert (row["own_amount"], row["rolled_over"]) == ("200", "0")
    panel = texts(world.pages.call("budgets-panel.children", "/budgets", "?budget=shop.it"))
    assert "2026-10-01 to 2026-10-31" in panel
    assert "$200.00" in panel
    assert "amount $200.00; rollover yes" in panel


def test_a_budget_of_ones_own_is_measured_shown_ended_and_gone(world: World) -> None:
    made = world.http.post("/api/v1/budgets", json={**NEW, "even_if_unseen": True})
    assert made.json()["limit_id"] == "shop.red_team_s_week"
    world.measure()
    row = world.budget("shop.red_team_s_week")
    assert (row["made_in"], row["state"], row["used"], row["recipients"]) == (
        "app",
        "exhausted",
        "20.000000000",
        ["red@example.com"],
    )
    assert world.http.post("/api/v1/budgets", json=NEW).json()["error"]["what"] == "there is a limit shop.red_team_s_week already"
    raised = world.http.put("/api/v1/budgets/shop.red_team_s_week", json={"amount": "50"})
    assert raised.status_code == 200, raised.text
    assert world.packs["shop"].limit("red_team_s_week").amount == 50
    words = texts(world.pages.call("budgets-list.children", "/budgets"))
    assert "Red team's week" in words
    assert "made here" in words
    assert world.http.post("/api/v1/budgets/shop.red_team_s_week/end", json={}).status_code == 200
    assert "shop.red_team_s_week" not in world.limit_ids()
    assert (
        world.http.post("/api/v1/budgets/shop.it/end", json={}).json()["error"]["what"]
        == "a limit of the pack cannot be ended here"
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("put", "/api/v1/budgets/shop.it", {"amount": 5.5}, "an unquoted fraction would become a float"),
        ("put", "/api/v1/budgets/shop.it", {}, "nothing is to be changed"),
        ("put", "/api/v1/budgets/shop.it", {"amount": "5", "from": "soon"}, "'soon' is not a day"),
        ("put", "/api/v1/budgets/shop.it", {"amount": "5", "from": "2099-01-01"}, "more than ten years ahead"),
        ("put", "/api/v1/budgets/shop.it", {"amount": "5", "from": "2026-12-02", "until": "2026-12-01"}, "it would end before it begins"),
        ("put", "/api/v1/budgets/shop.itt", {"amount": "5"}, "there is no limit 'shop.itt'"),
        ("put", "/api/v1/budgets/nobody.it", {"amount": "5"}, "unknown platform 'nobody'"),
        ("put", "/api/v1/budgets/shop.each", {"window": {"period": "rolling", "rolling": "7d"}}, "needs a calendar window"),
        ("post", "/api/v1/budgets", {"platform": "shop", "limit": [], "meter": {}}, "'title' is missing"),
        ("post", "/api/v1/budgets", {"platform": "shop", "limit": "x"}, "limit is not a map"),
        ("post", "/api/v1/credits", {"title": "T"}, "'provider' is missing"),
        ("post", "/api/v1/contracts", {"provider": "p"}, "either percent_off or usd"),
        ("delete", "/api/v1/decisions/999", None, "there is no decision 999"),
    ],
)  # fmt: skip
def test_what_cannot_be_decided_says_why(world: World, method: str, path: str, body: Any, words: str) -> None:
    answer = world.http.request(method, path, json=body)
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["error"]["what"]


def test_the_yaml_can_be_put_into_the_pack(world: World) -> None:
    world.http.put(
        "/api/v1/budgets/shop.it", json={"amount": "60.25", "rollover": True, "tight_below": "0.25", "note": 'Finance: "agreed"'}
    )
    world.http.post("/api/v1/budgets", json={**NEW, "even_if_unseen": True})
    world.http.post("/api/v1/credits", json={"title": "Prepaid", "provider": "p", "amount_usd": "1000", "starts": "2026-11-01"})
    text = world.http.get("/api/v1/budgets.yaml").text
    documents = list(yaml.safe_load_all(text))
    assert documents[1] == {
        "credits": [
            {"id": "p_prepaid", "title": "Prepaid", "provider": "p", "amount_usd": 1000, "starts": datetime(2026, 11, 1).date()}
        ]
    }
    written = yaml.safe_load((world.folder / "shop.yaml").read_text())
    taken = {limit["id"]: limit for limit in documents[0]["limits"]}
    kept = [limit for limit in written["limits"] if limit["id"] not in taken]
    merged = {**written, "meters": {**written["meters"], **documents[0].get("meters", {})}, "limits": [*taken.values(), *kept]}
    other = world.folder / "other"
    other.mkdir(exist_ok=True)
    (other / "shop.yaml").write_text(yaml.safe_dump(merged))
    again = {limit.limit_id: limit for limit in load_pack(other / "shop.yaml").limit_list()}
    in_force = {limit.limit_id: replace(limit, earlier_amounts=()) for limit in world.packs["shop"].limit_list()}
    assert again == in_force
    assert world.http.get("/api/v1/budgets.yaml?platform=shop").text.count("credits:") == 0


def test_credits_and_contracts_are_listed_drawn_down_and_taken_back(world: World) -> None:
    world.http.post(
        "/api/v1/credits",
        json={
            "title": "Prepaid",
            "provider": "p",
            "amount_usd": "100",
            "starts": "2026-11-01",
            "expires": "2026-12-31",
            "owner": "finance",
        },
    )
    assert (
        world.http.post(
            "/api/v1/credits", json={"title": "Prepaid", "provider": "p", "amount_usd": "90", "starts": "2026-11-01"}
        ).status_code
        == 422
    )
    world.http.post("/api/v1/contracts", json={"provider": "p", "percent_off": "15", "from": "2026-12-01", "note": "yearly"})
    listed = world.http.get("/api/v1/budgets").json()
    credit = listed["credits"][0]
    assert (credit["used_usd"], credit["left_usd"], credit["lost_usd"]) == ("80.000000000", "20.000000000", "0")
    assert credit["runs_out_at"] is not None
    assert [(term["content"], term["valid_from"]) for term in listed["contracts"]] == [
        ({"note": "yearly", "percent_off": "15", "provider": "p"}, "2026-12-01T00:00:00Z")
    ]
    words = texts(world.pages.call("budgets-list.children", "/budgets"))
    for said in ("$80.00", "of $100.00", "to the end of 31 Dec 2026", "all models", "15"):
        assert said in words
    panel = texts(world.pages.call("budgets-panel.children", "/budgets", "?credit=p_prepaid"))
    assert "of several credits the one that expires first" in panel
    corrected = world.http.post(
        "/api/v1/credits",
        json={"id": "p_prepaid", "title": "Prepaid", "provider": "p", "amount_usd": "300", "starts": "2026-11-01"},
    )
    assert corrected.status_code == 200
    assert [each["left_usd"] for each in world.http.get("/api/v1/budgets").json()["credits"]] == ["220.000000000"]
    world.http.delete(f"/api/v1/decisions/{corrected.json()['decision']}")
    assert [each["left_usd"] for each in world.http.get("/api/v1/budgets").json()["credits"]] == ["20.000000000"]


def test_the_page_says_where_each_stands_and_its_file_says_the_same(world: World) -> None:
    page = world.pages.call("budgets-list.children", "/budgets")
    words = texts(page)
    for said in (
        "AI spend",
        "$80.00",
        "of $100.00",
        "a month, Europe/Berlin",
        "resets 1 Dec 00:00 CET",
        "provisional",
        "worst user",
    ):
        assert said in words
    rows = found(page, className="budget-row")
    assert len(rows) == 3
    lines = list(csv.DictReader(io.StringIO(world.http.get("/export/budgets.csv").text)))
    assert [
        (line["limit_id"], line["used"], line["amount"], line["zone"]) for line in lines if line["limit_id"] == "shop.it"
    ] == [("shop.it", "80.000000000", "100.000000000", "Europe/Berlin")]
    assert texts(world.pages.call("budgets-panel.children", "/budgets", "?budget=shop.none")).startswith(
        "There is no budget shop.none"
    )


@pytest.mark.parametrize("search", ["?kind=quota", "?state=ok", "?state=nonsense", "?platform=shop", "?tz=Asia/Tokyo"])
def test_every_address_gives_a_page(world: World, search: str) -> None:
    assert "could not be made" not in texts(world.pages.call("budgets-list.children", "/budgets", search))
