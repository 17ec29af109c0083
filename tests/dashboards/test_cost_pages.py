"""The Cost pages over the sample world: every table foots, filters and links keep the address, a total leads to its rows and their prices."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboards.parts import Parts
from roomleft.packs import load_packs
from roomleft.settings import ROOT
from tests.dashboards.conftest import Driven, found, texts
from tests.dashboards.sample_rows import NOW, sample_parts
from tests.warehouse.rows import make_rate, make_rates

SEARCHES = [
    "", "?by=model&range=7d", "?by=tier&tier=free&range=month&tz=Europe/Berlin", "?platform=scribe&range=90d&by=request_type",
    "?by=platform&then=model&range=7d", "?by=kind&range=last-month", "?by=team&then=kind", "?by=user&range=7d", "?by=component&against=year",
    "?by=model&model=flash&model=lite&against=none", "?by=provider&kind=infrastructure", "?by=status&against=2026-10-01..2026-10-31",
]  # fmt: skip


def priced_parts() -> Parts:
    """The sample world with real packs, and a priced call in it."""
    parts = dataclasses.replace(sample_parts(), packs=load_packs(ROOT / "packs", ["scribe", "coach", "tabletop"]))
    rates = make_rates(make_rate("output_tokens", "0.0000025", provider="gemini", model="flash", price_id="gemini/flash/out"))

    def write(tx: Any) -> None:
        tx.insert("rates", rates)
        tx.execute("UPDATE ai_usage SET output_tokens = 1200 WHERE event_id = 'e0'")
        tx.execute(
            "INSERT INTO cost_entries BY NAME SELECT event_id, source, id_hash, occurred_at, 1 AS revision, 'gemini/flash/out' AS price_id,"
            " 0.003 AS cost_usd, 'priced' AS cost_state, ingested_at AS recorded_at, 'ingest' AS reason FROM ai_usage WHERE event_id = 'e0'"
        )

    parts.store.run(write)
    return parts


@pytest.fixture(scope="module")
def pages() -> Iterator[Driven]:
    driven = Driven(priced_parts())
    yield driven
    driven.parts.store.close()


def rows_of(table: Any) -> list[list[str]]:
    """The texts of every row's cells."""

    def walk(part: Any) -> list[list[str]]:
        if isinstance(part, list):
            return [hit for each in part for hit in walk(each)]
        if not isinstance(part, dict) or "props" not in part:
            return []
        cells = part["props"].get("children")
        own = [[texts(cell).strip() for cell in cells]] if part.get("type") == "Tr" else []
        return own + walk(cells)

    return walk(table)


def cents(text: str) -> int:
    """`$1,234.56 +` as 123456."""
    sign = -1 if text.startswith("−") else 1
    return sign * int(re.sub(r"[^0-9]", "", text))


@pytest.mark.parametrize("search", SEARCHES)
def test_every_table_foots_to_the_cent(pages: Driven, search: str) -> None:
    total = texts(pages.call("cost-total.children", "/cost", search))
    heads, *body, foot = rows_of(pages.call("cost-groups.children", "/cost", search))
    dims = heads.index("AI usage")
    at = {name: place - dims for place, name in enumerate(heads)}
    foot_cells = foot[1:]
    for name in ("AI usage", "Infrastructure", "Cost", *(["Before"] if "Before" in heads else [])):
        assert sum(cents(row[at[name] + dims]) for row in body) == cents(foot_cells[at[name]]), name
    for row in [row[dims:] for row in body] + [foot_cells]:
        assert cents(row[0]) + cents(row[1]) == cents(row[2])
    assert foot_cells[2].removesuffix(" +") in total
    share = [row[at["Share"] + dims].split("\u202f")[0].replace("−", "-") for row in body]
    # `< 0.1 %` of what is little adds nothing.
    assert sum(Decimal(each) for each in share if each != "<") == 100


def test_ai_and_infrastructure_come_to_the_total(pages: Driven) -> None:
    block = pages.call("cost-total.children", "/cost", "?range=7d")
    ai, infrastructure, total = (
        cents(texts(each).split("  ")[0].split()[0]) for each in found(block, className="card-value")[:3]
    )
    assert ai + infrastructure == total
    assert min(ai, infrastructure) > 0


def test_a_filter_that_infrastructure_does_not_have_names_what_it_leaves_out(pages: Driven) -> None:
    words = texts(pages.call("cost-total.children", "/cost", "?by=model&model=flash"))
    assert re.search(r"Infrastructure is not split by model: \$[\d,.]+ left out", words)
    assert "left out" not in texts(pages.call("cost-total.children", "/cost", "?by=model"))
    assert "Infrastructure, not split by model" in texts(pages.call("cost-groups.children", "/cost", "?by=model"))


def test_unpriced_calls_make_it_at_least_with_their_tokens(pages: Driven) -> None:
    words = texts(pages.call("cost-total.children", "/cost", "?platform=coach"))
    assert re.search(r"at least: [\d,]+ of [\d,]+ calls unpriced, .* tokens", words)
    assert "at least" not in texts(pages.call("cost-total.children", "/cost", "?platform=scribe"))


@pytest.mark.parametrize(
    ("against", "said"),
    [
        ("", "dotted: the period before"), ("&against=2026-11-18..2026-11-18", "dotted: 18\u00a0Nov"),
        ("&against=2026-10-01..2026-10-31", "1–31\u00a0Oct: not as long, so not drawn beside"),
    ],
)  # fmt: skip
def test_only_a_period_as_long_is_drawn_beside(pages: Driven, against: str, said: str) -> None:
    block = pages.call("cost-total.children", "/cost", f"?range=24h&compare=previous{against}")
    assert said in texts(block)
    assert ("'earlier': True" in str(block)) is said.startswith("dotted")


def test_a_restated_figure_says_so() -> None:
    parts = priced_parts()
    parts.store.run(lambda tx: tx.execute("UPDATE usage_15m SET restated_requests = 3 WHERE model = 'flash'") and None)
    driven = Driven(parts)
    words = texts(driven.call("cost-groups.children", "/cost", "?by=model"))
    assert words.count("restated") == 1
    assert "restated" in texts(driven.call("cost-total.children", "/cost"))
    assert "restated" not in texts(driven.call("cost-total.children", "/cost", "?model=lite"))
    parts.store.close()


def test_a_total_leads_to_its_price_in_two_clicks(pages: Driven) -> None:
    table = pages.call("cost-groups.children", "/cost", "?range=24h&by=model&platform=scribe&kind=ai")
    links = [each["props"].get("href", "") for cell in found(table, className="strong") for each in found(cell)]
    (href,) = (each for each in links if "model=flash&" in f"{each}&")
    where = parse_qs(urlsplit(href).query)
    assert urlsplit(href).path == "/cost/rows"
    assert (where["model"], where["platform"], where["kind"], where["range"]) == (["flash"], ["scribe"], ["ai"], ["24h"])
    rows = pages.call("cost-rows.children", "/cost/rows", f"?{urlsplit(href).query}")
    first = found(rows, className="row-link")[0]
    assert texts(first) == "$0.003000000"
    words = texts(pages.call("cost-row.children", "/cost/rows", f"?{urlsplit(first['props']['href']).query}"))
    assert "output tokens" in words
    for piece in ("1,200", "×  0.0000025", "=  0.003", "Cost, rounded once to nano-dollars $0.003000000", "test: test, from"):
        assert piece in words
    drawer = pages.call("cost-row.children", "/cost/rows", f"?{urlsplit(first['props']['href']).query}")
    assert 'price=gemini%2Fflash%2Fout"' in str(drawer).replace("'", '"')


def test_rows_are_paged_newest_first(pages: Driven) -> None:
    search = "?range=24h&platform=scribe"
    first = rows_of(pages.call("cost-rows.children", "/cost/rows", search))
    second = pages.call("cost-rows.children", "/cost/rows", f"{search}&page=1")
    assert len(found(second, className="row-link")) == 50
    assert first[1][0] > rows_of(second)[1][0]
    assert {"Newer", "Older"} <= {texts(each) for each in found(second, className="button")}
    assert "51 to 100 of 2,400" in texts(second)
    assert "is kept row by row" in texts(pages.call("cost-rows.children", "/cost/rows", f"{search}&page=999"))


@pytest.mark.parametrize(
    "row", ["nonsense", "2026-11-20T11:59:58+00:00~6~scribe~no-such", "~~", "2026-11-20T11:59:58+00:00~x~scribe"]
)
def test_an_address_of_no_row_says_so(pages: Driven, row: str) -> None:
    words = texts(pages.call("cost-row.children", "/cost/rows", f"?row={row.replace('+', '%2B')}"))
    assert "names no row" in words or "not kept any more" in words


def test_the_infrastructure_behind_a_figure_is_listed_item_by_item(pages: Driven) -> None:
    block = pages.call("cost-rows.children", "/cost/rows", "?range=last-month&kind=infrastructure&platform=scribe")
    _, *items = rows_of(block)
    told = texts(block)
    assert sum(Decimal(row[5].replace("$", "").replace(",", "")) for row in items) == sum(
        Decimal(row[3].replace("$", "").replace(",", "")) for row in items
    ), "a whole month costs what its items cost a month"
    assert "assumed" in told
    assert "AI usage +" in told


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("", "the period before"), ("?against=year", "the same days a year before"), ("?against=none", "nothing"),
        ("?against=2026-09-01..2026-09-30", "1–30\u00a0Sep"), ("?against=rubbish", "the period before"),
    ],
    ids=["default", "year", "none", "a month", "not understood"],
)  # fmt: skip
def test_any_period_can_be_compared_with(pages: Driven, search: str, words: str) -> None:
    assert f"Compare with\u00a0 {words}" in texts(pages.call("cost-filters.children", "/cost", search))


def test_values_add_up_in_the_address(pages: Driven) -> None:
    bar = pages.call("cost-filters.children", "/cost", "?by=model&model=flash")
    hrefs = {texts(each): each["props"]["href"] for each in found(bar, className="menu-item")}
    assert hrefs["lite"] == "/cost?by=model&model=flash&model=lite"
    assert hrefs["flash"] == "/cost?by=model"
    assert "Model\u00a0 2 of" in texts(pages.call("cost-filters.children", "/cost", "?model=flash&model=lite"))


def test_tabs_keep_the_range_and_mark_the_page(pages: Driven) -> None:
    tabs = pages.call("cost-tabs.children", "/cost/rows", "?range=7d&platform=scribe&model=flash")
    assert [(texts(each), each["props"]["href"]) for each in found(tabs, className="home-tab")] == [
        ("Explorer", "/cost?range=7d&platform=scribe&model=flash"),
        ("Unit economics", "/cost/economics?range=7d&platform=scribe"),
        ("Rows", "/cost/rows?range=7d&platform=scribe&model=flash"),
        ("Allocation", "/cost/allocation?range=7d&platform=scribe"),
    ]
    assert [each["props"].get("aria-current") for each in found(tabs, className="home-tab")] == [None, None, "page", None]
    economics = pages.call("cost-tabs.children", "/cost/economics", "?range=7d&platform=scribe&by=team")
    assert [each["props"]["href"] for each in found(economics, className="home-tab")][2] == "/cost/rows?range=7d&platform=scribe"


def test_the_range_is_this_month_unless_asked(pages: Driven) -> None:
    assert "1\u00a0Nov 00:00–20\u00a0Nov 12:00" in texts(pages.call("cost-total.children", "/cost"))
    assert "1–31\u00a0Oct" in texts(pages.call("cost-total.children", "/cost", "?range=last-month"))
    assert NOW - timedelta(days=19, hours=12) == NOW.replace(day=1, hour=0)
