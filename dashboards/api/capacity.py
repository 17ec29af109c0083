"""The capacity report over HTTP: its content, and its three files."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from analytics.reports.capacity import content
from dashboards.api.answers import answer
from dashboards.asked_packs import asked_pack
from dashboards.parts import Parts
from dashboards.reports.capacity_made import capacity_page
from dashboards.reports.capacity_read import read_capacity
from dashboards.reports.capacity_text import capacity_text
from dashboards.reports.capacity_xlsx import capacity_xlsx
from dashboards.reports.weekly_made import XLSX
from roomleft.packs import Pack

ROUTE = "/api/v1/reports/capacity"


def make_capacity_api(parts: Parts) -> APIRouter:
    """The routes of the capacity report."""
    router = APIRouter()
    drawing = asyncio.Lock()

    @router.get(ROUTE, summary="The capacity report of one platform, or of each", tags=["read"])
    async def capacity(platform: str | None = None) -> Response:
        packs = dict(parts.packs)  # a reload meanwhile changes those in force
        slugs = [platform] if platform is not None else list(packs)
        found = [await asyncio.to_thread(capacity_content, parts, asked_pack(parts, slug)) for slug in slugs]
        return answer(found)

    @router.get(ROUTE + ".html", summary="The capacity report of a platform as a page with its pictures", tags=["read"])
    async def as_html(platform: str) -> Response:
        told = await asyncio.to_thread(capacity_content, parts, asked_pack(parts, platform))
        async with drawing:  # one at a time: drawing takes a core for a moment
            page = await asyncio.to_thread(capacity_page, told)
        return Response(page, media_type="text/html; charset=utf-8", headers=_named(platform, "html", "inline"))

    @router.get(ROUTE + ".txt", summary="The capacity report of a platform as plain text", tags=["read"])
    async def as_text(platform: str) -> Response:
        told = await asyncio.to_thread(capacity_content, parts, asked_pack(parts, platform))
        return Response(capacity_text(told), media_type="text/plain; charset=utf-8", headers=_named(platform, "txt", "inline"))

    @router.get(ROUTE + ".xlsx", summary="The capacity report of a platform as a workbook", tags=["read"])
    async def as_xlsx(platform: str) -> Response:
        told = await asyncio.to_thread(capacity_content, parts, asked_pack(parts, platform))
        book = await asyncio.to_thread(capacity_xlsx, told)
        return Response(book, media_type=XLSX, headers=_named(platform, "xlsx", "attachment"))

    return router


def capacity_content(parts: Parts, pack: Pack) -> dict[str, Any]:
    """One platform's capacity report, from the stores. Raises StoreError."""
    now = parts.clock.now()
    given = read_capacity(
        parts.store,
        parts.forecasts,
        pack,
        now,
        parts.slack,
        demo=parts.settings.demo,
        lists=parts.catalogue.lists(now),
        others=set(parts.packs) - {pack.slug},
    )
    return content(pack, given, now)


def _named(platform: str, ending: str, how: str) -> dict[str, str]:
    return {"content-disposition": f'{how}; filename="capacity-{platform}.{ending}"', "cache-control": "private, no-store"}
