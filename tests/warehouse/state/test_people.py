"""People: names, roles, how they come, and that nobody locks everybody out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from roomleft.clock import FixedClock
from roomleft.errors import InputError
from warehouse.state import Audit, Role, Scope, Sessions, SignIn, StateDb, Users
from warehouse.state.names import LONGEST_NAME, RESERVED, checked_email, checked_name, key_of
from warehouse.state.open_sessions import OpenSessions
from warehouse.state.sign_in import KEEP_ENDED, browser_of
from warehouse.state.users import SEEN_GRAIN, LastAdmin


@pytest.mark.parametrize(
    "name", ["", "  ", "a" * (LONGEST_NAME + 1), "a\nb", "a\x00b", "ada\u202egnp", "a/b", "<b>", *sorted(RESERVED), "Owner"]
)
def test_what_cannot_be_a_name(name: str) -> None:
    with pytest.raises(InputError) as refused:
        checked_name(name)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("name", "kept"), [("ada", "ada"), (" ada ", "ada"), ("ada@example.org", "ada@example.org"), ("Größe", "Größe"), ("שרה", "שרה"), ("👩\u200d💻", "👩\u200d💻"), ("ａｄａ", "ada")]
)  # fmt: skip
def test_what_can_be_a_name(name: str, kept: str) -> None:
    assert checked_name(name) == kept


@given(st.text(max_size=200))
def test_a_name_that_is_kept_is_kept_as_it_is(name: str) -> None:
    try:
        kept = checked_name(name)
    except InputError:
        return
    assert checked_name(kept) == kept
    assert key_of(kept) == key_of(name)


@pytest.mark.parametrize("email", ["ada", "@example.org", "ada@", "a b@c.d", "a\n@b.c", "x" * 250 + "@b.cd"])
def test_what_is_no_address(email: str) -> None:
    with pytest.raises(InputError):
        checked_email(email)


def test_two_names_that_differ_in_case_alone_are_one(db: StateDb) -> None:
    users = Users(db)
    users.add("Ada", Role.VIEWER)
    with pytest.raises(InputError, match="already a user"):
        users.add("aDA", Role.ADMIN)
    found = users.get("ADA")
    assert found is not None
    assert found.name == "Ada"


def test_what_is_known_of_a_person(db: StateDb, clock: FixedClock) -> None:
    made = Users(db).add("ada", Role.FINANCE, by="bo", email="ada@example.org", display_name="Ada L.")
    assert (made.created_at, made.created_by, made.email, made.called, made.source) == (
        clock.now(), "bo", "ada@example.org", "Ada L.", "local",
    )  # fmt: skip
    assert (made.has_password, made.disabled_at, made.last_seen_at) == (False, None, None)


def test_a_change_says_what_changed_and_nothing_else(db: StateDb) -> None:
    users = Users(db)
    users.add("ada", Role.VIEWER)
    before = db.access_turn
    users.change("ada", role=Role.VIEWER, email="", disabled=False)
    assert db.access_turn == before
    changed = users.change("ADA", by="bo", role=Role.ONCALL, email="ada@example.org")
    assert (changed.role, changed.email) == (Role.ONCALL, "ada@example.org")
    newest = Audit(db).recent(2)
    assert {(entry.who, entry.what) for entry in newest} == {("bo", "changed a role"), ("bo", "changed a user")}
    assert {"before": "viewer", "name": "ada", "role": "oncall"} in [entry.detail for entry in newest]
    with pytest.raises(InputError, match="no user 'nobody here'"):
        users.change("nobody here", role=Role.ADMIN)


def test_a_role_holds_for_live_sessions_at_once(db: StateDb) -> None:
    users, sessions = Users(db), Sessions(db)
    secret = SignIn(db).start(users.add("ada", Role.VIEWER), "password")
    first = sessions.verify(secret)
    assert first is not None
    assert (first.role, first.scopes, first.name) == (Role.VIEWER, {Scope.READ}, "ada")
    turn = sessions.turn
    users.change("ada", role=Role.FINANCE)
    assert sessions.turn > turn, "what was remembered is asked again"
    then = sessions.verify(secret)
    assert then is not None
    assert then.may(Scope.FINANCE)
    users.change("ada", disabled=True)
    assert sessions.verify(secret) is None
    users.change("ada", disabled=False)
    assert sessions.verify(secret) is None, "a session that was ended stays so"


def test_a_link_for_a_person_takes_the_role_they_have_by_then(db: StateDb) -> None:
    users, sign_in = Users(db), SignIn(db)
    users.add("ada", Role.ADMIN)
    users.add("bo", Role.ADMIN)
    link = sign_in.issue_for("Ada")
    users.change("ada", role=Role.VIEWER)
    principal = Sessions(db).verify(sign_in.redeem(link) or "")
    assert principal is not None
    assert (principal.name, principal.role, principal.scopes) == ("ada", Role.VIEWER, {Scope.READ})


def test_a_link_of_nobody_keeps_its_own_scopes(db: StateDb) -> None:
    Users(db).add("ada", Role.VIEWER)
    principal = Sessions(db).verify(SignIn(db).redeem(SignIn(db).issue("ada", {Scope.ADMIN})) or "")
    assert principal is not None
    assert (principal.role, principal.scopes) == (None, {Scope.ADMIN})


@pytest.mark.parametrize("how", ["unknown", "disabled", "elsewhere"])
def test_for_whom_there_is_no_link(db: StateDb, how: str) -> None:
    users = Users(db)
    if how != "unknown":
        users.add("ada", Role.VIEWER, source="proxy" if how == "elsewhere" else "local")
    if how == "disabled":
        users.change("ada", disabled=True)
    with pytest.raises(InputError):
        SignIn(db).issue_for("ada")


def test_a_disabled_persons_link_does_not_serve(db: StateDb) -> None:
    users, sign_in = Users(db), SignIn(db)
    ada = users.add("ada", Role.VIEWER)
    link = sign_in.issue_for("ada")
    users.change("ada", disabled=True)
    assert sign_in.redeem(link) is None
    with pytest.raises(InputError):
        sign_in.start(ada, "password")


@pytest.mark.parametrize("deed", ["demote", "disable", "remove"])
def test_the_last_administrator_stays(db: StateDb, deed: str) -> None:
    users = Users(db)
    users.add("ada", Role.ADMIN)
    users.add("bo", Role.ADMIN)
    users.add("cleo", Role.FINANCE)
    users.change("bo", disabled=True)

    def do(*, force: bool = False) -> object:
        if deed == "remove":
            return users.remove("ada", force=force)
        return users.change(
            "ada", role=Role.VIEWER if deed == "demote" else None, disabled=deed == "disable" or None, force=force
        )

    with pytest.raises(LastAdmin):
        do()
    ada = users.get("ada")
    assert ada is not None
    assert (ada.role, ada.disabled_at) == (Role.ADMIN, None)
    assert do(force=True)


def test_of_two_administrators_who_end_each_other_together_one_stays(open_db: Callable[[], StateDb]) -> None:
    first, second = Users(open_db()), Users(open_db())
    for number in range(3):
        names = (f"a{number}", f"b{number}")
        for name in names:
            first.add(name, Role.ADMIN)
        for user in first.list():
            if user.name not in names and user.role is Role.ADMIN:
                first.change(user.name, role=Role.VIEWER)
        gate = threading.Barrier(2)

        def end(users: Users, name: str, gate: threading.Barrier = gate) -> bool:
            gate.wait(10)
            try:
                users.change(name, role=Role.VIEWER)
            except LastAdmin:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(end, (first, second), names))
        assert sorted(done) == [False, True]


def test_who_is_vouched_for_is_known_by_issuer_and_subject(db: StateDb) -> None:
    users = Users(db)
    users.add("ada", Role.ADMIN)
    made = users.arrive("oidc", "https://id.example", "17", name="ada", email="ada@example.org", role=Role.VIEWER)
    assert made is not None
    assert (made.name, made.role, made.source) == ("ada (2)", Role.VIEWER, "oidc"), "a name is no proof"
    again = users.arrive("oidc", "https://id.example", "17", name="another", role=Role.ONCALL)
    assert again is not None
    assert (again.name, again.role) == ("ada (2)", Role.ONCALL)
    other = users.arrive("oidc", "https://elsewhere.example", "17", name="ada", role=Role.VIEWER)
    assert other is not None
    assert other.name == "ada (3)"
    assert users.arrive("oidc", "https://id.example", "18", name="new", role=None) is None


@pytest.mark.parametrize(("verified", "known"), [(True, True), (False, False)])
def test_somebody_announced_by_address_is_known_once_the_address_is_verified(db: StateDb, *, verified: bool, known: bool) -> None:
    users = Users(db)
    users.add("ada", Role.FINANCE, email="Ada@example.org", source="oidc", issuer="https://id.example")
    found = users.arrive(
        "oidc", "https://id.example", "17", name="x", email="ada@EXAMPLE.org", email_verified=verified, role=None
    )
    assert (found is not None and found.name == "ada") is known
    thief = users.arrive("oidc", "https://id.example", "666", name="x", email="ada@example.org", email_verified=True, role=None)
    assert (thief is not None) is not known, "it is claimed once"


def test_who_is_announced_for_one_provider_is_claimed_from_no_other(db: StateDb) -> None:
    users, told = Users(db), {"name": "ada", "email": "ada@example.org", "email_verified": True}
    users.add("ada", Role.ADMIN, email="ada@example.org", source="oidc", issuer="https://id.example")
    other = users.arrive("oidc", "https://contractors.example", "666", **told, role=Role.VIEWER)  # type: ignore[arg-type]
    assert other is not None
    assert (other.name, other.role) == ("ada (2)", Role.VIEWER)
    found = users.arrive("oidc", "https://id.example", "17", **told, role=None)  # type: ignore[arg-type]
    assert found is not None
    assert (found.name, found.role) == ("ada", Role.ADMIN)


@pytest.mark.parametrize("source", ["oidc", "carrier pigeon"])
def test_nobody_is_announced_who_could_be_claimed_from_anywhere(db: StateDb, source: str) -> None:
    with pytest.raises(InputError):
        Users(db).add("ada", Role.ADMIN, email="ada@example.org", source=source)
    assert Users(db).list() == []


@pytest.mark.parametrize("announced", [False, True])
def test_who_arrives_for_the_first_time_in_many_tabs_is_one_person(open_db: Callable[[], StateDb], *, announced: bool) -> None:
    several = [Users(open_db()) for _ in range(4)]
    if announced:
        several[0].add("ada", Role.VIEWER, email="ada@example.org", source="oidc", issuer="https://id.example")
    gate = threading.Barrier(len(several))

    def arrive(users: Users) -> str:
        gate.wait(10)
        found = users.arrive(
            "oidc", "https://id.example", "17", name="ada", email="ada@example.org", email_verified=True, role=Role.VIEWER
        )
        return found.name if found is not None else ""

    with ThreadPoolExecutor(len(several)) as pool:
        assert set(pool.map(arrive, several)) == {"ada"}
    assert [user.name for user in several[0].list()] == ["ada"]


def test_a_local_person_is_claimed_by_nobody(db: StateDb) -> None:
    Users(db).add("ada", Role.ADMIN, email="ada@example.org")
    assert Users(db).arrive("oidc", "i", "s", name="ada", email="ada@example.org", email_verified=True, role=None) is None


def test_a_provider_does_not_demote_the_last_administrator(db: StateDb) -> None:
    users = Users(db)
    users.arrive("oidc", "i", "1", name="ada", role=Role.ADMIN)
    found = users.arrive("oidc", "i", "1", name="ada", email="ada@example.org", role=Role.VIEWER)
    assert found is not None
    assert (found.role, found.email) == (Role.ADMIN, "ada@example.org")


def test_a_proxys_word_writes_nothing_where_nothing_changed(db: StateDb, monkeypatch: pytest.MonkeyPatch) -> None:
    users = Users(db)
    users.arrive("proxy", "proxy", "ada", name="ada", role=Role.VIEWER)
    users.arrive("proxy", "proxy", "ada", name="ada", role=Role.VIEWER)
    turn = db.access_turn
    monkeypatch.setattr(db, "write", lambda: pytest.fail("nothing is to be written"))
    assert users.arrive("proxy", "proxy", "ada", name="ada", role=Role.VIEWER) is not None
    assert db.access_turn == turn


def test_last_seen_is_kept_to_five_minutes(db: StateDb, clock: FixedClock) -> None:
    users = Users(db)
    secret, first = SignIn(db).start(users.add("ada", Role.VIEWER), "password"), clock.now()

    def seen() -> object:
        ada = users.get("ada")
        return (ada.last_seen_at if ada else None, OpenSessions(db).list()[0].last_seen_at)

    clock.advance(SEEN_GRAIN - timedelta(seconds=1))
    Sessions(db).verify(secret)
    assert seen() == (first, first)
    clock.advance(timedelta(seconds=1))
    Sessions(db).verify(secret)
    assert seen() == (clock.now(), clock.now())


def test_sessions_are_listed_and_ended_one_by_one(db: StateDb, clock: FixedClock) -> None:
    users, sign_in, sessions = Users(db), SignIn(db), OpenSessions(db)
    ada, bo = users.add("ada", Role.VIEWER), users.add("bo", Role.VIEWER)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    here = sign_in.start(ada, "password", agent=agent, address="10.0.0.7")
    there, his = sign_in.start(ada, "password"), sign_in.start(bo, "oidc")
    link = sign_in.redeem(sign_in.issue()) or ""
    assert {each.who for each in sessions.list()} == {"ada", "bo", "owner"}
    found = next(each for each in sessions.list("ADA") if each.address)
    assert (found.how, found.browser, found.address, found.user) == ("password", "Firefox on Linux", "10.0.0.7", "ada")
    assert here not in repr(sessions.list()), "the id that is listed opens nothing"
    assert sessions.end(found.session_id, by="bo").who == "ada"
    assert Sessions(db).verify(here) is None
    assert Sessions(db).verify(there) is not None
    with pytest.raises(InputError):
        sessions.end(found.session_id, by="bo")
    assert sessions.end_all("ada", by="ada") == 1
    assert Sessions(db).verify(there) is None
    assert Sessions(db).verify(his) is not None
    assert Sessions(db).verify(link) is not None
    clock.advance(sign_in.session_lifetime)
    assert sessions.list() == []
    clock.advance(KEEP_ENDED + timedelta(seconds=1))
    sign_in.issue()
    with db.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM sessions")).scalar_one() == 0


def test_the_links_of_who_never_came_are_voided_too(db: StateDb) -> None:
    Users(db).add("ada", Role.ADMIN)
    link = SignIn(db).issue_for("ada")
    assert OpenSessions(db).end_all("ada", by="bo") == 0
    assert SignIn(db).redeem(link) is None
    newest = Audit(db).recent(1)[0]
    assert (newest.who, newest.what, newest.detail) == ("bo", "ended all sessions", {"name": "ada", "sessions": 0, "links": 1})
    assert OpenSessions(db).end_all("ada", by="bo") == 0
    assert Audit(db).recent(1)[0].id == newest.id, "nothing happened"


def test_a_reset_forgets_the_password_and_ends_everything(db: StateDb) -> None:
    users, sign_in = Users(db), SignIn(db)
    secret = sign_in.start(users.add("ada", Role.VIEWER), "password")
    old = sign_in.issue_for("ada")
    new = sign_in.issue_for("ada", reset=True, by="bo")
    assert Sessions(db).verify(secret) is None
    assert sign_in.redeem(old) is None
    assert sign_in.redeem(new) is not None
    assert "reset a password" in {entry.what for entry in Audit(db).recent()}


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", "Edge on Windows"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
        ("evil\x00\x1b[31m" + "x" * 500, "evil[31m" + "x" * 52),
    ],
)  # fmt: skip
def test_a_browser_in_a_few_words(agent: str, words: str) -> None:
    assert browser_of(agent) == words
