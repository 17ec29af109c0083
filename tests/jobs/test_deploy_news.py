"""PagerDuty hears of each fresh deploy once, as a change; nobody else does, and nobody is paged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import select

from jobs.deliver import Deliverer
from jobs.deploy_news import DeployNews
from roomleft.alerting import Alerting
from roomleft.clock import FixedClock
from tests.alerts.channels.told import KEY
from tests.fixtures.pagerduty import PagerDuty
from tests.fixtures.state import state_url
from warehouse import tables
from warehouse.state import StateDb
from warehouse.state.models_alerting import OutboxRow
from warehouse.store import Store
from warehouse.writer import Batch, Writer


class News:
    """A warehouse with deploys, and a receiver with PagerDuty and another channel."""

    def __init__(self, folder: Path, clock: FixedClock, service: PagerDuty) -> None:
        self.clock = clock
        self.store = Store.open("duckdb:///:memory:", now=clock)
        self.writer = Writer(self.store, clock, group_ms=0)
        self.writer.start()
        self.state = StateDb.open(state_url(folder), clock)
        channel = {"kind": "pagerduty", "routing_key_env": "PD_KEY", "url": service.url}
        self.alerting = Alerting.model_validate(
            {
                "receivers": [
                    {"name": "shop", "channels": [{"kind": "outbox"}, channel]},
                    {"name": "others", "channels": [channel]},
                    {"name": "screen", "channels": [{"kind": "outbox"}]},
                ],
                "routes": [
                    {"match": ["platform=shop", "severity=critical"], "receiver": "shop"},
                    {"match": ["platform!=shop"], "receiver": "others"},
                    {"receiver": "screen"},
                ],
            }
        )
        self.deliverer = Deliverer(self.state, lambda: self.alerting, {"PD_KEY": KEY}.get, clock)
        self.news = DeployNews(self.store, self.state, {}, lambda: self.alerting, clock, clock)

    def deployed(self, name: str, at: datetime, platform: str = "shop") -> None:
        row = {
            "platform": platform, "deploy_id": name, "deployed_at": at, "title": "Checkout", "kind": "deploy",
            "component": "checkout", "version": "1.4.2",
        }  # fmt: skip
        self.writer.write(Batch("test", deploys=pa.Table.from_pylist([row], schema=tables.DEPLOYS)))

    def look(self) -> str:
        self.clock.advance(timedelta(seconds=15))
        words = self.news.look()
        self.deliverer.pump()
        assert self.deliverer.idle()
        return words


@pytest.fixture
def news(tmp_path: Path, clock: FixedClock, pagerduty: PagerDuty) -> Iterator[News]:
    news = News(tmp_path, clock, pagerduty)
    yield news
    news.deliverer.stop()
    news.writer.close()
    news.store.close()
    news.state.close()


def test_a_fresh_deploy_is_told_once_and_pages_nobody(news: News, pagerduty: PagerDuty) -> None:
    news.deployed("d1", news.clock.now())
    assert [news.look() for _ in range(3)] == ["1 changes to tell", "", ""]
    (change,) = pagerduty.changes
    assert change["payload"]["summary"] == "shop: Checkout (1.4.2)"
    assert change["payload"]["custom_details"] == {"component": "checkout", "version": "1.4.2", "kind": "deploy"}
    assert pagerduty.incidents == []
    with news.state.read() as connection:
        assert connection.execute(select(OutboxRow.receiver, OutboxRow.channel, OutboxRow.state)).all() == [
            ("shop", "pagerduty", "delivered")
        ]


@pytest.mark.parametrize(("age", "told"), [(timedelta(minutes=59), 1), (timedelta(hours=2), 0), (timedelta(hours=-1), 0)])
def test_history_and_plans_are_not_told(news: News, pagerduty: PagerDuty, age: timedelta, told: int) -> None:
    news.deployed("d1", news.clock.now() - age)
    news.look()
    assert len(pagerduty.changes) == told


def test_each_platform_to_those_its_routes_lead_to(news: News) -> None:
    news.deployed("d1", news.clock.now(), "bakery")
    news.look()
    with news.state.read() as connection:
        assert connection.execute(select(OutboxRow.receiver)).scalars().all() == ["others"]


def test_without_pagerduty_nobody_is_told(news: News) -> None:
    news.alerting = Alerting.model_validate({"receivers": [{"name": "screen", "channels": [{"kind": "outbox"}]}]})
    news.deployed("d1", news.clock.now())
    assert news.look() == ""
