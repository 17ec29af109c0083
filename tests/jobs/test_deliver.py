"""Delivery as it runs: channels beside one another, an order that holds, every answer recorded, nothing told twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from alerts.notice import Kind, Notice
from alerts.outbox import LEASE, enqueue
from jobs.deliver import FAILURES, REST_S, Deliverer, deliver_job
from jobs.schedule import Did
from roomleft.alerting import Alerting
from roomleft.clock import FixedClock
from roomleft.metrics import REGISTRY
from tests.alerts.channels.told import KEY, notice
from tests.fixtures.hook import Hook
from tests.fixtures.pagerduty import PagerDuty
from tests.fixtures.postgres import until
from tests.fixtures.smtp import Mailbox
from tests.fixtures.state import state_url
from warehouse.state import StateDb
from warehouse.state.models_alerting import DeliveryRow, OutboxRow


class Office:
    """A state database, receivers of the given channels, and whoever delivers."""

    def __init__(self, folder: Path, clock: FixedClock) -> None:
        self.clock = clock
        self.state = StateDb.open(state_url(folder), clock)
        self.alerting = Alerting()
        self.env: dict[str, str] = {"PD_KEY": KEY}
        self.time_s = 0.0
        self.deliverers: list[Deliverer] = []

    def employ(self, holder: str = "here:1:aa", timeout_s: float = 5.0) -> Deliverer:
        made = Deliverer(
            self.state, lambda: self.alerting, self.env.get, self.clock, holder=holder, jitter=Random(3), timeout_s=timeout_s,
            monotonic=lambda: self.time_s,
        )  # fmt: skip
        self.deliverers.append(made)
        return made

    def receivers(self, smtp: Mailbox | None = None, **channels: Mapping[str, Any]) -> None:
        """A receiver a channel: its name is the channel's."""
        given: dict[str, Any] = {"receivers": [{"name": name, "channels": [channel]} for name, channel in channels.items()]}
        if smtp is not None:
            given["smtp"] = {"host": smtp.host, "port": smtp.port, "security": "none", "from": "roomleft@example.org"}
        self.alerting = Alerting.model_validate(given)

    def put(self, made: Notice) -> None:
        """Into the outbox, for every receiver."""
        with self.state.write() as connection:
            for receiver in self.alerting.receivers:
                own = f"{made.notice_id}-{receiver.name}"
                enqueue(connection, notice(made.kind, notice_id=own, thread=made.thread), receiver, "g", self.clock.now())

    def states(self) -> dict[str, str]:
        with self.state.read() as connection:
            return {f"{receiver} {kind}": state for receiver, kind, state in connection.execute(
                select(OutboxRow.receiver, OutboxRow.kind, OutboxRow.state).order_by(OutboxRow.id)
            )}  # fmt: skip

    def ledger(self) -> list[tuple[str, str, str]]:
        with self.state.read() as connection:
            rows = connection.execute(
                select(DeliveryRow.receiver, DeliveryRow.outcome, DeliveryRow.status).order_by(DeliveryRow.id)
            )
            return [(receiver, outcome, status) for receiver, outcome, status in rows]


@pytest.fixture
def office(tmp_path: Path, clock: FixedClock) -> Iterator[Office]:
    office = Office(tmp_path, clock)
    yield office
    for deliverer in office.deliverers:
        deliverer.stop(10)
    office.state.close()


def pagerduty_at(service: PagerDuty) -> dict[str, str]:
    return {"kind": "pagerduty", "routing_key_env": "PD_KEY", "url": service.url}


def through(deliverer: Deliverer) -> str:
    """One run of the job, and until nobody is spoken to any more."""
    words = deliverer.pump()
    assert deliverer.idle()
    return words


def test_every_channel_is_told_and_every_answer_recorded(office: Office, pagerduty: PagerDuty, smtp: Mailbox, hook: Hook) -> None:
    office.receivers(
        smtp,
        pages=pagerduty_at(pagerduty),
        mail={"kind": "email", "to": ["ada@example.org"]},
        chat={"kind": "slack", "url_env": "SLACK"},
        screen={"kind": "outbox"},
    )
    office.env["SLACK"] = hook.url
    office.put(notice(notice_id="n1"))
    deliverer = office.employ()
    did = deliver_job(deliverer, lambda: "2 changes to tell", lambda: "").run(office.clock.now())
    assert did == Did("4 waiting, handed to 4 channels; 2 changes to tell")
    assert deliverer.idle()
    assert set(office.states().values()) == {"delivered"}
    assert sorted(office.ledger()) == [
        ("chat", "delivered", "200"), ("mail", "delivered", "250"), ("pages", "delivered", "202"), ("screen", "delivered", ""),
    ]  # fmt: skip
    assert through(deliverer) == "nothing waits"
    assert (len(pagerduty.incidents), len(smtp.mails), len(hook.requests)) == (1, 1, 1)


def test_a_slow_channel_holds_up_nobody_else(office: Office, pagerduty: PagerDuty, hook: Hook) -> None:
    office.receivers(slow={"kind": "webhook", "url": hook.url}, pages=pagerduty_at(pagerduty))
    hook.stuck.set()
    deliverer = office.employ(timeout_s=30)
    office.put(notice(notice_id="n1"))
    deliverer.pump()
    until(lambda: office.states()["pages firing"] == "delivered")
    office.put(notice(Kind.RESOLVED, notice_id="n2"))
    until(lambda: deliverer.pump() and office.states()["pages resolved"] == "delivered")
    assert [each.state for each in pagerduty.incidents] == ["resolved"]
    assert office.states()["slow firing"] == "sending"
    assert len(hook.requests) == 1
    hook.stuck.clear()
    hook.free.set()
    assert deliverer.idle()


def test_news_that_come_while_a_channel_is_spoken_to_are_sent_at_once(office: Office, pagerduty: PagerDuty) -> None:
    office.receivers(pages=pagerduty_at(pagerduty))
    deliverer = office.employ()
    office.put(notice(notice_id="n1"))
    deliverer.pump()
    office.put(notice(notice_id="n2", thread="another"))
    deliverer.pump()
    assert deliverer.idle()
    assert len(pagerduty.incidents) == 2


@pytest.mark.parametrize("answer", [503, 429, "drop"])
def test_a_page_is_tried_again_and_is_one_incident(office: Office, pagerduty: PagerDuty, answer: Any) -> None:
    office.receivers(pages=pagerduty_at(pagerduty))
    pagerduty.next_answers = [answer]
    office.put(notice(notice_id="n1"))
    deliverer = office.employ()
    through(deliverer)
    assert set(office.states().values()) == {"waiting"}
    office.put(notice(Kind.RESOLVED, notice_id="n2"))
    office.clock.advance(timedelta(seconds=5))
    through(deliverer)
    states = office.states()
    if answer == "drop":  # it may have been taken, so the resolve is owed
        assert states == {"pages firing": "superseded", "pages resolved": "delivered"}
        assert [each.state for each in pagerduty.incidents] == ["resolved"]
    else:
        assert states == {"pages firing": "dropped", "pages resolved": "dropped"}
        assert pagerduty.incidents == []


def test_after_some_failures_a_channel_is_left_alone_for_a_while(office: Office, hook: Hook) -> None:
    office.receivers(chat={"kind": "webhook", "url": hook.url})
    hook.status = 500
    for number in range(10):
        office.put(notice(notice_id=f"n{number}", thread=f"t{number}"))
    deliverer = office.employ()
    through(deliverer)
    assert len(hook.requests) == FAILURES
    through(deliverer)
    assert len(hook.requests) == FAILURES
    hook.status = 200
    office.time_s += REST_S
    office.clock.advance(timedelta(seconds=30))
    through(deliverer)
    assert set(office.states().values()) == {"delivered"}
    assert len(hook.requests) == FAILURES + 10


def test_one_notice_that_is_always_refused_holds_up_no_other(office: Office, pagerduty: PagerDuty) -> None:
    office.receivers(pages=pagerduty_at(pagerduty))
    pagerduty.next_answers = [400]
    office.put(notice(notice_id="n1", thread="bad"))
    office.put(notice(notice_id="n2", thread="good"))
    through(office.employ())
    assert [outcome for _, outcome, _ in office.ledger()] == ["refused", "delivered"]
    assert len(pagerduty.incidents) == 1


def test_a_receiver_that_is_gone_is_a_refusal_not_a_crash(office: Office, hook: Hook) -> None:
    office.receivers(chat={"kind": "webhook", "url": hook.url})
    office.put(notice(notice_id="n1"))
    office.receivers(other={"kind": "outbox"})
    through(office.employ())
    assert office.states() == {"chat firing": "refused"}


def test_attempts_are_counted_by_channel_and_outcome(office: Office, hook: Hook) -> None:
    office.receivers(chat={"kind": "webhook", "url": hook.url})

    def count(outcome: str) -> float:
        return REGISTRY.get_sample_value("roomleft_deliveries_total", {"channel": "webhook", "outcome": outcome}) or 0.0

    before = count("retry"), count("delivered")
    hook.status = 500
    office.put(notice(notice_id="n1"))
    deliverer = office.employ()
    through(deliverer)
    office.clock.advance(timedelta(seconds=30))
    hook.status = 200
    through(deliverer)
    assert (count("retry"), count("delivered")) == (before[0] + 1, before[1] + 1)
    office.put(notice(notice_id="n2", thread="2"))
    office.clock.advance(timedelta(seconds=7))
    office.alerting = Alerting()
    deliverer.pump()
    assert REGISTRY.get_sample_value("roomleft_outbox_waiting") == 1
    assert REGISTRY.get_sample_value("roomleft_outbox_oldest_seconds") == 7
    assert deliverer.idle()


def test_two_servers_deliver_each_notice_once(office: Office, hook: Hook) -> None:
    office.receivers(chat={"kind": "webhook", "url": hook.url})
    for number in range(20):
        office.put(notice(notice_id=f"n{number}", thread=f"t{number}"))
    one, two = office.employ("one:1:aa"), office.employ("two:2:bb")
    one.pump()
    two.pump()
    assert one.idle()
    assert two.idle()
    assert set(office.states().values()) == {"delivered"}
    keys = [request.headers["idempotency-key"] for request in hook.requests]
    assert len(keys) == len(set(keys)) == 20


@pytest.mark.parametrize("kind", ["webhook", "email"])
def test_a_process_that_dies_between_acceptance_and_record(office: Office, hook: Hook, smtp: Mailbox, kind: str) -> None:
    channel: Callable[[], dict[str, Any]] = {
        "webhook": lambda: {"kind": "webhook", "url": hook.url},
        "email": lambda: {"kind": "email", "to": ["ada@example.org"]},
    }[kind]
    office.receivers(smtp, them=channel())
    office.put(notice(notice_id="n1"))
    # It takes the notice and sends it; then it is gone, and records nothing.
    dead = office.employ("elsewhere:1:aa")
    dead.outbox.record = lambda *_: "never"  # type: ignore[method-assign, assignment]
    through(dead)
    deliverer = office.employ()
    assert through(deliverer) == "1 waiting", "its lease still runs"
    office.clock.advance(LEASE)
    assert through(deliverer) == "1 waiting, handed to 1 channel, 1 found with their outcome unknown"
    assert [outcome for _, outcome, _ in office.ledger()] == ["unknown", "delivered"]
    if kind == "webhook":
        assert [request.headers["idempotency-key"] for request in hook.requests] == ["n1-them.webhook"] * 2
    else:
        assert len({mail["Message-ID"] for mail in smtp.mails}) == 1
        assert len(smtp.mails) == 2


def test_stopping_waits_for_what_is_being_sent_and_takes_nothing_more(office: Office, hook: Hook) -> None:
    office.receivers(chat={"kind": "webhook", "url": hook.url})
    hook.stuck.set()
    for number in range(3):
        office.put(notice(notice_id=f"n{number}", thread=f"t{number}"))
    deliverer = office.employ()
    deliverer.pump()
    ended = threading.Thread(target=deliverer.stop)
    ended.start()
    hook.free.set()
    ended.join(10)
    assert not ended.is_alive()
    assert len(hook.requests) <= 1
    assert deliverer.pump().startswith(("2 waiting", "3 waiting"))
    assert len(hook.requests) <= 1
