"""Local days add up to the range, and parts to the whole, to the last stored digit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from roomleft.clock import FixedClock
from roomleft.errors import InputError
from roomleft.timespan import midnight
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import NOON, usage_event
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.usage import DIMENSIONS, USER_ORDERS, top_users, usage_by, usage_by_day, usage_over_time

# Offsets of +5:45 and −3:30, a half-hour change of clocks, a change at midnight, the far ends of the date line.
ZONES = (
    "UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham",
    "Australia/Lord_Howe", "America/Asuncion", "Africa/Cairo", "Pacific/Kiritimati", "Pacific/Pago_Pago",
)  # fmt: skip
FIRST, LAST = date(2026, 9, 20), date(2026, 11, 10)


def make_events() -> list[dict[str, Any]]:
    """Six hundred calls from September into November 2026, which holds every autumn and spring change of clocks above."""
    rng = Random(7)
    start = datetime.combine(FIRST, NOON.timetz()) - timedelta(days=2)
    return [
        {
            **usage_event(
                f"e-{i}", start + timedelta(seconds=rng.randrange(56 * 86_400)), user_id=rng.choice(["ann", "bob", None])
            ),
            "provider": rng.choice(["p", "q", None]),
            "model": rng.choice(["m", "n", None]),
            "request_type": rng.choice(["chat", None]),
            "tier": rng.choice(["free", "pro", None]),
            "component": rng.choice(["api", None]),
            "status": rng.choice(["ok", "error"]),
            "platform": rng.choice(["atelier", "forge"]),
            "output_tokens": rng.randrange(1000),
            "cost_usd": str(Decimal(rng.randrange(10**9)).scaleb(-9)),
        }
        for i in range(600)
    ]


EVENTS = make_events()


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=FixedClock(NOON)) as opened:
        store_usage(opened, EVENTS)
        roll_up(opened, NOON, ZONES)
        yield opened


def cost(rows: list[dict[str, Any]]) -> Decimal:
    return sum((row["cost_usd"] for row in rows), Decimal(0))


def true_cost(since: datetime, until: datetime) -> Decimal:
    return sum((Decimal(event["cost_usd"]) for event in EVENTS if since <= event["occurred_at"] < until), Decimal(0))


@pytest.mark.parametrize("name", ZONES)
def test_sum_of_local_days_is_the_range(store: Store, name: str) -> None:
    zone = ZoneInfo(name)
    since, until = midnight(FIRST, zone), midnight(LAST + timedelta(days=1), zone)
    days = usage_by_day(store, FIRST, LAST, zone)
    assert cost(days) == cost(usage_by(store, since, until, by="model")) == true_cost(since, until) > 0
    for day in (FIRST, date(2026, 9, 27), date(2026, 10, 4), date(2026, 10, 25), date(2026, 10, 30), date(2026, 11, 1), LAST):
        here = cost([row for row in days if row["day"] == day])
        assert here == true_cost(midnight(day, zone), midnight(day + timedelta(days=1), zone))
        assert here == cost(top_users(store, day, day, name))


@pytest.mark.parametrize("by", DIMENSIONS)
@pytest.mark.parametrize("platform", [None, "forge"])
def test_parts_are_the_whole_by_every_dimension(store: Store, by: str, platform: str | None) -> None:
    since, until = NOON - timedelta(days=30), NOON - timedelta(days=20)
    whole = [
        event for event in EVENTS if since <= event["occurred_at"] < until and (platform is None or event["platform"] == platform)
    ]
    parts = usage_by(store, since, until, by=by, platform=platform)
    steps = usage_over_time(store, since, until, step=timedelta(hours=1), by=by, platform=platform)
    for rows in (parts, steps):
        assert cost(rows) == sum(Decimal(event["cost_usd"]) for event in whole)
        assert sum(row["requests"] for row in rows) == len(whole)
        assert sum(row["output_tokens"] for row in rows) == sum(event["output_tokens"] for event in whole)
    assert {row["label"] for row in parts} == {event.get(by) for event in whole}


def test_steps_begin_at_since_and_last_a_step(store: Store) -> None:
    since = NOON - timedelta(days=30, minutes=15)
    rows = usage_over_time(store, since, since + timedelta(days=3), step=timedelta(hours=5))
    assert rows
    for row in rows:
        assert (row["at"] - since) % timedelta(hours=5) == timedelta(0)
        inside = [event for event in EVENTS if row["at"] <= event["occurred_at"] < row["at"] + timedelta(hours=5)]
        assert row["requests"] == sum(event["platform"] == row["label"] for event in inside)


@pytest.mark.parametrize("by", USER_ORDERS)
def test_top_users_come_in_order_with_calls_of_nobody_named(store: Store, by: str) -> None:
    rows = top_users(store, FIRST, LAST, "UTC", by=by)
    assert {row["user_id"] for row in rows} == {"ann", "bob", "(none)"}
    assert [row[by] for row in rows] == sorted((row[by] for row in rows), reverse=True)
    assert top_users(store, FIRST, LAST, "UTC", by=by, count=1) == rows[:1]


def test_what_is_not_kept_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="not kept by 'feature'"):
        usage_by(store, NOON, NOON, by="feature")
    with pytest.raises(InputError, match="multiple of 15 minutes"):
        usage_over_time(store, NOON, NOON, step=timedelta(minutes=20))
    with pytest.raises(InputError, match="ordered by"):
        top_users(store, FIRST, LAST, by="name")
    with pytest.raises(InputError, match="empty"):
        usage_by_day(store, LAST, FIRST, ZoneInfo("UTC"))
