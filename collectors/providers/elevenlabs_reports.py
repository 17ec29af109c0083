"""ElevenLabs' workspace analytics: credits, requests and money by product, model and key. Times in milliseconds, buckets of UTC by asking so.

https://elevenlabs.io/docs/api-reference/workspace/analytics/query/usage-by-product-over-time. The answer is a table: `columns`, the unit of
each in `column_units`, and `rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from collectors.fetch import Fetcher
from collectors.providers.entries import Entry, amount, count, hashed
from roomleft.errors import CollectError, InputError
from roomleft.timespan import parse_instant

PROVIDER = "elevenlabs"
PATH = "/v1/workspace/analytics/query/usage-by-product-over-time"
GROUPS = ("product_type", "model", "hashed_xi_api_key", "fiat_currency", "fiat_charge_type")
TIMES = ("timestamp", "time", "start_time", "bucket")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Products:
    """Use by product."""

    name: str = "products"
    billed: bool = False

    def read(self, fetcher: Fetcher, since: datetime, until: datetime, hourly: bool) -> list[Entry]:
        width = HOUR if hourly else DAY
        body = {
            "start_time": int(since.timestamp() * 1000),
            "end_time": int(until.timestamp() * 1000),
            "interval_seconds": int(width.total_seconds()),
            "group_by": list(GROUPS),
            "time_zone": "UTC",
        }
        answer = fetcher.exact(PATH, body=body)
        table = answer if isinstance(answer, dict) else {}
        columns, rows = table.get("columns"), table.get("rows")
        if not isinstance(columns, list) or not isinstance(rows, list):
            raise CollectError(
                "the answer holds no table of columns and rows", PATH, "is this ElevenLabs' address?", retryable=False
            )
        told_units = table.get("column_units")
        units = dict(zip(columns, told_units, strict=False)) if isinstance(told_units, list) else {}
        entries = [self._entry(dict(zip(columns, row, strict=False)), units, width) for row in rows if isinstance(row, list)]
        return [entry for entry in entries if since <= entry.start < until]

    def _entry(self, row: Mapping[str, Any], units: Mapping[str, Any], width: timedelta) -> Entry:
        start = _start(row)
        dims = {name: str(row[name])[:200] for name in ("product_type", "model", "fiat_charge_type") if row.get(name)}
        if key := hashed(row.get("hashed_xi_api_key")):
            dims["api_key_hash"] = key
        currency = str(row.get("fiat_currency") or "USD").upper()[:3]
        credits, cost, characters, requests = None, None, 0, None
        for name, value in row.items():
            unit = str(units.get(name) or "").lower()
            if value is None or name in GROUPS or name in TIMES:
                continue
            if unit == "credits":
                credits = (credits or Decimal(0)) + amount(value, PATH)
            elif unit == "characters":
                characters += count(row, name, PATH)
            elif unit in (currency.lower(), "fiat", "currency") or (not unit and "fiat" in name):
                cost = (cost or Decimal(0)) + amount(value, PATH)
            elif unit == "requests" or "request_count" in name:
                requests = count(row, name, PATH)
        return Entry(
            start,
            start + width,
            {**dims, "operation": dims.get("product_type", "speech")},
            {"characters": characters} if characters else {},
            requests=requests,
            cost=cost,
            currency=currency,
            quantity=credits,
            unit="credits" if credits is not None else None,
            words=dims.get("product_type", "not itemised"),
        )


REPORTS = (Products(),)


def headers(token: str) -> dict[str, str]:
    """What says who asks."""
    return {"xi-api-key": token}


def _start(row: Mapping[str, Any]) -> datetime:
    value = next((row[name] for name in TIMES if row.get(name) is not None), None)
    try:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return datetime.fromtimestamp(int(value) / 1000, UTC)
        return parse_instant(str(value))
    except (InputError, ValueError, OverflowError) as error:
        raise CollectError("a row has no time", PATH, "the report's form has changed", retryable=False) from error
