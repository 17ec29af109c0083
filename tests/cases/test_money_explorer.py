"""Wrong bills that users of other systems met, as the Explorer, its files and its API must not show them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from analytics.ledger import ADDED, DIMENSIONS, Books, Question
from dashboards.api.ledger import make_ledger_api
from dashboards.api.program import install_errors
from dashboards.cost_asked import kept
from dashboards.filters import parse
from roomleft.clock import FixedClock
from roomleft.packs import load_packs
from roomleft.settings import ROOT
from tests.dashboards.conftest import Driven, texts
from tests.dashboards.test_cost_pages import cents, priced_parts, rows_of
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import usage_event
from warehouse import tables
from warehouse.rollup import roll_up
from warehouse.store import Store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CENT = Decimal("0.010000000")


@pytest.fixture(scope="module")
def pages() -> Iterator[Driven]:
    driven = Driven(priced_parts())
    install_errors(driven.server)
    yield driven
    driven.parts.store.close()


@pytest.mark.parametrize(
    ("search", "provisional"),
    [
        ("", True), ("?range=24h", True), ("?range=last-month", False), ("?range=2026-11-10..2026-11-17", False),
        ("?range=2026-11-10..2026-11-18", True), ("?range=2026-11-10..2026-11-20", True),
    ],
)  # fmt: skip
def test_kubecost_1566_the_last_48_hours_are_provisional(pages: Driven, search: str, provisional: bool) -> None:
    """What is not reconciled yet is marked, on screen, in the API and in files; what is settled is not."""
    assert ("provisional" in texts(pages.call("cost-total.children", "/cost", search))) is provisional
    since, until = parse("/cost", search).span(NOW)
    told = Books(pages.parts.store, pages.parts.packs).costs(Question(since, until), NOW)
    assert told.provisional is provisional
    late = Books(pages.parts.store, {}).costs(Question(NOW - timedelta(hours=48), NOW), NOW).total.ai_usd
    if until == NOW and since < NOW - timedelta(hours=48):
        assert told.provisional_usd == late > 0
    if not provisional:
        assert told.provisional_usd == 0


@pytest.mark.parametrize("by", [name for name in DIMENSIONS if name != "user"])
@pytest.mark.parametrize("search", ["range=month", "range=7d&platform=scribe", "range=30d&model=flash&model=lite"])
def test_kubecost_1521_components_come_to_the_total_on_every_table(pages: Driven, by: str, search: str) -> None:
    """No hidden adjustment: every column of the table adds up to its foot, and the foot is the total above it."""
    total = texts(pages.call("cost-total.children", "/cost", f"?{search}&by={by}"))
    heads, *body, foot = rows_of(pages.call("cost-groups.children", "/cost", f"?{search}&by={by}"))
    for name in ("AI usage", "Infrastructure", "Cost", "Before"):
        place = heads.index(name)
        assert sum(cents(row[place]) for row in body) == cents(foot[place])
    assert foot[heads.index("Cost")].removesuffix(" +") in total


def test_aws_finops_dashboard_47_last_month_keeps_its_last_day() -> None:
    """A call in the last microsecond of October is in October; one at midnight is in November; no call is in both."""
    zone = ZoneInfo("America/New_York")
    midnight = datetime(2026, 11, 1, tzinfo=zone).astimezone(UTC)
    first = datetime(2026, 10, 1, tzinfo=zone).astimezone(UTC)
    times = {
        "before": first - timedelta(microseconds=1),
        "first": first,
        "last": midnight - timedelta(microseconds=1),
        "after": midnight,
    }
    with Store.open("duckdb:///:memory:", now=FixedClock(NOW)) as store:
        store_usage(store, [{**usage_event(name, at, model=name), "cost_usd": CENT} for name, at in times.items()])
        roll_up(store, NOW, ["UTC", zone.key])
        filters = parse("/cost", f"range=last-month&tz={zone.key}")
        for by in (("model",), ("user", "model")):
            told = Books(store, {}, see_users=True).costs(Question(*filters.span(NOW), by, zone=zone), NOW)
            assert {each.key[-1] for each in told.groups} == {"first", "last"}
            assert told.total.ai_usd == 2 * CENT
        this = Books(store, {}, see_users=True).costs(Question(*parse("/cost", f"tz={zone.key}").span(NOW), ("model",)), NOW)
        assert {each.key[0] for each in this.groups} == {"after"}
        days = parse("/cost", f"range=2026-10-31..2026-10-31&tz={zone.key}").span(NOW)
        assert Books(store, {}, see_users=True).costs(Question(*days), NOW).total.requests == 1


@pytest.fixture(scope="module")
def http(pages: Driven) -> TestClient:
    app = FastAPI()
    install_errors(app)
    app.include_router(make_ledger_api(pages.parts))
    return TestClient(app)


@pytest.mark.parametrize(
    "query",
    [
        "by=model", "by=platform,model&range=30d&grain=day", "by=team&platform=scribe&grain=hour&range=7d", "range=90d&grain=month&tz=Asia/Tokyo",
        "by=user&range=7d&grain=week", "by=kind&kind=infrastructure&kind=ai&grain=day", "model=flash&model=lite&by=tier&grain=day",
    ],
)  # fmt: skip
def test_kubecost_1521_the_api_foots_too(http: TestClient, query: str) -> None:
    told = http.get(f"/api/v1/costs?{query}").json()
    total = told["total"]
    assert Decimal(total["cost_usd"]) == Decimal(total["ai_usd"]) + Decimal(total["infrastructure_usd"]) > 0
    for name in ("cost_usd", "ai_usd", "infrastructure_usd"):
        assert sum(Decimal(row[name]) for row in told["rows"]) == Decimal(total[name])
    assert sum(row["requests"] for row in told["rows"]) == total["requests"]
    if "series" in told:
        assert sum(Decimal(point["cost_usd"]) for point in told["series"]) == Decimal(total["cost_usd"])
        assert min(point["since"] for point in told["series"]) >= told["covers"]["since"]
        assert max(point["until"] for point in told["series"]) <= told["covers"]["until"]
    assert set(ADDED) <= set(total)
    assert told["provisional"] is True
    assert (told["left_out"] is not None) == ("model=" in query)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("by=colour", "not kept by"), ("colour=red", "no parameter 'colour'"), ("range=someday", "not a range"), ("tz=Mars/Base", "not a time zone"),
        ("grain=second", "no grain"), ("since=2026-11-02T00:00:00Z&until=2026-11-01T00:00:00Z", "before until"), ("since=yesterday", "not an instant"),
        ("since=1999-01-01T00:00:00Z&grain=hour", "buckets"), ("by=user,team", "not kept by team"), ("kind=gold", "no kind"),
        ("since=0001-01-01T00:00:00Z", "absurd"),
    ],
)  # fmt: skip
def test_what_the_api_cannot_answer_is_refused(http: TestClient, query: str, words: str) -> None:
    answer = http.get(f"/api/v1/costs?{query}")
    assert answer.status_code == 422
    assert words in answer.json()["error"]["what"]


def test_a_month_of_infrastructure_is_its_bill(http: TestClient) -> None:
    pack = load_packs(ROOT / "packs", ["scribe"])["scribe"]
    told = http.get("/api/v1/costs?range=last-month&platform=scribe&kind=infrastructure").json()
    assert Decimal(told["total"]["cost_usd"]) == sum(item.usd_per_month for item in pack.cost_items())


def test_a_range_of_the_future_is_refused_and_not_answered_with_the_last_day(http: TestClient, pages: Driven) -> None:
    for query in ("range=2031-01-01..2031-02-01", "since=2031-01-01T00:00:00Z&until=2031-02-01T00:00:00Z"):
        answer = http.get(f"/api/v1/costs?{query}")
        assert answer.status_code == 422
        assert "lies in the future" in answer.json()["error"]["what"]
        assert answer.json()["error"]["hint"]
    for kind in ("csv", "xlsx", "parquet"):
        assert pages.client.get(f"/export/cost.{kind}?range=2031-01-01..2031-02-01").status_code == 422


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("by=banana", "by='banana' is not known here"), ("by=model&then=colour", "then='colour'"), ("colour=red", "no filter 'colour'"),
        ("kind=gold", "no kind of cost 'gold'"), ("model=banana", "No usage of this range has the model 'banana'"), ("by=user&then=team", "at once"),
        ("against=someday", "against='someday'"), ("by=model,provider,tier", "then='provider,tier'"),
    ],
)  # fmt: skip
def test_what_the_page_does_not_know_is_named_above_it(pages: Driven, search: str, words: str) -> None:
    assert words in texts(pages.call("cost-filters.children", "/cost", f"?{search}"))
    if not search.startswith("model="):
        refused = pages.client.get(f"/export/cost.csv?{search}")
        assert refused.status_code == 422, "a file has no place for a notice"
        link = kept(parse("/cost", search))
        assert pages.client.get(parse("/cost", "").href("/export/cost.csv", **link)).status_code == 200, (
            "the page's own link leaves it out"
        )


def test_what_the_page_knows_is_not_named(pages: Driven) -> None:
    told = texts(pages.call("cost-filters.children", "/cost", "?by=platform,model&model=flash&kind=ai&against=year&page=2"))
    assert "not known" not in told
    assert "No usage" not in told
    assert "no filter" not in told


def test_the_page_and_its_files_take_two_dimensions_as_the_api_does(pages: Driven) -> None:
    for asked in ("by=platform,model", "by=platform&by=model", "by=platform%2C%20model"):
        heads, *_ = rows_of(pages.call("cost-groups.children", "/cost", f"?{asked}"))
        assert heads[:2] == ["Platform", "Model"]
        file = pages.client.get(f"/export/cost.csv?{asked}")
        assert file.text.startswith("platform,model,")
        assert file.text == pages.client.get("/export/cost.csv?by=platform&then=model").text
        assert "-by-platform-model.csv" in file.headers["content-disposition"]


def test_a_month_that_is_still_being_read_is_provisional() -> None:
    """Half a month looks whole: what a source has not given yet cannot be in it."""
    pack = load_packs(ROOT / "packs", ["scribe"])
    early, late = datetime(2026, 10, 10, tzinfo=UTC), datetime(2026, 11, 10, tzinfo=UTC)
    october = Question(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
    cursors: list[tuple[dict[str, object], bool]] = [
        ({"read_to": None, "newest_at": None, "oldest_at": None, "caught_up": False}, True),
        ({"read_to": early, "newest_at": NOW, "oldest_at": early - timedelta(days=30), "caught_up": False}, True),
        ({"read_to": late, "newest_at": NOW, "oldest_at": early - timedelta(days=30), "caught_up": False}, False),
        ({"read_to": NOW, "newest_at": NOW, "oldest_at": datetime(2026, 11, 5, tzinfo=UTC), "read_from": late, "caught_up": False}, False),
        ({"read_to": NOW, "newest_at": NOW, "oldest_at": early - timedelta(days=30), "read_from": late, "caught_up": False}, True),
        ({"read_to": NOW, "newest_at": NOW, "oldest_at": early, "caught_up": True}, False),
    ]  # fmt: skip
    with Store.open("duckdb:///:memory:", now=FixedClock(NOW)) as store:
        books = Books(store, pack)
        assert not books.costs(october, NOW).provisional
        for place, (cursor, reading) in enumerate(cursors):
            row = {
                "source": "scribe",
                "stream": "usage",
                "position": "x",
                "read_from": None,
                "recorded_at": NOW + timedelta(seconds=place),
                **cursor,
            }
            table = pa.Table.from_pylist([row], schema=tables.CURSORS)
            store.run(lambda tx, table=table: tx.insert("cursors", table))
            told = books.costs(october, NOW)
            assert (told.reading, told.provisional) == (reading, reading), cursor
            assert told.provisional_reason == ("history is still being read" if reading else None)
            assert not books.costs(Question(october.since, october.until, where={"kind": ("infrastructure",)}), NOW).reading
