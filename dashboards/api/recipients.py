"""Who gets the weekly report by mail, over HTTP: read, add, end. And the page by which a recipient ends it themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from dashboards.api.answers import answer
from dashboards.api.bodies import read_object
from dashboards.door.asking import who_asks
from dashboards.mailer import Mailer
from dashboards.parts import Parts
from dashboards.plain_pages import html_answer, plain_page
from dashboards.reports.shown import mailing_document
from roomleft.errors import InputError
from roomleft.platform_names import known_platform
from warehouse.state import StateDb
from warehouse.state.mailings import Mailing, Mailings
from warehouse.state.recipients import WEEKLY, Recipient, Recipients
from warehouse.state.unsubscribing import Unsubscribing

ROUTE = "/api/v1/recipients"
UNSUBSCRIBE = "/unsubscribe"
KEYS = frozenset({"address", "zone", "weekday", "hour", "platforms"})
DESCRIBED = (
    "`address`; `zone` (UTC without it), `weekday` (mon) and `hour` (8) by the clocks of that zone; `platforms`, a list, all of them without it. "
    "An address that is a recipient already gets these terms instead."
)


def make_recipient_api(parts: Parts) -> APIRouter:
    """Routes below /api/v1/recipients, and /unsubscribe."""
    router = APIRouter()

    @router.get(ROUTE, summary="Who gets the weekly report by mail, and when next (admin)", tags=["read"])
    async def all_of_them() -> Response:
        return answer(await asyncio.to_thread(listed, parts.state, parts.mailer))

    @router.post(ROUTE, summary="Send the weekly report to an address (admin)", description=DESCRIBED, tags=["decide"])
    async def added(request: Request) -> Response:
        body, who = await read_object(request, '{"address": "finance@example.org"}'), who_asks(request)
        made = await asyncio.to_thread(add, parts.state, body, list(parts.packs), who)
        return answer(document(made, parts.mailer))

    @router.delete(ROUTE + "/{which}", summary="End a recipient, by number or address (admin)", tags=["decide"])
    async def ended(which: str, request: Request) -> Response:
        who = who_asks(request)
        gone = await asyncio.to_thread(lambda: Recipients(parts.state).end(which, who=who))
        return answer({"id": gone.id, "address": gone.address, "ended_at": gone.ended_at})

    @router.get(UNSUBSCRIBE, include_in_schema=False)
    async def ask(of: str = "") -> Response:
        found = await asyncio.to_thread(_whose, parts.state, of)
        return html_answer(_page(found, of), 200 if found is not None else 404)

    @router.post(UNSUBSCRIBE, include_in_schema=False)
    async def unsubscribed(of: str = "") -> Response:
        found = await asyncio.to_thread(_whose, parts.state, of)
        if found is not None and found.ended_at is None:
            await asyncio.to_thread(lambda: Recipients(parts.state).end(found.id, who=f"{found.address} by mail"))
        return html_answer(_page(found, of, over=True), 200 if found is not None else 404)

    return router


def add(state: StateDb, body: Mapping[str, Any], known: Sequence[str], who: str) -> Recipient:
    """Add a recipient by a body. Raises InputError."""
    for name in sorted(set(body) - KEYS):
        raise InputError(f"unknown field {name[:40]!r}", "recipient", f"fields: {', '.join(sorted(KEYS))}")
    terms = {name: body[name] for name in ("zone", "weekday", "hour") if body.get(name) is not None}
    platforms = checked_platforms(body.get("platforms"), known)
    return Recipients(state).add(body.get("address", ""), who=who, platforms=platforms, **terms)


def checked_platforms(given: object, known: Sequence[str]) -> list[str]:
    """A list of platforms in use; empty for none or null. Raises InputError."""
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise InputError("platforms is a list of names", "platforms", f"platforms here: {', '.join(known) or 'none'}")
    for slug in given:
        known_platform(slug, known, "platforms")
    return sorted(set(given))


def listed(state: StateDb, mailer: Mailer) -> Mapping[str, Any]:
    """Every recipient, when they are due next and what became of their newest copy; those who ended in the last 30 days; and whether mail can be sent
    at all."""
    last = Mailings(state).last_by_address()
    why, recipients = mailer.unready(), Recipients(state)
    return {
        "mail": {"ready": not why, "words": why},
        "recipients": [document(each, mailer, last.get(each.address)) for each in recipients.live(WEEKLY)],
        "ended": [_gone(each) for each in recipients.ended(WEEKLY)],
    }


def _gone(recipient: Recipient) -> Mapping[str, Any]:
    terms = {
        name: getattr(recipient, name)
        for name in ("id", "address", "zone", "weekday", "hour", "made_by", "made_at", "ended_by", "ended_at")
    }
    return {**terms, "platforms": list(recipient.platforms)}


def document(recipient: Recipient, mailer: Mailer, last: Mailing | None = None) -> Mapping[str, Any]:
    """One recipient."""
    return {
        "id": recipient.id, "address": recipient.address, "zone": recipient.zone, "weekday": recipient.weekday, "hour": recipient.hour,
        "platforms": list(recipient.platforms), "made_by": recipient.made_by, "made_at": recipient.made_at, "next_at": mailer.due_next(recipient),
        "last": mailing_document(last) if last is not None else None,
    }  # fmt: skip


def _whose(state: StateDb, word: str) -> Recipient | None:
    number = Unsubscribing(state).recipient_of(word)
    return None if number is None else Recipients(state).find(number)


def _page(found: Recipient | None, word: str, over: bool = False) -> str:
    if found is None:
        return plain_page(
            "Weekly report", "<h1>This link is not valid</h1><p>Ask whoever runs Roomleft to end the weekly report for you.</p>"
        )
    address = escape(found.address)
    if over or found.ended_at is not None:
        return plain_page("Weekly report", f"<h1>No more weekly reports</h1><p>{address} gets no further report.</p>")
    # A GET changes nothing: programs that look at links beforehand must not end anybody's report.
    form = f'<form method="post" action="{UNSUBSCRIBE}?of={quote(word)}"><button class="first">Send me no more</button></form>'
    return plain_page("Weekly report", f"<h1>End the weekly report?</h1><p>It goes to {address}.</p>{form}")
