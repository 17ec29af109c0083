"""The whole way on the real clock: a shop breaks in six ways, each page arrives once and is resolved once, and kills in between change nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.channels.mail import message_id
from roomleft.clock import Clock
from tests.fixtures.alertmanager import AlertmanagerPeer
from tests.fixtures.hook import Hook
from tests.fixtures.pagerduty import PagerDuty
from tests.fixtures.smtp import Mailbox
from tests.jobs.paged_shop import RULES, Shop
from warehouse.state import StateDb
from warehouse.state.models_alerting import DeliveryRow, OutboxRow

pytestmark = pytest.mark.peers
ALL = sorted(RULES)
LIMIT_S = 60.0


@pytest.fixture
def shop(tmp_path: Path, pagerduty: PagerDuty, smtp: Mailbox, hook: Hook) -> Iterator[Shop]:
    """A shop with one rule, PagerDuty and mail."""
    shop = Shop(tmp_path, pagerduty, hook, smtp, only=["QueueIsLong"])
    yield shop
    shop.stop()


@pytest.fixture
def whole_shop(tmp_path: Path, pagerduty: PagerDuty, smtp: Mailbox, alertmanager: AlertmanagerPeer, hook: Hook) -> Iterator[Shop]:
    """A shop with a rule of each kind, PagerDuty, mail and an Alertmanager."""
    shop = Shop(tmp_path, pagerduty, hook, smtp, alertmanager)
    yield shop
    shop.stop()


def test_each_page_arrives_once_and_resolves_once_whatever_is_killed(whole_shop: Shop, alertmanager: AlertmanagerPeer) -> None:
    shop = whole_shop
    shop.start()
    shop.settle()

    shop.break_it()
    shop.until(lambda: len(shop.incidents()) >= 1, LIMIT_S, "the first page")
    shop.kill()
    shop.until(lambda: len(shop.incidents()) >= 4, LIMIT_S, "more pages")
    shop.kill()
    shop.until(lambda: shop.incidents() == ALL, LIMIT_S, "every page")
    shop.until(
        lambda: sorted(shop.mails("FIRING").values()) == sorted(f"[critical] Shop: {name}" for name in ALL), LIMIT_S, "every mail"
    )
    shop.until(lambda: alertmanager.names() == ALL, LIMIT_S, "every alert at the Alertmanager")

    shop.mend()
    shop.until(lambda: len(shop.incidents("resolved")) >= 1, LIMIT_S, "the first resolve")
    shop.kill()
    shop.until(lambda: shop.incidents("resolved") == ALL, LIMIT_S, "every resolve")
    shop.until(lambda: len(shop.mails("RESOLVED")) == len(ALL), LIMIT_S, "every mail that it is over")
    shop.until(lambda: alertmanager.names() == [], LIMIT_S, "nothing fires at the Alertmanager")
    assert shop.kills == 3

    # PagerDuty: one incident a rule, opened once and resolved once. What was refused or out of place would show.
    assert shop.incidents() == ALL
    for incident in shop.pagerduty.incidents:
        actions = [event["event_action"] for event in incident.log]
        assert actions[0] == "trigger"
        assert actions.count("resolve") == 1
        assert actions[-1] == "resolve"
    assert shop.pagerduty.refused == []
    # Mail: one message a rule and once over; a second copy only where a kill left the outcome unknown, and then it is the same message.
    copies = Counter(mail["Message-ID"] for mail in shop.mailed)
    unknown = {notice_id for notice_id, outcome in ledger(shop) if outcome == "unknown"}
    known = {message_id(notice_id, "example.org"): notice_id for notice_id, _ in ledger(shop)}
    doubled = {known[each] for each, count in copies.items() if count > 1}
    assert doubled <= unknown
    assert waiting(shop) == 0
    assert len(shop.mails("FIRING")) == len(shop.mails("RESOLVED")) == len(ALL)


def test_a_kill_between_acceptance_and_record_is_shown_and_sent_once_more(shop: Shop, smtp: Mailbox) -> None:
    shop.start()
    shop.settle()
    shop.pagerduty.next_answers = ["silence"]
    smtp.holding = True
    shop.break_it()
    # Both other ends have taken the page; neither has said so.
    shop.until(lambda: shop.incidents() and shop.mailed, LIMIT_S, "the page")
    shop.server.kill()
    smtp.holding = False
    shop.server.start()
    shop.until(lambda: [outcome for _, outcome in ledger(shop)].count("delivered") == 2, LIMIT_S, "the second attempts")
    assert sorted(ledger(shop)) == sorted(
        (notice_id, outcome) for notice_id in {each for each, _ in ledger(shop)} for outcome in ("unknown", "delivered")
    )
    assert shop.incidents() == ["QueueIsLong"]
    assert len({mail["Message-ID"] for mail in shop.mailed}) == 1
    assert len(shop.mailed) == 2
    shop.mend()
    shop.until(lambda: shop.incidents("resolved") and shop.mails("RESOLVED"), LIMIT_S, "the resolve")
    assert len(shop.mailed) == 3


def ledger(shop: Shop) -> list[tuple[str, str]]:
    """(notice, outcome) of every attempt."""
    state = StateDb.open(f"sqlite:///{shop.server.data_dir / 'state.db'}", Clock())
    try:
        with state.read() as connection:
            rows = connection.execute(
                select(DeliveryRow.notice_id, DeliveryRow.outcome)
                .where(DeliveryRow.attempt > 0, DeliveryRow.outcome.in_(("delivered", "retry", "refused", "unknown")))
                .order_by(DeliveryRow.id)
            )
            return [(notice_id, outcome) for notice_id, outcome in rows]
    finally:
        state.close()


def waiting(shop: Shop) -> int:
    """How many notices are still on their way."""
    state = StateDb.open(f"sqlite:///{shop.server.data_dir / 'state.db'}", Clock())
    try:
        with state.read() as connection:
            return len(connection.execute(select(OutboxRow.id).where(OutboxRow.state.in_(("waiting", "sending")))).all())
    finally:
        state.close()
