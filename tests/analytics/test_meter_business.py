"""Meters over business days, by sums worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from analytics.headroom import headroom
from analytics.meters import Meters, priced_per, read
from analytics.pace import changes_by_the_minute, recent_pace
from roomleft.clock import FixedClock
from roomleft.limits import Reading
from roomleft.packs import Pack, load_pack
from warehouse import tables
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Batch, Cursor, Writer

PACK = """
slug: shop
title: Shop
summary: A platform that earns money.
zone: {zone}
states: {{today: {{title: Today, summary: now}}}}
components: [{{id: ai, title: AI, summary: AI}}]
meters:
  revenue: {{kind: business, unit: usd, of: revenue}}
  revenue_30d: {{kind: business, unit: usd, of: revenue, over: 30d}}
  pro_revenue: {{kind: business, unit: usd, of: revenue, over: 30d, tiers: pro}}
  new_users: {{kind: business, unit: users, of: new_users, over: 7d}}
  returning_users: {{kind: business, unit: users, of: returning_users, over: 7d}}
  converted_users: {{kind: business, unit: users, of: converted_users, over: 7d}}
  daily_users: {{kind: business, unit: users, of: daily_users, over: 7d}}
  satisfaction: {{kind: business, unit: score, of: satisfaction, over: 7d}}
  revenue_growth: {{kind: growth, unit: percent, of: revenue, over: 7d}}
  ai_cost: {{kind: cost, unit: usd}}
limits:
  - {{id: revenue, kind: budget, title: Revenue of the month, amount: 1000, unit: usd, meter: revenue, direction: at_least, window: month, owner: f}}
  - {{id: revenue_30d, kind: budget, title: Revenue, amount: 1000, unit: usd, meter: revenue, direction: at_least, window: {{rolling: 30d}}, owner: f}}
  - {{id: api, kind: budget, title: API at most 30 %, amount: "0.30", amount_per: revenue_30d, unit: usd, meter: ai_cost, window: month, owner: f}}
  - {{id: users, kind: capacity, title: Users a day, amount: 100, unit: users, meter: daily_users, owner: f}}
"""


def shop(tmp_path: Path, zone: str = "UTC") -> Pack:
    path = tmp_path / "shop.yaml"
    path.write_text(PACK.format(zone=zone))
    return load_pack(path)


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return shop(tmp_path)


@pytest.fixture
def store(clock: FixedClock) -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=clock, threads=1) as opened:
        yield opened


def day(
    at: date, tier: str, *, revenue: str, active: int = 0, new: int = 0, satisfaction: float | None = None
) -> dict[str, object]:
    return {
        "platform": "shop",
        "source": "shop",
        "day": at,
        "tier": tier,
        "active_users": active,
        "new_users": new,
        "returning_users": active - new,
        "converted_users": new // 2,
        "revenue_usd": Decimal(revenue).quantize(Decimal("1e-9")),
        "satisfaction": satisfaction,
    }


def come(store: Store, clock: FixedClock, days: list[dict[str, object]], *, read: bool = True) -> None:
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    cursor = Cursor("shop", "business", clock.now().date().isoformat(), caught_up=True) if read else None
    writer.write(Batch("shop", business=pa.Table.from_pylist(days, schema=tables.BUSINESS), cursor=cursor))
    writer.close()
    roll_up(store, clock.now())


def asked(store: Store, pack: Pack, meter: str, now: datetime, limit: str = "revenue") -> Reading:
    return read(store, pack, meter, pack.limit(limit), now)


# Three days of two tiers, today among them; the clock stands at noon of 20 November.
THREE_DAYS = [
    day(date(2026, 11, 18), "free", revenue="0", active=40, new=4, satisfaction=4.0),
    day(date(2026, 11, 18), "pro", revenue="10.50", active=10, new=2, satisfaction=5.0),
    day(date(2026, 11, 19), "free", revenue="0", active=60, new=6, satisfaction=3.0),
    day(date(2026, 11, 19), "pro", revenue="11.25", active=10, new=0),
    day(date(2026, 11, 20), "pro", revenue="5.125", active=8, new=2, satisfaction=5.0),
]


@pytest.mark.parametrize(
    ("meter", "amount"),
    [
        ("revenue", "26.875"),
        ("revenue_30d", "26.875"),
        ("pro_revenue", "26.875"),
        ("new_users", "14"),
        ("returning_users", "114"),  # 36 + 8 + 54 + 10 + 6
        ("converted_users", "7"),
        ("daily_users", "60"),  # (50 + 70) / 2: today is not over
        (
            "satisfaction",
            "3.6440677966101696",
        ),  # (4·40 + 5·10 + 3·60 + 5·8) / 118 = 430 / 118: the tier that did not say weighs nothing
    ],
)
def test_sums_and_means(store: Store, clock: FixedClock, pack: Pack, meter: str, amount: str) -> None:
    come(store, clock, THREE_DAYS)
    found = asked(store, pack, meter, clock.now())
    assert found.amount is not None
    assert abs(found.amount - Decimal(amount)) < Decimal("1e-12")
    assert found.observed_at == clock.now()


def test_today_alone_is_all_that_a_mean_has(store: Store, clock: FixedClock, pack: Pack) -> None:
    come(store, clock, [day(date(2026, 11, 20), "pro", revenue="1", active=8)])
    assert asked(store, pack, "daily_users", clock.now()).amount == 8


def test_without_any_day_it_is_unknown(store: Store, clock: FixedClock, pack: Pack) -> None:
    found = asked(store, pack, "revenue", clock.now())
    assert (found.amount, found.reason) == (None, "no business day has come yet")


def test_without_a_day_in_the_window_it_is_unknown(store: Store, clock: FixedClock, pack: Pack) -> None:
    come(store, clock, [day(date(2026, 10, 30), "pro", revenue="1", active=8)])
    found = asked(store, pack, "revenue", clock.now())
    assert (found.amount, found.reason) == (None, "no business day has come in this time")
    assert asked(store, pack, "revenue_30d", clock.now()).amount == 1
    assert asked(store, pack, "satisfaction", clock.now()).reason == "no business day has come in this time"


def test_a_day_that_does_not_say_is_named(store: Store, clock: FixedClock, pack: Pack) -> None:
    come(store, clock, [day(date(2026, 11, 19), "pro", revenue="1", active=8)])
    assert asked(store, pack, "satisfaction", clock.now()).reason == "no business day says its satisfaction in this time"


@pytest.mark.parametrize(("read", "fresh_for"), [(True, timedelta(hours=3)), (False, timedelta(days=2))])
def test_silence_makes_it_stale(store: Store, clock: FixedClock, pack: Pack, read: bool, fresh_for: timedelta) -> None:
    come(store, clock, THREE_DAYS, read=read)
    begun = clock.now()
    assert not asked(store, pack, "revenue", begun + fresh_for).is_stale(begun + fresh_for)
    late = begun + fresh_for + timedelta(seconds=1)
    assert asked(store, pack, "revenue", late).is_stale(late)


def test_days_are_those_of_the_zone(store: Store, clock: FixedClock, tmp_path: Path) -> None:
    # At noon UTC it is already the 21st in Kiritimati (UTC+14), so its 30 days begin on 23 October.
    pack = shop(tmp_path, "Pacific/Kiritimati")
    come(store, clock, [day(date(2026, 10, 22), "pro", revenue="100"), day(date(2026, 10, 23), "pro", revenue="7")])
    assert asked(store, pack, "revenue_30d", clock.now()).amount == 7
    assert asked(store, shop(tmp_path), "revenue_30d", clock.now()).amount == 107


def test_a_restated_day_counts_once(store: Store, clock: FixedClock, pack: Pack) -> None:
    come(store, clock, [day(date(2026, 11, 19), "pro", revenue="10")])
    come(store, clock, [day(date(2026, 11, 19), "pro", revenue="12.5")])
    assert asked(store, pack, "revenue", clock.now()).amount == Decimal("12.5")


def evenly(clock: FixedClock, days: int, revenue: str) -> list[dict[str, object]]:
    return [day(clock.now().date() - timedelta(days=k), "pro", revenue=revenue, active=10) for k in range(days)]


@pytest.mark.parametrize("limit", ["revenue", "revenue_30d"])
def test_revenue_has_the_pace_of_complete_days(store: Store, clock: FixedClock, pack: Pack, limit: str) -> None:
    come(store, clock, evenly(clock, 20, "40"))
    pace = recent_pace(store, pack, pack.limit(limit), clock.now())
    assert (pace.per_day_p10, pace.per_day_p50, pace.per_day_p90) == (40, 40, 40)
    assert pace.basis == "recent rate, 14 days"


def test_six_days_have_no_pace(store: Store, clock: FixedClock, pack: Pack) -> None:
    come(store, clock, evenly(clock, 7, "40"))
    assert recent_pace(store, pack, pack.limit("revenue"), clock.now()).basis == "6 of 7 days needed"


def test_a_mean_drifts_as_a_level(store: Store, clock: FixedClock, pack: Pack) -> None:
    today = clock.now().date()
    come(store, clock, [day(today - timedelta(days=k), "pro", revenue="1", active=100 - 2 * k) for k in range(40)])
    pace = recent_pace(store, pack, pack.limit("users"), clock.now())
    assert pace.per_day_p50 == pytest.approx(2)


def usage(at: datetime, images: int) -> dict[str, object]:
    counted = {name: 0 for name in tables.USAGE.names if pa.types.is_integer(tables.USAGE.field(name).type)}
    return {
        **counted,
        "event_id": at.isoformat(),
        "source": "shop",
        "occurred_at": at,
        "requests": 1,
        "platform": "shop",
        "component": "ai",
        "provider": "p",
        "model": "m",
        "request_type": "image",
        "tier": "pro",
        "status": "ok",
        "user_id": "u",
        "images": images,
        "audio_seconds": Decimal(0),
    }


def test_a_budget_is_a_share_of_revenue(store: Store, clock: FixedClock, pack: Pack) -> None:
    come(store, clock, evenly(clock, 40, "40"))
    sized, impossible = priced_per(Meters(store, pack, clock.now()), pack.limit("api"))
    assert impossible is None
    assert sized.amount == Decimal("360.00")  # 30 % of 30 days at $40
    assert not changes_by_the_minute(sized)
    row = headroom(
        sized, asked(store, pack, "ai_cost", clock.now(), "api"), recent_pace(store, pack, sized, clock.now()), clock.now()
    )
    assert (row.state, row.reason) == ("unknown", "no usage has arrived yet")


def test_a_budget_without_revenue_is_unknown(store: Store, clock: FixedClock, pack: Pack) -> None:
    _, impossible = priced_per(Meters(store, pack, clock.now()), pack.limit("api"))
    assert impossible is not None
    assert impossible.reason == "no business day has come yet"
    come(store, clock, evenly(clock, 2, "0"))
    _, impossible = priced_per(Meters(store, pack, clock.now()), pack.limit("api"))
    assert impossible is not None
    assert (impossible.amount, impossible.reason) == (None, "no usd in the window yet")


@pytest.mark.parametrize("today", [None, "3", "30"], ids=["not come yet", "begun", "nearly over"])
def test_growth_of_revenue_compares_whole_weeks(store: Store, clock: FixedClock, pack: Pack, today: str | None) -> None:
    # 13 to 19 November earn $30 a day, the week before $24: a quarter more, however much of today has come.
    days = [day(date(2026, 11, 19) - timedelta(days=k), "pro", revenue="30" if k < 7 else "24") for k in range(15)]
    come(store, clock, [*days, *([day(date(2026, 11, 20), "pro", revenue=today)] if today else [])])
    found = asked(store, pack, "revenue_growth", clock.now())
    assert found.amount == 25
