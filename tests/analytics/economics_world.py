"""A small platform for unit economics: a pack with prices, tiers, a budget of revenue and peak hours, and rows to fill a warehouse with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from roomleft.clock import FixedClock
from roomleft.packs import Pack, load_pack
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import make_business, usage_event
from warehouse.rollup import roll_up
from warehouse.store import Store

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)
PACK = """
slug: atelier
title: Atelier
summary: A made-up platform.
zone: ZONE
source: {interval: 1m}
states: {today: {title: Today, summary: As it is.}}
components: [{id: api, title: API, summary: All of it, critical: true}]
meters:
  spent: {kind: cost, unit: usd}
  revenue: {kind: business, unit: usd, of: revenue, over: 30d}
  free_today: {kind: count, unit: images, of: images, where: {model: free-image}}
limits:
  - {id: ai_budget, kind: budget, title: AI, component: api, amount: "0.30", amount_per: revenue, unit: usd, meter: spent, window: month, owner: finance, state: today}
  - {id: free_images, kind: quota, title: Free images, component: api, amount: 10, unit: images, meter: free_today, per_user: true, window: {period: day, zone: UTC}, owner: ai, state: today}
costs: {source: made up, items: [{id: servers, title: Servers, component: api, usd_per_month: "300"}]}
tiers:
  - {name: free, title: Free, price_usd_per_month: "0"}
  - {name: paid, title: Paid, price_usd_per_month: "10"}
personas: [{name: heavy, title: Heavy user, ai_usd_per_month: "50", tier: paid}, {name: light, title: Light user, ai_usd_per_month: "2", tier: free}]
peak_hours: {zone: UTC, begin: 17, end: 23}
batchable: [summary]
advice:
  - {id: off_peak, report: cost, when: more than 70 % at peak, threshold: 70, unit: percent, action: Move it, saving_percent: 15}
  - {id: free_first, report: cost, when: paid while free, threshold: 0, unit: images, action: Free first, saving_usd_each: "0.039"}
  - {id: batch, report: cost, when: more than 10 alike, threshold: 10, unit: requests, action: Batch, saving_usd_each: "0.001"}
"""
READ = """
INSERT INTO cursors BY NAME
SELECT 'atelier' AS source, 'usage' AS stream, 'end' AS position, $now::TIMESTAMPTZ AS read_to, $now::TIMESTAMPTZ AS newest_at,
    $oldest::TIMESTAMPTZ AS oldest_at, true AS caught_up, $now::TIMESTAMPTZ AS recorded_at
"""


def make_pack(folder: Path, zone: str = "UTC", **replaced: str) -> Pack:
    """The pack, its zone and any of its lines changed."""
    text = PACK.replace("ZONE", zone)
    for old, new in replaced.items():
        text = text.replace(old, new)
    path = folder / "atelier.yaml"
    path.write_text(text)
    return load_pack(path)


@contextmanager
def world(
    events: Sequence[dict[str, Any]] = (), business: Sequence[pa.Table] = (), zones: Sequence[str] = ("UTC",), now: datetime = NOW
) -> Iterator[Store]:
    """A warehouse that holds these calls and business days, rolled up; the platform was read to its end."""
    with Store.open("duckdb:///:memory:", now=FixedClock(now)) as store:
        store_usage(store, events, ingested_at=now)
        if events:
            oldest = min(event["occurred_at"] for event in events)
            store.run(lambda tx: tx.execute(READ, {"now": now, "oldest": oldest}))
        for table in business:
            came = pa.array([now] * table.num_rows, pa.timestamp("us", "UTC"))
            rows = table.append_column("ingested_at", came)
            store.run(lambda tx, rows=rows: tx.insert("business_days", rows))
        roll_up(store, now, list(zones))
        yield store


def call(at: datetime, cost: str, number: int = 0, **columns: Any) -> dict[str, Any]:
    """One call of user `ann` that cost so much; `cost_state` as given."""
    told = {
        "user_id": "ann",
        "tier": "paid",
        "provider": "p",
        "model": "m",
        "request_type": "chat",
        "urgency": "low",
        "output_tokens": 1000,
    }
    named = {**told, **columns}
    event_id = f"{at.isoformat()}-{number}-{named['user_id']}-{named['tier']}-{named['provider']}-{named.get('status', '')}"
    return {**usage_event(event_id, at, **named), "cost_usd": cost}


def daily(first: date, until: date, cost: str, **columns: Any) -> list[dict[str, Any]]:
    """One call at half past midnight and noon of every day in [first, until), each half of `cost`."""
    half = str(Decimal(cost) / 2)
    found = []
    for number in range((until - first).days):
        begin = datetime.combine(first + number * DAY, datetime.min.time(), UTC)
        found += [call(begin + timedelta(minutes=30), half, **columns), call(begin + timedelta(hours=12), half, **columns)]
    return found


def paid(first: date, until: date, usd: str, tier: str = "paid") -> list[pa.Table]:
    """Business days in [first, until) that each brought so much."""
    return [
        make_business(day=first + number * DAY, tier=tier, revenue_usd=Decimal(usd)) for number in range((until - first).days)
    ]
