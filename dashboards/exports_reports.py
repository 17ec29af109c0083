"""Reports of a platform as files, made when they are asked for, from the same content as the API's: HTML, text, workbook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response

from analytics.reports.user_cost_read import cost_report
from collectors.records.fields import shown
from dashboards import report_cost
from dashboards.api.answers import dumps
from dashboards.asked_packs import packs_asked
from dashboards.door.asking import may_see_users
from dashboards.filters import parse
from dashboards.parts import Parts
from dashboards.report_cost_html import cost_html
from dashboards.report_cost_xlsx import cost_xlsx
from roomleft.errors import Refused
from roomleft.packs import Pack

PATH = "/export/reports"
MIME = {
    "html": "text/html; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
ENDINGS = {"html": "HTML", "txt": "Text", "xlsx": "XLSX"}
FILES: Mapping[str, Mapping[str, str]] = {"cost": ENDINGS}
"""The reports made here, and as which files."""
Content = list[dict[str, Any]]


def add_routes(server: FastAPI, parts: Parts) -> None:
    """One address for each report and ending."""

    @server.get(PATH + "/{name}", include_in_schema=False)
    async def file(name: str, request: Request) -> Response:
        kind, _, ending = name.partition(".")
        if kind not in FILES or ending not in FILES[kind]:
            known = ", ".join(f"{kind}.{ending}" for kind, endings in FILES.items() for ending in endings)
            raise Refused(f"there is no report {shown(name)}", PATH, f"there are {known}", status=404)
        packs = packs_asked(parts, parse(PATH, request.url.query).platform)
        now = parts.clock.now()
        content = await asyncio.to_thread(_json, parts, kind, packs, now)
        body = await asyncio.to_thread(MADE[kind, ending], content, now)
        whose = packs[0].slug if len(packs) == 1 else "all"
        saved = f"{kind}-{whose}-{now:%Y-%m-%d}.{ending}"
        headers = {"content-disposition": f'attachment; filename="{saved}"', "cache-control": "no-store"}
        return Response(body, media_type=MIME[ending], headers=headers)


def _json(parts: Parts, kind: str, packs: Sequence[Pack], now: datetime) -> Content:
    """The contents as the API answers them: files are made from those, wherever they are made."""
    found: Content = orjson.loads(dumps([READ[kind](parts, pack, now) for pack in packs]))
    return found


def _cost(parts: Parts, pack: Pack, now: datetime) -> Any:
    return cost_report(parts.store, pack, None, None, now, see_users=may_see_users())


READ: Mapping[str, Callable[[Parts, Pack, datetime], Any]] = {"cost": _cost}
MADE: Mapping[tuple[str, str], Callable[[Content, datetime], str | bytes]] = {
    ("cost", "html"): cost_html,
    ("cost", "txt"): lambda content, _now: "\n".join(report_cost.text(each) for each in content),
    ("cost", "xlsx"): lambda content, _now: cost_xlsx(content),
}
