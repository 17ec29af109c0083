"""Signing in with a provider of identities that keeps the rules, and with one that breaks them one by one."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboards.door import oidc_provider
from dashboards.door.door import Door
from dashboards.door.memory import FAILURES, WINDOW_S
from dashboards.door.oidc import Oidc
from dashboards.door.oidc_provider import DOWN_FOR_S, Provider
from dashboards.door.oidc_routes import BEGINS
from roomleft.clock import FixedClock
from roomleft.settings_sign_in import OidcProvider
from tests.dashboards.door.identity_double import CLIENT, SECRET, Double, provider_double
from warehouse.state import Audit, Role, Sessions, SignIn, StateDb, Tokens, Users

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HERE = "http://127.0.0.1:8470"
OFF = "/sign-in/oidc/staff"


@pytest.fixture
def double() -> Iterator[Double]:
    with provider_double() as found:
        yield found


class House:
    """The door with one provider, and browsers before it."""

    def __init__(self, db: StateDb, double: Double, **settings: Any) -> None:
        given = {"default_role": "viewer", **settings}
        provider = OidcProvider("staff", double.url, CLIENT, SECRET, "Staff", **given)
        self.monotonic_s = 1000.0
        self.db, self.double = db, double
        oidc = Oidc([provider], db, make=lambda each: Provider(each, monotonic=lambda: self.monotonic_s))
        self.door = Door(
            Starlette(routes=[Route("/{path:path}", who)]),
            tokens=Tokens(db), sign_in=SignIn(db), sessions=Sessions(db), oidc=oidc, monotonic=lambda: self.monotonic_s,
        )  # fmt: skip

    def browser(self) -> TestClient:
        return TestClient(self.door, base_url=HERE, follow_redirects=False)

    def back(self, browser: TestClient, target: str = "") -> str:
        """Off to the provider and signed in there: the address the browser is sent back to."""
        off = browser.get(OFF, params={"next": target} if target else None)
        assert off.status_code == 303, off.text
        return self.double.sign_in(off.headers["location"])

    def sign_in(self, browser: TestClient, target: str = "") -> Response:
        return browser.get(self.back(browser, target))


async def who(request: Request) -> JSONResponse:
    principal = request.state.principal
    return JSONResponse({"name": principal.name, "role": principal.role})


@pytest.fixture
def make(db: StateDb, double: Double) -> Callable[..., House]:
    return lambda **settings: House(db, double, **settings)


def signed_in_as(browser: TestClient) -> Any:
    answer = browser.get("/somewhere")
    return answer.json() if answer.status_code == 200 else None


def test_a_person_signs_in_and_is_known_by_issuer_and_subject(make: Callable[..., House], db: StateDb, double: Double) -> None:
    house = make()
    browser = house.browser()
    done = house.sign_in(browser, "/cost?range=7d")
    assert (done.status_code, done.headers["location"]) == (303, "/cost?range=7d")
    assert signed_in_as(browser) == {"name": "grace", "role": "viewer"}
    assert "no-store" in done.headers["cache-control"]
    double.claims |= {"preferred_username": "someone else", "email": "new@example.org"}
    again = house.browser()
    house.sign_in(again)
    assert signed_in_as(again)["name"] == "grace"
    double.claims |= {"sub": "u-2", "preferred_username": "grace"}
    other = house.browser()
    house.sign_in(other)
    assert signed_in_as(other)["name"] == "grace (2)"
    assert {user.name for user in Users(db).list()} == {"grace", "grace (2)"}


def test_a_local_person_is_not_taken_over_by_their_name_or_address(make: Callable[..., House], db: StateDb) -> None:
    Users(db).add("grace", Role.ADMIN, email="grace@example.org")
    house = make()
    browser = house.browser()
    house.sign_in(browser)
    assert signed_in_as(browser) == {"name": "grace (2)", "role": "viewer"}


LIES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "another nonce": ({"nonce": "of another sign-in"}, set()),
    "no nonce": ({"nonce": None}, set()),
    "for another client": ({"aud": "another"}, set()),
    "for several, made for another": ({"aud": [CLIENT, "another"], "azp": "another"}, set()),
    "for several, made for nobody": ({"aud": [CLIENT, "another"]}, set()),
    "of another issuer": ({"iss": "https://evil.example"}, set()),
    "expired": ({"exp": int(time.time()) - 3600}, set()),
    "without an end": ({"exp": None}, set()),
    "of the future": ({"iat": int(time.time()) + 7200, "nbf": int(time.time()) + 7200}, set()),
    "of nobody": ({"sub": None}, set()),
    "another access token": ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, set()),
    "not signed": ({}, {"alg none"}),
    "signed with the public key as a secret": ({}, {"shared secret"}),
    "signed by another key of the same name": ({}, {"another key"}),
    "of another discovery document": ({}, {"issuer"}),
    "to be sent in the clear": ({}, {"plain http"}),
}


@pytest.mark.parametrize(("claims", "lies"), LIES.values(), ids=LIES)
def test_what_proves_nothing_signs_nobody_in(
    make: Callable[..., House],
    db: StateDb,
    double: Double,
    claims: dict[str, Any],
    lies: set[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    double.claims |= claims
    double.lies = lies
    house = make()
    browser = house.browser()
    with caplog.at_level(logging.DEBUG, "roomleft"):
        off = browser.get(OFF)
        answer = browser.get(double.sign_in(off.headers["location"])) if off.status_code == 303 else off
    assert answer.status_code in (403, 503)
    assert signed_in_as(browser) is None
    assert Users(db).list() == []
    assert SECRET not in caplog.text + answer.text
    assert not double.codes or not any(code in caplog.text for code in double.codes)


def test_an_answer_belongs_to_the_browser_that_asked(make: Callable[..., House]) -> None:
    """Otherwise somebody could be signed in as somebody else without noticing."""
    house = make()
    back = house.back(house.browser())
    victim = house.browser()
    house.back(victim)
    assert victim.get(back).status_code == 403
    assert signed_in_as(victim) is None


def test_an_answer_works_once(make: Callable[..., House], double: Double) -> None:
    house = make()
    browser = house.browser()
    back = house.back(browser)
    kept = dict(browser.cookies)
    assert browser.get(back).status_code == 303
    again = house.browser()
    again.cookies.update(kept)
    assert again.get(back).status_code == 403
    assert double.asked.count("/token") == 1


@pytest.mark.parametrize(
    "change", [{"state": "made-up"}, {"state": ""}, {"code": ""}, {"error": "access_denied"}, {"iss": "https://evil.example"}]
)
def test_a_changed_answer_signs_nobody_in(make: Callable[..., House], change: dict[str, str]) -> None:
    house = make()
    browser = house.browser()
    address = urlsplit(house.back(browser))
    given = {name: values[0] for name, values in parse_qs(address.query).items()} | change
    assert browser.get(address.path, params=given).status_code == 403
    assert signed_in_as(browser) is None


def test_a_sign_in_that_takes_too_long_is_over(make: Callable[..., House], clock: FixedClock) -> None:
    house = make()
    browser = house.browser()
    back = house.back(browser)
    clock.advance(timedelta(seconds=601))
    assert browser.get(back).status_code == 403


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "/sign-out", "javascript:alert(1)"]
)
def test_nobody_is_sent_elsewhere(make: Callable[..., House], target: str) -> None:
    house = make()
    done = house.sign_in(house.browser(), target)
    assert done.headers["location"].startswith("/")
    assert "evil" not in done.headers["location"]


def test_a_session_from_before_is_not_carried_over(make: Callable[..., House], db: StateDb) -> None:
    house = make()
    browser = house.browser()
    before = SignIn(db).start(Users(db).add("mallory", Role.VIEWER), "password")
    back = house.back(browser)
    kept = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    done = browser.get(back, headers={"Cookie": f"{kept}; roomleft_session_8470={before}"})
    assert done.cookies["roomleft_session_8470"] != before
    assert Sessions(db).verify(before) is None


def test_a_new_key_is_read_when_the_provider_signs_with_it(make: Callable[..., House], double: Double) -> None:
    house = make()
    house.sign_in(house.browser())
    double.rotate()
    house.monotonic_s += 11
    browser = house.browser()
    assert house.sign_in(browser).status_code == 303
    double.rotate()  # at once again: unknown keys do not make it be asked without end
    assert house.sign_in(house.browser()).status_code == 403
    assert double.asked.count("/keys") == 2


ROLES = {
    "the highest of several counts": (["staff", "books"], "finance"),
    "one": (["staff"], "viewer"),
    "as a text": ("books", "finance"),
    "none that is known": (["others"], None),
    "none": (None, None),
}


@pytest.mark.parametrize(("groups", "role"), ROLES.values(), ids=ROLES)
def test_roles_come_from_the_claim(make: Callable[..., House], double: Double, groups: Any, role: str | None) -> None:
    double.claims["org"] = {"groups": groups}
    house = make(role_claim="org.groups", roles=(("staff", "viewer"), ("books", "finance")), default_role="")
    browser = house.browser()
    answer = house.sign_in(browser)
    assert (signed_in_as(browser) or {}).get("role") == role
    assert answer.status_code == (303 if role else 403)


def test_who_loses_the_group_loses_the_role(make: Callable[..., House], double: Double) -> None:
    house = make(role_claim="groups", roles=(("books", "finance"),), default_role="viewer")
    for groups, role in ((["books"], "finance"), ([], "viewer")):
        double.claims["groups"] = groups
        browser = house.browser()
        house.sign_in(browser)
        assert signed_in_as(browser)["role"] == role


def test_a_role_given_here_stays_where_the_provider_gives_none(make: Callable[..., House], db: StateDb) -> None:
    house = make()
    house.sign_in(house.browser())
    Users(db).change("grace", role=Role.FINANCE)
    browser = house.browser()
    house.sign_in(browser)
    assert signed_in_as(browser)["role"] == "finance"


DOMAINS = {
    "of it": ("grace@Example.org", True, 303),
    "not verified": ("grace@example.org", False, 403),
    "of another": ("grace@example.com", True, 403),
    "that ends like it": ("grace@evil-example.org", True, 403),
    "with two": ("grace@example.org@evil.example", True, 403),
    "none": (None, None, 403),
}


@pytest.mark.parametrize(("email", "verified", "status"), DOMAINS.values(), ids=DOMAINS)
def test_only_verified_addresses_of_a_domain_get_in(
    make: Callable[..., House], double: Double, email: str | None, verified: bool | None, status: int
) -> None:
    double.claims |= {"email": email, "email_verified": verified}
    house = make(email_domains=("example.org",))
    assert house.sign_in(house.browser()).status_code == status


def test_what_the_token_lacks_is_read_from_userinfo_of_the_same_person(make: Callable[..., House], double: Double) -> None:
    double.userinfo = {"sub": "u-1", "groups": ["books"], "name": "Grace H"}
    settings: dict[str, Any] = {"role_claim": "groups", "roles": (("books", "finance"),), "default_role": ""}
    browser = (house := make(**settings)).browser()
    house.sign_in(browser)
    assert signed_in_as(browser)["role"] == "finance"
    double.userinfo["sub"] = "u-2"
    assert house.sign_in(house.browser()).status_code == 403


def test_a_disabled_person_stays_out(make: Callable[..., House], db: StateDb) -> None:
    house = make()
    house.sign_in(house.browser())
    Users(db).change("grace", disabled=True)
    browser = house.browser()
    assert house.sign_in(browser).status_code == 403
    assert signed_in_as(browser) is None


def test_who_keeps_failing_must_wait(make: Callable[..., House]) -> None:
    house = make()
    browser = house.browser()
    statuses = [browser.get(f"{OFF}/callback?state=x&code=y").status_code for _ in range(FAILURES + 1)]
    assert statuses == [403] * FAILURES + [429]


def test_setting_off_is_cheap_and_not_without_end(make: Callable[..., House], monkeypatch: pytest.MonkeyPatch) -> None:
    house = make()
    house.back(house.browser())
    monkeypatch.setattr(oidc_provider, "AsyncOAuth2Client", lambda *_, **__: pytest.fail("no client is needed to set off"))
    statuses = [house.browser().get(OFF).status_code for _ in range(BEGINS)]
    assert statuses == [303] * (BEGINS - 1) + [429]
    house.monotonic_s += WINDOW_S
    assert house.browser().get(OFF).status_code == 303


@pytest.mark.parametrize("lie", ["issuer", "nonsense"])
def test_a_provider_that_is_down_is_not_asked_by_everybody_in_turn(
    make: Callable[..., House], db: StateDb, double: Double, lie: str
) -> None:
    double.lies = {lie}
    house = make()
    for _ in range(3):
        assert house.browser().get(OFF).status_code == 503
    assert len(double.asked) == 1
    assert [entry for entry in Audit(db).recent() if entry.what == "sign-in failed"] == [], "nobody failed but the provider"
    double.lies = set()
    house.monotonic_s += DOWN_FOR_S
    assert house.browser().get(OFF).status_code == 303


def test_a_refusal_says_what_helps_and_the_audit_where_it_came_from(make: Callable[..., House], db: StateDb) -> None:
    house = make(default_role="")
    assert "ask an administrator to add you" in house.sign_in(house.browser()).text
    house = make(default_role="", role_claim="groups", roles=(("books", "finance"),))
    assert "ask for one of the groups" in house.sign_in(house.browser()).text
    assert {each.detail["address"] for each in Audit(db).recent() if each.what == "sign-in failed"} == {"testclient"}


def test_other_methods_and_addresses_do_nothing(make: Callable[..., House]) -> None:
    browser = make().browser()
    assert browser.post(OFF).status_code == 405
    assert browser.get("/sign-in/oidc/nobody").status_code == 404
    assert browser.get(f"{OFF}/other").status_code == 404


def test_an_unknown_host_is_not_made_the_way_back(db: StateDb, double: Double) -> None:
    house = House(db, double)
    house.door._hosts = None
    answer = TestClient(house.door, base_url="http://evil.example", follow_redirects=False).get(OFF)
    assert answer.status_code == 503
    assert "evil" not in answer.headers.get("location", "")


def test_the_sign_in_page_offers_it_and_the_audit_tells(make: Callable[..., House], db: StateDb) -> None:
    house = make()
    browser = house.browser()
    assert "Continue with Staff" in browser.get("/sign-in").text
    house.sign_in(browser)
    entries = [(entry.what, entry.detail) for entry in Audit(db).recent(10)]
    assert any(what == "signed in" and detail.get("how") == "oidc" for what, detail in entries)
