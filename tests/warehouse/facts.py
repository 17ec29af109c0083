"""Storing facts as ingest does (insert, cost, mark, in one transaction), and a plain recomputation to hold rollups against."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from tests.warehouse.rows import NOON, make_usage
from warehouse import marking
from warehouse.store import Store, Transaction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIMENSIONS = ("platform", "component", "provider", "model", "request_type", "tier", "status")
USER_DIMENSIONS = ("platform", "user_id", "tier", "provider", "model", "request_type", "status")
ADD_COSTS = """
INSERT INTO cost_entries BY NAME
SELECT
    event_id, source, id_hash, occurred_at, 1 AS revision, NULL AS price_id, cost_usd, cost_state, ingested_at AS recorded_at
FROM staged
"""


def store_usage(store: Store, events: Sequence[Mapping[str, Any]], *, ingested_at: datetime = NOON) -> int:
    """Stores events (as `usage_event`, with `cost_usd` and perhaps `cost_state`) that are not stored yet; how many."""
    return store.run(lambda tx: add_usage(tx, events, ingested_at), fence="ingest")


def add_usage(tx: Transaction, events: Sequence[Mapping[str, Any]], ingested_at: datetime = NOON) -> int:
    """The same inside a transaction."""
    if not events:
        return 0
    costs = pa.Table.from_pylist(
        [
            {
                "cost_usd": Decimal(event.get("cost_usd", 0)),
                "cost_state": event.get("cost_state", "priced"),
                "ingested_at": ingested_at,
            }
            for event in events
        ],
        schema=pa.schema(
            [("cost_usd", pa.decimal128(18, 9)), ("cost_state", pa.string()), ("ingested_at", pa.timestamp("us", "UTC"))]
        ),
    )
    given = make_usage(
        [{key: value for key, value in event.items() if key not in ("cost_usd", "cost_state")} for event in events]
    )
    for name in costs.column_names:
        given = given.append_column(name, costs[name])
    tx.register("given", given)
    tx.execute(
        "CREATE OR REPLACE TEMP TABLE staged AS SELECT *, hash(source, event_id) AS id_hash, 0::UBIGINT AS content_hash"
        " FROM given"
        " WHERE (source, event_id) NOT IN (SELECT (source, event_id) FROM ai_usage)"
        " QUALIFY row_number() OVER (PARTITION BY source, event_id) = 1"
    )
    tx.execute("INSERT INTO ai_usage BY NAME SELECT * EXCLUDE (cost_usd, cost_state) FROM staged")
    tx.execute(ADD_COSTS)
    marking.on_ingest(tx, "usage", "staged")
    return int(tx.execute("SELECT count(*) AS n FROM staged")["n"][0].as_py())


def store_samples(store: Store, readings: Sequence[tuple[int, datetime, float | None]], *, ingested_at: datetime = NOON) -> int:
    """Stores (series_id, observed_at, value) readings that are not stored yet; how many."""

    def add(tx: Transaction) -> int:
        schema = pa.schema([("series_id", pa.uint64()), ("observed_at", pa.timestamp("us", "UTC")), ("value", pa.float64())])
        rows = [{"series_id": series, "observed_at": at, "value": value} for series, at, value in readings]
        tx.register("given", pa.Table.from_pylist(rows, schema=schema))
        tx.execute(
            "CREATE OR REPLACE TEMP TABLE staged AS SELECT *, $now::TIMESTAMPTZ AS ingested_at FROM given"
            " WHERE (series_id, observed_at) NOT IN (SELECT (series_id, observed_at) FROM samples)",
            {"now": ingested_at},
        )
        tx.execute("INSERT INTO samples BY NAME SELECT * FROM staged")
        marking.on_ingest(tx, "samples", "staged")
        return int(tx.execute("SELECT count(*) AS n FROM staged")["n"][0].as_py())

    return store.run(add, fence="ingest")


REVISE = """
CREATE TEMP TABLE revised AS
SELECT
    event_id, source, id_hash, occurred_at, (SELECT max(revision) + 1 FROM cost_entries)::INTEGER AS revision, 'p' AS price_id,
    $delta::DECIMAL(18, 9) AS cost_usd, 'priced' AS cost_state, $at::TIMESTAMPTZ AS recorded_at
FROM ai_usage
"""


def reprice(store: Store, delta: Decimal, at: datetime = NOON) -> None:
    """Appends a revision to every event, dearer by `delta`."""

    def add(tx: Transaction) -> None:
        tx.execute(REVISE, {"delta": delta, "at": at})
        tx.execute("INSERT INTO cost_entries BY NAME SELECT * FROM revised")
        marking.on_ingest(tx, "costs", "revised")

    store.run(add, fence="ingest")


def down(at: datetime, grain: timedelta) -> datetime:
    return at - (at - EPOCH) % grain


def plain_usage(events: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], tuple[int, int, Decimal, int, int]]:
    """(bucket, dimensions) → requests, output tokens, cost, unpriced requests, calls with a latency; from distinct events."""
    sums: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, 0, Decimal(0), 0, 0])
    for event in events:
        here = sums[(down(event["occurred_at"], timedelta(minutes=15)), *(event.get(name) for name in DIMENSIONS))]
        _add(here, event)
        here[4] += event["requests"] == 1 and event.get("latency_ms") is not None
    return {key: tuple(values) for key, values in sums.items()}  # type: ignore[misc]


def plain_user_days(
    events: Iterable[Mapping[str, Any]], zones: Sequence[str]
) -> dict[tuple[Any, ...], tuple[int, int, Decimal, int]]:
    """(zone, day, user dimensions) → requests, tokens, cost, unpriced requests."""
    sums: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, 0, Decimal(0), 0])
    for event in events:
        for zone in zones:
            day = event["occurred_at"].astimezone(ZoneInfo(zone)).date()
            named = {**event, "user_id": event.get("user_id") or "(none)"}
            _add(sums[(zone, day, *(named.get(name) for name in USER_DIMENSIONS))], event)
    return {key: tuple(values) for key, values in sums.items()}  # type: ignore[misc]


def _add(sums: list[Any], event: Mapping[str, Any]) -> None:
    sums[0] += event["requests"]
    sums[1] += event["output_tokens"]
    sums[2] += Decimal(event.get("cost_usd", 0))
    sums[3] += event["requests"] if event.get("cost_state") == "unpriced" else 0


def plain_latency(events: Iterable[Mapping[str, Any]], grain: timedelta) -> dict[tuple[Any, ...], int]:
    """(bucket, platform, provider, model, latency bucket) → calls."""
    counts: dict[tuple[Any, ...], int] = defaultdict(int)
    for event in events:
        latency = event.get("latency_ms")
        if event["requests"] == 1 and latency is not None:
            bucket = -32768 if latency <= 0 else max(-32767, math.ceil(math.log(latency) / math.log(1.02)))
            counts[(down(event["occurred_at"], grain), event["platform"], event.get("provider"), event.get("model"), bucket)] += 1
    return dict(counts)


def stored(store: Store, sql: str, keys: int) -> dict[tuple[Any, ...], Any]:
    """A grouped SELECT's rows as {first `keys` columns: the rest (alone when one)}."""
    table = store.select(sql)
    found = {}
    for row in table.to_pylist():
        values = [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row.values()]
        rest = tuple(values[keys:])
        found[tuple(values[:keys])] = rest[0] if len(rest) == 1 else rest
    return found


def stored_usage(store: Store) -> dict[tuple[Any, ...], Any]:
    return stored(
        store,
        f"SELECT bucket, {', '.join(DIMENSIONS)}, sum(requests)::BIGINT, sum(output_tokens)::BIGINT, sum(cost_usd),"
        " sum(unpriced_requests)::BIGINT, sum(latency_count)::BIGINT FROM usage_15m GROUP BY ALL",
        8,
    )


def stored_user_days(store: Store) -> dict[tuple[Any, ...], Any]:
    return stored(
        store,
        f"SELECT zone, day, {', '.join(USER_DIMENSIONS)}, sum(requests)::BIGINT, sum(tokens)::BIGINT, sum(cost_usd),"
        " sum(unpriced_requests)::BIGINT FROM usage_user_1d GROUP BY ALL",
        9,
    )


def stored_latency(store: Store, table: str) -> dict[tuple[Any, ...], Any]:
    return stored(
        store, f"SELECT bucket, platform, provider, model, latency_bucket, sum(count)::BIGINT FROM {table} GROUP BY ALL", 5
    )
