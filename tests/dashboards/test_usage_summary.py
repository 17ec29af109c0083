"""The usage summary over HTTP: rows by one dimension, the total they add up to, and what was counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.api.program import install_errors, make_api
from tests.dashboards.sample_rows import NOW, sample_parts
from tests.warehouse.facts import store_usage
from tests.warehouse.rows import usage_event
from warehouse.rollup import roll_up
from warehouse.usage import DIMENSIONS

AT = NOW - timedelta(hours=2)


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    """A server whose platform made three calls: two priced and one that has no price."""
    parts = sample_parts(filled=False)
    events = [
        {**usage_event("a", AT, user_id="ann", output_tokens=5, provider="p"), "cost_usd": "0.333333333"},
        {**usage_event("b", AT, user_id="bob", output_tokens=7, provider="q"), "cost_usd": "0.666666666"},
        {**usage_event("c", AT, user_id=None, output_tokens=9), "cost_state": "unpriced"},
    ]
    store_usage(parts.store, events)
    roll_up(parts.store, NOW, ["UTC"])
    app = FastAPI()
    install_errors(app)
    app.include_router(make_api(parts))
    yield TestClient(app)
    parts.store.close()


@pytest.mark.parametrize("by", DIMENSIONS)
def test_the_rows_add_up_to_the_total(http: TestClient, by: str) -> None:
    told = http.get("/api/v1/usage/summary", params={"by": by, "since": AT.isoformat(), "until": NOW.isoformat()}).json()
    assert (told["total"]["requests"], told["total"]["unpriced_requests"], told["total"]["cost_usd"]) == (3, 1, "0.999999999")
    assert sum(Decimal(row["cost_usd"]) for row in told["rows"]) == Decimal(told["total"]["cost_usd"])
    assert sum(row["unpriced_requests"] for row in told["rows"]) == 1
    assert told["covers"]["grain"] == ("UTC day" if by == "user" else "15 minutes")
    if by == "user":
        assert [row["label"] for row in told["rows"]] == ["bob", "ann", None]
        assert told["covers"]["since"].endswith("T00:00:00Z")
