"""Status pages: how a platform's parts are, what is wrong and since when, thirty days of availability. For those signed in, and published by a
link that can be revoked. Neither names owners nor money; the published one names nothing else of this server either."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from analytics.health import ComponentHealth, PlatformHealth, platform_health
from dashboards import reads
from dashboards.alert_lines import alert_lines
from dashboards.alert_words import AlertLine
from dashboards.door.asking import csrf_asked, who_asks
from dashboards.parts import Parts
from dashboards.plain_pages import NAV, html_answer, keeping, kept_query, plain_page
from dashboards.snapshot import Snapshots
from dashboards.status_links import StatusLinks
from dashboards.status_page_html import status_html
from roomleft.errors import RoomleftError
from roomleft.packs import Pack
from roomleft.platform_names import unknown_platform_words
from roomleft.timespan import midnight

DAYS = 30
CACHED_S = 5
WINDOW_S, MOST_READS, MOST_WRONG, REMEMBERED = 60.0, 60, 10, 4096
"""An address may read so many published pages, and name so many links that do not exist, in so long."""
PUBLIC_HEADERS = {"cache-control": "no-cache", "referrer-policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class Day:
    """A component's day: minutes that were looked at, and those in which it was down."""

    day: date
    minutes: int
    down: int

    @property
    def share(self) -> float | None:
        """How much of what was seen it was up; None where nothing was seen."""
        return 1 - self.down / self.minutes if self.minutes else None


@dataclass(frozen=True, slots=True)
class Status:
    """What a status page shows. `alerts` are those that fire or are unknown; the published page shows fewer of their words."""

    pack: Pack
    health: PlatformHealth
    days: Mapping[str, Sequence[Day]]
    alerts: Sequence[AlertLine]
    now: datetime
    zone: ZoneInfo

    def available(self, part: ComponentHealth) -> float | None:
        """The share of the minutes seen in all the days in which the component was up."""
        own = self.days.get(part.component_id, ())
        minutes = sum(each.minutes for each in own)
        return 1 - sum(each.down for each in own) / minutes if minutes else None


class Reads:
    """How often addresses ask: at most `most` within `WINDOW_S` each. Bounded, in this process."""

    def __init__(self, most: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most, self._monotonic = most, monotonic
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, who: str, *, count: bool = True) -> float:
        """How long the address must wait; 0 and counted if it need not."""
        now = self._monotonic()
        times = self._seen.setdefault(who, deque(maxlen=self._most))
        self._seen.move_to_end(who)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        if len(times) == self._most and now - times[0] < WINDOW_S:
            return times[0] + WINDOW_S - now
        if count:
            times.append(now)
        return 0.0


def make_status_pages(parts: Parts, monotonic: Callable[[], float] = time.monotonic) -> APIRouter:
    """GET /status/<platform> for those signed in, /s/<secret> for whoever has a link; POST /status/<platform>/publish and …/revoke."""
    router = APIRouter()
    links = StatusLinks(parts.state)
    kept = Snapshots(keep_s=CACHED_S)
    every, wrong = Reads(MOST_READS, monotonic), Reads(MOST_WRONG, monotonic)

    async def answer_for(request: Request, platform: str, made: str = "", trouble: str = "", status: int = 200) -> Response:
        if platform not in parts.packs:
            words = escape(unknown_platform_words(platform, parts.packs))
            body = f'<h1>No such platform</h1><p>{words}</p><p><a href="/platforms">Platforms</a></p>'
            return html_answer(keeping(plain_page("No such platform", body, nav=NAV), request.url.query), 404)
        shown = await asyncio.to_thread(status_of, parts, platform, parts.clock.now())
        published = await asyncio.to_thread(links.of, platform)
        address = f"{(parts.settings.public_url or str(request.base_url)).rstrip('/')}/s/{made}" if made else ""
        text = status_html(shown, links=published, csrf=csrf_asked(request), made=address, trouble=trouble)
        return html_answer(keeping(text, request.url.query), status)

    @router.get("/status/{platform}", include_in_schema=False)
    async def private(platform: str, request: Request) -> Response:
        return await answer_for(request, platform)

    @router.post("/status/{platform}/publish", include_in_schema=False)
    async def publish(platform: str, request: Request) -> Response:
        form = await _form(request)
        if platform not in parts.packs:
            return await answer_for(request, platform)
        made = await asyncio.to_thread(links.add, platform, who=who_asks(request), note=form.get("note", ""))
        return await answer_for(request, platform, made)

    @router.post("/status/{platform}/revoke", include_in_schema=False)
    async def revoke(platform: str, request: Request) -> Response:
        form = await _form(request)
        try:
            await asyncio.to_thread(links.revoke, form.get("prefix", ""), who=who_asks(request))
        except RoomleftError as error:
            return await answer_for(request, platform, trouble=f"{error.what[:1].upper()}{error.what[1:]}.", status=422)
        kept = kept_query(request.url.query)
        at = f"/status/{quote(platform, safe='')}" + (f"?{kept}" if kept else "")
        return RedirectResponse(at, 303, {"cache-control": "no-store"})

    @router.get("/s/{secret}", include_in_schema=False)
    async def published(secret: str, request: Request) -> Response:
        who = request.client.host if request.client else "unknown"
        wait_s = max(every.wait_s(who), wrong.wait_s(who, count=False))
        if wait_s > 0:
            page = plain_page("Wait a little", "<h1>This address asks very often</h1><p>Try again in a minute.</p>")
            busy = html_answer(page, 429)
            busy.headers["retry-after"] = str(max(1, int(wait_s + 0.999)))
            return busy
        platform = await asyncio.to_thread(links.platform_of, secret)
        if platform is None or platform not in parts.packs:
            wrong.wait_s(who)
            page = plain_page(
                "Not found",
                "<h1>There is nothing here</h1><p>The link may have been revoked: ask whoever gave it to you for a new one.</p>",
            )
            gone = html_answer(page, 404)
            gone.headers["referrer-policy"] = "no-referrer"
            return gone
        text = await kept.get(platform, lambda: status_html(status_of(parts, platform, parts.clock.now()), public=True))
        found = html_answer(text)
        found.headers.update(PUBLIC_HEADERS)
        return found

    return router


def status_of(parts: Parts, platform: str, now: datetime) -> Status:
    """Everything a platform's status page shows."""
    pack = parts.packs[platform]
    zone = ZoneInfo(pack.zone)
    checks, begun = reads.health(parts.store, platform, now), reads.health_since(parts.store, platform, now)
    health = platform_health(pack, checks, now, begun=begun.get(platform), zone=zone)
    first = now.astimezone(zone).date() - timedelta(days=DAYS - 1)
    rows = parts.store.rows("page_component_minutes", platform=platform, since=midnight(first, zone), until=now)
    lines = [each for each in alert_lines(parts, now) if each.alert.platform == platform and (each.fires or each.is_unknown)]
    return Status(pack, health, days_of(pack, rows, first, zone), lines, now, zone)


def days_of(pack: Pack, rows: Sequence[Mapping[str, Any]], first: date, zone: ZoneInfo) -> dict[str, list[Day]]:
    """By component: `DAYS` days of the zone, oldest first. Of alternatives all must fail for it to be down."""
    redundant = {part.id for part in pack.components if part.redundant}
    seen: dict[tuple[str, date], tuple[int, int]] = {}
    for row in rows:
        key = (row["component"], row["bucket_start"].astimezone(zone).date())
        minutes, down = seen.get(key, (0, 0))
        failed = row["all_failed"] if row["component"] in redundant else row["any_failed"]
        seen[key] = (minutes + row["minutes"], down + failed)
    every = [first + timedelta(days=n) for n in range(DAYS)]
    return {part.id: [Day(day, *seen.get((part.id, day), (0, 0))) for day in every] for part in pack.components}


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body())[:8192].decode("utf-8", "replace")
    return {name: values[0] for name, values in parse_qs(body).items()}
