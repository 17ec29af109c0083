"""Instants, spans and the windows that limits refill in. UTC inside; zones only at the edges; intervals half-open."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from roomleft.errors import InputError

SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def parse_span(text: str) -> timedelta:
    """A length of time in the field's words: `90s`, `5m`, `1h30m`, `30d`. Raises InputError."""
    stripped = text.strip()
    if not stripped or SPAN.sub("", stripped).strip():
        raise InputError(f"{text!r} is not a length of time", hint="write for example 90s, 5m, 1h30m or 30d")
    return timedelta(seconds=sum(float(n) * SECONDS[unit] for n, unit in SPAN.findall(stripped)))


@cache
def known_zones() -> frozenset[str]:
    """The names of all IANA time zones there are here. Looked up once: the library opens hundreds of files each time it is asked."""
    return frozenset(available_timezones())


def utc(instant: datetime) -> datetime:
    """The same instant in UTC. A naive time is refused: nobody knows which instant it means."""
    if instant.tzinfo is None:
        raise InputError(f"{instant.isoformat()} has no time zone", hint="add Z or an offset, for example 2026-11-21T04:00:00Z")
    return instant.astimezone(UTC)


def parse_instant(text: str) -> datetime:
    """An RFC 3339 instant with a zone, in UTC. Raises InputError for anything else."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not an instant", hint="write RFC 3339, for example 2026-11-21T04:00:00Z") from error
    return utc(instant)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which `day` begins in `zone`.

    Where midnight does not exist (a zone that springs forward at 00:00) the day begins at the first instant that does.
    Where it happens twice, the first counts.
    """
    start = datetime.combine(day, time(0), tzinfo=zone)
    instant = start.astimezone(UTC)
    back = instant.astimezone(zone)
    if back.date() != day or back.time() != time(0):
        # fold=0 on a missing wall time resolves with the offset before the jump, which lands after it: walk back to the jump.
        instant = _first_instant_of(day, zone, instant)
    return instant


def _first_instant_of(day: date, zone: ZoneInfo, near: datetime) -> datetime:
    low, high = near - timedelta(hours=26), near + timedelta(hours=26)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).date() >= day:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def local_days(start: datetime, end: datetime, zone: ZoneInfo) -> list[tuple[date, datetime, datetime]]:
    """Every local day touching [start, end): (day, first instant, first instant of the next day), in UTC."""
    days = []
    day = start.astimezone(zone).date()
    while (first := midnight(day, zone)) < end:
        days.append((day, first, midnight(day + timedelta(days=1), zone)))
        day += timedelta(days=1)
    return days


class Period(StrEnum):
    """How often a window refills."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class Window:
    """When a limit refills: a calendar period in a zone of its own, or the last `span` of a rolling one.

    Weeks begin on Monday. `year_starts` is the month in which the fiscal year, and with it its quarters, begin.
    """

    period: Period
    zone: ZoneInfo = ZoneInfo("UTC")
    span: timedelta | None = None
    year_starts: int = 1

    def __post_init__(self) -> None:
        if (self.period is Period.ROLLING) != (self.span is not None):
            raise InputError("a rolling window needs a span, and only a rolling one has it")
        if self.span is not None and self.span <= timedelta(0):
            raise InputError("a rolling window's span must be above 0")
        if not 1 <= self.year_starts <= 12:
            raise InputError(f"a fiscal year cannot start in month {self.year_starts}", hint="1 to 12")

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """The window holding `now`, as UTC instants [start, end). A rolling window ends now."""
        if self.span is not None:
            return now - self.span, now
        first = self._first_day(now.astimezone(self.zone).date())
        return midnight(first, self.zone), midnight(self._next(first), self.zone)

    def refills_at(self, now: datetime) -> datetime | None:
        """When the whole limit comes back; None for a rolling window, which refills a little all the time."""
        return None if self.span is not None else self.bounds(now)[1]

    def previous(self, now: datetime) -> tuple[datetime, datetime]:
        """The window just before the one holding `now`."""
        start, _ = self.bounds(now)
        if self.span is not None:
            return start - self.span, start
        return self.bounds(start - timedelta(seconds=1))

    def _first_day(self, day: date) -> date:
        if self.period is Period.DAY:
            return day
        if self.period is Period.WEEK:
            return day - timedelta(days=day.weekday())
        if self.period is Period.MONTH:
            return day.replace(day=1)
        length = 3 if self.period is Period.QUARTER else 12
        into = (day.month - self.year_starts) % length
        return _add_months(day.replace(day=1), -into)

    def _next(self, first: date) -> date:
        if self.period is Period.DAY:
            return first + timedelta(days=1)
        if self.period is Period.WEEK:
            return first + timedelta(days=7)
        months = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}[self.period]
        return _add_months(first, months)


def _add_months(first: date, months: int) -> date:
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)
