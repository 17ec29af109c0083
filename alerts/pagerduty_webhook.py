"""What PagerDuty tells through its webhooks v3: an incident of ours was acknowledged, taken back, or resolved there. Each message counts once."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select, update

from alerts.groups import ToldState
from alerts.notice import Kind
from alerts.notice_json import notice_of
from roomleft.errors import InputError
from roomleft.findings import AlertState
from warehouse.state import StateDb
from warehouse.state.audit import record
from warehouse.state.models_alerting import AcknowledgementRow, AlertRow, NoticeGroupRow, OutboxRow, ReceivedRow

SOURCE = "pagerduty"
WHERE = "PagerDuty's webhook"
ACKNOWLEDGED = frozenset({"incident.acknowledged"})
TAKEN_BACK = frozenset({"incident.unacknowledged", "incident.reopened"})
RESOLVED = frozenset({"incident.resolved"})
NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One message. `key` is the incident's dedup key, which is the conversation's name here; `who` did it there."""

    id: str
    type: str
    key: str
    who: str
    incident: str


def signed(body: bytes, header: str, secret: str) -> bool:
    """Whether one of the signatures in `X-PagerDuty-Signature` (`v1=…,v1=…`) is this body's under the secret. Takes as long for a wrong one."""
    wanted = hmac.new(secret.encode(), body, sha256).hexdigest()
    given = [part.strip()[3:] for part in header.split(",") if part.strip().startswith("v1=")]
    # Each is compared, so that the time does not tell which one fits.
    fits = [hmac.compare_digest(wanted.encode(), each.encode("utf-8", "replace")) for each in given]
    return True in fits


def read_event(body: bytes) -> Event:
    """The message in a body. Raises InputError."""
    try:
        event = orjson.loads(body)["event"]
        data: Mapping[str, Any] = event.get("data") or {}
        agent: Mapping[str, Any] = event.get("agent") or {}
        who = str(agent.get("summary") or agent.get("type") or "PagerDuty")[:NAME_LENGTH]
        incident = str(data.get("html_url") or data.get("id") or "")[:500]
        return Event(str(event["id"]), str(event["event_type"]), str(data.get("incident_key") or ""), who, incident)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"this is no event: {type(error).__name__}", WHERE, "subscribe to V3 webhooks of incidents") from error


def take(state: StateDb, event: Event, now: datetime) -> int:
    """Do what the message says, once; how many alerts it was about. `now` is the alerts' clock. Raises StoreError.

    A resolve there ends the acknowledgements made there; the alert fires here until its condition no longer holds.
    """
    wall = state.clock.now()
    with state.write() as connection:
        if connection.execute(
            select(ReceivedRow.at).where(ReceivedRow.source == SOURCE, ReceivedRow.message_id == event.id)
        ).first():
            return 0
        connection.execute(insert(ReceivedRow).values(source=SOURCE, message_id=event.id, at=wall))
        if event.type not in ACKNOWLEDGED | TAKEN_BACK | RESOLVED or not event.key:
            return 0
        episodes = _episodes(connection, event.key)
        for episode in episodes:
            if event.type in ACKNOWLEDGED:
                _acknowledge(connection, episode, event, now, None, "acknowledged in PagerDuty")
            else:
                connection.execute(
                    update(AcknowledgementRow)
                    .where(
                        AcknowledgementRow.episode == episode, AcknowledgementRow.source == SOURCE,
                        AcknowledgementRow.withdrawn_at.is_(None),
                    )
                    .values(withdrawn_at=now, withdrawn_by=event.who)
                )  # fmt: skip
            if event.type in RESOLVED:
                _acknowledge(connection, episode, event, now, now, "resolved in PagerDuty")
        if episodes:
            record(connection, wall, event.who, event.type, episodes=episodes, incident=event.incident, source=SOURCE)
    return len(episodes)


def _acknowledge(connection: Connection, episode: str, event: Event, now: datetime, until: datetime | None, what: str) -> None:
    note = f"{what}: {event.incident}" if event.incident else what
    values = {"who": event.who, "at": now, "until": until, "note": note, "source": SOURCE}
    connection.execute(insert(AcknowledgementRow).values(episode=episode, withdrawn_at=None, withdrawn_by=None, **values))


def _episodes(connection: Connection, key: str) -> list[str]:
    """The episodes that fire now of those that PagerDuty was told of under this key."""
    wanted = _spelled_out(connection, key) | _told_in(connection, key)
    firing = connection.execute(select(AlertRow.episode).where(AlertRow.state == AlertState.FIRING)).scalars()
    return sorted(wanted.intersection(firing))


def _told_in(connection: Connection, key: str) -> set[str]:
    """Those of the group: a notice spells out only the first of many."""
    groups = connection.execute(select(NoticeGroupRow.told).where(NoticeGroupRow.thread == key)).scalars()
    return {told["episode"] for group in groups for told in orjson.loads(group).values() if told["state"] == ToldState.FIRING}


def _spelled_out(connection: Connection, key: str) -> set[str]:
    """Those of the newest notice under the key."""
    content = connection.execute(
        select(OutboxRow.content)
        .where(OutboxRow.thread == key, OutboxRow.channel.startswith("pagerduty"), OutboxRow.kind == Kind.FIRING.value)
        .where(OutboxRow.attempts > 0)
        .order_by(OutboxRow.id.desc())
        .limit(1)
    ).scalar()
    if content is None:
        return set()
    return {alert.episode for alert in notice_of(content).alerts if alert.episode}
