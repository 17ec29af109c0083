"""Ends of series: when a look fails, what the look before it gave no longer holds, and is marked as ended rather than left to grow old."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from warehouse import tables

Key = tuple[str, str, str, tuple[tuple[str, str], ...]]


class Endings:
    """Remembers the series that the last look of one source gave a reading of."""

    def __init__(self) -> None:
        self._alive: set[Key] = set()

    def after(self, samples: pa.Table, now: datetime, *, failed: bool) -> pa.Table:
        """A NULL at `now` for each series that this look, which failed, gives no reading of; none after a look that worked."""
        given = {_key(row): row["value"] is not None for row in samples.to_pylist()}
        ended = sorted(self._alive - given.keys()) if failed else []
        self._alive = {key for key, is_reading in given.items() if is_reading}
        rows = [
            {
                "platform": platform,
                "component": component,
                "name": name,
                "observed_at": now,
                "labels": list(labels),
                "value": None,
            }
            for platform, component, name, labels in ended
        ]
        return pa.Table.from_pylist(rows, schema=tables.SAMPLES)


def _key(row: dict[str, Any]) -> Key:
    return row["platform"], row["component"], row["name"], tuple(sorted(dict(row["labels"] or ()).items()))
