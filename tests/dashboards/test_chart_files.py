"""What is behind each chart, as a file and as a table: every series, units in the heads, instants twice, nothing that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from dashboards import reads
from dashboards.api.program import install_errors
from dashboards.charts.frame import AT, SERIES, STATE, Column, Frame, long_rows, value_column
from dashboards.charts.money import rows_address
from dashboards.charts.readings import calls_address, signal_key
from dashboards.charts.registry import CHARTS, behind
from dashboards.cost_asked import question_of
from dashboards.cost_books import books_of
from dashboards.door.asking import asked_by
from dashboards.exports_chart import MOST_SHOWN, add_routes, as_text, file_name, heads, shown
from dashboards.filters import parse
from dashboards.parts import Parts
from roomleft.errors import InputError, UsersHidden
from tests.dashboards.test_cost_pages import priced_parts
from warehouse.state import Principal, Scope

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
UTC_ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
VIEWER = Principal("viewer", frozenset({Scope.READ}))
FINANCE = Principal("cfo", frozenset({Scope.READ, Scope.FINANCE}))


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    made = priced_parts()
    yield made
    made.store.close()


def lines_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def small(zone: ZoneInfo = UTC_ZONE, rows: list[list[object]] | None = None) -> Frame:
    return Frame(
        "A chart",
        (AT, SERIES, value_column("value", "ms"), STATE),
        rows if rows is not None else [[NOW, "p95", 1.5, "whole"]],
        zone,
    )


def test_instants_stand_in_utc_and_in_the_zone_shown() -> None:
    head, row = lines_of(as_text(small(BERLIN)))
    assert head == ["at_utc", "at_Europe_Berlin", "series", "value_ms", "state"]
    assert row[:2] == ["2026-11-20T12:00:00+00:00", "2026-11-20T13:00:00+01:00"]
    assert heads(small()) == ["at_utc", "series", "value_ms", "state"], "in UTC there is nothing to say twice"


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", 'a "quoted", name', "two\nlines", "שלום", "🦄", "<img onerror=1>", "x" * 500]
)
def test_names_stay_names(name: str) -> None:
    (_, row) = lines_of(as_text(small(rows=[[NOW, name, None, "whole"]])))
    assert row[1] in (name, f"'{name}")
    assert row[1][:1] not in "=+-@\t"
    assert row[2] == "", "what is not known is empty"


def test_lines_end_as_the_standard_says() -> None:
    text = as_text(small())
    assert text.count("\r\n") == 2
    assert text.endswith("\r\n")


@pytest.mark.parametrize(
    ("value", "written"),
    [(Decimal("1E-9"), "0.000000001"), (Decimal("1000000000000"), "1000000000000"), (-1.5, "-1.5"), (0.0, "0.0")],
)
def test_numbers_are_written_in_full(value: Any, written: str) -> None:
    assert lines_of(as_text(small(rows=[[NOW, "a", value, "whole"]])))[1][2] == written


@pytest.mark.parametrize(
    ("unit", "head"), [("ms", "value_ms"), ("usd", "value_usd"), ("", "value"), ("<b>", "value_b"), ("a/b c", "value_a_b_c")]
)
def test_units_are_in_the_heads(unit: str, head: str) -> None:
    assert value_column("value", unit).name == head


def test_the_table_on_screen_is_the_newest_and_says_how_many_there_are() -> None:
    rows: list[list[object]] = [[NOW + timedelta(minutes=n), "a", float(n), "whole"] for n in range(10_000)]
    told = shown(small(rows=rows))
    assert (told["count"], len(told["rows"])) == (10_000, MOST_SHOWN)
    assert told["rows"][0][2] == "9,999"
    assert len(lines_of(as_text(small(rows=rows)))) == 10_001, "the file has all of them"


def test_lines_are_put_together_in_the_order_of_time() -> None:
    rows = long_rows(
        {"b": [(NOW, 1.0), (NOW + timedelta(minutes=1), None)], "a": [(NOW, 2.0)]}, filling=NOW + timedelta(minutes=1)
    )
    assert [(row[1], row[2], row[3]) for row in rows] == [("b", 1.0, "whole"), ("a", 2.0, "whole"), ("b", None, "still filling")]


@pytest.mark.parametrize(
    "query",
    [
        "range=7d&platform=scribe&by=model",
        "range=30d&by=platform",
        "range=24h&by=provider&tz=Europe/Berlin",
        "by=kind&kind=ai",
        "range=90d&by=model",
    ],
)
def test_the_cost_of_a_file_adds_up_to_the_page(parts: Parts, query: str) -> None:
    _, frame = behind(parts, f"chart=cost&{query}", NOW)
    told = books_of(parts).costs(question_of(parse("/cost", query), NOW), NOW)
    place = [column.name for column in frame.columns].index("cost_usd")
    assert sum((row[place] for row in frame.rows), Decimal(0)) == told.total.cost_usd  # type: ignore[misc]
    assert "Other" not in {row[2] for row in frame.rows}
    assert all(link is None or link.startswith("/cost/rows?") for link in frame.links)


def test_each_line_of_cost_leads_to_rows_that_come_to_it(parts: Parts) -> None:
    _, frame = behind(parts, "chart=cost&range=24h&platform=scribe&by=model&kind=ai", NOW)
    row, link = next(
        (row, link) for row, link in zip(frame.rows, frame.links, strict=True) if link and row[3] and row[4] == "whole"
    )
    path, _, query = link.partition("?")
    found = books_of(parts).costs(question_of(parse(path, query), NOW), NOW)
    assert found.total.cost_usd == row[3]


def test_what_users_cost_is_not_told_without_the_finance_role(parts: Parts) -> None:
    with asked_by(VIEWER), pytest.raises(UsersHidden):
        behind(parts, "chart=cost&by=user&range=7d", NOW)
    with asked_by(FINANCE):
        _, frame = behind(parts, "chart=cost&by=user&range=7d", NOW)
    assert frame.columns[2].name == "user"


SIGNAL = "chart=signal&platform=scribe&signal={}"


@pytest.mark.parametrize(
    ("title", "lines", "day"),
    [
        # Query times have a hole of 99 minutes, at whose end stands what is not known; a counter's first reading has none before it.
        ("Query time", 1, 1342), ("Pool connections in use", 1, 1440), ("Replication lag", 2, 2880), ("Buffer cache hits", 1, 1440), ("Cache reads", 1, 1439),
    ],
)  # fmt: skip
def test_a_signals_file_has_every_line(parts: Parts, title: str, lines: int, day: int) -> None:
    own = next(each for each in parts.packs["scribe"].signals if each.title == title)
    found = {}
    for span in ("1h", "24h", "2026-11-20T11:00..2026-11-20T11:01", "2026-11-20T11:00..2026-11-20T11:05"):
        _, frame = behind(parts, f"{SIGNAL.format(signal_key(own))}&range={span}", NOW)
        assert frame.columns[2] == value_column("value", own.unit)
        assert min(row[0] for row in frame.rows) >= parse("/", f"range={span}").span(NOW)[0]  # type: ignore[operator]
        found[span] = len(frame.rows)
    assert list(found.values()) == [60 * lines, day, lines, 5 * lines]


def test_a_rise_is_that_of_its_minute(parts: Parts) -> None:
    own = next(each for each in parts.packs["scribe"].signals if each.title == "Cache reads")
    said = "SELECT bucket, last_value FROM samples_1m JOIN series USING (series_id) WHERE name = 'cache_requests_total'"
    total = {row["bucket"]: row["last_value"] for row in parts.store.select(said).to_pylist()}
    at, minute = datetime(2026, 11, 20, 11, tzinfo=UTC), timedelta(minutes=1)
    _, frame = behind(parts, f"{SIGNAL.format(signal_key(own))}&range=2026-11-20T11:00..2026-11-20T11:01", NOW)
    assert [row[0] for row in frame.rows] == [at]
    assert frame.rows[0][2] == pytest.approx((total[at] - total[at - minute]) / 60)


DOUBLED = datetime(2026, 10, 25, tzinfo=UTC)
"""In Berlin 02:00 of the day whose clock goes back an hour later."""


@pytest.mark.parametrize("minutes", range(-90, 150, 15))
@pytest.mark.parametrize("length", [1, 15, 60])
def test_a_link_is_of_its_own_minutes_also_where_the_clock_shows_them_twice(minutes: int, length: int) -> None:
    filters = parse("/platforms/scribe", "tz=Europe/Berlin")
    span = (DOUBLED + timedelta(minutes=minutes), DOUBLED + timedelta(minutes=minutes + length))
    for href in (calls_address(filters, "scribe", *span), rows_address(filters, "model", "flash", *span)):
        assert href is not None
        path, _, query = href.partition("?")
        assert parse(path, query).span(NOW) == span


def test_calls_by_minute(parts: Parts) -> None:
    _, frame = behind(parts, "chart=calls&platform=scribe&range=1h", NOW)
    assert len(frame.rows) == 60
    assert {row[-1] for row in frame.rows} == {"whole"}
    assert any(frame.links)


@pytest.mark.parametrize(
    "query",
    [
        "chart=nothing", "", "chart=signal&platform=scribe&signal=none", "chart=signal&platform=nobody", "chart=fan&limit=none", "chart=room&limit=none",
        "chart=forecast&target=none", "chart=slo&slo=none", "chart=cost&range=2030-01-01..2030-01-02", "chart=cost&range=rubbish", "chart=way&platform=scribe&path=none",
        "chart=calls", "chart=economics&platform=nobody", "chart=cost&kind=rubbish",
    ],
)  # fmt: skip
def test_what_cannot_be_answered_says_why(parts: Parts, query: str) -> None:
    with pytest.raises(InputError) as refused:
        behind(parts, query, NOW)
    assert refused.value.hint


def test_rooms_file_is_what_the_drawer_draws(parts: Parts) -> None:
    known = reads.limits(parts.store, parts.packs, NOW, parts.slack)
    drawn = {row.key: history for row in known if (history := reads.limit_history(parts.store, row.key, NOW))}
    assert drawn
    for key, history in drawn.items():
        _, frame = behind(parts, f"chart=room&limit={key}", NOW)
        assert [column.name for column in frame.columns] == ["from", "fraction_left_ratio", "standing", "state"]
        assert [row[:2] for row in frame.rows] == [[each["bucket_start"], each["fraction_left"]] for each in history]


def test_the_routes_answer_with_a_file_and_a_table(parts: Parts) -> None:
    server = FastAPI()
    install_errors(server)
    add_routes(server, parts)
    with TestClient(server) as client:
        got = client.get("/export/chart.csv?chart=cost&range=7d&by=model")
        assert got.status_code == 200
        assert got.headers["content-type"] == "text/csv; charset=utf-8"
        assert got.headers["content-disposition"] == 'attachment; filename="cost-by-model-2026-11-20T1200Z.csv"'
        table = client.get("/export/chart.json?chart=cost&range=7d&by=model").json()
        assert table["count"] == len(lines_of(got.text)) - 1
        assert client.get("/export/chart.csv?chart=nothing").status_code == 422


def test_a_files_name_is_plain() -> None:
    assert file_name("cost", Frame("שלום <b>", (Column("a", "a"),), [], UTC_ZONE), NOW) == "b-2026-11-20T1200Z.csv"
    assert file_name("cost", Frame("שלום", (), [], UTC_ZONE), NOW) == "cost-2026-11-20T1200Z.csv"


def test_every_kind_names_a_page() -> None:
    assert all(entry.page.startswith("/") for entry in CHARTS.values())
