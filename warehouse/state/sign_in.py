"""How a person's browser gets in: a link that works once, then a session."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, or_, select, update

from roomleft.errors import InputError, StoreLocked
from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models import SessionRow, SignInLinkRow, UserRow
from warehouse.state.principals import Principal, Role, Scope, hashed, new_secret, scopes_of, scopes_text
from warehouse.state.users import SEEN_GRAIN, User, end_all, person

LINK_LIFETIME = timedelta(days=1)
SESSION_LIFETIME = timedelta(days=7)
KEEP_ENDED = timedelta(days=30)
"""How long an expired link or session stays for the curious before it is removed."""
AGENT_CHARACTERS = 200
HOWS = ("password", "link", "oidc")
"""How a session came to be."""


def csrf_of(session_secret: str) -> str:
    """The word that goes with a session: known to whoever holds the session's secret, stored nowhere, and no way back to it."""
    return hmac.new(session_secret.encode("utf-8", "surrogateescape"), b"csrf", hashlib.sha256).hexdigest()


class Sessions:
    """Signed-in browsers."""

    def __init__(self, db: StateDb) -> None:
        self.db = db

    @property
    def turn(self) -> int:
        """Moves whenever this process changes who may do what: an answer of `verify` from before then may be wrong."""
        return self.db.access_turn

    def verify(self, secret: str) -> Principal | None:
        """Who holds this session; None if it is unknown, over or revoked, or its person was removed or disabled. A person's scopes are those of
        their role now."""
        now, key = self.db.clock.now(), hashed(secret)
        with self.db.read() as connection:
            found = connection.execute(
                select(
                    SessionRow.principal,
                    SessionRow.scopes,
                    SessionRow.session_id,
                    SessionRow.user_name,
                    SessionRow.last_seen_at,
                    UserRow.role,
                    UserRow.display_name,
                    UserRow.disabled_at,
                )
                .join(UserRow, UserRow.name == SessionRow.user_name, isouter=True)
                .where(SessionRow.hash == key, SessionRow.revoked_at.is_(None), SessionRow.expires_at > now)
            ).one_or_none()
        if found is None or (found.user_name is not None and (found.role is None or found.disabled_at is not None)):
            return None
        if found.last_seen_at is None or now - found.last_seen_at >= SEEN_GRAIN:
            self._seen(key, found.user_name, now)
        if found.user_name is None:
            return Principal(found.principal, scopes_of(found.scopes), csrf_of(secret), session=found.session_id)
        role = Role(found.role)
        return Principal(found.user_name, role.scopes, csrf_of(secret), role, found.session_id, found.display_name)

    def revoke(self, secret: str) -> bool:
        """Sign out. False if the session was not live."""
        now, key = self.db.clock.now(), hashed(secret)
        with self.db.write() as connection:
            live = (SessionRow.hash == key, SessionRow.revoked_at.is_(None))
            who = connection.execute(select(SessionRow.principal).where(*live)).scalar_one_or_none()
            ended = connection.execute(update(SessionRow).where(*live).values(revoked_at=now)).rowcount
            if ended and who is not None:
                record(connection, now, who, "signed out")
        self.db.access_turn += 1
        return bool(ended)

    def _seen(self, key: str, user_name: str | None, now: datetime) -> None:
        try:
            with self.db.write() as connection:
                connection.execute(update(SessionRow).where(SessionRow.hash == key).values(last_seen_at=now))
                if user_name is not None:
                    connection.execute(update(UserRow).where(UserRow.name == user_name).values(last_seen_at=now))
        except StoreLocked:
            # Nobody is kept out because a note about them could not be taken: the next request takes it.
            return


class SignIn:
    """Links that sign in once, ever. The sessions they start last `session_lifetime`."""

    def __init__(self, db: StateDb, session_lifetime: timedelta = SESSION_LIFETIME) -> None:
        self.db = db
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
        now = self.db.clock.now()
        with self.db.write() as connection:
            secret = _issue(connection, now, now + lifetime, name, scopes_text(scopes), None)
            record(connection, now, by, "issued a sign-in link", name=name, scopes=scopes_text(scopes))
        return secret

    def issue_for(self, name: str, *, reset: bool = False, lifetime: timedelta = LINK_LIFETIME, by: str = "local") -> str:
        """A link that makes its first bearer the person of that name, with whatever role they have by then.

        `reset` forgets their password and ends their sessions and other links: for one who lost it, or whose account somebody else got into.
        Raises InputError for an unknown or disabled person, and a reset for one whose password is kept elsewhere.
        """
        now = self.db.clock.now()
        with self.db.write() as connection:
            found = connection.execute(person(name, UserRow.name, UserRow.source, UserRow.disabled_at)).one_or_none()
            if found is None:
                raise InputError(f"there is no user {name[:100]!r}", "people", "`bin/roomleft user list` shows them")
            if found.disabled_at is not None:
                raise InputError(f"{found.name} is disabled", "people", "enable the account first")
            if found.source != "local":
                raise InputError(f"{found.name} signs in elsewhere", "people", "a link is for people whose password is kept here")
            if reset:
                end_all(connection, found.name, now)
                connection.execute(
                    update(UserRow).where(UserRow.name == found.name).values(password_hash=None, password_set_at=None)
                )
            secret = _issue(connection, now, now + lifetime, found.name, "", found.name)
            record(connection, now, by, "reset a password" if reset else "issued a sign-in link", name=found.name)
        self.db.access_turn += 1
        return secret

    def redeem(self, secret: str, *, agent: str = "", address: str = "") -> str | None:
        """A new session's secret for a link's; None if the link is unknown, used or expired, or its person is gone or disabled. Of two at once, one
        wins."""
        now = self.db.clock.now()
        with self.db.write() as connection:
            used = update(SignInLinkRow).where(
                SignInLinkRow.hash == hashed(secret), SignInLinkRow.used_at.is_(None), SignInLinkRow.expires_at > now
            )
            if connection.execute(used.values(used_at=now)).rowcount != 1:
                return None
            name, scopes, user_name = connection.execute(
                select(SignInLinkRow.principal, SignInLinkRow.scopes, SignInLinkRow.user_name).where(
                    SignInLinkRow.hash == hashed(secret)
                )
            ).one()
            if user_name is not None:
                enabled = select(UserRow.name).where(UserRow.name == user_name, UserRow.disabled_at.is_(None))
                if connection.execute(enabled).one_or_none() is None:
                    return None
            record(connection, now, name, "signed in", how="link", address=address, browser=browser_of(agent))
            return _start(connection, name, scopes, user_name, "link", now, now + self.session_lifetime, agent, address)

    def start(self, user: User, how: str, *, agent: str = "", address: str = "") -> str:
        """A new session's secret for a person who has proved who they are, by one of HOWS. Raises InputError if they are gone or disabled by now."""
        now = self.db.clock.now()
        with self.db.write() as connection:
            enabled = select(UserRow.name).where(UserRow.name == user.name, UserRow.disabled_at.is_(None))
            if how not in HOWS or connection.execute(enabled).one_or_none() is None:
                raise InputError("this account cannot sign in", "sign-in", "ask an administrator")
            record(connection, now, user.name, "signed in", how=how, address=address, browser=browser_of(agent))
            return _start(connection, user.name, "", user.name, how, now, now + self.session_lifetime, agent, address)


def browser_of(agent: str) -> str:
    """A user agent in a few words, `Firefox on Linux`; what it says itself, shortened, where that is not known."""
    kept = " ".join("".join(letter for letter in agent if letter.isprintable()).split())[:AGENT_CHARACTERS]
    programs = ((r"Edg(?:A|iOS)?/", "Edge"), (r"OPR/", "Opera"), (r"SamsungBrowser/", "Samsung Internet"), (r"Firefox/|FxiOS/", "Firefox"),
                (r"Chrom(?:e|ium)/|CriOS/|HeadlessChrome/", "Chrome"), (r"Version/.*Safari/", "Safari"))  # fmt: skip
    systems = ((r"Android", "Android"), (r"iPhone", "iPhone"), (r"iPad", "iPad"), (r"Windows", "Windows"), (r"CrOS", "ChromeOS"),
               (r"Mac OS X|Macintosh", "macOS"), (r"Linux|X11", "Linux"))  # fmt: skip
    program = next((name for pattern, name in programs if re.search(pattern, kept)), "")
    system = next((name for pattern, name in systems if re.search(pattern, kept)), "")
    if program:
        return f"{program} on {system}" if system else program
    return kept[:60]


def forget_ended(connection: Connection, now: datetime) -> None:
    """Remove links and sessions that were over long ago."""
    before = now - KEEP_ENDED
    connection.execute(delete(SignInLinkRow).where(SignInLinkRow.expires_at < before))
    connection.execute(delete(SessionRow).where(or_(SessionRow.expires_at < before, SessionRow.revoked_at < before)))


def _issue(connection: Connection, now: datetime, expires_at: datetime, name: str, scopes: str, user_name: str | None) -> str:
    secret = new_secret("link")
    forget_ended(connection, now)
    connection.execute(
        insert(SignInLinkRow).values(
            hash=hashed(secret),
            principal=name,
            scopes=scopes,
            created_at=now,
            expires_at=expires_at,
            used_at=None,
            user_name=user_name,
        )
    )
    return secret


def _start(
    connection: Connection,
    name: str,
    scopes: str,
    user_name: str | None,
    how: str,
    now: datetime,
    expires_at: datetime,
    agent: str,
    address: str,
) -> str:
    secret = new_secret("session")
    forget_ended(connection, now)
    connection.execute(
        insert(SessionRow).values(
            hash=hashed(secret),
            principal=name,
            scopes=scopes,
            created_at=now,
            expires_at=expires_at,
            revoked_at=None,
            session_id=f"s_{secrets.token_hex(8)}",
            user_name=user_name,
            how=how,
            user_agent=browser_of(agent),
            address=address[:64],
            last_seen_at=now,
        )
    )
    if user_name is not None:
        connection.execute(update(UserRow).where(UserRow.name == user_name).values(last_seen_at=now))
    return secret
