"""Every route of the whole server × every proof of who asks × every method: exactly the allowed ones answer."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from starlette.websockets import WebSocketDisconnect

from roomleft.app.building import build
from roomleft.clock import FixedClock
from roomleft.settings import load_settings
from tests.dashboards.door.route_table import ADMIN, FINANCE, INGEST, PUBLIC, READ, RESPOND, TABLE, UNKNOWN, WEBSOCKETS
from tests.dashboards.sample_rows import NOW
from warehouse.state import Role, Scope, Sessions, SignIn, StateDb, Tokens, Users
from warehouse.state.sign_in import csrf_of

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HERE = "http://127.0.0.1:8470"
COOKIE = "roomleft_session_8470"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NOT_LET_IN = (401, 403, 405)
HELD_BACK = "an unknown token"
"""Who guesses is soon told to wait (429), like nobody else here."""
UNWELL = {("GET", "/readyz"): 503}
"""The one route that may answer with a server's fault: nothing was started, and it says so."""
IN_PLACE_OF = {
    "/assets": "/assets/a-tokens.css",
    "/_dash-component-suites/{package_name}/{fingerprinted_path:path}": "/_dash-component-suites/dash/dash-renderer/build/dash_renderer.min.js",
}
MAY: dict[str, set[str]] = {
    "nobody": {PUBLIC},
    "token ingest": {PUBLIC, INGEST},
    "token read": {PUBLIC, READ},
    "token respond": {PUBLIC, RESPOND},
    "token finance": {PUBLIC, FINANCE},
    "token admin": {PUBLIC, INGEST, READ, RESPOND, FINANCE, ADMIN},
    "viewer": {PUBLIC, READ},
    "oncall": {PUBLIC, READ, RESPOND},
    "finance": {PUBLIC, READ, FINANCE},
    "admin": {PUBLIC, INGEST, READ, RESPOND, FINANCE, ADMIN},
    "expired": {PUBLIC},
    "revoked": {PUBLIC},
    "disabled": {PUBLIC},
    "removed": {PUBLIC},
    "an unknown token": {PUBLIC},
}
"""Who asks → what they may."""
SESSIONS = ("viewer", "oncall", "finance", "admin", "expired", "revoked", "disabled", "removed")


@dataclass
class Served:
    """The whole server, and the headers by which each one proves who they are. Each comes from an address of their own: one that asks too often
    keeps out no other."""

    server: FastAPI
    clients: dict[str, TestClient]
    proofs: dict[str, dict[str, str]]
    secrets: dict[str, str]

    def client(self, who: str) -> TestClient:
        """The browser or program of one, without a cookie."""
        self.clients[who].cookies.clear()
        return self.clients[who]

    def ask(self, who: str, method: str, path: str, **headers: str) -> int:
        """The status of the answer."""
        return self.client(who).request(method, path, headers={**self.proofs[who], **headers}).status_code


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "packs").mkdir()
    given = {"data_dir": str(folder), "packs_dir": str(folder / "packs"), "alerting_file": str(folder / "alerting.yaml")}
    settings = load_settings(env={}, overrides=given, demo=True)
    app = build(settings, FixedClock(NOW))
    app.parts.writer.start()
    state: StateDb = app.parts.state
    proofs, secrets = {"nobody": {}, "an unknown token": {"Authorization": "Bearer rl_token_unknown"}}, {}
    for scope in Scope:
        proofs[f"token {scope}"] = {"Authorization": f"Bearer {Tokens(state).add(f'a token of {scope}', {scope})}"}
    users = Users(state)
    for who in SESSIONS:
        role = Role(who) if who in set(Role) else Role.ADMIN
        user = users.add(f"{who} person", role)
        lifetime = timedelta(0) if who == "expired" else timedelta(days=1)
        secrets[who] = secret = SignIn(state, lifetime).start(user, "password")
        proofs[who] = {"Cookie": f"{COOKIE}={secret}", "X-CSRFToken": csrf_of(secret), "Origin": HERE}
    Sessions(state).revoke(secrets["revoked"])
    users.change("disabled person", disabled=True)
    users.remove("removed person")
    clients = {
        who: TestClient(
            app.asgi, HERE, raise_server_exceptions=False, follow_redirects=False, client=(f"192.0.2.{number}", 50_000)
        )
        for number, who in enumerate(MAY, start=1)
    }
    with start_blocking_portal() as portal:  # one loop for all requests, not a new one for each
        for client in clients.values():
            client.portal = portal
        yield Served(app.asgi._app._app, clients, proofs, secrets)  # type: ignore[attr-defined] — through the proxies and the door
    app.parts.writer.close()
    app.parts.store.close()
    state.close()


def each_route(routes: Iterable[Any]) -> Iterator[Any]:
    """The routes, those of included routers too."""
    for route in routes:
        inner = getattr(route, "effective_candidates", None)
        yield from each_route(inner()) if callable(inner) else [route]


def address_of(path: str) -> str:
    """An address that the route answers: its parameters are their own names."""
    return IN_PLACE_OF.get(path) or path.replace("{", "").replace("}", "").replace(":path", "")


def test_the_table_names_every_route(served: Served) -> None:
    found, sockets = set(), set()
    for route in each_route(served.server.routes):
        methods = getattr(route, "methods", None)
        if methods is None and "WebSocket" in type(route).__name__:
            sockets.add(route.path)
        elif route.path != UNKNOWN:
            found |= {(method, route.path) for method in methods or {"GET"} if method not in ("HEAD", "OPTIONS")}
    assert found - set(TABLE) == set(), "routes that nobody thought about"
    assert set(TABLE) - found == set(), "the table speaks of routes that are gone"
    assert sockets == set(WEBSOCKETS)


@pytest.mark.parametrize("who", MAY)
def test_exactly_the_allowed_ones_answer(served: Served, who: str) -> None:
    wrong = []
    for (method, path), scope in TABLE.items():
        status = served.ask(who, method, address_of(path))
        refusals = (403,) if MAY[who] - {PUBLIC} else (401, 429) if who == HELD_BACK else (401,)
        if scope in MAY[who]:
            if status in (*NOT_LET_IN, 429) or (status >= 500 and status != UNWELL.get((method, path))):
                wrong.append(f"{method} {path} → {status}, may {scope}")
        elif status not in refusals:
            wrong.append(f"{method} {path} → {status}: not refused, or wrongly; needs {scope}")
    assert wrong == []


@pytest.mark.parametrize("who", ["nobody", "token read", "token admin", "viewer", "admin"])
def test_a_method_that_a_route_does_not_have_does_nothing(served: Served, who: str) -> None:
    paths = {address_of(path) for _, path in TABLE}
    known = {(method, address_of(path)) for method, path in TABLE}
    wrong = []
    for path in sorted(paths):
        for method in METHODS:
            if (method, path) in known:
                continue
            status = served.ask(who, method, path)
            # Dash takes every method at the address of its callbacks, and refuses a body that is none.
            if status not in (401, 403, 404, 405) and (path, status) != ("/_dash-update-component", 400):
                wrong.append(f"{method} {path} → {status}")
    assert wrong == []


DEEDS = [(method, path) for (method, path), scope in TABLE.items() if method != "GET" and scope != PUBLIC]


@pytest.mark.parametrize(
    "headers",
    [{"X-CSRFToken": ""}, {"X-CSRFToken": "made-up"}, {"Origin": "http://evil.example"}, {"Origin": "null"},
     {"Origin": "http://127.0.0.1:8471"}],
    ids=["without the word", "a wrong word", "of another site", "of no site", "of another port"],
)  # fmt: skip
def test_a_browser_must_say_the_pages_word_and_come_from_the_page(served: Served, headers: dict[str, str]) -> None:
    statuses = {(method, path): served.ask("admin", method, address_of(path), **headers) for method, path in DEEDS}
    assert set(statuses.values()) == {403}, {each: status for each, status in statuses.items() if status != 403}


def test_the_word_of_another_session_does_not_do(served: Served) -> None:
    other = csrf_of(served.secrets["viewer"])
    assert served.ask("admin", "POST", "/api/v1/packs/reload", **{"X-CSRFToken": other}) == 403


@pytest.mark.parametrize("who", MAY)
def test_who_may_open_a_websocket(served: Served, who: str) -> None:
    for path, scope in WEBSOCKETS.items():
        assert opens(served, who, path, served.proofs[who]) == (scope in MAY[who])


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8471", ""])
def test_a_page_of_another_site_opens_no_websocket(served: Served, origin: str) -> None:
    for path in WEBSOCKETS:
        assert not opens(served, "admin", path, {**served.proofs["admin"], "Origin": origin})


def opens(served: Served, who: str, path: str, headers: dict[str, str]) -> bool:
    """Whether a WebSocket opens with these headers."""
    with (
        suppress(WebSocketDisconnect),
        served.client(who).websocket_connect(f"ws://127.0.0.1:8470{path}", headers={"Origin": HERE, **headers}),
    ):
        return True
    return False


@pytest.mark.parametrize("path", ["/api/v1/headroom", "/api/v1/costs", "/export/cost.csv", "/export/limits.csv", "/export/budgets.csv",
                                  "/cost", "/api/v1/usage/summary", "/api/v1/alerts", "/metrics", "/_dash-layout"])  # fmt: skip
def test_no_answer_to_somebody_is_kept_by_a_cache(served: Served, path: str) -> None:
    """What one may see is not for the next at the same browser or behind the same proxy."""
    answer = served.client("finance").get(path, headers=served.proofs["finance"])
    assert answer.status_code == 200
    assert "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize("who", ["viewer", "admin"])
def test_files_of_the_page_itself_are_kept(served: Served, who: str) -> None:
    answer = served.client(who).get("/assets/inter.woff2", headers=served.proofs[who])
    assert "immutable" in answer.headers["cache-control"]
