"""The people who may sign in."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from roomleft.errors import InputError
from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models import SessionRow, SignInLinkRow, UserRow
from warehouse.state.names import checked_email, checked_name, checked_words, key_of
from warehouse.state.principals import Role

SOURCES = ("local", "oidc", "proxy")
"""How a person comes: by a password or link of ours, by a provider of identities, or as a proxy in front of us says."""
PROXY = "proxy"
"""Who vouches where a proxy in front of the server does: there is one name for all of them."""
FREE_NAMES = 100
SEEN_GRAIN = timedelta(minutes=5)
"""`last_seen_at` moves at most this often: a live page must not turn every request into a write."""


class LastAdmin(InputError):
    """The deed would leave nobody who may administer."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is the last administrator",
            "people",
            "make somebody else an administrator first; on the command line --force does it all the same",
        )


@dataclass(frozen=True, slots=True)
class User:
    """A person and their role. `source` is one of SOURCES; `last_seen_at` is true to five minutes."""

    name: str
    role: Role
    created_at: datetime
    created_by: str = ""
    display_name: str = ""
    email: str = ""
    source: str = "local"
    has_password: bool = False
    disabled_at: datetime | None = None
    last_seen_at: datetime | None = None

    @property
    def called(self) -> str:
        """How pages call them."""
        return self.display_name or self.name


_COLUMNS = (
    UserRow.name,
    UserRow.role,
    UserRow.created_at,
    UserRow.created_by,
    UserRow.display_name,
    UserRow.email,
    UserRow.source,
    UserRow.password_hash.is_not(None).label("has_password"),
    UserRow.disabled_at,
    UserRow.last_seen_at,
)


class Users:
    """Adds, lists, changes and removes people. How they sign in is SignIn's and Passwords' business. Each deed stands in the audit."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def add(
        self,
        name: str,
        role: Role,
        by: str = "local",
        *,
        email: str = "",
        display_name: str = "",
        source: str = "local",
        issuer: str = "",
    ) -> User:
        """A new person. Of somebody announced with the source `oidc`, `issuer` is the only provider whose word for their address counts. InputError
        if the name cannot be one or is taken, in whatever case."""
        kept = checked_name(name)
        if source not in SOURCES:
            raise InputError(f"nobody comes by {source[:40]!r}", "source", f"one of {', '.join(SOURCES)}")
        if (source == "oidc") != bool(issuer):
            raise InputError("a provider announces its own people alone", "issuer", "name the one who will vouch for this person")
        values = {
            "email": checked_email(email),
            "display_name": checked_words(display_name, "display name"),
            "source": source,
            "issuer": PROXY if source == "proxy" else issuer or None,
        }
        return self._insert(kept, role, by, values)

    def get(self, name: str) -> User | None:
        """The person of that name, in whatever case; None if there is none."""
        with self._db.read() as connection:
            found = connection.execute(person(name, *_COLUMNS)).one_or_none()
        return _user(found) if found is not None else None

    def list(self) -> builtins.list[User]:
        """Everyone, by name."""
        with self._db.read() as connection:
            return [_user(row) for row in connection.execute(select(*_COLUMNS).order_by(UserRow.name_key))]

    def any_password(self) -> bool:
        """Whether anybody has one."""
        with self._db.read() as connection:
            return connection.execute(select(UserRow.name).where(UserRow.password_hash.is_not(None)).limit(1)).first() is not None

    def change(
        self,
        name: str,
        by: str = "local",
        *,
        role: Role | None = None,
        email: str | None = None,
        display_name: str | None = None,
        disabled: bool | None = None,
        force: bool = False,
    ) -> User:
        """Change what is given. A new role and being disabled hold for live sessions too, within seconds; disabling ends them.

        Raises InputError for an unknown person, and LastAdmin unless forced.
        """
        now = self._db.clock.now()
        values: dict[str, Any] = {}
        if email is not None:
            values["email"] = checked_email(email)
        if display_name is not None:
            values["display_name"] = checked_words(display_name, "display name")
        with self._db.write() as connection:
            before = _known(connection, name)
            if role is not None:
                values["role"] = role.value
            if disabled is not None and disabled != (before.disabled_at is not None):
                values["disabled_at"] = now if disabled else None
            values = {key: value for key, value in values.items() if value != getattr(before, key)}
            if values:
                if (
                    before.role == Role.ADMIN
                    and before.disabled_at is None
                    and ("role" in values or values.get("disabled_at"))
                    and not force
                ):
                    _check_another_admin(connection, before.name)
                connection.execute(update(UserRow).where(UserRow.name == before.name).values(**values))
                if values.get("disabled_at"):
                    end_all(connection, before.name, now)
                _note_change(connection, now, by, before, values)
            found = connection.execute(select(*_COLUMNS).where(UserRow.name == before.name)).one()
        self._db.access_turn += bool(values)
        return _user(found)

    def remove(self, name: str, by: str = "local", *, force: bool = False) -> bool:
        """Remove a person, end their sessions and void their unused links. False if there is no such person. Raises LastAdmin unless forced."""
        now = self._db.clock.now()
        with self._db.write() as connection:
            found = connection.execute(_find(name)).one_or_none()
            if found is None:
                return False
            if found.role == Role.ADMIN and found.disabled_at is None and not force:
                _check_another_admin(connection, found.name)
            connection.execute(delete(UserRow).where(UserRow.name == found.name))
            end_all(connection, found.name, now)
            record(connection, now, by, "removed a user", name=found.name)
        self._db.access_turn += 1
        return True

    def arrive(
        self,
        source: str,
        issuer: str,
        subject: str,
        *,
        name: str,
        email: str = "",
        email_verified: bool = False,
        display_name: str = "",
        role: Role | None,
    ) -> User | None:
        """Who somebody else vouches for: known by `issuer` and `subject` alone, since names and addresses can be taken over.

        Somebody new is made with `role`; without one they must have been added before, for this issuer and with the verified `email`, else None. A
        `role` given at any arrival becomes theirs, but the last administrator keeps theirs. A name that is taken gets a number.
        """
        by = f"{source} {issuer}" if source == "oidc" else source
        found = self._arrived(source, issuer, subject)
        if found is None and email and email_verified:
            found = self._claim(source, issuer, subject, email, by)
        if found is not None:
            return self._seen_again(found, by, role, email, display_name)
        if role is None:
            return None
        values = {"source": source, "issuer": issuer, "subject": subject} | _as_told(email, display_name)
        for number in range(FREE_NAMES):
            called = checked_name(f"{name} ({number + 1})" if number else name)
            if self.get(called) is not None:
                continue
            try:
                return self._insert(called, role, by, values)
            except InputError:
                # Their own other tab may have been quicker: then it is not the name that was taken.
                if (made := self._arrived(source, issuer, subject)) is not None:
                    return self._seen_again(made, by, role, email, display_name)
        raise InputError("no free name was found", "people", "add the person by hand, with their e-mail address")

    def _arrived(self, source: str, issuer: str, subject: str) -> str | None:
        """The name of who has come before."""
        known = select(UserRow.name).where(UserRow.issuer == issuer, UserRow.subject == subject, UserRow.source == source)
        with self._db.read() as connection:
            return connection.execute(known).scalar_one_or_none()

    def _claim(self, source: str, issuer: str, subject: str, email: str, by: str) -> str | None:
        """The name of the one person who was announced for this issuer with this address and has never come yet."""
        announced = (UserRow.source == source, UserRow.issuer == issuer, UserRow.subject.is_(None))
        with self._db.read() as connection:
            told = connection.execute(select(UserRow.name, UserRow.email).where(*announced)).all()
        fits = [name for name, address in told if address and address.casefold() == email.casefold()]
        if len(fits) == 1:
            try:
                with self._db.write() as connection:
                    claim = update(UserRow).where(UserRow.name == fits[0], *announced).values(subject=subject)
                    if connection.execute(claim).rowcount == 1:
                        record(connection, self._db.clock.now(), by, "first arrival", name=fits[0])
            except IntegrityError:
                pass  # they have come meanwhile, by another tab
        return self._arrived(source, issuer, subject) if fits else None

    def _seen_again(self, name: str, by: str, role: Role | None, email: str, display_name: str) -> User | None:
        told: dict[str, Any] = {key: value for key, value in _as_told(email, display_name).items() if value}
        user, now = self.get(name), self._db.clock.now()
        if user is None:
            return None
        if user.last_seen_at is None or now - user.last_seen_at >= SEEN_GRAIN:
            with self._db.write() as connection:
                connection.execute(update(UserRow).where(UserRow.name == user.name).values(last_seen_at=now))
        if role in (None, user.role) and all(getattr(user, key) == value for key, value in told.items()):
            # A proxy vouches with every request: most change nothing, and must not wait for a writer.
            return user
        try:
            return self.change(name, by, role=role, **told)
        except LastAdmin:
            return self.change(name, by, **told)

    def _insert(self, name: str, role: Role, by: str, values: dict[str, Any]) -> User:
        now = self._db.clock.now()
        try:
            with self._db.write() as connection:
                connection.execute(insert(UserRow).values(name=name, role=role.value, created_at=now, created_by=by, **values))
                record(connection, now, by, "added a user", name=name, role=role.value, source=values["source"])
                return _user(connection.execute(select(*_COLUMNS).where(UserRow.name == name)).one())
        except IntegrityError as error:
            raise InputError(f"there is already a user {name!r}", "users", "choose another name") from error


class Ended(NamedTuple):
    """How many live sessions and unused links are over now."""

    sessions: int
    links: int


def person(name: str, *columns: Any) -> Select[Any]:
    """Asks for `columns` of the person of that name: of the very one, else of who has it in other letters. Before names were told apart without
    case two might differ in that alone."""
    fits = or_(UserRow.name == name, UserRow.name_key == key_of(name))
    return select(*columns).where(fits).order_by(UserRow.name != name).limit(1)


def end_all(connection: Connection, name: str, now: datetime, but: str | None = None) -> Ended:
    """End a person's live sessions, all `but` the one of that id, and void their unused links."""
    theirs = or_(SessionRow.user_name == name, SessionRow.principal == name)
    ending = update(SessionRow).where(theirs, SessionRow.revoked_at.is_(None), SessionRow.expires_at > now)
    ended = connection.execute((ending.where(SessionRow.session_id != but) if but else ending).values(revoked_at=now)).rowcount
    links = or_(SignInLinkRow.user_name == name, SignInLinkRow.principal == name)
    unused = delete(SignInLinkRow).where(links, SignInLinkRow.used_at.is_(None))
    return Ended(ended, connection.execute(unused).rowcount)


def _user(row: Any) -> User:
    values = dict(row._mapping)
    return User(**{**values, "role": Role(values["role"]), "has_password": bool(values["has_password"])})


def _find(name: str) -> Any:
    return person(name, UserRow.name, UserRow.role, UserRow.email, UserRow.display_name, UserRow.disabled_at)


def _known(connection: Connection, name: str) -> Any:
    found = connection.execute(_find(name)).one_or_none()
    if found is None:
        raise InputError(f"there is no user {name[:100]!r}", "people", "`bin/roomleft user list` shows them")
    return found


def _check_another_admin(connection: Connection, name: str) -> None:
    """Locks the administrators, so that of two who end each other's role together one stays."""
    admins = select(UserRow.name).where(UserRow.role == Role.ADMIN.value, UserRow.disabled_at.is_(None)).order_by(UserRow.name)
    if not {each for (each,) in connection.execute(admins.with_for_update())} - {name}:
        raise LastAdmin(name)


def _note_change(connection: Connection, now: datetime, by: str, before: Any, values: dict[str, Any]) -> None:
    changed = {key: value for key, value in values.items() if key != "disabled_at"}
    if "role" in changed:
        record(connection, now, by, "changed a role", name=before.name, before=before.role, role=changed.pop("role"))
    if changed:
        record(connection, now, by, "changed a user", name=before.name, **changed)
    if "disabled_at" in values:
        record(connection, now, by, "disabled a user" if values["disabled_at"] else "enabled a user", name=before.name)


def _as_told(email: str, display_name: str) -> dict[str, str]:
    """What an outside voucher says, less what cannot be kept: a strange address is no reason to keep somebody out."""
    told = {"email": "", "display_name": ""}
    for key, check in (("email", checked_email), ("display_name", lambda words: checked_words(words, "display name"))):
        try:
            told[key] = check(email if key == "email" else display_name)
        except InputError:
            continue
    return told
