"""A small platform with SLOs, and its counters, gauges and health checks given in a line: for tests of burn rates and budgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from analytics.slo_burns import Burn, Looking, burns
from roomleft.clock import FixedClock
from roomleft.packs import Pack, load_pack
from roomleft.slos import Slo, slos_of
from warehouse import tables
from warehouse.store import Store
from warehouse.writer import Batch, Writer

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PACK = """
slug: shop
title: Shop
summary: A platform with promises.
states: {{today: {{title: Today, summary: now}}}}
components: [{{id: api, title: API, summary: API}}, {{id: db, title: Database, summary: DB}}]
sources: [{{name: metrics, kind: prometheus-server, url: "http://127.0.0.1:9090", component: api}}]
meters:
  asked: {{kind: increase, unit: requests, series: requests_total}}
  failed: {{kind: increase, unit: requests, series: failed_requests_total}}
  down: {{kind: failing_minutes, unit: minutes, components: [api], checks: [answers]}}
  latency: {{kind: gauge, unit: ms, series: latency_ms}}
  calls: {{kind: count, unit: requests, of: requests}}
  bad_calls: {{kind: count, unit: requests, of: requests, where: {{status: [error, timeout]}}}}
limits:
  - {{id: errors, kind: slo, title: Errors, objective_percent: "{objective}", unit: requests, meter: failed, amount_per: asked,
     window: {{rolling: {window}}}, owner: o, component: api}}
  - {{id: uptime, kind: slo, title: Uptime, objective_percent: "99.9", unit: minutes, meter: down, window: {{rolling: 30d}}, owner: o}}
  - {{id: calls, kind: slo, title: Calls, objective_percent: "99", unit: requests, meter: bad_calls, amount_per: calls,
     window: {{rolling: 30d}}, owner: o}}
"""


def shop(folder: Path, objective: str = "99.9", window: str = "30d") -> Pack:
    """The pack of the platform `shop`."""
    path = folder / "shop.yaml"
    path.write_text(PACK.format(objective=objective, window=window), encoding="utf-8")
    return load_pack(path)


def opened(clock: FixedClock) -> Store:
    """An empty warehouse."""
    return Store.open("duckdb:///:memory:", now=clock, threads=1)


def write(store: Store, clock: FixedClock, batch: Batch) -> None:
    """Store a batch, as having arrived now."""
    writer = Writer(store, clock, group_ms=0)
    writer.start()
    writer.write(batch)
    writer.close()


Sampled = tuple[str, datetime, float, str]
"""A series' name, when, what it read, and its instance."""


def sampled(rows: Iterable[Sampled]) -> pa.Table:
    """Readings of series of the component `api`."""
    made = [
        {
            "platform": "shop",
            "component": "api",
            "name": name,
            "observed_at": at,
            "value": value,
            "labels": {"instance": instance},
        }
        for name, at, value, instance in rows
    ]
    return pa.Table.from_pylist(made, schema=tables.SAMPLES)


def checked(answers: Iterable[tuple[datetime, str]], component: str = "api") -> pa.Table:
    """Answers of the check `answers`."""
    rows = [
        {"platform": "shop", "component": component, "check_name": "answers", "observed_at": at, "status": status, "words": ""}
        for at, status in answers
    ]
    return pa.Table.from_pylist(rows, schema=tables.HEALTH)


def readings(store: Store, clock: FixedClock, name: str, points: Iterable[tuple[datetime, float]], instance: str = "a") -> None:
    """Store readings of one series, as having arrived now."""
    write(store, clock, Batch("shop", samples=sampled((name, at, value, instance) for at, value in points)))


def checks(store: Store, clock: FixedClock, answers: Sequence[tuple[datetime, str]]) -> None:
    """Store answers of the check `answers`, as having arrived now."""
    write(store, clock, Batch("shop", health=checked(answers)))


def counted(
    store: Store,
    clock: FixedClock,
    events: Iterable[tuple[datetime, bool]],
    since: datetime,
    until: datetime,
    step: timedelta = MINUTE,
) -> None:
    """Two counters, of all requests and of those that failed, as they read every `step` while events (when, failed) came."""
    waiting = sorted(events)
    asked, failed = [(since - step, 100.0)], [(since - step, 3.0)]
    at, index = since, 0
    while at <= until:
        whole, bad = asked[-1][1], failed[-1][1]
        while index < len(waiting) and waiting[index][0] <= at:
            whole, bad, index = whole + 1, bad + waiting[index][1], index + 1
        asked.append((at, whole))
        failed.append((at, bad))
        at += step
    readings(store, clock, "requests_total", asked)
    readings(store, clock, "failed_requests_total", failed)


def view(store: Store, pack: Pack, read_to: datetime, slos: dict[str, Slo] | None = None) -> Looking:
    """What is looked at."""
    packs = {pack.slug: pack}
    return Looking(store, packs, slos or slos_of(packs), read_to)


def burn(store: Store, pack: Pack, name: str, window: timedelta, at: datetime, slos: dict[str, Slo] | None = None) -> Burn:
    """One SLO's one window."""
    key = (f"shop.{name}", window)
    return burns(view(store, pack, at, slos), [key], at)[key]
