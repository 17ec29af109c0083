"""Numbers, dates and ages as people read them: one module, so that no two screens word the same value differently.

A narrow no-break space stands before units and %; minus is U+2212; times are 24-hour in the reader's zone.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from analytics.wording import chance_text
from roomleft.money import MINUS
from roomleft.wording import COUNTED

THIN = "\u202f"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
MONEY_UNITS = frozenset({"usd", "dollars", "$"})
RATIO_UNITS = frozenset({"ratio", "fraction"})
PERCENT_UNITS = frozenset({"percent", "%"})
SECOND_UNITS = frozenset({"s", "seconds", "second"})
BYTE_UNITS = frozenset({"bytes", "byte", "B"})
UNIT_NAMES = {
    "gb": "GB",
    "tb": "TB",
    "fps": "fps",
    "minutes": "min",
    "hours": "h",
    "days": "d",
    "requests_per_second": "/s",
    "operations_per_second": "/s",
}
RATE_UNITS = frozenset({"requests_per_second", "operations_per_second"})
BYTE_RATE = "bytes_per_second"
USD_PER = {"usd_per_user": "a user", "usd_per_token": "a token", "usd_per_image": "an image", "usd_per_mtok": "a million tokens"}
"""Money for one of something: the number carries the dollar, the noun follows it."""
BYTE_STEPS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
Number = Decimal | float | int


def _signed(text: str, negative: bool) -> str:
    return f"{MINUS}{text}" if negative and text.strip("0., ") else text


def _trim(value: float, places: int) -> str:
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(value: Number) -> str:
    """`1,487`, `836 k`, `2 M`: whole below 100 000, then three figures."""
    size = abs(float(value))
    if size >= 999_500_000:
        text = f"{_trim(size / 1e9, 2)}{THIN}G"
    elif size >= 999_500:
        text = f"{_trim(size / 1e6, 2 if size < 99.5e6 else 0)}{THIN}M"
    elif size >= 99_999.5:
        text = f"{size / 1e3:,.0f}{THIN}k"
    elif size >= 100 or size == int(size):
        text = f"{size:,.0f}"
    elif size >= 1:
        text = _trim(size, 1 if size >= 10 else 2)
    else:
        # Two figures that matter; what is smaller than a hundred-thousandth is nothing.
        text = _trim(float(f"{size:.2g}"), 5)
    return _signed(text, float(value) < 0)


def whole(value: Number) -> str:
    """A number of things that are counted, to the last one: `2,512`."""
    return _signed(f"{abs(float(value)):,.0f}", float(value) < 0)


def money(value: Number) -> str:
    """Dollars in a table: `$10,801`, `$2.35`, `$0.0039`. Ledgers use `roomleft.money.usd`."""
    amount = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    size = abs(amount)
    if size >= 1_000_000:
        text = f"${_trim(float(size) / 1e6, 2)}{THIN}M"
    elif size >= 100:
        text = f"${size:,.0f}"
    elif size >= Decimal("0.095") or size == 0:
        text = f"${size:,.2f}"
    elif size >= Decimal("0.00005"):
        text = f"${size:.4f}".rstrip("0")
    else:
        text = f"<{THIN}$0.0001"
    return _signed(text, amount < 0)


def short_money(value: Number) -> str:
    """Dollars where room is scarce: `$99`, `$6.1k`, `$0.04`."""
    amount = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    size = abs(amount)
    if size >= 10_000 or (size >= 2000 and size % 100 == 0):
        return _signed(f"${_trim(float(size) / 1000, 1)}k", amount < 0)
    if size >= 1 and size == size.to_integral_value():
        return _signed(f"${size:,.0f}", amount < 0)
    return money(amount)


def percent(ratio: Number, places: int = 1) -> str:
    """`28.4 %` of a ratio 0.284; whole from 100 % on."""
    value = float(ratio) * 100
    if 99 < abs(value) < 100:
        # What is not whole must not be rounded to it: 99.996 % has not reached 100 %.
        while places < 3 and round(abs(value), places) >= 100:
            places += 1
        value = math.copysign(min(abs(value), 100 - 10.0**-places), value)
    return _signed(f"{_trim(abs(value), places if abs(value) < 1000 else 0)}{THIN}%", value < 0)


def chance(probability: float) -> str:
    """A probability, never 0 or 100: `< 1 %`, `42 %`, `> 99 %`."""
    return chance_text(probability)


def seconds(value: Number) -> str:
    """`184 ms`, `21.8 s`, `4 min 19 s`, `1.5 h`."""
    size = abs(float(value))
    if size == 0:
        text = f"0{THIN}s"
    elif size < 1:
        text = f"{_trim(size * 1000, 0 if size >= 0.01 else 1)}{THIN}ms"
    elif size < 600:
        text = f"{_trim(size, 1)}{THIN}s"
    elif size < 7200:
        text = f"{size / 60:.0f}{THIN}min"
    elif size < 172_800:
        text = f"{_trim(size / 3600, 1)}{THIN}h"
    else:
        text = f"{_trim(size / 86_400, 1)}{THIN}d"
    return _signed(text, float(value) < 0)


def latency(value_ms: Number) -> str:
    """A latency in whole milliseconds as far as ten seconds, so that neighbours can be told apart: `4,712 ms`, `0.8 ms`, `12.4 s`."""
    size = float(value_ms)
    if size >= 10_000:
        return seconds(size / 1000)
    return f"{_trim(size, 1) if size < 10 else f'{size:,.0f}'}{THIN}ms"


def size_bytes(value: Number) -> str:
    """`63.3 GB`, decimal steps."""
    size = abs(float(value))
    for step, name in BYTE_STEPS:
        if size >= step:
            return _signed(f"{_trim(size / step, 1)}{THIN}{name}", float(value) < 0)
    return _signed(f"{size:,.0f}{THIN}B", float(value) < 0)


def amount(value: Number, unit: str) -> str:
    """A value with its unit, where the unit is one that people write; other units (worlds, images) are left to the title."""
    if unit in MONEY_UNITS or unit.startswith("usd"):
        return money(value)
    if unit in RATIO_UNITS:
        return percent(value)
    if unit in PERCENT_UNITS:
        return percent(float(value) / 100)
    if unit in SECOND_UNITS:
        return seconds(value)
    if unit == "ms":
        return seconds(float(value) / 1000)
    if unit in BYTE_UNITS:
        return size_bytes(value)
    if unit == BYTE_RATE:
        return f"{size_bytes(value)}/s"
    if unit in COUNTED and 10 <= abs(float(value)) < 100:
        return whole(value)
    if unit in UNIT_NAMES:
        return f"{count(value)}{THIN}{UNIT_NAMES[unit]}"
    return count(value)


def unit_word(unit: str) -> str:
    """The noun that `amount` leaves out: `worlds`, `a user`; empty where the unit is already in the number."""
    written = {*MONEY_UNITS, *RATIO_UNITS, *PERCENT_UNITS, *SECOND_UNITS, *BYTE_UNITS, *UNIT_NAMES, BYTE_RATE, "ms", "score"}
    return USD_PER.get(unit, "") or ("" if unit in written else NOUNS.get(unit, unit.replace("_", " ")))


NOUNS = {"gpus": "GPUs", "cores": "cores"}
SINGULAR = {"queries": "query", "series": "series"}


TITLES = {
    "requests_per_second": "requests per second",
    "operations_per_second": "operations per second",
    "bytes_per_second": "bytes per second",
    "gb": "GB",
    "tb": "TB",
    "percent": "%",
    "gpus": "GPUs",
    "score": "score, 1 is best",
    "usd_per_user": "dollars a user",
    "usd_per_token": "dollars a token",
    "usd_per_image": "dollars an image",
    "usd_per_mtok": "dollars a million tokens",
}


def unit_title(unit: str) -> str:
    """A unit beside a chart's title: `ms`, `requests per second`, `GB`."""
    return TITLES.get(unit, unit.replace("_", " "))


def with_unit(value: Number, unit: str) -> str:
    """A value with everything its unit says: `5,010 worlds`, `1 GPU`, `$2.00 a user`, `184 ms`."""
    noun = unit_word(unit)
    if noun and float(value) == 1 and unit not in USD_PER:
        noun = SINGULAR.get(unit, noun.removesuffix("s"))
    return f"{amount(value, unit)} {noun}".strip()


def rate(per_second: float) -> str:
    """`4.2 /s`; less than one a second by the minute, `0.2 /min`."""
    value, unit = (per_second, "s") if per_second >= 1 else (per_second * 60, "min")
    return f"{count(round(value, 2 if value < 10 else 1))}{THIN}/{unit}"


def age(span: timedelta) -> str:
    """`8 s`, `14 min`, `3 h`, `2 d`."""
    elapsed = max(0.0, span.total_seconds())
    if elapsed < 99.5:
        return f"{elapsed:.0f}{THIN}s"
    if elapsed < 5970:
        return f"{elapsed / 60:.0f}{THIN}min"
    if elapsed < 172_800:
        return f"{elapsed / 3600:.0f}{THIN}h"
    return f"{elapsed / 86_400:.0f}{THIN}d"


def day(instant: datetime, now: datetime, zone: ZoneInfo) -> str:
    """`24 Nov`, with the year if it is another one and could be taken for this one."""
    local = instant.astimezone(zone)
    text = f"{local.day}\u00a0{MONTHS[local.month - 1]}"
    near = local.year == now.astimezone(zone).year or abs(instant - now) < timedelta(days=270)
    return text if near else f"{text} {local.year}"


def clock(instant: datetime, zone: ZoneInfo) -> str:
    """`23:10`."""
    return f"{instant.astimezone(zone):%H:%M}"


def when(instant: datetime, now: datetime, zone: ZoneInfo) -> str:
    """`today 23:10` within 48 hours, else the day."""
    if abs(instant - now) >= timedelta(hours=48):
        return day(instant, now, zone)
    apart = (instant.astimezone(zone).date() - now.astimezone(zone).date()).days
    named = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(apart)
    return f"{named or day(instant, now, zone)} {clock(instant, zone)}"


def moment(instant: datetime, now: datetime, zone: ZoneInfo) -> str:
    """A day and a time of day: `19 Nov 03:12`."""
    return f"{day(instant, now, zone)} {clock(instant, zone)}"


def day_range(first: datetime, last: datetime, now: datetime, zone: ZoneInfo) -> str:
    """`22–27 Nov`, `27 Nov–6 Dec`, one day alone, times where both are within 48 hours."""
    start, end = first.astimezone(zone), last.astimezone(zone)
    if max(abs(first - now), abs(last - now)) < timedelta(hours=48):
        return (
            f"{clock(first, zone)}–{clock(last, zone)}"
            if start.date() == end.date()
            else f"{when(first, now, zone)}–{when(last, now, zone)}"
        )
    if start.date() == end.date():
        return day(first, now, zone)
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day}–{day(last, now, zone)}"
    return f"{day(first, now, zone)}–{day(last, now, zone)}"


def month_name(instant: datetime, zone: ZoneInfo) -> str:
    """`November`."""
    return MONTH_NAMES[instant.astimezone(zone).month - 1]


def zone_name(zone: ZoneInfo, now: datetime) -> str:
    """`UTC`, `UTC+1 Berlin`."""
    offset = now.astimezone(zone).utcoffset() or timedelta(0)
    if zone.key in {"UTC", "Etc/UTC"}:
        return "UTC"
    minutes = int(offset.total_seconds() // 60)
    sign = "+" if minutes >= 0 else MINUS
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{sign}{hours}{f':{rest:02d}' if rest else ''} {zone.key.rsplit('/', 1)[-1].replace('_', ' ')}"


def plural(number: int, noun: str, many: str = "") -> str:
    """`1 limit`, `3 limits`."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"
