"""The door, over HTTP and WebSocket: who gets in where, by which proof, and what a refusal says."""

from __future__ import annotations

import re
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets import InvalidStatus, Origin
from websockets.sync.client import connect

from dashboards.door.door import Door
from dashboards.door.memory import FAILURES, VERIFIED_FOR_S, WINDOW_S
from dashboards.door.rules import LOOPBACK_HOSTS, hosts_for, local_path
from roomleft.clock import FixedClock
from tests.fixtures.state import state_url
from warehouse.state import Role, Scope, Sessions, SignIn, StateDb, Tokens, Users

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HERE = "http://127.0.0.1:8470"
COOKIE = "roomleft_session_8470"
HTML = {"Accept": "text/html,application/xhtml+xml"}


class House:
    """A small app behind the door, the keys to it, and a hand on its clock."""

    def __init__(self, db: StateDb, **options: Any) -> None:
        self.db = db
        self.monotonic_s = 1000.0
        self.tokens, self.sign_in, self.sessions = Tokens(db), SignIn(db), Sessions(db)
        self.keys = {scope.value: self.tokens.add(f"a {scope} token", {scope}) for scope in Scope}
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        app = Starlette(
            routes=[
                WebSocketRoute("/_dash-ws-callback", said),
                WebSocketRoute("/other", said),
                Route("/{path:path}", who, methods=methods),
            ]
        )
        self.door = Door(
            app, tokens=self.tokens, sign_in=self.sign_in, sessions=self.sessions, monotonic=lambda: self.monotonic_s, **options
        )

    def client(self, base_url: str = HERE, **options: Any) -> TestClient:
        return TestClient(self.door, base_url=base_url, follow_redirects=False, **options)

    def bearer(self, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[scope]}"}

    def signed_in(self, scopes: set[Scope] | None = None, base_url: str = HERE) -> TestClient:
        """A browser that has redeemed a link."""
        client = self.client(base_url)
        response = client.post("/sign-in", data={"link": self.sign_in.issue("ada", scopes or {Scope.ADMIN})})
        assert response.status_code == 303
        return client


async def who(request: Request) -> JSONResponse:
    return JSONResponse({"path": request.url.path, "name": getattr(getattr(request.state, "principal", None), "name", None)})


async def said(opened: WebSocket) -> None:
    await opened.accept()
    await opened.send_text(opened.scope["state"]["principal"].name)
    await opened.close()


@pytest.fixture
def db(tmp_path: Path, clock: FixedClock) -> Iterator[StateDb]:
    """An open, empty state database."""
    db = StateDb.open(state_url(tmp_path), clock)
    yield db
    db.close()


@pytest.fixture
def make(db: StateDb) -> Callable[..., House]:
    """Builds a house with the door's options."""
    return lambda **options: House(db, **options)


@pytest.fixture
def house(make: Callable[..., House]) -> House:
    """A house with the door as it is by default."""
    return make()


# Route × proof. The columns: nobody, an unknown token, a token of each scope, a reader's and an administrator's session.
COLUMNS = ("nobody", "unknown", "ingest", "read", "admin", "session read", "session admin")
MATRIX = {
    ("GET", "/healthz"): (200, 200, 200, 200, 200, 200, 200),
    ("GET", "/readyz"): (200, 200, 200, 200, 200, 200, 200),
    ("GET", "/sign-in"): (200, 200, 200, 200, 200, 200, 200),
    ("GET", "/"): (401, 401, 403, 200, 200, 200, 200),
    ("GET", "/cost/explorer"): (401, 401, 403, 200, 200, 200, 200),
    ("GET", "/metrics"): (401, 401, 403, 200, 200, 200, 200),
    ("HEAD", "/metrics"): (401, 401, 403, 200, 200, 200, 200),
    ("GET", "/api/v1/headroom"): (401, 401, 403, 200, 200, 200, 200),
    ("GET", "/_dash-layout"): (401, 401, 403, 200, 200, 200, 200),
    ("POST", "/_dash-update-component"): (401, 401, 403, 200, 200, 200, 200),
    ("POST", "/api/v1/sql"): (401, 401, 403, 200, 200, 200, 200),
    ("POST", "/api/v1/usage"): (401, 401, 200, 403, 200, 403, 200),
    ("POST", "/api/v1/usage/"): (401, 401, 403, 403, 200, 403, 200),
    ("POST", "/api/v1/tokens"): (401, 401, 403, 403, 200, 403, 200),
    ("PUT", "/api/v1/limits"): (401, 401, 403, 403, 200, 403, 200),
    ("DELETE", "/api/v1/users/ada"): (401, 401, 403, 403, 200, 403, 200),
    ("PATCH", "/anything"): (401, 401, 403, 403, 200, 403, 200),
    ("POST", "/healthz"): (200, 200, 200, 200, 200, 200, 200),
    ("GET", "//healthz"): (401, 401, 403, 200, 200, 200, 200),
    ("GET", "/healthz/../api/v1/headroom"): (401, 401, 403, 200, 200, 200, 200),
    ("GET", "/healthz%2F"): (401, 401, 403, 200, 200, 200, 200),
    ("GET", "/HEALTHZ"): (401, 401, 403, 200, 200, 200, 200),
    ("GET", "/sign-in/x"): (401, 401, 403, 200, 200, 200, 200),
}


@pytest.mark.parametrize(("method", "path"), MATRIX)
def test_who_gets_in_where(house: House, method: str, path: str) -> None:
    clients = {
        "nobody": (house.client(), {}),
        "unknown": (house.client(), {"Authorization": "Bearer rl_token_made-up"}),
        **{scope: (house.client(), house.bearer(scope)) for scope in ("ingest", "read", "admin")},
        "session read": (house.signed_in({Scope.READ}), None),
        "session admin": (house.signed_in({Scope.ADMIN}), None),
    }
    got = {}
    for column in COLUMNS:
        client, headers = clients[column]
        if headers is None:
            headers = {"X-CSRFToken": client.cookies["_csrf_token"]}
        if ".." in path:
            response = client.request(method, httpx_raw(path), headers=headers)
        else:
            response = client.request(method, path, headers=headers)
        got[column] = response.status_code
    assert got == dict(zip(COLUMNS, MATRIX[method, path], strict=True))


def httpx_raw(path: str) -> str:
    """The path as it stands: clients would tidy `..` away."""
    return path.replace("..", "%2e%2e")


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer  ", "rl_token_x", "bearer made-up"])
def test_an_authorization_that_does_not_serve_is_no_reason_to_look_at_the_cookie(house: House, header: str) -> None:
    client = house.signed_in()
    assert client.get("/").status_code == 200
    assert client.get("/", headers={"Authorization": header}).status_code == 401


def test_the_scheme_is_case_insensitive(house: House) -> None:
    assert house.client().get("/", headers={"Authorization": f"bearer {house.keys['read']}"}).status_code == 200


def test_the_app_learns_who_asks(house: House) -> None:
    assert house.signed_in().get("/").json()["name"] == "ada"
    assert house.client().get("/", headers=house.bearer("read")).json()["name"] == "a read token"
    assert house.client().get("/healthz").json()["name"] is None


def test_refusals_say_what_where_and_what_to_do(house: House) -> None:
    client = house.client()
    for response in (
        client.get("/api/v1/headroom"),
        client.get("/", headers={"Authorization": "Bearer made-up"}),
        client.post("/api/v1/usage", headers=house.bearer("read")),
        house.signed_in().post("/api/v1/sql"),
        client.get("/", headers={"Host": "evil.example"}),
    ):
        assert response.status_code in (401, 403, 421)
        assert set(response.json()) == {"error"}
        assert all(response.json()["error"][part] for part in ("what", "where", "hint"))
        assert ("www-authenticate" in response.headers) == (response.status_code == 401)


# Browsers


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/", "/sign-in"),
        ("/capacity", "/sign-in?next=/capacity"),
        ("/cost?by=model&q=a%20b", "/sign-in?next=/cost%3Fby%3Dmodel%26q%3Da%2520b"),
        ("//evil.example/x", "/sign-in"),
    ],
)
def test_a_browser_is_sent_to_sign_in_and_told_where_to_return(house: House, path: str, location: str) -> None:
    response = house.client().get(f"{HERE}{path}", headers=HTML)
    assert (response.status_code, response.headers["location"]) == (303, location)


@pytest.mark.parametrize(
    "asked",
    [
        "/cost?range=2026-11-01T00:00..2026-11-08T12:30&platform=scribe&environment=prod&tz=Europe/Berlin&compare=previous&by=model&then=team",
        "/cost/rows?model=a%26b&model=c%2Bd&feature=%D0%B6%20%22x%22",
        "/alerts/0123456789abcdef?range=7d",
        "/?limit=arena.worlds_us&platform=arena",
        "/cost?platform=scribe#spend",
    ],
)
def test_who_signs_in_lands_on_the_very_address_asked_for(house: House, asked: str) -> None:
    browser, (path, _, place) = house.client(), asked.partition("#")
    away = browser.get(path, headers=HTML)
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', browser.get(away.headers["location"]).text))
    # The page's own script adds the place, which no server is told.
    target = unescape(form["next"]) + (f"#{place}" if place else "")
    landed = browser.post("/sign-in", data={"link": house.sign_in.issue(), "next": target}).headers["location"]
    assert (landed.partition("?")[0], parse_qsl(urlsplit(landed).query)) == (
        asked.partition("?")[0],
        parse_qsl(urlsplit(asked).query),
    )
    assert urlsplit(landed).fragment == place


def test_a_page_of_refusal_leads_on_with_the_filters(house: House) -> None:
    refused = house.signed_in({Scope.READ}).get("/people?range=7d&env=prod&x=y", headers=HTML)
    assert 'href="/?range=7d&amp;environment=prod"' in refused.text


@pytest.mark.parametrize("path", ["/api/v1/headroom", "/metrics", "/_dash-layout"])
def test_programs_are_told_not_redirected(house: House, path: str) -> None:
    assert house.client().get(path, headers=HTML).status_code == 401


@pytest.mark.parametrize(("method", "path"), [("GET", "/people"), ("GET", "/audit"), ("POST", "/status/scribe/publish")])
def test_a_browser_that_may_not_is_told_so_on_a_page_with_a_way_on(house: House, method: str, path: str) -> None:
    browser = house.signed_in({Scope.READ})
    refused = browser.request(method, path, headers=HTML)
    assert (refused.status_code, refused.headers["content-type"].partition(";")[0]) == (403, "text/html")
    assert "This needs the scope admin; ada has read" in refused.text
    assert "You are signed in as ada" in refused.text
    assert 'href="/"' in refused.text
    assert "no-store" in refused.headers["cache-control"]
    assert browser.request(method, path).json()["error"]["hint"] == "ask an administrator"


def test_who_has_a_role_is_told_which_one_is_needed(db: StateDb, house: House) -> None:
    user = Users(db).add("Ada", Role.ONCALL, display_name="Ada <b>")
    browser = house.client()
    browser.cookies.set(COOKIE, SignIn(db).start(user, "password"))
    refused = browser.get("/people", headers=HTML)
    assert refused.status_code == 403
    assert "This needs the role admin; Ada has the role oncall" in refused.text
    assert "You are signed in as Ada &lt;b&gt;, as oncall" in refused.text
    assert 'href="/on-call"' in refused.text, "the page where that role begins"
    assert 'href="/account"' in refused.text


def test_programs_are_refused_without_a_page(house: House) -> None:
    for path in ("/api/v1/people", "/_dash-nothing"):
        assert "error" in house.client().delete(path, headers={**HTML, **house.bearer("read")}).json()


def test_looking_at_a_link_does_not_burn_it(house: House) -> None:
    link, client = house.sign_in.issue(), house.client()
    for _ in range(3):
        page = client.get("/sign-in", params={"link": link, "next": "/capacity"})
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        assert "set-cookie" not in page.headers
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    assert form == {"link": link, "next": "/capacity"}
    assert "<button>" in page.text, "without scripts a person presses it"
    response = client.post("/sign-in", data=form)
    assert (response.status_code, response.headers["location"]) == (303, "/capacity")
    cookies = {line.partition("=")[0]: line for line in response.headers.get_list("set-cookie")}
    assert set(cookies) == {COOKIE, "_csrf_token"}
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookies[COOKIE].split("; "))
    assert {"SameSite=Lax", "Path=/"} <= set(cookies["_csrf_token"].split("; "))
    assert "HttpOnly" not in cookies["_csrf_token"], "the renderer must read it"
    assert client.get("/capacity").json() == {"path": "/capacity", "name": "owner"}


@pytest.mark.parametrize(
    "pasted", ["{link}", "  {link}\n", HERE + "/sign-in?link={link}", "http://x/sign-in?next=/a&link={link}"]
)
def test_a_link_may_be_pasted_whole_or_as_its_code(house: House, pasted: str) -> None:
    response = house.client().post("/sign-in", data={"link": pasted.format(link=house.sign_in.issue())})
    assert response.status_code == 303


@pytest.mark.parametrize("kind", ["made-up", "", "used", "expired", "a token", "a session"])
def test_a_link_that_does_not_serve_says_what_to_do(house: House, clock: FixedClock, kind: str) -> None:
    client, link = house.client(), "rl_link_made-up"
    if kind == "used":
        link = house.sign_in.issue()
        house.client().post("/sign-in", data={"link": link})
    elif kind == "expired":
        link = house.sign_in.issue()
        clock.advance(timedelta(days=1))
    elif kind == "a token":
        link = house.keys["admin"]
    elif kind == "a session":
        link = house.sign_in.redeem(house.sign_in.issue()) or ""
    response = client.post("/sign-in", data={"link": "" if kind == "" else link, "next": "/capacity"})
    assert response.status_code == 403
    assert "set-cookie" not in response.headers
    assert "bin/roomleft token link" in response.text
    assert 'value="/capacity"' in response.text
    assert client.get("/").status_code == 401


def test_of_two_browsers_with_one_link_one_gets_in(house: House) -> None:
    for _ in range(5):
        link, gate = house.sign_in.issue(), threading.Barrier(2)

        def go(_number: int, link: str = link, gate: threading.Barrier = gate) -> int:
            client = house.client()
            gate.wait(10)
            return client.post("/sign-in", data={"link": link}).status_code

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(go, range(2))) == [303, 403]
        house.monotonic_s += WINDOW_S


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "/\n/evil.example",
        "/ok\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/sign-in?link=again",
        "/sign-out",
        "/" + "a" * 9000,
        "http:///evil.example",
        "/\x00",
    ],
)
def test_nobody_is_sent_elsewhere(house: House, target: str) -> None:
    assert local_path(target) == "/"
    response = house.client().post("/sign-in", data={"link": house.sign_in.issue(), "next": target})
    assert (response.status_code, response.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("/capacity", "/capacity"),
        ("/cost?by=model&from=2026-11-01#top", "/cost?by=model&from=2026-11-01#top"),
        ("/a/b%20c", "/a/b%20c"),
        ("/cost?model=" + "m" * 7000, "/cost?model=" + "m" * 7000),
        ("/größe", "/gr%C3%B6%C3%9Fe"),
        ("/x?next=https://evil.example", "/x?next=https://evil.example"),
    ],
)
def test_local_paths_are_kept(target: str, kept: str) -> None:
    assert local_path(target) == kept


def test_nothing_pasted_runs_as_markup(house: House) -> None:
    evil = '"><script>alert(1)</script>'
    page = house.client().get("/sign-in", params={"link": evil, "next": f"/{evil}"})
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


@pytest.mark.parametrize("asked", [{"link": "x"}, {"next": "/cost"}])
def test_the_pages_own_script_is_the_only_one_allowed_inline(house: House, asked: dict[str, str]) -> None:
    page = house.client().get("/sign-in", params=asked)
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert "unsafe" not in policy["script-src"]
    import base64
    import hashlib

    (script,) = re.findall(r"<script>(.*?)</script>", page.text)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy["script-src"]
    assert "http" not in page.text.replace("http-equiv", ""), "nothing is loaded from elsewhere"


@pytest.mark.parametrize("path", ["/", "/healthz", "/sign-in", "/api/v1/nothing", "/missing"])
def test_every_answer_is_hardened(house: House, path: str) -> None:
    for headers in ({}, house.bearer("admin"), {"Host": "evil.example"}):
        response = house.client().get(path, headers=headers)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


def test_hashes_of_the_apps_scripts_join_the_policy(make: Callable[..., House]) -> None:
    policy = make(script_hashes=["'sha256-AAAA='", "sha256-BBBB="]).client().get("/").headers["content-security-policy"]
    assert "'sha256-AAAA='" in policy
    assert "'sha256-BBBB='" in policy


# Forged requests


UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@pytest.mark.parametrize("method", UNSAFE)
def test_a_cookie_alone_changes_nothing(house: House, method: str) -> None:
    client, other = house.signed_in(), house.signed_in()
    right, others = client.cookies["_csrf_token"], other.cookies["_csrf_token"]
    for wrong in (None, "", right[:-1], right + "x", others, right.upper(), "é"):
        headers = {} if wrong is None else {"X-CSRFToken": wrong.encode()}
        response = client.request(method, "/_dash-update-component", headers=headers)
        assert response.status_code == 403, wrong
        assert "X-CSRFToken" in response.json()["error"]["what"]
    assert client.request(method, "/_dash-update-component", headers={"X-CSRFToken": right}).status_code == 200


def test_a_forged_csrf_cookie_does_not_help(house: House) -> None:
    client = house.signed_in()
    client.cookies.set("_csrf_token", "forged", domain="127.0.0.1", path="/")
    assert client.post("/_dash-update-component", headers={"X-CSRFToken": "forged"}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9999", "null", "http://127.0.0.1"])
def test_another_sites_page_changes_nothing(house: House, origin: str) -> None:
    client = house.signed_in()
    headers = {"X-CSRFToken": client.cookies["_csrf_token"], "Origin": origin}
    assert client.post("/_dash-update-component", headers=headers).status_code == 403
    assert house.client().post("/sign-in", data={"link": house.sign_in.issue()}, headers={"Origin": origin}).status_code == 403
    assert client.post("/_dash-update-component", headers={**headers, "Origin": HERE}).status_code == 200


def test_a_token_needs_no_csrf(house: House) -> None:
    assert house.client().post("/api/v1/usage", headers=house.bearer("ingest")).status_code == 200


def test_a_csrf_cookie_that_another_server_overwrote_is_mended(house: House) -> None:
    client = house.signed_in()
    right = client.cookies["_csrf_token"]
    assert "set-cookie" not in client.get("/").headers
    client.cookies.clear()
    client.cookies.set(COOKIE, house.sign_in.redeem(house.sign_in.issue()) or "")
    client.cookies.set("_csrf_token", right)
    response = client.get("/")
    assert response.headers["set-cookie"].startswith("_csrf_token=")
    assert right not in response.headers["set-cookie"]


def test_signing_out(house: House) -> None:
    client = house.signed_in()
    cookies = dict(client.cookies)
    assert "You are signed in as ada" in client.get("/sign-in").text
    assert client.post("/sign-out").status_code == 403
    assert client.get("/").status_code == 200
    response = client.post("/sign-out", data={"_csrf_token": cookies["_csrf_token"]})
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in")
    assert client.get("/").status_code == 401
    thief = house.client(cookies=cookies)
    assert thief.get("/").status_code == 401, "the session is over, not just the cookie gone"
    assert house.client().post("/sign-out", headers=house.bearer("admin")).status_code == 403
    assert house.client().get("/sign-out", headers=house.bearer("admin")).status_code == 200, "a page like any other"


# Servers side by side, behind TLS, and under false names


def test_cookies_of_two_servers_on_one_host_do_not_meet(house: House) -> None:
    first = house.signed_in(base_url="http://127.0.0.1:8470")
    second = house.signed_in(base_url="http://127.0.0.1:8480")
    assert COOKIE in first.cookies
    assert "roomleft_session_8480" in second.cookies
    assert house.client("http://127.0.0.1:8480", cookies=dict(first.cookies)).get("/").status_code == 401


def test_cookies_are_secure_where_the_connection_is(house: House) -> None:
    for base_url, secure in (("https://localhost", True), ("http://localhost", False)):
        response = house.client(base_url).post("/sign-in", data={"link": house.sign_in.issue()})
        assert all(("Secure" in line.split("; ")) == secure for line in response.headers.get_list("set-cookie"))
    assert "roomleft_session_443" in house.signed_in(base_url="https://localhost").cookies


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8470", 200),
        ("localhost:1", 200),
        ("LOCALHOST", 200),
        ("[::1]:8470", 200),
        ("evil.example", 421),
        ("evil.example:8470", 421),
        ("127.0.0.1.evil.example:8470", 421),
        ("", 421),
    ],
)
def test_a_name_rebound_to_this_machine_is_refused(house: House, host: str, status: int) -> None:
    headers = {**house.bearer("read"), "Host": host}
    assert house.client().get("/", headers=headers).status_code == status
    assert house.client().get("/healthz", headers=headers).status_code == 200, "probes come by address"


def test_names_that_were_configured_serve(make: Callable[..., House]) -> None:
    named = make(hosts={"Roomleft.example.com"})
    assert named.client().get("/", headers={**named.bearer("read"), "Host": "roomleft.EXAMPLE.com:443"}).status_code == 200
    assert named.client().get("/", headers={**named.bearer("read"), "Host": "127.0.0.1"}).status_code == 421


def test_any_name_serves_where_none_is_asked_for(db: StateDb) -> None:
    house = House(db, hosts=None)
    assert house.client().get("/", headers={**house.bearer("read"), "Host": "anything"}).status_code == 200


@pytest.mark.parametrize(
    ("bound_to", "configured", "hosts"),
    [
        ("127.0.0.1", (), LOOPBACK_HOSTS),
        ("::1", (), LOOPBACK_HOSTS),
        ("localhost", ("roomleft.lan",), LOOPBACK_HOSTS | {"roomleft.lan"}),
        ("0.0.0.0", (), None),
        ("10.0.0.5", (), None),
        ("10.0.0.5", ("roomleft.lan",), LOOPBACK_HOSTS | {"roomleft.lan", "10.0.0.5"}),
    ],
)
def test_which_names_follow_from_the_settings(bound_to: str, configured: tuple[str, ...], hosts: frozenset[str] | None) -> None:
    assert hosts_for(bound_to, configured) == hosts


# WebSockets


def websocket(client: TestClient, headers: dict[str, str], path: str = "/_dash-ws-callback") -> str | int:
    """Who the app says we are, or the code it was closed with before it opened."""
    try:
        with client.websocket_connect(f"ws://127.0.0.1:8470{path}", headers=headers) as opened:
            return opened.receive_text()
    except WebSocketDisconnect as closed:
        return closed.code


@pytest.mark.parametrize(
    ("proof", "origin", "answer"),
    [
        ("nobody", None, 4401),
        ("nobody", HERE, 4401),
        ("unknown", None, 4401),
        ("ingest", None, 4403),
        ("read", None, "a read token"),
        ("read", "http://evil.example", "a read token"),  # a page cannot send this header: it is a program
        ("session", HERE, "ada"),
        ("session", None, 4403),
        ("session", "http://evil.example", 4403),
        ("session", "null", 4403),
        ("session", "http://127.0.0.1:9999", 4403),
    ],
)
def test_who_may_open_a_websocket(house: House, proof: str, origin: str | None, answer: str | int) -> None:
    client = house.signed_in({Scope.READ}) if proof == "session" else house.client()
    headers = {"Host": "127.0.0.1:8470"} | ({} if origin is None else {"Origin": origin})
    if proof == "unknown":
        headers["Authorization"] = "Bearer made-up"
    elif proof in house.keys:
        headers |= house.bearer(proof)
    assert websocket(client, headers) == answer


def test_a_websocket_by_a_false_name_is_refused(house: House) -> None:
    assert websocket(house.client(), {**house.bearer("read"), "Host": "evil.example"}) == 4421


def test_the_session_word_is_a_reader_on_other_sockets_too(house: House) -> None:
    assert websocket(house.client(), {**house.bearer("ingest"), "Host": "127.0.0.1"}, "/other") == 4403


def test_over_real_sockets(db: StateDb) -> None:
    house = House(db)
    config = uvicorn.Config(house.door, log_level="warning", access_log=False, lifespan="off", ws="websockets-sansio")
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                while not server.started:
                    assert thread.is_alive()
                assert client.get("/").status_code == 401
                assert client.post("/sign-in", data={"link": house.sign_in.issue("ada")}).headers["location"] == "/"
                assert client.get("/").json()["name"] == "ada"
                cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
            address = f"ws://127.0.0.1:{port}/_dash-ws-callback"
            with connect(address, additional_headers={"Cookie": cookies}, origin=Origin(f"http://127.0.0.1:{port}")) as opened:
                assert opened.recv(timeout=10) == "ada"
            for headers, origin in (
                ({}, None),
                ({"Cookie": cookies}, None),
                ({"Cookie": cookies}, Origin("http://evil.example")),
            ):
                with pytest.raises(InvalidStatus) as refused:
                    connect(address, additional_headers=headers, origin=origin)
                assert refused.value.response.status_code == 403
        finally:
            server.should_exit = True
            thread.join(20)
    assert not thread.is_alive()


# Guessing and remembering


def test_who_keeps_failing_waits_and_others_do_not(house: House) -> None:
    good, client = house.bearer("read"), house.client()
    assert client.get("/", headers=good).status_code == 200
    for number in range(FAILURES):
        assert client.get("/", headers={"Authorization": f"Bearer guess-{number}"}).status_code == 401
    response = client.get("/", headers={"Authorization": "Bearer guess-again"})
    assert (response.status_code, response.headers["retry-after"]) == (429, "60")
    assert response.json()["error"]["hint"] == "wait 60 s"
    house.monotonic_s += VERIFIED_FOR_S + 1
    assert client.get("/", headers=good).status_code == 200, "a good program is not held back by a bad one on its machine"
    assert house.client(client=("10.0.0.9", 1)).get("/", headers={"Authorization": "Bearer guess"}).status_code == 401
    assert client.post("/sign-in", data={"link": house.sign_in.issue()}).status_code == 303, "a bad program keeps no person out"
    house.monotonic_s += WINDOW_S
    assert client.get("/", headers={"Authorization": "Bearer guess-later"}).status_code == 401


def test_guessing_links_is_slowed_down(house: House) -> None:
    client, link = house.client(), house.sign_in.issue()
    for number in range(FAILURES):
        assert client.post("/sign-in", data={"link": f"guess-{number}"}).status_code == 403
    response = client.post("/sign-in", data={"link": link})
    assert response.status_code == 429
    house.monotonic_s += WINDOW_S
    assert client.post("/sign-in", data={"link": link}).status_code == 303


def test_live_pages_do_not_ask_the_database_each_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    client, asked = house.signed_in(), []
    verify = house.sessions.verify
    monkeypatch.setattr(house.sessions, "verify", lambda secret: asked.append(1) or verify(secret))
    for _ in range(20):
        assert client.get("/").status_code == 200
    assert len(asked) == 1
    house.monotonic_s += VERIFIED_FOR_S
    client.get("/")
    assert len(asked) == 2


def test_a_revoked_proof_ends_within_seconds(house: House) -> None:
    client = house.client()
    assert client.get("/", headers=house.bearer("read")).status_code == 200
    house.tokens.revoke("a read token")
    house.monotonic_s += VERIFIED_FOR_S
    assert client.get("/", headers=house.bearer("read")).status_code == 401


def test_a_session_expires(house: House, clock: FixedClock) -> None:
    client = house.signed_in()
    clock.advance(house.sign_in.session_lifetime)
    house.monotonic_s += VERIFIED_FOR_S
    assert house.client(cookies=dict(client.cookies)).get("/").status_code == 401


def test_a_state_database_that_is_away_is_said_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from roomleft.errors import StoreError

    def away(secret: str) -> None:
        raise StoreError("the state database cannot be reached", "postgresql://…", "check that it runs")

    monkeypatch.setattr(house.tokens, "verify", away)
    response = house.client().get("/", headers=house.bearer("read"))
    assert response.status_code == 503
    assert response.json()["error"]["hint"] == "check that it runs"


@pytest.mark.parametrize("body", [b"x" * 40_000, b"link=" + b"y" * 40_000])
def test_a_form_has_a_size(house: House, body: bytes) -> None:
    assert house.client().post("/sign-in", content=body).status_code == 413


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"&" * 500, b"link", b"link=%ff%00", b"a=1&" * 50])
def test_a_form_that_is_none_is_a_bad_link(house: House, body: bytes) -> None:
    assert house.client().post("/sign-in", content=body).status_code == 403


def test_no_secret_reaches_the_disk(house: House, tmp_path: Path) -> None:
    client = house.signed_in()
    client.get("/")
    secrets = [*house.keys.values(), client.cookies[COOKIE], client.cookies["_csrf_token"]]
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"a read token" in written
    for secret in secrets:
        assert secret.encode() not in written
