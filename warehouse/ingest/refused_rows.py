"""Refused rows on their way into `rejected`: one that is there already takes the older one's place, so a file sent twice is told once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from warehouse import tables

if TYPE_CHECKING:
    from warehouse.store import Transaction

# What stands nowhere (no line), or of which nothing was kept (no content, no id), cannot be told from another of its kind: it stays.
# The newer one is kept, since `release` forgets the older by its time: a row corrected in vain must not vanish with its old refusal.
FORGET_OLDER = """
DELETE FROM rejected AS r
USING refused_now AS i
WHERE r.line >= $first AND r.line <= $last AND (r.content IS NOT NULL OR r.event_id IS NOT NULL)
    AND r.source = i.source AND r.stream = i.stream AND r.reason = i.reason AND r.line = i.line
    AND r.field IS NOT DISTINCT FROM i.field AND r.event_id IS NOT DISTINCT FROM i.event_id AND r.content IS NOT DISTINCT FROM i.content
"""


def store_refused(tx: Transaction, rows: pa.Table, now: datetime) -> int:
    """Stores refused rows (as `tables.REJECTED`), each in place of the same one stored before; how many it took the place of.

    A row is the same when source, stream, line, reason, field, event_id and content are: so what a file, a page or a body says again,
    at the same place and just as wrong, is kept once. Rows of one call are not compared with each other.
    """
    tx.register("refused_now", rows)
    lines = [line for line in rows.column("line").to_pylist() if line is not None]
    again = 0
    if lines:
        again = int(tx.execute(FORGET_OLDER, {"first": min(lines), "last": max(lines)})["Count"][0].as_py())
    tx.insert("rejected", rows.append_column("rejected_at", pa.repeat(pa.scalar(now, tables.INSTANT), rows.num_rows)))
    return again
