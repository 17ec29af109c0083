"""How a range of time is written in an address: a length up to now, a calendar month, days, or wall-clock times to the minute."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from roomleft.timespan import Period, Window, midnight

RANGES = {
    "15m": "Last 15 min",
    "1h": "Last hour",
    "6h": "Last 6 h",
    "24h": "Last 24 h",
    "7d": "Last 7 d",
    "30d": "Last 30 d",
    "90d": "Last 90 d",
    "month": "This month",
    "last-month": "Last month",
}
SPANS = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
UNIT_WORDS = {"m": "min", "h": "h", "d": "d", "w": "weeks"}
LONGEST, SHORTEST = timedelta(days=800), timedelta(minutes=1)
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 1, 1)
_LENGTH = re.compile(r"(\d{1,7})\s*([mhdw])", re.ASCII)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class BadRange(Exception):
    """Why a text is not a range, in words that follow `is not a range: `."""

    why: str


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of an absolute range as it was written: a whole day, or a wall-clock minute, with an offset only where it had one."""

    day: date
    clock: datetime | None = None

    def __str__(self) -> str:
        return self.day.isoformat() if self.clock is None else self.clock.isoformat(timespec="minutes")

    def begins(self, zone: ZoneInfo) -> datetime:
        """The instant at which a range from here begins. Of a wall-clock time that happens twice, the first."""
        return midnight(self.day, zone) if self.clock is None else _instant(self.clock, zone, last=False)

    def ends(self, zone: ZoneInfo) -> datetime:
        """The first instant that does not belong to a range until here: of a day its end; of a time that happens twice, the second."""
        if self.clock is None:
            return midnight(self.day + timedelta(days=1), zone)
        return _instant(self.clock, zone, last=True)

    def shown(self, zone: ZoneInfo) -> Edge:
        """The same end on the clock of a zone: of a time with an offset the wall clock there, which keeps its zone for its name."""
        if self.clock is None or self.clock.tzinfo is None:
            return self
        there = self.clock.astimezone(zone)
        return Edge(there.date(), there)


def read_range(text: str, zone: ZoneInfo) -> str:
    """A range as it is kept: `24h` for `1d`, `2026-11-01..2026-11-14` for days, minutes without seconds. Raises BadRange with the reason."""
    asked = text.strip()
    if asked in RANGES:
        return asked
    if found := _LENGTH.fullmatch(asked):
        number, unit = int(found[1]), found[2]
        if not SHORTEST <= number * UNITS[unit] <= LONGEST:
            raise BadRange("it must be between a minute and 800 days")
        length = number * UNITS[unit]
        return next((name for name, each in SPANS.items() if each == length), f"{number}{unit}")
    first, last = edges_of(asked)
    since, until = first.begins(zone), last.ends(zone)
    if since >= until:
        raise BadRange("it ends before it begins")
    if until - since > LONGEST + timedelta(days=1):
        raise BadRange("it is longer than 800 days")
    return f"{first}..{last}"


def bounds(text: str, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """The instants [since, until) of a kept range; of days and times that may lie after `now` too."""
    if (length := length_of(text)) is not None:
        return now - length, now
    month = Window(Period.MONTH, zone)
    if text == "month":
        return month.bounds(now)[0], now
    if text == "last-month":
        return month.previous(now)
    first, last = edges_of(text)
    return first.begins(zone), last.ends(zone)


def length_of(text: str) -> timedelta | None:
    """How long a range up to now is; None for months, days and times."""
    if text in SPANS:
        return SPANS[text]
    found = _LENGTH.fullmatch(text)
    return int(found[1]) * UNITS[found[2]] if found else None


def is_absolute(text: str) -> bool:
    """Whether a kept range names its days or times, and so stays where it is."""
    return ".." in text


def whole_days(text: str) -> tuple[date, date] | None:
    """The first and the last day of a kept range that names days alone."""
    if not is_absolute(text):
        return None
    first, last = edges_of(text)
    return (first.day, last.day) if first.clock is None and last.clock is None else None


def words_of(text: str, zone: ZoneInfo) -> str:
    """What the range control shows: `Last 24 h`, `1 Nov–14 Nov 2026`, `20 Nov 2026, 14:05–15:35`. Times are the zone's own, whatever offset they
    were written with; one that happens twice says which it is: `02:10 CEST`."""
    if text in RANGES:
        return RANGES[text]
    if found := _LENGTH.fullmatch(text):
        return f"Last {found[1]} {UNIT_WORDS[found[2]]}"
    first, last = (each.shown(zone) for each in edges_of(text))
    if first.clock is None and last.clock is None:
        return f"{first.day:%-d %b}–{last.day:%-d %b %Y}"
    if first.clock and last.clock and first.day == last.day:
        return f"{first.day:%-d %b %Y}, {_clock(first)}–{_clock(last)}"
    year = "" if first.day.year == last.day.year else f" {first.day:%Y}"
    return f"{first.day:%-d %b}{year} {_clock(first)}–{last.day:%-d %b %Y} {_clock(last)}".strip()


def written(since: datetime, until: datetime, zone: ZoneInfo) -> str:
    """The range that means [since, until) in a zone, widened to whole minutes; with offsets where its wall-clock times would be read otherwise."""
    first, last = floor_minute(since), ceil_minute(until)
    plain = [at.astimezone(zone).replace(tzinfo=None, fold=0) for at in (first, last)]
    ends = (_instant(plain[0], zone, last=False), _instant(plain[1], zone, last=True))
    if ends != (first, last):
        return "..".join(at.astimezone(zone).isoformat(timespec="minutes") for at in (first, last))
    return "..".join(at.isoformat(timespec="minutes") for at in plain)


def moved(text: str, zone: ZoneInfo, to: ZoneInfo) -> str:
    """A kept range of `zone` as it is written in another: times stay the same instants; days, months and lengths stay what they are called."""
    if not is_absolute(text) or whole_days(text) is not None:
        return text
    first, last = edges_of(text)
    return written(first.begins(zone), last.ends(zone), to)


def happens_twice(at: datetime) -> bool:
    """Whether the wall clock of an aware time shows it a second time, or did before."""
    return at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()


def floor_minute(at: datetime) -> datetime:
    """The whole minute at or before an instant."""
    return at.replace(second=0, microsecond=0)


def ceil_minute(at: datetime) -> datetime:
    """The whole minute at or after an instant."""
    whole = floor_minute(at)
    return whole if whole == at else whole + _MINUTE


def edges_of(text: str) -> tuple[Edge, Edge]:
    """Both ends of `from..to`. Raises BadRange."""
    first, separator, last = text.partition("..")
    if not separator:
        raise BadRange("write for example 6h, 7d or 2026-11-01..2026-11-14")
    return _edge(first, upwards=False), _edge(last, upwards=True)


def _edge(text: str, *, upwards: bool) -> Edge:
    # In an address a plus that was not escaped arrives as a space.
    text = re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip())
    try:
        if "T" not in text and ":" not in text:
            day = date.fromisoformat(text)
            if not FIRST_DAY <= day <= LAST_DAY:
                raise BadRange("its years must lie between 2000 and 2100")
            return Edge(day)
        clock = datetime.fromisoformat(text)
        if not FIRST_DAY <= clock.date() <= LAST_DAY:
            raise BadRange("its years must lie between 2000 and 2100")
        if upwards and (clock.second or clock.microsecond):
            clock += _MINUTE
        clock = clock.replace(second=0, microsecond=0)
    except ValueError as error:
        raise BadRange(f"{text[:40]!r} is no day or time") from error
    return Edge(clock.date(), clock)


def _instant(clock: datetime, zone: ZoneInfo, *, last: bool) -> datetime:
    if clock.tzinfo is not None:
        return clock.astimezone(UTC)
    first, second = (clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    # Of a time that a zone skips, the offset before the jump counts; it gives the later of both instants.
    return second if last and second > first else first


def _clock(edge: Edge) -> str:
    if edge.clock is None:
        return ""
    return f"{edge.clock:%H:%M}{f' {edge.clock:%Z}' if happens_twice(edge.clock) else ''}"
