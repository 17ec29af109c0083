"""Rows to hand to the warehouse, with every required column filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from warehouse import tables

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TODAY = NOON.date()
COUNTS = (
    "input_uncached_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "images",
    "characters",
)


def usage_event(event_id: str = "e-1", occurred_at: datetime = NOON, **columns: Any) -> dict[str, Any]:
    """One event as a dict: an `ok` call of platform `atelier` from source `atelier`, with no quantities unless given."""
    event = {
        "event_id": event_id,
        "occurred_at": occurred_at,
        "source": "atelier",
        "platform": "atelier",
        "status": "ok",
        "requests": 1,
    }
    return {**event, **dict.fromkeys(COUNTS, 0), "audio_seconds": Decimal(0), **columns}


def make_usage(
    events: Sequence[Mapping[str, Any]] | int = 1,
    *,
    start: datetime = NOON,
    every: timedelta = timedelta(seconds=1),
    **columns: Any,
) -> pa.Table:
    """Usage rows as `tables.USAGE`: from dicts (completed by `usage_event`), or that many events `e-0`, `e-1`, … one each `every`.

    `columns` are set on each row.
    """
    if isinstance(events, int):
        events = [{"event_id": f"e-{i}", "occurred_at": start + i * every} for i in range(events)]
    return pa.Table.from_pylist([usage_event(**{**columns, **event}) for event in events], schema=tables.USAGE)


def make_samples(
    values: Sequence[float | None], *, start: datetime = NOON, every: timedelta = timedelta(seconds=15), **columns: Any
) -> pa.Table:
    """Readings of one series (`atelier`, `api`, `requests_total`, no labels unless given), one each `every`."""
    series = {"platform": "atelier", "component": "api", "name": "requests_total", "labels": {}, **columns}
    rows = [
        {**series, "labels": list(series["labels"].items()), "observed_at": start + i * every, "value": v}
        for i, v in enumerate(values)
    ]
    return pa.Table.from_pylist(rows, schema=tables.SAMPLES)


def make_business(active_users: int = 10, *, day: date = TODAY, **columns: Any) -> pa.Table:
    """One business day of tier `free`."""
    row = {
        "platform": "atelier", "source": "atelier", "day": day, "tier": "free", "active_users": active_users, "new_users": 1,
        "returning_users": 2, "converted_users": 0, "revenue_usd": Decimal("12.50"), "satisfaction": 4.5,
    }  # fmt: skip
    return pa.Table.from_pylist([{**row, **columns}], schema=tables.BUSINESS)


def make_rate(
    unit: str, usd_per_unit: str, *, valid_from: datetime = NOON - timedelta(days=365), **columns: Any
) -> dict[str, Any]:
    """One price of model `m` by provider `p`, for everyone, from a year before NOON on."""
    rate = {
        "price_id": f"p/m/{unit}", "provider": "p", "model": "m", "platform": "", "unit": unit, "usd_per_unit": Decimal(usd_per_unit),
        "valid_from": valid_from, "valid_to": None, "catalogue": "test", "source": "test", "resolved_at": valid_from,
    }  # fmt: skip
    return {**rate, **columns}


def make_rates(*rates: Mapping[str, Any]) -> pa.Table:
    """Rates as `tables.RATES`."""
    return pa.Table.from_pylist(list(rates), schema=tables.RATES)
