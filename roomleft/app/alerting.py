"""Alerting in a server: the rules in force are looked at, alerts take their steps, and the pipeline is handed what came of it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from alerts.alert import Alert
from alerts.changes import Changes
from alerts.compose import Words
from alerts.pipeline import flush
from analytics.conditions import look
from analytics.conditions_own import OwnMetrics
from analytics.conditions_view import Remembered, View
from dashboards.parts import slack_of
from jobs.alert import Evaluating, alert_job
from jobs.schedule import FLOOR_S, Job
from roomleft.app.ruling import Ruling
from roomleft.clock import Clock
from roomleft.findings import Looked
from roomleft.metrics import DISK_FREE_BYTES, REGISTRY
from roomleft.packs import Pack
from roomleft.rule_words import Written
from roomleft.rules import Rules
from roomleft.settings import Settings
from warehouse.state import StateDb
from warehouse.store import Store

WAKE_AT_MOST_EVERY_S = 3.0
"""A flood of pushes measures budgets all the time; the rules need not be evaluated each time."""


class Own:
    """Roomleft's own metrics as evaluations saw them, for threads: pages look while an evaluation notes."""

    def __init__(self) -> None:
        self._metrics, self._lock = OwnMetrics(), threading.Lock()

    def take(self, at: datetime) -> None:
        """Note what they are now."""
        with self._lock:
            self._metrics.take(at, REGISTRY)

    def rows(self, name: str, at: datetime, over: timedelta | None) -> Sequence[tuple[Mapping[str, str], float]]:
        """What `OwnMetrics.rows` gives."""
        with self._lock:
            return self._metrics.rows(name, at, over)


class Alerting:
    """The alert job of a server, and what it looks with: only what is stored, so that a replay sees the same."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        packs: Mapping[str, Pack],
        store: Store,
        state: StateDb,
        ruling: Ruling,
        *,
        words: Words | None = None,
    ) -> None:
        self._clock, self._packs, self._store, self._state = clock, packs, store, state
        self._ruling, self._own = ruling, Own()
        changes = Changes(store, state, packs, clock)
        self._words = words or Words(packs, ruling.rules, settings.public_url or "", changes, demo=settings.demo)
        self._remembered = Remembered()
        self._woken_at = 0.0
        # On a fast clock the schedule runs no job more often than its floor, which is longer in the platforms' time.
        self.every = max(timedelta(seconds=settings.measure_every_s), timedelta(seconds=FLOOR_S * clock.speed))
        self.evaluating = Evaluating(
            store,
            state,
            ruling.rules,
            self.live_look,
            clock,
            every=self.every,
            slack=slack_of(clock),
            words=Written(clock),
            tell=self.tell,
        )
        DISK_FREE_BYTES.set_function(lambda: shutil.disk_usage(settings.data_dir).free)
        self.job: Job = alert_job(self.evaluating, every=self.every)

    def live_look(
        self, rules: Rules, at: datetime, read_to: datetime, active: Collection[tuple[str, str]]
    ) -> Mapping[str, Looked]:
        """`look` as an evaluation does, which notes Roomleft's own metrics."""
        self._own.take(at)
        return self.look(rules, at, read_to, active)

    def look(
        self, rules: Rules, at: datetime, read_to: datetime, active: Collection[tuple[str, str]] | None = None
    ) -> Mapping[str, Looked]:
        """What the conditions say at an instant of what had arrived by `read_to`. Raises StoreError."""
        return look(self.view(read_to), rules, at, active)

    def view(self, read_to: datetime) -> View:
        """What a look may see."""
        return View(
            self._store,
            self._packs,
            read_to,
            slos=self._ruling.slos,
            own=self._own,
            slack=slack_of(self._clock),
            remembered=self._remembered,
        )

    def tell(self, alerts: Sequence[Alert], at: datetime) -> int:
        """Put what is to be told into the outbox."""
        return len(flush(self._state, self._ruling.alerting, alerts, at, self._words))

    def alerts(self) -> list[Alert]:
        """Every alert that is pending, firing, unknown, or resolved within a day."""
        return self.evaluating.book.active(self._clock.now())

    def may_wake(self) -> bool:
        """Whether a crossing may have the rules evaluated now."""
        now = time.monotonic()
        if now - self._woken_at < WAKE_AT_MOST_EVERY_S:
            return False
        self._woken_at = now
        return True
