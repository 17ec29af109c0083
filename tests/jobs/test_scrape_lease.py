"""Several servers on one state database: one scrapes, the others stand by and take over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from collectors.own_network import OwnNetwork
from jobs.scrape import ScrapeLoop
from jobs.scrape_lease import ScrapeLease
from roomleft.clock import Clock, FixedClock
from roomleft.errors import StoreError
from tests.collectors.prometheus.metrics_page import Target, serving
from tests.fixtures.state import state_url
from tests.jobs.test_scrape import status_of, stored, target, until
from warehouse.state import Leases, StateDb
from warehouse.store import Store
from warehouse.writer import Writer

TTL = timedelta(seconds=30)
SHORT = timedelta(milliseconds=600)


@pytest.fixture
def state(tmp_path: Path, clock: FixedClock) -> Iterator[StateDb]:
    db = StateDb.open(state_url(tmp_path), clock)
    yield db
    db.close()


@pytest.fixture
def warehouse() -> Iterator[tuple[Store, Writer, Clock]]:
    clock = Clock()
    store = Store.open("duckdb:///:memory:", now=clock)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    yield store, writer, clock
    writer.close()
    store.close()


def test_one_holds_and_another_takes_over_when_it_is_gone(state: StateDb, clock: FixedClock) -> None:
    one, other = ScrapeLease(Leases(state, "one"), TTL), ScrapeLease(Leases(state, "other"), TTL)
    assert (one.held(), other.held()) == (True, False)
    clock.advance(TTL * 0.9)
    assert one.held()
    clock.advance(TTL * 0.9)
    assert (other.held(), one.held()) == (False, True)
    clock.advance(TTL)
    assert (other.held(), one.held()) == (True, False)
    other.give_back()
    assert (one.held(), other.held()) == (True, False)


def test_while_the_state_is_away_the_lease_lasts_its_time_and_no_longer(state: StateDb) -> None:
    elapsed = [0.0]
    leases = Leases(state, "one")
    lease = ScrapeLease(leases, TTL, lambda: elapsed[0])
    assert lease.held()

    def away(*_: object) -> bool:
        raise StoreError("the state database is away")

    leases._extend = away  # type: ignore[method-assign]
    elapsed[0] = 29.9
    assert lease.held()
    elapsed[0] = 30.0
    assert not lease.held()


def test_a_standby_scrapes_nothing_until_it_takes_over(tmp_path: Path, warehouse: tuple[Store, Writer, Clock]) -> None:
    store, writer, clock = warehouse
    state = StateDb.open(state_url(tmp_path), clock)
    with serving(Target(b"a 1\n")) as first, serving(Target(b"a 2\n")) as second:
        one, other = (
            ScrapeLoop([target(server.url)], writer, clock, OwnNetwork(), ScrapeLease(Leases(state, name), SHORT))
            for name, server in (("one", first), ("other", second))
        )
        one.start()
        try:
            until(lambda: status_of(one).up, "the first scrapes")
            other.start()
            until(lambda: status_of(other).last_error == "another server scrapes it", "the second stands by")
            other.add(target(second.url, "more"))
            until(lambda: len(stored(store, "a")) >= 5, "the first goes on")
            assert second.connections == 0
            assert one.stop()
            until(lambda: all(each.up for each in other.statuses()), "the second took over, with what was added meanwhile")
            count = first.connections
            one.start()
            until(lambda: status_of(one).last_error == "another server scrapes it", "the first stands by now")
            assert first.connections == count
            assert None not in stored(store, "a"), "changing servers ends no series"
        finally:
            assert other.stop()
            assert one.stop()
            state.close()
