"""The capacity report as a workbook: figures as stored, and what follows from them in formulas that carry the values they come to.

Sheets: Summary (verdict, budgets), Forecasts, Limits, Recommendations, Tiers, Data. Instants are local to the platform's zone, as a workbook
knows no zones. Texts are never run as formulas.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_range

from dashboards.reports import capacity_facts as facts
from dashboards.reports.capacity_facts import Content
from dashboards.reports.weekly_xlsx import FORMS

LONGEST_CELL = 32_000
DAY_S = 86_400.0
Row = Mapping[str, Any]
Cells = Mapping[str, Any]


class Formula(NamedTuple):
    """A formula in which `{head}` stands for the cell of that column in the same row, and the value it comes to."""

    text: str
    value: float | str


class Column(NamedTuple):
    """A column: its head, its format, and a row's cell: a value, a `Formula` made from the row's earlier cells, or None."""

    head: str
    form: str
    cell: Callable[[Row, Cells], Any]
    width: int = 14


def capacity_xlsx(content: Content) -> bytes:
    """The workbook."""
    zone = ZoneInfo(str(content["zone"]))
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(out, options)
    # The same content gives the same file.
    book.set_properties({"title": facts.heading(content)[:200], "created": _instant(content["as_of"], zone)})
    forms = {name: book.add_format(look) for name, look in FORMS.items()} | {"total": book.add_format({"bold": True, "top": 1})}
    _summary(book.add_worksheet("Summary"), content, forms, zone)
    tables: Sequence[tuple[str, Sequence[Row], Sequence[Column], Sequence[str]]] = (
        ("Forecasts", content["forecasts"], _forecasts(zone), ()),
        ("Limits", content["limits"], _limits(zone), ("Next step, USD a month", "Chance-weighted, USD a month")),
        ("Recommendations", content["recommendations"], _advice(zone), ("Cost if it holds, USD", "Saving if it holds, USD", "Net, USD")),
        ("Tiers", content["tiers"]["rows"] if content["tiers"] is not None else [], TIERS, ()),
        ("Data", list(_days(content)), DATA, ()),
    )  # fmt: skip
    for name, rows, columns, foot in tables:
        _table(book.add_worksheet(name), 0, rows, columns, forms, foot)
    book.close()
    return out.getvalue()


def _summary(sheet: Any, content: Content, forms: Mapping[str, Any], zone: ZoneInfo) -> None:
    sheet.set_column(0, 0, 44)
    record = content["track_record"]
    lines = [
        facts.heading(content),
        content["verdict"],
        content["first"],
        *facts.intro(content),
        content["steps"]["words"],
        record["words"],
        facts.foot(content),
    ]
    row = 0
    for line in filter(None, lines):
        sheet.write_string(row, 0, line[:LONGEST_CELL], forms["bold" if row < 2 else "text"])
        row += 1
    row = _table(
        sheet,
        row + 1,
        content["budgets"],
        _budgets(zone),
        forms,
        ("Spent, USD", "Budget, USD", "Likely over, USD", "Chance-weighted, USD"),
    )
    for title, items in (("Risks", [(each["severity"], each["title"], each["grounds"]) for each in content["risks"]]),):
        sheet.write_string(row + 1, 0, title, forms["head"])
        row += 2
        for severity, name, grounds in items or [("", "None.", "")]:
            sheet.write_string(row, 0, f"{name} ({severity})" if severity else name, forms["text"])
            sheet.write_string(row, 1, str(grounds)[:LONGEST_CELL], forms["text"])
            row += 1


def _table(
    sheet: Any, top: int, rows: Sequence[Row], columns: Sequence[Column], forms: Mapping[str, Any], foot: Sequence[str] = ()
) -> int:
    """A table from row `top` on, with the sums of the columns named by `foot`; the first free row after it."""
    places = {column.head: place for place, column in enumerate(columns)}
    if top == 0:
        sheet.freeze_panes(1, 1)
    for place, column in enumerate(columns):
        if top == 0 or place:
            sheet.set_column(place, place, column.width)
        sheet.write_string(top, place, column.head, forms["head"])
    if not rows:
        sheet.write_string(top + 1, 0, "Nothing to show.", forms["text"])
        return top + 2
    made = []
    for line, row in enumerate(rows, top + 1):
        cells: dict[str, Any] = {}
        for place, column in enumerate(columns):
            cell = column.cell(row, cells)
            cells[column.head] = cell.value if isinstance(cell, Formula) else cell
            _write(sheet, line, place, cell, forms[column.form], places)
        made.append(cells)
    after = top + 1 + len(rows)
    if foot:
        sheet.write_string(after, 0, "Sum", forms["total"])
        for head in foot:
            known = [cells[head] for cells in made if isinstance(cells[head], (int, float))]
            sheet.write_formula(
                after,
                places[head],
                f"=SUM({xl_range(top + 1, places[head], after - 1, places[head])})",
                forms["foot"],
                sum(known),
            )
        after += 1
    return after


def _write(sheet: Any, row: int, column: int, cell: Any, form: Any, places: Mapping[str, int]) -> None:
    if cell is None or cell == "":
        sheet.write_blank(row, column, None, form)
    elif isinstance(cell, Formula):
        text = cell.text
        for head, place in places.items():
            text = text.replace("{" + head + "}", f"{xl_col_to_name(place)}{row + 1}")
        sheet.write_formula(row, column, text, form, cell.value)
    elif isinstance(cell, str):
        sheet.write_string(row, column, cell[:LONGEST_CELL], form)
    elif isinstance(cell, bool):
        sheet.write_string(row, column, "yes" if cell else "no", form)
    else:
        sheet.write_number(row, column, cell, form)


def _instant(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).astimezone(zone).replace(tzinfo=None)


def _serial(at: datetime) -> float:
    """A local instant as the number that a workbook counts days by."""
    return (at - datetime(1899, 12, 30)) / timedelta(days=1)


def _at(zone: ZoneInfo, *keys: str) -> Callable[[Row, Cells], float | None]:
    """An instant of the row, found by its keys."""

    def cell(row: Row, cells: Cells) -> float | None:
        found: Any = row
        for key in keys:
            found = found.get(key) if found is not None else None
        return _serial(_instant(found, zone)) if found else None

    return cell


def _day(key: str) -> Callable[[Row, Cells], float | None]:
    return lambda row, cells: _serial(datetime.combine(date.fromisoformat(row[key]), time())) if row[key] else None


def _text(key: str) -> Callable[[Row, Cells], str]:
    return lambda row, cells: str(row[key] or "")


def _number(*keys: str) -> Callable[[Row, Cells], float | None]:
    def cell(row: Row, cells: Cells) -> float | None:
        found: Any = row
        for key in keys:
            found = found.get(key) if found is not None else None
        return float(found) if found is not None else None

    return cell


def _left(row: Row, cells: Cells) -> Any:
    used, amount = cells["Used"], cells["Limit"]
    if used is None:
        return "unknown"
    return Formula("={Used}-{Limit}", used - amount) if row["at_least"] else Formula("={Limit}-{Used}", amount - used)


def _share_left(row: Row, cells: Cells) -> Any:
    """As the pages show it: of what the limit is, of a floor of the larger of reading and floor."""
    left, amount, used = cells["Left"], cells["Limit"], cells["Used"]
    if not isinstance(left, float) or used is None:
        return ""
    whole = max(amount, used) if row["at_least"] else amount
    if whole <= 0:
        return ""
    return Formula("={Left}/MAX({Limit},{Used})" if row["at_least"] else "={Left}/{Limit}", left / whole)


def _weighted(row: Row, cells: Cells) -> Any:
    chance, cost = cells["Chance"], cells["Next step, USD a month"]
    return Formula("={Chance}*{Next step, USD a month}", chance * cost) if chance is not None and cost is not None else ""


def _chance(row: Row, cells: Cells) -> float | None:
    return 1.0 if row["state"] == "exhausted" else None if row["state"] == "unknown" else row["p_breach"]


def _order_by(zone: ZoneInfo) -> Callable[[Row, Cells], Any]:
    stored = _at(zone, "order_by")

    def cell(row: Row, cells: Cells) -> Any:
        middle, lead, at = cells["Runs out, middle"], cells["Lead time, days"], stored(row, cells)
        if at is None or middle is None or lead is None or row["by"] in ("", "now"):
            return row["by"] if row["by"] in ("", "now") else at
        # Across a clock change local days are not 24 hours: then the stored instant stands alone.
        return Formula("={Runs out, middle}-{Lead time, days}", middle - lead) if abs(middle - lead - at) < 1e-4 else at

    return cell


def _limits(zone: ZoneInfo) -> Sequence[Column]:
    return (
        Column("Limit of", "text", _text("title"), 34),
        Column("State", "text", _text("state")),
        Column("Unit", "text", _text("unit")),
        Column("Limit", "number", _number("amount")),
        Column("Used", "number", _number("used")),
        Column("Left", "number", _left),
        Column("Share left", "share", _share_left),
        Column("Chance", "share", _chance),
        Column("Runs out, early", "day", _at(zone, "exhausts_at", "p10"), 18),
        Column("Runs out, middle", "day", _at(zone, "exhausts_at", "p50"), 18),
        Column("Runs out, late", "day", _at(zone, "exhausts_at", "p90"), 18),
        Column("Runs out, in words", "text", _text("runs_out"), 34),
        Column("Lead time, days", "number", lambda row, cells: row["lead_time_s"] / DAY_S if row["lead_time_s"] is not None else None),
        Column("Order by", "day", _order_by(zone), 18),
        Column("Next step", "text", _text("step"), 34),
        Column("Next step, USD a month", "usd", _number("cost_usd_per_month"), 16),
        Column("Chance-weighted, USD a month", "usd", _weighted, 18),
        Column("Owner", "text", _text("owner")),
        Column("Assumed", "text", lambda row, cells: "assumed" if row["assumed"] else ""),
    )  # fmt: skip


def _budgets(zone: ZoneInfo) -> Sequence[Column]:
    def over(row: Row, cells: Cells) -> Any:
        middle, amount = cells["Likely end, middle"], cells["Budget, USD"]
        return Formula("=MAX(0,{Likely end, middle}-{Budget, USD})", max(0.0, middle - amount)) if middle is not None else ""

    def weighted(row: Row, cells: Cells) -> Any:
        chance, by = cells["Chance"], cells["Likely over, USD"]
        return Formula("={Chance}*{Likely over, USD}", chance * by) if chance is not None and isinstance(by, float) else ""

    def share(row: Row, cells: Cells) -> Any:
        spent, amount = cells["Spent, USD"], cells["Budget, USD"]
        return Formula("={Spent, USD}/{Budget, USD}", spent / amount) if spent is not None and amount > 0 else ""

    return (
        Column("Budget", "text", _text("title"), 44),
        Column("Period", "text", _text("window")),
        Column("Spent, USD", "usd", _number("spent")),
        Column("Budget, USD", "usd", _number("amount")),
        Column("Share spent", "share", share),
        Column("Likely end, low", "usd", _number("ends_p10")),
        Column("Likely end, middle", "usd", _number("ends_p50")),
        Column("Likely end, high", "usd", _number("ends_p90")),
        Column("Chance", "share", _chance),
        Column("Likely over, USD", "usd", over),
        Column("Chance-weighted, USD", "usd", weighted),
        Column("Next period", "text", lambda row, cells: row["next"]["window"]),
        Column("Next, low", "usd", _number("next", "ends_p10")),
        Column("Next, middle", "usd", _number("next", "ends_p50")),
        Column("Next, high", "usd", _number("next", "ends_p90")),
        Column("Next, chance", "share", _number("next", "p_breach")),
    )  # fmt: skip


def _growth(row: Row, cells: Cells) -> Any:
    middle, before = cells["Middle"], cells["Before"]
    return Formula("={Middle}/{Before}-1", middle / before - 1) if middle is not None and before else ""


def _forecasts(zone: ZoneInfo) -> Sequence[Column]:
    return (
        Column("Forecast of", "text", _text("title"), 34),
        Column("Unit", "text", _text("unit")),
        Column("Days ahead", "number", _number("horizon_days")),
        Column("Kind", "text", lambda row, cells: "total" if row["adds_up"] else "level on the last day", 18),
        Column("Before", "number", _number("before")),
        Column("Low", "number", _number("p10")),
        Column("Middle", "number", _number("p50")),
        Column("High", "number", _number("p90")),
        Column("Growth", "share", _growth),
        Column("Limit", "text", lambda row, cells: row["limit"]["title"] if row["limit"] is not None else "", 30),
        Column("Limit's amount", "number", _number("limit", "amount")),
        Column("Chance", "share", lambda row, cells: _chance(row["limit"], cells) if row["limit"] is not None else None),
        Column("Runs out", "text", lambda row, cells: row["limit"]["runs_out"] if row["limit"] is not None else "", 30),
        Column("No forecast because", "text", _text("why"), 30),
        Column("Rests on", "text", _text("basis"), 40),
        Column("Forecast made", "day", _at(zone, "fitted_at"), 18),
    )  # fmt: skip


def _advice(zone: ZoneInfo) -> Sequence[Column]:
    day = _at(zone, "order_by")

    def holds(now: str) -> Callable[[Row, Cells], Any]:
        def cell(row: Row, cells: Cells) -> Any:
            value, line = cells[now], cells["Threshold"]
            if value is None:
                return "unknown"
            return Formula(f'=IF({{{now}}}>{{Threshold}},"holds","does not hold")', "holds" if value > line else "does not hold")

        return cell

    def if_held(key: str) -> Callable[[Row, Cells], Any]:
        def cell(row: Row, cells: Cells) -> Any:
            # What waits, or is a limit's next step already, is not added up.
            counts = row[key] is not None and not row["waits_for"] and row["same_as"] is None
            amount = float(row[key]) if counts else 0.0
            held = cells["Holds ahead"] != "unknown" and "holds" in (cells["Holds now"], cells["Holds ahead"])
            either = 'OR({Holds now}="holds",{Holds ahead}="holds")'
            return Formula(f'=IF(AND({{Holds ahead}}<>"unknown",{either}),{amount!r},0)', amount if held else 0.0)

        return cell

    return (
        Column("Recommendation", "text", _text("action"), 34),
        Column("When", "text", _text("when"), 40),
        Column("Unit", "text", _text("unit")),
        Column("Threshold", "number", _number("threshold")),
        Column("Now", "number", _number("value_now")),
        Column("Ahead", "number", _number("value_ahead")),
        Column("Holds now", "text", holds("Now")),
        Column("Holds ahead", "text", holds("Ahead")),
        Column("Days ahead", "number", _number("horizon_days")),
        Column("Priority", "text", _text("priority")),
        Column("Urgency", "text", _text("urgency"), 18),
        Column("Order by", "day", lambda row, cells: {"order now": "now", "order by": day(row, cells)}.get(row["urgency"][:9].strip()), 18),
        Column("Lead time, days", "number", lambda row, cells: row["lead_time_s"] / DAY_S if row["lead_time_s"] is not None else None),
        Column("Cost if it holds, USD", "usd", if_held("cost_usd"), 16),
        Column("Saving if it holds, USD", "usd", if_held("saving_usd"), 16),
        Column("Net, USD", "usd", lambda row, cells: Formula(
            "={Saving if it holds, USD}-{Cost if it holds, USD}", cells["Saving if it holds, USD"] - cells["Cost if it holds, USD"])),
        Column("Pulls against", "text", lambda row, cells: row["pulls_against"]["title"] if row["pulls_against"] is not None else "", 30),
        Column("Waits for", "text", _text("waits_for"), 30),
        Column("Same step as that of", "text", _text("same_as"), 24),
    )  # fmt: skip


TIERS: Sequence[Column] = (
    Column("Tier", "text", _text("title"), 20),
    Column("Daily users", "number", _number("daily_users")),
    Column("USD a month", "usd", _number("total_usd")),
    Column("USD a daily user", "usd", lambda row, cells: Formula("={USD a month}/{Daily users}", cells["USD a month"] / cells["Daily users"])),
    Column("Planned from", "day", _day("planned_from"), 18),
    Column("Planned until", "day", _day("planned_to"), 18),
    Column("Outgrown, early", "day", lambda row, cells: _day("p10")(row["outgrown_on"], cells) if row["outgrown_on"] else None, 18),
    Column("Outgrown, middle", "day", lambda row, cells: _day("p50")(row["outgrown_on"], cells) if row["outgrown_on"] else None, 18),
    Column("Outgrown, late", "day", lambda row, cells: _day("p90")(row["outgrown_on"], cells) if row["outgrown_on"] else None, 18),
    Column("In words", "text", _text("words"), 60),
    Column("Year at present growth (no forecast)", "text", lambda row, cells: str((row["at_present_growth"] or {}).get("year") or ""), 18),
    Column("Growth a month the plan needs", "share", _number("needed_growth_month"), 16),
)  # fmt: skip

DATA: Sequence[Column] = (
    Column("Series", "text", _text("series"), 34),
    Column("Day", "day", _day("day"), 18),
    Column("Read", "number", _number("value")),
    Column("p05", "number", _number("p05")),
    Column("p10", "number", _number("p10")),
    Column("p50", "number", _number("p50")),
    Column("p90", "number", _number("p90")),
    Column("p95", "number", _number("p95")),
)


def _days(content: Content) -> Sequence[Row]:
    """Every day of every series: read, or forecast."""
    names = ("p05", "p10", "p50", "p90", "p95")
    found: list[Row] = []
    for each in content["forecasts"]:
        series = each["title"]
        found += [{"series": series, "day": day, "value": value, **dict.fromkeys(names)} for day, value in each["history"]]
        found += [
            {"series": series, "day": day, "value": None, **dict(zip(names, rest, strict=True))} for day, *rest in each["fan"]
        ]
    return found
