"""Meters made of others (difference, growth) and those a Prometheus server evaluates, by figures worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from analytics.meters import read
from analytics.pace import recent_pace
from analytics.pricing import new_rates, rates_table
from roomleft.clock import FixedClock
from roomleft.limits import Reading
from roomleft.packs import Pack, load_pack
from warehouse import tables
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Batch, Cursor, Writer

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PACK = """
slug: shop
title: Shop
summary: A platform that grows.
states: {today: {title: Today, summary: now}}
components: [{id: ai, title: AI, summary: AI}]
sources: [{name: metrics, kind: prometheus-server, url: "http://127.0.0.1:9090", component: ai}]
meters:
  stored: {kind: gauge, unit: gb, series: stored_gb}
  freed: {kind: gauge, unit: gb, series: freed_gb}
  held: {kind: difference, unit: gb, part: stored, less: freed}
  ai_cost: {kind: cost, unit: usd}
  images: {kind: count, unit: images, of: images}
  cost_growth: {kind: growth, unit: percent, of: ai_cost, over: 7d}
  image_growth: {kind: growth, unit: percent, of: images, over: 7d}
  stored_growth: {kind: growth, unit: percent, of: stored, over: 2d}
  cost_less_images: {kind: difference, unit: percent, part: cost_growth, less: image_growth}
  queue: {kind: promql, unit: jobs, source: metrics, query: sum(queue_depth), across: sum, scale: 2}
  rare: {kind: promql, unit: jobs, source: metrics, query: sum(queue_depth), step: 1h}
limits:
  - {id: held, kind: capacity, title: Held, amount: 100, unit: gb, meter: held, owner: o}
  - {id: faster, kind: ratio, title: Cost grows no faster, amount: 0, unit: percent, meter: cost_less_images, owner: o}
  - {id: queue, kind: capacity, title: Queue, amount: 50, unit: jobs, meter: queue, owner: o}
prices:
  - provider: p
    checked_on: 2026-01-01
    source: test
    models:
      m: {prices: [{from: 2026-01-01, usd_per_image: "0.50"}, {from: 2026-11-13, usd_per_image: "0.75"}]}
"""


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    (tmp_path / "shop.yaml").write_text(PACK)
    return load_pack(tmp_path / "shop.yaml")


@pytest.fixture
def store(clock: FixedClock, pack: Pack) -> Iterator[Store]:
    with Store.open("duckdb:///:memory:", now=clock, threads=1) as opened:
        rates = rates_table(new_rates(opened, {pack.slug: pack}, clock.now()).rows)
        opened.run(lambda tx: tx.insert("rates", rates))
        yield opened


def write(store: Store, clock: FixedClock, batch: Batch) -> None:
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    writer.write(batch)
    writer.close()
    roll_up(store, clock.now())


def readings(store: Store, clock: FixedClock, name: str, points: Sequence[tuple[datetime, float]], **labels: str) -> None:
    common = {"platform": "shop", "component": "ai", "name": name, "labels": labels}
    rows = [{**common, "observed_at": at, "value": value} for at, value in points]
    write(store, clock, Batch("shop", samples=pa.Table.from_pylist(rows, schema=tables.SAMPLES)))


def images(store: Store, clock: FixedClock, days: Sequence[tuple[int, int]], model: str = "m") -> None:
    """`count` images an hour before noon, so many days ago, and the source read to now."""
    now = clock.now()
    numbers = {name: 0 for name in tables.USAGE.names if pa.types.is_integer(tables.USAGE.field(name).type)}
    rows = [
        {
            **numbers,
            "event_id": f"{model}-{ago}",
            "source": "shop",
            "occurred_at": now - ago * DAY - HOUR,
            "requests": 1,
            "platform": "shop",
            "component": "ai",
            "provider": "p",
            "model": model,
            "request_type": "image",
            "tier": "pro",
            "status": "ok",
            "user_id": "u",
            "images": count,
            "audio_seconds": Decimal(0),
        }
        for ago, count in days
    ]
    cursor = Cursor("shop", "usage", "x", now, now - 40 * DAY, now, True)
    write(store, clock, Batch("shop", usage=pa.Table.from_pylist(rows, schema=tables.USAGE), cursor=cursor))


def asked(store: Store, pack: Pack, meter: str, now: datetime) -> Reading:
    return read(store, pack, meter, pack.limit("faster"), now)


def test_a_difference_subtracts_and_is_as_old_as_its_older_part(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    readings(store, clock, "stored_gb", [(now - timedelta(minutes=1), 80.0)])
    assert asked(store, pack, "held", now).reason == "no series freed_gb has been seen"
    readings(store, clock, "freed_gb", [(now - timedelta(minutes=2), 30.5)])
    found = asked(store, pack, "held", now)
    assert (found.amount, found.observed_at) == (Decimal("49.5"), now - timedelta(minutes=2))


def test_a_difference_drifts_as_a_level(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    times = [now - HOUR * k for k in range(16 * 24, -1, -1)]
    readings(store, clock, "stored_gb", [(at, 50 + 3 * ((at - times[0]) / DAY)) for at in times])
    readings(store, clock, "freed_gb", [(at, (at - times[0]) / DAY) for at in times])
    assert recent_pace(store, pack, pack.limit("held"), now).per_day_p50 == pytest.approx(2)


def test_growth_compares_two_spans_and_their_difference_two_growths(store: Store, clock: FixedClock, pack: Pack) -> None:
    images(store, clock, [(20, 1), (13, 2), (9, 5), (6, 6), (0, 4)])
    now = clock.now()
    # Earlier week: 2 + 5 images, $0.50 each (7 and 11 November). This week: 10 images at $0.75.
    assert round(asked(store, pack, "image_growth", now).amount or 0, 6) == Decimal("42.857143")  # 10 / 7
    assert round(asked(store, pack, "cost_growth", now).amount or 0, 6) == Decimal("114.285714")  # 7.50 / 3.50
    assert round(asked(store, pack, "cost_less_images", now).amount or 0, 6) == Decimal("71.428571")


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        ([(6, 3), (0, 3)], "the 7 d before the last 7 d have no complete images to compare with"),
        ([(9, 3), (0, 3)], "the 7 d before the last 7 d have no complete images to compare with"),
        ([(20, 3), (0, 3)], "no images in the 7 d before the last 7 d to compare with"),
    ],
)
def test_growth_without_an_earlier_span_is_unknown(
    store: Store, clock: FixedClock, pack: Pack, days: list[tuple[int, int]], reason: str
) -> None:
    images(store, clock, days)
    found = asked(store, pack, "image_growth", clock.now())
    assert found.amount is None
    assert found.reason.replace("\u202f", " ") == reason


def test_growth_without_usage_is_unknown(store: Store, clock: FixedClock, pack: Pack) -> None:
    assert asked(store, pack, "image_growth", clock.now()).reason == "no usage has arrived yet"
    assert asked(store, pack, "cost_less_images", clock.now()).reason == "no usage has arrived yet"


def test_growth_that_may_be_more_says_so(store: Store, clock: FixedClock, pack: Pack) -> None:
    images(store, clock, [(20, 1), (9, 5), (0, 5)])
    assert not asked(store, pack, "cost_growth", clock.now()).lower_bound
    images(store, clock, [(1, 5)], model="nobody-knows")
    assert asked(store, pack, "cost_growth", clock.now()).lower_bound


def test_growth_of_a_level_compares_means(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    times = [now - HOUR * k for k in range(6 * 24, -1, -1)]
    readings(store, clock, "stored_gb", [(at, 40.0 if at < now - 2 * DAY else 50.0) for at in times])
    assert asked(store, pack, "stored_growth", now).amount == 25


def test_a_promql_meter_reads_the_answers_that_were_stored(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    assert asked(store, pack, "queue", now).reason == "no series promql:queue has been seen"
    minutes = [now - timedelta(minutes=k) for k in range(5)]
    readings(store, clock, "promql:queue", [(at, 4.0) for at in minutes], shard="a")
    readings(store, clock, "promql:queue", [(at, 6.0) for at in minutes], shard="b")
    readings(store, clock, "queue_depth", [(now, 1000.0)])
    assert asked(store, pack, "queue", now).amount == 20  # (4 + 6) twice
    late = now + timedelta(minutes=6)
    assert asked(store, pack, "queue", late).is_stale(late)


def test_a_promql_meter_asked_once_an_hour_is_fresh_for_three(store: Store, clock: FixedClock, pack: Pack) -> None:
    now = clock.now()
    readings(store, clock, "promql:rare", [(now - 3 * HOUR, 9.0)])
    assert not asked(store, pack, "rare", now).is_stale(now)
    late = now + timedelta(seconds=1)
    assert asked(store, pack, "rare", late).is_stale(late)
