"""Figures in words: amounts with their unit, dates, spans. Narrow spaces before units, a real minus, the year only if it is another."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal

from roomleft.money import MINUS, usd
from roomleft.timespan import parse_instant

NARROW = "\u202f"
SHORT_UNITS = {
    "percent": "%",
    "usd_per_user": "a user",
    "requests_per_second": "requests/s",
    "gb": "GB",
    "tb": "TB",
    "minutes": "min",
    "seconds": "s",
    "hours": "h",
    "days": "d",
    "ratio": "",
    "fraction": "",
    "score": "",
}
COUNTED = frozenset(
    "requests images tokens characters users connections queries instances events worlds bots pods campaigns deployments players "
    "channels jobs screenshots gpus keys series".split()
)
"""Units of things that are counted: a mean of ten or more is told to the whole thing."""
RATIO_UNITS = frozenset({"ratio", "fraction"})
BURN_FACTS = frozenset({"slo", "burn_rate"})
"""The facts of an alert on how fast an error budget burns."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def number_word(count: int) -> str:
    """`seven`, `12`: numbers as words up to nine."""
    return NUMBERS[count] if 0 <= count < len(NUMBERS) else f"{count:,}"


def number_text(amount: Decimal) -> str:
    """Three figures that matter, with thousands commas: `1,234`, `12.3`, `0.042`."""
    size = abs(amount)
    places = 0 if size >= 100 or amount == amount.to_integral_value() else 1 if size >= 10 else 2 if size >= 1 else 3
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN) if size < Decimal("1e20") else amount
    text = f"{abs(rounded):,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return (MINUS if rounded < 0 else "") + text


def amount_text(amount: Decimal, unit: str) -> str:
    """An amount with its unit: `$12.30`, `82 %`, `5,010 images`."""
    if unit == "usd" or unit == "usd_per_user":
        return usd(amount, _cents(amount)) + (" a user" if unit == "usd_per_user" else "")
    short = SHORT_UNITS.get(unit, unit.replace("_", " "))
    return f"{number_text(amount)}{NARROW}{short}" if short else number_text(amount)


def _cents(amount: Decimal) -> int:
    """How many decimals a dollar amount needs: two, or as many as show its first two figures when it is less than a cent."""
    return 2 if amount == 0 or abs(amount) >= Decimal("0.01") else min(9, 1 - amount.adjusted())


def said_once(text: str) -> str:
    """A text without a lead that it says again: `Availability: Availability burns …` is `Availability burns …`."""
    lead, between, rest = text.partition(": ")
    while between and lead and rest.lower().startswith(lead.lower()) and not rest[len(lead) : len(lead) + 1].isalnum():
        text = rest
        lead, between, rest = text.partition(": ")
    return text


def is_burn(unit: str, facts: Collection[str]) -> bool:
    """Whether an alert's readings, by their unit and the facts it knows, say how fast an error budget burns."""
    return unit in RATIO_UNITS and set(facts) >= BURN_FACTS


def times_text(rate: Decimal) -> str:
    """`14.4 ×`: how many times as fast as an error budget lasts for its window."""
    return f"{number_text(rate)}{NARROW}×"


def burn_text(rate: Decimal) -> str:
    """`burns 267 × too fast`, `burns 0.3 × as fast as it may`."""
    return f"burns {times_text(rate)} {'too fast' if rate > 1 else 'as fast as it may'}"


def span_text(span: timedelta) -> str:
    """`8 s`, `14 min`, `3 h`, `5 d`."""
    seconds = span.total_seconds()
    for size, unit in ((86_400 * 2, "d"), (7200, "h"), (120, "min")):
        if seconds >= size:
            return f"{int(seconds // {'d': 86_400, 'h': 3600, 'min': 60}[unit])}{NARROW}{unit}"
    return f"{int(max(0.0, seconds))}{NARROW}s"


def date_text(at: datetime | None, now: datetime, zone: tzinfo = UTC) -> str:
    """`24 Nov`, `24 Nov 2027` if the year is another, `today 23:10` or `tomorrow 02:00` within two days; in `zone`."""
    if at is None:
        return ""
    local, today = at.astimezone(zone), now.astimezone(zone)
    days = (local.date() - today.date()).days
    if days in (0, 1):
        return f"{'today' if days == 0 else 'tomorrow'} {local:%H:%M}"
    return f"{local.day} {local:%b}" + (f" {local.year}" if local.year != today.year else "")


def last_day_text(by: datetime, now: datetime, zone: tzinfo) -> str:
    """The last day on which something can be ordered that must be ordered by an instant: `28 Nov`; the year if it is another."""
    last, today = by.astimezone(zone), now.astimezone(zone)
    return f"{last.day} {last:%b}" + (f" {last.year}" if last.year != today.year else "")


def range_text(low: datetime, high: datetime | None, now: datetime, zone: tzinfo = UTC) -> str:
    """`22–27 Nov`, `28 Nov – 3 Dec`, `from 22 Nov on` without an end."""
    if high is None:
        return f"from {date_text(low, now, zone)} on"
    first, last = date_text(low, now, zone), date_text(high, now, zone)
    if first == last:
        return first
    a, b = low.astimezone(zone), high.astimezone(zone)
    if ":" not in first + last and (a.year, a.month) == (b.year, b.month):
        return f"{a.day}\u2013{last}"
    return f"{first} \u2013 {last}"


def window_text(text: str, now: datetime, zone: tzinfo = UTC) -> str:
    """A window in words: a span (`5 min`) as it is, `start/end` as the days it goes over."""
    start, _, end = text.partition("/")
    return range_text(parse_instant(start), parse_instant(end), now, zone) if end else text


def size_words(value: bytes) -> str:
    """`<1234 bytes>`: what a program packed is nothing to read, and JSON has no bytes."""
    return f"<{len(value)} byte{'' if len(value) == 1 else 's'}>"
