"""What a record from outside may say: the fields, their kinds and their bounds, and how one value is judged.

Every function here raises `Refusal`, which names the field and says why in words a person can act on. No reason repeats a text
longer than a few words: a refused record must not become a way for prompts to enter the warehouse.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from roomleft.errors import InputError
from roomleft.money import stored
from roomleft.timespan import parse_instant

TEXT_LIMIT = 200
COUNT_LIMIT = 10**12
"""Millions of records at the limit still add up in 64 bits."""
MAP_LIMIT = 64
NUL = "\0"
"""PostgreSQL, which keeps a DuckLake's statistics, has no text with it."""
AUDIO_LIMIT = 1e9
DURATION_LIMIT_MS = 1e9
MOST = {
    "complexity": 1.0,
    "audio_seconds": AUDIO_LIMIT,
    "latency_ms": DURATION_LIMIT_MS,
    "first_token_ms": DURATION_LIMIT_MS,
}
"""The largest that a number may be; fields not named here may be any finite number."""
MONEY_LIMIT = Decimal(10) ** 9
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
FUTURE_ALLOWED = timedelta(minutes=10)

STATUSES = ("ok", "error", "timeout", "refused")
URGENCIES = ("low", "normal", "high")
NOT_FINITE = ("NaN", "Inf", "+Inf", "-Inf")
TEXT_KEYS = frozenset(
    {"prompt", "prompts", "messages", "response", "completion", "completions", "input", "output", "content", "text"}
)
"""Keys under which senders put what people wrote. Their values are never kept, not even in a refusal."""


class Refusal(Exception):
    """Why one record is kept out: the field (None: the record as a whole) and the reason."""

    def __init__(self, field: str | None, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason


def shown(value: object) -> str:
    """A value for a message: short, and without a text's contents when it is long."""
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else f"a text of {len(value):,} characters"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return str(value)[:40]


def nearest(word: str, known: Collection[str]) -> str:
    """`; did you mean 'x'?` for a misspelt word, or the list when nothing is near."""
    close = difflib.get_close_matches(word[:TEXT_LIMIT], list(known), n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(sorted(known)[:12])}" if known else ""


def check_keys(record: Mapping[str, object], known: Collection[str], where_else: str = "") -> None:
    """Refuse texts and unknown keys. A key whose value is null says nothing and is let through."""
    for key, value in record.items():
        if key in known or value is None:
            continue
        if str(key).lower() in TEXT_KEYS:
            raise Refusal(str(key), "texts are not kept: send counts and names only")
        raise Refusal(str(key)[:TEXT_LIMIT], f"unknown field {shown(str(key))}{nearest(str(key), known)}{where_else}")


def text(record: Mapping[str, object], field: str, *, required: bool = False) -> str | None:
    """A name: a string of at most 200 characters; an empty one counts as absent."""
    value = record.get(field)
    if value is not None and not isinstance(value, str):
        raise Refusal(field, f"must be a string, not {shown(value)}")
    if not value:
        if required:
            raise Refusal(field, "is required")
        return None
    if len(value) > TEXT_LIMIT:
        raise Refusal(field, f"is {len(value):,} characters long; at most {TEXT_LIMIT}")
    if NUL in value:
        raise Refusal(field, "holds a NUL character")
    return value


def one_of(record: Mapping[str, object], field: str, words: Collection[str], default: str | None = None) -> str | None:
    """A word out of a list."""
    value = text(record, field)
    if value is None:
        return default
    if value not in words:
        raise Refusal(field, f"{shown(value)} is not one of {', '.join(words)}")
    return value


def platform(record: Mapping[str, object], expected: str | None, known: Collection[str]) -> str:
    """The platform a record is of: its own `platform`, or the source's. It must be a known one, and the source's if that is fixed."""
    said = text(record, "platform") or expected
    if said is None:
        raise Refusal("platform", "is required")
    if said not in known:
        raise Refusal("platform", f"unknown platform {shown(said)}{nearest(said, known)}")
    if expected is not None and said != expected:
        raise Refusal("platform", f"this source is {expected!r}, not {said!r}")
    return said


def count(record: Mapping[str, object], field: str, default: int = 0) -> int:
    """A whole number from 0 to a million million. 12.0 is 12; a string, a boolean and 12.5 are refused."""
    value = record.get(field)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        if value in NOT_FINITE:
            raise Refusal(field, f"{value} is not a finite number")
        raise Refusal(field, f"must be a whole number, not {shown(value)}")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Refusal(field, f"{value} is not a finite number")
        if not value.is_integer():
            raise Refusal(field, f"must be a whole number, not {value}")
    if value < 0:
        raise Refusal(field, f"must not be negative ({shown(value)})")
    if value > COUNT_LIMIT:
        raise Refusal(field, f"{shown(value)} is absurdly large; at most {COUNT_LIMIT:,}")
    return int(value)


def number(record: Mapping[str, object], field: str, *, most: float | None = None) -> float | None:
    """A finite number, 0 or above."""
    value = record.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        if value in NOT_FINITE:
            raise Refusal(field, f"{value} is not a finite number")
        raise Refusal(field, f"must be a number, not {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise Refusal(field, "is absurdly large") from None
    if not math.isfinite(number):
        raise Refusal(field, f"{number} is not a finite number")
    if number < 0:
        raise Refusal(field, f"must not be negative ({number})")
    if most is not None and number > most:
        raise Refusal(field, f"{number:g} is above {most:g}")
    return number


def money(record: Mapping[str, object], field: str, *, required: bool = False, negative: bool = False) -> Decimal | None:
    """Dollars as a decimal string (a JSON number is taken by its digits), at the grain of nine decimals."""
    value = record.get(field)
    if value is None:
        if required:
            raise Refusal(field, 'is required, as a string such as "123.45"')
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise Refusal(field, f'must be an amount such as "123.45", not {shown(value)}')
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise Refusal(field, f'{shown(value)} is not an amount such as "123.45"') from None
    if not amount.is_finite():
        raise Refusal(field, f"{amount} is not a finite amount")
    if amount < 0 and not negative:
        raise Refusal(field, f"must not be negative ({shown(value)})")
    if abs(amount) >= MONEY_LIMIT:
        raise Refusal(field, f"{shown(value)} is absurdly large; below a thousand million")
    return stored(amount)


def instant(record: Mapping[str, object], field: str, now: datetime, *, required: bool = True) -> datetime | None:
    """An aware instant, from 2015 to ten minutes after `now`, in UTC."""
    value = record.get(field)
    if value is None:
        if required:
            raise Refusal(field, "is required, for example 2026-11-21T04:00:00Z")
        return None
    if not isinstance(value, str | datetime):
        raise Refusal(field, f"must be a time such as 2026-11-21T04:00:00Z, not {shown(value)}")
    if isinstance(value, str) and len(value) > 64:
        raise Refusal(field, f"{shown(value)} is not a time")
    try:
        at = parse_instant(value if isinstance(value, str) else value.isoformat())
    except InputError as error:
        raise Refusal(field, f"{error.what}; {error.hint}") from None
    except (OverflowError, ValueError):
        raise Refusal(field, f"{shown(str(value))} is absurd") from None
    if at > now + FUTURE_ALLOWED:
        raise Refusal(
            field, f"{at.isoformat()} is in the future (it is {now.isoformat(timespec='seconds')}); check the sender's clock"
        )
    if at < EARLIEST:
        raise Refusal(field, f"{at.isoformat()} is absurd: before 2015")
    return at


def calendar_day(record: Mapping[str, object], field: str, now: datetime) -> date:
    """A calendar day, YYYY-MM-DD, from 2015 to tomorrow (somewhere it is tomorrow already)."""
    value = record.get(field)
    if isinstance(value, date) and not isinstance(value, datetime):
        day = value
    elif isinstance(value, str):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise Refusal(field, f"{shown(value)} is not a day; write YYYY-MM-DD") from None
    else:
        raise Refusal(field, f"must be a day, YYYY-MM-DD, not {shown(value)}")
    if not EARLIEST.date() <= day <= now.date() + timedelta(days=1):
        raise Refusal(field, f"{day} is absurd: before 2015 or in the future")
    return day


def text_map(record: Mapping[str, object], field: str) -> list[tuple[str, str]] | None:
    """A map of short strings, sorted by key; None when absent or empty."""
    value = record.get(field)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Refusal(field, f"must be a map of strings, not {shown(value)}")
    pairs = []
    for key, entry in value.items():
        if entry is None:
            continue
        if not isinstance(key, str) or not isinstance(entry, str):
            raise Refusal(field, f"{shown(key)} must be a string, not {shown(entry)}")
        if len(key) > TEXT_LIMIT or len(entry) > TEXT_LIMIT:
            raise Refusal(field, f"a key or value is longer than {TEXT_LIMIT} characters")
        if NUL in key or NUL in entry:
            raise Refusal(field, "a key or value holds a NUL character")
        pairs.append((key, entry))
    if len(pairs) > MAP_LIMIT:
        raise Refusal(field, f"has {len(pairs)} entries; at most {MAP_LIMIT}")
    return sorted(pairs) or None


def number_map(record: Mapping[str, object], field: str) -> list[tuple[str, float]] | None:
    """A map of finite numbers, 0 or above, sorted by key; None when absent or empty."""
    value = record.get(field)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Refusal(field, f"must be a map of numbers, not {shown(value)}")
    if len(value) > MAP_LIMIT:
        raise Refusal(field, f"has {len(value)} entries; at most {MAP_LIMIT}")
    pairs = []
    for key in value:
        try:
            entry = number(value, key)
        except Refusal as refusal:
            raise Refusal(field, f"{shown(key)} {refusal.reason}") from None
        if entry is not None:
            if len(str(key)) > TEXT_LIMIT:
                raise Refusal(field, f"a key is longer than {TEXT_LIMIT} characters")
            pairs.append((str(key), entry))
    return sorted(pairs) or None
