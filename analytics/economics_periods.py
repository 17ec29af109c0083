"""The periods unit economics are told for: whole local days only, and whole periods compared with whole periods only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from roomleft.errors import InputError
from roomleft.timespan import Period, Window

DAY = timedelta(days=1)
BY_DEFAULT = "30d"
DAYS = {"7d": 7, "30d": 30, "90d": 90}
NAMES = {"7d": "Last 7 days", "30d": "Last 30 days", "90d": "Last 90 days", "month": "This month", "last-month": "Last month"}
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
GRACE = timedelta(hours=1)
"""A first call this early in its day does not make that day a part of one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Local days [first, until). `ends` is the day after the period it is of; before that is over, `until` is today: a part, never the whole."""

    first: date
    until: date
    ends: date

    @property
    def days(self) -> int:
        """Whole days that are over."""
        return (self.until - self.first).days

    @property
    def partial(self) -> bool:
        """Whether the period is not over."""
        return self.until < self.ends

    def words(self) -> str:
        """`1–14 November 2026`, `28 Oct–3 Nov 2026`."""
        last = self.until - DAY
        if last < self.first:
            return f"{self.first.day} {MONTHS[self.first.month - 1]} {self.first.year}"
        if (self.first.year, self.first.month) == (last.year, last.month):
            return f"{self.first.day}–{last.day} {MONTHS[last.month - 1]} {last.year}"
        year = f" {self.first.year}" if self.first.year != last.year else ""
        return f"{self.first.day} {MONTHS[self.first.month - 1][:3]}{year}–{last.day} {MONTHS[last.month - 1][:3]} {last.year}"


def span_of(name: str, now: datetime, zone: ZoneInfo) -> Span:
    """The period called `name` (a key of NAMES) as of `now`. Raises InputError for another name."""
    today = now.astimezone(zone).date()
    if name in DAYS:
        return Span(today - DAYS[name] * DAY, today, today)
    if name in ("month", "last-month"):
        window = Window(Period.MONTH, zone)
        start, end = window.bounds(now) if name == "month" else window.previous(now)
        first, ends = start.astimezone(zone).date(), end.astimezone(zone).date()
        return Span(first, min(today, ends), ends)
    raise InputError(f"there is no period {name[:40]!r}", "the parameter period", f"one of {', '.join(NAMES)}")


def before(span: Span) -> Span:
    """The whole period to compare a whole one with: the month before a month, as many days before so many days."""
    if span.first.day == 1 and span.ends.day == 1 and span.ends == _month_later(span.first):
        first = (span.first - DAY).replace(day=1)
        return Span(first, span.first, span.first)
    return Span(span.first - (span.ends - span.first), span.first, span.first)


def steps(first: date, until: date, by: str) -> list[Span]:
    """The weeks (from Monday) or calendar months that begin in [first, until), the last one cut at `until`. Raises InputError for another `by`."""
    if by not in ("week", "month"):
        raise InputError(f"there is no step {by[:40]!r}", "the parameter by", "week or month")
    at = first + (-first.weekday() % 7) * DAY if by == "week" else first if first.day == 1 else _month_later(first.replace(day=1))
    found = []
    while at < until:
        end = at + 7 * DAY if by == "week" else _month_later(at)
        found.append(Span(at, min(end, until), end))
        at = end
    return found


def first_whole_day(first_at: datetime, zone: ZoneInfo) -> date:
    """The first local day that data from `first_at` on covers."""
    local = first_at.astimezone(zone)
    into = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
    return local.date() if into <= GRACE else local.date() + DAY


def _month_later(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)
