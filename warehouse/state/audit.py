"""Who did what, when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, or_, select

from warehouse.state.database import StateDb
from warehouse.state.models import AuditRow

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing somebody did."""

    id: int
    at: datetime
    who: str
    what: str
    detail: dict[str, object]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries: of whom, which deeds (any of `what`, empty: all), in [since, until), with words anywhere in them, whatever their case."""

    who: str = ""
    what: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""


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
        return self.page(Asked(), count)

    def page(self, asked: Asked, count: int, *, before: int | None = None, after: int | None = None) -> list[AuditEntry]:
        """At most `count` entries, newest first: the newest of all, those older than the entry `before`, or those just newer than `after`."""
        wanted = _wanted(asked)
        if after is not None:
            newer = wanted.where(AuditRow.id > after).order_by(AuditRow.id).limit(count)
            return self._entries(newer)[::-1]
        if before is not None:
            wanted = wanted.where(AuditRow.id < before)
        return self._entries(wanted.order_by(AuditRow.id.desc()).limit(count))

    def count(self, asked: Asked) -> int:
        """How many entries there are."""
        with self._db.read() as connection:
            return int(connection.execute(select(func.count()).select_from(_wanted(asked).subquery())).scalar_one())

    def each(self, asked: Asked) -> Iterator[AuditEntry]:
        """All of them, newest first, read a chunk at a time."""
        before = None
        while found := self.page(asked, CHUNK, before=before):
            yield from found
            before = found[-1].id

    def names(self) -> tuple[list[str], list[str]]:
        """Everybody who did something, and every kind of deed there is, in order."""
        with self._db.read() as connection:
            who = [name for (name,) in connection.execute(select(AuditRow.who).distinct().order_by(AuditRow.who))]
            what = [deed for (deed,) in connection.execute(select(AuditRow.what).distinct().order_by(AuditRow.what))]
        return who, what

    def _entries(self, wanted: Select[Any]) -> list[AuditEntry]:
        with self._db.read() as connection:
            found = connection.execute(wanted).all()
        return [AuditEntry(id_, at, who, what, json.loads(detail)) for id_, at, who, what, detail in found]


def _wanted(asked: Asked) -> Select[Any]:
    wanted: Select[Any] = select(AuditRow.id, AuditRow.at, AuditRow.who, AuditRow.what, AuditRow.detail)  # type: ignore[assignment]
    if asked.who:
        wanted = wanted.where(AuditRow.who == asked.who)
    if asked.what:
        wanted = wanted.where(AuditRow.what.in_(list(asked.what)))
    if asked.since is not None:
        wanted = wanted.where(AuditRow.at >= asked.since)
    if asked.until is not None:
        wanted = wanted.where(AuditRow.at < asked.until)
    for word in asked.words.split():
        wanted = wanted.where(or_(*(_contains(column, word) for column in (AuditRow.who, AuditRow.what, AuditRow.detail))))
    return wanted


def _contains(column: Any, word: str) -> ColumnElement[bool]:
    # Beyond ASCII the stored JSON is escaped: é is written \\u00e9 in `detail`, as itself elsewhere.
    word = json.dumps(word)[1:-1] if column is AuditRow.detail else word
    found: ColumnElement[bool] = func.lower(column).contains(word.lower(), autoescape=True)
    return found
