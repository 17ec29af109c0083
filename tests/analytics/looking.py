"""A platform small enough to work out by hand, and rules over it, for tests of conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from analytics.conditions import Found, View, look
from roomleft.clock import FixedClock
from roomleft.findings import Looked, Severity
from roomleft.packs import Pack, load_pack
from roomleft.rules import Rule, RuleSpec
from warehouse import tables
from warehouse.store import Store
from warehouse.writer import Batch, Writer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
PACK = """
slug: shop
title: Shop
summary: A platform that is watched.
states: {today: {title: Today, summary: now}}
components:
  - {id: database, title: Database, summary: where orders are}
  - {id: ai, title: AI, summary: AI}
sources:
  - {name: app, kind: prometheus, url: "http://127.0.0.1:9100/metrics", component: database}
thresholds:
  lag: {title: Lag, component: database, side: above, amount: 30, unit: seconds}
meters:
  lag: {kind: gauge, unit: seconds, series: lag_s, component: database, across: max}
  requests: {kind: increase, unit: requests, series: requests_total, over: 5m}
  failed: {kind: increase, unit: requests, series: failed_total, over: 5m}
  failures: {kind: ratio, unit: percent, part: failed, whole: requests, scale: 100}
  ai_cost: {kind: cost, unit: usd}
  p99: {kind: percentile, unit: ms, percent: 99}
  stored: {kind: gauge, unit: gb, series: stored_gb, across: sum}
  calls: {kind: count, unit: requests, of: requests, over: 1h}
  cost_1h: {kind: cost, unit: usd, over: 1h}
  cost_per_call: {kind: ratio, unit: usd, part: cost_1h, whole: calls}
limits:
  - {id: lag, kind: capacity, title: Replication lag, amount: 60, unit: seconds, meter: lag, owner: o}
  - {id: ai_budget, kind: budget, title: AI budget, amount: 100, unit: usd, meter: ai_cost, window: month, owner: o,
     next_step: {what: Use the small model, cost_usd_per_month: -200, lead_time: 7d}}
  - {id: stored, kind: capacity, title: Storage, amount: 100, unit: gb, meter: stored, owner: o}
"""


def pack_in(folder: Path, text: str = PACK) -> Pack:
    """The platform's pack."""
    (folder / "shop.yaml").write_text(text)
    return load_pack(folder / "shop.yaml")


def rule(when: Mapping[str, Any], name: str = "Watched", *, offset: timedelta = timedelta(0), **more: Any) -> Rule:
    """A rule with a condition as it is written in YAML."""
    spec = RuleSpec.model_validate({"alert": name, "title": "t", "when": when, "severity": "warning", "runbook": "r.md"})
    given: dict[str, Any] = {
        "rule_id": f"shop.{name}",
        "platform": "shop",
        "alert": name,
        "title": name,
        "group": "g",
        "when": spec.when,
        "hold": timedelta(0),
        "keep_firing_for": timedelta(0),
        "on_no_data": "unknown",
        "severity": Severity.WARNING,
        "component": "",
        "owner": "",
        "labels": {"alertname": name, "platform": "shop"},
        "annotations": {},
        "runbook": "r.md",
        "interval": None,
        "query_offset": offset,
        "limit": None,
        "fired_by": (),
        "where": "rules.yaml:1",
    }
    return Rule(**{**given, **more})


class Watched:
    """A warehouse with the platform in it, on a clock that stands where it is put."""

    def __init__(self, folder: Path, text: str = PACK) -> None:
        self.clock = FixedClock(NOW)
        self.pack = pack_in(folder, text)
        self.store = Store.open("duckdb:///:memory:", now=self.clock, threads=1)
        self.packs = {"shop": self.pack}

    def close(self) -> None:
        self.store.close()

    def write(self, arrived: datetime, batch: Batch) -> None:
        """Stores a batch that comes in at an instant."""
        self.clock.at = arrived
        writer = Writer(self.store, self.clock, group_ms=0)
        writer.start()
        writer.write(batch)
        writer.close()

    def series(
        self,
        name: str,
        values: Sequence[float | None],
        *,
        start: datetime,
        step: timedelta = MINUTE,
        arrived: datetime | None = None,
        **labels: str,
    ) -> None:
        """A series that gives these values, one a step."""
        rows: list[dict[str, Any]] = [
            {
                "platform": "shop",
                "component": "collector" if name == "up" else "database",
                "name": name,
                "labels": labels,
                "observed_at": start + k * step,
                "value": value,
            }
            for k, value in enumerate(values)
        ]
        self.write(arrived or rows[-1]["observed_at"], Batch("shop", samples=pa.Table.from_pylist(rows, schema=tables.SAMPLES)))

    def health(self, check: str, status: str, at: datetime, words: str = "", component: str = "database") -> None:
        """One check's answer."""
        row = {
            "platform": "shop", "component": component, "check_name": check, "observed_at": at, "status": status,
            "value": None, "unit": None, "words": words,
        }  # fmt: skip
        self.write(at, Batch("shop", health=pa.Table.from_pylist([row], schema=tables.HEALTH)))

    def view(self, read_to: datetime, **more: Any) -> View:
        return View(self.store, self.packs, read_to, **more)

    def look(self, *rules: Rule, at: datetime = NOW, read_to: datetime | None = None, **more: Any) -> Found:
        return look(self.view(read_to or at, **more), {each.rule_id: each for each in rules}, at)

    def one(self, when: Mapping[str, Any], at: datetime = NOW, **more: Any) -> Looked:
        """What one condition says."""
        return self.look(rule(when), at=at, **more)["shop.Watched"]
