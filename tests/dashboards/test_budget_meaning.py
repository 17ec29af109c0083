"""What a decision means is said before it is kept: an amount for each of something or a sum, values no usage has had, calls a contract comes too late for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboards.budget_contracts import stored_before
from tests.dashboards.conftest import texts
from tests.dashboards.test_budgets import LIMITS, METERS, World
from warehouse.state.terms import Term

EACH = METERS + "\n  calls: {kind: count, of: requests, unit: requests}"
PER = (
    LIMITS
    + "  - {id: per, kind: budget, title: AI per call, amount: 2, amount_per: calls, window: month, unit: usd, meter: it, owner: o}\n"
)
URL = "/api/v1/budgets/shop.per"
NOTED = datetime(2026, 11, 21, 13, 33, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("shop"), EACH, PER)
    yield made
    made.parts.store.close()
    made.state.close()


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    yield shared
    listed = shared.http.get("/api/v1/budgets").json()
    for row in listed["budgets"]:
        for term in row["decisions"]:
            if term["withdrawn_at"] is None:
                shared.http.delete(f"/api/v1/decisions/{term['id']}")
    for term in listed["contracts"]:
        shared.http.delete(f"/api/v1/decisions/{term['id']}")
    shared.clock.advance(timedelta(minutes=1))
    shared.measure()


def test_an_amount_for_each_of_something_is_not_taken_for_a_sum(world: World) -> None:
    refused = world.http.put(URL, json={"amount": "6000"})
    assert refused.status_code == 422
    error = refused.json()["error"]
    assert error["what"] == "the amount is for each call, so 6000 could mean two things"
    assert '"per": "calls" ($6,000 × 20 calls = $120,000)' in error["hint"]
    assert '"amount_per": null' in error["hint"]
    row = world.budget("shop.per")
    assert (row["own_amount"], row["amount_per"], row["amount_unit"]) == ("2", "calls", "usd for each of calls")


@pytest.mark.parametrize(
    ("sent", "means", "amount"),
    [
        ({"per": "calls"}, "$6,000 × 20 calls = $120,000", "120000.000000000"),
        ({"amount_per": "calls"}, "$6,000 × 20 calls = $120,000", "120000.000000000"),
        ({"amount_per": None}, "$6,000", "6000.000000000"),
    ],
)
def test_either_meaning_is_kept_and_told(world: World, sent: dict[str, Any], means: str, amount: str) -> None:
    made = world.http.put(URL, json={"amount": "6000", **sent})
    assert made.status_code == 200, made.text
    assert made.json()["amount_means"] == means
    world.clock.advance(timedelta(minutes=1))
    world.measure()
    assert world.budget("shop.per")["amount"] == amount


def test_a_fixed_sum_stays_one_and_can_become_an_amount_for_each_again(world: World) -> None:
    world.http.put(URL, json={"amount": "6000", "amount_per": None})
    assert world.http.put(URL, json={"amount": "7000"}).json()["amount_means"] == "$7,000"
    assert world.packs["shop"].limit("per").amount_per is None
    assert world.http.put(URL, json={"owner": "finance"}).status_code == 200
    assert (world.packs["shop"].limit("per").amount_per, world.packs["shop"].limit("per").amount) == (None, 7000)
    panel = texts(world.pages.call("budgets-panel.children", "/budgets", "?budget=shop.per"))
    assert "amount $7,000.00; as a fixed sum of the period" in panel
    # What was for each of something is no sum of the months before.
    assert "$2.00" not in panel
    assert world.http.put(URL, json={"amount": "3", "per": "calls"}).json()["amount_means"] == "$3 × 20 calls = $60"
    assert world.packs["shop"].limit("per").amount_per == "calls"


def test_a_budget_of_ones_own_for_each_of_something_is_asked_about_too(world: World) -> None:
    body = {
        "platform": "shop",
        "limit": {
            "kind": "budget",
            "title": "Own per call",
            "unit": "usd",
            "amount": "5",
            "amount_per": "calls",
            "window": "month",
        },
        "meter": {"kind": "cost", "unit": "usd"},
    }
    assert world.http.post("/api/v1/budgets", json=body).status_code == 200
    own = "/api/v1/budgets/shop.own_per_call"
    assert "could mean two things" in world.http.put(own, json={"amount": "6"}).json()["error"]["what"]
    assert world.http.put(own, json={"amount": "6", "per": "calls"}).json()["amount_means"] == "$6 × 20 calls = $120"
    assert world.http.put(own, json={"amount": "6", "amount_per": None}).json()["amount_means"] == "$6"
    assert world.packs["shop"].limit("own_per_call").amount_per is None


@pytest.mark.parametrize(
    ("limit_id", "sent", "words"),
    [
        ("shop.per", {"amount": "3", "per": "users"}, "its amount is for each of calls"),
        ("shop.per", {"amount_per": None}, "changes only with the amount"),
        ("shop.it", {"amount": "3", "per": "calls"}, "its amount is a sum, not for each of calls"),
        ("shop.per", {"amount": "many"}, "could mean two things"),
    ],
)
def test_what_an_amount_cannot_be_for(world: World, limit_id: str, sent: dict[str, Any], words: str) -> None:
    answer = world.http.put(f"/api/v1/budgets/{limit_id}", json=sent)
    assert answer.status_code == 422
    assert words in answer.json()["error"]["what"]


def test_the_row_says_what_the_amount_is_made_of(world: World) -> None:
    words = texts(world.pages.call("budgets-list.children", "/budgets"))
    assert "$2.00 × 20 calls = $40" in words


def test_values_no_usage_has_had_are_asked_back_about(world: World) -> None:
    body: dict[str, Any] = {
        "platform": "shop",
        "limit": {"kind": "budget", "title": "Typed", "unit": "usd", "amount": "5", "window": "week"},
        "meter": {"kind": "cost", "unit": "usd", "where": {"team": "red, readd", "feature": "no_such_feature"}},
    }
    asked = world.http.post("/api/v1/budgets", json=body)
    assert asked.status_code == 422
    error = asked.json()["error"]
    assert error["what"] == "no usage of shop has had: feature no_such_feature; team readd"
    assert "even_if_unseen" in error["hint"]
    assert "shop.typed" not in world.limit_ids()
    body["meter"]["where"] = {"team": "red"}
    assert world.http.post("/api/v1/budgets", json=body).status_code == 200
    body["meter"]["where"] = {"team": "blue"}
    body["limit"]["title"] = "To come"
    assert world.http.post("/api/v1/budgets", json={**body, "even_if_unseen": True}).status_code == 200


def test_a_contract_of_today_says_what_it_does_not_change(world: World) -> None:
    made = world.http.post("/api/v1/contracts", json={"provider": "p", "percent_off": "15", "from": "2026-11-20"}).json()
    command = "bin/roomleft reprice --since 2026-11-20 --until 2026-11-21 --provider p --apply"
    assert made["reprice"] == command
    assert made["note"].startswith("Calls of today already stored before 12:")
    assert "keep the list price" in made["note"]
    assert command in texts(world.pages.call("budgets-list.children", "/budgets"))
    later = world.http.post("/api/v1/contracts", json={"provider": "p", "percent_off": "20", "from": "2026-12-01"}).json()
    assert "reprice" not in later


@pytest.mark.parametrize(
    ("since", "until", "command"),
    [
        (datetime(2026, 11, 1, tzinfo=UTC), None, "--since 2026-11-01 --until 2026-11-22 --platform shop --provider p --model 'm x' --apply"),
        (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "--since 2026-10-01 --until 2026-11-01 --platform shop --provider p --model 'm x' --apply"),
        (NOTED, None, None),
        (NOTED + timedelta(days=1), None, None),
    ],
)  # fmt: skip
def test_the_command_covers_the_days_already_priced(since: datetime, until: datetime | None, command: str | None) -> None:
    content = {"provider": "p", "model": "m x", "percent_off": "15"}
    term = Term(1, "contract", "p", "shop", since, until, content, "", "me", NOTED, None, None)
    said = stored_before(term, NOTED + timedelta(hours=1))
    assert (said.command.partition("reprice ")[2] if said else None) == command
