"""People, account and audit: the pages, their routes, and that each deed of the product is told in words."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from dashboards.account_menu import account_menu, for_admins
from dashboards.api.audit import make_audit_api
from dashboards.api.people import make_people_api
from dashboards.api.program import install_errors
from dashboards.audit_asked import asked_of
from dashboards.components.still import markup
from dashboards.deed_words import GROUPS, deed_words, group_of
from dashboards.door.asking import asked_by
from dashboards.door.door import Door
from dashboards.filters import parse
from dashboards.pages import account, audit, people
from roomleft.clock import FixedClock
from roomleft.settings_sign_in import OidcProvider
from tests.fixtures.state import state_url
from warehouse.state import Audit, AuditEntry, Principal, Role, Scope, Sessions, SignIn, StateDb, Tokens, Users
from warehouse.state.open_sessions import OpenSessions
from warehouse.state.passwords import Passwords

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HERE = "http://127.0.0.1:8470"
GOOD, BETTER = "seven grey herons wait", "nine slow otters dive"


@dataclass
class House:
    """The routes behind the door, and who is in them."""

    db: StateDb
    door: Door

    def browser(self, name: str) -> Any:
        """A browser in which that person is signed in, with the page's own word."""
        client = TestClient(self.door, base_url=HERE, follow_redirects=False)
        assert client.post("/sign-in", data={"link": SignIn(self.db).issue_for(name)}).status_code == 303
        client.headers["X-CSRFToken"] = client.cookies["_csrf_token"]
        return client


@pytest.fixture
def house(tmp_path: Path, clock: FixedClock) -> Iterator[House]:
    """Ada administers, bo looks."""
    db = StateDb.open(state_url(tmp_path), clock)
    Users(db).add("ada", Role.ADMIN)
    Users(db).add("bo", Role.VIEWER)
    providers = (
        OidcProvider("staff", "https://id.example", "roomleft", "", "Staff"),
        OidcProvider("guests", "https://guests.example", "x", "", "Guests"),
    )
    parts: Any = SimpleNamespace(state=db, clock=clock, settings=SimpleNamespace(oidc=providers, public_url=""))
    app = FastAPI()
    install_errors(app)
    app.include_router(make_people_api(parts))
    app.include_router(make_audit_api(parts))
    yield House(db, Door(app, tokens=Tokens(db), sign_in=SignIn(db), sessions=Sessions(db)))
    db.close()


def test_a_person_is_added_changed_and_removed(house: House) -> None:
    ada = house.browser("ada")
    made = ada.post("/api/v1/people", json={"name": "cleo", "role": "finance", "email": "c@example.org"})
    assert made.status_code == 201
    assert made.json()["link"].startswith(f"{HERE}/sign-in?link=rl_link_")
    assert ada.put("/api/v1/people/cleo", json={"role": "oncall"}).json()["role"] == "oncall"
    assert ada.put("/api/v1/people/cleo", json={"disabled": True}).json()["disabled_at"]
    assert [each["name"] for each in ada.get("/api/v1/people").json()] == ["ada", "bo", "cleo"]
    assert ada.delete("/api/v1/people/cleo").json() == {"name": "cleo", "removed": True}
    assert ada.delete("/api/v1/people/cleo").status_code == 422
    whats = [entry.what for entry in Audit(house.db).recent(5)]
    assert whats == ["removed a user", "disabled a user", "changed a role", "issued a sign-in link", "added a user"]
    assert {entry.who for entry in Audit(house.db).recent(5)} == {"ada"}


def test_somebody_is_announced_for_one_provider(house: House) -> None:
    ada = house.browser("ada")
    told = {"name": "cleo", "role": "admin", "email": "c@example.org"}
    for source in ("oidc", "oidc:nobody"):
        refused = ada.post("/api/v1/people", json={**told, "source": source})
        assert refused.status_code == 422
        assert "oidc:staff or oidc:guests" in refused.json()["error"]["hint"]
    made = ada.post("/api/v1/people", json={**told, "source": "oidc:staff"})
    assert (made.status_code, made.json()["source"], made.json()["link"]) == (201, "oidc", None)
    arrive = {"name": "c", "email": "c@example.org", "email_verified": True, "role": None}
    assert Users(house.db).arrive("oidc", "https://guests.example", "1", **arrive) is None  # type: ignore[arg-type]
    came = Users(house.db).arrive("oidc", "https://id.example", "1", **arrive)  # type: ignore[arg-type]
    assert came is not None
    assert came.name == "cleo"


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "x"}, {"name": "x", "role": "boss"}, {"name": "x", "role": "viewer", "is_admin": True}, {"name": 7, "role": "viewer"}, {"name": "bo", "role": "viewer"},
     {"name": "x", "role": "viewer", "password": "short"}, {"name": "x", "role": "viewer", "source": "oidc", "password": GOOD}, {"name": "x", "role": "viewer", "source": "moon"}],
)  # fmt: skip
def test_what_adds_nobody(house: House, body: dict[str, object]) -> None:
    answer = house.browser("ada").post("/api/v1/people", json=body)
    assert answer.status_code == 422
    assert len(Users(house.db).list()) == 2


def test_the_last_administrator_is_forced_by_a_program_alone(house: House) -> None:
    ada = house.browser("ada")
    assert ada.put("/api/v1/people/ada", json={"role": "viewer"}).status_code == 422
    assert ada.put("/api/v1/people/ada", json={"role": "viewer", "force": True}).status_code == 403
    assert ada.delete("/api/v1/people/ada?force=true").status_code == 403
    program = TestClient(
        house.door, base_url=HERE, headers={"Authorization": f"Bearer {Tokens(house.db).add('x', {Scope.ADMIN})}"}
    )
    assert program.put("/api/v1/people/ada", json={"role": "viewer", "force": True}).json()["role"] == "viewer"


def test_an_own_password(house: House) -> None:
    bo, elsewhere = house.browser("bo"), house.browser("bo")
    assert bo.post("/api/v1/account/password", json={"new": GOOD}).json() == {"sessions_ended": 1}
    assert elsewhere.get("/api/v1/account").status_code == 401
    assert bo.get("/api/v1/account").json()["has_password"] is True
    assert bo.post("/api/v1/account/password", json={"new": BETTER}).status_code == 422, "the present one is asked for"
    assert bo.post("/api/v1/account/password", json={"present": GOOD, "new": BETTER}).status_code == 200
    statuses = [bo.post("/api/v1/account/password", json={"present": GOOD, "new": BETTER}).status_code for _ in range(10)]
    assert statuses[0] == 422
    assert 429 in statuses, "an open session is no place to guess"
    assert Passwords(house.db).verify("bo", BETTER) is not None


def test_a_new_password_that_will_not_do_is_no_guess_at_the_present_one(house: House) -> None:
    bo = house.browser("bo")
    bo.post("/api/v1/account/password", json={"new": GOOD})
    statuses = [bo.post("/api/v1/account/password", json={"present": GOOD, "new": "short"}).status_code for _ in range(10)]
    assert set(statuses) == {422}
    assert bo.post("/api/v1/account/password", json={"present": GOOD, "new": BETTER}).status_code == 200


def test_who_came_by_a_proxy_is_offered_no_way_out() -> None:
    for session, offered in (("s_1", True), (None, False)):
        with asked_by(Principal("x", Role.VIEWER.scopes, "word", Role.VIEWER, session)):
            assert ("Sign out" in markup(account_menu())) is offered


def test_own_sessions_and_nobody_elses(house: House) -> None:
    bo, other, ada = house.browser("bo"), house.browser("bo"), house.browser("ada")
    listed = bo.get("/api/v1/account/sessions").json()
    assert [each["this"] for each in listed].count(True) == 1
    assert {each["who"] for each in listed} == {"bo"}
    hers = ada.get("/api/v1/account").json()["session_id"]
    assert bo.delete(f"/api/v1/account/sessions/{hers}").status_code == 422
    assert ada.get("/api/v1/account").status_code == 200
    assert bo.post("/api/v1/account/sign-out-others").json() == {"sessions_ended": 1}
    assert other.get("/api/v1/account").status_code == 401
    his = bo.get("/api/v1/account").json()["session_id"]
    assert ada.delete(f"/api/v1/sessions/{his}").status_code == 200
    assert bo.get("/api/v1/account").status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/people", "/api/v1/sessions", "/api/v1/audit", "/export/audit.csv"])
def test_what_is_for_administrators(house: House, path: str) -> None:
    assert house.browser("bo").get(path).status_code == 403
    assert house.browser("ada").get(path).status_code == 200


def test_the_audit_is_asked_page_by_page_and_as_a_file(house: House) -> None:
    for number in range(120):
        Audit(house.db).add(
            "=cmd()" if number % 2 else "bo", "set budget", {"subject": f"limit {number}", "note": "100 % sure_ly"}
        )
    ada = house.browser("ada")
    first = ada.get("/api/v1/audit?what=Money&limit=50").json()
    then = ada.get(f"/api/v1/audit?what=Money&limit=100&before={first['next']}").json()
    assert [len(first["entries"]), len(then["entries"]), then["next"]] == [50, 70, None]
    ids = [each["id"] for each in first["entries"] + then["entries"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ada.get("/api/v1/audit?who=bo&what=set+budget").json()["entries"]) == 60
    assert len(ada.get("/api/v1/audit?q=LIMIT+7").json()["entries"]) == 21, "both words, each anywhere"
    assert ada.get("/api/v1/audit?q=%25+sure_ly&what=Alerts").json()["entries"] == []
    rows = list(csv.DictReader(io.StringIO(ada.get("/export/audit.csv?what=Money").text)))
    assert len(rows) == 120
    assert {row["who"] for row in rows} == {"bo", "'=cmd()"}


def test_entries_out_of_range_are_not_shown(house: House, clock: FixedClock) -> None:
    clock.advance(timedelta(days=31))
    Audit(house.db).add("ada", "start over", {"platform": "shop", "stream": "usage"})
    found = Audit(house.db).page(asked_of(parse("/audit", ""), Audit(house.db), clock.now()), 10)
    assert [entry.what for entry in found] == ["start over"]


def test_pages_of_hostile_names_execute_nothing(house: House, clock: FixedClock) -> None:
    evil = "<img src=x onerror=alert(1)>"
    with house.db.write() as connection:
        from sqlalchemy import text

        connection.execute(text("UPDATE users SET display_name = :evil, email = :evil"), {"evil": evil})
    Audit(house.db).add(evil, evil, {evil: evil})
    session = Principal("ada", Role.ADMIN.scopes, "word", Role.ADMIN, "s_1", evil)
    users, sessions = Users(house.db).list(), OpenSessions(house.db).list()
    with asked_by(session):
        shown = [
            *people.body(users, sessions, parse("/people", ""), clock.now(), "ada"),
            *account.body(session, users[0], sessions, parse("/account", ""), clock.now()),
            account_menu(),
        ]
        found = audit.read(Audit(house.db), parse("/audit", ""), clock.now())
        shown += audit.body(found, parse("/audit", "q=<script>"), clock.now())[:-1][-1:]
    drawn = "".join(markup(each) for each in shown if each is not None)
    assert "&lt;img" in drawn
    assert "<img" not in drawn


@pytest.mark.parametrize(("role", "sees"), [(Role.ADMIN, ("People", "Audit")), (Role.FINANCE, ()), (None, ())])
def test_who_sees_the_administrators_pages_behind_the_gear(role: Role | None, sees: tuple[str, ...]) -> None:
    with asked_by(Principal("x", role.scopes if role else frozenset({Scope.READ}), "word", role)):
        assert tuple(name for _, name in for_admins()) == sees


@pytest.mark.parametrize("what", sorted({what for deeds in GROUPS.values() for what in deeds}))
def test_every_deed_has_words_without_holes(what: str, clock: FixedClock) -> None:
    detail: dict[str, object] = {"name": "ada", "role": "viewer", "before": "admin", "subject": "shop.usd", "platform": "shop", "id": 7, "tries": 3,
                                 "how": "password", "address": "10.0.0.1", "sessions": 2, "copies": 1, "stream": "usage", "fault": "slow", "on": True,
                                 "scopes": "read", "ends_at": "2026-11-23", "browser": "Firefox"}  # fmt: skip
    words = deed_words(AuditEntry(1, clock.now(), "ada", what, detail))
    assert "None" not in words
    assert "  " not in words
    assert group_of(what) != "Other"
