"""What single users cost: asked in every way there is, by everyone there is."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from dash import html
from fastapi import FastAPI

from dashboards import reads
from dashboards.api.economics import make_economics_api
from dashboards.api.ledger import make_ledger_api
from dashboards.api.program import install_errors, make_api
from dashboards.app import build_pages
from dashboards.block import Pages
from dashboards.budget_rows import without_users
from dashboards.door.asking import NOBODY, asked_by, may_see_users
from dashboards.door.deeds import DEEDS, as_allowed
from dashboards.filters import parse
from dashboards.limit_rows import ONE_USER, unnamed
from dashboards.parts import Parts
from roomleft.clock import FixedClock
from tests.dashboards.sample_rows import NOW, sample_parts
from tests.fixtures.asked import OWNER, AskedBy, somebody
from warehouse.state import Principal, Role, Scope, StateDb

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

READER = Principal("grafana", frozenset({Scope.READ}))
SEEING = Principal("books", frozenset({Scope.READ, Scope.FINANCE}))
WHO = {
    "nobody": NOBODY, "a token that reads": READER, "viewer": somebody(Role.VIEWER), "oncall": somebody(Role.ONCALL),
    "finance": somebody(Role.FINANCE), "admin": somebody(Role.ADMIN), "the owner": OWNER, "a token that reads and sees": SEEING,
}  # fmt: skip
SEES = {"finance", "admin", "the owner", "a token that reads and sees"}
QUESTIONS: dict[str, tuple[str, str, Any]] = {
    "usage by user": ("GET", "/api/v1/usage/summary?by=user", None),
    "cost by user": ("GET", "/api/v1/costs?by=user", None),
    "cost by kind and user": ("GET", "/api/v1/costs?by=kind,user", None),
    "cost of a user": ("GET", "/api/v1/costs?user=u1", None),
    "cost of whoever is not named": ("GET", "/api/v1/costs?user=(none)", None),
    "a user's report": ("GET", "/api/v1/reports/cost?user=u1", None),
    "the report of somebody unknown": ("GET", "/api/v1/reports/cost?user=no-such-person", None),
    "a file by user": ("GET", "/export/cost.csv?by=user", None),
    "a workbook by user": ("GET", "/export/cost.xlsx?by=kind&then=user", None),
    "a file of a user": ("GET", "/export/cost.parquet?user=u1", None),
    "calls in SQL": ("POST", "/api/v1/sql", {"query": "SELECT user_id FROM ai_usage"}),
    "days in SQL": ("POST", "/api/v1/sql", {"query": "SELECT * FROM usage_user_1d"}),
}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    settings: Any = SimpleNamespace(body_limit_mb=1, query_row_limit=10, query_time_limit_s=5, demo=True, data_dir=None)
    state = StateDb.open(f"sqlite:///{tmp_path_factory.mktemp('state') / 'state.db'}", FixedClock(NOW))
    made = replace(sample_parts(), settings=settings, state=state)
    yield made
    made.store.close()
    state.close()


@pytest.fixture(scope="module")
def server(parts: Parts) -> FastAPI:
    app = FastAPI()
    install_errors(app)
    for router in (make_api(parts), make_ledger_api(parts), make_economics_api(parts)):
        app.include_router(router)
    build_pages(app, parts)
    return app


def asked(server: FastAPI, who: str, method: str, path: str, body: Any = None) -> Any:
    return TestClient(AskedBy(server, WHO[who]), raise_server_exceptions=False).request(method, path, json=body)


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_comes_back_to_whom(server: FastAPI, question: str) -> None:
    method, path, body = QUESTIONS[question]
    for who in WHO:
        answer = asked(server, who, method, path, body)
        if who in SEES:
            assert answer.status_code in (200, 422), (who, answer.text)
        else:
            assert answer.status_code == 403, (who, answer.text)
            assert "finance role" in answer.text


@pytest.mark.parametrize("who", WHO)
def test_rows_of_calls_say_whose_they_are_to_those_who_may_see_it(parts: Parts, who: str) -> None:
    with asked_by(WHO[who]):
        found = reads.cost_rows(parts, parse("/cost/rows", "range=7d"), NOW, 0)
    assert found.calls is not None
    assert {"user_id" in row for row in found.calls.page} <= {who in SEES}


@pytest.mark.parametrize("who", WHO)
def test_the_worst_user_of_a_limit_is_named_to_those_who_may_see_them(parts: Parts, who: str) -> None:
    with asked_by(WHO[who]):
        row = reads.limits(parts.store, parts.packs, NOW)[0]
        limit, headroom = replace(row.limit, per_user=True), replace(row.headroom, subject="u-4711")
        assert unnamed(headroom, limit, may_see_users()).subject == ("u-4711" if who in SEES else ONE_USER)
        assert unnamed(headroom, replace(limit, per_user=False), may_see_users()).subject == "u-4711"


def test_a_decision_about_a_user_does_not_name_them() -> None:
    told = {"meter": {"kind": "cost", "where": {"user": ["u-4711"], "tier": ["pro"]}}, "amount": "5"}
    assert without_users(told) == {"meter": {"kind": "cost", "where": {"user": [ONE_USER], "tier": ["pro"]}}, "amount": "5"}


@pytest.mark.parametrize("who", WHO)
def test_buttons_that_somebody_may_not_use_say_so(who: str) -> None:
    with asked_by(WHO[who]):
        for deed, scope in DEEDS.items():
            built = as_allowed(html.Div([[html.Button("Do it", **{"data-act": deed})], "words", None]))
            button = built.children[0][0]
            assert bool(getattr(button, "disabled", False)) == (not WHO[who].may(scope)), deed
            assert ("role" in str(getattr(button, "title", ""))) == (not WHO[who].may(scope))


def test_what_one_may_see_is_not_shared_with_who_may_not(server: FastAPI, parts: Parts) -> None:
    """Pages share their answers for a second."""
    pages = Pages(parts)

    async def read(who: str) -> bool:
        with asked_by(WHO[who]):
            found: bool = await pages.read("the same question", may_see_users)
            return found

    async def all_of_them() -> dict[str, bool]:
        return {who: await read(who) for who in WHO}

    assert asyncio.run(all_of_them()) == {who: who in SEES for who in WHO}
