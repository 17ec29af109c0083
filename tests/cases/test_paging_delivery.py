"""Pages that users of other systems lost, or got twice, on their way out. Each test is named after its case."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from alerts.notice import Kind, Withheld
from alerts.outbox import LEASE, enqueue
from jobs.deliver import Deliverer
from roomleft.alerting import Alerting
from roomleft.clock import FixedClock
from tests.alerts.channels.told import KEY, alert_is, notice
from tests.fixtures.hook import Hook
from tests.fixtures.pagerduty import PagerDuty
from tests.fixtures.state import state_url
from warehouse.state import StateDb
from warehouse.state.models_alerting import DeliveryRow, OutboxRow


class Way:
    """A notice's way out to one PagerDuty service. Each `life` is a process: it may die, and another comes."""

    def __init__(self, folder: Path, clock: FixedClock, service: PagerDuty) -> None:
        self.clock, self.service = clock, service
        self.state = StateDb.open(state_url(folder), clock)
        channel = {"kind": "pagerduty", "routing_key_env": "PD_KEY", "url": service.url}
        self.alerting = Alerting.model_validate({"receivers": [{"name": "oncall", "channels": [channel]}]})
        self.made: list[Deliverer] = []
        self.put_in = 0

    def put(self, kind: Kind = Kind.FIRING) -> None:
        self.put_in += 1
        with self.state.write() as connection:
            enqueue(connection, notice(kind, notice_id=f"n{self.put_in}"), self.alerting.receivers[0], "g", self.clock.now())

    def life(self, *, dies_before_recording: bool = False) -> str:
        """A process delivers what is due; what it says."""
        name = f"elsewhere:{len(self.made) + 1}:aa"
        deliverer = Deliverer(
            self.state, lambda: self.alerting, {"PD_KEY": KEY}.get, self.clock, holder=name, jitter=Random(1), timeout_s=5
        )
        self.made.append(deliverer)
        if dies_before_recording:
            deliverer.outbox.record = lambda *_: "never"  # type: ignore[method-assign, assignment]
        words = deliverer.pump()
        assert deliverer.idle()
        return words

    def ledger(self) -> list[tuple[str, str, str]]:
        with self.state.read() as connection:
            rows = connection.execute(
                select(DeliveryRow.outcome, DeliveryRow.status, DeliveryRow.reason).order_by(DeliveryRow.id)
            )
            return [(outcome, status, reason) for outcome, status, reason in rows]

    def states(self) -> list[str]:
        with self.state.read() as connection:
            return list(connection.execute(select(OutboxRow.state).order_by(OutboxRow.id)).scalars())


@pytest.fixture
def way(tmp_path: Path, clock: FixedClock, pagerduty: PagerDuty) -> Iterator[Way]:
    way = Way(tmp_path, clock, pagerduty)
    yield way
    for deliverer in way.made:
        deliverer.stop()
    way.state.close()


def test_paging_04d_a_resolve_waits_in_the_outbox_while_nobody_delivers(way: Way) -> None:
    way.put()
    way.life()
    way.put(Kind.RESOLVED)
    way.clock.advance(timedelta(hours=20))  # nobody runs
    way.life()
    assert [incident.state for incident in way.service.incidents] == ["resolved"]


def test_paging_04e_a_resolve_that_its_process_died_with_is_sent_by_the_next(way: Way) -> None:
    way.put()
    way.life()
    way.put(Kind.RESOLVED)
    way.service.next_answers = [503]
    way.life(dies_before_recording=True)
    assert [incident.state for incident in way.service.incidents] == ["triggered"]
    way.clock.advance(LEASE)
    way.life()
    assert [incident.state for incident in way.service.incidents] == ["resolved"]
    assert way.states() == ["delivered", "delivered"]


def test_paging_04f_the_resolve_of_a_page_whose_outcome_is_unknown_is_owed(way: Way) -> None:
    way.put()
    way.life(dies_before_recording=True)
    way.put(Kind.RESOLVED)
    way.clock.advance(LEASE)
    way.life()
    assert [incident.state for incident in way.service.incidents] == ["resolved"]


@pytest.mark.parametrize("answer", ["drop", 500, 503])
def test_paging_15d_any_number_of_attempts_is_one_incident(way: Way, answer: Any) -> None:
    way.put()
    way.service.next_answers = [answer] * 3
    for _ in range(6):
        way.life()
        way.clock.advance(timedelta(minutes=1))
    assert len(way.service.incidents) == 1
    assert way.states() == ["delivered"]
    assert len(way.ledger()) == 4, "every attempt is in the ledger"


def test_paging_15e_a_death_between_acceptance_and_record_is_no_second_page(way: Way) -> None:
    way.put()
    for _ in range(3):
        way.life(dies_before_recording=True)
        way.clock.advance(LEASE)
    way.life()
    assert len(way.service.incidents) == 1
    assert [outcome for outcome, _, _ in way.ledger()] == ["unknown", "unknown", "unknown", "delivered"]


def test_paging_15f_a_firing_notice_is_not_replayed_after_its_resolve(way: Way) -> None:
    way.put()
    way.life()
    way.service.next_answers = [503]
    way.put()  # an update that could not be sent
    way.life()
    way.put(Kind.RESOLVED)
    way.clock.advance(timedelta(minutes=1))
    for _ in range(3):
        way.life()
        way.clock.advance(timedelta(hours=1))
    (incident,) = way.service.incidents
    assert [event["event_action"] for event in incident.log] == ["trigger", "resolve"]
    assert way.states() == ["delivered", "superseded", "delivered"]


def test_paging_15g_two_servers_that_deliver_at_once_send_once(way: Way, hook: Hook) -> None:
    way.alerting = Alerting.model_validate(
        {"receivers": [{"name": "oncall", "channels": [{"kind": "webhook", "url": hook.url}]}]}
    )
    way.put()
    lives = [Deliverer(way.state, lambda: way.alerting, {}.get, way.clock, holder=f"server{number}:1:aa") for number in (1, 2, 3)]
    way.made += lives
    for each in lives:
        each.pump()
    assert all(each.idle() for each in lives)
    assert len(hook.requests) == 1


def test_the_delivery_log_holds_every_attempt_its_answer_and_why_others_were_not_made(way: Way) -> None:
    """What users ask for in alertmanager#172, #2304, #560."""
    alert_is(way.state, "firing", way.clock.now())
    way.service.next_answers = [(429, {"retry-after": "30"}), 400]
    way.put()
    way.life()
    way.clock.advance(timedelta(seconds=30))
    way.life()
    way.put()
    alert_is(way.state, "resolved", way.clock.now())
    way.life()
    assert way.ledger() == [
        ("retry", "429", "it answered 429"),
        ("refused", "400", "it answered 400"),
        ("dropped", "", Withheld.NO_LONGER_TRUE),
    ]
    with way.state.read() as connection:
        first = connection.execute(select(DeliveryRow.__table__).order_by(DeliveryRow.id)).mappings().first()
    assert first is not None
    assert (first["receiver"], first["channel"], first["attempt"], first["rule_id"]) == (
        "oncall",
        "pagerduty",
        1,
        "shop.replica-lag",
    )
    assert first["took_ms"] is not None
    assert first["answer"] == '{"status": "told to", "message": "answers 429"}'
