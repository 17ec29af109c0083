"""Bill lines (`charges`): what a provider says a billing day cost. A day's new version replaces the old one as a whole.

The same report read twice is stored once: a day whose lines are as stored is left alone, its version and its time too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from warehouse import tables

if TYPE_CHECKING:
    from warehouse.store import Transaction

AMOUNT = pa.decimal128(38, 15)
OPTIONAL: dict[str, pa.DataType] = {
    **dict.fromkeys(("platform", "provider", "service", "sku", "charge_class", "description"), pa.string()),
    "quantity": AMOUNT,
    "unit": pa.string(),
    "list_cost": AMOUNT,
    "contracted_cost": AMOUNT,
    "tags": tables.TEXTS,
}
REQUIRED: dict[str, pa.DataType] = {
    "billing_period": pa.date32(),
    "line": pa.string(),
    "category": pa.string(),
    "charge_start": tables.INSTANT,
    "charge_end": tables.INSTANT,
    "currency": pa.string(),
    "billed_cost": AMOUNT,
    "effective_cost": AMOUNT,
}
LINES = pa.schema(
    [pa.field(name, kind, nullable=False) for name, kind in REQUIRED.items()]
    + [pa.field(name, kind) for name, kind in OPTIONAL.items()]
)
"""A bill line. `category` is Usage, Purchase, Tax, Credit or Adjustment (FOCUS); `charge_class` Correction or null; amounts are of `currency`."""


@dataclass(frozen=True)
class Bill:
    """Whole billing days of one source: what `lines` (LINES) hold is all there is of each of `days`, also where that is nothing."""

    source: str
    days: tuple[date, ...]
    lines: pa.Table


def store_bills(tx: Transaction, bills: Sequence[Bill], now: datetime) -> int:
    """Stores each day that differs from what is stored, as its next version; how many lines that were."""
    added = 0
    for bill in bills:
        stored: dict[date, list[dict[str, Any]]] = {}
        asked = {"source": bill.source, "days": list(bill.days)}
        whole = "source = $source AND list_contains($days::DATE[], billing_period)"
        for row in tx.execute(f"SELECT * FROM charges WHERE {whole}", asked).to_pylist():
            stored.setdefault(row["billing_period"], []).append(row)
        fresh: dict[date, list[dict[str, Any]]] = {}
        for row in bill.lines.to_pylist():
            fresh.setdefault(row["billing_period"], []).append(row)
        for day in bill.days:
            old, new = stored.get(day, []), fresh.get(day, [])
            if _alike(old, new):
                continue
            if old:
                tx.execute(
                    "DELETE FROM charges WHERE source = $source AND billing_period = $day", {"source": bill.source, "day": day}
                )
            if new:
                version = 1 + max((row["version"] for row in old), default=0)
                lines = pa.Table.from_pylist(new, schema=LINES)
                for name, value, kind in (
                    ("source", bill.source, pa.string()),
                    ("version", version, pa.int32()),
                    ("recorded_at", now, tables.INSTANT),
                ):
                    lines = lines.append_column(name, pa.repeat(pa.scalar(value, kind), len(new)))
                added += tx.insert("charges", lines)
    return added


def _alike(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> bool:
    def plain(rows: Sequence[dict[str, Any]]) -> list[list[Any]]:
        return sorted(
            ([sorted(row[name] or ()) if name == "tags" else row[name] for name in LINES.names] for row in rows),
            key=lambda each: str(each[1]),
        )

    return len(old) == len(new) and plain(old) == plain(new)
