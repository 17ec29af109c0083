"""The tables of alerting: where each alert is, what happened to it, who was to be told, and every attempt to tell them.

Instants of alerts, acknowledgements and silences are of the clock that the platform's data is on; those of the outbox and of deliveries are the
wall's, because the other end of a delivery lives there. The two differ only in a demo that runs fast. JSON texts have sorted keys.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from warehouse.state.models import Base, BigId


class AlertRow(Base):
    """One alert: a rule and a label set. `state` is a `roomleft.findings.AlertState`; `unknown_since` is apart, because an alert that fires goes on
    firing while nobody knows. `episode` names one firing from its start to its end (kept after it), made when it turns pending.

    `held_since`: since when the condition has held; `cleared_since`: since when it has not, while `keep_firing_for` runs. `value`, `line`, `unit`,
    `reason`, `facts`, `observed_at` are of the newest finding that could be told.
    """

    __tablename__ = "alerts"
    rule_id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    platform: Mapped[str]
    severity: Mapped[str]
    labels: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    episode: Mapped[str] = mapped_column(index=True)
    held_since: Mapped[datetime | None]
    fired_at: Mapped[datetime | None]
    cleared_since: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    unknown_since: Mapped[datetime | None]
    unknown_why: Mapped[str]
    unknown_words: Mapped[str]
    changed_at: Mapped[datetime]
    evaluated_at: Mapped[datetime]
    value: Mapped[str | None]
    line: Mapped[str | None]
    worst: Mapped[str | None]
    """The reading furthest beyond the line in this episode."""
    unit: Mapped[str]
    reason: Mapped[str]
    observed_at: Mapped[datetime | None]
    facts: Mapped[str]
    annotations: Mapped[str]
    rule_version: Mapped[str]


class AlertEventRow(Base):
    """One thing that happened to an alert: pending, firing, resolved, lapsed (pending no more), unknown, known, withdrawn (its rule is gone)."""

    __tablename__ = "alert_events"
    __table_args__ = (
        Index("ix_alert_events_rule_id_fingerprint", "rule_id", "fingerprint", "id"),
        Index("ix_alert_events_at", "at"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    rule_id: Mapped[str]
    fingerprint: Mapped[str]
    platform: Mapped[str]
    severity: Mapped[str]
    episode: Mapped[str]
    what: Mapped[str]
    words: Mapped[str]
    value: Mapped[str | None]
    unit: Mapped[str]
    labels: Mapped[str]


class AcknowledgementRow(Base):
    """Somebody took an episode on. `until` None: until it resolves."""

    __tablename__ = "acknowledgements"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    episode: Mapped[str] = mapped_column(index=True)
    who: Mapped[str]
    at: Mapped[datetime]
    until: Mapped[datetime | None]
    note: Mapped[str]
    source: Mapped[str]
    """`page`, `api` or `pagerduty`."""
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]


class SilenceRow(Base):
    """Alerts that match tell nobody for a time. `kind`: `silence` (once), or `maintenance` (a window, perhaps recurring).

    `matchers` is a JSON list of {name, op, value}; `recurring` a JSON object, null for once.
    """

    __tablename__ = "silences"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind: Mapped[str]
    matchers: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    recurring: Mapped[str | None]
    note: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]


class NoticeGroupRow(Base):
    """What a receiver was told of a group of alerts. `told` is a JSON object {rule_id/fingerprint: {episode, state}}; `next_at` when the group
    is looked at next; `sequence` counts its notices; `thread` names the present conversation (from its first firing to all resolved)."""

    __tablename__ = "notice_groups"
    receiver: Mapped[str] = mapped_column(primary_key=True)
    group_key: Mapped[str] = mapped_column(primary_key=True)
    labels: Mapped[str]
    thread: Mapped[str]
    opened_at: Mapped[datetime]
    next_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    told: Mapped[str]
    sequence: Mapped[int]
    escalated: Mapped[int]


class OutboxRow(Base):
    """A notice on its way through one channel. `notice_id` is its idempotency key, the same at every attempt; `content` the notice as JSON.

    `state`: waiting, sending (leased), unknown (a crash between the other end's acceptance and our record: sent once more), delivered, refused,
    dropped (no longer true, or given up), superseded.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_state_due_at", "state", "due_at"), Index("ix_outbox_thread", "thread", "id"))
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    notice_id: Mapped[str] = mapped_column(unique=True)
    receiver: Mapped[str]
    channel: Mapped[str]
    group_key: Mapped[str]
    thread: Mapped[str]
    kind: Mapped[str]
    why: Mapped[str]
    content: Mapped[str]
    made_at: Mapped[datetime]
    due_at: Mapped[datetime]
    state: Mapped[str]
    attempts: Mapped[int]
    leased_by: Mapped[str]
    leased_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    words: Mapped[str]


class DeliveryRow(Base):
    """One attempt and its answer, or a notice that was withheld and why. `outcome`: delivered, retry, refused, unknown, dropped, withheld."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_at", "at"), Index("ix_deliveries_notice_id", "notice_id"))
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    notice_id: Mapped[str]
    receiver: Mapped[str]
    channel: Mapped[str]
    attempt: Mapped[int]
    outcome: Mapped[str]
    status: Mapped[str]
    """The other end's: an HTTP or SMTP code, or empty."""
    answer: Mapped[str]
    """What it said, shortened, without secrets."""
    reason: Mapped[str]
    took_ms: Mapped[int | None]
    rule_id: Mapped[str]
    fingerprint: Mapped[str]
    episode: Mapped[str]


class ReceivedRow(Base):
    """A message from outside that was taken (a PagerDuty webhook), so that the same one again changes nothing."""

    __tablename__ = "received"
    source: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class StatusLinkRow(Base):
    """A link that shows one platform's status page to whoever has it, until it is revoked. Only the SHA-256 of its secret is kept."""

    __tablename__ = "status_links"
    hash: Mapped[str] = mapped_column(primary_key=True)
    prefix: Mapped[str]
    platform: Mapped[str]
    note: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    revoked_by: Mapped[str | None]
    revoked_at: Mapped[datetime | None]
