"""The door, over HTTP and WebSocket: who gets in where, by which proof, and what a refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards.door.memory import FAILURES, VERIFIED_FOR_S, WINDOW_S
from roomleft.clock import FixedClock
from tests.dashboards.door.house import COOKIE, House
from warehouse.state import Scope

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
