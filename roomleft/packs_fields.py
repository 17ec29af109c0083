"""The kinds of value a pack is made of: exact numbers, names, spans, windows, units."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from roomleft.errors import InputError
from roomleft.packs_yaml import nearest
from roomleft.timespan import Period, Window, known_zones, parse_span

ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")

UNITS = frozenset(
    (
        "usd",
        "requests",
        "images",
        "tokens",
        "characters",
        "users",
        "minutes",
        "seconds",
        "ms",
        "percent",
        "ratio",
        "fps",
        "bytes",
        "gb",
        "tb",
        "connections",
        "queries",
        "instances",
        "events",
        "requests_per_second",
        "usd_per_user",
        "usd_per_token",
        "usd_per_image",
        "score",
        "worlds",
        "bots",
        "pods",
        "campaigns",
        "deployments",
        "hours",
        "days",
        "months",
        "years",
        "players",
        "channels",
        "jobs",
        "screenshots",
        "gpus",
        "cores",
        "keys",
        "series",
        "bytes_per_second",
        "operations_per_second",
        "usd_per_mtok",
    )
)


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        raise PydanticCustomError(
            "exact", "an unquoted fraction would become a float", {"todo": f'quote it: "{Decimal(repr(value)):f}"'}
        )
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not NUMBER.fullmatch(str(value).strip()):
        raise PydanticCustomError(
            "exact", "{value} is not a number", {"value": repr(value), "todo": 'write a quoted number, for example "0.039"'}
        )
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:  # pragma: no cover - the pattern lets nothing through that Decimal refuses
        raise PydanticCustomError("exact", "{value} is not a number", {"value": repr(value), "todo": ""}) from None
    if abs(number) >= Decimal("1e28") or (number and abs(number) < Decimal("1e-18")):
        raise PydanticCustomError("exact", "{value} is out of range", {"value": repr(value), "todo": "between 1e-18 and 1e28"})
    return number


def _span(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError(
            "span", "{value} is not a length of time", {"value": repr(value), "todo": "write for example 90s, 5m, 1h30m or 30d"}
        )
    try:
        span = parse_span(value)
    except (InputError, OverflowError) as error:
        todo = error.hint if isinstance(error, InputError) else "write for example 90s, 5m, 1h30m or 30d"
        raise PydanticCustomError("span", "{value} is not a length of time", {"value": repr(value), "todo": todo}) from None
    if not timedelta(0) < span <= timedelta(days=3660):
        raise PydanticCustomError(
            "span", "{value} is not a length of time", {"value": repr(value), "todo": "above 0, at most ten years"}
        )
    return span


def _zone(value: object) -> object:
    if not isinstance(value, str) or value not in known_zones():
        raise PydanticCustomError("zone", "unknown time zone {value}", {"value": repr(value), "todo": zone_hint(value)})
    return value


def zone_hint(value: object) -> str:
    """The IANA zone most like what was written."""
    hint = nearest(value, known_zones())
    return hint if hint.startswith("did") else "write an IANA name, for example Europe/Berlin or UTC"


def _unit(value: object) -> object:
    if not isinstance(value, str) or value not in UNITS:
        raise PydanticCustomError("unit", "unknown unit {value}", {"value": repr(value), "todo": nearest(value, UNITS, "units")})
    return value


def _address(value: object) -> object:
    if not isinstance(value, str) or len(value) > 254 or not ADDRESS.fullmatch(value):
        raise PydanticCustomError(
            "address",
            "{value} is not an e-mail address",
            {"value": repr(value)[:100], "todo": "write for example finance@example.com"},
        )
    return value


Exact = Annotated[Decimal, BeforeValidator(_exact)]
"""A decimal written as a quoted string or a whole number; floats are refused."""
Money = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0)]
"""Dollars, exact, never negative."""
Positive = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0)]
Percent = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, lt=100)]
Fraction = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, lt=1)]
Span = Annotated[timedelta, BeforeValidator(_span)]
Zone = Annotated[str, BeforeValidator(_zone)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
"""A country by its ISO 3166 code, or one of its states: `DE`, `US-CA`."""
Unit = Annotated[str, BeforeValidator(_unit)]
Words = Annotated[str, Field(min_length=1, max_length=400)]
Ident = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
"""An id inside a pack: small letters, digits and underscores."""
Address = Annotated[str, BeforeValidator(_address)]
"""An e-mail address."""
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Service = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./:@\-]{0,99}$")]
"""A provider, model, series or component as the source spells it."""


class WindowSpec(Strict):
    """When a limit refills: `month`, or `{period: month, zone: Europe/Berlin, year_starts: 4}`, or `{rolling: 30d}`."""

    period: Literal["day", "week", "month", "quarter", "year"] | None = None
    zone: Zone | None = None
    rolling: Span | None = None
    year_starts: Annotated[int, Field(ge=1, le=12)] = 1

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return {"period": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.period is None) == (self.rolling is None):
            raise PydanticCustomError(
                "window", "a window is either a period or rolling", {"todo": "write month, or {rolling: 30d}"}
            )
        if self.rolling and self.zone:
            raise PydanticCustomError("window", "a rolling window has no zone", {"todo": "leave zone out"})
        return self

    def window(self, default_zone: str) -> Window:
        """The vocabulary's window, in the zone given here or else the pack's."""
        if self.rolling:
            return Window(Period.ROLLING, span=self.rolling)
        return Window(Period(str(self.period)), ZoneInfo(self.zone or default_zone), year_starts=self.year_starts)
