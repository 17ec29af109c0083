"""Proxies in front of the server: believed when they are named, and nobody else is."""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dashboards.door.door import Door
from dashboards.door.proxy import Arrivals, Proxies
from roomleft.clock import FixedClock
from roomleft.errors import SettingsError
from roomleft.settings import load_settings
from roomleft.settings_sign_in import TrustedProxies
from warehouse.state import Role, Scope, Sessions, SignIn, StateDb, Tokens, Users
from warehouse.state.users import SEEN_GRAIN

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HERE = "http://127.0.0.1:8470"
PROXY, STRANGER = "10.0.0.5", "10.0.1.5"
TRUSTED = TrustedProxies(
    (ipaddress.ip_network("10.0.0.0/24"), ipaddress.ip_network("fd00::/64")), "x-forwarded-user", "x-forwarded-groups", "x-forwarded-email",
    "x-forwarded-name", (("sre", "oncall"), ("books", "finance")), "viewer",
)  # fmt: skip


async def told(request: Request) -> JSONResponse:
    principal = getattr(request.state, "principal", None)
    return JSONResponse(
        {
            "name": principal.name if principal else None,
            "role": principal.role if principal else None,
            "client": request.client.host if request.client else None,
            "scheme": request.url.scheme,
            "headers": sorted(request.headers.keys()),
        }
    )


@pytest.fixture
def make(db: StateDb) -> Callable[..., TestClient]:
    """A client that comes from `peer`, with the door behind proxies that are trusted."""

    def made(peer: str = PROXY, trusted: TrustedProxies = TRUSTED) -> TestClient:
        monotonic_s = iter(range(1000, 10**6, 10))  # every request is later than what was remembered
        door = Door(
            Starlette(routes=[Route("/{path:path}", told, methods=["GET", "POST"])]), tokens=Tokens(db), sign_in=SignIn(db), sessions=Sessions(db),
            arrivals=Arrivals(db, trusted, lambda: next(monotonic_s)) if trusted.user_header else None,
        )  # fmt: skip
        return TestClient(Proxies(door, trusted), base_url=HERE, follow_redirects=False, client=(peer, 4321))

    return made


def test_who_a_trusted_proxy_names_is_there_with_the_role_of_their_groups(make: Callable[..., TestClient], db: StateDb) -> None:
    client = make()
    headers = {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "staff, books", "X-Forwarded-Email": "ada@example.org"}
    found = client.get("/x", headers=headers).json()
    assert (found["name"], found["role"]) == ("ada", "finance")
    user = Users(db).get("ada")
    assert user is not None
    assert (user.source, user.email) == ("proxy", "ada@example.org")
    assert not any("forwarded" in name for name in found["headers"])


def test_a_role_goes_up_and_down_with_the_groups_as_often_as_they_change(make: Callable[..., TestClient], db: StateDb) -> None:
    client = make()
    for groups, role in (
        ("", "viewer"),
        ("books", "finance"),
        ("", "viewer"),
        ("sre", "oncall"),
        ("books", "finance"),
        ("", "viewer"),
    ):
        headers = {"X-Forwarded-User": "ada", "X-Forwarded-Groups": groups}
        assert client.get("/x", headers=headers).json()["role"] == role
        assert client.get("/x", headers=headers).json()["role"] == role


def test_when_somebody_was_last_seen_moves_on(make: Callable[..., TestClient], db: StateDb, clock: FixedClock) -> None:
    client = make()
    for _ in range(3):
        client.get("/x", headers={"X-Forwarded-User": "ada"})
        clock.advance(SEEN_GRAIN)
    ada = Users(db).get("ada")
    assert ada is not None
    assert ada.last_seen_at == clock.now() - SEEN_GRAIN


def test_who_came_by_a_proxy_is_offered_no_way_out(make: Callable[..., TestClient]) -> None:
    page = make().get("/sign-in", headers={"X-Forwarded-User": "ada"}).text
    assert "signed in as ada" in page
    assert "/sign-out" not in page, "there is no session to end here"


@pytest.mark.parametrize(
    "headers",
    [{"X-Forwarded-User": "ada"}, {"x-forwarded-USER": "ada"}, {"X_Forwarded_User": "ada"}, {"X-Forwarded_User": "ada"},
     {"Forwarded": "for=10.0.0.5"}, {"X-Forwarded-For": "10.0.0.5", "X-Forwarded-User": "ada"}],
    ids=str,
)  # fmt: skip
def test_nobody_else_is_believed(make: Callable[..., TestClient], db: StateDb, headers: dict[str, str]) -> None:
    assert make(STRANGER).get("/x", headers=headers).status_code == 401
    assert Users(db).list() == []


@pytest.mark.parametrize("name", ["X_Forwarded_User", "X-Forwarded_User", "x_forwarded_user"])
def test_another_spelling_is_not_slipped_past_a_proxy(make: Callable[..., TestClient], name: str) -> None:
    assert make().get("/x", headers={name: "root"}).status_code == 401
    assert make().get("/x", headers={name: "root", "X-Forwarded-User": "ada"}).json()["name"] == "ada"


def test_a_header_that_comes_twice_is_refused(make: Callable[..., TestClient]) -> None:
    answer = make().get("/x", headers=[("X-Forwarded-User", "root"), ("X-Forwarded-User", "ada")])
    assert answer.status_code == 400


def test_a_local_person_is_not_taken_over(make: Callable[..., TestClient], db: StateDb) -> None:
    Users(db).add("ada", Role.ADMIN)
    assert make().get("/x", headers={"X-Forwarded-User": "ada"}).json() | {"headers": [], "client": "", "scheme": ""} == {
        "name": "ada (2)", "role": "viewer", "headers": [], "client": "", "scheme": "",
    }  # fmt: skip


def test_without_a_role_or_disabled_nobody_gets_in(make: Callable[..., TestClient], db: StateDb) -> None:
    strict = TrustedProxies(TRUSTED.networks, "x-forwarded-user", "x-forwarded-groups", roles=(("sre", "oncall"),))
    assert make(trusted=strict).get("/x", headers={"X-Forwarded-User": "ada"}).status_code == 403
    client = make()
    assert client.get("/x", headers={"X-Forwarded-User": "ada"}).status_code == 200
    Users(db).change("ada", disabled=True)
    assert client.get("/x", headers={"X-Forwarded-User": "ada"}).status_code == 403


def test_a_deed_by_a_proxys_word_needs_the_pages_word_too(make: Callable[..., TestClient], db: StateDb) -> None:
    client = make()
    headers = {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "books"}
    client.get("/x", headers=headers)
    word = client.cookies["_csrf_token"]
    assert client.post("/api/v1/credits", headers=headers).status_code == 403
    assert (
        client.post("/api/v1/credits", headers={**headers, "X-CSRFToken": word, "Origin": "http://evil.example"}).status_code
        == 403
    )
    assert client.post("/api/v1/credits", headers={**headers, "X-CSRFToken": word}).status_code == 200
    other = {"X-Forwarded-User": "bob", "X-Forwarded-Groups": "books", "X-CSRFToken": word}
    assert client.post("/api/v1/credits", headers=other).status_code == 403


def test_a_page_that_came_in_the_clear_does_nothing_where_tls_is_spoken(make: Callable[..., TestClient]) -> None:
    client, headers = make(), {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "books"}
    client.get("/x", headers=headers)
    word = {"X-CSRFToken": client.cookies["_csrf_token"], "X-Forwarded-Proto": "https"}
    statuses = {
        scheme: client.post("/api/v1/credits", headers={**headers, **word, "Origin": f"{scheme}://127.0.0.1:8470"}).status_code
        for scheme in ("http", "https")
    }
    assert statuses == {"http": 403, "https": 200}


def test_a_session_of_somebody_else_in_the_same_browser_does_not_count(make: Callable[..., TestClient], db: StateDb) -> None:
    client = make()
    client.cookies.set("roomleft_session_8470", SignIn(db).start(Users(db).add("root", Role.ADMIN), "password"))
    assert client.get("/x", headers={"X-Forwarded-User": "ada"}).json()["name"] == "ada"


def test_a_token_counts_before_the_proxys_word(make: Callable[..., TestClient], db: StateDb) -> None:
    token = Tokens(db).add("grafana", {Scope.READ})
    found = make().get("/x", headers={"X-Forwarded-User": "ada", "Authorization": f"Bearer {token}"})
    assert found.json()["name"] == "grafana"


HOPS = {
    "one": ("203.0.113.7", "203.0.113.7"),
    "what the client wrote itself does not count": ("1.2.3.4, 203.0.113.7", "203.0.113.7"),
    "nor when it names a proxy": ("10.0.0.9, 203.0.113.7", "203.0.113.7"),
    "through two of ours": ("203.0.113.7, 10.0.0.8", "203.0.113.7"),
    "with a port": ("203.0.113.7:999", "203.0.113.7"),
    "of IPv6": ("[2001:db8::7]:999, 10.0.0.8", "2001:db8::7"),
    "nonsense": ("unknown", PROXY),
    "nonsense before": ("unknown, 203.0.113.7", "203.0.113.7"),
    "none": ("", PROXY),
}


@pytest.mark.parametrize(("hops", "client"), HOPS.values(), ids=HOPS)
def test_the_clients_address_is_the_last_that_no_proxy_of_ours_made(
    make: Callable[..., TestClient], hops: str, client: str
) -> None:
    headers = {"X-Forwarded-User": "ada", "X-Forwarded-For": hops, "X-Forwarded-Proto": "https"}
    found = make().get("/x", headers=headers)
    assert (found.json()["client"], found.json()["scheme"]) == (client, "https")
    assert "Secure" in found.headers["set-cookie"]


def test_of_strangers_address_and_scheme_are_their_own(make: Callable[..., TestClient], db: StateDb) -> None:
    token = Tokens(db).add("t", {Scope.READ})
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    found = make(STRANGER).get("/x", headers=headers).json()
    assert (found["client"], found["scheme"]) == (STRANGER, "http")


def test_wrong_tries_count_against_the_true_address(make: Callable[..., TestClient], db: StateDb) -> None:
    client = make(trusted=TrustedProxies(TRUSTED.networks))
    token = Tokens(db).add("t", {Scope.READ})

    def tried(secret: str, address: str) -> int:
        return client.get("/x", headers={"Authorization": f"Bearer {secret}", "X-Forwarded-For": address}).status_code

    assert [tried(f"wrong {n}", "203.0.113.7") for n in range(11)][-1] == 429
    assert tried(token, "203.0.113.8") == 200


SETTINGS: dict[str, tuple[dict[str, str], str]] = {
    "no network": ({"TRUSTED_PROXIES": "everyone"}, "no network"),
    "everybody": ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "every address"),
    "headers of nobody": ({"PROXY_USER_HEADER": "X-User"}, "believed from nobody"),
    "groups without a user": ({"TRUSTED_PROXIES": "10.0.0.1", "PROXY_GROUPS_HEADER": "X-Groups"}, "believed from nobody"),
    "a header of HTTP": ({"TRUSTED_PROXIES": "10.0.0.1", "PROXY_USER_HEADER": "Cookie"}, "cannot be that header"),
    "an underscore": ({"TRUSTED_PROXIES": "10.0.0.1", "PROXY_USER_HEADER": "X_User"}, "cannot be that header"),
    "the same twice": (
        {"TRUSTED_PROXIES": "10.0.0.1", "PROXY_USER_HEADER": "X-User", "PROXY_EMAIL_HEADER": "x-user"},
        "the same",
    ),
    "no role": ({"TRUSTED_PROXIES": "10.0.0.1", "PROXY_USER_HEADER": "X-User", "PROXY_ROLES": "staff=boss"}, "no role"),
    "no default role": ({"PROXY_DEFAULT_ROLE": "boss"}, "no role"),
}


@pytest.mark.parametrize(("env", "words"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_would_open_too_much_are_refused(env: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings(env={f"ROOMLEFT_{name}": value for name, value in env.items()})


def test_proxies_are_off_by_default() -> None:
    found: Any = load_settings(env={})
    assert found.proxies == TrustedProxies()
    assert found.oidc == ()
