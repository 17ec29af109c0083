"""What is behind a chart as a file, and as JSON for the table beside it: one address for all of them, `/export/chart.csv?chart=…` and the page's filters."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response, StreamingResponse

from dashboards.charts.frame import TIMES, Column, Frame
from dashboards.charts.registry import behind
from dashboards.exports import safe
from dashboards.parts import Parts

PATH = "/export/chart"
MOST_SHOWN = 1000
"""Lines of the table on screen; the file has all of them."""
LINES_A_PIECE = 2000


def add_routes(server: FastAPI, parts: Parts) -> None:
    """The file and the table."""

    @server.get(f"{PATH}.csv", include_in_schema=False)
    async def as_csv(request: Request) -> Response:
        now = parts.clock.now()
        name, frame = await asyncio.to_thread(behind, parts, request.url.query, now)
        headers = {"content-disposition": f'attachment; filename="{file_name(name, frame, now)}"', "cache-control": "no-store"}
        return StreamingResponse(pieces(frame), media_type="text/csv; charset=utf-8", headers=headers)

    @server.get(f"{PATH}.json", include_in_schema=False)
    async def as_json(request: Request) -> Response:
        now = parts.clock.now()
        _, frame = await asyncio.to_thread(behind, parts, request.url.query, now)
        body = await asyncio.to_thread(lambda: orjson.dumps(shown(frame)))
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})


def file_name(name: str, frame: Frame, now: datetime) -> str:
    """`cost-by-provider-2026-11-20T1200Z.csv`."""
    words = re.sub(r"[^a-z0-9]+", "-", frame.title.lower()).strip("-")[:60].strip("-")
    return f"{words or name}-{now.astimezone(UTC):%Y-%m-%dT%H%M}Z.csv"


def heads(frame: Frame) -> list[str]:
    """The first line of the file: units in the names, each instant in UTC and in the zone shown."""
    zone = re.sub(r"[^A-Za-z0-9]+", "_", frame.zone.key)
    found: list[str] = []
    for column in frame.columns:
        found += [f"{column.name}_utc", f"{column.name}_{zone}"] if column.name in TIMES and zone != "UTC" else [_alone(column)]
    return found


def _alone(column: Column) -> str:
    return f"{column.name}_utc" if column.name in TIMES else column.name


def pieces(frame: Frame) -> Iterator[str]:
    """The file (RFC 4180), some thousand lines at a time. What is not known is empty; a text that a spreadsheet would run gets an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([safe(each) for each in heads(frame)])
    twice = frame.zone.key != "UTC"
    for number, row in enumerate(frame.rows, start=1):
        cells: list[str] = []
        for value in row:
            if isinstance(value, datetime):
                cells.append(value.astimezone(UTC).isoformat())
                cells += [value.astimezone(frame.zone).isoformat()] if twice else []
            else:
                cells.append(f"{value:f}" if isinstance(value, Decimal) else safe(value))
        writer.writerow(cells)
        if number % LINES_A_PIECE == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def as_text(frame: Frame) -> str:
    """The whole file."""
    return "".join(pieces(frame))


def shown(frame: Frame) -> dict[str, Any]:
    """The table on screen: the newest lines first where they have a time, each with the address of what is behind it."""
    timed = bool(frame.columns) and frame.columns[0].name in TIMES
    order = range(len(frame.rows) - 1, -1, -1) if timed else range(len(frame.rows))
    places = list(order)[:MOST_SHOWN]
    return {
        "title": frame.title,
        "note": frame.note,
        "zone": frame.zone.key,
        "columns": [{"words": column.words, "number": _is_number(frame, n)} for n, column in enumerate(frame.columns)],
        "rows": [[_said(value, frame) for value in frame.rows[place]] for place in places],
        "links": [frame.links[place] for place in places] if frame.links else [],
        "count": len(frame.rows),
    }


def _is_number(frame: Frame, place: int) -> bool:
    value = next((row[place] for row in frame.rows if row[place] is not None), None)
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _said(value: object, frame: Frame) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return value.astimezone(frame.zone).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")
    if isinstance(value, Decimal):
        return f"{value.normalize():,f}"
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
