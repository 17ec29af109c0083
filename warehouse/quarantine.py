"""Refused rows: kept apart with their reasons, to be downloaded, corrected and sent again, and released once they were."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from warehouse.store import Store, Transaction, as_rows

ROW_ID = (
    "md5(concat_ws(chr(31), source, stream, reason, coalesce(field, ''), coalesce(event_id, ''), coalesce(line::VARCHAR, ''),"
    " coalesce(content, ''), epoch_us(rejected_at)::VARCHAR))"
)
"""A refused row has no id of its own, since it may have come without any: it is known by all that it holds."""
# What is alike in every column is one row.
NEWEST_FIRST = f"""
SELECT {ROW_ID} AS row_id, source, stream, reason, field, event_id, line, content, rejected_at, count(*) AS copies
FROM rejected
WHERE ($source IS NULL OR source = $source) AND ($stream IS NULL OR stream = $stream)
GROUP BY ALL
ORDER BY rejected_at DESC, line
LIMIT $most
"""


def quarantined(
    store: Store, *, source: str | None = None, stream: str | None = None, most: int = 10_000
) -> list[dict[str, Any]]:
    """Refused rows, newest first: row_id, source, stream, reason, field, event_id, line, content (JSON text, scrubbed), rejected_at,
    copies."""
    return as_rows(store.select(NEWEST_FIRST, {"source": source, "stream": stream, "most": most}))


def quarantine_counts(store: Store) -> list[dict[str, Any]]:
    """By source and stream: refused_rows, first_at, last_at, usual_reason."""
    return store.rows("quarantine_counts")


def release(store: Store, row_ids: Collection[str]) -> int:
    """Forget refused rows that were sent again, whatever became of them then; how many there were. Unknown ids are left alone."""
    wanted = pa.table({"row_id": pa.array(sorted(set(row_ids)), pa.string())})

    def work(tx: Transaction) -> int:
        tx.register("released", wanted)
        gone = tx.execute(f"DELETE FROM rejected WHERE {ROW_ID} IN (SELECT row_id FROM released)")
        return int(gone["Count"][0].as_py())

    return store.run(work)
