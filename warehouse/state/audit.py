"""Who did what, when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from warehouse.state.database import StateDb
from warehouse.state.models import AuditRow


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing somebody did."""

    id: int
    at: datetime
    who: str
    what: str
    detail: dict[str, object]


def record(connection: Connection, at: datetime, who: str, what: str, **detail: object) -> None:
    """Add an entry in the transaction of the deed itself, so that neither exists without the other."""
    connection.execute(insert(AuditRow).values(at=at, who=who, what=what, detail=json.dumps(detail, sort_keys=True, default=str)))


class Audit:
    """The list of deeds: appended to, never edited."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def add(self, who: str, what: str, detail: Mapping[str, object] | None = None) -> None:
        """Note that `who` did `what`. `detail` must hold no secret."""
        with self._db.write() as connection:
            record(connection, self._db.clock.now(), who, what, **(detail or {}))

    def recent(self, count: int = 100) -> list[AuditEntry]:
        """The newest `count` entries, newest first."""
        with self._db.read() as connection:
            found = connection.execute(
                select(AuditRow.id, AuditRow.at, AuditRow.who, AuditRow.what, AuditRow.detail)
                .order_by(AuditRow.id.desc())
                .limit(count)
            ).all()
        return [AuditEntry(id_, at, who, what, json.loads(detail)) for id_, at, who, what, detail in found]
