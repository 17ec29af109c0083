"""Tokens of machines: made once, shown once, kept only as a hash."""

from __future__ import annotations

import builtins
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from roomleft.errors import InputError
from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models import TokenRow
from warehouse.state.principals import Principal, Scope, hashed, new_secret, scopes_of, scopes_text

USED_GRAIN = timedelta(hours=1)
"""`last_used_at` moves at most this often: a busy token must not turn every request into a write."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token after it was made. `last_used_at` is true to the hour."""

    name: str
    prefix: str
    scopes: frozenset[Scope]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class Tokens:
    """Makes, checks, lists and revokes tokens."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def add(self, name: str, scopes: Collection[Scope], by: str = "local") -> str:
        """A new token, in plain: the only time it can be seen. InputError if the name was ever used or a part is missing."""
        _check(name, scopes)
        plain = new_secret("token")
        try:
            with self._db.write() as connection:
                connection.execute(insert(TokenRow).values(name=name, **_values(plain, scopes, self._db.clock.now())))
                record(connection, self._db.clock.now(), by, "added a token", name=name, scopes=scopes_text(scopes))
        except IntegrityError as error:
            raise InputError(
                f"there is or was a token {name!r}",
                "tokens",
                "choose another name: a name stands for one token in the audit, for ever",
            ) from error
        return plain

    def renew(self, name: str, scopes: Collection[Scope]) -> str:
        """Give the token `name` a new secret, making it if needed; the old secret stops working.

        For the token that a server writes to its own `server.json` at every start.
        """
        _check(name, scopes)
        plain = new_secret("token")
        with self._db.write() as connection:
            connection.execute(delete(TokenRow).where(TokenRow.name == name))
            connection.execute(insert(TokenRow).values(name=name, **_values(plain, scopes, self._db.clock.now())))
        self._db.access_turn += 1
        return plain

    def verify(self, plain: str) -> Principal | None:
        """Whose token this is; None if it is unknown or revoked."""
        now = self._db.clock.now()
        with self._db.read() as connection:
            found = connection.execute(
                select(TokenRow.name, TokenRow.scopes, TokenRow.last_used_at).where(
                    TokenRow.hash == hashed(plain), TokenRow.revoked_at.is_(None)
                )
            ).one_or_none()
        if found is None:
            return None
        name, scopes, last_used_at = found
        if last_used_at is None or now - last_used_at >= USED_GRAIN:
            with self._db.write() as connection:
                connection.execute(update(TokenRow).where(TokenRow.name == name).values(last_used_at=now))
        return Principal(name, scopes_of(scopes))

    def list(self) -> builtins.list[Token]:
        """Every token there is or was, by name."""
        with self._db.read() as connection:
            found = connection.execute(
                select(
                    TokenRow.name,
                    TokenRow.prefix,
                    TokenRow.scopes,
                    TokenRow.created_at,
                    TokenRow.last_used_at,
                    TokenRow.revoked_at,
                ).order_by(TokenRow.name)
            ).all()
        return [
            Token(name, prefix, scopes_of(scopes), created, used, revoked)
            for name, prefix, scopes, created, used, revoked in found
        ]

    def revoke(self, name: str, by: str = "local") -> bool:
        """End a token. False if there is no such live token."""
        now = self._db.clock.now()
        with self._db.write() as connection:
            ended = connection.execute(
                update(TokenRow).where(TokenRow.name == name, TokenRow.revoked_at.is_(None)).values(revoked_at=now)
            ).rowcount
            if ended:
                record(connection, now, by, "revoked a token", name=name)
        self._db.access_turn += 1
        return bool(ended)


def _check(name: str, scopes: Collection[Scope]) -> None:
    if not name.strip():
        raise InputError("a token needs a name", "tokens", "name the machine or job that will hold it")
    if not scopes:
        raise InputError(
            f"token {name!r} has no scope", "tokens", f"give one or more of {', '.join(scope.value for scope in Scope)}"
        )


def _values(plain: str, scopes: Collection[Scope], now: datetime) -> dict[str, object]:
    return {
        "hash": hashed(plain),
        "prefix": plain[:13],
        "scopes": scopes_text(scopes),
        "created_at": now,
        "last_used_at": None,
        "revoked_at": None,
    }
