"""One figure everywhere: AI usage + infrastructure = total is the same to the cent on every screen, file and answer for one span."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from analytics.ledger import Costs
from dashboards import reads
from dashboards.api.allocation import make_allocation_api
from dashboards.api.ledger import make_ledger_api
from dashboards.api.program import install_errors
from dashboards.filters import Filters
from roomleft.money import MINUS
from tests.dashboards.conftest import Driven, texts
from tests.dashboards.sample_rows import NOW
from tests.dashboards.test_cost_pages import priced_parts

MONTH = datetime(2026, 11, 1, tzinfo=UTC)
PLATFORMS = ["", "scribe", "coach", "tabletop"]
CENT = Decimal("0.01")
API_SPAN = f"since={MONTH:%Y-%m-%dT%H:%M:%SZ}&until={NOW:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture(scope="module")
def pages() -> Iterator[Driven]:
    driven = Driven(priced_parts())
    yield driven
    driven.parts.store.close()


def month(pages: Driven, platform: str) -> Costs:
    return reads.month_cost(pages.parts, Filters("/", platform=platform or None), NOW)


def dollars(text: str) -> list[Decimal]:
    """Every amount in a text, in its order."""
    found = re.findall(rf"({MINUS}?)\$([0-9,]+\.[0-9]{{2}})(?![0-9])", text)
    return [Decimal(f"{'-' if sign else ''}{number.replace(',', '')}") for sign, number in found]


def address(platform: str, more: str = "range=month") -> str:
    return f"?{more}" + (f"&platform={platform}" if platform else "")


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda slug: slug or "all")
def test_every_screen_shows_the_same_total(pages: Driven, platform: str) -> None:
    total, ai, infrastructure = dollars(texts(pages.call("overview-top.children", "/", address(platform))))[:3]
    assert ai + infrastructure == total
    assert abs(total - month(pages, platform).total.cost_usd) <= CENT / 2
    assert dollars(texts(pages.call("cost-total.children", "/cost", address(platform))))[:3] == [ai, infrastructure, total]
    for search in ("by=platform&then=model", "by=kind", "by=model", "by=component"):
        groups = texts(pages.call("cost-groups.children", "/cost", address(platform, f"range=month&{search}")))
        # The foot is the last line: AI usage, infrastructure, cost, and the period before.
        assert dollars(groups)[-4:-1] == [ai, infrastructure, total], search
    assert total in dollars(texts(pages.call("allocation-whole.children", "/cost/allocation", address(platform))))[:2]


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda slug: slug or "all")
def test_every_answer_and_file_has_the_same_total(pages: Driven, platform: str) -> None:
    server = FastAPI()
    install_errors(server)
    server.include_router(make_ledger_api(pages.parts))
    server.include_router(make_allocation_api(pages.parts))
    api = TestClient(server)
    exact = month(pages, platform).total
    of = f"&platform={platform}" if platform else ""
    told = api.get(f"/api/v1/costs?{API_SPAN}{of}").json()["total"]
    assert [Decimal(told[name]) for name in ("ai_usd", "infrastructure_usd", "cost_usd")] == [
        exact.ai_usd,
        exact.infrastructure_usd,
        exact.cost_usd,
    ]
    whole = api.get(f"/api/v1/allocation?{API_SPAN}{of}").json()["platforms"]
    assert sum(Decimal(each["whole_usd"]) for each in whole) == exact.cost_usd
    file = csv.DictReader(pages.client.get(f"/export/cost.csv{address(platform)}").text.splitlines())
    assert sum(Decimal(row["cost_usd"]) for row in file) == exact.cost_usd.quantize(CENT)


def test_platforms_add_up_to_all_of_them(pages: Driven) -> None:
    parts = sum(month(pages, slug).total.cost_usd for slug in pages.parts.packs)
    assert parts == month(pages, "").total.cost_usd > 0
