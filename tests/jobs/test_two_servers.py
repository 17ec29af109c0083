"""Two servers on one PostgreSQL state and one lake: one weekly email, one set of alerts, and one goes on when the other is killed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from roomleft.clock import Clock
from tests.chaos.server import Server
from tests.fixtures.hook import Hook
from tests.fixtures.pagerduty import PagerDuty
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.smtp import Mailbox
from tests.jobs.paged_shop import START_S, Shop
from warehouse.state import StateDb
from warehouse.state.archive import Archive
from warehouse.state.mailings import Mailings
from warehouse.state.models_reports import RecipientRow
from warehouse.state.recipients import WEEKDAYS

pytestmark = pytest.mark.peers
RULES = ["QueueIsLong", "SeatsRunOut"]
LIMIT_S = 300.0
"""Machines that run tests are busy, and a lake commits slowly."""
TO = "finance@example.org"


@pytest.fixture
def pair(
    tmp_path: Path, pagerduty: PagerDuty, smtp: Mailbox, hook: Hook, postgres_server: PostgresServer
) -> Iterator[tuple[Shop, Server, str]]:
    """The shop at its first server, a second one, and where their state is."""
    state, catalog = postgres_server.create_database(), postgres_server.create_database()
    shop = Shop(tmp_path, pagerduty, hook, smtp, only=RULES)
    first = shop.server
    shared = {
        **first.settings,
        "ROOMLEFT_STATE_URL": state,
        "ROOMLEFT_WAREHOUSE_URL": f"ducklake+{catalog}?data_path={tmp_path / 'lake'}",
        "ROOMLEFT_RULES_DIR": str(tmp_path / "data" / "rules"),
        "ROOMLEFT_MEASURE_EVERY_S": "2",
        "ROOMLEFT_ROLL_UP_EVERY_S": "2",
    }
    first.settings = shared
    second = Server(tmp_path / "second", shared, start_s=START_S)
    second.data_dir.mkdir()
    yield shop, second, state
    shop.stop()
    for server in (first, second):
        if server.process is not None and server.process.poll() is None:
            server.kill()
    for url in (state, catalog):
        postgres_server.drop_database(url)


def weekly(smtp: Mailbox) -> list[str]:
    return [str(mail["Message-ID"]) for mail in list(smtp.mails) if mail["To"] == TO]


def test_one_email_and_one_set_of_alerts(pair: tuple[Shop, Server, str], smtp: Mailbox) -> None:
    shop, second, url = pair
    # Somebody who has been a recipient for long, and is due in the present hour.
    now = datetime.now(UTC)
    db = StateDb.open(url, Clock())
    with db.write() as connection:
        values = {
            "address": TO,
            "report": "weekly",
            "zone": "UTC",
            "weekday": WEEKDAYS[now.weekday()],
            "hour": now.hour,
            "platforms": json.dumps([]),
        }
        connection.execute(insert(RecipientRow).values(**values, made_by="ada", made_at=now - timedelta(days=30)))
    shop.start()
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(second.start)
        shop.settle(LIMIT_S)
        started.result()

    shop.break_it()
    shop.until(lambda: weekly(smtp), LIMIT_S, "the weekly email")
    shop.until(lambda: shop.incidents() == RULES, LIMIT_S, "every page")
    shop.until(lambda: len(shop.mails("FIRING")) == len(RULES), LIMIT_S, "every mail")
    # The one that was fed is killed in the middle: the other goes on with the same alerts, and sends nothing anew.
    first, shop.server = shop.server, second
    first.kill()
    shop.mend()
    shop.until(lambda: shop.incidents("resolved") == RULES, LIMIT_S, "every resolve")
    shop.until(lambda: len(shop.mails("RESOLVED")) == len(RULES), LIMIT_S, "every mail that it is over")

    assert shop.incidents() == RULES
    assert shop.pagerduty.refused == []
    for incident in shop.pagerduty.incidents:
        assert [event["event_action"] for event in incident.log].count("resolve") == 1
    alerts = Counter(str(mail["Message-ID"]) for mail in smtp.mails if mail["To"] != TO)
    assert set(alerts.values()) == {1}
    assert len(weekly(smtp)) == 1
    reports = Archive(db).newest()
    assert len(reports) == 1
    (mailing,) = Mailings(db).of_report(reports[0]["report_key"])
    assert (mailing.state, mailing.attempts, mailing.message_id) == ("sent", 1, weekly(smtp)[0])
    db.close()
