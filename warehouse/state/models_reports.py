"""The tables of reports: who gets them, what was made, every copy on its way; and what was announced, so that it is no surprise.

Instants of mailings are the wall's, as a delivery's other end lives there; those of expected events are of the clock that the platform's data is on.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from warehouse.state.models import Base, BigId


class RecipientRow(Base):
    """Who gets a report by mail: on which day of the week (`mon` …) and local hour of `zone`. `platforms` is a JSON list, empty for all.

    A recipient is ended, never deleted: the archive names them. An address has one row that is not ended for each `report`.
    """

    __tablename__ = "recipients"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    address: Mapped[str] = mapped_column(index=True)
    report: Mapped[str]
    zone: Mapped[str]
    weekday: Mapped[str]
    hour: Mapped[int]
    platforms: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]


class ReportRow(Base):
    """A report as it was made; the archive. `report_key` names what it is about (`weekly/2026-11-23/Europe/Berlin`), so that it is made once.

    `content` is the JSON that text, HTML and workbook were made from; `missing` says in words what could not be made.
    """

    __tablename__ = "reports"
    __table_args__ = (Index("ix_reports_made_at", "made_at"),)
    report_key: Mapped[str] = mapped_column(primary_key=True)
    report: Mapped[str]
    platform: Mapped[str]
    zone: Mapped[str]
    period_from: Mapped[datetime]
    period_to: Mapped[datetime]
    made_at: Mapped[datetime]
    subject: Mapped[str]
    content: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    missing: Mapped[str]


class ReportFileRow(Base):
    """A picture or workbook of a report. `content_id` is what its HTML calls a picture by, empty for a file that is attached."""

    __tablename__ = "report_files"
    report_key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    media_type: Mapped[str]
    content_id: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary)


class MailingRow(Base):
    """One report on its way to one address. `mailing_id` is made of both, and the Message-ID of it, so that it is sent once.

    `state`: waiting, sending (leased), sent, unknown (it may have been taken; sent once more), refused, given_up, called_off.
    """

    __tablename__ = "mailings"
    __table_args__ = (Index("ix_mailings_state_next_at", "state", "next_at"),)
    mailing_id: Mapped[str] = mapped_column(primary_key=True)
    report_key: Mapped[str] = mapped_column(index=True)
    recipient_id: Mapped[int | None]
    address: Mapped[str]
    message_id: Mapped[str]
    due_at: Mapped[datetime]
    state: Mapped[str]
    attempts: Mapped[int]
    next_at: Mapped[datetime]
    leased_by: Mapped[str]
    leased_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    status: Mapped[str]
    answer: Mapped[str]


class ExpectedEventRow(Base):
    """Something announced that moves figures: a launch, a back-fill, a holiday, a campaign. In its time a jump is expected and pages nobody,
    and the forecaster knows of it. `platform` and `target` empty: all of them."""

    __tablename__ = "expected_events"
    __table_args__ = (Index("ix_expected_events_ends_at", "ends_at"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind: Mapped[str]
    platform: Mapped[str]
    target: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    note: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]
