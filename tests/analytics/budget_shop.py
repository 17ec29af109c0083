"""A small platform with budgets, and usage of it given in a line: for tests of what budgets count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.price import price
from roomleft.clock import FixedClock
from roomleft.packs import Pack, load_pack
from warehouse import tables
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Batch, Cursor, Writer

HEAD = """
slug: shop
title: Shop
summary: A platform with budgets.
zone: {zone}
states: {{today: {{title: Today, summary: now}}}}
components: [{{id: ai, title: AI, summary: AI}}]
prices:
  - provider: p
    checked_on: 2020-01-01
    source: test
    models: {{m: {{title: M, prices: [{{from: 2020-01-01, usd_per_image: "1"}}]}}}}
"""


def shop(folder: Path, meters: str, limits: str, zone: str = "UTC") -> Pack:
    """The pack of a platform `shop` with these meters and limits; an image of `p` `m` costs a dollar."""
    path = folder / "shop.yaml"
    path.write_text(HEAD.format(zone=zone) + f"meters:\n{meters}\nlimits:\n{limits}\n", encoding="utf-8")
    return load_pack(path)


def opened(clock: FixedClock, pack: Pack) -> Store:
    """An empty warehouse that knows the pack's prices."""
    store = Store.open("duckdb:///:memory:", now=clock, threads=1)
    price(store, {pack.slug: pack}, clock.now())
    return store


def used(store: Store, clock: FixedClock, calls: Sequence[Mapping[str, Any]], zones: Sequence[str] = ("UTC",)) -> None:
    """Store calls (`at`, `images`, and anything of a usage row), and roll them up."""
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    writer.write(
        Batch("shop", usage=usage_of(calls), cursor=Cursor("shop", "usage", "c", clock.now(), None, None, True, None, True))
    )
    writer.close()
    roll_up(store, clock.now(), zones)


_numbers = iter(range(10**9))


def usage_of(calls: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Calls as rows of usage."""
    rows = []
    for call in calls:
        at: datetime = call["at"]
        row: dict[str, Any] = {
            "event_id": f"e{next(_numbers)}", "source": "shop", "platform": "shop", "component": "ai", "provider": "p", "model": "m",
            "operation": "", "request_type": "image", "status": "ok", "occurred_at": at, "requests": 1, "images": call.get("images", 1),
            "input_uncached_tokens": 0, "cache_read_tokens": 0, "cache_write_tokens": 0, "output_tokens": 0, "reasoning_tokens": 0,
            "characters": 0, "audio_seconds": Decimal(0), "user_id": "ada", "tier": "free", "attributes": {},
        }  # fmt: skip
        row |= {key: value for key, value in call.items() if key not in ("at", "images")}
        rows.append({name: row.get(name) for name in tables.USAGE.names})
    return pa.Table.from_pylist(rows, schema=tables.USAGE)
