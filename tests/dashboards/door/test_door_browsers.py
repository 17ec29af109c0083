"""The door and browsers: where they are sent to sign in, links, and what every answer carries."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest

from dashboards.door.memory import WINDOW_S
from dashboards.door.rules import local_path
from roomleft.clock import FixedClock
from tests.dashboards.door.house import COOKIE, HERE, HTML, House
from warehouse.state import Role, Scope, SignIn, StateDb, Users


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
