"""What was announced so that it is no surprise: launches, back-fills, holidays, campaigns. Each deed stands in the audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from roomleft.errors import InputError
from roomleft.timespan import utc
from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models_reports import ExpectedEventRow

KINDS = ("launch", "backfill", "holiday", "campaign", "other")
WORDS = {"launch": "launch", "backfill": "back-fill", "holiday": "holiday", "campaign": "campaign", "other": "expected"}
LONGEST = timedelta(days=400)
LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class ExpectedEvent:
    """Something announced for [starts_at, ends_at). `platform` and `target` empty: all of them; a target stands for its parts (`#…`) too."""

    id: int
    kind: str
    platform: str
    target: str
    starts_at: datetime
    ends_at: datetime
    note: str
    made_by: str
    made_at: datetime
    ended_by: str | None = None
    ended_at: datetime | None = None

    @property
    def until(self) -> datetime:
        """Its end, or when it was called off before that."""
        return self.ends_at if self.ended_at is None else max(min(self.ends_at, self.ended_at), self.starts_at)

    @property
    def words(self) -> str:
        """`launch: world cup`."""
        return WORDS[self.kind] + (f": {self.note}" if self.note else "")

    def covers(self, platform: str, target: str, since: datetime, until: datetime) -> bool:
        """Whether it speaks of some of [since, until) of a target."""
        if self.platform not in ("", platform) or not (self.starts_at < until and since < self.until):
            return False
        return self.target in ("", target) or target.startswith(f"{self.target}#")


class ExpectedEvents:
    """The announced events of one installation."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def add(
        self, kind: str, starts_at: datetime, ends_at: datetime, *, who: str, now: datetime, platform: str = "", target: str = "",
        note: str = "",
    ) -> ExpectedEvent:  # fmt: skip
        """Announce something; announced twice, it is the one that stands. Raises InputError for what can be no event."""
        since, until = utc(starts_at), utc(ends_at)
        if kind not in KINDS:
            raise InputError(f"{kind[:40]!r} is no kind of event", "kind", f"one of {', '.join(KINDS)}")
        if until <= since:
            raise InputError("it would end before it begins", "until", "give an end after the beginning")
        if until - since > LONGEST:
            raise InputError(f"it would last longer than {LONGEST.days} days", "until", "what lasts that long is how things are")
        if len(note) > LONGEST_NOTE:
            raise InputError(f"the note has more than {LONGEST_NOTE} characters", "note", "say it shorter")
        if target and platform and not target.startswith(f"{platform}/"):
            raise InputError(f"{target[:80]!r} is no target of {platform}", "target", f"targets begin with {platform}/")
        values = {"kind": kind, "platform": platform, "target": target, "starts_at": since, "ends_at": until, "note": note}
        with self._db.write() as connection:
            same = [getattr(ExpectedEventRow, name) == value for name, value in values.items()]
            old = (
                connection.execute(select(ExpectedEventRow.__table__).where(*same, ExpectedEventRow.ended_at.is_(None)))
                .mappings()
                .first()
            )
            if old is not None:
                return _event(old)
            made = insert(ExpectedEventRow).values(**values, made_by=who, made_at=now).returning(ExpectedEventRow.id)
            number = int(connection.execute(made).scalar_one())
            record(connection, self._db.clock.now(), who, "expect", id=number, **values)
        return ExpectedEvent(number, made_by=who, made_at=now, **values)  # type: ignore[arg-type]

    def end(self, number: int, *, who: str, now: datetime) -> ExpectedEvent:
        """Call an event off, or end it now. Raises InputError when there is none to end."""
        with self._db.write() as connection:
            row = connection.execute(select(ExpectedEventRow.__table__).where(ExpectedEventRow.id == number)).mappings().first()
            if row is None or row["ended_at"] is not None:
                raise InputError(f"there is no expected event {number} to end", "expect", "`expect list` tells their numbers")
            connection.execute(update(ExpectedEventRow).where(ExpectedEventRow.id == number).values(ended_by=who, ended_at=now))
            record(connection, self._db.clock.now(), who, "end expected event", id=number, note=row["note"])
        return _event({**row, "ended_by": who, "ended_at": now})

    def all(self, *, ending_after: datetime | None = None, platform: str | None = None) -> list[ExpectedEvent]:
        """The events, newest beginning first; of those that ended, only what ended after an instant; of a platform with those of all."""
        wanted = select(ExpectedEventRow.__table__).order_by(ExpectedEventRow.starts_at.desc(), ExpectedEventRow.id.desc())
        if ending_after is not None:
            wanted = wanted.where(ExpectedEventRow.ends_at > ending_after)
        if platform is not None:
            wanted = wanted.where(ExpectedEventRow.platform.in_(("", platform)))
        with self._db.read() as connection:
            found = [_event(row) for row in connection.execute(wanted).mappings()]
        return [each for each in found if ending_after is None or each.until > ending_after]

    def lasting(self, after: datetime) -> list[ExpectedEvent]:
        """Those that end after an instant."""
        return self.all(ending_after=after)


def known_as(events: Iterable[ExpectedEvent], platform: str, target: str, since: datetime, until: datetime) -> str:
    """The announced event that explains [since, until) of a target, in words; empty for none."""
    found = [event for event in events if event.until > event.starts_at and event.covers(platform, target, since, until)]
    return max(found, key=lambda event: (bool(event.target), bool(event.platform), event.starts_at)).words if found else ""


def _event(row: Mapping[Any, Any]) -> ExpectedEvent:
    return ExpectedEvent(**row)
