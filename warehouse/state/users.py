"""The people who may sign in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from roomleft.errors import InputError
from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models import SessionRow, SignInLinkRow, UserRow
from warehouse.state.principals import Role


@dataclass(frozen=True, slots=True)
class User:
    """A person and their role."""

    name: str
    role: Role
    created_at: datetime


class Users:
    """Adds, lists and removes people. How they sign in is SignIn's business."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def add(self, name: str, role: Role, by: str = "local") -> User:
        """A new person. InputError if the name is empty or taken."""
        if not name.strip():
            raise InputError("a user needs a name", "users")
        now = self._db.clock.now()
        try:
            with self._db.write() as connection:
                connection.execute(insert(UserRow).values(name=name, role=role.value, created_at=now))
                record(connection, now, by, "added a user", name=name, role=role.value)
        except IntegrityError as error:
            raise InputError(f"there is already a user {name!r}", "users", "choose another name") from error
        return User(name, role, now)

    def list(self) -> list[User]:
        """Everyone, by name."""
        with self._db.read() as connection:
            found = connection.execute(select(UserRow.name, UserRow.role, UserRow.created_at).order_by(UserRow.name)).all()
        return [User(name, Role(role), created_at) for name, role, created_at in found]

    def remove(self, name: str, by: str = "local") -> bool:
        """Remove a person, end their sessions and void their unused links. False if there is no such person."""
        now = self._db.clock.now()
        with self._db.write() as connection:
            if connection.execute(delete(UserRow).where(UserRow.name == name)).rowcount == 0:
                return False
            connection.execute(delete(SignInLinkRow).where(SignInLinkRow.principal == name))
            connection.execute(
                update(SessionRow).where(SessionRow.principal == name, SessionRow.revoked_at.is_(None)).values(revoked_at=now)
            )
            record(connection, now, by, "removed a user", name=name)
        return True
