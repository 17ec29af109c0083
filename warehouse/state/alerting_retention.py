"""How long alerting's rows are kept: what happened and who was told for 400 days, alerts that are over for 90."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete

from warehouse.state.database import StateDb
from warehouse.state.models_alerting import AcknowledgementRow, AlertEventRow, AlertRow, DeliveryRow, OutboxRow, ReceivedRow

TOLD = timedelta(days=400)
OVER = timedelta(days=90)


def forget_old_alerting(state: StateDb, now: datetime, wall: datetime) -> dict[str, int]:
    """Delete what is past keeping; how many rows of each table. `now` is of the platforms' clock, which alerts live by, `wall` the outbox's."""
    with state.write() as connection:
        return {
            model.__tablename__: connection.execute(delete(model).where(*conditions)).rowcount
            for model, conditions in (
                (AlertRow, (AlertRow.resolved_at < now - OVER, AlertRow.state == "resolved")),
                (AlertEventRow, (AlertEventRow.at < now - TOLD,)),
                (AcknowledgementRow, (AcknowledgementRow.at < now - TOLD,)),
                (OutboxRow, (OutboxRow.done_at < wall - TOLD,)),
                (DeliveryRow, (DeliveryRow.at < wall - TOLD,)),
                (ReceivedRow, (ReceivedRow.at < wall - OVER,)),
            )
        }
