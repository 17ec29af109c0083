"""What people decide in the app and from when it holds: edited limits, mapping rules, contracts, credits. Appended to, never edited.

A later decision about the same subject takes the older one's place from its `valid_from` on; withdrawing one brings the older one back.
Each deed stands in the audit in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from roomleft.errors import InputError
from roomleft.timespan import utc
from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models import TermRow


@dataclass(frozen=True, slots=True)
class Term:
    """One decision. `subject` is what it is about within its kind (a limit's id, a rule's name); `platform` '' for all of them."""

    id: int
    kind: str
    subject: str
    platform: str
    valid_from: datetime
    valid_to: datetime | None
    content: dict[str, Any]
    note: str
    made_by: str
    made_at: datetime
    withdrawn_by: str | None
    withdrawn_at: datetime | None

    def holds_at(self, instant: datetime) -> bool:
        """Whether it holds then, by its own dates."""
        return self.withdrawn_at is None and self.valid_from <= instant and (self.valid_to is None or instant < self.valid_to)


class Terms:
    """The decisions of every kind."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def add(
        self,
        kind: str,
        subject: str,
        content: Mapping[str, Any],
        *,
        who: str,
        valid_from: datetime,
        valid_to: datetime | None = None,
        platform: str = "",
        note: str = "",
    ) -> int:
        """Note a decision and its audit entry; its id. `content` must be JSON and hold no secret. Raises InputError for dates that hold never."""
        since, until = utc(valid_from), utc(valid_to) if valid_to is not None else None
        if until is not None and until <= since:
            raise InputError("it would end before it begins", f"{kind} {subject}", "give an end after the first day")
        at = self._db.clock.now()
        with self._db.write() as connection:
            made = connection.execute(
                insert(TermRow).values(
                    kind=kind, subject=subject, platform=platform, valid_from=since, valid_to=until,
                    content=json.dumps(content, sort_keys=True, default=str), note=note, made_by=who, made_at=at,
                )
            )  # fmt: skip
            key = made.inserted_primary_key
            assert key is not None, "an insert of one row tells its key"
            detail = {
                "subject": subject,
                "platform": platform,
                "from": since,
                "to": until,
                "content": dict(content),
                "note": note,
            }
            record(connection, at, who, f"set {kind}", id=key[0], **detail)
        return int(key[0])

    def withdraw(self, term_id: int, *, who: str) -> Term:
        """Take a decision back; what held before it holds again. Raises InputError when there is none to take back."""
        at = self._db.clock.now()
        with self._db.write() as connection:
            row = connection.execute(select(TermRow.__table__).where(TermRow.id == term_id)).mappings().first()
            if row is None or row["withdrawn_at"] is not None:
                raise InputError(f"there is no decision {term_id} to take back", "terms", "it may be withdrawn already")
            connection.execute(update(TermRow).where(TermRow.id == term_id).values(withdrawn_by=who, withdrawn_at=at))
            record(connection, at, who, f"withdraw {row['kind']}", id=term_id, subject=row["subject"], platform=row["platform"])
        return _term({**row, "withdrawn_by": who, "withdrawn_at": at})

    def all(self, kind: str, *, subject: str | None = None) -> list[Term]:
        """Every decision of a kind, withdrawn ones too, oldest first."""
        wanted = select(TermRow.__table__).where(TermRow.kind == kind).order_by(TermRow.id)
        if subject is not None:
            wanted = wanted.where(TermRow.subject == subject)
        with self._db.read() as connection:
            return [_term(row) for row in connection.execute(wanted).mappings()]

    def standing(self, kind: str) -> list[Term]:
        """Every decision of a kind that was not withdrawn, in the order they take each other's place: by valid_from, then by id."""
        return sorted((term for term in self.all(kind) if term.withdrawn_at is None), key=lambda term: (term.valid_from, term.id))

    def in_force(self, kind: str, now: datetime) -> dict[tuple[str, str], Term]:
        """The newest decision that holds now, by (platform, subject)."""
        return {(term.platform, term.subject): term for term in self.standing(kind) if term.holds_at(now)}


def _term(row: Mapping[Any, Any]) -> Term:
    return Term(**{**row, "content": json.loads(row["content"])})
