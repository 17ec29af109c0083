"""The kinds of value OpenSLO objects are made of: names, labels, durations, numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictStr
from pydantic_core import PydanticCustomError

from roomleft.slo_windows import Shorthand

LABEL_KEY = re.compile(r"[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
PREFIX = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
START = "%Y-%m-%d %H:%M:%S"


def fault(what: str, todo: str) -> PydanticCustomError:
    return PydanticCustomError("openslo", "{what}", {"what": what, "todo": todo})


def _number(value: object) -> object:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise fault(f"{value!r} is not a number", "write a number without quotes")
    number = Decimal(repr(value))
    if not number.is_finite():
        raise fault(f"{value!r} is not a number", "write a finite number")
    return number


def shorthand(value: object) -> object:
    found = Shorthand.parse(value) if isinstance(value, str) else value
    if not isinstance(found, Shorthand):
        raise fault(f"{value!r} is not a duration", "write a whole number and one of m h d w M Q Y, for example 5m, 4w or 1M")
    return found


def _slice(value: object) -> object:
    # A bare number is in minutes.
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**6:
        return Shorthand(value, "m")
    return shorthand(value)


def _name(value: object) -> object:
    if not isinstance(value, str) or not value.strip():
        raise fault(f"{value!r} is not a name", "write a text")
    if len(value) > 255 or not value.isprintable():
        raise fault("a name has at most 255 characters, all of them printable", "shorten it")
    return value


def _label_value(value: object) -> object:
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if not isinstance(text, str):
            raise fault(f"{text!r} is not a text", f'quote it: "{str(text).lower()}"')
    return value


def _keys(good: Callable[[str], bool], what: str) -> Callable[[object], object]:
    def check(value: object) -> object:
        if isinstance(value, dict):
            for key in value:
                if not good(str(key)):
                    raise fault(
                        f"{key!r} is no key of {what}", "letters and digits at both ends, between them also - _ . (63 at most)"
                    )
        return value

    return check


def _annotation_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(LABEL_KEY.fullmatch(name)) and (not slash or bool(PREFIX.fullmatch(prefix)))


def _start(value: object) -> object:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.strptime(str(value), START)
    except ValueError:
        raise fault(f"{value!r} is not a date and time", "write for example 2026-01-31 12:30:00, without a zone") from None


Number = Annotated[Decimal, BeforeValidator(_number)]
Duration = Annotated[Shorthand, BeforeValidator(shorthand)]
Slice = Annotated[Shorthand, BeforeValidator(_slice)]
Name = Annotated[str, BeforeValidator(_name)]
Text = Annotated[StrictStr, Field(min_length=1)]
Description = Annotated[StrictStr, Field(max_length=1050)]
Operator = Literal["lte", "gte", "lt", "gt"]
Labels = Annotated[
    dict[str, Annotated[str | list[str], BeforeValidator(_label_value)]],
    BeforeValidator(_keys(lambda key: bool(LABEL_KEY.fullmatch(key)), "labels")),
]
Annotations = Annotated[dict[str, StrictStr], BeforeValidator(_keys(_annotation_key, "annotations"))]


Start = Annotated[datetime, BeforeValidator(_start)]
"""A local date and time."""
