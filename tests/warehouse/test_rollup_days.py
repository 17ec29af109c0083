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
from roomleft.errors import InputError, UsersHidden
from roomleft.timespan import local_days, midnight
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import NOON, usage_event
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.usage import DIMENSIONS, UsageSummary, usage_summary

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


def true_cost(since: datetime, until: datetime) -> Decimal:
    return sum((Decimal(event["cost_usd"]) for event in EVENTS if since <= event["occurred_at"] < until), Decimal(0))


def users_cost(store: Store, day: date, zone: str) -> Decimal:
    """What `usage_user_1d` holds for a local day."""
    sql = "SELECT coalesce(sum(cost_usd), 0)::DECIMAL(18, 9) AS usd FROM usage_user_1d WHERE zone = $zone AND day = $day"
    return Decimal(store.select(sql, {"zone": zone, "day": day})["usd"][0].as_py())


@pytest.mark.parametrize("name", ZONES)
def test_sum_of_local_days_is_the_range(store: Store, name: str) -> None:
    zone = ZoneInfo(name)
    since, until = midnight(FIRST, zone), midnight(LAST + timedelta(days=1), zone)
    days = local_days(since, until, zone)
    costs = {day: usage_summary(store, start, end, by="model").total["cost_usd"] for day, start, end in days}
    assert sum(costs.values()) == usage_summary(store, since, until, by="model").total["cost_usd"] == true_cost(since, until) > 0
    for day, start, end in days:
        assert costs[day] == true_cost(start, end) == users_cost(store, day, name)


SUMMED = ("requests", "images", "characters", "cost_usd", "unpriced_requests")


def true_total(found: UsageSummary, platform: str | None) -> list[dict[str, Any]]:
    return [
        event
        for event in EVENTS
        if found.since <= event["occurred_at"] < found.until and (platform is None or event["platform"] == platform)
    ]


@pytest.mark.parametrize("by", DIMENSIONS)
@pytest.mark.parametrize("platform", [None, "forge"])
def test_parts_are_the_whole_by_every_dimension(store: Store, by: str, platform: str | None) -> None:
    since, until = NOON - timedelta(days=30, minutes=7), NOON - timedelta(days=20)
    found = usage_summary(store, since, until, by=by, platform=platform, see_users=True)
    step = timedelta(days=1) if by == "user" else timedelta(minutes=15)
    assert since - step < found.since <= since
    assert until <= found.until < until + step
    whole = true_total(found, platform)
    assert whole
    assert found.total["requests"] == len(whole)
    assert found.total["cost_usd"] == sum(Decimal(event["cost_usd"]) for event in whole)
    tokens = "tokens" if by == "user" else "output_tokens"
    assert found.total[tokens] == sum(event["output_tokens"] for event in whole)
    assert found.total["last_at"] == max(event["occurred_at"] for event in whole)
    for name in (*SUMMED, tokens):
        assert sum(row[name] for row in found.rows) == found.total[name], name
    assert [row["cost_usd"] for row in found.rows] == sorted((row["cost_usd"] for row in found.rows), reverse=True)
    key = "user_id" if by == "user" else by
    assert {row["label"] for row in found.rows} == {event.get(key) for event in whole}


@pytest.mark.parametrize("by", DIMENSIONS)
def test_no_usage_is_a_total_of_nothing(store: Store, by: str) -> None:
    found = usage_summary(store, NOON - timedelta(days=900), NOON - timedelta(days=890), by=by, see_users=True)
    assert found.rows == []
    assert all(found.total[name] == 0 for name in SUMMED)
    assert found.total["last_at"] is None


def test_users_beyond_the_most_are_one_row_and_lose_nothing(store: Store) -> None:
    since, until = NOON - timedelta(days=30), NOON - timedelta(days=20)
    all_of_them = usage_summary(store, since, until, by="user", see_users=True)
    found = usage_summary(store, since, until, by="user", most_users=1, see_users=True)
    assert [row["label"] for row in found.rows] == [all_of_them.rows[0]["label"], "(others)"]
    assert found.total == all_of_them.total
    for name in SUMMED:
        assert found.rows[1][name] == sum(row[name] for row in all_of_them.rows[1:])


def test_the_total_counts_what_has_no_price(clock: FixedClock) -> None:
    with Store.open("duckdb:///:memory:", now=clock) as store:
        priced = {**usage_event("a", NOON, user_id="ann", output_tokens=5), "cost_usd": "0.000000001"}
        store_usage(store, [priced, {**usage_event("b", NOON, user_id="bob", output_tokens=7), "cost_state": "unpriced"}])
        roll_up(store, NOON, ["UTC"])
        for by in DIMENSIONS:
            total = usage_summary(store, NOON, NOON + timedelta(minutes=1), by=by, see_users=True).total
            assert (total["requests"], total["unpriced_requests"], total["cost_usd"]) == (2, 1, Decimal("0.000000001")), by


def test_what_is_not_kept_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="not kept by 'feature'"):
        usage_summary(store, NOON, NOON, by="feature")


def test_by_user_only_for_who_may_see_users(store: Store) -> None:
    with pytest.raises(UsersHidden):
        usage_summary(store, NOON - timedelta(days=30), NOON - timedelta(days=20), by="user")
