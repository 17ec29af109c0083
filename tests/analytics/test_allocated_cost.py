"""Allocated, shared, idle and unallocated are the whole; what a rule would change is told before it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.allocated_cost import allocation, preview, unallocated
from analytics.allocation import Rule, in_order, with_candidate
from analytics.infrastructure import Served
from analytics.ledger import Books
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from roomleft.mapping_rules import KIND, mapping_rule
from roomleft.packs import Pack
from tests.fixtures.state import state_url
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import usage_event
from warehouse.rollup import roll_up
from warehouse.state import StateDb
from warehouse.state.terms import Terms
from warehouse.store import Store

DAY = datetime(2026, 11, 10, tzinfo=UTC)
NOW = DAY + timedelta(days=1)
ZERO = Decimal(0)


def pack(slug: str, usd_per_month: str) -> Pack:
    items = [
        {"id": "web", "title": "Web", "component": "api", "usd_per_month": usd_per_month},
        {"id": "gpu", "title": "GPU", "component": "ai", "usd_per_month": "300"},
        {"id": "dns", "title": "DNS", "usd_per_month": "0.30"},
    ]
    meters = {"servers": {"kind": "infrastructure_cost", "unit": "usd"}}
    limit = {
        "id": "servers",
        "kind": "budget",
        "title": "Servers",
        "amount": 1,
        "unit": "usd",
        "meter": "servers",
        "window": "month",
        "owner": "o",
    }
    parts = [{"id": name, "title": name, "summary": name} for name in ("ai", "api")]
    return Pack.model_validate(
        {
            "slug": slug, "title": slug.title(), "summary": "A platform.", "states": {"today": {"title": "Today", "summary": "now"}},
            "components": parts, "meters": meters, "limits": [limit], "costs": {"source": "a bill", "items": items},
        }
    )  # fmt: skip


PACKS = {"shop": pack("shop", "30"), "farm": pack("farm", "77.77")}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=FixedClock(NOW)) as opened:
        given: list[dict[str, Any]] = [
            {
                "platform": "shop",
                "provider": "openai",
                "model": "gpt-4o",
                "api_key_hash": "k1",
                "team": "red",
                "cost_usd": "1.25",
            },
            {"platform": "shop", "provider": "openai", "model": "gpt-4o", "api_key_hash": "k2", "cost_usd": "2.000000001"},
            {"platform": "shop", "provider": "own", "model": "llm", "component": "ai", "cost_usd": "4"},
            {
                "platform": "shop",
                "provider": "new",
                "model": "unknown",
                "output_tokens": 9,
                "cost_state": "unpriced",
                "cost_usd": "0",
            },
            {"platform": "farm", "provider": "gemini", "model": "flash", "project": "p", "cost_usd": "8"},
        ]
        store_usage(opened, [usage_event(f"e-{n}", DAY + timedelta(hours=n), **each) for n, each in enumerate(given)])
        roll_up(opened, NOW)
        yield opened


def books(store: Store, *says: dict[str, Any], since: datetime = DAY) -> Books:
    rules = [Rule(n, f"r{n}", "", since, None, mapping_rule(each)) for n, each in enumerate(says, start=1)]
    return Books(store, PACKS, in_order(rules), [Served("shop", "gpu", "own")])


def test_what_is_allocated_shared_idle_and_unallocated(store: Store) -> None:
    found = {each.platform: each for each in allocation(books(store), "team", DAY, NOW, NOW)}
    shop = found["shop"]
    assert [(part.value, part.cost_usd) for part in shop.parts] == [("red", Decimal("1.25"))]
    assert shop.shared_usd == Decimal("1.01")  # a day's part of $30.30
    assert shop.idle_usd == 6  # a day of the GPU costs $10, of which its tokens paid for $4
    assert (shop.unallocated_usd, shop.unallocated_requests) == (Decimal("6.000000001"), 3)
    assert (shop.unpriced_requests, shop.unallocated_unpriced_requests) == (1, 1)
    assert shop.whole_usd == Decimal("14.260000001")
    assert found["farm"].idle_usd == 0


RULES: list[dict[str, Any]] = [
    {"match": {"api_key_hash": "k2"}, "assign": {"team": "blue", "component": "ai"}},
    {"match": {"component": "api"}, "share": {"team": {"red": "0.6", "blue": "0.4"}}},
    {"match": {"component": ["ai"]}, "assign": {"team": "ml", "cost_centre": "4100"}, "override": True},
    {"match": {"provider": "*"}, "share": {"cost_centre": {"a": "0.1", "b": "0.2", "c": "0.7"}}, "priority": 2},
    {"match": {"platform": "farm"}, "assign": {"environment": "production", "feature": "harvest"}},
]


@given(
    chosen=st.lists(st.sampled_from(RULES), unique_by=str, max_size=5),
    dimension=st.sampled_from(["team", "component", "cost_centre", "provider", "api_key_hash", "feature"]),
    minutes=st.lists(st.integers(-30, 97).map(lambda quarter: 15 * quarter), min_size=2, max_size=4, unique=True),
    begins=st.integers(-100, 1500),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_parts_are_the_whole_and_spans_add_up(
    store: Store, chosen: list[dict[str, Any]], dimension: str, minutes: list[int], begins: int
) -> None:
    own = books(store, *chosen, since=DAY + timedelta(minutes=begins))
    edges = [DAY + timedelta(minutes=each) for each in sorted(minutes)]
    spans = [*pairwise(edges), (edges[0], edges[-1])]
    wholes = []
    for since, until in spans:
        found = allocation(own, dimension, since, until, NOW)
        for each in found:
            assert each.allocated_usd + each.shared_usd + each.idle_usd + each.unallocated_usd == each.whole_usd
            assert allocation(own, dimension, since, until, NOW, each.platform)[0].whole_usd == each.whole_usd
        wholes.append(sum((each.whole_usd for each in found), ZERO))
    assert sum(wholes[:-1]) == wholes[-1]


def test_what_is_left_to_assign_is_listed_newest_first(store: Store) -> None:
    rows = unallocated(books(store, {"match": {"provider": "own"}, "assign": {"team": "ml"}}), "team", DAY, NOW)
    assert [(row.given["provider"], row.cost_usd, row.unpriced_requests) for row in rows] == [
        ("gemini", 8, 0), ("new", 0, 1), ("openai", Decimal("2.000000001"), 0),
    ]  # fmt: skip
    assert rows[2].given["api_key_hash"] == "k2"
    assert sum(row.cost_usd for row in rows) == sum(
        each.unallocated_usd
        for each in allocation(books(store, {"match": {"provider": "own"}, "assign": {"team": "ml"}}), "team", DAY, NOW, NOW)
    )


@pytest.fixture
def terms(tmp_path: Path) -> Iterator[Terms]:
    state = StateDb.open(state_url(tmp_path), FixedClock(NOW))
    yield Terms(state)
    state.close()


PREVIEWS = {
    "assigns one key": (
        {"match": {"api_key_hash": "k2"}, "assign": {"team": "blue"}}, {"blue": Decimal("2.000000001")}, Decimal("12"), 1, "",
    ),
    "shares it out": (
        {"match": {"api_key_hash": "k2"}, "share": {"team": {"x": "0.5", "y": "0.5"}}},
        {"x": Decimal("1.000000001"), "y": Decimal("1.000000000")}, Decimal("12"), 1, "",
    ),
    "takes it from another team": (
        {"match": {"team": "red"}, "assign": {"team": "blue"}, "override": True}, {"red": ZERO, "blue": Decimal("1.25")}, Decimal("14.000000001"), 1, "",
    ),
    "infrastructure": ({"match": {"component": "api"}, "assign": {"team": "web"}}, {"web": Decimal("3.592333333")}, Decimal("14.000000001"), 0, ""),
    "fits nothing": ({"match": {"model": "gtp-4o"}, "assign": {"team": "blue"}}, {}, Decimal("14.000000001"), 0, "it fits no usage of this time"),
    "fits only what has a value": (
        {"match": {"api_key_hash": "k1"}, "assign": {"team": "blue"}}, {}, Decimal("14.000000001"), 1, "it changes no cost",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("says", "after", "left", "matched", "warning"), PREVIEWS.values(), ids=PREVIEWS.keys())
def test_a_preview_says_what_a_rule_would_change(
    store: Store, terms: Terms, says: dict[str, Any], after: dict[str, Decimal], left: Decimal, matched: int, warning: str
) -> None:
    candidate = Rule(0, "new", "", DAY, None, mapping_rule(says))
    seen = preview(books(store), with_candidate(terms, candidate), candidate, DAY, NOW, NOW)
    [moved] = seen.moved
    assert moved.after_usd == after
    assert (moved.unallocated_before_usd, moved.unallocated_after_usd) == (Decimal("14.000000001"), left)
    assert seen.matched_requests == matched
    assert (seen.warnings[0] if seen.warnings else "").startswith(warning)
    assert bool(seen.warnings) == bool(warning)
    assert terms.all(KIND) == []


def test_a_rule_that_begins_later_says_so(store: Store, terms: Terms) -> None:
    candidate = Rule(
        0, "new", "", NOW + timedelta(days=3), None, mapping_rule({"match": {"model": "flash"}, "assign": {"team": "x"}})
    )
    seen = preview(books(store), with_candidate(terms, candidate), candidate, DAY, NOW, NOW)
    assert seen.warnings == ["it begins on 2026-11-14 00:00 UTC, so nothing of this time is its own yet"]


@pytest.mark.parametrize("dimension", ["teem", "platform", "team; --"])
def test_an_unknown_dimension_is_refused(store: Store, dimension: str) -> None:
    with pytest.raises(InputError, match="not allocated by"):
        allocation(books(store), dimension, DAY, NOW, NOW)
