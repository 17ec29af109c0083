"""The dead man's switch is called while rules are evaluated in time, and only then."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from jobs.alert import ALERT
from jobs.heartbeat import Heart, heartbeat_job
from roomleft.alerting import Alerting
from roomleft.app.telling import WholeEvaluations
from roomleft.clock import FixedClock
from roomleft.errors import DeliveryError
from tests.alerts.paging import quick_state
from tests.fixtures.hook import Hook
from warehouse.state import JobRuns, Outcome

MINUTE = timedelta(minutes=1)


class Beating:
    """A heart, its address and what it knows of the last evaluation."""

    def __init__(self, hook: Hook, clock: FixedClock) -> None:
        self.hook, self.clock = hook, clock
        self.alerting = Alerting.model_validate({"heartbeat": {"url_env": "BEAT", "every": "1m"}})
        self.evaluated_at: datetime | None = clock.now()
        self.env = {"BEAT": f"{hook.url}/ping/0123456789abcdef"}
        self.heart = Heart(
            lambda: self.alerting, lambda name: self.env.get(name), lambda: self.evaluated_at, clock, clock, MINUTE, timeout_s=5
        )

    def beat(self) -> str:
        return self.heart.beat(self.clock.now()).words


@pytest.fixture
def beating(hook: Hook, clock: FixedClock) -> Beating:
    return Beating(hook, clock)


def test_it_is_called_every_so_often(beating: Beating) -> None:
    for _ in range(24):  # two minutes of ticks
        beating.evaluated_at = beating.clock.now()
        assert beating.beat() == "called, answered 200"
        beating.clock.advance(timedelta(seconds=5))
    assert [request.method for request in beating.hook.requests] == ["GET", "GET"]
    assert heartbeat_job(beating.heart).name == "heartbeat"


@pytest.mark.parametrize(("age", "called"), [
    (timedelta(0), 1), (MINUTE, 1), (-MINUTE / 2, 1), (MINUTE + timedelta(seconds=1), 0), (-2 * MINUTE, 0), (None, 0),
])  # fmt: skip
def test_only_while_the_last_evaluation_is_fresh(beating: Beating, age: timedelta | None, called: int) -> None:
    beating.evaluated_at = None if age is None else beating.clock.now() - age
    if called:
        beating.beat()
    else:
        with pytest.raises(DeliveryError, match="held back"):
            beating.beat()
    assert len(beating.hook.requests) == called


def test_an_evaluation_of_which_nobody_could_be_told_is_none(beating: Beating, tmp_path: Path) -> None:
    with quick_state(tmp_path) as state:
        clock, runs = beating.clock, JobRuns(state, now=beating.clock)
        whole = WholeEvaluations(clock.now, runs)
        assert whole() is None
        runs.finish(runs.start(ALERT), Outcome.OK)
        told_at = clock.now()
        clock.advance(2 * MINUTE)
        runs.finish(runs.start(ALERT), Outcome.FAILED, "the outbox cannot be written")
        assert whole() == told_at
        beating.evaluated_at = whole()
        with pytest.raises(DeliveryError, match="held back: rules were last evaluated 2\u202fmin ago"):
            beating.beat()


def test_a_failure_is_shown_without_the_address_and_made_up_for_soon(beating: Beating) -> None:
    beating.hook.status, beating.hook.answer = 500, "no {path}"
    with pytest.raises(DeliveryError, match="it answered 500") as told:
        beating.beat()
    assert "0123456789abcdef" not in str(told.value)
    beating.hook.status = 200
    beating.clock.advance(timedelta(seconds=5))
    assert beating.beat() == "called, answered 200"


def test_without_an_address_nothing_is_called(beating: Beating) -> None:
    beating.env.clear()
    with pytest.raises(DeliveryError, match="the variable BEAT is not set"):
        beating.beat()
    beating.alerting = Alerting()
    assert beating.beat() == "no heartbeat is configured"
    assert beating.hook.requests == []
