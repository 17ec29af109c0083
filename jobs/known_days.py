"""What the forecaster is told of days besides their figures: price changes, announced events, launches, holidays of the packs' countries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from jobs.forecast import Known
from roomleft.packs import Pack
from warehouse.store import Store

DAY = timedelta(days=1)
BEHIND = timedelta(days=400)
AHEAD = timedelta(days=100)
DRIVERS = pa.schema(
    [
        pa.field(name, kind)
        for name, kind in (
            ("day", pa.date32()),
            ("platform", pa.string()),
            ("name", pa.string()),
            ("value", pa.float64()),
            ("known_from", pa.date32()),
        )
    ]
)
"""One row a day and driver. `known_from`: the first day at whose beginning it was known; NULL: it always was."""
LASTING = ("launch",)
"""Kinds of events after which things stay as they became: a step; the others are marks on their own days."""


class Knowledge:
    """Reads what is known of the days around an instant. `events` gives the announced events."""

    def __init__(self, store: Store, events: Callable[..., Iterable[Any]]) -> None:
        self._store, self._events = store, events

    def __call__(self, packs: Mapping[str, Pack], now: datetime) -> Known:
        """The table of drivers, and words that change when they do. Raises StoreError."""
        rows: list[dict[str, Any]] = []
        for slug, pack in sorted(packs.items()):
            rows += _holidays(slug, pack, now)
            rows += self._prices(slug, pack, now)
            rows += _events(slug, pack, self._events(ending_after=now - BEHIND, platform=slug), now)
        if not rows:
            return Known()
        words = "\n".join(f"{row['day']} {row['platform']} {row['name']} {row['value']}" for row in rows)
        # Days to come enter day by day, which is no news: what counts is what they are made of.
        mark = "\n".join(sorted({f"{row['platform']} {row['name']}" for row in rows if not row["name"].startswith("holiday")}))
        dated = [f"{row['day']} {row['name']}" for row in rows if row.get("begins")]
        table = pa.Table.from_pylist([{name: row.get(name) for name in DRIVERS.names} for row in rows], schema=DRIVERS)
        return Known(table, hashlib.sha256("\n".join([mark, *dated]).encode()).hexdigest()[:12] if words else "")

    def _prices(self, slug: str, pack: Pack, now: datetime) -> list[dict[str, Any]]:
        """A step from the day on which a price of what the platform uses changed, or will change."""
        zone = ZoneInfo(pack.zone)
        found = self._store.rows("forecast_price_changes", platform=slug, since=now - BEHIND, until=now + AHEAD)
        days = sorted({row["valid_from"].astimezone(zone).date() for row in found})
        return [row for day in days for row in _step(slug, f"price since {day}", day, now, zone)]


def _step(slug: str, name: str, begin: date, now: datetime, zone: ZoneInfo) -> list[dict[str, Any]]:
    last = (now + AHEAD).astimezone(zone).date()
    return [
        # Since when a rate was known before it held is not kept: for the days before, nobody knew.
        {"day": begin + n * DAY, "platform": slug, "name": name, "value": 1.0, "begins": n == 0, "known_from": begin}
        for n in range((last - begin).days + 1)
    ]


def _events(slug: str, pack: Pack, events: Iterable[Any], now: datetime) -> list[dict[str, Any]]:
    zone = ZoneInfo(pack.zone)
    rows: list[dict[str, Any]] = []
    for event in events:
        first, until = event.starts_at.astimezone(zone).date(), event.until
        if until <= event.starts_at:
            continue
        last = (until - timedelta(microseconds=1)).astimezone(zone).date()
        name = f"{event.kind} {event.id}" + (f" of {event.target}" if event.target else "")
        told = event.made_at.astimezone(zone).date() + DAY
        rows += [
            {"day": first + n * DAY, "platform": slug, "name": name, "value": 1.0, "begins": n == 0, "known_from": told}
            for n in range((last - first).days + 1)
        ]
    return rows


def _holidays(slug: str, pack: Pack, now: datetime) -> list[dict[str, Any]]:
    """The public holidays of the pack's country."""
    country = pack.country
    if country is None:
        return []
    import holidays  # it takes a moment to load, and most packs name no country

    land, _, part = country.partition("-")
    years = range((now - BEHIND).year, (now + AHEAD).year + 1)
    days = holidays.country_holidays(land, subdiv=part or None, years=years)
    low, high = (now - BEHIND).date(), (now + AHEAD).date()
    return [{"day": day, "platform": slug, "name": "holiday", "value": 1.0} for day in sorted(days) if low <= day <= high]
