"""Every route of the server, and who may call it: nobody, an ingest, a read or an admin token, and a browser without the page's own word."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from dashboards.api.acknowledge import make_acknowledge_api
from dashboards.api.allocation import make_allocation_api
from dashboards.api.anomalies import make_anomaly_api
from dashboards.api.budgets import make_budget_api
from dashboards.api.capacity import make_capacity_api
from dashboards.api.docs import make_apidocs
from dashboards.api.economics import make_economics_api
from dashboards.api.forecasts import make_forecast_api
from dashboards.api.forget import make_forget_api
from dashboards.api.ledger import make_ledger_api
from dashboards.api.litellm import make_litellm
from dashboards.api.otlp import make_otlp
from dashboards.api.pagerduty import make_pagerduty_api
from dashboards.api.prices import make_price_api
from dashboards.api.program import install_errors, make_api
from dashboards.api.quarantine import make_quarantine
from dashboards.api.recipients import make_recipient_api
from dashboards.api.report_archive import make_report_archive_api
from dashboards.api.reports import make_report_api
from dashboards.api.reprice import make_reprice_api
from dashboards.api.silences import make_silence_api
from dashboards.api.slos import make_slo_api
from dashboards.app import build_pages
from dashboards.door.door import Door
from dashboards.fault_tray import make_fault_routes
from dashboards.on_call_routes import make_on_call
from roomleft.app.replaying import make_replay_api
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from tests.dashboards.sample_rows import NOW, sample_parts
from warehouse.state import Scope, Sessions, SignIn, StateDb, Tokens

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PUBLIC, INGEST, READ, RESPOND, ADMIN = "public", "ingest", "read", "respond", "admin"
TABLE = {
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("POST", "/api/v1/pagerduty"): PUBLIC,
    ("POST", "/api/v1/usage"): INGEST,
    ("POST", "/api/v1/samples"): INGEST,
    ("POST", "/api/v1/business"): INGEST,
    ("POST", "/v1/traces"): INGEST,
    ("POST", "/v1/metrics"): INGEST,
    ("POST", "/v1/litellm"): INGEST,
    ("GET", "/metrics"): READ,
    ("GET", "/api/v1/headroom"): READ,
    ("GET", "/api/v1/usage/summary"): READ,
    ("POST", "/api/v1/sql"): READ,
    ("GET", "/api/v1/reports/health"): READ,
    ("GET", "/api/v1/reports/cost"): READ,
    ("GET", "/api/v1/reports/capacity"): READ,
    ("GET", "/api/v1/reports/capacity.html"): READ,
    ("GET", "/api/v1/reports/capacity.txt"): READ,
    ("GET", "/api/v1/reports/capacity.xlsx"): READ,
    ("GET", "/api/v1/reports"): READ,
    ("GET", "/api/v1/reports/{key:path}"): READ,
    ("GET", "/api/v1/reports/{key:path}/files/{name}"): READ,
    ("POST", "/api/v1/reports/preview"): READ,
    ("POST", "/api/v1/reports/send"): ADMIN,
    ("GET", "/api/v1/recipients"): READ,
    ("POST", "/api/v1/recipients"): ADMIN,
    ("DELETE", "/api/v1/recipients/{which}"): ADMIN,
    ("GET", "/unsubscribe"): PUBLIC,
    ("POST", "/unsubscribe"): PUBLIC,
    ("GET", "/api/v1/anomalies"): READ,
    ("GET", "/api/v1/forecasts"): READ,
    ("GET", "/api/v1/track-record"): READ,
    ("POST", "/api/v1/anomalies/{anomaly_id}/expected"): RESPOND,
    ("GET", "/api/v1/expected-events"): READ,
    ("POST", "/api/v1/expected-events"): RESPOND,
    ("DELETE", "/api/v1/expected-events/{number}"): RESPOND,
    ("GET", "/api/v1/economics"): READ,
    ("GET", "/api/v1/sources"): READ,
    ("GET", "/api/v1/rejected"): READ,
    ("GET", "/api/v1/allocation"): READ,
    ("GET", "/api/v1/allocation/unallocated"): READ,
    ("GET", "/api/v1/allocation/rules"): READ,
    ("POST", "/api/v1/allocation/preview"): ADMIN,
    ("POST", "/api/v1/alerts/replay"): ADMIN,
    ("POST", "/api/v1/reprice"): ADMIN,
    ("POST", "/api/v1/reprice/allowed"): ADMIN,
    ("GET", "/api/v1/closed-periods"): READ,
    ("POST", "/api/v1/closed-periods"): ADMIN,
    ("POST", "/api/v1/closed-periods/{period_id}/reopen"): ADMIN,
    ("POST", "/api/v1/allocation/rules"): ADMIN,
    ("POST", "/api/v1/allocation/rules/{rule_id}/withdraw"): ADMIN,
    ("GET", "/api/v1/budgets"): READ,
    ("GET", "/api/v1/budgets.yaml"): READ,
    ("POST", "/api/v1/budgets"): ADMIN,
    ("PUT", "/api/v1/budgets/{limit_id}"): ADMIN,
    ("POST", "/api/v1/budgets/{limit_id}/end"): ADMIN,
    ("POST", "/api/v1/credits"): ADMIN,
    ("POST", "/api/v1/contracts"): ADMIN,
    ("DELETE", "/api/v1/decisions/{decision}"): ADMIN,
    ("GET", "/export/budgets.csv"): READ,
    ("GET", "/api/v1/demo/faults"): READ,
    ("GET", "/api/docs"): READ,
    ("GET", "/api/openapi.json"): READ,
    ("GET", "/export/limits.csv"): READ,
    ("GET", "/export/track-record.csv"): READ,
    ("GET", "/export/reports/{name}"): READ,
    ("GET", "/api/v1/prices"): READ,
    ("GET", "/api/v1/prices/unpriced"): READ,
    ("GET", "/export/prices.csv"): READ,
    ("GET", "/export/cost.csv"): READ,
    ("GET", "/export/cost.parquet"): READ,
    ("GET", "/export/cost.xlsx"): READ,
    ("GET", "/api/v1/costs"): READ,
    ("GET", "/api/v1/costs/month"): READ,
    ("GET", "/export/rejected.ndjson"): READ,
    ("GET", "/api/v1/slos"): READ,
    ("GET", "/api/v1/slos/{slo_id}"): READ,
    ("GET", "/api/v1/silences"): READ,
    ("GET", "/api/v1/silences/{number}"): READ,
    ("POST", "/api/v1/silences"): RESPOND,
    ("DELETE", "/api/v1/silences/{number}"): RESPOND,
    ("GET", "/api/v1/alerts/{episode}/acknowledge"): READ,
    ("POST", "/api/v1/alerts/{episode}/acknowledge"): RESPOND,
    ("DELETE", "/api/v1/alerts/{episode}/acknowledge"): RESPOND,
    ("POST", "/api/v1/alerts/{episode}/silence"): RESPOND,
    ("GET", "/api/v1/rules"): READ,
    ("GET", "/api/v1/alerts"): READ,
    ("GET", "/api/v1/deliveries"): READ,
    ("GET", "/export/deliveries.csv"): READ,
    ("GET", "/api/v1/status-links"): READ,
    ("POST", "/api/v1/status-links"): ADMIN,
    ("POST", "/api/v1/status-links/{prefix}/revoke"): ADMIN,
    ("GET", "/alerts/{episode}"): READ,
    ("GET", "/alerts/{rule_id}/{fingerprint}"): READ,
    ("POST", "/alerts/{episode}/acknowledge"): RESPOND,
    ("POST", "/alerts/{episode}/silence"): RESPOND,
    ("GET", "/runbooks/{path:path}"): READ,
    ("GET", "/status/{platform}"): READ,
    ("POST", "/status/{platform}/publish"): ADMIN,
    ("POST", "/status/{platform}/revoke"): ADMIN,
    ("GET", "/s/{secret}"): PUBLIC,
    ("POST", "/api/v1/start-over"): ADMIN,
    ("POST", "/api/v1/users/forget"): ADMIN,
    ("POST", "/api/v1/sign-in-link"): ADMIN,
    ("POST", "/api/v1/sources/{source}/test"): ADMIN,
    ("POST", "/api/v1/packs/reload"): ADMIN,
    ("POST", "/api/v1/rejected/resubmit"): ADMIN,
    ("PUT", "/api/v1/demo/faults/{platform}/{fault}"): ADMIN,
}
TRIED = {(method, path.replace("{", "").replace("}", "")): who for (method, path), who in TABLE.items()}
MAY = {
    PUBLIC: (True, True, True, True, True),
    INGEST: (False, True, False, False, True),
    READ: (False, False, True, False, True),
    RESPOND: (False, False, False, True, True),
    ADMIN: (False, False, False, False, True),
}


@dataclasses.dataclass
class Served:
    """The server behind its door, a token of each scope, and a browser that is signed in."""

    app: FastAPI
    client: TestClient
    tokens: dict[str, str]
    browser: TestClient


def not_replayed() -> Any:
    raise InputError("nothing is replayed here", "replay", "ask a server")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    db = StateDb.open(f"sqlite:///{Path(tmp_path_factory.mktemp('state')) / 'state.db'}", FixedClock(NOW))
    settings: Any = SimpleNamespace(
        demo=True, data_dir=Path("no-demo-here"), body_limit_mb=1, query_row_limit=10, query_time_limit_s=5
    )
    parts = dataclasses.replace(sample_parts(), settings=settings, state=db)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    install_errors(app)
    for router in (
        make_api(parts),
        make_ledger_api(parts),
        make_otlp(parts),
        make_report_api(parts),
        make_capacity_api(parts),
        make_price_api(parts),
        make_economics_api(parts),
        make_litellm(parts),
        make_pagerduty_api(parts),
        make_quarantine(parts),
        make_allocation_api(parts),
        make_reprice_api(parts),
        make_fault_routes(parts),
        make_budget_api(parts),
        make_slo_api(parts),
        make_forget_api(parts),
        make_on_call(parts),
        make_replay_api(not_replayed),
        make_silence_api(parts),
        make_acknowledge_api(parts),
        make_anomaly_api(parts),
        make_forecast_api(parts),
        make_recipient_api(parts),
        make_report_archive_api(parts),
        make_apidocs(app),
    ):
        app.include_router(router)
    build_pages(app, parts)
    tokens, sign_in = Tokens(db), SignIn(db)
    door = Door(app, tokens=tokens, sign_in=sign_in, sessions=Sessions(db))

    def client() -> TestClient:
        return TestClient(door, base_url="http://127.0.0.1:8470", follow_redirects=False, raise_server_exceptions=False)

    keys = {"nobody": "", **{scope.value: tokens.add(scope.value, {scope}) for scope in Scope}}
    browser = client()
    assert browser.post("/sign-in", data={"link": sign_in.issue("owner", {Scope.ADMIN})}).status_code == 303
    yield Served(app, client(), keys, browser)
    parts.store.close()
    db.close()


def each_route(routes: Iterable[Any]) -> Iterator[Any]:
    """The routes, those of included routers too."""
    for route in routes:
        inner = getattr(route, "effective_candidates", None)
        yield from each_route(inner()) if callable(inner) else [route]


def test_the_table_names_every_route(served: Served) -> None:
    """A page is any other address; Dash's own and the assets are read by rule."""
    own = {
        (method, path)
        for route in each_route(served.app.routes)
        for path in [getattr(route, "path", "")]
        for method in getattr(route, "methods", None) or ()
        if method not in ("HEAD", "OPTIONS")
        and path.startswith(
            (
                "/api",
                "/v1/",
                "/v1",
                "/export",
                "/metrics",
                "/healthz",
                "/readyz",
                "/alerts",
                "/runbooks",
                "/status",
                "/s/",
                "/unsubscribe",
            )
        )
    }
    assert own == set(TABLE)


@pytest.mark.parametrize(("method", "path"), TRIED)
def test_who_may_call_it(served: Served, method: str, path: str) -> None:
    got = []
    for token in served.tokens.values():
        response = served.client.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
        got.append(response.status_code not in (401, 403))
    assert list(served.tokens) == ["nobody", "ingest", "read", "respond", "admin"]
    assert tuple(got) == MAY[TRIED[method, path]]


@pytest.mark.parametrize(("method", "path"), [each for each, who in TRIED.items() if each[0] != "GET" and who != PUBLIC])
def test_a_browser_must_say_the_pages_word(served: Served, method: str, path: str) -> None:
    word = {"X-CSRFToken": served.browser.cookies["_csrf_token"]}
    assert served.browser.request(method, path).status_code == 403
    assert served.browser.request(method, path, headers={"X-CSRFToken": "made-up"}).status_code == 403
    assert served.browser.request(method, path, headers=word | {"Origin": "http://evil.example"}).status_code == 403
    assert served.browser.request(method, path, headers=word).status_code != 403
