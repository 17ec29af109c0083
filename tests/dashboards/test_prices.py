"""The page Prices and its API: what is in force and when, a price's own address, what has no price, and the words for it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from plotly.utils import PlotlyJSONEncoder
from starlette.testclient import TestClient

from analytics.pricing import rates_table
from dashboards.api.prices import CSV_PATH, make_price_api, prices, unpriced
from dashboards.api.program import install_errors
from dashboards.components.price_table import exact_usd, price_table, unit_name, unit_price
from dashboards.filters import parse
from dashboards.pages.prices import sentence, unpriced_table
from roomleft.packs import RateRow
from tests.dashboards.sample_rows import NOW, sample_parts
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import usage_event
from warehouse.rollup import roll_up

BEGIN, MAY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)


def rate(price_id: str, usd: str, valid_from: datetime = BEGIN, **more: Any) -> RateRow:
    held = {"provider": "openai", "model": "gpt", "platform": "", "unit": "output_tokens", "valid_to": None, "catalogue": "list@1",
            "source": "https://example.org/prices page 2", "resolved_at": BEGIN, "checked_on": date(2026, 11, 1), **more}  # fmt: skip
    return RateRow(price_id=price_id, usd_per_unit=Decimal(usd), valid_from=valid_from, **held)


RATES = [
    rate("old", "0.00001"),
    rate("new", "0.000008", MAY),
    rate("batch", "0.000004", MAY, context="batch"),
    rate("large", "0.000016", MAY, input_over=200_000),
    rate("night", "0.000002", MAY, minute_from=990, minute_to=30),
    rate("deal", "0.000006", MAY, platform="arena", catalogue="contract c1", list_usd_per_unit=Decimal("0.000008")),
    rate("own", "0.04", BEGIN, platform="scribe", provider="gemini", model="picture", unit="images", checked_on=date(2026, 1, 15), source="=HYPERLINK(1)"),
    rate("ended", "0.5", BEGIN, unit="requests", valid_to=MAY),
]  # fmt: skip


@pytest.fixture(scope="module")
def parts() -> Iterator[Any]:
    """A warehouse with eight prices, and two calls of a model without any."""
    parts = sample_parts(filled=False)
    parts.store.run(lambda tx: tx.insert("rates", rates_table(tuple(RATES))))
    at = NOW - timedelta(hours=5)
    nameless = {"provider": "openai", "model": "finetune", "cost_state": "unpriced"}
    store_usage(parts.store, [{**usage_event(name, at, output_tokens=9), **nameless} for name in "ab"])
    roll_up(parts.store, NOW, ["UTC"])
    yield parts
    parts.store.close()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", {"new", "batch", "large", "night", "deal", "own"}),
        ("?at=2026-03-01", {"old", "own", "ended"}),
        ("?at=2026-05-01", {"new", "batch", "large", "night", "deal", "own"}),
        ("?at=2026-05-01&tz=Europe/Berlin", {"old", "own", "ended"}),
        ("?provider=gemini", {"own"}),
        ("?class=batch", {"batch"}),
        ("?q=picture", {"own"}),
        ("?q=GPT+contract", {"deal"}),
        ("?platform=arena", {"new", "batch", "large", "night", "deal"}),
        ("?price=old&provider=gemini", {"old"}),
        ("?price=new+%2B+own", {"new", "own"}),
        ("?price=nothing", set()),
    ],
)
def test_what_an_address_shows(parts: Any, address: str, expected: set[str]) -> None:
    rows = prices(parts.store, parse("/prices", address), NOW)
    assert {row["price_id"] for row in rows} == expected
    assert all(row["in_force"] == (row["price_id"] != "old") for row in rows if "price=" in address)


def test_a_row_says_whom_it_holds_for_how_old_its_list_is_and_what_a_contract_takes_off(parts: Any) -> None:
    rows = {row["price_id"]: row for row in prices(parts.store, parse("/prices", ""), NOW)}
    assert (rows["new"]["usd_per_million"], rows["own"]["usd_per_million"]) == (8, None)
    assert (rows["new"]["stale"], rows["own"]["stale"]) == (False, True)
    assert rows["night"]["hours_utc"] == "16:30–00:30"
    assert rows["deal"]["discount"] == Decimal("0.25")


def test_models_without_a_price_come_with_their_tokens_and_since_when(parts: Any) -> None:
    (row,) = unpriced(parts.store, None)
    assert (row["model"], row["unpriced_requests"], row["unpriced_tokens"], row["has_prices"]) == ("finetune", 2, 18, False)
    assert row["unpriced_since"] == NOW - timedelta(hours=5)
    assert unpriced(parts.store, "nowhere") == []
    words = sentence([], [row])
    assert words == "1 model in use has no price for 18 tokens: every total with it is a lower bound."
    assert "No price list knows it" in drawn(unpriced_table([row], parse("/prices", ""), NOW))


def drawn(component: Any) -> str:
    """A component as it is sent to the browser; fails for what React cannot show, a list within a list of children."""
    told = json.dumps(component, cls=PlotlyJSONEncoder)

    def look(value: Any) -> None:
        if isinstance(value, dict):
            children = value.get("children")
            assert not (isinstance(children, list) and any(isinstance(child, list) for child in children)), children
            for each in value.values():
                look(each)
        elif isinstance(value, list):
            for each in value:
                look(each)

    look(json.loads(told))
    return told


def test_the_table_draws_and_each_price_has_its_own_address(parts: Any) -> None:
    told = drawn(price_table(prices(parts.store, parse("/prices", ""), NOW), parse("/prices", ""), NOW))
    for words in (
        "/prices?price=deal",
        "$8.00",
        "list $8.00, 25",
        "calls over 200,000 input tokens",
        "16:30\\u201300:30 UTC",
        "stale",
        "example.org",
    ):
        assert words in told
    assert "javascript" not in told


@pytest.mark.parametrize(
    ("usd", "unit", "shown"),
    [
        ("0.000003", "input_uncached_tokens", ("$3.00", "1M tokens")),
        ("0.0000000185", "cache_read_tokens", ("$0.0185", "1M tokens")),
        ("0.039", "images", ("$0.039", "image")),
        ("0.12", "images.hd.1024x1024", ("$0.12", "image")),
        ("0.00008", "characters", ("$0.08", "1,000 characters")),
        ("0.0001", "audio_seconds", ("$0.006", "minute")),
        ("0.01", "web_searches", ("$10.00", "1,000 searches")),
    ],
)
def test_a_price_is_said_as_people_quote_it(usd: str, unit: str, shown: tuple[str, str]) -> None:
    assert unit_price(Decimal(usd), unit) == shown


def test_units_have_names() -> None:
    names = {
        unit: unit_name(unit)
        for unit in ("images.hd.1024x1024", "cache_read_audio_tokens", "output_image_tokens", "novel_things")
    }
    assert list(names.values()) == ["Image, hd, 1024x1024", "Input, audio, cache read", "Output, image", "Novel, things"]
    assert exact_usd(Decimal("1234.5")) == "$1,234.50"


def test_over_http_and_as_csv_the_same_rows(parts: Any) -> None:
    app = FastAPI()
    install_errors(app)
    app.include_router(make_price_api(parts))
    http = TestClient(app)
    told = http.get("/api/v1/prices", params={"q": "gpt"}).json()
    assert {row["price_id"] for row in told} == {"new", "batch", "large", "night", "deal"}
    assert told[0]["usd_per_unit"].startswith("0.0000")
    lines = list(csv.DictReader(io.StringIO(http.get(CSV_PATH).text)))
    assert len(lines) == 6
    assert next(line for line in lines if line["price_id"] == "own")["source"] == "'=HYPERLINK(1)"
    assert next(line for line in lines if line["price_id"] == "new")["usd_per_unit"] == "0.000008000000"
    assert http.get("/api/v1/prices/unpriced").json()[0]["unpriced_tokens"] == 18
    refused = http.get("/api/v1/prices", params={"at": "2026-13-45"})
    assert (refused.status_code, refused.json()["error"]["where"]) == (422, "the parameter at")
