"""Alert rules: what looking at 1 000 of them, over 10 000 label sets in all, takes of a 15 s interval, and against one query a rule."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from analytics.conditions import View, look
from analytics.conditions_view import Remembered
from roomleft.clock import FixedClock
from roomleft.findings import Severity
from roomleft.packs import Pack, load_pack
from roomleft.rules import Rule, RuleSpec
from tests.benchmarks.timing import Result
from warehouse import tables
from warehouse.store import Store

EVERY = timedelta(seconds=15)
RULES, NAMES, SHARDS, EACH = 1_000, 100, 10, 10
HISTORY = timedelta(hours=1)
BEATS = 5
MOST_SHARE, LEAST_RATIO = 0.20, 10.0
PACK = """
slug: busy
title: Busy
summary: A platform with many series.
states: {today: {title: Today, summary: now}}
components: [{id: app, title: App, summary: App}]
meters: {level: {kind: gauge, unit: percent, series: level}}
limits:
"""
LIMIT = "  - {{id: limit_{k}, kind: capacity, title: Limit {k}, amount: 100, unit: percent, meter: level, owner: o}}\n"
ONE_QUERY = """
SELECT any_value(series.labels) AS labels, avg(value) AS value
FROM samples JOIN series USING (series_id)
WHERE name = $name AND labels['shard'] = $shard AND observed_at > $since AND observed_at <= $until AND ingested_at <= $until
GROUP BY series_id
"""


def alerts(folder: Path, now: datetime) -> list[Result]:
    """The share of an interval, and the ratio."""
    pack = _pack(folder)
    store = _filled(folder, now)
    try:
        rules = {rule.rule_id: rule for rule in map(_rule, range(RULES))}
        remembered = Remembered()
        took, each_s, label_sets, told = [], [], 0, 0
        for beat in range(BEATS):
            at = now + beat * EVERY
            began = time.perf_counter()
            found = look(View(store, {"busy": pack}, at, remembered=remembered), rules, at, active=frozenset())
            took.append(time.perf_counter() - began)
            label_sets, told = found.label_sets, sum(len(each.findings) for each in found.values())
            # In turn, a fifth of the rules each time, so that the machine's drift falls on both.
            began = time.perf_counter()
            for rule in list(rules.values())[beat::BEATS]:
                _ask(store, rule, at)
            each_s.append((time.perf_counter() - began) * BEATS)
        ours, theirs = statistics.median(took[1:]), statistics.median(each_s[1:])
    finally:
        store.close()
    share = ours / EVERY.total_seconds()
    what = f"{RULES:,} rules over {label_sets:,} label sets ({told} told of)"
    return [
        Result(f"{what}: share of a 15 s interval", f"{share:.1%} ({ours * 1000:.0f} ms, at first {took[0] * 1000:.0f})", f"≤ {MOST_SHARE:.0%}", share <= MOST_SHARE),
        Result(f"{what}: against one query a rule", f"{theirs / ours:.1f}x ({theirs:.1f} s)", f"≥ {LEAST_RATIO:g}x", theirs / ours >= LEAST_RATIO),
    ]  # fmt: skip


def _ask(store: Store, rule: Rule, at: datetime) -> None:
    """One rule by a query of its own."""
    labels: Mapping[str, str] = rule.when.labels  # type: ignore[union-attr]
    name: str = rule.when.series  # type: ignore[union-attr]
    asked = {"name": name, "shard": labels["shard"], "since": at - timedelta(minutes=5), "until": at}
    store.select(ONE_QUERY, asked).to_pylist()


def _pack(folder: Path) -> Pack:
    path = folder / "busy.yaml"
    path.write_text(PACK + "".join(LIMIT.format(k=k) for k in range(50)))
    return load_pack(path)


def _rule(number: int) -> Rule:
    name, shard = f"series_{number % NAMES}_total" if number % 4 == 3 else f"series_{number % NAMES}", str(number // NAMES)
    over_time = ("mean", "last", "max", "rate")[number % 4]
    when: dict[str, Any] = {
        "series": name,
        "labels": {"shard": shard},
        "by": ["instance"],
        "over_time": over_time,
        "above": "99.9",
    }
    spec = RuleSpec.model_validate({"alert": f"Rule{number}", "title": "t", "when": when, "severity": "warning", "runbook": "r"})
    return Rule(
        f"busy.Rule{number}", "busy", spec.alert, "t", "g", spec.when, timedelta(0), timedelta(0), "unknown", Severity.WARNING, "", "",
        {"alertname": spec.alert}, {}, "r", None, timedelta(0), None, (), "bench",
    )  # fmt: skip


def _filled(folder: Path, now: datetime) -> Store:
    """An hour of readings of every series, each 15 s, as the writer would have stored them, and 75 s more."""
    clock = FixedClock(now)
    store = Store.open(f"duckdb:///{folder}/alerts.duckdb", now=clock, threads=2)
    rng = np.random.default_rng(7)
    rows, ids = [], []
    for number in range(NAMES):
        name = f"series_{number}_total" if number % 4 == 3 else f"series_{number}"
        for shard in range(SHARDS):
            for instance in range(EACH):
                labels = {"shard": str(shard), "instance": f"i{instance}"}
                ids.append(tables.series_id("busy", "app", name, labels))
                rows.append(
                    {"series_id": ids[-1], "platform": "busy", "component": "app", "name": name, "labels": labels, "seen_at": now}
                )
    store.run(lambda tx: tx.insert("series", pa.Table.from_pylist(rows, schema=tables.SERIES)))
    column = pa.array(ids, pa.uint64())
    totals = np.zeros(len(ids))
    begin = now - HISTORY
    while begin <= now + BEATS * EVERY:
        totals += rng.random(len(ids))
        levels = rng.random(len(ids)) * 100
        value = np.where(np.arange(len(ids)) // (SHARDS * EACH) % 4 == 3, totals, levels)
        instants = pa.repeat(pa.scalar(begin, tables.INSTANT), len(ids))
        table = pa.table({"series_id": column, "observed_at": instants, "value": pa.array(value), "ingested_at": instants})
        store.run(lambda tx, table=table: tx.insert("samples", table))  # type: ignore[misc]
        begin += EVERY
    return store
