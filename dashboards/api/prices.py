"""The prices in force and the models in use that have none: one reading of them for the page, its CSV and programs."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request, Response

from analytics.catalogue import STALE_AFTER
from dashboards.api.answers import answer
from dashboards.exports import safe
from dashboards.filters import Filters, parse
from dashboards.parts import Parts
from roomleft.errors import InputError
from roomleft.timespan import midnight, parse_instant
from roomleft.units import IMAGE_KIND
from warehouse.store import Store

Row = dict[str, Any]
CSV_PATH = "/export/prices.csv"
COLUMNS = (
    "price_id", "provider", "model", "platform", "unit", "usd_per_unit", "usd_per_million", "list_usd_per_unit", "service_class", "input_over",
    "hours_utc", "valid_from", "valid_to", "in_force", "catalogue", "source", "checked_on", "stale", "resolved_at",
)  # fmt: skip
BETWEEN_IDS = " + "
"""A cost made of several prices names them so."""
STANDARD = "standard"
ALL_CLASSES = "all"
ORDER = ("input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "requests", "images", "characters",
         "audio_seconds")  # fmt: skip
PER_MILLION = ("tokens", "characters", "pixels")


def prices(store: Store, filters: Filters, now: datetime) -> list[Row]:
    """The prices that an address asks for, at its `at` (a day in its zone, or an instant; now when absent). Raises InputError, StoreError.

    A `price` in the address shows that price, in force or not, and no other filter holds.
    """
    at = asked_instant(filters, now)
    wanted = [each for value in filters.values("price") for each in value.split(BETWEEN_IDS) if each]
    rows = store.rows("page_prices", at=at, platform=None if wanted else filters.platform, price=wanted)
    shaped = [_shaped(row, now) for row in rows]
    return sorted(shaped if wanted else [row for row in shaped if _asked(row, filters)], key=_place)


def unpriced(store: Store, platform: str | None) -> list[Row]:
    """The models in use with calls that have no price, most tokens first: how many, since when, and whether some price of theirs is known."""
    return store.rows("page_unpriced_models", platform=platform)


def asked_instant(filters: Filters, now: datetime) -> datetime:
    """The instant whose prices are asked for. Raises InputError."""
    text = filters.get("at")
    if not text:
        return now
    if len(text) == 10:
        try:
            return midnight(date.fromisoformat(text), filters.zone)
        except (ValueError, OverflowError):
            raise InputError(f"{text!r} is not a day", "the parameter at", "write YYYY-MM-DD, for example 2026-03-01") from None
    return parse_instant(text)


def in_class(row: Mapping[str, Any], chosen: str) -> bool:
    """Whether a row is of a chosen service class; without a choice, of all."""
    return not chosen or chosen == ALL_CLASSES or (row["service_class"] or STANDARD) == chosen


def _asked(row: Row, filters: Filters) -> bool:
    provider, words = filters.get("provider"), filters.get("q").lower().split()
    held = " ".join(
        str(row[name]) for name in ("provider", "model", "platform", "unit", "source", "catalogue", "service_class")
    ).lower()
    return (
        (not provider or row["provider"] == provider)
        and all(word in held for word in words)
        and in_class(row, filters.get("class"))
    )


def _shaped(row: Row, now: datetime) -> Row:
    begin, end = row.pop("minute_from"), row.pop("minute_to")
    checked = row["checked_on"]
    unit = row["unit"]
    return row | {
        "usd_per_million": row["usd_per_unit"] * 1_000_000 if unit.endswith(PER_MILLION) else None,
        "hours_utc": None if begin is None else f"{_clock(begin)}–{_clock(end)}",
        "stale": checked is not None and now.date() - checked > STALE_AFTER,
        "discount": _discount(row["usd_per_unit"], row["list_usd_per_unit"]),
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _discount(usd: Decimal, listed: Decimal | None) -> Decimal | None:
    """What a contract takes off the list price, as a ratio."""
    return None if not listed else (listed - usd) / listed


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    unit = row["unit"]
    known = ORDER.index(unit) if unit in ORDER else len(ORDER) + unit.startswith(IMAGE_KIND)
    return (
        row["provider"],
        row["model"],
        row["platform"],
        row["service_class"],
        row["input_over"],
        row["hours_utc"] or "",
        known,
        unit,
        row["valid_from"],
    )


def prices_as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a price: amounts in full digits, instants as RFC 3339, nothing for None."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([format(row[name], "f") if isinstance(row[name], Decimal) else safe(row[name]) for name in COLUMNS])
    return out.getvalue()


def make_price_api(parts: Parts) -> APIRouter:
    """The routes of prices."""
    router = APIRouter()

    async def read(request: Request) -> list[Row]:
        filters = parse(CSV_PATH, request.url.query)
        return await asyncio.to_thread(prices, parts.store, filters, parts.clock.now())

    @router.get(
        "/api/v1/prices",
        summary="The prices in force",
        description="Now, or `at` a day or instant; narrowed by `provider`, `platform`, `class` and words `q`. With `price` (a price id of a cost) "
        "that price alone, in force or not. Amounts are US dollars as strings.",
        tags=["read"],
    )
    async def all_prices(request: Request) -> Response:
        return answer(await read(request))

    @router.get("/api/v1/prices/unpriced", summary="Models in use that have no price", tags=["read"])
    async def without_price(platform: str | None = None) -> Response:
        return answer(await asyncio.to_thread(unpriced, parts.store, platform))

    @router.get(CSV_PATH, include_in_schema=False)
    async def prices_csv(request: Request) -> Response:
        return Response(
            prices_as_csv(await read(request)),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": 'attachment; filename="prices.csv"', "cache-control": "no-store"},
        )

    return router


def age_of_list(row: Mapping[str, Any], now: datetime) -> timedelta | None:
    """How long ago a price's list was last compared with the provider's."""
    checked = row["checked_on"]
    return None if checked is None else now - datetime(checked.year, checked.month, checked.day, tzinfo=UTC)
