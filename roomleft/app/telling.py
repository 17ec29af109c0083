"""Who is told, wired: the outbox's jobs, what goes on beside them, and how it all ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from jobs.alert import ALERT
from jobs.deliver import Deliverer, deliver_job
from jobs.deploy_news import DeployNews
from jobs.heartbeat import Heart, heartbeat_job
from jobs.keep_alive import KeepAlive
from jobs.schedule import Job
from roomleft.app.ruling import Ruling
from roomleft.clock import Clock
from roomleft.credentials import Credentials
from roomleft.packs import Pack
from roomleft.settings import Settings
from warehouse.state import JobRuns, StateDb
from warehouse.store import Store

MISSED = 4
"""How many evaluations may be missed before the heartbeat stops."""
NEWEST = "SELECT max(evaluated_at) AS at FROM evaluations"


class WholeEvaluations:
    """When rules were last evaluated and what came of it was stored and handed on: what is noted of an evaluation is noted before that."""

    def __init__(self, evaluated_at: Callable[[], datetime | None], runs: JobRuns) -> None:
        self._evaluated_at, self._runs = evaluated_at, runs

    def __call__(self) -> datetime | None:
        """The instant; None if there was none yet. Raises StoreError."""
        at, run = self._evaluated_at(), self._runs.latest_ok().get(ALERT)
        return None if at is None or run is None else min(at, run.started_at)


class Telling:
    """The jobs `deliver` and `heartbeat` over the receivers in force."""

    def __init__(
        self, settings: Settings, clock: Clock, packs: Mapping[str, Pack], store: Store, state: StateDb, ruling: Ruling
    ) -> None:
        get = Credentials(settings.data_dir).get
        wall, every = state.clock, timedelta(seconds=settings.measure_every_s)

        def evaluated_at() -> datetime | None:
            found: datetime | None = store.select(NEWEST)["at"][0].as_py()
            return found

        def evaluated_on_wall() -> datetime | None:
            at = evaluated_at()
            return None if at is None else wall.now() - timedelta(seconds=clock.real_seconds(clock.now() - at))

        source = urlsplit(settings.public_url).hostname or "roomleft"
        self.deliverer = Deliverer(state, lambda: ruling.alerting, get, wall, source=source)
        keep_alive = KeepAlive(state, self.deliverer, lambda: ruling.alerting, wall, every, evaluated_on_wall)
        news = DeployNews(store, state, packs, lambda: ruling.alerting, clock, wall)
        # An evaluation that is a little late, or a restart, is no reason to raise the alarm.
        fresh_for = max(MISSED * every, timedelta(seconds=60 * clock.speed))
        whole = WholeEvaluations(evaluated_at, JobRuns(state, now=clock))
        heart = Heart(lambda: ruling.alerting, get, whole, clock, wall, fresh_for)
        self.jobs: list[Job] = [
            deliver_job(self.deliverer, keep_alive.round, news.look, speed=clock.speed),
            heartbeat_job(heart, clock.speed),
        ]

    def stop(self) -> None:
        """Take nothing more from the outbox and wait for what is being sent."""
        self.deliverer.stop()
