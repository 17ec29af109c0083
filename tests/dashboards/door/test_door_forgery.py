"""Requests that another page, server or name forged, and signing out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboards.door.rules import LOOPBACK_HOSTS, hosts_for
from tests.dashboards.door.house import COOKIE, HERE, House
from warehouse.state import StateDb

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
