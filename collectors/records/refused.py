"""Rows kept out, as the `rejected` table: why, where in what was sent, and what is safe to keep of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import orjson
import pyarrow as pa

from collectors.records.fields import TEXT_LIMIT, Refusal
from warehouse import tables

CONTENT_LIMIT = 1000
PRIVATE = frozenset({"user_id"})
"""Fields that name a person: never kept, since a refused row gets no pseudonym."""


@dataclass(frozen=True)
class Normalised:
    """One batch from outside, judged: `rows` fit the warehouse, `rejected` says why the others do not."""

    rows: pa.Table
    rejected: pa.Table

    @property
    def usage(self) -> pa.Table:
        """`rows`, under the name of the table they are for."""
        return self.rows


class RefusedRows:
    """Collects the refusals of one batch."""

    def __init__(self, source: str, stream: str, now: datetime, named: Collection[str] = ()) -> None:
        self.source = source
        self.stream = stream
        self.now = now
        self.named = frozenset(named) - PRIVATE
        self.rows: list[dict[str, object]] = []

    def add(self, refusal: Refusal, line: int, record: object = None) -> None:
        """Note that the record on `line` (1-based) is kept out."""
        event_id = record.get("id") if isinstance(record, Mapping) else None
        self.rows.append(
            {
                "source": self.source,
                "stream": self.stream,
                "reason": refusal.reason if refusal.field is None else f"{refusal.field}: {refusal.reason}",
                "field": refusal.field,
                "event_id": event_id[:TEXT_LIMIT] if isinstance(event_id, str) else None,
                "line": line,
                "content": scrubbed(record, self.named),
                "rejected_at": self.now,
            }
        )

    def table(self) -> pa.Table:
        """The refusals in `tables.REJECTED`'s shape."""
        columns = {name: [row.get(name) for row in self.rows] for name in tables.REJECTED.names}
        return pa.table(columns, schema=tables.REJECTED)


def scrubbed(record: object, named: Collection[str]) -> str | None:
    """What is kept of a refused record, as JSON of at most 1 kB: field names, numbers, and the short strings of fields that are names."""
    if not isinstance(record, Mapping):
        return None
    kept: dict[str, object] = {}
    size = 0
    for key, value in record.items():
        name = str(key)[:60]
        said = _safe(key, value, named)
        size += len(_dump({name: said}).encode())
        if size > CONTENT_LIMIT - 20:
            kept["…"] = "more"
            break
        kept[name] = said
    return _dump(kept)


def _safe(key: object, value: object, named: Collection[str]) -> object:
    if isinstance(value, bool | int | float) or value is None:
        return value if not isinstance(value, int) or abs(value) < 2**63 else "large"
    if isinstance(value, datetime | date | Decimal):
        return str(value)
    if isinstance(value, str) and key in named and len(value) <= TEXT_LIMIT:
        return value
    return "…"


def _dump(kept: Mapping[str, object]) -> str:
    return orjson.dumps(kept, default=str).decode("utf-8", "replace")
