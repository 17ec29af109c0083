"""An alert's own page, made on the server: read without a script, acted on with plain forms. Opening it never changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from alerts.alert import Alert, Event
from alerts.book import Book
from alerts.episodes import Episode
from dashboards import alert_page_chart, alert_page_deeds, alert_rows, reads
from dashboards.alert_lines import held_back, joined
from dashboards.alert_page_chart import Asked, Point
from dashboards.alert_page_html import alert_html
from dashboards.alert_rows import Delivery
from dashboards.alert_words import AlertLine, began_at
from dashboards.door.asking import csrf_asked, who_asks
from dashboards.pages.on_call_deliveries import deliveries_told
from dashboards.parts import Parts
from dashboards.plain_pages import NAV, html_answer, keeping, kept_query, plain_page
from roomleft.errors import RoomleftError
from roomleft.findings import AlertState
from roomleft.timespan import known_zones

CHANGED_WITHIN = timedelta(hours=2)
"""How long before an alert began a deploy may have to do with it."""
MOST_TOLD = 40
FORM_LIMIT = 8192
SAID = {
    "acknowledged": "You have it: nobody else is paged for it until it is over.",
    "silenced": "Silenced. It shows here and on On call, and tells nobody until the silence ends.",
}


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Everything the page shows."""

    line: AlertLine
    events: Sequence[Event]
    told: Sequence[Delivery]
    held_by: AlertLine | None
    holds: Sequence[AlertLine]
    beside: Sequence[AlertLine]
    points: Sequence[Point]
    span: tuple[datetime, datetime]
    deploys: Sequence[dict[str, Any]]
    changed: Sequence[dict[str, Any]]
    zone: ZoneInfo
    now: datetime
    platform_title: str
    csrf: str
    said: str = ""
    trouble: str = ""


def make_alert_pages(parts: Parts) -> APIRouter:
    """GET /alerts/<episode> and /alerts/<rule id>/<fingerprint>; POST …/acknowledge and …/silence, which lead back."""
    router = APIRouter()
    asked = Asked(parts)

    async def page(request: Request, alert: Alert | None, named: str, trouble: str = "", status: int = 200) -> Response:
        if alert is None:
            body = f'<h1>There is no alert {escape(named[:200])}</h1><p>It may be long over. <a href="/on-call">On call</a> shows what fires now.</p>'
            return html_answer(keeping(plain_page("No such alert", body, nav=NAV), request.url.query), 404)
        found = await asyncio.to_thread(_gathered, parts, alert, _zone(request, parts, alert), csrf_asked(request))
        if found.line.rule is not None:
            rule = found.line.rule
            drawn = await asyncio.to_thread(asked.points, rule, alert.fingerprint, found.span)
            found = replace(found, points=drawn)
        found = replace(found, said=SAID.get(request.query_params.get("said", ""), ""), trouble=trouble)
        return html_answer(keeping(alert_html(found), request.url.query), status)

    @router.get("/alerts/{episode}", include_in_schema=False)
    async def by_episode(episode: str, request: Request) -> Response:
        return await page(request, await asyncio.to_thread(_of_episode, parts, episode), episode)

    @router.get("/alerts/{rule_id}/{fingerprint}", include_in_schema=False)
    async def by_key(rule_id: str, fingerprint: str, request: Request) -> Response:
        found = await asyncio.to_thread(Book(parts.state).find, rule_id=rule_id, fingerprint=fingerprint)
        return await page(request, found[0] if found else None, f"{rule_id} {fingerprint}")

    async def done(episode: str, request: Request, deed: Any, said: str) -> Response:
        form = {
            name: values[0] for name, values in parse_qs((await request.body())[:FORM_LIMIT].decode("utf-8", "replace")).items()
        }
        alert = await asyncio.to_thread(_of_episode, parts, episode)
        if alert is None:
            return await page(request, None, episode)
        try:
            await asyncio.to_thread(deed, parts, alert, form.get("note", "").strip()[:500], who_asks(request))
        except RoomleftError as error:
            words = f"{error.what[:1].upper()}{error.what[1:]}." + (
                f" {error.hint[:1].upper()}{error.hint[1:]}." if error.hint else ""
            )
            return await page(request, alert, episode, words, 422)
        kept = kept_query(request.url.query)
        tail = f"&{kept}" if kept else ""
        return RedirectResponse(f"/alerts/{quote(episode, safe='')}?said={said}{tail}", 303, {"cache-control": "no-store"})

    @router.post("/alerts/{episode}/acknowledge", include_in_schema=False)
    async def acknowledge(episode: str, request: Request) -> Response:
        return await done(episode, request, alert_page_deeds.acknowledge, "acknowledged")

    @router.post("/alerts/{episode}/silence", include_in_schema=False)
    async def silence(episode: str, request: Request) -> Response:
        return await done(episode, request, alert_page_deeds.silence, "silenced")

    return router


def _gathered(parts: Parts, alert: Alert, zone: ZoneInfo, csrf: str) -> AlertPage:
    now = parts.clock.now()
    alerts = [each for each in parts.alerts() if each.key != alert.key]
    held = held_back(parts, [alert, *alerts], now)
    lines = {line.alert.key: line for line in joined(parts, [alert, *alerts], now)}
    line = lines.pop(alert.key)
    held_by = lines.get(held[alert.key].by.key) if alert.key in held else None
    explained = [lines[key] for key, why in held.items() if why.by.key == alert.key and key in lines]
    holds = [each for each in explained if alert_rows.is_held_untold(parts.state, each.alert.episode)]
    shown = {each.alert.key for each in [*holds, *([held_by] if held_by else [])]}
    beside = [
        each for each in lines.values() if each.fires and each.alert.platform == alert.platform and each.alert.key not in shown
    ]
    since = began_at(alert)
    until = min(now, alert.resolved_at + timedelta(minutes=30)) if alert.resolved_at else now
    span = alert_page_chart.span_of(since, max(until, since + timedelta(minutes=1)))
    deploys = reads.deploys(parts.store, alert.platform, (min(span[0], since - CHANGED_WITHIN), span[1]))
    changed = [each for each in deploys if since - CHANGED_WITHIN <= each["deployed_at"] <= since]
    pack = parts.packs.get(alert.platform)
    return AlertPage(
        line,
        Book(parts.state).events(episode=alert.episode) if alert.episode else [],
        deliveries_told(alert_rows.deliveries(parts.state, episode=alert.episode)[:MOST_TOLD]) if alert.episode else [],
        held_by,
        holds,
        beside,
        [],
        span,
        [each for each in deploys if span[0] <= each["deployed_at"] <= span[1]],
        changed,
        zone,
        now,
        pack.title if pack else alert.platform,
        csrf,
    )


def _of_episode(parts: Parts, name: str) -> Alert | None:
    """The alert as it is, or as it was in an episode that is over and done."""
    found = Book(parts.state).find(episode=name)
    if found:
        return found[0]
    past = Book(parts.state).episode(name)
    return past_alert(past) if past is not None else None


def past_alert(past: Episode) -> Alert:
    """An alert as an episode left it."""
    last = past.events[-1].at if past.events else past.pending_at
    return Alert(
        past.rule_id, past.fingerprint, past.platform, past.severity, past.labels,
        AlertState.RESOLVED if past.ended or past.started is None else AlertState.FIRING, past.episode, past.pending_at, past.started, None,
        past.ended or last, None, None, "", past.ended or last, past.ended or last,
        value=past.recovery_value if past.recovery_value is not None else past.value, worst=past.worst, unit=past.unit,
    )  # fmt: skip


def _zone(request: Request, parts: Parts, alert: Alert) -> ZoneInfo:
    """The zone asked for, else the platform's."""
    asked = request.query_params.get("tz", "")
    if asked in known_zones():
        return ZoneInfo(asked)
    pack = parts.packs.get(alert.platform)
    return ZoneInfo(pack.zone) if pack else ZoneInfo("UTC")
