"""The outbox: notices on their way. The pipeline puts them in within its own transaction; whoever delivers takes one at a time, under a lease.

A row is `sending` from the moment it is taken until its answer is recorded. One that is found so after its process died, or after its lease,
is `unknown`: the other end may have taken it. It is sent once more, with the same key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from alerts.channels.answer import Answer, Outcome
from alerts.notice import Kind, Notice, Why, Withheld
from alerts.notice_json import notice_text
from alerts.queue_order import Waiting, order_of
from alerts.routes import channel_names
from alerts.unreadable import content_of, readable, refuse_unreadable
from roomleft.alerting import Receiver
from roomleft.findings import AlertState
from warehouse.state import PROCESS, Leases, StateDb
from warehouse.state.models_alerting import AlertRow, DeliveryRow, OutboxRow, ReceivedRow

OPEN = ("waiting", "sending", "unknown")
"""States of what is still to be sent."""
LEASE = timedelta(seconds=60)
"""Several times as long as a channel may take."""
KEPT_FOR = timedelta(days=3)
"""How long a notice is tried: a resolve has no later one that stands for it, and a channel may be down for a day and then some."""
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 300.0
INTERRUPTED = "outcome unknown: it was interrupted between handing it over and noting the answer"
TWICE = "outcome unknown twice: it may have arrived, and is not sent a third time"
ONE_BY_KEY = ("pagerduty", "alertmanager", "outbox")
"""Kinds of channels where any number of attempts is one."""
REMEMBERED = timedelta(days=400)
"""How long the ledger goes back."""
LOOKED_BACK = 500
"""How many of a conversation's last notices tell whether its other end was told, and which one opened it: months of repeats."""

Lane = tuple[str, str]
"""A receiver and one of its channels: what is sent one after another."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A notice that is ours to send until `leased_until`. `opening`: the first notice of its conversation, itself if it is that one."""

    row: int
    attempt: int
    lane: Lane
    thread: str
    notice: Notice
    opening: Notice
    leased_until: datetime


def enqueue(connection: Connection, notice: Notice, receiver: Receiver, group_key: str, now: datetime) -> list[int]:
    """Put a notice in for each of the receiver's channels, in the caller's transaction; the new rows' ids. `now` is the wall's.

    Each channel's row has its own `notice_id`, made of the notice's and the channel's name; a row that is there already is left alone.
    """
    made: list[int] = []
    for name, _ in channel_names(receiver):
        own = replace(notice, notice_id=f"{notice.notice_id}.{name}", receiver=receiver.name)
        if connection.execute(select(OutboxRow.id).where(OutboxRow.notice_id == own.notice_id)).first() is not None:
            continue
        row = insert(OutboxRow).values(
            notice_id=own.notice_id, receiver=receiver.name, channel=name, group_key=group_key, thread=own.thread,
            kind=own.kind.value, why=own.why.value, content=notice_text(own), made_at=now, due_at=now, state="waiting",
            attempts=0, leased_by="", leased_until=None, done_at=None, words="",
        )  # fmt: skip
        made.append(int(connection.execute(row.returning(OutboxRow.id)).scalar_one()))
    return made


class Outbox:
    """Takes notices and records what became of them. `holder` names this process; every method raises StoreError."""

    def __init__(self, state: StateDb, holder: str = PROCESS, jitter: Random | None = None) -> None:
        self._state = state
        self._holder = holder
        self._leases = Leases(state, holder)
        self._jitter = jitter or Random()

    def lanes(self, now: datetime) -> list[Lane]:
        """Where something is due."""
        with self._state.read() as connection:
            rows = connection.execute(
                select(OutboxRow.receiver, OutboxRow.channel)
                .where(OutboxRow.state.in_(("waiting", "unknown")), OutboxRow.done_at.is_(None), OutboxRow.due_at <= now)
                .distinct()
                .order_by(OutboxRow.receiver, OutboxRow.channel)
            )
            return [(receiver, channel) for receiver, channel in rows]

    def standing(self, now: datetime) -> tuple[int, float]:
        """How many notices wait, and for how many seconds the oldest has."""
        with self._state.read() as connection:
            waiting, oldest = connection.execute(
                select(func.count(), func.min(OutboxRow.made_at)).where(OutboxRow.state.in_(OPEN), OutboxRow.done_at.is_(None))
            ).one()
        return int(waiting), max(0.0, (now - oldest).total_seconds()) if oldest is not None else 0.0

    def recover(self, now: datetime) -> int:
        """Find what a dead process was sending, or one that lost its lease; how many. Each is due once more, or given up the second time."""
        sending = _open_columns().where(OutboxRow.state == "sending")
        with self._state.read() as connection:
            rows = [dict(row) for row in connection.execute(sending).mappings()]
        found = [
            row
            for row in rows
            if row["leased_until"] is None or row["leased_until"] <= now or self._leases.is_gone(row["leased_by"])
        ]
        if found:
            with self._state.write() as connection:
                return sum(_interrupted(connection, row, now) for row in found)
        return 0

    def forget(self, now: datetime) -> int:
        """Delete what was settled long ago, and its lines in the ledger; how many rows. The last that was delivered in a conversation stays:
        it tells what its other end knows."""
        last = (
            select(func.max(OutboxRow.id))
            .where(OutboxRow.state == "delivered")
            .group_by(OutboxRow.receiver, OutboxRow.channel, OutboxRow.thread)
        )
        with self._state.write() as connection:
            gone = [
                connection.execute(delete(OutboxRow).where(OutboxRow.done_at < now - REMEMBERED, OutboxRow.id.not_in(last))),
                connection.execute(delete(DeliveryRow).where(DeliveryRow.at < now - REMEMBERED)),
                connection.execute(delete(ReceivedRow).where(ReceivedRow.at < now - REMEMBERED)),
            ]
        return sum(each.rowcount for each in gone)

    def take(self, lane: Lane, now: datetime) -> Taken | None:
        """The next due notice of a lane, ours for `LEASE`; None when nothing is due. What is no longer worth sending is dropped on the way."""
        with self._state.write() as connection:
            # The one that has been due longest; never one whose predecessor waits or is on its way.
            for thread in _due_threads(connection, lane, now):
                queue = [
                    dict(row)
                    for row in connection.execute(
                        _open_columns().where(OutboxRow.thread == thread, *_waits_in(lane)).order_by(OutboxRow.id)
                    ).mappings()
                ]
                try:
                    taken = self._first_of(connection, lane, queue, now)
                except ValueError:
                    refuse_unreadable(connection, queue, now)
                    continue
                if taken is not None:
                    return taken
        return None

    def _first_of(self, connection: Connection, lane: Lane, queue: list[dict[str, Any]], now: datetime) -> Taken | None:
        history = _history(connection, lane, queue[0]["thread"], queue[0]["id"])
        told = any(_told(history))
        uncertain = _uncertain(connection, [row["notice_id"] for row in queue if row["attempts"]])
        order = order_of(
            [Waiting(r["id"], Kind(r["kind"]), r["notice_id"] in uncertain, r["state"] == "sending") for r in queue], told
        )
        by_id = {row["id"]: row for row in queue}
        for row_id, reason in order.drop:
            _drop(connection, by_id[row_id], reason, now)
        firsts = dict(order.first_of)
        for row_id in order.send:
            row = by_id[row_id]
            # What waits out an answer such as 429 or a broken line holds those behind it: a resolve never overtakes its trigger.
            if row["state"] == "sending" or row["due_at"] > now:
                return None
            notice = content_of(connection, row_id)
            if notice.kind is Kind.FIRING and _is_over(connection, notice):
                _drop(connection, row, Withheld.NO_LONGER_TRUE, now)
                continue
            if row_id in firsts:
                notice = replace(notice, why=Why(by_id[firsts[row_id]]["why"]))
            won = connection.execute(
                update(OutboxRow)
                .where(OutboxRow.id == row_id, OutboxRow.state == row["state"], OutboxRow.attempts == row["attempts"])
                .values(
                    state="sending", attempts=row["attempts"] + 1, leased_by=self._holder, leased_until=now + LEASE,
                    why=notice.why.value, content=notice_text(notice),
                )
            ).rowcount  # fmt: skip
            if not won:
                return None
            opening = _opening(connection, history) or notice
            return Taken(row_id, row["attempts"] + 1, lane, row["thread"], notice, opening, now + LEASE)
        return None

    def record(self, taken: Taken, answer: Answer, now: datetime, took_ms: int) -> str:
        """Write down an answer; the row's new state. One that comes after the lease was lost is noted, and changes something only if it was
        delivered and nobody has tried again: then nobody needs to."""
        with self._state.write() as connection:
            row = connection.execute(_open_columns().where(OutboxRow.id == taken.row)).mappings().one()
            state, due_at, words = self._after(answer, row["made_at"], taken.attempt, now)
            done = state != "waiting"
            held = and_(OutboxRow.state == "sending", OutboxRow.leased_by == self._holder)
            if answer.outcome is Outcome.DELIVERED:
                held = or_(held, OutboxRow.state == "unknown")
            ours = connection.execute(
                update(OutboxRow)
                .where(OutboxRow.id == taken.row, OutboxRow.attempts == taken.attempt, held)
                .values(state=state, due_at=due_at, leased_by="", leased_until=None, done_at=now if done else None, words=words)
            ).rowcount  # fmt: skip
            _note(connection, {**row, "attempts": taken.attempt}, now, answer.outcome.value, answer, took_ms, taken.notice)
            if ours and state == "dropped":
                _note(
                    connection, {**row, "attempts": taken.attempt}, now, "dropped", reason=Withheld.GIVEN_UP, notice=taken.notice
                )
        return state

    def _after(self, answer: Answer, made_at: datetime, attempt: int, now: datetime) -> tuple[str, datetime, str]:
        if answer.outcome is Outcome.DELIVERED:
            return "delivered", now, answer.reason
        if answer.outcome is Outcome.REFUSED:
            return "refused", now, answer.reason or answer.answer
        last = made_at + KEPT_FOR
        if now >= last:
            return "dropped", now, f"{Withheld.GIVEN_UP}: {answer.reason}"
        if answer.retry_after_s is not None:
            wait_s = max(1.0, answer.retry_after_s)
        else:
            # Full jitter: notices that failed together are not sent again together.
            wait_s = self._jitter.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(attempt - 1, 20)))
        return "waiting", min(now + timedelta(seconds=wait_s), last), answer.reason


def _interrupted(connection: Connection, row: Mapping[str, Any], now: datetime) -> bool:
    """Note that nobody knows what became of an attempt. False if somebody else has just found it, or its answer came."""
    before = connection.execute(
        select(func.count()).where(DeliveryRow.notice_id == row["notice_id"], DeliveryRow.reason == INTERRUPTED)
    ).scalar_one()
    over = before > 0 and not row["channel"].startswith(ONE_BY_KEY)
    won = connection.execute(
        update(OutboxRow)
        .where(OutboxRow.id == row["id"], OutboxRow.state == "sending", OutboxRow.attempts == row["attempts"])
        .values(
            state="unknown", leased_by="", leased_until=None, due_at=now, done_at=now if over else None,
            words=TWICE if over else f"{INTERRUPTED}; it is sent once more",
        )
    ).rowcount  # fmt: skip
    if won:
        _note(connection, row, now, "unknown", reason=TWICE if over else INTERRUPTED)
    return bool(won)


def note_trial(state: StateDb, notice: Notice, channel: str, answer: Answer, now: datetime, took_ms: int) -> None:
    """Write down what came of a notice that was sent by hand, past the outbox. Raises StoreError."""
    row = {"notice_id": notice.notice_id, "receiver": notice.receiver, "channel": channel, "attempts": 1}
    with state.write() as connection:
        _note(connection, row, now, answer.outcome.value, answer, took_ms, notice)


def _waits_in(lane: Lane) -> tuple[ColumnElement[bool], ...]:
    return (
        OutboxRow.receiver == lane[0], OutboxRow.channel == lane[1], OutboxRow.state.in_(OPEN), OutboxRow.done_at.is_(None),
    )  # fmt: skip


def _due_threads(connection: Connection, lane: Lane, now: datetime) -> Sequence[str]:
    """The conversations in which something is due, the one that has been so longest first."""
    due = func.min(OutboxRow.due_at)
    return (
        connection.execute(
            select(OutboxRow.thread)
            .where(*_waits_in(lane))
            .group_by(OutboxRow.thread)
            .having(due <= now)
            .order_by(due, func.min(OutboxRow.id))
        )
        .scalars()
        .all()
    )


def _open_columns() -> Any:
    """Everything of a row but its content."""
    return select(
        OutboxRow.id, OutboxRow.notice_id, OutboxRow.receiver, OutboxRow.channel, OutboxRow.thread, OutboxRow.kind, OutboxRow.why,
        OutboxRow.made_at, OutboxRow.due_at, OutboxRow.state, OutboxRow.attempts, OutboxRow.leased_by, OutboxRow.leased_until,
    )  # fmt: skip


def _history(connection: Connection, lane: Lane, thread: str, before: int) -> list[Mapping[str, Any]]:
    """What was settled of a conversation before a row, newest first, with whether it was, or may have been, taken."""
    rows = (
        connection.execute(
            select(OutboxRow.id, OutboxRow.notice_id, OutboxRow.kind, OutboxRow.state)
            .where(OutboxRow.receiver == lane[0], OutboxRow.channel == lane[1], OutboxRow.thread == thread)
            .where(OutboxRow.id < before, OutboxRow.kind.in_([kind.value for kind in (Kind.FIRING, Kind.RESOLVED)]))
            .order_by(OutboxRow.id.desc())
            .limit(LOOKED_BACK)
        )
        .mappings()
        .all()
    )
    uncertain = _uncertain(connection, [row["notice_id"] for row in rows if row["state"] != "delivered"])
    return [{**row, "taken": row["state"] == "delivered" or row["notice_id"] in uncertain} for row in rows]


def _told(history: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Each notice of the present conversation that fires and was, or may have been, taken."""
    found: list[bool] = []
    for row in history:
        if row["kind"] == Kind.RESOLVED and row["state"] == "delivered":
            break
        if row["kind"] == Kind.FIRING and row["taken"]:
            found.append(True)
    return found


def _opening(connection: Connection, history: Sequence[Mapping[str, Any]]) -> Notice | None:
    first: int | None = None
    for row in history:
        if row["kind"] == Kind.RESOLVED and row["state"] == "delivered":
            break
        if row["kind"] == Kind.FIRING and row["taken"]:
            first = row["id"]
    if first is None:
        return None
    return readable(connection, first)


def _uncertain(connection: Connection, notice_ids: Sequence[str]) -> set[str]:
    """Those of which an attempt may have been taken although nobody said so."""
    if not notice_ids:
        return set()
    return set(
        connection.execute(
            select(DeliveryRow.notice_id).where(DeliveryRow.notice_id.in_(notice_ids), DeliveryRow.outcome == "unknown")
        ).scalars()
    )


def _is_over(connection: Connection, notice: Notice) -> bool:
    """Whether every alert that the notice says fires is known to fire no more. One that is not in the table is not known."""
    firing = [alert for alert in notice.alerts if alert.state == AlertState.FIRING and alert.episode]
    if not firing:
        return False
    for alert in firing:
        row = connection.execute(
            select(AlertRow.state, AlertRow.episode).where(
                AlertRow.rule_id == alert.rule_id, AlertRow.fingerprint == alert.fingerprint
            )
        ).one_or_none()
        if row is None or (row.episode == alert.episode and row.state not in (AlertState.RESOLVED, AlertState.INACTIVE)):
            return False
    return True


def _drop(connection: Connection, row: Mapping[str, Any], reason: Withheld, now: datetime) -> None:
    state = "superseded" if reason is Withheld.SUPERSEDED else "dropped"
    connection.execute(
        update(OutboxRow)
        .where(OutboxRow.id == row["id"])
        .values(state=state, done_at=now, leased_by="", leased_until=None, words=reason.value)
    )
    _note(connection, row, now, "dropped", reason=reason.value)


def _note(
    connection: Connection,
    row: Mapping[str, Any],
    now: datetime,
    outcome: str,
    answer: Answer | None = None,
    took_ms: int | None = None,
    notice: Notice | None = None,
    *,
    reason: str = "",
) -> None:
    """One line of the ledger."""
    if notice is None:
        notice = readable(connection, row["id"])
    worst = notice.alerts[0] if notice is not None and notice.alerts else None
    connection.execute(
        insert(DeliveryRow).values(
            at=now, notice_id=row["notice_id"], receiver=row["receiver"], channel=row["channel"], attempt=row["attempts"],
            outcome=outcome, status=answer.status if answer else "", answer=answer.answer if answer else "",
            reason=reason or (answer.reason if answer else ""), took_ms=took_ms, rule_id=worst.rule_id if worst else "",
            fingerprint=worst.fingerprint if worst else "", episode=worst.episode if worst else "",
        )
    )  # fmt: skip
