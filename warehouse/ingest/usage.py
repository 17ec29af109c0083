"""AI usage on its way in: which rows are new, what they cost, where they go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from warehouse import tables
from warehouse.ingest.known_ids import Hashes, KnownIds
from warehouse.ingest.pricing import KeptOut, price_usage
from warehouse.ingest.rate_book import RateBook
from warehouse.ingest.responses import judge_responses
from warehouse.ingest.spans import contiguous, literal
from warehouse.marking import Touched, on_ingest

if TYPE_CHECKING:
    from warehouse.store import Transaction

NEW, DUPLICATE, OTHER_CONTENT, OTHER_TIME, TOO_DEAR, ODD_UNITS = 0, 1, 2, 3, 4, 5
FIELD_OF = {OTHER_CONTENT: "content", OTHER_TIME: "occurred_at", TOO_DEAR: "cost_usd", ODD_UNITS: "other_units"}
VERDICT_OF = {field: verdict for verdict, field in FIELD_OF.items()}
Verdicts = npt.NDArray[np.int8]

CONTENT = [field.name for field in tables.USAGE if field.name not in ("event_id", "source")]
# md5 and not hash(): an id's hash must mean the same after the engine is upgraded. The content's hash need not: where two differ,
# the columns themselves are compared.
HASHES = f"""
SELECT md5_number_lower(source || chr(31) || event_id) AS id_hash, hash({", ".join(CONTENT)}) AS content_hash FROM incoming_usage
"""
SAME_TIME = """
SELECT s.row, min(u.content_hash <> s.content_hash) AS differs
FROM suspects AS s JOIN (SELECT * FROM ai_usage WHERE occurred_at >= {low} AND occurred_at < {high}) AS u
    ON u.id_hash = s.id_hash AND u.occurred_at = s.occurred_at AND u.source = s.source AND u.event_id = s.event_id
GROUP BY s.row
"""
SAME_CONTENT = f"""
SELECT s.row
FROM suspects AS s JOIN (SELECT * FROM ai_usage WHERE occurred_at >= {{low}} AND occurred_at < {{high}}) AS u
    ON u.id_hash = s.id_hash AND u.occurred_at = s.occurred_at AND u.source = s.source AND u.event_id = s.event_id
WHERE {
    " AND ".join(
        f"list_sort(map_entries(u.{f.name})) IS NOT DISTINCT FROM list_sort(map_entries(s.{f.name}))"
        if pa.types.is_map(f.type)
        else f"u.{f.name} IS NOT DISTINCT FROM s.{f.name}"
        for f in tables.USAGE
    )
}
"""
ANY_TIME = """
SELECT s.row, min(u.occurred_at) AS stored_at
FROM suspects AS s JOIN ai_usage AS u ON u.id_hash = s.id_hash AND u.source = s.source AND u.event_id = s.event_id
GROUP BY s.row
"""
# What a conflict held, without any free text of the call.
REJECT = """
INSERT INTO rejected BY NAME
SELECT c.* FROM (
    SELECT source, 'usage' AS stream, event_id, field, rejected_at,
        CASE field
            WHEN 'occurred_at' THEN 'this id is already stored with another time: '
                || strftime(stored_at, '%Y-%m-%dT%H:%M:%S.%fZ') || ' stored, ' || strftime(occurred_at, '%Y-%m-%dT%H:%M:%S.%fZ') || ' now'
            WHEN 'cost_usd' THEN 'at the prices of its time it would cost a million dollars or more: are its quantities in the right unit?'
            WHEN 'response_id' THEN words
            WHEN 'other_units' THEN 'other_units holds more of a part than of what it is a part of, or a count that is negative or a fraction'
            ELSE 'this id is already stored with other content for ' || strftime(occurred_at, '%Y-%m-%dT%H:%M:%S.%fZ')
        END AS reason,
        to_json({'platform': platform, 'provider': provider, 'model': model, 'status': status, 'requests': requests,
            'input_uncached_tokens': input_uncached_tokens, 'cache_read_tokens': cache_read_tokens,
            'cache_write_tokens': cache_write_tokens, 'output_tokens': output_tokens, 'images': images, 'characters': characters,
            'audio_seconds': audio_seconds::VARCHAR})::VARCHAR AS content
    FROM conflicts
) AS c
-- A source that keeps sending the same thing again is told once.
ANTI JOIN rejected AS r ON r.source = c.source AND r.stream = c.stream AND r.event_id = c.event_id AND r.reason = c.reason
    AND r.content = c.content
"""


@dataclass(frozen=True)
class StoredUsage:
    """What became of each row (NEW, DUPLICATE, OTHER_CONTENT, OTHER_TIME, TOO_DEAR, ODD_UNITS), and the hashes of ids and answers to remember once it is committed."""

    verdicts: Verdicts
    id_hashes: Hashes
    response_hashes: Hashes


def store_usage(
    tx: Transaction, usage: pa.Table, known: KnownIds, responses: KnownIds, now: datetime, book: RateBook | None = None
) -> StoredUsage:
    """Stores the rows of `usage` (tables.USAGE) whose id is new and whose answer nobody told of, prices them, marks their buckets; keeps
    conflicts out and visible."""
    known.refresh(tx)
    tx.register("incoming_usage", usage)
    hashed = tx.execute(HASHES)
    ids: Hashes = hashed.column("id_hash").to_numpy()
    contents: Hashes = hashed.column("content_hash").to_numpy()
    verdicts, stored_at = _judge(tx, usage, ids, contents, known)
    while True:
        answered = judge_responses(tx, usage, np.flatnonzero(verdicts == NEW), responses)
        is_new = verdicts == NEW
        is_new[answered.told] = False
        new = np.flatnonzero(is_new)
        if not len(new):
            break
        try:
            _insert(tx, usage, ids, contents, is_new, answered.column(new, len(ids)), now, book)
            break
        except KeptOut as error:  # raised before anything was written: the others go in without them
            for field, rows in error.rows.items():
                verdicts[new[rows]] = VERDICT_OF[field]
    verdicts[answered.told] = DUPLICATE
    if (verdicts >= OTHER_CONTENT).any() or answered.disagree:
        _reject(tx, usage, verdicts, answered.disagree, stored_at, now)
    return StoredUsage(verdicts, ids[is_new], answered.hashes(new))


def _judge(
    tx: Transaction, usage: pa.Table, ids: Hashes, contents: Hashes, known: KnownIds
) -> tuple[Verdicts, dict[int, datetime]]:
    verdicts: Verdicts = np.zeros(len(ids), dtype=np.int8)
    stored_at: dict[int, datetime] = {}
    suspects = np.flatnonzero(known.maybe_stored(ids))
    if len(suspects):
        _compare_with_stored(tx, usage, ids, contents, suspects, verdicts, stored_at)
    _compare_within_batch(usage, ids, contents, verdicts, stored_at)
    return verdicts, stored_at


def _compare_with_stored(
    tx: Transaction,
    usage: pa.Table,
    ids: Hashes,
    contents: Hashes,
    suspects: npt.NDArray[np.int64],
    verdicts: Verdicts,
    stored_at: dict[int, datetime],
) -> None:
    """Asks the table about ids that may be stored: first the hours the rows claim, and only for those not found there the whole column."""
    waiting = set(suspects.tolist())
    times = usage.column("occurred_at").cast(pa.int64()).to_numpy()[suspects]
    _register_suspects(tx, usage, ids, contents, suspects)
    stretches = contiguous(times)
    differing: list[int] = []
    for low, high in stretches:
        found = tx.execute(SAME_TIME.format(low=literal(low), high=literal(high)))
        for row, differs in zip(found["row"].to_pylist(), found["differs"].to_pylist(), strict=True):
            verdicts[row] = OTHER_CONTENT if differs else DUPLICATE
            waiting.discard(row)
            if differs:
                differing.append(row)
    if differing:
        _register_suspects(tx, usage, ids, contents, np.array(differing))
        for low, high in contiguous(usage.column("occurred_at").cast(pa.int64()).to_numpy()[differing]):
            same = tx.execute(SAME_CONTENT.format(low=literal(low), high=literal(high)))
            verdicts[np.array(same["row"].to_pylist(), dtype=np.int64)] = DUPLICATE
    if waiting:
        _register_suspects(tx, usage, ids, contents, np.array(sorted(waiting)))
        found = tx.execute(ANY_TIME)
        for row, at in zip(found["row"].to_pylist(), found["stored_at"].to_pylist(), strict=True):
            verdicts[row] = OTHER_TIME
            stored_at[row] = at


def _register_suspects(tx: Transaction, usage: pa.Table, ids: Hashes, contents: Hashes, rows: npt.NDArray[np.int64]) -> None:
    table = usage.take(rows).append_column("row", pa.array(rows))
    tx.register(
        "suspects", table.append_column("id_hash", pa.array(ids[rows])).append_column("content_hash", pa.array(contents[rows]))
    )


def _compare_within_batch(
    usage: pa.Table, ids: Hashes, contents: Hashes, verdicts: Verdicts, stored_at: dict[int, datetime]
) -> None:
    """Of several rows with one new id the first is stored; the others repeat it or contradict it."""
    fresh = np.flatnonzero(verdicts == NEW)
    _, first, which = np.unique(ids[fresh], return_index=True, return_inverse=True)
    if len(first) == len(fresh):
        return
    times = usage.column("occurred_at")
    for position in np.flatnonzero(first[which] != np.arange(len(fresh))):
        row, original = int(fresh[position]), int(fresh[first[which[position]]])
        if contents[row] == contents[original]:
            verdicts[row] = DUPLICATE
        elif times[row].as_py() == times[original].as_py():
            verdicts[row] = OTHER_CONTENT
        else:
            verdicts[row] = OTHER_TIME
            stored_at[row] = times[original].as_py()


def _insert(
    tx: Transaction,
    usage: pa.Table,
    ids: Hashes,
    contents: Hashes,
    is_new: npt.NDArray[np.bool_],
    claims: pa.Array,
    now: datetime,
    book: RateBook | None,
) -> None:
    if not is_new.all():
        rows = np.flatnonzero(is_new)
        usage, ids, contents = usage.take(rows), ids[rows], contents[rows]
    priced = price_usage(tx, usage, book)
    added = {
        "ingested_at": pa.repeat(pa.scalar(now, tables.INSTANT), usage.num_rows),
        "id_hash": pa.array(ids),
        "content_hash": pa.array(contents),
        "response_hash": claims,
    }
    stored = _with(usage, added)
    tx.insert("ai_usage", stored)
    costs = {name: stored.column(name) for name in ("event_id", "source", "id_hash", "occurred_at")}
    costs |= {
        "revision": pa.repeat(pa.scalar(0, pa.int32()), usage.num_rows),
        **vars(priced),
        "recorded_at": added["ingested_at"],
    }
    tx.insert("cost_entries", pa.table(costs))
    times = usage.column("occurred_at").cast(pa.int64()).to_numpy()
    with_cost = _with(stored, {"cost_usd": priced.cost_usd, "cost_state": priced.cost_state})
    on_ingest(tx, "usage", "stored_usage", Touched(times, now), with_cost)


def _with(table: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def _reject(
    tx: Transaction,
    usage: pa.Table,
    verdicts: Verdicts,
    disagree: Mapping[int, str],
    stored_at: dict[int, datetime],
    now: datetime,
) -> None:
    """Note what was kept out with its reason. `disagree`: words on rows that are duplicates and yet say something else."""
    rows = np.union1d(np.flatnonzero(verdicts >= OTHER_CONTENT), np.array(list(disagree), dtype=np.int64))
    table = usage.take(rows)
    fields = [FIELD_OF.get(int(verdict), "response_id") for verdict in verdicts[rows]]
    table = table.append_column("field", pa.array(fields, pa.string()))
    table = table.append_column("words", pa.array([disagree.get(int(row)) for row in rows], pa.string()))
    table = table.append_column("stored_at", pa.array([stored_at.get(int(row)) for row in rows], tables.INSTANT))
    tx.register("conflicts", table.append_column("rejected_at", pa.repeat(pa.scalar(now, tables.INSTANT), len(rows))))
    tx.execute(REJECT)
