"""Refused rows over HTTP: listed, downloaded as NDJSON, corrected by whoever knows what they should say, and sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from collectors.records.refused import Normalised
from dashboards.api.answers import answer, error_answer
from dashboards.api.bodies import read_body
from dashboards.api.program import READERS, store_judged
from dashboards.door.asking import asking
from dashboards.parts import Parts
from roomleft.errors import InputError
from warehouse.quarantine import quarantine_counts, quarantined, release
from warehouse.state import Audit

MOST_ROWS = 10_000
MARK = "_quarantine"
"""The key under which a downloaded row carries what belongs to its refusal; everything else is the record."""
ABOUT = ("row_id", "source", "stream", "reason", "line", "rejected_at")
STREAMS = tuple(READERS)
"""Streams whose rows may be sent again; the others are read from a source that keeps them."""


def make_quarantine(parts: Parts) -> APIRouter:
    """The three routes. Sending again writes under other sources' names, so it needs admin."""
    router = APIRouter()

    @router.get("/api/v1/rejected", summary="Refused rows by source and stream, and the newest of them", tags=["read"])
    async def rejected(source: str | None = None, stream: str | None = None, limit: int = 100) -> Response:
        most = max(1, min(limit, MOST_ROWS))
        counts = await asyncio.to_thread(quarantine_counts, parts.store)
        rows = await asyncio.to_thread(quarantined, parts.store, source=source, stream=stream, most=most)
        kept = [each for each in counts if source in (None, each["source"]) and stream in (None, each["stream"])]
        return answer({"counts": kept, "rows": rows})

    @router.get("/export/rejected.ndjson", include_in_schema=False)
    async def download(source: str | None = None, stream: str | None = None) -> Response:
        rows = await asyncio.to_thread(quarantined, parts.store, source=source, stream=stream, most=MOST_ROWS)
        return Response(
            as_ndjson(rows),
            media_type="application/x-ndjson",
            headers={"content-disposition": 'attachment; filename="rejected.ndjson"', "cache-control": "no-store"},
        )

    @router.post("/api/v1/rejected/resubmit", summary="Send corrected rows again (admin)", tags=["push"])
    async def resubmit(request: Request) -> Response:
        """NDJSON as downloaded, corrected. Each row is judged anew under its own source; its old refusal is forgotten."""
        body = await read_body(request, parts.settings.body_limit_mb * 2**20)
        groups = await asyncio.to_thread(grouped, body)
        # As for a push: a corrected row may be the first of a platform whose pack waits for data.
        known = {*parts.packs, *await asyncio.to_thread(parts.wake_packs, ())}
        total = {"rows_read": 0, "rows_added": 0, "rows_duplicate": 0, "rows_rejected": 0, "released": 0}
        told: list[Any] = []
        for (source, stream), (records, row_ids) in groups.items():
            judged: Normalised = await asyncio.to_thread(
                READERS[stream],
                b"\n".join(orjson.dumps(record) for record in records),
                source=source,
                platform=None,
                known_platforms=tuple(known),
                now=parts.clock.now(),
            )
            if first := {*judged.rows.column("platform").unique().to_pylist()} - {*parts.packs}:
                await asyncio.to_thread(parts.wake_packs, first)
            counts, refused, full = await store_judged(parts, source, stream, judged)
            told += refused
            for name, count in counts.items():
                total[name] += count
            if full is not None:
                return error_answer(full, **total, rejected=told)
            total["released"] += await asyncio.to_thread(release, parts.store, row_ids)
        await asyncio.to_thread(Audit(parts.state).add, asking().name, "resubmit", total)
        return answer({**total, "rejected": told})

    return router


def as_ndjson(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """One line a refused row: what is kept of the record, and under `_quarantine` why it was refused. `…` stands for what was not kept."""
    lines = []
    for row in rows:
        record = orjson.loads(row["content"]) if row["content"] else {}
        lines.append(orjson.dumps({**record, MARK: {name: row[name] for name in ABOUT}}))
    return b"".join(line + b"\n" for line in lines)


def grouped(body: bytes) -> dict[tuple[str, str], tuple[list[dict[str, Any]], list[str]]]:
    """The records of a corrected download by source and stream, with the refusals they answer. Raises InputError with the line."""
    found: dict[tuple[str, str], tuple[list[dict[str, Any]], list[str]]] = {}
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InputError(f"not JSON: {error}", where, "nothing was sent; correct the line and send the file again") from error
        about = record.pop(MARK, None) if isinstance(record, dict) else None
        if not isinstance(about, dict) or not isinstance(about.get("source"), str) or not isinstance(about.get("row_id"), str):
            raise InputError(f"the line has no {MARK}", where, "keep that key as it was downloaded: it says whose row this is")
        if about.get("stream") not in STREAMS:
            hint = "its source still has the row: read the stream again with `roomleft start-over`"
            raise InputError(f"rows of {about.get('stream')!r} cannot be sent again", where, hint)
        left_out = [name for name, value in record.items() if value == "…" or name == "…"]
        if left_out:
            hint = "fill it in or take it out: texts and names of people are not kept of a refused row"
            raise InputError(f"{', '.join(left_out)} still stands as …", where, hint)
        records, row_ids = found.setdefault((about["source"], about["stream"]), ([], []))
        records.append(record)
        row_ids.append(about["row_id"])
    if not found:
        raise InputError("no row in it", "body", "send the downloaded file, corrected")
    return found
