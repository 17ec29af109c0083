"""Mailings: a report on its way to one address, sent once. Its Message-ID is fixed with its first attempt and never changes.

waiting ─▶ sending ─▶ sent, refused, given_up
              └─────▶ unknown: its process died, or the connection broke while it was handed over. It is sent once more, and then left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from warehouse.state.database import StateDb
from warehouse.state.leases import PROCESS, Leases
from warehouse.state.models_reports import MailingRow, ReportRow

OPEN = ("waiting", "unknown")
LEASE = timedelta(minutes=3)
"""Several times as long as a mail server may take."""
TRIED_FOR = timedelta(days=3)
FIRST_WAIT_S, LONGEST_WAIT_S = 30.0, 900.0
KEPT = timedelta(days=400)
UNKNOWN = "unknown"
INTERRUPTED = "it was interrupted between handing it over and noting the answer; it is sent once more"
TWICE = "unknown twice: it may have arrived, and is not sent a third time"


@dataclass(frozen=True, slots=True)
class Mailing:
    """One report to one address. `status` is the mail server's code (or `unknown` once an attempt's end was not known), `answer` its words or ours."""

    mailing_id: str
    report_key: str
    recipient_id: int | None
    address: str
    message_id: str
    due_at: datetime
    state: str
    attempts: int
    next_at: datetime
    done_at: datetime | None
    status: str
    answer: str


def mailing_id(report_key: str, address: str) -> str:
    """The id of a report's mailing to an address: the same whoever works it out."""
    return sha256(f"{report_key}\n{address}".encode()).hexdigest()[:24]


class Mailings:
    """Takes mailings and records what became of them. `holder` names this process; every method raises StoreError."""

    def __init__(self, db: StateDb, holder: str = PROCESS, jitter: Random | None = None) -> None:
        self._db = db
        self._holder = holder
        self._leases = Leases(db, holder)
        self._jitter = jitter or Random()

    def put(self, report_key: str, address: str, due_at: datetime, now: datetime, recipient_id: int | None = None) -> str:
        """Let a report go to an address; the mailing's id. One that was put in before is left alone."""
        name = mailing_id(report_key, address)
        values = {
            "mailing_id": name, "report_key": report_key, "recipient_id": recipient_id, "address": address, "message_id": "",
            "due_at": due_at, "state": "waiting", "attempts": 0, "next_at": now, "leased_by": "", "leased_until": None,
            "done_at": None, "status": "", "answer": "",
        }  # fmt: skip
        try:
            with self._db.write() as connection:
                if connection.execute(select(MailingRow.mailing_id).where(MailingRow.mailing_id == name)).first() is None:
                    connection.execute(insert(MailingRow).values(**values))
        except IntegrityError:  # another server was first
            pass
        return name

    def recover(self, now: datetime) -> int:
        """Find what a dead process was sending, or one that lost its lease; how many. Each is due once more, or left the second time."""
        columns = select(MailingRow.__table__).where(MailingRow.state == "sending")
        with self._db.read() as connection:
            rows = [dict(row) for row in connection.execute(columns).mappings()]
        count = 0
        for row in rows:
            alive = row["leased_until"] is not None and row["leased_until"] > now and not self._leases.is_gone(row["leased_by"])
            if alive:
                continue
            again = row["status"] == UNKNOWN
            with self._db.write() as connection:
                count += connection.execute(
                    update(MailingRow)
                    .where(MailingRow.mailing_id == row["mailing_id"], MailingRow.state == "sending")
                    .where(MailingRow.attempts == row["attempts"])
                    .values(
                        state=UNKNOWN, status=UNKNOWN, leased_by="", leased_until=None, next_at=now,
                        done_at=now if again else None, answer=TWICE if again else INTERRUPTED,
                    )
                ).rowcount  # fmt: skip
        return count

    def take(self, now: datetime, message_domain: str, only: Sequence[str] | None = None) -> Mailing | None:
        """The mailing that has been due longest, ours for `LEASE`; None when none is due. `only`: one of these ids."""
        due = (MailingRow.state.in_(OPEN), MailingRow.done_at.is_(None), MailingRow.next_at <= now)
        wanted = select(MailingRow.__table__).where(*due).order_by(MailingRow.next_at, MailingRow.mailing_id).limit(1)
        if only is not None:
            wanted = wanted.where(MailingRow.mailing_id.in_(only))
        with self._db.write() as connection:
            row = connection.execute(wanted).mappings().first()
            if row is None:
                return None
            message_id = row["message_id"] or f"<roomleft.{row['mailing_id']}@{message_domain}>"
            won = connection.execute(
                update(MailingRow)
                .where(MailingRow.mailing_id == row["mailing_id"], *due)
                .where(MailingRow.attempts == row["attempts"])
                .values(
                    state="sending", attempts=row["attempts"] + 1, leased_by=self._holder, leased_until=now + LEASE,
                    message_id=message_id,
                )
            ).rowcount  # fmt: skip
        if not won:
            return None
        return _mailing({**row, "state": "sending", "attempts": row["attempts"] + 1, "message_id": message_id})

    def sent(self, taken: Mailing, now: datetime, status: str, answer: str) -> bool:
        """The server took it. Counts also when our lease was lost meanwhile and nobody has tried again."""
        held = MailingRow.state.in_(("sending", UNKNOWN))
        return self._end(taken, held, now, "sent", status, answer)

    def refused(self, taken: Mailing, now: datetime, status: str, answer: str) -> bool:
        """The server will never take it for this address."""
        return self._end(taken, MailingRow.state == "sending", now, "refused", status, answer)

    def unknown(self, taken: Mailing, now: datetime, answer: str) -> bool:
        """It may have been taken: once more, after a while, or left the second time."""
        if taken.status == UNKNOWN:
            return self._end(taken, MailingRow.state == "sending", now, UNKNOWN, UNKNOWN, TWICE)
        return self._later(taken, now, UNKNOWN, UNKNOWN, answer)

    def failed(self, taken: Mailing, now: datetime, status: str, answer: str) -> bool:
        """It was not taken and may be later: again after a while, for three days from when it was due."""
        if now >= taken.due_at + TRIED_FOR:
            return self._end(taken, MailingRow.state == "sending", now, "given_up", status, answer)
        again = taken.status == UNKNOWN
        return self._later(taken, now, UNKNOWN if again else "waiting", UNKNOWN if again else status, answer)

    def of_report(self, report_key: str) -> list[Mailing]:
        """Every mailing of a report, by address."""
        return self._find(MailingRow.report_key == report_key)

    def of_ids(self, ids: Sequence[str]) -> list[Mailing]:
        """These, by address."""
        return self._find(MailingRow.mailing_id.in_(ids))

    def has(self, report_key: str, address: str) -> bool:
        """Whether a report is, or was, on its way to an address."""
        return bool(self._find(MailingRow.mailing_id == mailing_id(report_key, address)))

    def last_by_address(self) -> dict[str, Mailing]:
        """The newest mailing to each address."""
        with self._db.read() as connection:
            rows = connection.execute(select(MailingRow.__table__).order_by(MailingRow.due_at, MailingRow.mailing_id)).mappings()
            return {row["address"]: _mailing(row) for row in rows}

    def forget(self, now: datetime) -> int:
        """Delete what was settled more than 400 days ago, and what has no report any more; how many."""
        reports = select(ReportRow.report_key)
        with self._db.write() as connection:
            old = connection.execute(delete(MailingRow).where(MailingRow.done_at < now - KEPT)).rowcount
            return old + connection.execute(delete(MailingRow).where(MailingRow.report_key.not_in(reports))).rowcount

    def _find(self, condition: Any) -> list[Mailing]:
        with self._db.read() as connection:
            rows = connection.execute(select(MailingRow.__table__).where(condition).order_by(MailingRow.address)).mappings()
            return [_mailing(row) for row in rows]

    def _end(self, taken: Mailing, held: Any, now: datetime, state: str, status: str, answer: str) -> bool:
        values = {"state": state, "status": status, "answer": answer, "done_at": now, "leased_by": "", "leased_until": None}
        return self._change(taken, held, values)

    def _later(self, taken: Mailing, now: datetime, state: str, status: str, answer: str) -> bool:
        # Half of it at random: mailings that failed together are not sent again together.
        most_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(taken.attempts - 1, 20))
        wait = timedelta(seconds=self._jitter.uniform(most_s / 2, most_s))
        # The last attempt is made when the time is up, not some while before.
        at = max(now, min(now + wait, taken.due_at + TRIED_FOR))
        values = {"state": state, "status": status, "answer": answer, "next_at": at, "leased_by": "", "leased_until": None}
        return self._change(taken, (MailingRow.state == "sending") & (MailingRow.leased_by == self._holder), values)

    def _change(self, taken: Mailing, held: Any, values: Mapping[str, Any]) -> bool:
        ours = (MailingRow.mailing_id == taken.mailing_id) & (MailingRow.attempts == taken.attempts) & held
        with self._db.write() as connection:
            return bool(connection.execute(update(MailingRow).where(ours).values(**values)).rowcount)


def _mailing(row: Mapping[Any, Any]) -> Mailing:
    return Mailing(**{name: row[name] for name in Mailing.__dataclass_fields__})
