"""Live sessions as people see them: listed, and ended one by one."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from roomleft.errors import InputError
from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models import SessionRow
from warehouse.state.names import key_of
from warehouse.state.users import end_all


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A signed-in browser. `who` is its person, or what its link called them; `user` is None for a link of no user. `last_seen_at` is true to five
    minutes."""

    session_id: str
    who: str
    user: str | None
    how: str
    browser: str
    address: str
    created_at: datetime
    expires_at: datetime
    last_seen_at: datetime | None


class OpenSessions:
    """Lists and ends them. Each ending stands in the audit, and holds on this server at once, on others within seconds."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def list(self, who: str | None = None, *, session_id: str | None = None) -> builtins.list[OpenSession]:
        """The live sessions of everybody or of one, the newest seen first. With `session_id` those of whoever holds that session: of a person all
        of theirs, of a link of no user that one."""
        now = self._db.clock.now()
        wanted = select(
            SessionRow.session_id,
            SessionRow.principal,
            SessionRow.user_name,
            SessionRow.how,
            SessionRow.user_agent,
            SessionRow.address,
            SessionRow.created_at,
            SessionRow.expires_at,
            SessionRow.last_seen_at,
        ).where(SessionRow.revoked_at.is_(None), SessionRow.expires_at > now)
        with self._db.read() as connection:
            found = [OpenSession(*row) for row in connection.execute(wanted)]
        if session_id is not None:
            own = next((each for each in found if each.session_id == session_id), None)
            found = [each for each in found if own and (each is own or (own.user is not None and each.user == own.user))]
        if who is not None:
            found = [each for each in found if key_of(each.who) == key_of(who)]
        return sorted(found, key=lambda each: (each.last_seen_at or each.created_at, each.session_id), reverse=True)

    def end(self, session_id: str, by: str) -> OpenSession:
        """End one. Raises InputError if there is no such live session."""
        now = self._db.clock.now()
        found = next((each for each in self.list() if each.session_id == session_id), None)
        with self._db.write() as connection:
            live = (SessionRow.session_id == session_id, SessionRow.revoked_at.is_(None))
            if found is None or connection.execute(update(SessionRow).where(*live).values(revoked_at=now)).rowcount != 1:
                raise InputError("there is no such session, or it is over", "sessions", "read the list again")
            record(connection, now, by, "ended a session", name=found.who, browser=found.browser, address=found.address)
        self._db.access_turn += 1
        return found

    def end_all(self, who: str, by: str, *, but: str | None = None) -> int:
        """End every live session of one, all `but` the one of that id, and void their unused links; how many sessions ended."""
        now = self._db.clock.now()
        with self._db.write() as connection:
            ended = end_all(connection, who, now, but)
            if any(ended):
                record(connection, now, by, "ended all sessions", name=who, sessions=ended.sessions, links=ended.links)
        self._db.access_turn += 1
        return ended.sessions
