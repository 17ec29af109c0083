"""Groups: what a receiver was told of alerts with equal group labels, kept in the state database, so that a restart goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select, update

from alerts.alert import KEPT, Alert
from alerts.routes import Aim
from roomleft.alerting import Route
from roomleft.findings import AlertState
from warehouse.state.models_alerting import NoticeGroupRow

FORGOTTEN_AFTER = 2 * KEPT
"""How long what was told of an alert that is over is kept: longer than the alert itself, so that it cannot be told twice."""


class ToldState(StrEnum):
    """What the receiver was told of an alert last."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of one alert. `at`: when it fires on, the instant its repeat counts from; `since`: from when nobody acknowledged it, which is
    shifted by the time that does not count; `paused`: since when that stands still. `acknowledged`: it was, when the group was looked at last."""

    episode: str
    state: ToldState
    at: datetime
    since: datetime
    paused: datetime | None = None
    acknowledged: bool = False


@dataclass(slots=True)
class Group:
    """One group of one receiver, and the alerts of the present evaluation that belong to it.

    `told`: by `name_of` the alert. `firing`: those that may be told of now; `held`: those that were told, still fire, and are withheld.
    `route`: the first that led here; None where no route does any more, and only what was told is still owed its end.
    """

    receiver: str
    key: str
    labels: Mapping[str, str]
    thread: str
    opened_at: datetime
    next_at: datetime
    told_at: datetime | None = None
    told: dict[str, Told] = field(default_factory=dict)
    sequence: int = 0
    escalated: int = 0
    route: Route | None = None
    firing: list[Alert] = field(default_factory=list)
    held: list[Alert] = field(default_factory=list)
    stored: tuple[object, ...] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the receiver was told of something that is not over yet."""
        return any(each.state is ToldState.FIRING for each in self.told.values())

    def told_of(self, alert: Alert) -> Told | None:
        """What the receiver was told of this episode of the alert; None for nothing."""
        told = self.told.get(name_of(alert))
        return told if told is not None and told.episode == alert.episode else None

    def still(self) -> list[Alert]:
        """The alerts that were told and still fire, withheld or not."""
        return [alert for alert in (*self.firing, *self.held) if (told := self.told_of(alert)) and told.state is ToldState.FIRING]

    def goes_on(self) -> list[tuple[Alert, Told]]:
        """The alerts that may be told of and were, with what was told."""
        told_of = ((alert, self.told_of(alert)) for alert in self.firing)
        return [(alert, told) for alert, told in told_of if told is not None and told.state is ToldState.FIRING]

    def new(self) -> list[Alert]:
        """The alerts that may be told of and were not."""
        return [alert for alert in self.firing if self.told_of(alert) is None]

    def over(self) -> dict[str, Told]:
        """What was told to fire and does not any more, in that episode."""
        fires = {name_of(alert): alert.episode for alert in (*self.firing, *self.held)}
        return {
            name: told for name, told in self.told.items() if told.state is ToldState.FIRING and fires.get(name) != told.episode
        }

    def note_told(self, alerts: Iterable[Alert], now: datetime, every: timedelta) -> None:
        """These were told of now."""
        for alert in alerts:
            before = self.told_of(alert)
            since = before.since if before is not None and before.state is ToldState.FIRING else now
            kept = replace(before, at=now, since=since) if before is not None else Told(alert.episode, ToldState.FIRING, now, now)
            self.told[name_of(alert)] = kept
        self.told_at, self.next_at = now, now + every

    def note_over(self, names: Iterable[str], now: datetime) -> None:
        """These were told to be over."""
        for name in names:
            self.told[name] = replace(self.told[name], state=ToldState.RESOLVED, at=now, paused=None, acknowledged=False)

    def begin(self, now: datetime) -> None:
        """A new conversation: nothing of the one before counts."""
        self.opened_at, self.told_at, self.escalated = now, None, 0


def name_of(alert: Alert) -> str:
    """The alert's name among what was told."""
    return f"{alert.rule_id}/{alert.fingerprint}"


def thread_of(receiver: str, labels: Mapping[str, str]) -> str:
    """The conversation's stable name: a hash of the receiver and the group's labels, no values and no instants."""
    text = "\x1e".join((receiver, *(f"{name}\x1f{labels[name]}" for name in sorted(labels))))
    return f"roomleft-{sha256(text.encode()).hexdigest()[:32]}"


class Groups:
    """Every group of the state database, and those that begin now. `store` writes what changed, in the caller's transaction."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self.all: dict[tuple[str, str], Group] = {}
        for row in connection.execute(select(NoticeGroupRow.__table__)).mappings():
            group = _group(row, now)
            self.all[group.receiver, group.key] = group
        self._told: dict[tuple[str, str, str], Group] = {}
        for group in self.all.values():
            for name, told in group.told.items():
                self._told[group.receiver, name, told.episode] = group
        self._episodes = {(name, episode) for _, name, episode in self._told}

    def was_told(self, alert: Alert) -> bool:
        """Whether any receiver was told of this episode of the alert."""
        return (name_of(alert), alert.episode) in self._episodes

    def that_told(self, receiver: str, alert: Alert) -> Group | None:
        """The group in which the receiver was told of this episode. An alert stays in it, whatever became of the routes."""
        return self._told.get((receiver, name_of(alert), alert.episode))

    def of(self, aim: Aim) -> Group:
        """The group an aim leads to; a new one if there is none."""
        return self.named(aim.receiver, aim.group_key, aim.group_labels)

    def named(self, receiver: str, key: str, labels: Mapping[str, str]) -> Group:
        """The group of a receiver and a key; a new one if there is none."""
        found = self.all.get((receiver, key))
        if found is None:
            found = Group(receiver, key, labels, thread_of(receiver, labels), self._now, self._now)
            self.all[receiver, key] = found
        return found

    def store(self) -> None:
        """Write the groups that changed; forget those that have nothing left to remember."""
        for group in self.all.values():
            group.told = {
                name: told
                for name, told in group.told.items()
                if told.state is ToldState.FIRING or self._now - told.at < FORGOTTEN_AFTER
            }
            where = and_(NoticeGroupRow.receiver == group.receiver, NoticeGroupRow.group_key == group.key)
            if not group.told and not group.new():
                if group.stored is not None:
                    self._connection.execute(delete(NoticeGroupRow).where(where))
                continue
            if group.stored == (state := _stored(group)):
                continue
            values = {**_values(group), "told": state[-1]}
            if group.stored is None:
                self._connection.execute(insert(NoticeGroupRow).values(receiver=group.receiver, group_key=group.key, **values))
            else:
                self._connection.execute(update(NoticeGroupRow).where(where).values(**values))


def _values(group: Group) -> dict[str, Any]:
    return {
        "labels": json.dumps(dict(group.labels), sort_keys=True),
        "thread": group.thread,
        "opened_at": group.opened_at,
        "next_at": group.next_at,
        "told_at": group.told_at,
        "sequence": group.sequence,
        "escalated": group.escalated,
    }


def _stored(group: Group) -> tuple[object, ...]:
    return (*_values(group).values(), json.dumps({name: _document(told) for name, told in group.told.items()}, sort_keys=True))


def _document(told: Told) -> dict[str, Any]:
    document: dict[str, Any] = {
        "episode": told.episode,
        "state": told.state.value,
        "at": _text(told.at),
        "since": _text(told.since),
    }
    if told.paused is not None:
        document["paused"] = _text(told.paused)
    if told.acknowledged:
        document["acknowledged"] = True
    return document


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _group(row: Mapping[Any, Any], now: datetime) -> Group:
    """A stored group. Where the clock was set back, what lies ahead of it is taken as now: nothing waits longer for that."""
    told = {name: _told(each, row["told_at"] or row["opened_at"], now) for name, each in json.loads(row["told"]).items()}
    group = Group(
        row["receiver"], row["group_key"], json.loads(row["labels"]), row["thread"], row["opened_at"], row["next_at"], row["told_at"],
        told, row["sequence"], row["escalated"],
    )  # fmt: skip
    group.stored = _stored(group)
    if group.opened_at > now or (group.told_at is not None and group.told_at > now):
        ahead = (group.told_at or group.opened_at) - now
        group.opened_at, group.next_at = min(group.opened_at, now), group.next_at - ahead
        group.told_at = None if group.told_at is None else min(group.told_at, now)
    return group


def _told(document: Mapping[str, Any], told_at: datetime, now: datetime) -> Told:
    def instant(name: str) -> datetime:
        text = document.get(name)
        return min(datetime.fromisoformat(text) if text else told_at, now)

    return Told(
        document["episode"], ToldState(document["state"]), instant("at"), instant("since"),
        instant("paused") if document.get("paused") else None, bool(document.get("acknowledged")),
    )  # fmt: skip


def fires(alert: Alert) -> bool:
    """Whether an alert fires, known or not."""
    return alert.state is AlertState.FIRING
