"""Signing in by name and password: what a wrong one learns, who waits and who does not, where one lands, what the audit keeps."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dashboards.door import failures as failing
from dashboards.door import hashing
from dashboards.door.asking import asking
from dashboards.door.door import Door
from dashboards.door.entrance import Entrance
from dashboards.door.memory import FAILURES, WINDOW_S
from dashboards.door.throttle import FREE, LONGEST_PAUSE_S, Growing, known_browser, known_word
from roomleft.clock import FixedClock
from roomleft.errors import StoreLocked
from tests.fixtures.state import state_url
from warehouse.state import Audit, Role, Sessions, SignIn, StateDb, Tokens, Users
from warehouse.state.open_sessions import OpenSessions
from warehouse.state.passwords import Passwords

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HERE = "http://127.0.0.1:8470"
GOOD = "seven grey herons wait"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


class House:
    """A small app behind the door, with people in it and a hand on its clock."""

    def __init__(self, db: StateDb) -> None:
        self.db, self.monotonic_s = db, 1000.0
        self.users, self.sign_in, self.sessions = Users(db), SignIn(db), Sessions(db)
        for role in Role:
            self.users.add(f"{role} person", role)
            Passwords(db, QUICK).set(f"{role} person", GOOD)
        self.entrance = Entrance(self.sign_in, self.sessions, hasher=QUICK, monotonic=lambda: self.monotonic_s)
        app = Starlette(routes=[Route("/{path:path}", who)])
        self.door = Door(
            app,
            tokens=Tokens(db),
            sign_in=self.sign_in,
            sessions=self.sessions,
            entrance=self.entrance,
            monotonic=lambda: self.monotonic_s,
        )

    def client(self, address: str = "10.0.0.1") -> TestClient:
        return TestClient(self.door, base_url=HERE, follow_redirects=False, client=(address, 1))

    def try_in(self, name: str, password: str, address: str = "10.0.0.1", client: TestClient | None = None, **more: str) -> Any:
        return (client or self.client(address)).post("/sign-in", data={"name": name, "password": password, **more})


async def who(request: Request) -> JSONResponse:
    return JSONResponse({"name": asking().name, "role": asking().role, "session": asking().session})


@pytest.fixture
def house(tmp_path: Path, clock: FixedClock) -> Iterator[House]:
    """A house with a person of each role."""
    db = StateDb.open(state_url(tmp_path), clock)
    yield House(db)
    db.close()


@pytest.mark.parametrize(("role", "lands"), [("viewer", "/"), ("oncall", "/on-call"), ("finance", "/cost"), ("admin", "/")])
def test_where_each_role_lands(house: House, role: str, lands: str) -> None:
    client = house.client()
    response = house.try_in(f"{role} person", GOOD, client=client)
    assert (response.status_code, response.headers["location"]) == (303, lands)
    assert client.get("/x").json()["role"] == role
    assert house.try_in(f"{role.upper()} PERSON", GOOD, next="/capacity?tz=UTC").headers["location"] == "/capacity?tz=UTC"
    assert house.client().post("/sign-in", data={"link": house.sign_in.issue_for(f"{role} person")}).headers["location"] == lands


def test_nobody_learns_why(house: House) -> None:
    house.users.change("viewer person", disabled=True)
    house.users.add("elsewhere", Role.VIEWER, source="oidc", issuer="https://id.example")
    house.users.add("without", Role.VIEWER)
    tries = [
        ("nobody at all", GOOD),
        ("viewer person", GOOD),
        ("elsewhere", GOOD),
        ("without", GOOD),
        ("oncall person", "wrong wrong wrong"),
        ("oncall person", ""),
    ]
    answers = [house.try_in(name, password, f"10.0.1.{number}") for number, (name, password) in enumerate(tries)]
    assert {answer.status_code for answer in answers} == {403}
    texts = {answer.text.replace(f'value="{name}"', "") for answer, (name, _) in zip(answers, tries, strict=True)}
    assert len(texts) == 1
    assert house.try_in("", "").status_code == 403
    assert all("set-cookie" not in answer.headers for answer in answers)


def test_a_name_is_never_a_place_for_markup(house: House) -> None:
    answer = house.try_in('"><script>alert(1)</script>', "wrong wrong wrong")
    assert "<script>alert" not in answer.text


def test_many_addresses_do_not_break_one_name(house: House) -> None:
    statuses = [
        house.try_in("viewer person", f"wrong wrong {number}", f"10.1.0.{number}").status_code for number in range(FREE + 1)
    ]
    assert statuses == [403] * FREE + [429]
    answer = house.try_in("viewer person", GOOD, "10.9.9.9")
    assert answer.status_code == 429, "not even the right one, while it waits"
    assert answer.headers["retry-after"] == "1"
    assert "Try again in 1 s, at " in answer.text
    house.monotonic_s += 1
    assert house.try_in("viewer person", "wrong wrong wrong", "10.9.9.8").status_code == 403
    assert house.try_in("viewer person", GOOD, "10.9.9.7").headers["retry-after"] == "2"
    house.monotonic_s += 2
    assert house.try_in("viewer person", GOOD, "10.9.9.6").status_code == 303
    assert house.try_in("viewer person", "wrong wrong wrong", "10.9.9.5").status_code == 403, "the right one clears the count"


def test_a_name_that_nobody_has_waits_as_long(house: House) -> None:
    statuses = [house.try_in("nobody at all", "wrong wrong", f"10.1.0.{number}").status_code for number in range(FREE + 2)]
    assert statuses == [403] * FREE + [429] * 2


def test_one_address_does_not_try_many_names(house: House) -> None:
    for number in range(FAILURES):
        assert house.try_in(f"name {number}", "wrong wrong").status_code == 403
    assert house.try_in("viewer person", GOOD).headers["retry-after"] == "60"
    assert house.try_in("viewer person", GOOD, "10.0.0.2").status_code == 303
    house.monotonic_s += WINDOW_S
    assert house.try_in("viewer person", GOOD).status_code == 303


def test_a_household_of_ipv6_is_one_address(house: House) -> None:
    for number in range(FAILURES):
        assert house.try_in(f"name {number}", "wrong wrong", f"2001:db8:1:2::{number}").status_code == 403
    assert house.try_in("viewer person", GOOD, "2001:db8:1:2:ffff::1").status_code == 429
    assert house.try_in("viewer person", GOOD, "2001:db8:1:3::1").status_code == 303


def test_who_was_here_before_is_kept_out_by_nobody(house: House) -> None:
    mine = house.client("10.0.0.7")
    assert house.try_in("viewer person", GOOD, client=mine).status_code == 303
    for number in range(20):
        house.try_in("viewer person", "wrong wrong", f"10.2.0.{number}")
    for number in range(FAILURES):
        house.try_in(f"another {number}", "wrong wrong", "10.0.0.7")
    assert house.try_in("viewer person", GOOD, "10.0.0.7").status_code == 429
    assert house.try_in("viewer person", GOOD, client=mine).status_code == 303, "the browser is known"
    assert house.try_in("oncall person", GOOD, client=mine).status_code == 429, "for this person alone"
    for _ in range(FREE):
        assert house.try_in("viewer person", "wrong wrong wrong", client=mine).status_code == 403
    assert house.try_in("viewer person", GOOD, client=mine).status_code == 429, "and is not a place to guess either"


def test_a_link_opens_while_a_name_waits(house: House) -> None:
    for number in range(FREE + 1):
        house.try_in("viewer person", "wrong wrong", f"10.2.0.{number}")
    assert house.client().post("/sign-in", data={"link": house.sign_in.issue_for("viewer person")}).status_code == 303


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    now = [0.0]
    growing = Growing(lambda: now[0])
    waits = []
    for _ in range(FREE + 14):
        growing.tried("ada")
        waits.append(growing.pause_s("ada"))
        now[0] += waits[-1]
    assert waits[: FREE - 1] == [0.0] * (FREE - 1)
    assert waits[FREE - 1 : FREE + 9] == [2.0**power for power in range(10)]
    assert set(waits[FREE + 9 :]) == {LONGEST_PAUSE_S}


@pytest.mark.parametrize("word", ["", ".", "x.y", "0123456789abcdef.", "0123456789abcdef.é", "0123456789abcdef"])
def test_a_made_up_browser_is_unknown(word: str) -> None:
    assert known_browser(b"key", "ada", word) == ""


def test_a_known_browser_is_so_for_one_name_and_one_installation() -> None:
    word = known_word(b"key", "Ada")
    assert known_browser(b"key", "ADA", word) == word.partition(".")[0]
    assert known_browser(b"key", "bo", word) == ""
    assert known_browser(b"another", "ada", word) == ""
    assert "ada" not in word.lower()


def test_too_many_at_once_are_told_to_come_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_waiting", 1000)
    for _ in range(FREE + FAILURES):
        answer = house.try_in("viewer person", GOOD)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    monkeypatch.setattr(hashing, "_waiting", 0)
    assert house.try_in("viewer person", GOOD).status_code == 303, "what was never looked at is no wrong try"


def test_a_flood_of_strangers_leaves_places_to_who_was_here_before(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = house.client()
    house.try_in("viewer person", GOOD, client=mine)
    monkeypatch.setattr(hashing, "_waiting", hashing.WAITING + hashing.AT_ONCE)
    assert house.try_in("viewer person", GOOD).status_code == 429
    assert house.try_in("viewer person", GOOD, client=mine).status_code == 303
    monkeypatch.setattr(hashing, "_waiting", hashing.WAITING + hashing.AT_ONCE + hashing.KEPT_FREE)
    assert house.try_in("viewer person", GOOD, client=mine).status_code == 429


def test_a_link_does_not_press_itself_for_somebody_who_is_signed_in(house: House) -> None:
    """Otherwise whoever sends one could have others act in their name."""
    client, link = house.client(), house.sign_in.issue_for("admin person")
    assert "requestSubmit" in client.get(f"/sign-in?link={link}").text
    house.try_in("viewer person", GOOD, client=client)
    page = client.get(f"/sign-in?link={link}&next=/cost").text
    assert "requestSubmit" not in page
    assert "You are signed in as viewer person already" in page
    assert 'href="/cost"' in page
    assert client.get("/x").json()["name"] == "viewer person"
    assert client.post("/sign-in", data={"link": link}).status_code == 303, "who wants to may"
    assert client.get("/x").json()["name"] == "admin person"


def test_the_page_of_somebody_elses_site_signs_nobody_in(house: House) -> None:
    answer = house.client().post(
        "/sign-in", data={"name": "viewer person", "password": GOOD}, headers={"Origin": "http://evil.example"}
    )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_what_the_audit_says_of_it(house: House) -> None:
    house.try_in("viewer person", GOOD, "10.0.0.4")
    for _ in range(3):
        house.try_in("viewer person", "wrong wrong", "10.0.0.5")
    house.try_in("hunter2 hunter2", "viewer person", "10.0.0.6")
    house.entrance.close()
    told = [
        (entry.who, entry.what, entry.detail.get("tries"), entry.detail.get("address")) for entry in Audit(house.db).recent(4)
    ][::-1]
    assert told == [
        ("viewer person", "signed in", None, "10.0.0.4"),
        ("viewer person", "sign-in failed", 1, "10.0.0.5"),
        ("somebody", "sign-in failed", 1, "10.0.0.6"),
        ("viewer person", "sign-in failed", 2, "10.0.0.5"),
    ]
    assert not any("hunter2" in str((entry.who, entry.detail)) for entry in Audit(house.db).recent())


def test_a_flood_does_not_fill_the_audit(house: House) -> None:
    before = len(Audit(house.db).recent(10_000))
    for number in range(3 * failing.KINDS):
        house.entrance.failures.failed(None, "password", f"10.0.{number}.1")
    house.entrance.failures.tell()
    entries = Audit(house.db).recent(10_000)
    assert len(entries) - before <= failing.KINDS + 2
    assert sum(int(str(entry.detail["tries"])) for entry in entries if entry.what == "sign-in failed") == 3 * failing.KINDS


def test_failures_of_a_person_stand_under_their_name_in_any_flood(house: House) -> None:
    for number in range(2 * failing.KINDS):
        house.entrance.failures.failed(None, "password", f"10.0.{number}.1")
    for number in range(2 * failing.KINDS):
        house.entrance.failures.failed("ada", "password", f"10.1.{number}.1")
    house.entrance.failures.tell()
    entries = [entry for entry in Audit(house.db).recent(10_000) if entry.what == "sign-in failed" and entry.who == "ada"]
    assert len(entries) <= failing.KINDS + 2
    assert sum(int(str(entry.detail["tries"])) for entry in entries) == 2 * failing.KINDS


def test_what_cannot_be_noted_keeps_nobody_waiting(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise StoreLocked("somebody else writes", "state", "try again")

    monkeypatch.setattr(house.entrance.failures, "failed", locked)
    assert house.try_in("viewer person", "wrong wrong wrong").status_code == 403


def test_a_revoked_session_is_over_at_once(house: House) -> None:
    client = house.client()
    house.try_in("viewer person", GOOD, client=client)
    session = client.get("/x").json()["session"]
    OpenSessions(house.db).end(session, by="admin person")
    assert client.get("/x").status_code == 401


def test_a_changed_role_holds_at_once(house: House) -> None:
    client = house.client()
    house.try_in("viewer person", GOOD, client=client)
    assert client.get("/x").json()["role"] == "viewer"
    house.users.change("viewer person", role=Role.FINANCE)
    assert client.get("/x").json()["role"] == "finance"
    house.users.remove("viewer person")
    assert client.get("/x").status_code == 401


def test_signing_in_again_ends_the_browsers_old_session(house: House) -> None:
    client = house.client()
    house.try_in("viewer person", GOOD, client=client)
    house.try_in("oncall person", GOOD, client=client)
    assert [each.who for each in OpenSessions(house.db).list()] == ["oncall person"]


def test_the_page_asks_for_what_there_is(house: House, tmp_path: Path, clock: FixedClock) -> None:
    page = house.client().get("/sign-in").text
    assert 'autocomplete="current-password"' in page
    assert "<details>" in page, "the link is folded away"
    (tmp_path / "fresh").mkdir()
    db = StateDb.open(state_url(tmp_path / "fresh"), clock)
    fresh = Entrance(SignIn(db), Sessions(db), providers=[("acme", "Acme <b>")], hasher=QUICK)
    door = Door(Starlette(), tokens=Tokens(db), sign_in=SignIn(db), sessions=Sessions(db), entrance=fresh)
    page = TestClient(door, base_url=HERE).get("/sign-in?next=/cost").text
    assert 'name="password"' not in page, "nobody has one yet"
    assert 'href="/sign-in/oidc/acme?next=%2Fcost"' in page
    assert "Acme &lt;b&gt;" in page
    db.close()
