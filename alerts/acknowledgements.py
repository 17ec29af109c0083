"""Acknowledgements: somebody took an episode on, with a note and until when. One of an episode that is over is refused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from sqlalchemy import Connection, insert, or_, select, update

from alerts.book import Book
from roomleft.errors import InputError
from roomleft.findings import AlertState
from roomleft.timespan import utc
from warehouse.state import StateDb
from warehouse.state.audit import record
from warehouse.state.models_alerting import AcknowledgementRow

NOTE_LENGTH = 1000
LONGEST = timedelta(days=7)
AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who took an episode on. `until` None: until it resolves. `source`: `page`, `api`, `cli` or `pagerduty`."""

    id: int
    episode: str
    who: str
    at: datetime
    until: datetime | None
    note: str
    source: str
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None

    def holds_at(self, instant: datetime) -> bool:
        """Whether it is in force then."""
        return self.withdrawn_at is None and (self.until is None or instant < self.until)


COLUMNS = tuple(AcknowledgementRow.__table__.columns)


def in_force(connection: Connection, episodes: Collection[str], now: datetime) -> dict[str, Acknowledgement]:
    """The newest acknowledgement in force of each of the episodes that has one."""
    found: dict[str, Acknowledgement] = {}
    wanted = sorted(episodes)
    for start in range(0, len(wanted), AT_ONCE):
        rows = connection.execute(
            select(*COLUMNS)
            .where(
                AcknowledgementRow.episode.in_(wanted[start : start + AT_ONCE]),
                AcknowledgementRow.withdrawn_at.is_(None),
                or_(AcknowledgementRow.until.is_(None), AcknowledgementRow.until > now),
            )
            .order_by(AcknowledgementRow.id)
        )
        found |= {row.episode: Acknowledgement(**row._mapping) for row in rows}
    return found


class Acknowledgements:
    """Takes episodes on, and gives them back. Each deed stands in the audit in the same transaction."""

    def __init__(self, state: StateDb) -> None:
        self._state = state

    def of(self, episode: str) -> list[Acknowledgement]:
        """Every acknowledgement of an episode, oldest first."""
        with self._state.read() as connection:
            rows = connection.execute(
                select(*COLUMNS).where(AcknowledgementRow.episode == episode).order_by(AcknowledgementRow.id)
            )
            return [Acknowledgement(**row._mapping) for row in rows]

    def take(
        self, episode: str, *, who: str, now: datetime, until: datetime | None = None, note: str = "", source: str = "api"
    ) -> int:
        """Acknowledge an episode that fires; the acknowledgement's id. Raises InputError for one that is over, unknown, or only waits, and for an
        end that has passed."""
        end = None if until is None else utc(until)
        if end is not None and end <= now:
            raise InputError(
                "this acknowledgement would be over before it begins", "until", f"give an instant after {_short(now)}, or none"
            )
        if end is not None and end - now > LONGEST:
            raise InputError(
                "an acknowledgement lasts seven days at most", "until", "leave it out to hold until the alert resolves"
            )
        _firing(self._state, episode)
        values: dict[str, Any] = {"who": who, "at": now, "until": end, "note": note.strip()[:NOTE_LENGTH], "source": source}
        with self._state.write() as connection:
            made = connection.execute(
                insert(AcknowledgementRow).values(episode=episode, **values).returning(AcknowledgementRow.id)
            )
            number = int(made.scalar_one())
            record(
                connection,
                self._state.clock.now(),
                who,
                "acknowledge",
                id=number,
                episode=episode,
                until=end,
                note=values["note"],
            )
        return number

    def give_back(self, episode: str, *, who: str, now: datetime) -> int:
        """Withdraw what is in force of an episode; escalation begins anew. How many were. Raises InputError if none is."""
        with self._state.write() as connection:
            held = in_force(connection, [episode], now)
            if not held:
                _nothing_held(connection, episode, now)
            gone = connection.execute(
                update(AcknowledgementRow)
                .where(AcknowledgementRow.episode == episode, AcknowledgementRow.withdrawn_at.is_(None))
                .values(withdrawn_at=now, withdrawn_by=who)
            ).rowcount
            record(connection, self._state.clock.now(), who, "withdraw acknowledgement", episode=episode)
        return int(gone)


def _nothing_held(connection: Connection, episode: str, now: datetime) -> NoReturn:
    """Raise InputError with what became of the newest acknowledgement of an episode that has none in force."""
    newest = select(*COLUMNS).where(AcknowledgementRow.episode == episode).order_by(AcknowledgementRow.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    where = f"episode {episode[:40]}"
    if row is None:
        raise InputError("nobody has acknowledged this alert", where, "there is nothing to give back")
    last = Acknowledgement(**row._mapping)
    if last.withdrawn_at is not None:
        raise InputError(
            f"it was given back {_short(last.withdrawn_at)} by {last.withdrawn_by}", where, "nothing needs to be done"
        )
    assert last.until is not None, "one without an end holds until it is given back"
    raise InputError(
        f"the acknowledgement by {last.who} ran out {_short(last.until)}: escalation has begun anew",
        where,
        "acknowledge it again to stop that",
    )


def _firing(state: StateDb, episode: str) -> None:
    """Raise InputError unless the episode fires now."""
    book = Book(state)
    found = next((alert for alert in book.find(episode=episode) if alert.episode), None) if episode else None
    if found is not None and found.state is AlertState.FIRING:
        return
    where = f"episode {episode[:40]}"
    if found is not None and found.state is AlertState.PENDING:
        raise InputError(
            "this alert does not fire yet: its condition has not held long enough", where, "there is nothing to take on"
        )
    past = book.episode(episode) if episode else None
    if past is None:
        raise InputError("there is no such episode of an alert", where, "GET /api/v1/alerts lists those that fire")
    newer = next((alert for alert in book.find(rule_id=past.rule_id, fingerprint=past.fingerprint)), None)
    again = newer is not None and newer.state is AlertState.FIRING and newer.episode != episode
    ended = f" since {_short(past.ended)}" if past.ended is not None else ""
    raise InputError(
        f"this alert is over{ended}: an acknowledgement of it would mean nothing",
        where,
        f"it fires anew as episode {newer.episode}" if again and newer is not None else "nothing needs to be done",
    )


def _short(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
