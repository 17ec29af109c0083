"""How a person's browser gets in: a link that works once, then a session."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models import SessionRow, SignInLinkRow
from warehouse.state.principals import Principal, Scope, hashed, new_secret, scopes_of, scopes_text

LINK_LIFETIME = timedelta(days=1)
SESSION_LIFETIME = timedelta(days=7)
KEEP_ENDED = timedelta(days=30)
"""How long an expired link or session stays for the curious before it is removed."""


def csrf_of(session_secret: str) -> str:
    """The word that goes with a session: known to whoever holds the session's secret, stored nowhere, and no way back to it."""
    return hmac.new(session_secret.encode("utf-8", "surrogateescape"), b"csrf", hashlib.sha256).hexdigest()


class Sessions:
    """Signed-in browsers."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def verify(self, secret: str) -> Principal | None:
        """Who holds this session; None if it is unknown, over or revoked."""
        with self._db.read() as connection:
            found = connection.execute(
                select(SessionRow.principal, SessionRow.scopes).where(
                    SessionRow.hash == hashed(secret),
                    SessionRow.revoked_at.is_(None),
                    SessionRow.expires_at > self._db.clock.now(),
                )
            ).one_or_none()
        if found is None:
            return None
        name, scopes = found
        return Principal(name, scopes_of(scopes), csrf_of(secret))

    def revoke(self, secret: str) -> bool:
        """Sign out. False if the session was not live."""
        now = self._db.clock.now()
        with self._db.write() as connection:
            ended = connection.execute(
                update(SessionRow)
                .where(SessionRow.hash == hashed(secret), SessionRow.revoked_at.is_(None))
                .values(revoked_at=now)
            ).rowcount
        return bool(ended)


class SignIn:
    """Links that sign in once, ever. The sessions they start last `session_lifetime`."""

    def __init__(self, db: StateDb, session_lifetime: timedelta = SESSION_LIFETIME) -> None:
        self._db = db
        self.session_lifetime = session_lifetime

    def issue(
        self,
        name: str = "owner",
        scopes: Collection[Scope] = (Scope.ADMIN,),
        *,
        lifetime: timedelta = LINK_LIFETIME,
        by: str = "local",
    ) -> str:
        """A secret for `/sign-in?link=SECRET` that makes its first bearer `name`, with these scopes."""
        secret = new_secret("link")
        now = self._db.clock.now()
        with self._db.write() as connection:
            connection.execute(delete(SignInLinkRow).where(SignInLinkRow.expires_at < now - KEEP_ENDED))
            connection.execute(delete(SessionRow).where(SessionRow.expires_at < now - KEEP_ENDED))
            connection.execute(
                insert(SignInLinkRow).values(
                    hash=hashed(secret),
                    principal=name,
                    scopes=scopes_text(scopes),
                    created_at=now,
                    expires_at=now + lifetime,
                    used_at=None,
                )
            )
            record(connection, now, by, "issued a sign-in link", name=name, scopes=scopes_text(scopes))
        return secret

    def redeem(self, secret: str) -> str | None:
        """A new session's secret for a link's; None if the link is unknown, used or expired. Of two at once, one wins."""
        now = self._db.clock.now()
        with self._db.write() as connection:
            used = update(SignInLinkRow).where(
                SignInLinkRow.hash == hashed(secret), SignInLinkRow.used_at.is_(None), SignInLinkRow.expires_at > now
            )
            if connection.execute(used.values(used_at=now)).rowcount != 1:
                return None
            name, scopes = connection.execute(
                select(SignInLinkRow.principal, SignInLinkRow.scopes).where(SignInLinkRow.hash == hashed(secret))
            ).one()
            record(connection, now, name, "signed in")
            return _start_session(connection, name, scopes, now, now + self.session_lifetime)


def _start_session(connection: Connection, name: str, scopes: str, now: datetime, expires_at: datetime) -> str:
    secret = new_secret("session")
    connection.execute(
        insert(SessionRow).values(
            hash=hashed(secret), principal=name, scopes=scopes, created_at=now, expires_at=expires_at, revoked_at=None
        )
    )
    return secret
