"""The capacity report's files: text, HTML, workbook and pictures of a fixed content."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from analytics.reports.capacity import content
from dashboards.reports import capacity_made as made_module
from dashboards.reports import capacity_pictures
from dashboards.reports.capacity_html import attached, capacity_html
from dashboards.reports.capacity_made import Made, capacity_made
from dashboards.reports.capacity_text import WIDTH, capacity_text
from dashboards.reports.capacity_xlsx import capacity_xlsx
from tests.analytics.reports.capacity_world import NOW, futures, given, pack, row, rows, scribe, series

GOLDEN = Path(__file__).parent / "golden"
SHEETS = ["Summary", "Forecasts", "Limits", "Recommendations", "Tiers", "Data"]


def told() -> dict[str, Any]:
    return content(pack("scribe"), scribe(cpu_spread=0.12), NOW)


@lru_cache
def made() -> Made:
    return capacity_made(told())


def tiered() -> dict[str, Any]:
    of = pack("coach")
    users = series("users", "daily_users", "Daily users", "users", futures("coach/daily_users", level=8, slope=0.1, spread=0.05))
    budget = row(of.limit("infrastructure_budget"), "20.10", chance=0.002)
    found = given([budget, *rows(of, {"daily_users": ("8", None, 0.6, 20.0)})], [users])
    return content(of, replace(found, first_data=NOW.date().replace(month=9, day=1)), NOW)


@pytest.mark.parametrize("ending", ["txt", "html"])
def test_the_report_reads_as_it_did(ending: str) -> None:
    """To renew after a change that was meant: write what `found` is."""
    found = capacity_text(told()) if ending == "txt" else capacity_html(told())
    assert found == (GOLDEN / f"capacity.{ending}").read_text("utf-8")


@pytest.mark.parametrize("of", [told, tiered], ids=["scribe", "coach"])
def test_no_line_of_text_is_too_long(of: Any) -> None:
    lines = capacity_text(of()).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert all(line == line.rstrip() for line in lines)


def test_dark_programs_get_the_dark_colours_and_paper_does_not() -> None:
    assert "@media screen and (prefers-color-scheme:dark){" in made().html
    assert "(not print)" not in made().html


def test_the_page_fetches_nothing_and_says_in_words_what_pictures_show() -> None:
    assert not re.findall(r"""(?:src|href)=["'](?!data:image/png;base64,)""", made().html)
    alts = re.findall(r'alt="([^"]*)"', made().html)
    assert len(alts) == len(made().pictures) == 6
    assert all(len(alt) > 40 and "Likely" in alt for alt in alts)
    assert any("limit" in alt or "TB: " in alt for alt in alts)


def test_a_mail_names_its_pictures_instead() -> None:
    html = capacity_html(told(), made().pictures, attached)
    assert 'src="cid:storage-content"' in html
    assert "base64" not in html
    assert len(html.encode()) < 100_000


class Tags(HTMLParser):
    """Every element of a page, and where its pictures come from."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.pictures: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag == "img":
            self.pictures.append(dict(attrs)["src"] or "")


def test_texts_from_elsewhere_are_escaped() -> None:
    evil = told()
    evil["limits"][0]["title"] = "<script>alert(1)</script>"
    evil["forecasts"][0]["title"] = '"><img src=x>'
    found = Tags(capacity_html(evil, made().pictures))
    assert "script" not in found.names
    assert len(found.pictures) == 6
    assert all(source.startswith("data:image/png;base64,") for source in found.pictures)


def test_a_chart_that_fails_is_left_out_and_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("no room")

    monkeypatch.setattr(capacity_pictures, "fan_png", broken)
    found = capacity_made(told())
    assert found.pictures == []
    assert "Missing from this report: the chart of Users: active users (ValueError)" in found.html
    assert "the chart of AI cost (ValueError)" in found.text.replace("\n", " ")
    assert found.xlsx


def test_a_workbook_that_fails_is_left_out_and_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> bytes:
        raise ValueError("no room")

    monkeypatch.setattr(made_module, "capacity_xlsx", broken)
    monkeypatch.setattr(made_module, "capacity_pictures", lambda _: ([], []))
    found = capacity_made(told())
    assert found.xlsx == b""
    assert "the workbook (ValueError)" in found.text


def test_a_platform_about_which_nothing_is_known_gets_every_file() -> None:
    found = capacity_made(content(pack("creator"), given([], []), NOW))
    assert found.content["missing"] == []
    assert "There are no limits yet." in found.text
    assert openpyxl.load_workbook(io.BytesIO(found.xlsx)).sheetnames == SHEETS


def cells(book: bytes, *, values: bool) -> dict[tuple[str, str], Any]:
    loaded = openpyxl.load_workbook(io.BytesIO(book), data_only=values)
    return {
        (sheet.title, cell.coordinate): cell.value
        for sheet in loaded
        for line in sheet.iter_rows()
        for cell in line
        if cell.value is not None
    }


@lru_cache
def loaded(book: bytes) -> Any:
    """A workbook as a viewer shows it that does not reckon."""
    return openpyxl.load_workbook(io.BytesIO(book), data_only=True)


def column(book: bytes, sheet: str, head: str) -> list[Any]:
    page = loaded(book)[sheet]
    place = next(cell.column for line in page.iter_rows() for cell in line if cell.value == head)
    return [page.cell(line, place).value for line in range(2, page.max_row + 1)]


def test_the_workbook_has_its_sheets_and_real_formulas_with_their_values() -> None:
    book = capacity_xlsx(told())
    texts, values = cells(book, values=False), cells(book, values=True)
    assert openpyxl.load_workbook(io.BytesIO(book)).sheetnames == SHEETS
    formulas = {place: text for place, text in texts.items() if isinstance(text, str) and text.startswith("=")}
    assert len(formulas) > 30
    assert not any("{" in text for text in formulas.values())
    assert all(values.get(place) is not None for place in formulas), "a viewer that does not reckon shows them too"


def test_the_workbook_s_figures_are_the_report_s() -> None:
    report = told()
    book = capacity_xlsx(report)
    users = report["limits"][0]
    assert column(book, "Limits", "Left")[0] == float(users["remaining"]) == 16000
    # 31 % of $500, 3 % of −$200, all of −$90, as that floor is passed; quotas have no price: $59.
    assert column(book, "Limits", "Chance-weighted, USD a month")[:3] == pytest.approx([155.0, -6.0, -90.0])
    assert column(book, "Limits", "Chance-weighted, USD a month")[-1] == pytest.approx(59.0)
    assert column(book, "Recommendations", "Cost if it holds, USD") == [500, 0, 0, 500]
    assert column(book, "Recommendations", "Saving if it holds, USD") == pytest.approx([0, 907.20, 200, 1107.20])
    assert column(book, "Recommendations", "Net, USD")[-1] == pytest.approx(607.20)
    assert column(book, "Recommendations", "Holds ahead")[:3] == ["holds"] * 3
    assert column(book, "Forecasts", "Growth")[0] == pytest.approx(2650 / 2485 - 1)
    days = column(book, "Data", "p50")
    assert len(days) == 6 * 90 + 5 * 30 + 90


def test_the_workbook_recommends_nothing_without_a_forecast() -> None:
    of = scribe(cpu=74)
    refused = replace(of.by_meter["cpu_use"], futures=None)
    book = capacity_xlsx(content(pack("scribe"), replace(of, by_meter={**of.by_meter, "cpu_use": refused}), NOW))
    place = column(book, "Recommendations", "Recommendation").index("Add 2–3 instances")
    assert column(book, "Recommendations", "Holds ahead")[place] == "unknown"
    assert column(book, "Recommendations", "Cost if it holds, USD")[place] == 0


def test_the_tiers_sheet_divides_what_the_design_says() -> None:
    book = capacity_xlsx(tiered())
    # The design: cost per daily user falls from $2.90 to $0.0395.
    assert column(book, "Tiers", "USD a daily user") == pytest.approx([2.90, 0.75, 0.424, 0.2364, 0.087, 0.0395])


def test_a_text_is_never_run_as_a_formula() -> None:
    evil = told()
    evil["limits"][0]["title"] = "=1+1"
    assert "=1+1" in cells(capacity_xlsx(evil), values=True).values()


@pytest.mark.peers
def test_libreoffice_comes_to_the_stored_values(tmp_path: Path) -> None:
    books = {"scribe": capacity_xlsx(told()), "coach": capacity_xlsx(tiered())}
    assert shutil.which("soffice"), "LibreOffice is needed"
    for name, book in books.items():
        # Without their values, so that none can be taken over instead of reckoned.
        with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(tmp_path / f"{name}.xlsx", "w") as new:
            for part in old.namelist():
                page = old.read(part)
                new.writestr(part, re.sub(rb"(</f>)<v>[^<]*</v>", rb"\1", page) if part.startswith("xl/worksheets/") else page)
    bare = [str(tmp_path / f"{name}.xlsx") for name in books]
    command = [
        "soffice",
        f"-env:UserInstallation=file://{tmp_path}/profile",
        "--headless",
        "--convert-to",
        "xlsx",
        "--outdir",
        str(tmp_path / "out"),
    ]
    subprocess.run([*command, *bare], check=True, capture_output=True, timeout=240)
    for name, book in books.items():
        formulas = [place for place, text in cells(book, values=False).items() if isinstance(text, str) and text.startswith("=")]
        stored, reckoned = cells(book, values=True), cells((tmp_path / "out" / f"{name}.xlsx").read_bytes(), values=True)
        assert formulas
        for place in formulas:
            assert same(reckoned.get(place), stored[place]), (place, reckoned.get(place), stored[place])


def same(one: Any, other: Any) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs(one - other) < timedelta(milliseconds=10)
    return bool(one == other) if isinstance(other, str) else bool(one == pytest.approx(other, rel=1e-9, abs=1e-9))
