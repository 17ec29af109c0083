"""What the templates of alert rules are made with: a sandbox that reaches no file, no attribute of Python's own and no unbounded loop, numbers
that print with their unit, and filters for amounts, spans and dates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, Template, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_round
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from roomleft.errors import InputError
from roomleft.money import usd
from roomleft.timespan import parse_instant, parse_span
from roomleft.wording import amount_text, date_text, number_text, span_text

FILTERS_OF_JINJA = (
    "abs", "capitalize", "default", "first", "float", "int", "last", "length", "lower", "sort", "title", "trim", "truncate", "upper",
)  # fmt: skip
LONGEST = 4000
"""Characters of the longest text."""
MOST_BITS = 1024
MOST_PLACES = 20


class Amount(Decimal):
    """A reading: a number to reckon with, which prints with its unit."""

    unit: str

    def __new__(cls, value: Decimal | float | str, unit: str = "") -> Amount:
        made = super().__new__(cls, repr(float(value)) if isinstance(value, float) else value)
        made.unit = unit
        return made

    def __str__(self) -> str:
        return amount_text(Decimal(self), self.unit) if self.is_finite() else format(Decimal(self))


class Missing(str):
    """What is not known this time: prints as nothing, is false, and whatever is reckoned with it is missing too."""

    __slots__ = ()

    def __new__(cls) -> Missing:
        return super().__new__(cls, "")

    def _missing(self, *_: object) -> Missing:
        return self

    def _no(self, _: object) -> bool:
        return False

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _missing
    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __pow__ = __rpow__ = __neg__ = __pos__ = __round__ = _missing
    __lt__ = __le__ = __gt__ = __ge__ = _no


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if any(not isinstance(side, (int, float, Decimal, Missing)) for side in (left, right)):
            # `"x" * 999999999` would fill the memory.
            raise SecurityError(f"{operator} is for numbers")
        if operator == "**" and abs(right) > 64:
            raise SecurityError("the exponent is above 64")
        if operator == "**" and isinstance(left, int) and left.bit_length() * abs(right) > MOST_BITS:
            # A power of a power of a power would never be worked out.
            raise SecurityError("the power is too large")
        return super().call_binop(context, operator, left, right)


def _number(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    try:
        return Decimal(repr(float(value)) if isinstance(value, float) else str(value))
    except InvalidOperation:
        raise InputError(f"{str(value)[:50]!r} is not a number") from None


def _amount(value: object, unit: str = "") -> str:
    return "" if isinstance(value, Missing) else amount_text(_number(value), unit or getattr(value, "unit", ""))


def _plain(value: object) -> str:
    return "" if isinstance(value, Missing) else number_text(_number(value))


def _usd(value: object, places: int = 2) -> str:
    return "" if isinstance(value, Missing) else usd(_number(value), min(max(int(places), 0), 9))


def percent(value: object) -> str:
    """A share as a whole per cent that never claims nothing or everything: `3 %`, `< 1 %`, `> 99 %`."""
    if isinstance(value, Missing):
        return ""
    share = 100 * _number(value)
    if 0 < share < 1:
        return "< 1\u202f%"
    return "> 99\u202f%" if 99 < share < 100 else amount_text(Decimal(round(share)), "percent")


def _span(value: object) -> str:
    if isinstance(value, Missing):
        return ""
    if isinstance(value, timedelta):
        return span_text(value)
    return span_text(timedelta(seconds=float(value)) if isinstance(value, (int, float, Decimal)) else parse_span(str(value)))


def instant_of(value: object) -> datetime:
    """An instant, or its text. Raises InputError."""
    return value if isinstance(value, datetime) else parse_instant(str(value))


@pass_context
def _date(context: Context, value: object, zone: str = "") -> str:
    return "" if not value else date_text(instant_of(value), context["_now"], ZoneInfo(zone) if zone else context["_zone"])


@pass_context
def _time(context: Context, value: object, zone: str = "") -> str:
    if not value:
        return ""
    local = instant_of(value).astimezone(ZoneInfo(zone) if zone else context["_zone"])
    return f"{local:%H:%M} {local.tzname()}"


def _replace(value: object, old: object, new: object, count: int | None = None) -> str:
    text, part, other = str(value), str(old), str(new)
    times = text.count(part) if count is None else min(max(count, 0), text.count(part))
    if len(text) + times * (len(other) - len(part)) > LONGEST:
        # One after another they would fill the memory.
        raise SecurityError("replace makes a text too long")
    return text.replace(part, other, -1 if count is None else count)


def _join(value: Iterable[object], between: object = "") -> str:
    made, words = str(between), ""
    for number, part in enumerate(value):
        words += f"{made if number else ''}{part}"
        if len(words) > LONGEST:
            raise SecurityError("join makes a text too long")
    return words


def _round(value: Any, places: int = 0, method: str = "common") -> Any:
    if abs(places) > MOST_PLACES:
        raise SecurityError(f"round is for {MOST_PLACES} places at most")
    return do_round(value, places, method)  # type: ignore[arg-type]


def _make_environment() -> _Environment:
    environment = _Environment(undefined=StrictUndefined, autoescape=False)
    environment.globals.clear()
    environment.tests = {name: environment.tests[name] for name in ("defined", "none", "number", "string")}
    builtin = {name: environment.filters[name] for name in FILTERS_OF_JINJA}
    environment.filters = {
        **builtin, "replace": _replace, "join": _join, "round": _round, "amount": _amount, "number": _plain, "usd": _usd, "percent": percent, "span": _span, "date": _date, "time": _time,
    }  # fmt: skip
    return environment


ENVIRONMENT = _make_environment()
"""What templates are read and filled in by."""


@lru_cache(maxsize=4096)
def compiled(text: str) -> Template:
    """A template, read once."""
    return ENVIRONMENT.from_string(text)


def filled(text: str, words: Mapping[str, object], now: datetime, zone: tzinfo) -> str:
    """A template filled with words, as of `now`. Raises whatever goes wrong in it."""
    return compiled(text).render({**words, "_now": now, "_zone": zone})
