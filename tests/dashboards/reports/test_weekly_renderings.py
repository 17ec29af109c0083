"""The weekly report as mail programs get it: complete in text, in HTML with and without pictures, in a workbook whose sums hold."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from analytics.reports.weekly import Given, content
from dashboards.reports import weekly_charts, weekly_made
from dashboards.reports.shown import with_pictures
from dashboards.reports.weekly_html import MOST_BYTES, weekly_html
from dashboards.reports.weekly_made import weekly_report
from dashboards.reports.weekly_text import WIDTH, weekly_text
from roomleft.limits import NextStep, State
from tests.dashboards.reports.weekly_sample import NOW, ROWS, week
from tests.fixtures.need import lacking

EVIL = '<script>alert(1)</script>"><img src=https://evil.example/x onerror=1>'


class Read(HTMLParser):
    """What a mail program sees: texts, pictures, addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.tags: set[str] = set()
        self.links: list[str | None] = []
        self._style = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._style += tag == "style"
        if tag == "img":
            self.images.append(dict(attrs))
        if tag == "a":
            self.links.append(dict(attrs).get("href"))

    def handle_endtag(self, tag: str) -> None:
        self._style -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_html_and_text_say_the_same() -> None:
    told = week()
    html, text = Read(weekly_html(told)).text, " ".join(weekly_text(told).split())
    for each in told["decisions"]:
        for name in ("name", "why", "what", "owner"):
            assert " ".join(each[name].split()) in html
            assert " ".join(each[name].split()) in text
    for each in told["month_end"] + told["capacity"]:
        for body in (html, text):
            assert each["name"] in body
            assert all(
                " ".join(str(each.get(name, "")).split()) in body
                for name in ("likely", "runs_out", "left", "chance")
                if each["state"] != "unknown"
            )
    for words in (told["subject"], told["verdict"], told["record"], "as forecast", "above the range", "coach is failing"):
        assert words in html
        assert words in text


def test_the_mail_fetches_nothing_and_says_without_pictures_what_they_show() -> None:
    report = weekly_report(week(), "k")
    read = Read(report.html)
    assert not read.tags & {"script", "link", "iframe", "video", "object", "svg"}
    assert [image["src"] for image in read.images] == ["cid:movers", "cid:budgets", "cid:capacity"]
    assert all(len(str(image["alt"])) > 30 for image in read.images)
    assert "goes over, to 101" in str(read.images[1]["alt"])
    assert "Arena worlds, us-west-2 is the fullest, 92" in str(read.images[2]["alt"])
    assert read.links == ["https://room.example.org"]
    assert not re.search(r"url\(|@import|https?://(?!room\.example\.org)", report.html)
    assert len(report.html.encode()) < 40_000
    styled = re.findall(r"<(?:p|td|h1|h2)\b[^>]*>", report.html)
    assert styled
    assert all("style=" in tag for tag in styled)
    assert "prefers-color-scheme" in report.html
    assert with_pictures(report).count("data:image/png;base64,") == 3
    assert "cid:" not in with_pictures(report)


def test_text_reads_well_at_78_columns() -> None:
    lines = weekly_text(week()).split("\n")
    assert max(map(len, lines)) <= WIDTH
    assert all(line == line.rstrip() for line in lines)
    assert {"DECISIONS", "WHAT MOVED THE AI COST", "BUDGETS", "ROOM LEFT", "WHAT WE SAID, AND WHAT CAME", "FRESHNESS"} <= set(
        lines
    )


@pytest.mark.parametrize(
    "title", [EVIL, "n" * 300, "שלום עולם", "🎲" * 30, "a\x00b\r\nc\u202ed", "{{ 7*7 }}", "=cmd|' /C calc'!A0"]
)
def test_no_title_breaks_a_rendering(title: str) -> None:
    rows = [(row, replace(limit, title=title, owner=title)) for row, limit in ROWS]
    report = weekly_report(week(rows=rows, titles=dict.fromkeys(("arena", "scribe", "coach", "creator", "tabletop"), title)), "k")
    read = Read(report.html)
    assert "script" not in read.tags
    assert {str(image["src"])[:4] for image in read.images} == {"cid:"}
    assert "49" not in report.subject
    assert report.missing == ""
    assert len(report.files) == 4
    sheets = _sheets(report.files[-1].content)
    assert "<f>cmd" not in "".join(sheets.values())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Given({}, ()), "Nothing to report yet"),
        (Given({"shop": "Shop"}, ()), "no data yet"),
        (
            Given({"shop": "Shop"}, (), missing=["the track record"], demo=True, late=NOW - timedelta(hours=9)),
            "Missing from this report: the track record.",
        ),
    ],
)
def test_with_nothing_to_say_it_still_reads(given: Given, words: str) -> None:
    for zone in (UTC, ZoneInfo("Asia/Kathmandu")):
        report = weekly_report(content(given, NOW, ZoneInfo("UTC") if zone is UTC else zone), "k")
        assert words in report.text
        assert words in Read(report.html).text
        assert [file.name for file in report.files] == ["roomleft-weekly-2026-11-20.xlsx"]
    if given.late:
        assert "comes late" in report.text
        assert "Demo data" in Read(report.html).text


def test_a_chart_and_a_workbook_that_fail_are_named_and_the_rest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise ValueError("no font")

    monkeypatch.setattr(weekly_charts, "bars_png", fails)
    monkeypatch.setattr(weekly_made, "weekly_xlsx", fails)
    report = weekly_report(week(), "k")
    assert report.files == ()
    for words in ("the chart of budgets", "the chart of room left", "the chart of what moved the cost", "the workbook"):
        assert words in report.missing
        assert words in " ".join(report.text.split())
        assert words in Read(report.html).text
    assert "cid:" not in report.html
    assert "Arena worlds" in report.text


def test_a_thousand_limits_stay_under_what_mail_programs_show() -> None:
    rows = [
        (
            replace(row, limit_id=f"{row.limit_id}{number}"),
            replace(limit, limit_id=f"{limit.limit_id}{number}", title=f"{limit.title} {number} " + "x" * 200),
        )
        for number in range(50)
        for row, limit in ROWS
    ]
    told = week(rows=rows)
    html = weekly_html(told)
    assert len(html.encode()) <= MOST_BYTES
    assert "more in the workbook" in html


def test_the_same_content_gives_the_same_report() -> None:
    first, second = weekly_report(week(), "k"), weekly_report(week(), "k")
    assert first == second


def _sheets(workbook: bytes) -> dict[str, str]:
    with ZipFile(io.BytesIO(workbook)) as pack:
        return {name: pack.read(name).decode() for name in pack.namelist() if name.startswith("xl/worksheets/sheet")}


def _cells(workbook: bytes) -> dict[tuple[str, str], tuple[str, str]]:
    """(formula, value) by sheet file and cell, of cells with a formula."""
    found = {}
    for name, xml in _sheets(workbook).items():
        for cell, formula, value in re.findall(r'<c r="([A-Z]+\d+)"[^>]*><f[^>]*>([^<]*)</f><v>([^<]*)</v>', xml):
            found[name, cell] = (formula, value)
    return found


def test_the_workbook_has_formulas_with_values() -> None:
    cells = _cells(weekly_report(week(), "k").files[-1].content)
    kinds = {re.sub(r"\d+", "", formula) for formula, _ in cells.values()}
    assert {"D-C", "E/C", "C-B", "MAX(,H-C)", "K-M", "I*", "E-D", "SUM(C:C)"} <= kinds
    assert all(value for _, value in cells.values())


def test_the_workbook_has_every_decision_and_last_days_as_the_text_says_them() -> None:
    own = next((row, limit) for row, limit in ROWS if row.state is State.TIGHT and limit.next_step is not None)
    rows = [
        (
            replace(own[0], limit_id=f"{own[0].limit_id}{number}", order_by=NOW + timedelta(days=number - 3)),
            replace(
                own[1], limit_id=f"{own[1].limit_id}{number}", next_step=NextStep(f"Step {number}", Decimal(5), timedelta(days=1))
            ),
        )
        for number in range(8)
    ]
    told = week(rows=[*rows, *ROWS])
    book = openpyxl.load_workbook(io.BytesIO(weekly_report(told, "k").files[-1].content), data_only=True)
    head, *lines = [list(line) for line in book["Decisions"].values]
    every = [*told["decisions"], *told["later_decisions"]]
    assert len(every) == len(told["decisions"]) + len(told["more_decisions"]) > 8
    assert [line[0] for line in lines] == [each["name"] for each in every]
    _as_said([line[head.index("Last date")] for line in lines], every, told)
    head, *lines = [list(line) for line in book["Room left"].values]
    _as_said([line[head.index("Order by")] for line in lines], told["capacity"], told)


def _as_said(cells: list[Any], rows: list[Any], told: Any) -> None:
    said = {"now": 0, "": 0, "a day": 0}
    for cell, row in zip(cells, rows, strict=True):
        if isinstance(cell, datetime):
            assert cell > told["as_of"].astimezone(ZoneInfo(told["zone"])).replace(tzinfo=None)
            assert row["by"] not in ("", "now")
        else:
            assert (cell or "") == row["by"]
        said[row["by"] if row["by"] in said else "a day"] += 1
    assert said["a day"]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.peers
def test_a_spreadsheet_program_comes_to_the_same_values(tmp_path: Path, zone: str) -> None:
    program = shutil.which("soffice")
    if program is None:
        lacking("LibreOffice")
    now = datetime(2026, 3, 20, 12, tzinfo=UTC)  # clocks change in both zones before the month is over
    shift = now - NOW
    moved = [(_moved(row, shift), limit) for row, limit in ROWS]
    outcomes = [
        {"platform": "arena", "name": "Monthly cost", "unit": "usd", "low": Decimal("5100.1"), "middle": Decimal("5300.2"), "high": Decimal("5600.3"),
         "outcome": Decimal("5489.123456789"), "said_at": now - timedelta(days=7), "about_to": now},
    ]  # fmt: skip
    book = weekly_report(week(now, ZoneInfo(zone), rows=moved, outcomes=outcomes), "k").files[-1].content
    stored = _cells(book)
    (tmp_path / "week.xlsx").write_bytes(book)
    # Through another format and back, so that every value is worked out anew.
    profile = f"-env:UserInstallation=file://{tmp_path / 'profile'}"
    for source, target in (("week.xlsx", "ods"), ("week.ods", "xlsx:Calc MS Excel 2007 XML")):
        out = tmp_path / ("back" if target != "ods" else ".")
        done = subprocess.run(
            [str(program), profile, "--headless", "--convert-to", target, "--outdir", str(out), str(tmp_path / source)],
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    again = _cells((tmp_path / "back" / "week.xlsx").read_bytes())
    assert len(stored) > 40
    assert set(again) == set(stored)
    for place, (formula, value) in stored.items():
        text = again[place][1]
        same = text == value or abs(float(text) - float(value)) <= 1e-9 * max(1.0, abs(float(value)))
        assert same, (place, formula, value, text)


def _moved(row: Any, shift: timedelta) -> Any:
    dates = {
        name: getattr(row, name) + shift
        for name in row.__dataclass_fields__
        if isinstance(getattr(row, name), datetime) and getattr(row, name) is not None
    }
    return replace(row, **dates)
