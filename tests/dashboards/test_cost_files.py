"""CSV, Parquet and XLSX of what the Explorer shows: equal to one another, to the screen and to the ledger, with formulas that compute to it."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ledger_cost import Cost
from dashboards import reads
from dashboards.cost_tables import Line, Statement, in_cents
from dashboards.exports_cost import cost_csv, cost_parquet, cost_xlsx
from dashboards.filters import parse
from roomleft.money import CENT, shares, shares_to
from tests.dashboards.conftest import Driven
from tests.dashboards.sample_rows import NOW
from tests.dashboards.test_cost_pages import cents, priced_parts, rows_of

SEARCHES = [
    "", "by=model&range=7d&platform=scribe", "by=platform&then=model&range=last-month&tz=Europe/Berlin",
    "by=user&range=7d&against=none", "by=kind&kind=ai&model=flash&model=lite", "by=model&range=2026-01-01..2026-01-02&kind=ai",
]  # fmt: skip


@pytest.fixture(scope="module")
def pages() -> Iterator[Driven]:
    driven = Driven(priced_parts())
    yield driven
    driven.parts.store.close()


class Sheet:
    """A sheet's cells, its formulas computed here: SUM of a column, +, ÷ and IF(x=0,0,…) are all that is used."""

    def __init__(self, data: bytes) -> None:
        book = openpyxl.load_workbook(io.BytesIO(data))
        self.cells = {cell.coordinate: cell.value for row in book["Cost"].iter_rows() for cell in row}
        self.rows = book["Cost"].max_row
        self.heads = [cell.value for cell in book["Cost"][1]]
        self.about = {str(row[0]): str(row[1]) for row in book["About"].iter_rows(values_only=True)}
        # What readers that do not compute show.
        self.kept = {
            cell.coordinate: cell.value
            for row in openpyxl.load_workbook(io.BytesIO(data), data_only=True)["Cost"].iter_rows()
            for cell in row
        }

    def at(self, head: str, row: int) -> str:
        return f"{openpyxl.utils.get_column_letter(self.heads.index(head) + 1)}{row}"

    def value(self, place: str) -> Decimal:
        value = self.cells[place]
        if not isinstance(value, str) or not value.startswith("="):
            return Decimal(repr(value)) if value is not None else Decimal(0)
        if found := re.fullmatch(r"=SUM\(([A-Z]+)(\d+):\1(\d+)\)", value):
            column, first, last = found[1], int(found[2]), int(found[3])
            return sum((self.value(f"{column}{row}") for row in range(first, last + 1)), Decimal(0))
        if found := re.fullmatch(r"=([A-Z]+\d+)\+([A-Z]+\d+)", value):
            return self.value(found[1]) + self.value(found[2])
        found = re.fullmatch(r"=IF\(([A-Z]+\d+)=0,0,([A-Z]+\d+)/([A-Z]+\d+)\)", value)
        assert found, value
        return Decimal(0) if self.value(found[1]) == 0 else self.value(found[2]) / self.value(found[3])


@pytest.mark.parametrize("search", SEARCHES)
def test_every_file_is_what_is_on_screen(pages: Driven, search: str) -> None:
    answers = {kind: pages.client.get(f"/export/cost.{kind}?{search}") for kind in ("csv", "parquet", "xlsx")}
    for kind, answer in answers.items():
        assert answer.status_code == 200
        assert f'.{kind}"' in answer.headers["content-disposition"]
    told = list(csv.DictReader(io.StringIO(answers["csv"].text)))
    lines = told
    table = pq.read_table(io.BytesIO(answers["parquet"].content)).to_pylist()
    sheet = Sheet(answers["xlsx"].content)
    ledger = reads.cost(pages.parts, parse("/cost", search), NOW).now

    columns = {
        "ai_usd": "AI usage",
        "infrastructure_usd": "Infrastructure",
        "cost_usd": "Cost",
        "exact_cost_usd": "Cost, exact",
        "tokens": "Tokens",
    }
    for name, head in columns.items():
        assert [Decimal(row[name]) for row in lines] == [Decimal(row[name]) for row in table]
        computed = [sheet.value(sheet.at(head, row)) for row in range(2, sheet.rows + 1)]
        assert [Decimal(row[name]) for row in told] == computed[:-1], name
        assert [Decimal(str(sheet.kept[sheet.at(head, row)])) for row in range(2, sheet.rows + 1)] == computed, (
            "kept beside the formula"
        )
        assert sum(Decimal(row[name]) for row in lines) == computed[-1], "no line is a total, which would count twice"
    assert sum(Decimal(row["exact_cost_usd"]) for row in lines) == ledger.total.cost_usd
    assert sum(Decimal(row["cost_usd"]) for row in lines) == in_cents(ledger.total.cost_usd)
    for row in range(2, sheet.rows):
        share = sheet.value(sheet.at("Share", row)) * 100
        assert abs(share - Decimal(told[row - 2]["share_percent"])) <= Decimal("0.2")
    if lines:
        _, *body, end = rows_of(pages.call("cost-groups.children", "/cost", f"?{search}"))
        at = len(ledger.by) + 2
        assert [cents(row[at]) for row in body] == [int(Decimal(row["cost_usd"]) * 100) for row in lines]
        assert cents(end[3]) == int(in_cents(ledger.total.cost_usd) * 100)


def test_the_totals_and_shares_are_formulas(pages: Driven) -> None:
    sheet = Sheet(pages.client.get("/export/cost.xlsx?by=model").content)
    last = sheet.rows
    for head in ("AI usage", "Infrastructure", "Cost", "Calls", "Tokens", "Cost, exact", "Before"):
        assert str(sheet.cells[sheet.at(head, last)]).startswith("=SUM(")
    assert sheet.cells[sheet.at("Cost", 2)] == f"={sheet.at('AI usage', 2)}+{sheet.at('Infrastructure', 2)}"
    assert sheet.at("Cost", last) in str(sheet.cells[sheet.at("Share", 2)])


def test_the_second_sheet_says_what_was_asked_and_how_sure_it_is(pages: Driven) -> None:
    told = Sheet(pages.client.get("/export/cost.xlsx?by=model&model=llama&model=flash&tz=Europe/Berlin").content).about
    assert told["Only model"] == "llama or flash"
    assert told["From"] == "2026-11-01T00:00:00+01:00"
    assert told["Time zone"] == "Europe/Berlin"
    assert told["Generated at"] == NOW.isoformat()
    assert told["Provisional"].startswith("yes")
    assert told["Restated"] == "no"
    assert int(told["Unpriced tokens"].replace(",", "")) > 0
    assert "at least" in told["The total is"]
    assert "not split by model" in told["Left out"]


EVIL = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    '=HYPERLINK("http://x")',
    "plain",
    "<b>&",
    'ünïcode, "q"\n',
]


def evil() -> Statement:
    lines = [Line((name,), CENT, CENT, Decimal(10), None, Cost((name,), CENT, CENT)) for name in EVIL]
    total = Cost((), CENT * len(EVIL), CENT * len(EVIL))
    return Statement(("model",), lines, Line(("Total",), CENT * len(EVIL), CENT * len(EVIL), Decimal(100), None, total))


def test_no_name_becomes_a_formula() -> None:
    """Whoever names a model can write anything there; a spreadsheet must show it, not run it."""
    told = list(csv.reader(io.StringIO(cost_csv(evil()))))[1:]
    data = cost_xlsx(evil(), [("Only model", "=1+1")])
    sheet = Sheet(data)
    for row, name in enumerate(EVIL):
        text = told[row][0]
        assert text.lstrip("'") == name
        assert text[0] not in "=+-@\t\r"
        assert openpyxl.load_workbook(io.BytesIO(data))["Cost"].cell(row + 2, 1).data_type == "s"
    assert sheet.about["Only model"] == "'=1+1"
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        formulas = re.findall(rb"<f>([^<]*)</f>", book.read("xl/worksheets/sheet1.xml"))
        assert all(
            re.fullmatch(rb"SUM\([A-Z0-9:]+\)|[A-Z0-9]+\+[A-Z0-9]+|IF\([A-Z0-9]+=0,0,[A-Z0-9]+/[A-Z0-9]+\)", each)
            for each in formulas
        )
        assert b"<f>" not in book.read("xl/worksheets/sheet2.xml")
    assert [row["model"] for row in pq.read_table(io.BytesIO(cost_parquet(evil()))).to_pylist()] == EVIL


def test_types_of_the_parquet_hold_every_digit() -> None:
    schema = pq.read_schema(io.BytesIO(cost_parquet(evil())))
    assert str(schema.field("cost_usd").type) == "decimal128(18, 2)"
    assert str(schema.field("exact_cost_usd").type) == "decimal128(38, 9)"
    assert str(schema.field("last_at").type) == "timestamp[us, tz=UTC]"


amounts: Any = st.decimals(-1_000, 100_000, places=9, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=30))
def test_rows_and_columns_add_up_in_cents(parts: list[tuple[Decimal, Decimal]]) -> None:
    ai_total, other_total = sum(a for a, _ in parts), sum(b for _, b in parts)
    ai, other = shares([Decimal(ai_total), Decimal(other_total)])
    assert ai + other == (Decimal(ai_total) + Decimal(other_total)).quantize(CENT, rounding=ROUND_HALF_EVEN)
    for column, total in ((0, ai), (1, other)):
        shown = shares_to([part[column] for part in parts], total)
        assert sum(shown) == total
        assert all(abs(cent - part[column]) <= CENT for cent, part in zip(shown, parts, strict=True))
