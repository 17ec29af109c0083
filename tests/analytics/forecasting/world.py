"""A platform with a history of every kind, by local day: usage, readings, counters, checks and business days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from roomleft.clock import FixedClock
from roomleft.packs import Pack
from roomleft.timespan import midnight
from tests.analytics.budget_shop import shop, usage_of
from warehouse import tables
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Batch, Cursor, Writer

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
METERS = """
  spend: {kind: cost, unit: usd}
  spend_30d: {kind: cost, unit: usd, over: 30d}
  gold_calls: {kind: count, unit: requests, of: requests, where: {tier: gold}}
  calls: {kind: count, unit: requests, of: requests}
  users: {kind: distinct_users, unit: users, over: 3d}
  per_user: {kind: ratio, unit: usd_per_user, part: spend_30d, whole: users}
  disk: {kind: gauge, unit: gb, series: disk_bytes, component: ai, across: sum, scale: "0.000000001"}
  load: {kind: gauge, unit: percent, series: load_percent, component: ai}
  errors: {kind: increase, unit: requests, series: errors_total, component: ai}
  served: {kind: increase, unit: requests, series: served_total, component: ai}
  burst: {kind: increase, unit: requests, series: errors_total, component: ai, over: 1h}
  down: {kind: failing_minutes, unit: minutes, components: [ai]}
  revenue: {kind: business, unit: usd, of: revenue, over: 7d}
  daily: {kind: business, unit: users, of: daily_users, over: 7d}
  fixed: {kind: infrastructure_cost, unit: usd, over: 30d}
  all_30d: {kind: total, unit: usd, of: [spend_30d, fixed]}
  growth: {kind: growth, unit: percent, of: spend, over: 7d}
  asked: {kind: sql, unit: minutes, file: asked.sql, over: 30d}
"""
LIMITS = """
  - {id: month, kind: budget, title: A month, amount: "900", unit: usd, meter: spend, window: month, owner: finance}
  - {id: gold, kind: quota, title: Gold, amount: "100000", unit: requests, meter: gold_calls, window: month, owner: ops}
  - {id: disk, kind: capacity, title: Disk, amount: "100", unit: gb, meter: disk, owner: ops}
  - {id: load, kind: slo, title: Load, amount: "80", unit: percent, meter: load, owner: ops}
  - {id: idle, kind: ratio, title: Idle, amount: "5", unit: percent, meter: load, direction: at_least, owner: ops}
  - {id: failed, kind: slo, title: Failed, objective_percent: "99", unit: requests, meter: errors, amount_per: served, window: {rolling: 7d}, owner: ops}
  - {id: burst, kind: slo, title: Burst, amount: "50", unit: requests, meter: burst, owner: ops}
  - {id: down, kind: slo, title: Down, amount: "30", unit: minutes, meter: down, window: {rolling: 30d}, owner: ops}
  - {id: each, kind: ratio, title: Each, amount: "40", unit: usd_per_user, meter: per_user, owner: finance}
  - {id: daily, kind: capacity, title: A day, amount: "90", unit: users, meter: daily, owner: ops}
  - {id: income, kind: ratio, title: Income, amount: "300", unit: usd, meter: revenue, direction: at_least, owner: finance}
  - {id: grown, kind: ratio, title: Grown, amount: "50", unit: percent, meter: growth, owner: finance}
  - {id: whole, kind: budget, title: Whole, amount: "2000", unit: usd, meter: all_30d, owner: finance}
  - {id: mine, kind: quota, title: Mine, amount: "9", unit: requests, meter: calls, window: {period: day, zone: UTC}, per_user: true, owner: ops}
  - {id: asked, kind: slo, title: Asked, amount: "9", unit: minutes, meter: asked, owner: ops}
costs:
  assumed: true
  source: test
  items: [{id: server, title: Server, usd_per_month: "310"}]
reports:
  capacity: {history: 90d, horizons: {users: 30d, storage: 90d, ai_cost: 30d, ai_requests: 30d}, series: {users: [daily], storage: [disk]}}
"""
Level = Callable[[int], float]
"""A day's value by its number from the first."""


def world_pack(folder: Path, zone: str = "Europe/Berlin") -> Pack:
    """The pack; its SQL meter stands beside it."""
    (folder / "shop").mkdir(exist_ok=True)
    (folder / "shop" / "asked.sql").write_text("SELECT 1.0 AS value", encoding="utf-8")
    return shop(folder, METERS, LIMITS, zone)


def usage(
    pack: Pack, first: date, days: int, *, each_hour: Level = lambda day: 1, skip: Callable[[datetime], bool] = lambda at: False
) -> pa.Table:
    """A call an hour of so many local days, of so many images (a dollar each); odd hours by `ada`, even ones by `bob`, of whom bob is gold."""
    zone = ZoneInfo(pack.zone)
    calls = []
    for number in range(days):
        at, end = midnight(first + number * DAY, zone), midnight(first + (number + 1) * DAY, zone)
        while at < end:
            if not skip(at):
                even = at.hour % 2 == 0
                calls.append(
                    {"at": at + timedelta(minutes=7), "images": round(each_hour(number)), "user_id": "bob" if even else "ada",
                     "tier": "gold" if even else "free", "model": "m"}
                )  # fmt: skip
            at += HOUR
    return usage_of(calls)


def samples(
    pack: Pack, first: date, days: int, name: str, value: Callable[[datetime, int], float], step: timedelta = HOUR
) -> pa.Table:
    """Readings of a series over so many local days; `value` gets the instant and the day's number."""
    zone = ZoneInfo(pack.zone)
    rows = []
    for number in range(days):
        at, end = midnight(first + number * DAY, zone), midnight(first + (number + 1) * DAY, zone)
        while at < end:
            rows.append(
                {"platform": "shop", "component": "ai", "name": name, "labels": [], "observed_at": at, "value": value(at, number)}
            )
            at += step
    return pa.Table.from_pylist(rows, schema=tables.SAMPLES)


def checks(pack: Pack, first: date, days: int, failing: Callable[[datetime], bool]) -> pa.Table:
    """A check every quarter of an hour."""
    zone, rows = ZoneInfo(pack.zone), []
    at, end = midnight(first, zone), midnight(first + days * DAY, zone)
    while at < end:
        row = {
            "platform": "shop",
            "component": "ai",
            "check_name": "answers",
            "observed_at": at,
            "status": "fail" if failing(at) else "pass",
        }
        rows.append({name: row.get(name) for name in tables.HEALTH.names})
        at += timedelta(minutes=15)
    return pa.Table.from_pylist(rows, schema=tables.HEALTH)


def business(first: date, days: int, revenue: Level) -> pa.Table:
    """Business days of one tier."""
    rows = [
        {"platform": "shop", "source": "shop", "day": first + n * DAY, "tier": "free", "active_users": 50 + n, "new_users": 1, "returning_users": 2,
         "converted_users": 0, "revenue_usd": Decimal(str(revenue(n))), "satisfaction": 4.5}
        for n in range(days)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=tables.BUSINESS)


def stored(store: Store, clock: FixedClock, zones: list[str], **streams: pa.Table) -> None:
    """Store streams (`usage`, `samples`, …) as read to their end, and roll them up."""
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    for stream, table in streams.items():
        read_to = Cursor("shop", stream, "c", clock.now(), None, None, True, None, True)
        writer.write(Batch("shop", **{stream.partition("_")[0]: table}, cursor=read_to))
    writer.close()
    roll_up(store, clock.now(), zones)


def history(store: Store, clock: FixedClock, pack: Pack, days: int, *, growth: float = 0.004) -> date:
    """A whole history of so many complete days up to now, of everything; the first day."""
    zone = ZoneInfo(pack.zone)
    first = clock.now().astimezone(zone).date() - days * DAY

    def week(number: int) -> float:
        return (
            (1.0 + 0.25 * ((first + number * DAY).weekday() < 5))
            * (1 + growth * number)
            * (1 + 0.03 * ((number * 7919) % 13 - 6) / 6)
        )

    def rising(rate: float) -> Callable[[datetime, int], float]:
        began = midnight(first, zone)
        return lambda at, number: round(rate * ((at - began) / HOUR) * (1 + 0.01 * number))

    span = (pack, first, days + 1)
    stored(
        store, clock, sorted({"UTC", pack.zone}),
        usage=usage(*span, each_hour=lambda n: 10 * week(n), skip=lambda at: at > clock.now() - HOUR),
        samples_disk=_past(clock, samples(*span, "disk_bytes", lambda at, n: 6e10 + 2.5e8 * n)),
        samples_load=_past(clock, samples(*span, "load_percent", lambda at, n: 40 * week(n) / 1.5 + 8 * (9 <= at.hour < 17))),
        samples_errors=_past(clock, samples(*span, "errors_total", rising(4))),
        samples_served=_past(clock, samples(*span, "served_total", rising(1000))),
        health=_past(clock, checks(*span, lambda at: at.hour == 3 and at.minute == 0 and at.day % 5 == 0)),
        business=business(first, days, lambda n: round(70 * week(n), 2)),
    )  # fmt: skip
    return first


def _past(clock: FixedClock, table: pa.Table) -> pa.Table:
    return table.filter(
        pa.compute.less_equal(table["observed_at"], pa.scalar(clock.now(), table.schema.field("observed_at").type))
    )
