"""The weekly report as a workbook: every row of every table, figures as stored, what follows from them in formulas with the values they come to."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_range

from dashboards.reports import weekly_text as words
from roomleft.outlook import Made

Content = Mapping[str, Any]
EPOCH = datetime(1899, 12, 30)
"""Day 0 of a workbook."""
LONGEST_CELL = 32_000
SAME = 1e-6
"""Less than a tenth of a second, in days."""


class Column(NamedTuple):
    """A column: its head, its format, and a row's cell: a value, or a `Formula`."""

    head: str
    form: str
    cell: Callable[[Mapping[str, Any], int], Any]
    width: int = 14


class Formula(NamedTuple):
    """A formula and the value it comes to."""

    text: str
    value: float | str


def weekly_xlsx(content: Content) -> bytes:
    """The workbook. Texts are never run as formulas; instants are local to the report's zone, as a workbook knows no zones."""
    zone = ZoneInfo(str(content["zone"]))
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(out, options)
    # The same content gives the same file.
    book.set_properties({"title": content["subject"][:200], "created": _naive(content["as_of"], zone)})
    forms = {name: book.add_format(look) for name, look in FORMS.items()}
    _summary(book.add_worksheet("Summary"), content, forms)
    if content["month"] is not None:
        _sheet(book.add_worksheet("Month"), words.month_rows(content["month"]), MONTH, forms)
    _sheet(book.add_worksheet("Decisions"), [*content["decisions"], *content["later_decisions"]], _decisions(zone), forms)
    _sheet(book.add_worksheet("Cost movers"), content["movers"], MOVERS, forms, foot=("Before, USD", "After, USD", "Change, USD"))
    _sheet(book.add_worksheet("Budgets"), content["month_end"], BUDGETS, forms)
    _sheet(book.add_worksheet("Room left"), content["capacity"], _capacity(zone), forms)
    _sheet(book.add_worksheet("Said and came"), content["outcomes"], OUTCOMES, forms)
    _sheet(book.add_worksheet("Freshness"), content["freshness"], _fresh(zone), forms)
    book.close()
    return out.getvalue()


FORMS: Mapping[str, Mapping[str, Any]] = {
    "head": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"},
    "text": {"valign": "top"},
    "long": {"text_wrap": True, "valign": "top"},
    "usd": {"num_format": "#,##0.00", "valign": "top"},
    "number": {"num_format": "#,##0.###", "valign": "top"},
    "share": {"num_format": "0.0 %", "valign": "top"},
    "day": {"num_format": "d mmm yyyy hh:mm", "valign": "top"},
    "foot": {"num_format": "#,##0.00", "bold": True, "top": 1},
    "bold": {"bold": True, "valign": "top"},
}


def _summary(sheet: Any, content: Content, forms: Mapping[str, Any]) -> None:
    sheet.set_column(0, 0, 110)
    lines = [
        content["subject"],
        content["verdict"],
        words.intro(content),
        *words.notes(content),
        words.record_words(content),
        words.foot(content),
    ]
    for row, line in enumerate(lines):
        sheet.write_string(row, 0, line[:LONGEST_CELL], forms["bold" if row == 0 else "long"])


def _sheet(
    sheet: Any, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], forms: Mapping[str, Any], foot: Sequence[str] = ()
) -> None:
    """A table; below it, in the columns named by `foot`, their sums."""
    sheet.freeze_panes(1, 1)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width)
        sheet.write_string(0, place, column.head, forms["head"])
    for line, row in enumerate(rows, 1):
        for place, column in enumerate(columns):
            _write(sheet, line, place, column.cell(row, line), forms[column.form])
    if not rows:
        sheet.write_string(1, 0, "Nothing to show.", forms["text"])
        return
    for place, column in enumerate(columns):
        if column.head in foot:
            whole = sum(_value(column.cell(row, line)) for line, row in enumerate(rows, 1))
            sheet.write_formula(len(rows) + 1, place, f"=SUM({xl_range(1, place, len(rows), place)})", forms["foot"], whole)
    if foot:
        sheet.write_string(len(rows) + 1, 0, "Sum of these", forms["bold"])


def _write(sheet: Any, row: int, column: int, cell: Any, form: Any) -> None:
    if cell is None or cell == "":
        sheet.write_blank(row, column, None, form)
    elif isinstance(cell, Formula):
        sheet.write_formula(row, column, cell.text, form, cell.value)
    elif isinstance(cell, str):
        sheet.write_string(row, column, cell[:LONGEST_CELL], form)
    else:
        sheet.write_number(row, column, cell, form)


def _value(cell: Any) -> float:
    return float(cell.value if isinstance(cell, Formula) else cell or 0)


def _plain(name: str) -> Callable[[Mapping[str, Any], int], Any]:
    """A field as it is: text, or a number."""

    def cell(row: Mapping[str, Any], line: int) -> Any:
        value = row[name]
        return float(value) if isinstance(value, Decimal | float | int) and not isinstance(value, bool) else value

    return cell


def _instant(name: str, zone: tzinfo) -> Callable[[Mapping[str, Any], int], Any]:
    """An instant as the workbook counts: days since the end of 1899, of the report's zone."""
    return lambda row, line: None if row[name] is None else _serial(row[name], zone)


def _date(name: str, zone: tzinfo) -> Callable[[Mapping[str, Any], int], Any]:
    def cell(row: Mapping[str, Any], line: int) -> Any:
        dates = row["exhausts_at"]
        return None if dates is None or dates[name] is None else _serial(dates[name], zone)

    return cell


def _last_day(zone: tzinfo) -> Callable[[Mapping[str, Any], int], Any]:
    """The instant to order by; as the text says it, `now` or nothing, where that is no day to come."""
    return lambda row, line: row["by"] if row["by"] in ("", "now") or row["order_by"] is None else _serial(row["order_by"], zone)


def _naive(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def _serial(at: datetime, zone: tzinfo) -> float:
    return (_naive(at, zone) - EPOCH) / timedelta(days=1)


def _at(columns: Sequence[str], head: str, line: int) -> str:
    return f"{xl_col_to_name(columns.index(head))}{line + 1}"


def _ends(name: str) -> Callable[[Mapping[str, Any], int], Any]:
    return lambda row, line: float(row["ends"][name]) if row["ends"] is not None else None


def _all_so_far(row: Mapping[str, Any], line: int) -> Any:
    return Formula(f"=B{line + 1}+C{line + 1}", float(row["ai_usd"]) + float(row["infrastructure_usd"]))


MONTH = (
    Column("Platform", "text", _plain("title"), 24),
    Column("AI so far, USD", "usd", _plain("ai_usd"), 16),
    Column("Infrastructure so far, USD", "usd", _plain("infrastructure_usd"), 16),
    Column("All so far, USD", "usd", _all_so_far, 16),
    Column("Month's end, low", "usd", _ends("p10"), 16),
    Column("Month's end, middle", "usd", _ends("p50"), 16),
    Column("Month's end, high", "usd", _ends("p90"), 16),
    Column("Last month, USD", "usd", _plain("last_month_usd"), 16),
    Column("Budget of all of it, USD", "usd", _plain("budget_usd"), 16),
    Column("Chance of more", "share", _plain("p_breach")),
    Column("Days of", "text", _plain("zone"), 16),
    Column("In words", "long", lambda row, line: "; ".join(words.month_facts(row)), 70),
)


def _decisions(zone: tzinfo) -> Sequence[Column]:
    return (
        Column("Decision about", "text", _plain("name"), 40),
        Column("What", "long", _plain("what"), 36),
        Column("Why", "long", _plain("why"), 70),
        Column("Chance", "share", _plain("p_breach")),
        Column("Runs out, early", "day", _date("p10", zone), 18),
        Column("Runs out, middle", "day", _date("p50", zone), 18),
        Column("Runs out, late", "day", _date("p90", zone), 18),
        Column("Last date", "day", _last_day(zone), 18),
        Column("USD a month", "usd", _plain("cost_usd_per_month")),
        Column("USD a year", "usd", _year),
        Column("Owner", "text", _plain("owner"), 18),
    )


def _year(row: Mapping[str, Any], line: int) -> Any:
    cost = row["cost_usd_per_month"]
    return None if cost is None else Formula(f"=I{line + 1}*12", float(cost) * 12)


MOVER_HEADS = ("What", "Platform", "Before, USD", "After, USD", "Change, USD", "Change", "Cause")
MOVERS = (
    Column("What", "text", _plain("name"), 36),
    Column("Platform", "text", _plain("platform_title"), 18),
    Column("Before, USD", "usd", _plain("before_usd")),
    Column("After, USD", "usd", _plain("after_usd")),
    Column("Change, USD", "usd", lambda row, line: Formula(f"=D{line + 1}-C{line + 1}", float(row["after_usd"]) - float(row["before_usd"]))),
    Column("Change", "share", lambda row, line: _share(f"=E{line + 1}/C{line + 1}", row["after_usd"], row["before_usd"])),
    Column("Cause", "long", _plain("cause"), 70),
)  # fmt: skip


def _share(text: str, after: Decimal, before: Decimal) -> Any:
    return Formula(text, (float(after) - float(before)) / float(before)) if before else None


def _left(row: Mapping[str, Any], line: int) -> Any:
    """Amount less used, in the columns that both tables have at the same place."""
    return None if row["used"] is None else Formula(f"=C{line + 1}-B{line + 1}", float(row["amount"]) - float(row["used"]))


def _left_share(row: Mapping[str, Any], line: int) -> Any:
    amount = float(row["amount"])
    if row["used"] is None or amount <= 0:
        return None
    return Formula(f"=E{line + 1}/C{line + 1}", (amount - float(row["used"])) / amount)


def _over(row: Mapping[str, Any], line: int) -> Any:
    ends = row["ends_p50"]
    if ends is None:
        return None
    return Formula(f"=MAX(0,H{line + 1}-C{line + 1})", max(0.0, float(ends) - float(row["amount"])))


FIGURES = (
    Column("Limit", "text", _plain("name"), 40),
    Column("Used", "number", _plain("used"), 16),
    Column("Limit amount", "number", _plain("amount"), 16),
    Column("Unit", "text", _plain("unit")),
    Column("Left", "number", _left, 16),
    Column("Left, share", "share", _left_share),
    Column("Ends, low", "number", _plain("ends_p10"), 16),
    Column("Ends, middle", "number", _plain("ends_p50"), 16),
    Column("Ends, high", "number", _plain("ends_p90"), 16),
)
BUDGETS = (
    *FIGURES,
    Column("Over, middle", "number", _over, 16),
    Column("Chance of more", "share", _plain("p_breach")),
    Column("Until", "text", _plain("ends_words"), 16),
    Column("State", "text", _plain("state"), 12),
    Column("Owner", "text", _plain("owner"), 18),
)


def _capacity(zone: tzinfo) -> Sequence[Column]:
    def order(row: Mapping[str, Any], line: int) -> Any:
        dates, lead, at = row["exhausts_at"], row["lead_time_s"], _last_day(zone)(row, line)
        if dates is None or lead is None or not isinstance(at, float):
            return at
        # Where clocks change between the two, local days are not 24 hours and the instant is right, the difference not.
        exact = abs(_serial(dates["p50"], zone) - lead / 86_400 - at) < SAME
        return Formula(f"=K{line + 1}-M{line + 1}", at) if exact else at

    def lead_days(row: Mapping[str, Any], line: int) -> Any:
        return None if row["lead_time_s"] is None else row["lead_time_s"] / 86_400

    return (
        *FIGURES,
        Column("Runs out, early", "day", _date("p10", zone), 18),
        Column("Runs out, middle", "day", _date("p50", zone), 18),
        Column("Runs out, late", "day", _date("p90", zone), 18),
        Column("Lead time, days", "number", lead_days),
        Column("Order by", "day", order, 18),
        Column("Chance", "share", _plain("p_breach")),
        Column("Next step", "long", _plain("step"), 36),
        Column("USD a month", "usd", _plain("cost_usd_per_month")),
        Column("State", "text", _plain("state"), 12),
        Column("Owner", "text", _plain("owner"), 18),
    )


def _missed(row: Mapping[str, Any], line: int) -> Any:
    return Formula(f"=E{line + 1}-D{line + 1}", float(row["outcome"]) - float(row["middle"]))


def _held(row: Mapping[str, Any], line: int) -> Any:
    return Formula(f'=IF(AND(E{line + 1}>=C{line + 1},E{line + 1}<=F{line + 1}),"yes","no")', "yes" if row["held"] else "no")


OUTCOMES = (
    Column("Forecast of", "text", _plain("name"), 40),
    Column("Platform", "text", _plain("platform_title"), 18),
    Column("Said, low", "number", _plain("low"), 16),
    Column("Said, middle", "number", _plain("middle"), 16),
    Column("Came", "number", _plain("outcome"), 16),
    Column("Said, high", "number", _plain("high"), 16),
    Column("Came less said", "number", _missed, 16),
    Column("In the range", "text", _held),
    Column("Said on", "text", _plain("said_on")),
    Column("Up to", "text", _plain("until")),
    Column("Made", "text", lambda row, line: "afterwards" if row.get("made") == Made.REPLAYED else "beforehand", 12),
)


def _fresh(zone: tzinfo) -> Sequence[Column]:
    return (
        Column("Platform", "text", _plain("title"), 24),
        Column("Newest data", "day", _instant("newest_at", zone), 18),
        Column("Limits without data", "number", _plain("unknown")),
        Column("In words", "long", _plain("words"), 90),
    )
