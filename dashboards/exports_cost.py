"""What the Explorer shows as a file: CSV, Parquet and XLSX of one statement under the same address, equal to the cent.

In XLSX the cost of a line, the foot and the shares are formulas, and a second sheet says what was asked and how sure it is.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboards import reads
from dashboards.cost_asked import Answered, by_of, compared_with, where_of, wrong_of
from dashboards.cost_tables import WORDS, Line, Statement, statement
from dashboards.exports import safe
from dashboards.filters import Filters, parse
from dashboards.parts import Parts
from dashboards.wording import plural
from roomleft.errors import InputError

PATH = "/export/cost"
USD, EXACT, SHARE = pa.decimal128(18, 2), pa.decimal128(38, 9), pa.decimal128(6, 1)
COLUMNS: Sequence[tuple[str, str, pa.DataType]] = (
    ("ai_usd", "AI usage", USD), ("infrastructure_usd", "Infrastructure", USD), ("cost_usd", "Cost", USD), ("share_percent", "Share", SHARE),
    ("before_usd", "Before", USD), ("requests", "Calls", pa.int64()), ("failed_requests", "Failed calls", pa.int64()),
    ("unpriced_requests", "Unpriced calls", pa.int64()), ("unpriced_tokens", "Unpriced tokens", pa.int64()), ("tokens", "Tokens", pa.int64()),
    ("input_uncached_tokens", "Input tokens", pa.int64()), ("cache_read_tokens", "Cache read tokens", pa.int64()),
    ("cache_write_tokens", "Cache write tokens", pa.int64()), ("output_tokens", "Output tokens", pa.int64()), ("images", "Images", pa.int64()),
    ("characters", "Characters", pa.int64()), ("audio_seconds", "Audio seconds", pa.decimal128(38, 3)),
    ("reported_usd", "of it reported", EXACT), ("estimated_usd", "of it estimated", EXACT), ("restated_requests", "Restated calls", pa.int64()),
    ("exact_cost_usd", "Cost, exact", EXACT), ("last_at", "Newest call", pa.timestamp("us", "UTC")),
)  # fmt: skip
"""Name, words and type of every column after the dimensions. The dollars of a row and of a column add up in cents; the exact ones in nano-dollars."""
NOT_SUMMED = frozenset({"share_percent", "last_at"})
MIME = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def add_routes(server: FastAPI, parts: Parts) -> None:
    """The three files, under the page's own filters."""

    @server.get(f"{PATH}.csv", include_in_schema=False)
    async def as_csv(request: Request) -> Response:
        return await _file(request, parts, "csv")

    @server.get(f"{PATH}.parquet", include_in_schema=False)
    async def as_parquet(request: Request) -> Response:
        return await _file(request, parts, "parquet")

    @server.get(f"{PATH}.xlsx", include_in_schema=False)
    async def as_xlsx(request: Request) -> Response:
        return await _file(request, parts, "xlsx")


async def _file(request: Request, parts: Parts, kind: str) -> Response:
    filters, now = parse(f"{PATH}.{kind}", request.url.query), parts.clock.now()

    def make() -> bytes:
        found = reads.cost(parts, filters, now)
        lines = statement(found.now, found.before)
        if kind == "csv":
            return cost_csv(lines).encode()
        if kind == "parquet":
            return cost_parquet(lines)
        return cost_xlsx(lines, about(found, lines, filters, now))

    if wrong := [*filters.problems, *wrong_of(filters)]:
        # A page says so above its figures; a file could not.
        raise InputError(wrong[0].partition("; ")[0], f"{PATH}.{kind}", "see docs/cost.md")
    name = file_name(filters, now, kind)
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(await asyncio.to_thread(make), media_type=MIME[kind], headers=headers)


def file_name(filters: Filters, now: datetime, kind: str) -> str:
    """What the file holds, as far as a name can say: days, zone, platform and grouping: `cost-2026-11-01_2026-11-20-UTC-by-team-model.csv`."""
    since, until = (instant.astimezone(filters.zone) for instant in filters.span(now))
    last = (until - timedelta(microseconds=1)).date()
    zone = filters.zone.key.replace("/", "_")
    whose = re.sub(r"[^A-Za-z0-9_-]", "_", filters.platform[:40]) if filters.platform else ""
    only = "-filtered" if where_of(filters).keys() - {"platform"} else ""
    return f"cost-{since.date()}_{last}-{zone}{'-' if whose else ''}{whose}-by-{'-'.join(by_of(filters))}{only}.{kind}"


def values_of(line: Line) -> dict[str, Any]:
    """A line's cells after the dimensions, by column name."""
    own = {
        "ai_usd": line.ai_cents, "infrastructure_usd": line.infrastructure_cents, "cost_usd": line.cost_cents,
        "share_percent": line.share_percent, "before_usd": line.before_cents, "exact_cost_usd": line.exact_usd,
    }  # fmt: skip
    return {name: own[name] if name in own else getattr(line.cost, name) for name, _, _ in COLUMNS}


def cost_csv(lines: Statement) -> str:
    """One line a group, row for row the Parquet file, so that a column's sum is the total: decimals to the cent, instants as RFC 3339, nothing
    for what is not known."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*lines.by, *(name for name, _, _ in COLUMNS)])
    for line in lines.lines:
        writer.writerow([*map(safe, line.labels), *map(_plain, values_of(line).values())])
    return out.getvalue()


def cost_parquet(lines: Statement) -> bytes:
    """One row a group, typed; no row for the total, which a reader would add to the rest."""
    rows = [values_of(line) for line in lines.lines]
    arrays = [pa.array([line.labels[place] for line in lines.lines], pa.string()) for place in range(len(lines.by))]
    arrays += [pa.array([row[name] for row in rows], kind) for name, _, kind in COLUMNS]
    table = pa.Table.from_arrays(arrays, names=[*lines.by, *(name for name, _, _ in COLUMNS)])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def about(found: Answered, lines: Statement, filters: Filters, now: datetime) -> list[tuple[str, str]]:
    """What a reader must know of the figures: what was asked, when, and how sure they are."""
    told = found.now
    span, words = compared_with(filters, now)
    left = told.left_out
    rows = [
        ("From", told.since.astimezone(filters.zone).isoformat()),
        ("Until, not included", told.until.astimezone(filters.zone).isoformat()),
        ("Time zone", filters.zone.key),
        ("Counted in whole", told.grain),
        ("Grouped by", ", ".join(WORDS[name] for name in told.by)),
        ("Compared with", f"{words}: {span[0].astimezone(filters.zone).isoformat()} to {span[1].astimezone(filters.zone).isoformat()}" if span else "nothing"),
        *((f"Only {WORDS[name]}", " or ".join(values)) for name, values in where_of(filters).items()),
        ("Generated at", now.isoformat()),
        ("Newest call", told.total.last_at.isoformat() if told.total.last_at else "none"),
        ("Provisional", f"yes: {told.provisional_reason}" if told.provisional else "no"),
        ("Restated", f"yes: {plural(told.total.restated_requests or 0, 'call')} priced again" if told.restated else "no"),
        ("Unpriced calls", f"{told.total.unpriced_requests:,}"),
        ("Unpriced tokens", "not kept by user" if told.total.unpriced_tokens is None else f"{told.total.unpriced_tokens:,}"),
        ("The total is", "at least this: unpriced calls count nothing" if told.total.unpriced_requests else "complete"),
        ("Total, exact", f"{lines.foot.exact_usd:f}"),
    ]  # fmt: skip
    if left is not None:
        names = " or ".join(WORDS[name] for name in left.dimensions)
        rows.append(("Left out", f"${left.usd:f} of infrastructure, which is not split by {names}"))
    return rows


def cost_xlsx(lines: Statement, told: Sequence[tuple[str, str]]) -> bytes:
    """A sheet of the lines with formulas for cost, share and foot, and a sheet that says what they are. Texts stay texts: none becomes a formula."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    bold, text = book.add_format({"bold": True}), book.add_format()
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    forms = {kind: book.add_format({"num_format": form}) for kind, form in _FORMS.items()}
    foots = {kind: book.add_format({"num_format": form, "bold": True, "top": 1}) for kind, form in _FORMS.items()}
    sheet, notes = book.add_worksheet("Cost"), book.add_worksheet("About")
    first = len(lines.by)
    for place, name in enumerate(
        (
            *(WORDS[name].capitalize() if WORDS[name][0].islower() else WORDS[name] for name in lines.by),
            *(words for _, words, _ in COLUMNS),
        )
    ):
        sheet.write_string(0, place, name, head)
    at = {name: first + place for place, (name, _, _) in enumerate(COLUMNS)}
    foot = len(lines.lines) + 1
    for row, line in enumerate((*lines.lines, lines.foot), start=1):
        is_foot = row == foot
        chosen = foots if is_foot else forms
        for place, label in enumerate(line.labels):
            sheet.write_string(row, place, safe(label), bold if is_foot else text)
        for name, value in values_of(line).items():
            _cell(sheet, row, at[name], name, value, chosen[_form(name)], formula=_formula(name, row, foot, at))
    sheet.freeze_panes(1, first)
    sheet.set_column(0, first - 1, 34)
    sheet.set_column(first, first + len(COLUMNS) - 1, 15)
    for row, (name, value) in enumerate(told):
        notes.write_string(row, 0, name, bold)
        notes.write_string(row, 1, safe(value), text)
    notes.set_column(0, 0, 24)
    notes.set_column(1, 1, 70)
    book.close()
    return out.getvalue()


_FORMS = {
    "usd": "#,##0.00",
    "exact": "#,##0.000000000",
    "share": "0.0%",
    "count": "#,##0",
    "seconds": "#,##0.000",
    "time": "yyyy-mm-dd hh:mm:ss",
}


def _form(name: str) -> str:
    if name in ("exact_cost_usd", "reported_usd", "estimated_usd"):
        return "exact"
    fixed = {"share_percent": "share", "audio_seconds": "seconds", "last_at": "time"}
    return fixed.get(name, "usd" if name.endswith("_usd") else "count")


def _formula(name: str, row: int, foot: int, at: dict[str, int]) -> str | None:
    """The formula of a cell, if it has one: cost = AI + infrastructure, share = cost ÷ total, foot = SUM of the lines."""

    def cell(column: str, line: int) -> str:
        return str(xlsxwriter.utility.xl_rowcol_to_cell(line, at[column]))

    if name == "share_percent":
        return f"=IF({cell('cost_usd', foot)}=0,0,{cell('cost_usd', row)}/{cell('cost_usd', foot)})"
    if row == foot:
        # Without a line there is nothing to add up.
        return f"=SUM({cell(name, 1)}:{cell(name, foot - 1)})" if name not in NOT_SUMMED and foot > 1 else None
    return f"={cell('ai_usd', row)}+{cell('infrastructure_usd', row)}" if name == "cost_usd" else None


def _cell(sheet: Any, row: int, column: int, name: str, value: Any, form: Any, *, formula: str | None) -> None:
    if value is None:
        sheet.write_blank(row, column, None, form)
    elif formula is not None:
        # The value stands beside the formula for readers that do not compute.
        sheet.write_formula(row, column, formula, form, value / 100 if name == "share_percent" else value)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, column, value.replace(tzinfo=None), form)
    else:
        sheet.write_number(row, column, value, form)


def _plain(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else safe(value)
