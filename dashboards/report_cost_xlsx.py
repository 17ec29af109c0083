"""The cost report as a workbook: a sheet a platform, its splits in numbers, their feet in formulas that come to the report's total in cents."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import xlsxwriter

from dashboards import report_cost

SPLITS = (("By service", "by_service"), ("By request type", "by_request_type"), ("Peak and off-peak", "by_peak"))
COLUMNS = (
    ("Cost, USD", "shown_usd"),
    ("Requests", "requests"),
    ("Tokens", "tokens"),
    ("Images", "images"),
    ("Characters", "characters"),
)
UNSAFE = str.maketrans("[]:*?/\\'", "        ")


def cost_xlsx(reports: Sequence[Mapping[str, Any]]) -> bytes:
    """The workbook of one or several cost reports, as `GET /api/v1/reports/cost` answers them. Texts are never run as formulas."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    forms = {
        "head": book.add_format({"bold": True, "bottom": 1}),
        "usd": book.add_format({"num_format": "#,##0.00"}),
        "count": book.add_format({"num_format": "#,##0"}),
        "foot_usd": book.add_format({"num_format": "#,##0.00", "bold": True, "top": 1}),
        "foot": book.add_format({"num_format": "#,##0", "bold": True, "top": 1}),
        "bold": book.add_format({"bold": True}),
    }
    for number, report in enumerate(reports, 1):
        _sheet(book.add_worksheet(f"{number} {report['title'].translate(UNSAFE)}"[:31].strip()), report, forms)
    if not reports:
        book.add_worksheet("Nothing")
    book.close()
    return out.getvalue()


def _sheet(sheet: Any, report: Mapping[str, Any], forms: Mapping[str, Any]) -> None:
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, len(COLUMNS), 16)
    row = 0
    for words in (report_cost.heading(report), report_cost.sentence(report), *report_cost.notes(report)):
        sheet.write_string(row, 0, words, forms["bold"] if row == 0 else None)
        row += 1
    for title, key in SPLITS:
        if report[key]:
            row = _split(sheet, row + 1, title, report[key], forms)
    sheet.write_string(row + 1, 0, "Everything else, as text", forms["head"])
    row += 2
    for table in report_cost.tables(report):
        if table.title not in {title for title, _ in SPLITS}:
            sheet.write_string(row, 0, table.title, forms["bold"])
            for cells in (*table.rows, *([table.foot] if table.foot else [])):
                row += 1
                for column, cell in enumerate(cells):
                    sheet.write_string(row, column, cell)
            row += 2


def _split(sheet: Any, row: int, title: str, groups: Sequence[Mapping[str, Any]], forms: Mapping[str, Any]) -> int:
    """The first row after the split, whose foot adds up what stands above it."""
    sheet.write_row(row, 0, [title, *(head for head, _ in COLUMNS)], forms["head"])
    first = row + 1
    for place, group in enumerate(groups, first):
        sheet.write_string(place, 0, group["name"])
        for column, (_, name) in enumerate(COLUMNS, 1):
            sheet.write_number(place, column, float(Decimal(str(group[name]))), forms["usd" if name == "shown_usd" else "count"])
    foot = first + len(groups)
    sheet.write_string(foot, 0, "Total", forms["foot"])
    for column, (_, name) in enumerate(COLUMNS, 1):
        span = xlsxwriter.utility.xl_range(first, column, foot - 1, column)
        whole = sum((Decimal(str(group[name])) for group in groups), Decimal(0))
        sheet.write_formula(foot, column, f"=SUM({span})", forms["foot_usd" if name == "shown_usd" else "foot"], float(whole))
    return foot + 1
