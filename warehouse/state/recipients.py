"""Who gets a report by mail: added, listed, ended. Each deed stands in the audit."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, text, update

from roomleft.errors import InputError
from roomleft.packs_fields import ADDRESS
from roomleft.timespan import known_zones
from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models_reports import MailingRow, RecipientRow

WEEKLY = "weekly"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LISTED_ENDED = timedelta(days=30)
"""How long one who ended is still listed as such."""
LONGEST_ADDRESS, LONGEST_LOCAL_PART = 254, 64
"""RFC 5321: 254 characters in a path, 64 before the @."""
ADDING_LOCK = 0x726F6F6D72656370
"""The advisory lock on PostgreSQL: "roomrecp" in ASCII."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One who gets `report` on `weekday` at the full `hour` of `zone`. `platforms` empty: of all of them."""

    id: int
    address: str
    report: str
    zone: str
    weekday: str
    hour: int
    platforms: tuple[str, ...]
    made_by: str
    made_at: datetime
    ended_by: str | None = None
    ended_at: datetime | None = None

    @property
    def tz(self) -> ZoneInfo:
        """The zone whose clocks decide when it is due."""
        return ZoneInfo(self.zone)


class Recipients:
    """The recipients of one installation."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def add(
        self,
        address: str,
        *,
        who: str,
        report: str = WEEKLY,
        zone: str = "UTC",
        weekday: str = "mon",
        hour: int = 8,
        platforms: Collection[str] = (),
    ) -> Recipient:
        """Send `report` to an address from now on. One that gets it already gets it by these terms instead. Raises InputError."""
        address = checked_address(address)
        values = {
            "address": address,
            "report": report,
            "zone": _zone(zone),
            "weekday": _weekday(weekday),
            "hour": _hour(hour),
            "platforms": json.dumps(sorted(set(platforms))),
        }
        now = self._db.clock.now()
        with self._db.write() as connection:
            if not self._db.is_sqlite:  # there is no row yet that two who add the same address could wait for
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADDING_LOCK})
            for old in self._rows(connection, RecipientRow.address == address, RecipientRow.report == report):
                if all(old[name] == value for name, value in values.items()):
                    return _recipient(old)
                connection.execute(update(RecipientRow).where(RecipientRow.id == old["id"]).values(ended_by=who, ended_at=now))
            made = insert(RecipientRow).values(**values, made_by=who, made_at=now).returning(RecipientRow.id)
            number = int(connection.execute(made).scalar_one())
            record(connection, now, who, "add recipient", id=number, **values)
        return _recipient({"id": number, **values, "made_by": who, "made_at": now, "ended_by": None, "ended_at": None})

    def end(self, which: int | str, *, who: str) -> Recipient:
        """Send nothing more to a recipient, by number or address; what still waits for them is called off. Raises InputError."""
        now = self._db.clock.now()
        wanted = (
            RecipientRow.address == which.strip()
            if isinstance(which, str) and not which.isdecimal()
            else RecipientRow.id == int(which)
        )
        with self._db.write() as connection:
            found = self._rows(connection, wanted)
            if not found:
                raise InputError(f"there is no recipient {str(which)[:100]!r}", "recipients", "`recipient list` names them all")
            numbers = [row["id"] for row in found]
            live = RecipientRow.id.in_(numbers) & RecipientRow.ended_at.is_(None)
            connection.execute(update(RecipientRow).where(live).values(ended_by=who, ended_at=now))
            waits = (
                MailingRow.recipient_id.in_(numbers) & MailingRow.state.in_(("waiting", "unknown")) & MailingRow.done_at.is_(None)
            )
            connection.execute(
                update(MailingRow).where(waits).values(state="called_off", done_at=now, answer="the recipient was ended")
            )
            for row in found:
                record(connection, now, who, "end recipient", id=row["id"], address=row["address"], report=row["report"])
        return _recipient({**found[0], "ended_by": who, "ended_at": now})

    def live(self, report: str | None = None) -> list[Recipient]:
        """Those who get a report (None: any) now, by address."""
        conditions = () if report is None else (RecipientRow.report == report,)
        with self._db.read() as connection:
            return [_recipient(row) for row in self._rows(connection, *conditions)]

    def ended(self, report: str) -> list[Recipient]:
        """Those who got a report and were ended in the last 30 days, the newest first; without those who get it again."""
        since = self._db.clock.now() - LISTED_ENDED
        wanted = select(RecipientRow.__table__).where(RecipientRow.report == report, RecipientRow.ended_at >= since)
        with self._db.read() as connection:
            live = {row["address"] for row in self._rows(connection, RecipientRow.report == report)}
            rows = connection.execute(wanted.order_by(RecipientRow.ended_at.desc(), RecipientRow.id.desc())).mappings()
            newest: dict[str, Recipient] = {}
            for row in rows:
                newest.setdefault(row["address"], _recipient(row))
        return [each for each in newest.values() if each.address not in live]

    def find(self, number: int) -> Recipient | None:
        """One by number, ended or not."""
        with self._db.read() as connection:
            row = connection.execute(select(RecipientRow.__table__).where(RecipientRow.id == number)).mappings().first()
        return None if row is None else _recipient(row)

    def _rows(self, connection: Connection, *conditions: Any) -> list[Mapping[Any, Any]]:
        wanted = select(RecipientRow.__table__).where(RecipientRow.ended_at.is_(None), *conditions)
        return list(connection.execute(wanted.order_by(RecipientRow.address, RecipientRow.id)).mappings())


def checked_address(given: object) -> str:
    """An e-mail address that can stand in a header and an envelope as it is. Raises InputError, which does not repeat more of it than is needed."""
    address = given.strip() if isinstance(given, str) else ""
    local, _, domain = address.rpartition("@")
    fits = ADDRESS.fullmatch(address) and len(address) <= LONGEST_ADDRESS and len(local) <= LONGEST_LOCAL_PART
    if not fits or local.startswith(".") or local.endswith(".") or ".." in local or ".." in domain:
        shown = ascii(str(given)[:60])
        raise InputError(
            f"{shown} is not an e-mail address", "address", "one address, for example finance@example.org, and no name"
        )
    return address


def _zone(name: object) -> str:
    if not isinstance(name, str) or name not in known_zones():
        raise InputError(f"{str(name)[:60]!a} is not a time zone", "zone", "write for example Europe/Berlin, or UTC")
    return name


def _weekday(name: object) -> str:
    short = str(name).strip().lower()[:3]
    if short not in WEEKDAYS:
        raise InputError(f"{str(name)[:40]!a} is not a day of the week", "weekday", f"one of {', '.join(WEEKDAYS)}")
    return short


def _hour(hour: object) -> int:
    if isinstance(hour, bool) or not isinstance(hour, int) or not 0 <= hour <= 23:
        raise InputError(f"{str(hour)[:40]!a} is not an hour of the day", "hour", "a whole number from 0 to 23")
    return hour


def _recipient(row: Mapping[Any, Any]) -> Recipient:
    values = {name: row[name] for name in Recipient.__dataclass_fields__}
    return Recipient(**{**values, "platforms": tuple(json.loads(values["platforms"]))})
