"""Passwords: argon2id, checked in equal time whether there is such a person or not, a few at once because each takes its memory."""

from __future__ import annotations

import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from sqlalchemy import update

from roomleft.errors import InputError
from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models import UserRow
from warehouse.state.names import key_of
from warehouse.state.users import User, Users, end_all, person

MEMORY_KIB = 64 * 1024
HASHER = PasswordHasher(time_cost=3, memory_cost=MEMORY_KIB, parallelism=1, type=Type.ID)
"""At least what RFC 9106 asks of hosts with little memory, but for the lanes: a server of two cores has no four to spare for one visitor."""
AT_ONCE = 2
"""How many hashes are worked out at the same time: at 64 MiB each, more would take the memory that queries need."""
SHORTEST, LONGEST_BYTES = 12, 1024
UNITS = 4
"""A password that repeats at most so many characters is one of that length."""
ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn",
)
COMMON = (
    "password",
    "passwort",
    "roomleft",
    "letmein",
    "welcome",
    "iloveyou",
    "changeme",
    "correcthorsebatterystaple",
    "administrator",
)

_turns = threading.BoundedSemaphore(AT_ONCE)


def checked_password(plain: str, name: str) -> str:
    """A new password in the form that is hashed (NFKC, so that two keyboards agree). Raises InputError, which never repeats it.

    Long is what counts (NIST SP 800-63B): no rule about kinds of characters; only what anybody would try first is refused.
    """
    kept = normalised(plain)
    if len(kept.encode("utf-8", "replace")) > LONGEST_BYTES:
        raise InputError(f"a password has at most {LONGEST_BYTES} bytes", "password", "a long sentence is shorter than that")
    if len(kept) < SHORTEST:
        raise InputError(
            f"a password has at least {SHORTEST} characters", "password", "four or five words that do not belong together"
        )
    bare = "".join(letter for letter in kept.casefold() if letter.isalnum())
    if key_of(kept) == key_of(name) or (bare and bare == "".join(letter for letter in key_of(name) if letter.isalnum())):
        raise InputError("a password that is the name is the first one tried", "password", "choose another")
    if _obvious(kept.casefold()) or _obvious(bare):
        raise InputError(
            "this password is one of the first that are tried", "password", "four or five words that do not belong together"
        )
    return kept


def normalised(plain: str) -> str:
    """NFKC."""
    return unicodedata.normalize("NFKC", plain)


def _obvious(word: str) -> bool:
    """A short piece again and again, a stretch of a keyboard or an alphabet in either direction, or a common word with digits around it."""
    if not word:
        return False
    repeats = any(word == (word[:unit] * len(word))[: len(word)] for unit in range(1, UNITS + 1))
    rows = any(word in row * 2 or word[::-1] in row * 2 for row in ROWS)
    stripped = word.strip("0123456789!.?-_ ")
    return repeats or rows or any(stripped == (common * len(word))[: len(stripped)] and stripped for common in COMMON)


class Passwords:
    """Sets, checks and changes passwords of local people."""

    def __init__(self, db: StateDb, hasher: PasswordHasher = HASHER) -> None:
        self._db = db
        self._hasher = hasher
        self._users = Users(db)

    def verify(self, name: str, plain: str) -> User | None:
        """The person of that name if this is their password; None otherwise, after as much work, whatever the reason. A hash made with weaker
        parameters is made anew."""
        kept = normalised(plain) if len(plain) <= LONGEST_BYTES else ""
        with self._db.read() as connection:
            found = connection.execute(
                person(name[:LONGEST_BYTES], UserRow.name, UserRow.password_hash, UserRow.disabled_at, UserRow.source)
            ).one_or_none()
        usable = found is not None and found.password_hash is not None and found.disabled_at is None and found.source == "local"
        stand_in = _stand_in(self._hasher)
        kept_hash = str(found.password_hash) if found is not None and usable else stand_in
        right = self._matches(kept_hash, kept)
        if found is None or not usable or not right:
            return None
        if self._hasher.check_needs_rehash(kept_hash):
            anew = self._hash(kept)
            with self._db.write() as connection:
                this = (UserRow.name == found.name, UserRow.password_hash == kept_hash)
                connection.execute(update(UserRow).where(*this).values(password_hash=anew))
        return self._users.get(found.name)

    def made(self, name: str, plain: str) -> str:
        """The hash of a new password for a person of that name. Raises InputError if it is too weak."""
        return self._hash(checked_password(plain, name))

    def keep(self, user: User, made: str, by: str = "local", *, but: str | None = None) -> int:
        """Give a local person the password that was `made`, and end their sessions, all `but` the one of that id; how many ended. Raises InputError."""
        if user.source != "local":
            raise InputError("this password is not kept here", "password", "change it where you sign in")
        now = self._db.clock.now()
        with self._db.write() as connection:
            connection.execute(update(UserRow).where(UserRow.name == user.name).values(password_hash=made, password_set_at=now))
            ended = end_all(connection, user.name, now, but).sessions
            record(connection, now, by, "set a password", name=user.name, sessions_ended=ended)
        self._db.access_turn += 1
        return ended

    def set(self, name: str, plain: str, by: str = "local", *, but: str | None = None) -> int:
        """Both of these for the person of that name."""
        user = self._users.get(name)
        if user is None:
            raise InputError(f"there is no user {name[:100]!r}", "people", "`bin/roomleft user list` shows them")
        return self.keep(user, self.made(user.name, plain), by, but=but)

    def _hash(self, plain: str) -> str:
        with _turns:
            return self._hasher.hash(plain)

    def _matches(self, kept_hash: str, plain: str) -> bool:
        with _turns:
            try:
                return self._hasher.verify(kept_hash, plain)
            except VerifyMismatchError:
                return False
            except (VerificationError, InvalidHashError):
                # A hash that is none: as good as no password.
                return False


@cache
def _stand_in(hasher: PasswordHasher) -> str:
    """What is verified for somebody who has no password: nobody knows what it is the hash of."""
    import secrets

    with _turns:
        return hasher.hash(secrets.token_urlsafe(32))
