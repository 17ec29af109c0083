"""Keeps alerts alive at Alertmanagers: what fires is sent again each minute, so that it lapses there only when it is no longer evaluated here.

Such a post is no notice. The ledger notes when they begin to fail and when they work again; each counts in the metrics.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select

from alerts.channels.alertmanager import RESEND, alert_of, alive_until, put, still_firing
from alerts.channels.answer import Answer, Outcome
from alerts.channels.sending import guarded
from alerts.notice import Kind, Notice
from alerts.notice_json import notice_of
from alerts.outbox import Lane
from jobs.deliver import Deliverer, channels
from roomleft.alerting import Alerting, AlertmanagerChannel
from roomleft.clock import Now
from roomleft.findings import AlertState
from roomleft.metrics import DELIVERIES
from warehouse.state import StateDb
from warehouse.state.models_alerting import AlertRow, DeliveryRow, OutboxRow

SOONER = RESEND - timedelta(seconds=10)
"""How long after the last round the next begins: at least each minute, also where rounds wait for one another."""
KEPT = "alerts kept alive"


class KeepAlive:
    """Sends again what fires. `evaluated_at` is the newest evaluation's instant on the wall's clock; `every` is how often rules are evaluated."""

    def __init__(
        self,
        state: StateDb,
        deliverer: Deliverer,
        alerting: Callable[[], Alerting],
        wall: Now,
        every: timedelta,
        evaluated_at: Callable[[], datetime | None],
    ) -> None:
        self._state, self._deliverer, self._alerting, self._wall = state, deliverer, alerting, wall
        self._every, self._evaluated_at = every, evaluated_at
        self._lock = threading.Lock()
        self._last: dict[Lane, datetime] = {}
        self._failing: set[Lane] = set()

    def round(self) -> str:
        """Begin with every Alertmanager whose turn it is, beside one another. Nothing to say in words."""
        now = self._wall.now()
        for lane, channel in channels(self._alerting()).items():
            last = self._last.get(lane)
            if not isinstance(channel, AlertmanagerChannel) or (last is not None and timedelta(0) <= now - last < SOONER):
                continue
            if self._deliverer.beside(("keep alive", *lane), lambda lane=lane, channel=channel: self.keep(lane, channel)):  # type: ignore[misc]
                self._last[lane] = now
        return ""

    def keep(self, lane: Lane, channel: AlertmanagerChannel) -> int:
        """Send again what fires of one Alertmanager's; how many alerts. Raises StoreError."""
        told = self._told(lane)
        if not told:
            return 0
        evaluated_at, alive = self._evaluated_at(), self._alive()
        if evaluated_at is None:
            return 0
        now, until = self._wall.now(), alive_until(evaluated_at, self._every)
        means = self._deliverer.means(told[0], self._alerting())
        found = [alert_of(alert, notice, until, now) for notice in told for alert in still_firing(notice, alive)]
        if not found:
            return 0
        answer = guarded(lambda: put(found, channel, means), "alertmanager", means)
        DELIVERIES.labels(lane[1], answer.outcome.value).inc()
        self._note(lane, told[0], answer, now)
        return len(found)

    def _told(self, lane: Lane) -> list[Notice]:
        """The newest delivered notice of each conversation, of those that fire."""
        with self._state.read() as connection:
            newest = (
                select(func.max(OutboxRow.id))
                .where(OutboxRow.receiver == lane[0], OutboxRow.channel == lane[1], OutboxRow.state == "delivered")
                .where(OutboxRow.kind.in_([Kind.FIRING.value, Kind.RESOLVED.value]))
                .group_by(OutboxRow.thread)
            )
            rows = connection.execute(
                select(OutboxRow.content)
                .where(OutboxRow.id.in_(newest), OutboxRow.kind == Kind.FIRING.value)
                .order_by(OutboxRow.id)
            )
            return [notice_of(content) for (content,) in rows]

    def _alive(self) -> set[tuple[str, str, str]]:
        """The rule, fingerprint and episode of every alert that fires."""
        with self._state.read() as connection:
            rows = connection.execute(
                select(AlertRow.rule_id, AlertRow.fingerprint, AlertRow.episode).where(AlertRow.state == AlertState.FIRING)
            )
            return {(rule_id, fingerprint, episode) for rule_id, fingerprint, episode in rows}

    def _note(self, lane: Lane, notice: Notice, answer: Answer, now: datetime) -> None:
        with self._lock:
            failed, before = answer.outcome is not Outcome.DELIVERED, lane in self._failing
            if failed == before:
                return
            self._failing ^= {lane}
        with self._state.write() as connection:
            connection.execute(
                insert(DeliveryRow).values(
                    at=now, notice_id=notice.notice_id, receiver=lane[0], channel=lane[1], attempt=0, outcome=answer.outcome.value,
                    status=answer.status, answer=answer.answer, reason=f"{KEPT}: {answer.reason or 'it works again'}", took_ms=None,
                    rule_id="", fingerprint="", episode="",
                )
            )  # fmt: skip
