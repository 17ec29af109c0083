"""Figures of the weekly report in the words of people who pay: short, with their unit, and never more exact than they are."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal

from analytics.ranges import money_range, share_range, share_text
from analytics.wording import NARROW, number_text, span_text
from roomleft.limits import Limit
from roomleft.money import MINUS, usd
from roomleft.wording import COUNTED, RATIO_UNITS, amount_text

BYTE_STEPS = ((Decimal(10) ** 12, "TB"), (Decimal(10) ** 9, "GB"), (Decimal(10) ** 6, "MB"), (Decimal(10) ** 3, "kB"))
SHARES = RATIO_UNITS | {"percent"}
TRAILING = " ,;:·–-\u200d\ufe0f"
"""What a text that was cut must not end in."""


def clean(text: str) -> str:
    """A text on one line, without control characters and without marks that turn the direction of what follows."""
    kept = (" " if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") else sign for sign in text if sign not in _TURNING)
    return re.sub(" +", " ", "".join(kept)).strip()


_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def cut(text: str, length: int) -> str:
    """A text of at most `length` characters; one that was cut ends in an ellipsis."""
    return text if len(text) <= length else text[: max(0, length - 1)].rstrip(TRAILING) + "…"


def money(amount: Decimal) -> str:
    """`$10,801`, `$2.35`, `−$12.30`: whole dollars from a hundred on."""
    places = 0 if abs(amount) >= 100 or amount == 0 else 2
    return usd(amount, places) if places == 0 or abs(amount) >= Decimal("0.01") else amount_text(amount, "usd")


def amount(value: Decimal, unit: str) -> str:
    """An amount with its unit: `$10,801`, `3.6 %` of a ratio, `32.7 GB`, `5,010 worlds`."""
    if unit == "usd":
        return money(value)
    if unit == "usd_per_user":
        return f"{usd(value)} a user"
    if unit in SHARES:
        return f"{share_text(value * (100 if unit in RATIO_UNITS else 1))}{NARROW}%"
    if unit in COUNTED and abs(value) >= 10:
        return amount_text(value.quantize(Decimal(1), rounding=ROUND_HALF_EVEN), unit)
    if unit == "bytes":
        size, name = next((step for step in BYTE_STEPS if abs(value) >= step[0]), (Decimal(1), "B"))
        return f"{number_text(value / size)}{NARROW}{name}"
    return amount_text(value, unit)


def amount_range(low: Decimal, high: Decimal, unit: str) -> str:
    """`$38–46k`, `$812–940`, `4,810–5,200 worlds`; one amount where both ends read alike."""
    if unit in SHARES:
        return share_range(*(each * (100 if unit in RATIO_UNITS else 1) for each in (low, high)))
    first, last = amount(low, unit), amount(high, unit)
    if first == last:
        return first
    if unit == "usd_per_user" and low >= 0:
        return f"{usd(low)}–{last.removeprefix('$')}"
    if unit == "usd":
        return money_range(low, high)
    # The unit once, where both carry the same one.
    head, _, unit_word = last.rpartition(NARROW)
    before, _, same = first.rpartition(NARROW)
    return f"{before}–{head}{NARROW}{unit_word}" if head and before and same == unit_word else f"{first} – {last}"


def left_of(left: Decimal, whole: Decimal, unit: str) -> str:
    """`398 of 5,010 worlds left`, `63.3 of 96 GB left`; of shares in points, `30.3 points below 80 %`, as a share of a share could mean either."""
    if unit in SHARES:
        points = left * (100 if unit in RATIO_UNITS else 1)
        return f"{points_text(points)} points {'above' if left < 0 else 'below'} {amount(whole, unit)}"
    return f"{part_of(left, whole, unit)} left"


def points_text(points: Decimal) -> str:
    """How far two shares are apart: `30.3`, `0.65`."""
    return share_text(abs(points)) if abs(points) < 99 else number_text(abs(points))


def part_of(part: Decimal, whole: Decimal, unit: str) -> str:
    """`4,612 of 5,010 worlds`; with both units where they differ."""
    first, last = amount(part, unit), amount(whole, unit)
    before, _, same = first.rpartition(NARROW)
    return f"{before if before and same == last.rpartition(NARROW)[2] else first} of {last}"


def held_words(low: Decimal, high: Decimal, came: Decimal, unit: str) -> str:
    """`as forecast`, `above the range`; `just above` what reads like an end of it."""
    if low <= came <= high:
        return "as forecast"
    near = amount(came, unit) in (amount(low, unit), amount(high, unit))
    return f"{'just ' if near else ''}{'above' if came > high else 'below'} the range"


def sentence(text: str) -> str:
    """A text with a capital at its beginning, as a sentence has it; a name such as iPhone keeps its own."""
    return text[:1].upper() + text[1:] if text.split(" ")[0][1:].islower() or len(text) < 2 else text


def day(at: datetime, now: datetime, zone: tzinfo) -> str:
    """`24 Nov`; with its year where that is another."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b}" + ("" if local.year == now.astimezone(zone).year else f" {local.year}")


def days(first: datetime, last: datetime, now: datetime, zone: tzinfo) -> str:
    """`21–28 Nov`, `28 Nov – 3 Dec`, `24 Nov`."""
    a, b = first.astimezone(zone), last.astimezone(zone)
    if a.date() == b.date():
        return day(first, now, zone)
    if (a.year, a.month) == (b.year, b.month):
        return f"{a.day}–{day(last, now, zone)}"
    return f"{day(first, now, zone)} – {day(last, now, zone)}"


def lead(span: timedelta) -> str:
    """How long more takes: `2 h`, `1 day`, `14 days`."""
    hours = span / timedelta(hours=1)
    if hours < 24:
        return span_text(span) if hours < 1 else f"{hours:.0f}{NARROW}h"
    whole = round(hours / 24)
    return "1 day" if whole == 1 else f"{whole} days"


def monthly(cost: Decimal | None) -> str:
    """`+$99/month`, `−$6,100/month` for what saves, `no extra cost`; empty where nobody knows."""
    if cost is None:
        return ""
    if not cost:
        return "no extra cost"
    places = 0 if cost == cost.to_integral_value() else 2
    return f"{'+' if cost > 0 else MINUS}{usd(abs(cost), places)}/month"


def name_of(limit: Limit, titles: dict[str, str]) -> str:
    """`Arena worlds of the pool`: a limit as somebody knows it who sees several platforms."""
    return named(limit.title, titles.get(limit.platform, limit.platform))


def named(title: str, platform: str) -> str:
    """A title behind its platform's."""
    title, platform = clean(title), clean(platform)
    # A name such as GraphQL or API keeps its capitals.
    lowered = title[:1].lower() + title[1:] if title.split(" ")[0][1:].islower() else title
    return f"{platform} {lowered}" if platform and platform != title else title
