"""Files a page offers for download."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import timedelta

from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboards import reads
from dashboards.filters import parse
from dashboards.limit_rows import LimitRow
from dashboards.pages.overview import CSV_PATH, shown
from dashboards.parts import Parts

DAY = timedelta(days=1)
COLUMNS = (
    "limit_id", "platform", "kind", "title", "owner", "state", "reason", "amount", "unit", "used", "remaining", "fraction_left", "burn_rate",
    "exhausts_p10", "exhausts_p50", "exhausts_p90", "p_breach", "window_start", "window_end", "subject", "basis", "lower_bound", "assumed",
    "freshness", "observed_at", "as_of", "next_step", "next_step_usd_per_month", "order_by", "next_step_lead_time_days", "about_to",
    "ends_p10", "ends_p50", "ends_p90", "no_date", "forecast_run",
)  # fmt: skip


def add_routes(server: FastAPI, parts: Parts) -> None:
    """The CSV of the limits a page shows, under the same filters."""

    @server.get(CSV_PATH, include_in_schema=False)
    async def limits_csv(request: Request) -> Response:
        filters = parse(CSV_PATH, request.url.query)
        rows = await asyncio.to_thread(reads.limits, parts.store, parts.packs, parts.clock.now(), parts.slack)
        return Response(
            limits_as_csv(shown(rows, filters)),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": 'attachment; filename="limits.csv"', "cache-control": "no-store"},
        )


def limits_as_csv(rows: Sequence[LimitRow]) -> str:
    """One line a limit: decimals as stored, instants as RFC 3339, nothing for None."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([safe(value) for value in _values(row)])
    return out.getvalue()


def _values(row: LimitRow) -> list[object]:
    limit, headroom, step = row.limit, row.headroom, row.limit.next_step
    own: dict[str, object] = {
        "title": limit.title,
        "owner": limit.owner,
        "assumed": limit.assumed,
        "next_step": step.what if step else None,
        "next_step_usd_per_month": step.cost_usd_per_month if step else None,
        "next_step_lead_time_days": step.lead_time / DAY if step and step.lead_time is not None else None,
    }
    return [own[name] if name in own else getattr(headroom, name) for name in COLUMNS]


def safe(value: object) -> str:
    """A cell's text. A text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in "=+-@\t\r" else text
