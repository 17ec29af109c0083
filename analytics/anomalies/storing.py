"""Anomalies as they are kept: one row each time there is more to say of one; the newest row of an id counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime

import pyarrow as pa

from analytics.anomalies.finding import Anomaly
from warehouse.store import Store, Transaction
from warehouse.tables import ANOMALIES

FENCE = "anomaly"


def store_anomalies(store: Store, rows: Sequence[Anomaly]) -> None:
    """Store rows as they stand now. Raises StoreError."""
    with store.arrivals.stamp(store.now) as at:
        plain = [
            {**asdict(row), "causes": json.dumps(row.causes, sort_keys=True), "found_at": max(row.found_at, at)} for row in rows
        ]
        table = pa.Table.from_pylist(plain, schema=ANOMALIES)

        def write(tx: Transaction) -> int:
            return tx.insert("anomalies", table)

        store.run(write, fence=FENCE)


def mark_as_known(store: Store, found: Anomaly, words: str, now: datetime) -> Anomaly:
    """Store that an anomaly is known as something; it alerts no more. Raises StoreError."""
    row = replace(found, known_as=words, found_at=now)
    store_anomalies(store, [row])
    return row


def anomalies(
    store: Store,
    since: datetime,
    until: datetime,
    *,
    platform: str | None = None,
    form: str | None = None,
    read_to: datetime | None = None,
    most: int = 200,
) -> list[Anomaly]:
    """The anomalies about [since, until), newest first, as they stand, or stood at `read_to`. Raises StoreError."""
    given = {"since": since, "until": until, "platform": platform, "form": form, "read_to": read_to, "most": most}
    return [Anomaly.of(row) for row in store.rows("anomalies", **given)]
