"""Anomalies and announced events over HTTP: read them, announce something, call it off, say that an anomaly was expected."""

from __future__ import annotations

import asyncio
from datetime import datetime

from fastapi import APIRouter, Request, Response

from dashboards.anomaly_rows import FORMS, SHOWN_FOR, announce, document, event_document, mark_expected, recent
from dashboards.api.answers import answer
from dashboards.api.bodies import read_object
from dashboards.door.asking import who_asks
from dashboards.parts import Parts
from roomleft.errors import InputError
from roomleft.platform_names import known_platform
from roomleft.timespan import parse_instant
from warehouse.state.expected_events import ExpectedEvents

ROUTE = "/api/v1/anomalies"
EVENTS = "/api/v1/expected-events"
EXAMPLE = 'for example {"kind": "launch", "platform": "shop", "until": "2026-12-01T00:00:00Z", "note": "spring sale"}'
DESCRIBED = (
    "`kind` is launch, backfill, holiday, campaign or other; `platform` and `target` (PLATFORM/METER, its parts included) without them all; `from` now "
    "without it; `until`, or `for` so long; `note`. What is unusual meanwhile is stored as known, alerts nobody, and the forecaster knows of it."
)
DESCRIBED_MARK = (
    "Its series is expected from its beginning until `until` (or for so long: `for`; a day from now without either). `kind` and `note` as of an "
    "announced event. It is kept, and alerts no more."
)
MOST = 1_000


def make_anomaly_api(parts: Parts) -> APIRouter:
    """Routes below /api/v1/anomalies and /api/v1/expected-events."""
    router = APIRouter()

    @router.get(ROUTE, summary="What the past does not explain, newest first, with its causes", tags=["read"])
    async def listed(
        platform: str | None = None, since: str | None = None, until: str | None = None, form: str | None = None
    ) -> Response:
        now = parts.clock.now()
        known_platform(platform, parts.packs)
        if form is not None and form not in FORMS:
            raise InputError(f"{form[:40]!r} is no form", "the parameter form", f"one of {', '.join(FORMS)}")
        end = _instant(until, "until") or now
        begin = _instant(since, "since") or end - SHOWN_FOR
        if begin >= end:
            raise InputError("since must be before until", "the parameter since", "ranges are half-open: [since, until)")
        found = await asyncio.to_thread(recent, parts, begin, end, platform=platform, form=form, most=MOST)
        return answer([document(each) for each in found])

    @router.post(
        ROUTE + "/{anomaly_id}/expected", summary="It was expected (respond)", description=DESCRIBED_MARK, tags=["decide"]
    )
    async def expected(anomaly_id: str, request: Request) -> Response:
        body = await read_object(request, EXAMPLE)
        found, event = await asyncio.to_thread(mark_expected, parts, anomaly_id, body, who_asks(request))
        parts.responded()
        return answer({"anomaly": document(found), "event": event_document(event, parts.clock.now())})

    @router.get(EVENTS, summary="What was announced, newest beginning first", tags=["read"])
    async def events(platform: str | None = None, over: bool = False) -> Response:
        known_platform(platform, parts.packs)
        now = parts.clock.now()
        after = None if over else now
        found = await asyncio.to_thread(lambda: ExpectedEvents(parts.state).all(ending_after=after, platform=platform))
        return answer([event_document(each, now) for each in found])

    @router.post(EVENTS, summary="Announce something that moves figures (respond)", description=DESCRIBED, tags=["decide"])
    async def announced(request: Request) -> Response:
        body, now = await read_object(request, EXAMPLE), parts.clock.now()
        event = await asyncio.to_thread(announce, parts.state, dict(parts.packs), body, who_asks(request), now)
        return answer(event_document(event, now))

    @router.delete(EVENTS + "/{number}", summary="End an announced event, or call it off (respond)", tags=["decide"])
    async def ended(number: int, request: Request) -> Response:
        now, who = parts.clock.now(), who_asks(request)
        event = await asyncio.to_thread(lambda: ExpectedEvents(parts.state).end(number, who=who, now=now))
        return answer(event_document(event, now))

    return router


def _instant(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        return parse_instant(text)
    except OverflowError as error:
        raise InputError(f"{text[:60]!r} is not an instant", f"the parameter {name}", "years 1 to 9999") from error
