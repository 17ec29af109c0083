"""Taking an alert on, and silencing it for a while, over HTTP. Only a POST does either: whatever opens links, a mail scanner say, changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from alerts.acknowledgements import NOTE_LENGTH, Acknowledgements
from alerts.book import Book
from alerts.silence_drafts import end_of, instant_of
from alerts.silences import Draft, Silences
from dashboards.alert_words import matchers_of
from dashboards.api.answers import answer
from dashboards.api.bodies import read_object
from dashboards.door.asking import who_asks
from dashboards.parts import Parts
from roomleft.errors import InputError
from roomleft.timespan import parse_span
from warehouse.state import StateDb

ROUTE = "/api/v1/alerts/{episode}"
SILENCE_FOR = timedelta(hours=1)
DESCRIBED = (
    "Escalation and repeats stop until the alert resolves, or until `until` (an instant) or `for` so long (seven days at most); then escalation "
    "begins anew. `note` is for whoever looks next. What is over cannot be acknowledged."
)


def make_acknowledge_api(parts: Parts) -> APIRouter:
    """Routes below /api/v1/alerts/<episode>."""
    router = APIRouter()

    @router.get(ROUTE + "/acknowledge", summary="Who acknowledged an episode, and until when", tags=["read"])
    async def taken(episode: str) -> Response:
        now = parts.clock.now()
        found = await asyncio.to_thread(Acknowledgements(parts.state).of, episode)
        return answer([{**asdict(each), "in_force": each.holds_at(now)} for each in found])

    @router.post(ROUTE + "/acknowledge", summary="Take an alert on (respond)", description=DESCRIBED, tags=["decide"])
    async def take(episode: str, request: Request) -> Response:
        body, who = await read_object(request), who_asks(request)
        told = await asyncio.to_thread(acknowledge, parts.state, episode, body, who, parts.clock.now())
        parts.responded()
        return answer(told)

    @router.delete(ROUTE + "/acknowledge", summary="Give an alert back: escalation begins anew (respond)", tags=["decide"])
    async def give_back(episode: str, request: Request) -> Response:
        now, who = parts.clock.now(), who_asks(request)
        count = await asyncio.to_thread(lambda: Acknowledgements(parts.state).give_back(episode, who=who, now=now))
        parts.responded()
        return answer({"episode": episode, "withdrawn": count})

    @router.post(
        ROUTE + "/silence", summary="Silence this very alert, for an hour unless told otherwise (respond)", tags=["decide"]
    )
    async def silenced(episode: str, request: Request) -> Response:
        body, who = await read_object(request), who_asks(request)
        told = await asyncio.to_thread(silence_one, parts.state, episode, body, who, parts.clock.now())
        parts.responded()
        return answer(told)

    return router


def acknowledge(
    state: StateDb, episode: str, body: dict[str, Any], who: str, now: datetime, *, source: str = "api"
) -> dict[str, Any]:
    """Acknowledge an episode by a body. Raises InputError."""
    _known(body, ("note", "until", "for"))
    until = _until(body, now)
    number = Acknowledgements(state).take(episode, who=who, now=now, until=until, note=_note(body), source=source)
    return {"acknowledgement": number, "episode": episode, "who": who, "until": until}


def silence_one(state: StateDb, episode: str, body: dict[str, Any], who: str, now: datetime) -> dict[str, Any]:
    """Silence the alert of an episode. Raises InputError."""
    _known(body, ("note", "endsAt", "for"))
    alert = next(iter(Book(state).find(episode=episode)), None)
    if alert is None:
        raise InputError(
            "there is no such episode of an alert", f"episode {episode[:40]}", "GET /api/v1/alerts lists those that fire"
        )
    end = end_of(body, now) if body.get("for") or body.get("endsAt") else now + SILENCE_FOR
    draft = Draft(tuple(matchers_of(alert.labels)), end, note=_note(body))
    number = Silences(state).add(draft, who=who, now=now)
    return {"silenceID": str(number), "endsAt": end, "words": " and ".join(str(each) for each in draft.matchers)}


def _until(body: dict[str, Any], now: datetime) -> datetime | None:
    length, until = body.get("for"), instant_of(body, "until")
    if length in (None, ""):
        return until
    if until is not None:
        raise InputError("an acknowledgement has one end", "until", "send until or for, not both")
    try:
        return now + parse_span(str(length))
    except (InputError, OverflowError) as error:
        raise InputError(f"{str(length)[:40]!r} is not a length of time", "for", "write for example 30m, 4h or 2d") from error


def _note(body: dict[str, Any]) -> str:
    note = body.get("note") or ""
    if not isinstance(note, str):
        raise InputError("the note is not text", "note", f"send a text of at most {NOTE_LENGTH} letters")
    return note


def _known(body: dict[str, Any], keys: tuple[str, ...]) -> None:
    unknown = sorted(set(body) - set(keys))
    if unknown:
        raise InputError(f"there is no {unknown[0][:60]!r} here", "body", f"send {', '.join(keys)}")
