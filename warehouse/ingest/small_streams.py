"""Health checks, deploys and business days on their way in: few rows, so plain SQL joins decide which are new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from warehouse import tables
from warehouse.ingest.spans import contiguous, literal

if TYPE_CHECKING:
    from warehouse.store import Transaction

NEW, DUPLICATE, OTHER_CONTENT = 0, 1, 2
Verdicts = npt.NDArray[np.int8]


@dataclass(frozen=True)
class SmallStream:
    """A table, the columns that make a row the same row, and the column its hours are read by (None: the whole table)."""

    name: str
    table: str
    schema: pa.Schema
    identity: tuple[str, ...]
    time: str | None
    replaces: bool = False
    """True: the newest answer replaces the stored one. False: the first one stays, and another is a conflict."""

    @property
    def content(self) -> list[str]:
        return [name for name in self.schema.names if name not in self.identity]


HEALTH = SmallStream(
    "health", "health_checks", tables.HEALTH, ("platform", "component", "check_name", "observed_at"), "observed_at"
)
DEPLOYS = SmallStream("deploys", "deploys", tables.DEPLOYS, ("platform", "deploy_id"), None)
BUSINESS = SmallStream("business", "business_days", tables.BUSINESS, ("platform", "source", "day", "tier"), None, replaces=True)


def store_small(tx: Transaction, stream: SmallStream, rows: pa.Table, sources: pa.Array, now: datetime) -> Verdicts:
    """Stores what is new of `rows`, keeps conflicts out and visible; each row's verdict. `sources` says whose each row is."""
    verdicts: Verdicts = np.zeros(rows.num_rows, dtype=np.int8)
    tx.register("incoming", rows.append_column("row", pa.array(np.arange(rows.num_rows))).append_column("sent_by", sources))
    same = " AND ".join(f"s.{name} = i.{name}" for name in stream.identity)
    equal = " AND ".join(f"s.{name} IS NOT DISTINCT FROM i.{name}" for name in stream.content)
    _within_batch(tx, stream, same, equal, verdicts)
    for where in _reads(stream, rows):
        found = tx.execute(
            f"SELECT i.row, bool_or({equal}) AS equal FROM incoming AS i"
            f" JOIN (SELECT * FROM {stream.table} WHERE {where}) AS s ON {same} GROUP BY i.row"
        )
        for row, is_equal in zip(found["row"].to_pylist(), found["equal"].to_pylist(), strict=True):
            if verdicts[row] == NEW and (is_equal or not stream.replaces):
                verdicts[row] = DUPLICATE if is_equal else OTHER_CONTENT
    new = np.flatnonzero(verdicts == NEW)
    if len(new):
        fresh = rows.take(new).append_column("ingested_at", pa.repeat(pa.scalar(now, tables.INSTANT), len(new)))
        tx.register("fresh", fresh)
        if stream.replaces:
            tx.execute(f"DELETE FROM {stream.table} AS s USING fresh AS i WHERE {same}")
        tx.execute(f"INSERT INTO {stream.table} BY NAME SELECT * FROM fresh")
    _reject(tx, stream, np.flatnonzero(verdicts == OTHER_CONTENT), now)
    return verdicts


def _within_batch(tx: Transaction, stream: SmallStream, same: str, equal: str, verdicts: Verdicts) -> None:
    """Of several rows with one identity one is kept: the newest answer where it replaces, else the first."""
    order = "DESC" if stream.replaces else "ASC"
    again = tx.execute(
        f"SELECT i.row, {equal} AS equal FROM incoming AS i JOIN (SELECT * FROM incoming"
        f" QUALIFY row_number() OVER (PARTITION BY {', '.join(stream.identity)} ORDER BY row {order}) = 1) AS s ON {same}"
        " WHERE s.row <> i.row"
    )
    for row, is_equal in zip(again["row"].to_pylist(), again["equal"].to_pylist(), strict=True):
        verdicts[row] = DUPLICATE if is_equal or stream.replaces else OTHER_CONTENT


def _reads(stream: SmallStream, rows: pa.Table) -> list[str]:
    if stream.time is None:
        return ["true"]
    times = rows.column(stream.time).cast(pa.int64()).to_numpy()
    return [f"{stream.time} >= {literal(low)} AND {stream.time} < {literal(high)}" for low, high in contiguous(times)]


def _reject(tx: Transaction, stream: SmallStream, rows: npt.NDArray[np.int64], now: datetime) -> None:
    if not len(rows):
        return
    tx.register("refused_rows", pa.table({"row": rows}))
    identity = " || ' / ' || ".join(f"i.{name}::VARCHAR" for name in stream.identity)
    tx.execute(
        "INSERT INTO rejected BY NAME SELECT c.* FROM ("
        f"SELECT i.sent_by AS source, $stream AS stream, 'already stored with other content' AS reason, {identity} AS event_id,"
        " $now::TIMESTAMPTZ AS rejected_at FROM incoming AS i SEMI JOIN refused_rows USING (row)) AS c"
        " ANTI JOIN rejected AS r ON r.source = c.source AND r.stream = c.stream AND r.event_id = c.event_id AND r.reason = c.reason",
        {"stream": stream.name, "now": now},
    )
