"""Passwords: what may be one, that they are kept as argon2id alone, and that a check tells nothing but yes or no."""

from __future__ import annotations

import threading
import unicodedata

import pytest
from argon2 import PasswordHasher, extract_parameters
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from roomleft.errors import InputError
from warehouse.state import Audit, Role, Sessions, SignIn, StateDb, Users
from warehouse.state.passwords import AT_ONCE, HASHER, LONGEST_BYTES, SHORTEST, Passwords, checked_password, normalised

GOOD = "seven grey herons wait"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
STRONGER = PasswordHasher(time_cost=2, memory_cost=128, parallelism=1)


@pytest.fixture
def passwords(db: StateDb) -> Passwords:
    """Ada has GOOD."""
    Users(db).add("ada", Role.VIEWER)
    made = Passwords(db, QUICK)
    made.set("ada", GOOD)
    return made


@pytest.mark.parametrize(
    "plain",
    ["", "short", "a" * (SHORTEST - 1), "a" * 20, "abababababab", "abcdabcdabcd", "123456789012", "abcdefghijklm", "qwertyuiopasdf", "987654321098",
     "password1234", "passwordpassword", "Password12345!", "roomleft2026!", "ada.lovelace@x", "Ada.Lovelace@X", "x" * (LONGEST_BYTES + 1), "é" * 600],
)  # fmt: skip
def test_what_is_no_password(plain: str) -> None:
    with pytest.raises(InputError) as refused:
        checked_password(plain, "ada.lovelace@x")
    assert refused.value.hint
    assert not plain or plain not in str(refused.value)


@pytest.mark.parametrize(
    "plain",
    [
        GOOD,
        "tr0ub4dor&3xyz",
        "correct pony battery",
        "пароль из слов",
        "密码密码不是密码九个字了",
        "🦉🦊🐢🐙 quietly",
    ],
)
def test_what_is_one(plain: str) -> None:
    assert checked_password(plain, "ada") == normalised(plain)


@given(st.text(min_size=SHORTEST, max_size=60), st.text(min_size=1, max_size=20))
def test_a_password_is_taken_in_one_form_whichever_way_it_is_typed(plain: str, name: str) -> None:
    def taken(form: str) -> str | None:
        try:
            return checked_password(form, name)
        except InputError:
            return None

    assert taken(unicodedata.normalize("NFD", plain)) == taken(unicodedata.normalize("NFC", plain))


def test_the_right_one_and_every_other(db: StateDb, passwords: Passwords) -> None:
    found = passwords.verify("ADA", GOOD)
    assert found is not None
    assert found.name == "ada"
    for name, plain in (
        ("ada", GOOD + " "),
        ("ada", ""),
        ("ada", GOOD.upper()),
        ("bo", GOOD),
        ("", ""),
        ("ada", "x" * 5000),
        ("a" * 9000, GOOD),
    ):
        assert passwords.verify(name, plain) is None, (name[:10], plain[:10])
    Users(db).change("ada", disabled=True)
    assert passwords.verify("ada", GOOD) is None


def test_a_password_typed_on_another_keyboard_is_the_same(db: StateDb) -> None:
    Users(db).add("ada", Role.VIEWER)
    passwords = Passwords(db, QUICK)
    passwords.set("ada", unicodedata.normalize("NFD", "größere Wörter"))
    assert passwords.verify("ada", unicodedata.normalize("NFC", "größere Wörter")) is not None


def test_only_argon2id_is_stored(db: StateDb, passwords: Passwords) -> None:
    with db.read() as connection:
        kept = connection.execute(text("SELECT password_hash FROM users")).scalar_one()
    assert kept.startswith("$argon2id$")
    assert GOOD not in str([entry.detail for entry in Audit(db).recent()])


def test_as_much_work_whoever_asks(db: StateDb, passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not how long it took, which a busy machine decides, but what was done: one hash of the same parameters each time."""
    Users(db).add("bo", Role.VIEWER)
    Users(db).add("cleo", Role.VIEWER, source="oidc", issuer="https://id.example")
    passwords.verify("nobody", GOOD)
    checked = []
    verify = QUICK.verify
    monkeypatch.setattr(
        PasswordHasher, "verify", lambda self, kept, plain: checked.append(extract_parameters(kept)) or verify(kept, plain)
    )
    for name in ("ada", "nobody", "bo", "cleo"):
        assert passwords.verify(name, "a wrong one, surely") is None
    assert len(checked) == 4
    assert len(set(map(repr, checked))) == 1


def test_a_hash_grows_with_the_parameters(db: StateDb, passwords: Passwords) -> None:
    def parameters() -> int:
        with db.read() as connection:
            return extract_parameters(connection.execute(text("SELECT password_hash FROM users")).scalar_one()).memory_cost

    assert parameters() == 64
    assert Passwords(db, STRONGER).verify("ada", "a wrong one, surely") is None
    assert parameters() == 64
    assert Passwords(db, STRONGER).verify("ada", GOOD) is not None
    assert parameters() == 128
    assert Passwords(db, STRONGER).verify("ada", GOOD) is not None


def test_a_new_password_ends_the_other_sessions(db: StateDb, passwords: Passwords) -> None:
    ada = Users(db).get("ada")
    assert ada is not None
    here, there = (SignIn(db).start(ada, "password") for _ in range(2))
    link = SignIn(db).issue_for("ada")
    me = Sessions(db).verify(here)
    assert me is not None
    assert passwords.set("ada", "nine slow otters dive", "ada", but=me.session) == 1
    assert Sessions(db).verify(here) is not None
    assert Sessions(db).verify(there) is None
    assert SignIn(db).redeem(link) is None
    assert passwords.verify("ada", GOOD) is None


def test_who_signs_in_elsewhere_has_none_here(db: StateDb) -> None:
    Users(db).add("ada", Role.VIEWER, source="oidc", issuer="https://id.example")
    with pytest.raises(InputError, match="not kept here"):
        Passwords(db, QUICK).set("ada", GOOD)


def test_few_are_hashed_at_once(db: StateDb) -> None:
    """Each takes its memory: many who knock together wait for their turn."""
    running, most, gate = [0], [0], threading.Lock()

    class Watched(PasswordHasher):
        def verify(self, *given: object, **more: object) -> bool:  # type: ignore[override]
            with gate:
                running[0] += 1
                most[0] = max(most[0], running[0])
            try:
                return super().verify(*given, **more)  # type: ignore[arg-type]
            finally:
                with gate:
                    running[0] -= 1

    passwords = Passwords(db, Watched(time_cost=2, memory_cost=4096, parallelism=1))
    threads = [threading.Thread(target=passwords.verify, args=("nobody", GOOD)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 1 <= most[0] <= AT_ONCE


def test_the_parameters_are_what_the_standard_asks() -> None:
    """RFC 9106: argon2id, and 64 MiB with three passes where memory is short."""
    found = extract_parameters(HASHER.hash("x"))
    assert found.type.name == "ID"
    assert (found.memory_cost, found.time_cost) == (64 * 1024, 3)
