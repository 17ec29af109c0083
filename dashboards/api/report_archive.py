"""Reports that were made, over HTTP: the archive, one report and its files; a preview of the next; one sent now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from collectors.records.fields import shown
from dashboards.addresses import rows_told
from dashboards.api.answers import answer
from dashboards.api.bodies import read_object
from dashboards.api.recipients import checked_platforms
from dashboards.door.asking import who_asks
from dashboards.parts import Parts
from dashboards.reports.shown import document, mailing_document
from roomleft.errors import InputError, Refused
from warehouse.state import Scope
from warehouse.state.archive import Archive
from warehouse.state.mailings import Mailing, Mailings

ROUTE = "/api/v1/reports"
MOST_LISTED, MOST_ADDRESSES = 500, 50
MAILED = ("weekly", "capacity")
SHOWABLE = frozenset({"image/png"})
"""Media types that a browser may show in place; everything else is saved."""


def make_report_archive_api(parts: Parts) -> APIRouter:
    """Routes below /api/v1/reports that speak of the archive. To be added after those of single reports: a key may be any path."""
    router = APIRouter()
    archive, mailings = Archive(parts.state), Mailings(parts.state)
    one_at_a_time = asyncio.Lock()

    def copies(key: str) -> list[Mailing]:
        return rows_told(mailings.of_report(key), Scope.ADMIN, "address", "answer")

    @router.get(ROUTE, summary="The archive: reports that were made, newest first", tags=["read"])
    async def all_of_them(report: str | None = None, count: int = 100) -> Response:
        if not 1 <= count <= MOST_LISTED:
            raise InputError(f"{count} is out of range", "the parameter count", f"1 to {MOST_LISTED}")

        def read() -> list[dict[str, Any]]:
            return [
                row | {"mailings": [mailing_document(each) for each in copies(row["report_key"])]}
                for row in archive.newest(count, report)
            ]

        return answer(await asyncio.to_thread(read))

    @router.post(ROUTE + "/preview", summary="The weekly report as it would be made now; kept nowhere", tags=["read"])
    async def preview(request: Request) -> Response:
        body = await read_object(request, '{"zone": "Europe/Berlin"}')
        platforms, zone = _asked(parts, body, {"zone", "platforms", "with_files"})
        async with one_at_a_time:  # drawing takes a core for a moment
            made = await asyncio.to_thread(parts.mailer.preview, platforms, zone)
        return answer(document(made, with_files=body.get("with_files") is True))

    @router.post(
        ROUTE + "/send", summary="Make the weekly or a capacity report now, keep it and mail it (admin)", tags=["decide"]
    )
    async def sent(request: Request) -> Response:
        body, who = await read_object(request, '{"to": ["finance@example.org"]}'), who_asks(request)
        platforms, zone = _asked(parts, body, {"zone", "platforms", "to"}, MAILED)
        to = body.get("to")
        if to is not None and (
            not isinstance(to, list) or not all(isinstance(each, str) for each in to) or len(to) > MOST_ADDRESSES
        ):
            raise InputError(
                "to is a list of addresses", "to", f"at most {MOST_ADDRESSES}; without it every recipient gets theirs"
            )
        if body.get("report") == "capacity":
            return answer(await asyncio.to_thread(parts.mailer.send_capacity, to, platforms, who))
        return answer(await asyncio.to_thread(parts.mailer.send, to, platforms, zone, who))

    @router.get(ROUTE + "/{key:path}/files/{name}", summary="A picture or workbook of a report", tags=["read"])
    async def file(key: str, name: str) -> Response:
        found = await asyncio.to_thread(archive.file, key, name)
        if found is None:
            raise Refused(
                f"report {shown(key)} has no file {shown(name)}", f"{ROUTE}/…/files", "its report names its files", status=404
            )
        how = "inline" if found.media_type in SHOWABLE else "attachment"
        headers = {"content-disposition": f'{how}; filename="{found.name}"', "cache-control": "private, max-age=86400"}
        return Response(found.content, media_type=found.media_type, headers=headers)

    @router.get(ROUTE + "/{key:path}", summary="One report as it was made: content, text, HTML, files, mailings", tags=["read"])
    async def one(key: str, with_files: bool = False) -> Response:
        def read() -> Mapping[str, Any]:
            found = archive.find(key)
            if found is None:
                raise Refused(f"there is no report {shown(key)}", ROUTE, f"GET {ROUTE} lists them", status=404)
            return document(found, copies(key), with_files=with_files)

        return answer(await asyncio.to_thread(read))

    return router


def _asked(parts: Parts, body: Mapping[str, Any], keys: set[str], reports: Sequence[str] = ("weekly",)) -> tuple[list[str], str]:
    for name in sorted(set(body) - keys - {"report"}):
        raise InputError(f"unknown field {name[:40]!r}", "the body", f"fields: {', '.join(sorted(keys))}")
    if body.get("report", "weekly") not in reports:
        raise InputError(f"no report {shown(str(body['report']))} is mailed", "report", " or ".join(reports))
    zone = body.get("zone") or "UTC"
    if not isinstance(zone, str):
        raise InputError("zone is the name of a time zone", "zone", "write for example Europe/Berlin")
    return checked_platforms(body.get("platforms"), list(parts.packs)), zone
