"""Tokens, sign-in links, sessions, people and the audit of it all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import inspect, text

from roomleft.clock import FixedClock
from roomleft.errors import InputError
from warehouse.state import Audit, Role, Scope, Sessions, SignIn, StateDb, Tokens, Users
from warehouse.state.sign_in import LINK_LIFETIME, SESSION_LIFETIME


def everything_stored(db: StateDb) -> str:
    """All rows of all tables as text."""
    with db.read() as connection:
        names = inspect(connection).get_table_names()
        return "\n".join(str(tuple(row)) for name in names for row in connection.execute(text(f'SELECT * FROM "{name}"')))


def test_a_token_is_its_bearers_until_revoked(db: StateDb) -> None:
    tokens = Tokens(db)
    plain = tokens.add("gateway", {Scope.INGEST, Scope.READ})
    principal = tokens.verify(plain)
    assert principal is not None
    assert (principal.name, principal.scopes, principal.csrf) == ("gateway", {Scope.INGEST, Scope.READ}, None)
    assert tokens.verify(plain + "x") is None
    assert tokens.verify("") is None
    assert tokens.revoke("gateway")
    assert tokens.verify(plain) is None
    assert not tokens.revoke("gateway")


@pytest.mark.parametrize(
    ("scopes", "may", "may_not"),
    [
        ({Scope.INGEST}, {Scope.INGEST}, {Scope.READ, Scope.ADMIN}),
        ({Scope.READ}, {Scope.READ}, {Scope.INGEST, Scope.ADMIN}),
        ({Scope.RESPOND}, {Scope.RESPOND}, {Scope.INGEST, Scope.READ, Scope.ADMIN}),
        ({Scope.ADMIN}, set(Scope), set()),
    ],
)
def test_what_scopes_allow(db: StateDb, scopes: set[Scope], may: set[Scope], may_not: set[Scope]) -> None:
    principal = Tokens(db).verify(Tokens(db).add("one", scopes))
    assert principal is not None
    assert {scope for scope in Scope if principal.may(scope)} == may
    assert not any(principal.may(scope) for scope in may_not)


def test_a_token_name_is_used_once_ever(db: StateDb) -> None:
    tokens = Tokens(db)
    tokens.add("gateway", {Scope.INGEST})
    tokens.revoke("gateway")
    with pytest.raises(InputError, match="there is or was"):
        tokens.add("gateway", {Scope.INGEST})


@pytest.mark.parametrize(("name", "scopes"), [("", {Scope.READ}), ("  ", {Scope.READ}), ("gateway", set())])
def test_a_token_needs_a_name_and_a_scope(db: StateDb, name: str, scopes: set[Scope]) -> None:
    with pytest.raises(InputError):
        Tokens(db).add(name, scopes)


def test_renewing_a_token_ends_the_old_secret(db: StateDb) -> None:
    tokens = Tokens(db)
    first = tokens.renew("local", {Scope.ADMIN})
    second = tokens.renew("local", {Scope.ADMIN})
    assert tokens.verify(first) is None
    assert tokens.verify(second) is not None
    assert [token.name for token in tokens.list()] == ["local"]


def test_last_use_is_kept_to_the_hour(db: StateDb, clock: FixedClock) -> None:
    tokens = Tokens(db)
    plain = tokens.add("gateway", {Scope.READ})
    assert tokens.list()[0].last_used_at is None
    first = clock.now()
    tokens.verify(plain)
    clock.advance(timedelta(minutes=59))
    tokens.verify(plain)
    assert tokens.list()[0].last_used_at == first
    clock.advance(timedelta(minutes=1))
    tokens.verify(plain)
    assert tokens.list()[0].last_used_at == clock.now()


def test_no_secret_is_stored(db: StateDb) -> None:
    token = Tokens(db).add("gateway", {Scope.READ})
    link, spent = SignIn(db).issue(), SignIn(db).issue()
    session = SignIn(db).redeem(spent)
    assert session is not None
    principal = Sessions(db).verify(session)
    assert principal is not None
    stored = everything_stored(db)
    assert "gateway" in stored
    for secret in (token, link, spent, session, principal.csrf or ""):
        assert len(secret) > 40
        assert secret not in stored
        assert secret[-32:] not in stored


def test_a_link_signs_in_once(db: StateDb) -> None:
    sign_in = SignIn(db)
    link = sign_in.issue("ada", {Scope.READ})
    session = sign_in.redeem(link)
    assert session is not None
    principal = Sessions(db).verify(session)
    assert principal is not None
    assert (principal.name, principal.scopes) == ("ada", {Scope.READ})
    assert principal.csrf
    assert sign_in.redeem(link) is None
    assert sign_in.redeem("rl_link_made-up") is None
    assert Sessions(db).verify(link) is None


def test_of_many_who_redeem_one_link_together_one_wins(open_db: Callable[[], StateDb]) -> None:
    databases = [open_db() for _ in range(4)]
    for _ in range(5):
        link = SignIn(databases[0]).issue()
        gate = threading.Barrier(len(databases))

        def redeem(db: StateDb, link: str = link, gate: threading.Barrier = gate) -> str | None:
            gate.wait(10)
            return SignIn(db).redeem(link)

        with ThreadPoolExecutor(len(databases)) as pool:
            sessions = list(pool.map(redeem, databases))
        assert sum(session is not None for session in sessions) == 1


def test_a_link_and_a_session_expire(db: StateDb, clock: FixedClock) -> None:
    sign_in, sessions = SignIn(db), Sessions(db)
    late, early = sign_in.issue(), sign_in.issue()
    session = sign_in.redeem(early)
    assert session is not None
    clock.advance(LINK_LIFETIME)
    assert sign_in.redeem(late) is None
    clock.advance(SESSION_LIFETIME - LINK_LIFETIME - timedelta(seconds=1))
    assert sessions.verify(session) is not None
    clock.advance(timedelta(seconds=1))
    assert sessions.verify(session) is None


def test_sessions_last_as_long_as_told(db: StateDb, clock: FixedClock) -> None:
    sign_in = SignIn(db, timedelta(hours=1))
    session = sign_in.redeem(sign_in.issue())
    assert session is not None
    clock.advance(timedelta(hours=1))
    assert Sessions(db).verify(session) is None


def test_signing_out_ends_one_session(db: StateDb) -> None:
    sign_in, sessions = SignIn(db), Sessions(db)
    here, there = (sign_in.redeem(sign_in.issue()) or "" for _ in range(2))
    assert sessions.revoke(here)
    assert not sessions.revoke(here)
    assert sessions.verify(here) is None
    assert sessions.verify(there) is not None


def test_csrf_words_differ_and_stay(db: StateDb) -> None:
    sign_in, sessions = SignIn(db), Sessions(db)
    secrets = [sign_in.redeem(sign_in.issue()) or "" for _ in range(2)]
    words = [principal.csrf for principal in map(sessions.verify, secrets) if principal]
    assert len(set(words)) == 2
    assert words == [principal.csrf for principal in map(sessions.verify, secrets) if principal]


def test_a_person_who_is_removed_is_out(db: StateDb) -> None:
    users, sign_in = Users(db), SignIn(db)
    ada = users.add("ada", Role.FINANCE)
    session = sign_in.redeem(sign_in.issue(ada.name, ada.role.scopes)) or ""
    unused = sign_in.issue(ada.name, ada.role.scopes)
    assert Sessions(db).verify(session) is not None
    assert users.remove("ada")
    assert Sessions(db).verify(session) is None
    assert sign_in.redeem(unused) is None
    assert not users.remove("ada")


def test_a_user_name_is_taken_once(db: StateDb) -> None:
    Users(db).add("ada", Role.ONCALL)
    with pytest.raises(InputError, match="already a user 'ada'"):
        Users(db).add("ada", Role.ADMIN)
    with pytest.raises(InputError):
        Users(db).add(" ", Role.ONCALL)
    assert [(user.name, user.role) for user in Users(db).list()] == [("ada", Role.ONCALL)]


def test_deeds_are_audited_newest_first(db: StateDb, clock: FixedClock) -> None:
    Tokens(db).add("gateway", {Scope.READ}, by="ada")
    SignIn(db).redeem(SignIn(db).issue("ada"))
    Tokens(db).revoke("gateway", by="ada")
    Audit(db).add("ada", "changed a limit", {"limit": "arena.worlds", "amount": "80"})
    entries = Audit(db).recent()
    assert [(entry.who, entry.what) for entry in entries] == [
        ("ada", "changed a limit"),
        ("ada", "revoked a token"),
        ("ada", "signed in"),
        ("local", "issued a sign-in link"),
        ("ada", "added a token"),
    ]
    assert entries[0].detail == {"limit": "arena.worlds", "amount": "80"}
    assert entries[0].at == clock.now()
    assert len(Audit(db).recent(2)) == 2
