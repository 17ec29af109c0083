"""Silences and maintenance windows over HTTP, in Alertmanager's shape where it has one: read, make, prolong, end. Nothing is changed by a GET."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from alerts.alert import Alert
from alerts.silence_drafts import KEYS, draft_of, end_of, silence_document
from alerts.silences import ENDS_SOON, Silence, Silences, holding, windows_of
from dashboards import wording
from dashboards.api.answers import answer
from dashboards.api.bodies import read_object
from dashboards.door.asking import who_asks
from dashboards.parts import Parts
from roomleft.errors import InputError
from warehouse.state import StateDb

ROUTE = "/api/v1/silences"
STATES = ("active", "pending", "expired")
DESCRIBED = (
    "`matchers` are texts (`severity=critical`, `component!=edge`, `alertname=~Replica.*`; a pattern must match the whole value) or Alertmanager's "
    "objects; `endsAt`, or `for` so long (30 days at most); `startsAt` now without it; `comment`. `kind` is silence or maintenance. `recurring` makes it "
    "come again between its ends (366 days at most): {days, since, until, zone}, or `sat,sun 22:00-06:00 Europe/Berlin`. One with the same matchers at "
    "the same time is refused unless `replace` is true, one that holds every alert unless `all` is. With `id`, only `endsAt` or `for`: another end for "
    "one that is not over. What has ended stays so."
)


def make_silence_api(parts: Parts) -> APIRouter:
    """Routes below /api/v1/silences."""
    router = APIRouter()

    @router.get(ROUTE, summary="Silences and maintenance windows, and how many alerts each hides now", tags=["read"])
    async def all_of_them(state: str | None = None) -> Response:
        if state is not None and state not in STATES:
            raise InputError(f"{state[:40]!r} is no state of a silence", "the parameter state", f"one of {', '.join(STATES)}")
        now, windows = parts.clock.now(), windows_of(parts.alerting().maintenance)
        found = await asyncio.to_thread(lambda: listed(parts.state, parts.alerts(), windows, now))
        return answer([each for each in found if state in (None, each["status"]["state"])])

    @router.get(ROUTE + "/{number}", summary="One silence", tags=["read"])
    async def one(number: int) -> Response:
        now = parts.clock.now()
        found = await asyncio.to_thread(Silences(parts.state).find, number)
        return answer(silence_document(found, now))

    @router.post(
        ROUTE, summary="Silence what matches, or give a silence another end (respond)", description=DESCRIBED, tags=["decide"]
    )
    async def made(request: Request) -> Response:
        body, who = await read_object(request), who_asks(request)
        number = await asyncio.to_thread(change, parts.state, body, who, parts.clock.now())
        parts.responded()
        return answer({"silenceID": str(number)})

    @router.delete(ROUTE + "/{number}", summary="End a silence, for good (respond)", tags=["decide"])
    async def ended(number: int, request: Request) -> Response:
        now, who = parts.clock.now(), who_asks(request)
        await asyncio.to_thread(lambda: Silences(parts.state).end(number, who=who, now=now))
        parts.responded()
        return answer({"silenceID": str(number), "status": {"state": "expired"}})

    return router


def change(state: StateDb, body: Mapping[str, Any], who: str, now: datetime) -> int:
    """Make a silence of a body, or give that with its `id` another end; its id. Raises InputError."""
    return _prolong(state, body, who, now) if body.get("id") else _make(state, body, who, now)


def _make(state: StateDb, body: Mapping[str, Any], who: str, now: datetime) -> int:
    flags = {}
    for name in ("replace", "all"):
        flags[name] = body.get(name) or False
        if not isinstance(flags[name], bool):
            raise InputError(f"{name} is true or false", name, "leave it out unless you mean it")
    return Silences(state).add(draft_of(body, now), who=who, now=now, replace_same=flags["replace"], everything=flags["all"])


def _prolong(state: StateDb, body: Mapping[str, Any], who: str, now: datetime) -> int:
    silences = Silences(state)
    if not str(body["id"]).isdecimal():
        raise InputError(f"{str(body['id'])[:40]!r} is not a silence's id", "id", f"GET {ROUTE} lists them")
    found = silences.find(int(body["id"]))
    same = silence_document(found, now)
    for name in sorted(KEYS - {"id", "endsAt", "for", "createdBy", "startsAt"}):
        if name in body and body[name] not in (None, "", same.get(name)):
            raise InputError(
                f"{name} of a silence cannot be changed", name, 'make a new one with "replace": true, or send only id and endsAt'
            )
    silences.prolong(found.id, end_of(body, now), who=who, now=now)
    return found.id


def listed(state: StateDb, alerts: Sequence[Alert], windows: Sequence[Silence], now: datetime) -> list[dict[str, Any]]:
    """Every silence and window that is not over, or ended within a week, with what it hides of `alerts`."""
    book = Silences(state)
    seen = book.seen(now)
    return [_told(each, alerts, seen, now) for each in (*book.all(now), *windows)]


def _told(silence: Silence, alerts: Sequence[Alert], seen: Sequence[Any], now: datetime) -> dict[str, Any]:
    holds = holding(silence, alerts, seen, now)
    return silence_document(silence, now) | {
        "source": "app" if silence.id else "alerting.yaml",
        "hides": holds.hides,
        "idle": holds.idle,
        "notice": notice_words(silence, holds.hides, holds.idle, now),
    }


def notice_words(silence: Silence, hides: int, idle: bool, now: datetime) -> str:
    """What somebody should know of it: `hides 2 firing alerts; ends in 40 min`; empty for nothing."""
    said = []
    if hides:
        said.append(f"hides {wording.plural(hides, 'firing alert')}")
    stretch = silence.stretch(now)
    if stretch is not None and stretch[1] is not None and stretch[1] - now <= ENDS_SOON:
        said.append(f"ends in {wording.age(stretch[1] - now)}")
    if idle:
        said.append("nothing matched it for a week")
    return "; ".join(said)
