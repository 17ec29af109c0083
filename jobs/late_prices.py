"""Costs of stored events whose price is known now: those that were unpriced, and those of models the platform runs itself, once measured.

One run revises a bounded number of events and says whether there are more, so that jobs never hold the warehouse for long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from analytics.self_hosted import ServedDay
from warehouse.ingest.pricing import KeptOut, price_usage
from warehouse.revisions import LATE, MEASURED, REVISING, Events, Wanted, append_revisions, events_to_price
from warehouse.state.closed_periods import ClosedPeriods
from warehouse.store import Store, Transaction

MOST_EVENTS = 50_000
"""Of one run."""
BATCH = 10_000
DAY = timedelta(days=1)
# Days and things with calls that have no price, where a rate that was resolved since then may hold.
WAITING = """
SELECT make_timestamptz(epoch_us(w.bucket) // 86400000000 * 86400000000) AS day, w.provider, w.model, w.platform, sum(w.unpriced_requests)::BIGINT AS calls,
    max(r.resolved_at) AS resolved_at, any_value(r.rates) AS rates
FROM usage_15m AS w
JOIN (SELECT provider, model, platform, max(resolved_at) AS resolved_at, count(*) AS rates FROM rates GROUP BY ALL) AS r
    ON r.provider = w.provider AND r.model = w.model AND (r.platform = '' OR r.platform = w.platform)
GROUP BY ALL HAVING sum(w.unpriced_requests) > 0 ORDER BY ALL
"""
# Days of a platform's own models that are measured while calls may still stand at an earlier rate: what a process that ended did not come to.
INTERRUPTED = """
WITH measured AS (
    SELECT platform, provider, model, valid_from, valid_to, count(DISTINCT usd_per_unit) AS rates, max(resolved_at) AS resolved_at
    FROM rates WHERE starts_with(catalogue, 'measured') GROUP BY ALL
),
estimated AS (SELECT platform, provider, model, bucket FROM usage_15m GROUP BY ALL HAVING sum(estimated_usd) <> 0),
left_over AS (
    SELECT * EXCLUDE (rates, resolved_at) FROM measured
    WHERE rates > 1 AND resolved_at >= (SELECT max(resolved_at) FROM measured) - INTERVAL 1 DAY
    UNION
    SELECT m.* EXCLUDE (rates, resolved_at) FROM measured AS m
    JOIN estimated AS e ON e.platform = m.platform AND e.provider = m.provider AND e.model = m.model AND e.bucket >= m.valid_from
        AND e.bucket < m.valid_to
)
SELECT platform, provider, valid_from, valid_to, list_sort(list(model)) AS models FROM left_over GROUP BY ALL ORDER BY ALL
"""
ONCE_MEASURED = ("unpriced", "estimated", "priced", "free")
"""States of calls that a measured rate may change."""


@dataclass(frozen=True, slots=True)
class _Task:
    wanted: Wanted
    reason: str
    key: tuple[Any, ...] | None = None


class LatePrices:
    """What waits for a price. It remembers what it looked at in vain, so that a run costs little while nothing has changed."""

    def __init__(self, store: Store, closed: ClosedPeriods | None) -> None:
        self._store = store
        self._closed = closed
        self._tasks: list[_Task] = []
        self._resumed = False
        self._in_vain: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def measure(self, platform: str, days: Sequence[ServedDay]) -> None:
        """Have the calls of these days priced again at their measured rate."""
        for day in days:
            self._measure(day.start, day.end, platform, day.provider, sorted(day.tokens))

    def _measure(self, since: datetime, until: datetime, platform: str, provider: str, models: Sequence[str]) -> None:
        self._tasks.append(_Task(Wanted(since, until, platform, provider, models, states=ONCE_MEASURED), MEASURED))

    def run(self, now: datetime, most: int = MOST_EVENTS) -> tuple[int, bool]:
        """Appends revisions; how many, and whether more is waiting. Raises StoreError."""
        revised = looked = 0
        searched = False
        if not self._resumed:
            for row in self._store.select(INTERRUPTED).to_pylist():
                self._measure(row["valid_from"], row["valid_to"], row["platform"], row["provider"], row["models"])
            self._resumed = True
        while looked < most:
            if not self._tasks:
                if searched:
                    break
                self._tasks, searched = self._waiting(), True
                continue
            task = self._tasks[0]
            changed, seen, after = self._store.run(lambda tx, task=task: self._one(tx, task, now), fence=REVISING)  # type: ignore[misc]
            revised, looked = revised + changed, looked + seen
            if after is None:
                self._tasks.pop(0)
                if task.key is not None:
                    self._in_vain[task.key[:4]] = task.key
            else:
                self._tasks[0] = replace(task, wanted=replace(task.wanted, after=after))
        return revised, bool(self._tasks) or not searched

    def _waiting(self) -> list[_Task]:
        tasks = []
        seen: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        for row in self._store.select(WAITING).to_pylist():
            thing = (row["day"], row["provider"], row["model"], row["platform"])
            key = (*thing, row["calls"], row["resolved_at"], row["rates"])
            if self._in_vain.get(thing) == key:
                seen[thing] = key
                continue
            wanted = Wanted(row["day"], row["day"] + DAY, row["platform"], row["provider"], [row["model"]], states=("unpriced",))
            tasks.append(_Task(wanted, LATE, key))
        self._in_vain = seen
        return tasks

    def _one(self, tx: Transaction, task: _Task, now: datetime) -> tuple[int, int, tuple[datetime, str, str] | None]:
        events = events_to_price(tx, task.wanted, self._closed_spans(), BATCH)
        count = events.usage.num_rows
        if not count:
            return 0, 0, None
        changed = append_revisions(tx, _priced(tx, events), task.reason, now)
        return changed, count, events.last if count == BATCH else None

    def _closed_spans(self) -> list[Mapping[str, object]]:
        periods = self._closed.closed() if self._closed is not None else []
        return [{"platform": period.platform, "since": period.since, "until": period.until} for period in periods]


def _priced(tx: Transaction, events: Events) -> pa.Table:
    """The events with what they cost now; those that have no cost that could be stored are left as they are."""
    rows = np.arange(events.usage.num_rows)
    while True:
        usage = events.usage.take(rows).combine_chunks()
        try:
            priced = price_usage(tx, usage)
            break
        except KeptOut as error:
            rows = np.delete(rows, sorted({row for places in error.rows.values() for row in places}))
            if not len(rows):
                return events.usage.slice(0, 0)
    names = ("event_id", "source", "occurred_at")
    return pa.table(
        {**{name: usage.column(name) for name in names}, "id_hash": events.id_hash.take(pa.array(rows)), **vars(priced)}
    )
