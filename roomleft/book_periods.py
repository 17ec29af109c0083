"""Spans as people name them when they close books or price the past again: `2026-10`, `2026-10-05`, `2026-Q3`, `2026`."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from roomleft.errors import InputError
from roomleft.timespan import Period, Window, midnight, parse_instant

NAMED = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(\d{2})(?:-(\d{2}))?))?")
HINT = "write a day, month, quarter or year: 2026-10-05, 2026-10, 2026-Q3 or 2026"


def book_period(text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The UTC instants [since, until) of a day, month, quarter or year of a zone. Raises InputError."""
    found = NAMED.fullmatch(text.strip())
    if found is None:
        raise InputError(f"{text[:60]!r} is not a period", hint=HINT)
    year, quarter, month, day = (int(part) if part else None for part in found.groups())
    period = Period.QUARTER if quarter else Period.DAY if day else Period.MONTH if month else Period.YEAR
    try:
        first = date(year or 0, 3 * quarter - 2 if quarter else month or 1, day or 1)
    except ValueError as error:
        raise InputError(f"{text[:60]!r} is not a period: {error}", hint=HINT) from error
    # Noon is within the first day whatever the zone does at midnight.
    return Window(period, zone).bounds(midnight(first, zone) + timedelta(hours=12))


def day_or_instant(text: str, zone: ZoneInfo) -> datetime:
    """The UTC instant that a day begins at in a zone, or an RFC 3339 instant itself. Raises InputError."""
    try:
        return midnight(date.fromisoformat(text), zone)
    except ValueError:
        return parse_instant(text)
