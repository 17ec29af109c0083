"""Notices in the outbox that this program cannot read, as after going back to an earlier version: refused by name, so that they hold up no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from alerts.notice import Kind, Notice
from alerts.notice_json import notice_of
from warehouse.state.models_alerting import DeliveryRow, OutboxRow

UNREADABLE = "this program cannot read the notice: another version may have written it"


def content_of(connection: Connection, row_id: int) -> Notice:
    """The notice of a row. Raises ValueError for one that cannot be read."""
    return notice_of(connection.execute(select(OutboxRow.content).where(OutboxRow.id == row_id)).scalar_one())


def readable(connection: Connection, row_id: int) -> Notice | None:
    """The notice of a row; None if it cannot be read."""
    try:
        return content_of(connection, row_id)
    except ValueError:
        return None


def refuse_unreadable(connection: Connection, queue: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Refuse those of the rows that cannot be read, each with a line in the ledger."""
    for row in queue:
        if row["kind"] in set(Kind) and readable(connection, row["id"]) is not None:
            continue
        settled = {"state": "refused", "done_at": now, "leased_by": "", "leased_until": None, "words": UNREADABLE}
        connection.execute(update(OutboxRow).where(OutboxRow.id == row["id"]).values(**settled))
        connection.execute(
            insert(DeliveryRow).values(
                at=now, notice_id=row["notice_id"], receiver=row["receiver"], channel=row["channel"], attempt=row["attempts"],
                outcome="refused", status="", answer="", reason=UNREADABLE, took_ms=None, rule_id="", fingerprint="", episode="",
            )
        )  # fmt: skip
