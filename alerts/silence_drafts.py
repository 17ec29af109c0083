"""A silence as people and programs write it: Alertmanager's JSON, matchers as text, a length instead of an end, and times that come again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from alerts.silences import Draft, Silence
from roomleft.alerting import DAYS, RecurringSpec
from roomleft.errors import InputError
from roomleft.matchers import Matcher, matcher_of, parse_matcher
from roomleft.timespan import parse_instant, parse_span

KEYS = frozenset(("id", "matchers", "startsAt", "endsAt", "for", "comment", "createdBy", "kind", "recurring", "replace", "all"))
KINDS = ("silence", "maintenance")
RECURRING = re.compile(r"(?:(?P<days>[a-zA-Z,\s-]+?)\s+)?(?P<since>\d{2}:\d{2})\s*[-–]\s*(?P<until>\d{2}:\d{2})\s+(?P<zone>\S+)")
RECURRING_HINT = 'for example "sat,sun 22:00-06:00 Europe/Berlin", or "01:00-02:30 UTC" for every day'
OPS = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}


def draft_of(document: Mapping[str, Any], now: datetime) -> Draft:
    """A silence of a JSON object: `matchers`, `endsAt` or `for`, and perhaps `startsAt`, `comment`, `kind`, `recurring`. Raises InputError."""
    unknown = sorted(set(document) - KEYS)
    if unknown:
        raise InputError(f"a silence has no {unknown[0][:60]!r}", "body", f"it has {', '.join(sorted(KEYS))}")
    kind = document.get("kind") or "silence"
    if kind not in KINDS:
        raise InputError(f"{str(kind)[:60]!r} is no kind of silence", "kind", f"one of {', '.join(KINDS)}")
    starts = instant_of(document, "startsAt")
    return Draft(
        matchers=matchers_of(document.get("matchers") or []),
        starts_at=starts,
        ends_at=end_of(document, max(starts, now) if starts is not None else now),
        kind="maintenance" if kind == "maintenance" else "silence",
        recurring=recurring_of(document.get("recurring")),
        note=_text(document, "comment"),
    )


def matchers_of(listed: Any) -> tuple[Matcher, ...]:
    """Matchers as text (`severity=critical`), or as Alertmanager's objects {name, value, isRegex, isEqual}. Raises InputError."""
    if not isinstance(listed, list):
        raise InputError("matchers are not a list", "matchers", 'send for example ["platform=shop", "component=~api|edge"]')
    try:
        return tuple(parse_matcher(each) if isinstance(each, str) else _matcher(each) for each in listed)
    except InputError as error:
        raise InputError(error.what, error.where or "matchers", error.hint) from error


def end_of(document: Mapping[str, Any], start: datetime) -> datetime:
    """Its end: `endsAt`, or `for` so long. Raises InputError."""
    length, end = document.get("for"), instant_of(document, "endsAt")
    if (length in (None, "")) == (end is None):
        raise InputError("a silence has one end", "endsAt", 'send endsAt (an instant) or for (a length such as "2h")')
    if end is not None:
        return end
    try:
        return start + parse_span(str(length))
    except InputError as error:
        raise InputError(error.what, "for", error.hint) from error
    except OverflowError as error:
        raise InputError(f"{str(length)[:40]!r} is too long", "for", "30 days at most") from error


def instant_of(document: Mapping[str, Any], name: str) -> datetime | None:
    """An instant of the document; None for nothing. Raises InputError."""
    value = document.get(name)
    if value in (None, ""):
        return None
    try:
        return parse_instant(str(value))
    except (InputError, OverflowError) as error:
        hint = error.hint if isinstance(error, InputError) else "years 1 to 9999"
        raise InputError(f"{str(value)[:60]!r} is not an instant", name, hint) from error


def recurring_of(value: Any) -> RecurringSpec | None:
    """When it comes again: `sat,sun 22:00-06:00 Europe/Berlin`, or the object of alerting.yaml {days, since, until, zone}. Raises InputError."""
    if value in (None, "", {}):
        return None
    if isinstance(value, str):
        value = _recurring_fields(value)
    try:
        return RecurringSpec.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["recurring", *(str(part) for part in first["loc"])])
        raise InputError(first["msg"], where, str(first.get("ctx", {}).get("todo", "")) or RECURRING_HINT) from error


def silence_document(silence: Silence, now: datetime) -> dict[str, Any]:
    """One of them in Alertmanager's shape, with what it has no word for beside: kind, recurring, who ended it."""
    stretch = silence.stretch(now)
    return {
        "id": str(silence.id) if silence.id else "",
        "status": {"state": silence.state_at(now)},
        "matchers": [
            {"name": each.name, "value": each.value, "isRegex": each.op in ("=~", "!~"), "isEqual": each.op in ("=", "=~")}
            for each in silence.matchers
        ],
        "startsAt": silence.starts_at,
        "endsAt": silence.ends_at if silence.ended_at is None else silence.ended_at,
        "updatedAt": silence.ended_at or silence.made_at,
        "createdBy": silence.made_by,
        "comment": silence.note,
        "kind": silence.kind,
        "recurring": silence.recurring.model_dump() if silence.recurring is not None else None,
        "holdsUntil": stretch[1] if stretch is not None else None,
        "holdsNext": silence.next_stretch(now),
        "endedBy": silence.ended_by,
        "words": " and ".join(str(each) for each in silence.matchers),
    }


def _matcher(each: Any) -> Matcher:
    if not isinstance(each, Mapping) or not isinstance(each.get("name"), str) or not isinstance(each.get("value"), str):
        raise InputError(
            f"{str(each)[:80]!r} is not a matcher",
            "matchers",
            'write "severity=critical", or {"name": …, "value": …, "isRegex": false}',
        )
    equal, regex = each.get("isEqual", True), each.get("isRegex", False)
    if not isinstance(equal, bool) or not isinstance(regex, bool):
        raise InputError("isEqual and isRegex are true or false", "matchers", "leave them out for an equal label")
    return matcher_of(each["name"], OPS[equal, regex], each["value"])


def _recurring_fields(text: str) -> dict[str, Any]:
    found = RECURRING.fullmatch(text.strip())
    if found is None:
        raise InputError(f"{text[:80]!r} does not say when", "recurring", RECURRING_HINT)
    fields: dict[str, Any] = {name: found[name] for name in ("since", "until", "zone")}
    if found["days"] and found["days"].lower().strip() not in ("daily", "every day"):
        fields["days"] = [day for part in found["days"].lower().split(",") for day in _days(part.strip())]
    return fields


def _days(part: str) -> list[str]:
    """`sat` or `mon-fri`."""
    first, dash, last = part.partition("-")
    if not dash:
        return [first]
    if first.strip() not in DAYS or last.strip() not in DAYS:
        raise InputError(f"{part[:40]!r} are no days", "recurring", RECURRING_HINT)
    start, end = DAYS.index(first.strip()), DAYS.index(last.strip())
    return [DAYS[number % 7] for number in range(start, end + 1 if end >= start else end + 8)]


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name) or ""
    if not isinstance(value, str):
        raise InputError(f"{name} is not text", name, "send a text")
    return value
