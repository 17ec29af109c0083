"""Which stretches of the books are closed: in those no cost may change any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from roomleft.errors import InputError
from roomleft.timespan import utc
from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models import ClosedPeriodRow


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """The books of a platform ('' for all) in [since, until) are closed, unless `reopened_at`."""

    id: int
    platform: str
    since: datetime
    until: datetime
    note: str
    closed_by: str
    closed_at: datetime
    reopened_by: str | None
    reopened_at: datetime | None


class ClosedPeriods:
    """Closing and reopening the books; each deed stands in the audit."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def close(self, since: datetime, until: datetime, *, who: str, platform: str = "", note: str = "") -> int:
        """Close [since, until); its id. Raises InputError for an empty span or one that is not over."""
        since, until = utc(since), utc(until)
        at = self._db.clock.now()
        if since >= until or until > at:
            raise InputError(
                "only a span that is over can be closed", f"{since:%Y-%m-%d} to {until:%Y-%m-%d}", "wait for its end"
            )
        with self._db.write() as connection:
            made = connection.execute(
                insert(ClosedPeriodRow).values(
                    platform=platform, since=since, until=until, note=note, closed_by=who, closed_at=at
                )
            )
            key = made.inserted_primary_key
            assert key is not None, "an insert of one row tells its key"
            record(connection, at, who, "close books", id=key[0], platform=platform, since=since, until=until, note=note)
        return int(key[0])

    def reopen(self, period_id: int, *, who: str) -> None:
        """Open a closed stretch again. Raises InputError when there is none."""
        at = self._db.clock.now()
        with self._db.write() as connection:
            still = ClosedPeriodRow.reopened_at.is_(None)
            changed = connection.execute(
                update(ClosedPeriodRow).where(ClosedPeriodRow.id == period_id, still).values(reopened_by=who, reopened_at=at)
            )
            if changed.rowcount != 1:
                raise InputError(f"there are no closed books {period_id}", "closed periods", "they may be open again already")
            record(connection, at, who, "reopen books", id=period_id)

    def closed(self) -> list[ClosedPeriod]:
        """Every stretch that is closed now, oldest first."""
        wanted = select(ClosedPeriodRow.__table__).where(ClosedPeriodRow.reopened_at.is_(None)).order_by(ClosedPeriodRow.since)
        with self._db.read() as connection:
            return [_period(row) for row in connection.execute(wanted).mappings()]


def _period(row: Mapping[Any, Any]) -> ClosedPeriod:
    return ClosedPeriod(**row)
