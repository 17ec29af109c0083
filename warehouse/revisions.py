"""New costs of stored events: each a difference appended to `cost_entries`, never an edit, marked so that rollups follow.

A revision says why it was written: `late price` (a price became known), `measured` (a day of a model that the platform runs itself is over),
`reprice` (somebody asked for it). Whoever appends runs under the fence `REVISING`, so that no two revisions of an event get one number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from warehouse import tables
from warehouse.ingest.spans import contiguous, literal
from warehouse.marking import on_ingest

if TYPE_CHECKING:
    from warehouse.store import Transaction

REVISING = "price"
LATE, MEASURED, REPRICE = "late price", "measured", "reprice"

PRICED = pa.schema(
    [
        ("event_id", pa.string()),
        ("source", pa.string()),
        ("id_hash", pa.uint64()),
        ("occurred_at", tables.INSTANT),
        ("price_id", pa.string()),
        ("cost_usd", tables.USD),
        ("cost_state", pa.string()),
    ]
)
"""Events with what each costs now, in all: whose, when, by which price, in which state."""

CURRENT = """
SELECT source, event_id, id_hash, sum(cost_usd)::DECIMAL(18, 9) AS cost_usd, arg_max(cost_state, revision) AS cost_state,
    arg_max(price_id, revision) AS price_id, max(revision) AS revision
FROM cost_entries WHERE {span} GROUP BY ALL
"""
REVISED = """
CREATE OR REPLACE TEMP TABLE revised AS
SELECT p.event_id, p.source, p.id_hash, p.occurred_at, (c.revision + 1)::INTEGER AS revision, p.price_id,
    (p.cost_usd - c.cost_usd)::DECIMAL(18, 9) AS cost_usd, p.cost_state, $now::TIMESTAMPTZ AS recorded_at, $reason AS reason
FROM to_revise AS p JOIN ({current}) AS c ON c.id_hash = p.id_hash AND c.source = p.source AND c.event_id = p.event_id
WHERE (p.cost_usd, p.cost_state, p.price_id) IS DISTINCT FROM (c.cost_usd, c.cost_state, c.price_id)
"""
TO_PRICE = """
SELECT {columns}, u.id_hash, c.cost_usd AS current_usd, c.cost_state AS current_state, c.price_id AS current_price_id
FROM (SELECT * FROM ai_usage WHERE occurred_at >= $since AND occurred_at < $until) AS u
JOIN ({current}) AS c ON c.id_hash = u.id_hash AND c.source = u.source AND c.event_id = u.event_id
WHERE ($provider IS NULL OR u.provider = $provider) AND ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], u.model))
    AND ($platform IS NULL OR u.platform = $platform) AND ($states::VARCHAR[] IS NULL OR list_contains($states::VARCHAR[], c.cost_state))
    AND NOT EXISTS (SELECT 1 FROM closed_spans AS b WHERE (b.platform = '' OR b.platform = u.platform) AND u.occurred_at >= b.since AND u.occurred_at < b.until)
    AND (u.occurred_at, u.source, u.event_id) > ($after_at::TIMESTAMPTZ, $after_source, $after_id)
ORDER BY u.occurred_at, u.source, u.event_id
LIMIT $most
"""
CLOSED = pa.schema([("platform", pa.string()), ("since", tables.INSTANT), ("until", tables.INSTANT)])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which stored events: of a span of time, and where given of a platform, a provider, models, states. `after`: behind that event."""

    since: datetime
    until: datetime
    platform: str | None = None
    provider: str | None = None
    models: Sequence[str] | None = None
    states: Sequence[str] | None = None
    after: tuple[datetime, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Events:
    """Stored events in order: `usage` as tables.USAGE in one chunk, their id_hash, and what each costs by now (current_usd, current_state,
    current_price_id)."""

    usage: pa.Table
    id_hash: pa.Array
    current: pa.Table

    @property
    def last(self) -> tuple[datetime, str, str]:
        """What to hand on as `Wanted.after` for the next ones."""
        row = self.usage.select(["occurred_at", "source", "event_id"]).slice(self.usage.num_rows - 1).to_pylist()[0]
        return row["occurred_at"], row["source"], row["event_id"]


def events_to_price(tx: Transaction, wanted: Wanted, closed: Sequence[Mapping[str, object]] = (), most: int = 20_000) -> Events:
    """The first `most` events wanted, by time. `closed` are spans (platform, since, until) of closed books, whose events are left out."""
    tx.register("closed_spans", pa.Table.from_pylist([dict(span) for span in closed], schema=CLOSED))
    span = "occurred_at >= $since AND occurred_at < $until"
    columns = ", ".join(f"u.{name}" for name in tables.USAGE.names)
    at, source, event_id = wanted.after or (wanted.since, "", "")
    found = tx.execute(
        TO_PRICE.format(columns=columns, current=CURRENT.format(span=span)),
        {
            "since": wanted.since, "until": wanted.until, "platform": wanted.platform, "provider": wanted.provider, "most": most,
            "models": list(wanted.models) if wanted.models is not None else None,
            "states": list(wanted.states) if wanted.states is not None else None, "after_at": at, "after_source": source, "after_id": event_id,
        },
    ).combine_chunks()  # fmt: skip
    usage = found.select(tables.USAGE.names).cast(tables.USAGE)
    whole = pa.table([_one_chunk(column) for column in usage.columns], schema=tables.USAGE)
    return Events(whole, _one_chunk(found.column("id_hash")), found.select(["current_usd", "current_state", "current_price_id"]))


def append_revisions(tx: Transaction, priced_events: pa.Table, reason: str, now: datetime) -> int:
    """Appends what `priced_events` (PRICED) cost now, where that is not what is stored; how many revisions that were.

    Nothing in here knows of closed books: leave their events out (`events_to_price` does).
    """
    if not priced_events.num_rows:
        return 0
    tx.register("to_revise", priced_events.select(PRICED.names).cast(PRICED))
    times = priced_events.column("occurred_at").cast(pa.int64()).to_numpy()
    span = " OR ".join(f"(occurred_at >= {literal(low)} AND occurred_at < {literal(high)})" for low, high in contiguous(times))
    tx.execute(REVISED.format(current=CURRENT.format(span=span)), {"now": now, "reason": reason})
    appended = int(tx.execute("SELECT count(*) AS n FROM revised")["n"][0].as_py())
    if appended:
        tx.execute("INSERT INTO cost_entries BY NAME SELECT * FROM revised")
        on_ingest(tx, "costs", "revised")
    return appended


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks)
        if column.num_chunks
        else pa.array([], column.type)
    )
