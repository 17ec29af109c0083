"""What fires is sent to an Alertmanager again each minute, as long as it is evaluated, and no longer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alerts.notice import Kind
from alerts.outbox import enqueue
from jobs.deliver import Deliverer
from jobs.keep_alive import KeepAlive
from roomleft.alerting import Alerting
from roomleft.clock import FixedClock
from tests.alerts.channels.told import alert_is, notice
from tests.fixtures.hook import Hook
from tests.fixtures.state import state_url
from warehouse.state import StateDb
from warehouse.state.models_alerting import DeliveryRow


class Watch:
    """An Alertmanager that was told of an alert."""

    def __init__(self, folder: Path, clock: FixedClock, hook: Hook) -> None:
        self.clock, self.hook = clock, hook
        self.evaluated_at: datetime | None = clock.now()
        self.state = StateDb.open(state_url(folder), clock)
        self.alerting = Alerting.model_validate(
            {"receivers": [{"name": "oncall", "channels": [{"kind": "alertmanager", "url": hook.url}, {"kind": "outbox"}]}]}
        )
        self.deliverer = Deliverer(self.state, lambda: self.alerting, {}.get, clock)
        self.keeper = KeepAlive(
            self.state, self.deliverer, lambda: self.alerting, clock, timedelta(seconds=15), lambda: self.evaluated_at
        )

    def tell(self, kind: Kind = Kind.FIRING) -> None:
        with self.state.write() as connection:
            enqueue(
                connection,
                notice(kind, notice_id=f"{kind}-{self.clock.now()}"),
                self.alerting.receivers[0],
                "g",
                self.clock.now(),
            )
        self.deliverer.pump()
        assert self.deliverer.idle()

    def minutes(self, count: int, state: str = "firing") -> list[Any]:
        """The posts of so many minutes of runs each five seconds, the alert evaluated all the time."""
        before = len(self.hook.requests)
        for _ in range(count * 12):
            if state:
                alert_is(self.state, state, self.clock.now() - timedelta(hours=1))  # unchanged since then
                self.evaluated_at = self.clock.now()
            self.keeper.round()
            assert self.deliverer.idle()
            self.clock.advance(timedelta(seconds=5))
        return [json.loads(request.body) for request in self.hook.requests[before:]]

    def ledger(self) -> list[str]:
        with self.state.read() as connection:
            return list(
                connection.execute(select(DeliveryRow.reason).where(DeliveryRow.attempt == 0).order_by(DeliveryRow.id)).scalars()
            )


@pytest.fixture
def watch(tmp_path: Path, clock: FixedClock, hook: Hook) -> Iterator[Watch]:
    watch = Watch(tmp_path, clock, hook)
    alert_is(watch.state, "firing", clock.now())
    watch.tell()
    yield watch
    watch.deliverer.stop()
    watch.state.close()


def test_at_least_each_minute_and_four_minutes_on_from_the_evaluation(watch: Watch, clock: FixedClock) -> None:
    began = clock.now()
    posts = watch.minutes(5)
    assert len(posts) == 6
    ends = [post[0]["endsAt"] for post in posts]
    wanted = [began + timedelta(seconds=50 * number, minutes=4) for number in range(6)]
    assert ends == [at.isoformat().replace("+00:00", "Z") for at in wanted]
    assert {post[0]["labels"]["alertname"] for post in posts} == {"ReplicaLag"}


def test_when_evaluations_stop_its_end_stays_where_it_was(watch: Watch) -> None:
    watch.minutes(1)
    ends = {post[0]["endsAt"] for post in watch.minutes(3, state="")}
    assert len(ends) == 1, "it lapses by itself"


def test_before_the_first_evaluation_nothing_is_said(watch: Watch) -> None:
    watch.evaluated_at = None
    assert watch.minutes(2, state="") == []


@pytest.mark.parametrize("state", ["resolved", "unknown"])
def test_what_fires_no_more_is_not_kept_alive(watch: Watch, state: str) -> None:
    assert watch.minutes(2, state) == []


def test_after_its_resolve_was_told_it_is_not_kept_alive(watch: Watch) -> None:
    watch.tell(Kind.RESOLVED)
    assert watch.minutes(2) == []


def test_failures_stand_in_the_ledger_once_and_so_does_their_end(watch: Watch) -> None:
    watch.minutes(2)
    assert watch.ledger() == []
    watch.hook.status = 500
    watch.minutes(3)
    watch.hook.status = 200
    watch.minutes(2)
    assert watch.ledger() == ["alerts kept alive: it answered 500", "alerts kept alive: it works again"]


def test_a_slow_one_is_not_waited_for(watch: Watch) -> None:
    watch.hook.stuck.set()
    alert_is(watch.state, "firing", watch.clock.now())
    watch.keeper.round()
    watch.clock.advance(timedelta(minutes=2))
    watch.keeper.round()
    watch.hook.free.set()
    assert watch.deliverer.idle()
    assert len(watch.hook.requests) == 2, "the first notice, and the one that was waited for"
