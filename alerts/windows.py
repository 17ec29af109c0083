"""Windows that come again: local times of a named zone on some days of the week, as instants.

Local time skips and repeats with the zone's clocks. A time that is skipped is the instant of the jump; one that comes twice is its first instant as a
beginning and its last as an end. So a window is never lost, never begins late and never ends early.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from roomleft.alerting import DAYS, RecurringSpec

Span = tuple[datetime, datetime]
DAY = timedelta(days=1)
DAY_TITLES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LOOK_AHEAD_DAYS = 9


def span_at(window: RecurringSpec, at: datetime) -> Span | None:
    """The stretch [start, end) of the window that holds an instant, in UTC; None outside of it."""
    today = at.astimezone(ZoneInfo(window.zone)).date()
    return next((span for span in _spans(window, today - 2 * DAY, today + DAY) if span[0] <= at < span[1]), None)


def next_span(window: RecurringSpec, after: datetime) -> Span | None:
    """The first stretch that begins later than an instant."""
    today = after.astimezone(ZoneInfo(window.zone)).date()
    return next((span for span in _spans(window, today - DAY, today + LOOK_AHEAD_DAYS * DAY) if span[0] > after), None)


def spans_between(window: RecurringSpec, since: datetime, until: datetime) -> Iterator[Span]:
    """The stretches that touch [since, until), in order."""
    zone = ZoneInfo(window.zone)
    first, last = since.astimezone(zone).date() - 2 * DAY, until.astimezone(zone).date() + DAY
    yield from (span for span in _spans(window, first, last) if span[0] < until and since < span[1])


def window_words(window: RecurringSpec) -> str:
    """`Mon–Fri 22:00–06:00 Europe/Berlin`, `every day 01:00–02:30 UTC`, `Sat, Sun 00:00–24:00 Asia/Kolkata`."""
    days = sorted(DAYS.index(day) for day in set(window.days))
    if len(days) == len(DAYS):
        named = "every day"
    elif len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        named = f"{DAY_TITLES[days[0]]}–{DAY_TITLES[days[-1]]}"
    else:
        named = ", ".join(DAY_TITLES[day] for day in days)
    return f"{named} {window.since}–{window.until} {window.zone}"


def _spans(window: RecurringSpec, first: date, last: date) -> Iterator[Span]:
    zone = ZoneInfo(window.zone)
    since, until = _time(window.since), _time(window.until)
    if until <= since:
        until += DAY  # past midnight; of equal times a whole day
    wanted = {DAYS.index(day) for day in window.days}
    day = first
    while day <= last:
        if day.weekday() in wanted:
            midnight = datetime.combine(day, time(0))
            start, end = instants(midnight + since, zone)[0], instants(midnight + until, zone)[1]
            if start < end:
                yield start, end
        day += DAY


def _time(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def instants(local: datetime, zone: ZoneInfo) -> Span:
    """The first and the last instant at which clocks of the zone show a naive local time; the instant of the jump, twice, if they never do."""
    first, last = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= last:
        return first, last
    # A time that is skipped is read with the offset before the jump, which lands after it, and with the one after, which lands before.
    low, high, offset = last, first, first.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    jump = high.replace(microsecond=0)
    return jump, jump
