"""The alerts of the state database: read as they are, written in one transaction an evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from alerts.alert import KEPT, Alert, Event, Happened
from alerts.episodes import Episode, Taken, episodes_of
from alerts.one_at_a_time import STEPPING, one_at_a_time
from roomleft.errors import StoreConflict
from roomleft.findings import AlertState, Severity, Unknown
from warehouse.state import StateDb
from warehouse.state.models_alerting import AcknowledgementRow, AlertEventRow, AlertRow

NOW_STATES = (AlertState.PENDING, AlertState.FIRING, AlertState.UNKNOWN)
ALERT_COLUMNS = tuple(AlertRow.__table__.columns)
EVENT_COLUMNS = tuple(AlertEventRow.__table__.columns)
KEYS = ("rule_id", "fingerprint")
FORGET_AT_ONCE = 400


class Book:
    """Alerts and what happened to them. All methods raise StoreError when the state database is away."""

    def __init__(self, state: StateDb) -> None:
        self._state = state

    def active(self, now: datetime | None = None) -> list[Alert]:
        """Pending, firing and unknown alerts, and those resolved within a day before `now` (absent: before the newest evaluation that changed
        anything), by rule and label set."""
        with self._state.read() as connection:
            return active(connection, now)

    def find(self, *, episode: str | None = None, rule_id: str | None = None, fingerprint: str | None = None) -> list[Alert]:
        """The alerts of an episode, of a rule, or the one of a rule and fingerprint, whatever their state."""
        wanted = {"episode": episode, "rule_id": rule_id, "fingerprint": fingerprint}
        query = select(*ALERT_COLUMNS).order_by(AlertRow.rule_id, AlertRow.fingerprint)
        for name, value in wanted.items():
            if value is not None:
                query = query.where(getattr(AlertRow, name) == value)
        with self._state.read() as connection:
            return [_alert(row) for row in connection.execute(query)]

    def newest(self) -> datetime | None:
        """The instant of the newest evaluation that changed an alert that is still there."""
        with self._state.read() as connection:
            return connection.execute(select(func.max(AlertRow.evaluated_at))).scalar()

    def events(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        rule: str | None = None,
        platform: str | None = None,
        fingerprint: str | None = None,
        episode: str | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """What happened in [since, until), oldest first; with `limit` the newest so many of it."""
        query = select(*EVENT_COLUMNS)
        query = query.where(AlertEventRow.at >= since) if since is not None else query
        query = query.where(AlertEventRow.at < until) if until is not None else query
        for column, value in (
            (AlertEventRow.rule_id, rule),
            (AlertEventRow.platform, platform),
            (AlertEventRow.fingerprint, fingerprint),
            (AlertEventRow.episode, episode),
        ):
            query = query.where(column == value) if value is not None else query
        query = query.order_by(AlertEventRow.id.desc())
        with self._state.read() as connection:
            found = [_event(row) for row in connection.execute(query.limit(limit) if limit is not None else query)]
        return found[::-1]

    def episodes(
        self,
        since: datetime,
        until: datetime,
        *,
        rule: str | None = None,
        platform: str | None = None,
        severity: Severity | None = None,
    ) -> list[Episode]:
        """The episodes of which something happened in [since, until), whole, in the order they began; those that only waited among them."""
        with self._state.read() as connection:
            named = select(AlertEventRow.episode).where(AlertEventRow.at >= since, AlertEventRow.at < until)
            named = named.where(AlertEventRow.episode != "")
            named = named.where(AlertEventRow.rule_id == rule) if rule is not None else named
            named = named.where(AlertEventRow.platform == platform) if platform is not None else named
            named = named.where(AlertEventRow.severity == str(severity)) if severity is not None else named
            return _episodes(connection, named)

    def episode(self, name: str) -> Episode | None:
        """One episode, whole; None if nothing is known of it."""
        with self._state.read() as connection:
            found = _episodes(connection, select(AlertEventRow.episode).where(AlertEventRow.episode == name))
        return found[0] if found else None

    def apply(self, changes: Sequence[Alert], events: Sequence[Event], *, based_on: datetime | None = None) -> None:
        """Store an evaluation, all of it or nothing: changed alerts, those INACTIVE forgotten, and what happened.

        `based_on` is the newest `evaluated_at` that the evaluation had read (`newest`): if another server stored a later one meanwhile,
        StoreConflict is raised, and what was worked out from old states is not stored over it.
        """
        if not changes and not events:
            return
        with self._state.write() as connection:
            if based_on is not None:
                one_at_a_time(connection, STEPPING)
                stored = connection.execute(select(func.max(AlertRow.evaluated_at))).scalar()
                if stored is not None and stored > based_on:
                    raise StoreConflict(
                        "another server evaluated the rules meanwhile", self._state.where, "the next evaluation reads its states"
                    )
            write(connection, changes, events)

    def move(self, by: timedelta) -> int:
        """Set every alert's instants by so much, after the clock was set back; how many alerts there are."""
        with self._state.write() as connection:
            alerts = [_alert(row) for row in connection.execute(select(*ALERT_COLUMNS))]
            write(connection, [alert.moved(by) for alert in alerts], ())
        return len(alerts)


def active(connection: Connection, now: datetime | None = None) -> list[Alert]:
    """`Book.active` in a transaction of the caller's."""
    at = now or connection.execute(select(func.max(AlertRow.evaluated_at))).scalar()
    if at is None:
        return []
    resolved = and_(
        AlertRow.state == str(AlertState.RESOLVED), or_(AlertRow.resolved_at > at - KEPT, AlertRow.unknown_since.is_not(None))
    )
    query = select(*ALERT_COLUMNS).where(or_(AlertRow.state.in_([str(state) for state in NOW_STATES]), resolved))
    return [_alert(row) for row in connection.execute(query.order_by(AlertRow.rule_id, AlertRow.fingerprint))]


def write(connection: Connection, changes: Sequence[Alert], events: Sequence[Event]) -> None:
    """`Book.apply` in a transaction of the caller's."""
    gone = [alert.key for alert in changes if alert.state is AlertState.INACTIVE]
    for at in range(0, len(gone), FORGET_AT_ONCE):
        connection.execute(
            delete(AlertRow).where(tuple_(AlertRow.rule_id, AlertRow.fingerprint).in_(gone[at : at + FORGET_AT_ONCE]))
        )
    rows = [_alert_row(alert) for alert in changes if alert.state is not AlertState.INACTIVE]
    if rows:
        stored = (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(AlertRow)
        new = {column.name: stored.excluded[column.name] for column in ALERT_COLUMNS if column.name not in KEYS}
        connection.execute(stored.on_conflict_do_update(index_elements=list(KEYS), set_=new), rows)
    if events:
        connection.execute(insert(AlertEventRow), [_event_row(event) for event in events])


def _episodes(connection: Connection, named: Select[Any]) -> list[Episode]:
    events = [
        _event(row)
        for row in connection.execute(select(*EVENT_COLUMNS).where(AlertEventRow.episode.in_(named)).order_by(AlertEventRow.id))
    ]
    alerts = [_alert(row) for row in connection.execute(select(*ALERT_COLUMNS).where(AlertRow.episode.in_(named)))]
    taken = [
        Taken(row.episode, row.who, row.at)
        for row in connection.execute(
            select(AcknowledgementRow.episode, AcknowledgementRow.who, AcknowledgementRow.at).where(
                AcknowledgementRow.episode.in_(named)
            )
        )
    ]
    return episodes_of(events, alerts, taken)


def _alert_row(alert: Alert) -> dict[str, Any]:
    row: dict[str, Any] = {column.name: getattr(alert, column.name) for column in ALERT_COLUMNS}
    for name in ("labels", "facts", "annotations"):
        row[name] = _text(row[name])
    for name in ("value", "line", "worst"):
        row[name] = None if row[name] is None else str(row[name])
    return row | {
        "state": str(alert.state),
        "severity": str(alert.severity),
        "unknown_why": "" if alert.unknown_why is None else str(alert.unknown_why),
    }


def _event_row(event: Event) -> dict[str, Any]:
    row: dict[str, Any] = {column.name: getattr(event, column.name) for column in EVENT_COLUMNS if column.name != "id"}
    value = None if event.value is None else str(event.value)
    return row | {"labels": _text(event.labels), "value": value, "what": str(event.what), "severity": str(event.severity)}


def _text(labels: Mapping[str, str]) -> str:
    return json.dumps(dict(labels), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _alert(row: Row[Any]) -> Alert:
    found = dict(row._mapping)
    for name in ("labels", "facts", "annotations"):
        found[name] = json.loads(found[name])
    for name in ("value", "line", "worst"):
        found[name] = None if found[name] is None else Decimal(found[name])
    found["state"], found["severity"] = AlertState(found["state"]), Severity(found["severity"])
    found["unknown_why"] = Unknown(found["unknown_why"]) if found["unknown_why"] else None
    return Alert(**found)


def _event(row: Row[Any]) -> Event:
    found = dict(row._mapping)
    found["labels"] = json.loads(found["labels"])
    found["value"] = None if found["value"] is None else Decimal(found["value"])
    found["severity"], found["what"] = Severity(found["severity"]), Happened(found["what"])
    return Event(**found)
