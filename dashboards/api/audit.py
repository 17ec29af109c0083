"""The audit over HTTP: a page of it as JSON, and all that was asked for as CSV. Both for administrators."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from dashboards.api.answers import answer
from dashboards.api.people import admin
from dashboards.audit_asked import API, CSV_PATH, PATH, as_csv, asked_of, entry_document, number
from dashboards.filters import parse
from dashboards.parts import Parts
from warehouse.state import Audit

MOST = 1_000
DESCRIBED = (
    "Newest first. `range` (`24h`, `7d`, `2026-11-01..2026-11-07`; 30 d without it) and `tz`; `who`; `what`, a deed or a group of them; `q`, words "
    "anywhere; at most `limit` (100, up to 1,000), older than the entry `before`. `next` is the `before` of the page after."
)


def make_audit_api(parts: Parts) -> APIRouter:
    """The two routes."""
    router = APIRouter()
    audit = Audit(parts.state)

    @router.get(API, summary="Who did what (admin)", description=DESCRIBED, tags=["self"])
    async def entries(request: Request, limit: int = 100, before: str = "") -> Response:
        admin()
        filters, most = parse(PATH, request.url.query), max(1, min(limit, MOST))
        asked = await asyncio.to_thread(asked_of, filters, audit, parts.state.clock.now())
        found = await asyncio.to_thread(lambda: audit.page(asked, most + 1, before=number(before)))
        shown = found[:most]
        return answer(
            {"entries": [entry_document(each) for each in shown], "next": shown[-1].id if len(found) > most else None,
             "problems": list(filters.problems)}
        )  # fmt: skip

    @router.get(CSV_PATH, include_in_schema=False)
    async def file(request: Request) -> Response:
        admin()
        asked = await asyncio.to_thread(asked_of, parse(PATH, request.url.query), audit, parts.state.clock.now())
        return StreamingResponse(
            as_csv(audit.each(asked)),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": 'attachment; filename="audit.csv"', "cache-control": "no-store"},
        )

    return router
