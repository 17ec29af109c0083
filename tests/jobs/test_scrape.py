"""Scraping end to end: real targets on one side, the real writer and warehouse on the other, and meters that read what was stored."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics.meters import read
from collectors.own_network import OwnNetwork
from collectors.platform_api.progress import progress
from collectors.prometheus.exposition import Format
from collectors.prometheus.scrape import Scraper
from collectors.prometheus.scrape_fetch import Fetched
from collectors.prometheus.scrape_target import ScrapeTarget
from jobs.scrape import ScrapeLoop, TargetStatus, next_slot
from roomleft.clock import Clock, FixedClock
from roomleft.packs import load_pack
from tests.collectors.prometheus.metrics_page import Target, serving
from tests.collectors.scripted import hang, scripted
from warehouse.store import Store
from warehouse.writer import Batch, Writer

EVERY = timedelta(milliseconds=100)
PATIENCE_S = 10.0


@pytest.fixture
def warehouse() -> Iterator[tuple[Store, Writer, Clock]]:
    clock = Clock()
    store = Store.open("duckdb:///:memory:", now=clock)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    yield store, writer, clock
    writer.close()
    store.close()


def target(url: str, name: str = "node", every: timedelta = EVERY, **more: Any) -> ScrapeTarget:
    return ScrapeTarget("arena", name, "host", url, interval=every, timeout=every, **more)


def until(done: Callable[[], object], words: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, f"never: {words}"
        time.sleep(0.01)


def stored(store: Store, name: str, component: str = "host") -> list[float | None]:
    """The values of a name in the order of their instants."""
    sql = (
        "SELECT value FROM samples JOIN (SELECT DISTINCT series_id, component, name FROM series) AS s USING (series_id)"
        " WHERE name = $name AND component = $component ORDER BY observed_at"
    )
    return store.select(sql, {"name": name, "component": component})["value"].to_pylist()


def checks(store: Store) -> list[tuple[str, str]]:
    rows = store.select("SELECT check_name, status FROM health_checks ORDER BY observed_at").to_pylist()
    return [(row["check_name"], row["status"]) for row in rows]


def status_of(loop: ScrapeLoop) -> TargetStatus:
    (status,) = loop.statuses()
    return status


def test_a_target_is_scraped_stored_lost_and_found_again(warehouse: tuple[Store, Writer, Clock]) -> None:
    store, writer, clock = warehouse
    with serving(Target(b"# TYPE a gauge\na 1\nb 2\n")) as server:
        loop = ScrapeLoop([target(server.url)], writer, clock)
        assert status_of(loop).up is None
        loop.start()
        try:
            until(lambda: len(stored(store, "a")) >= 3, "three scrapes")
            assert status_of(loop).samples == 2
            server.body = b"a 5\n"
            until(lambda: stored(store, "b")[-1] is None, "a stale marker for what vanished")
            assert server.connections == 1, "one connection is kept open from scrape to scrape"
            server.status = 503
            until(lambda: status_of(loop).up is False, "down")
            until(lambda: stored(store, "a")[-1] is None and stored(store, "up")[-1] == 0.0, "down, in the warehouse")
            assert "answered 503" in str(status_of(loop).last_error)
            (seen,) = [p for p in progress(store, clock.now()) if p.stream == "prometheus"]
            assert (seen.platform, seen.source, seen.up, seen.caught_up) == ("arena", "arena.node", False, True)
            server.status, server.body = 200, b"a 6\nb 7\n"
            until(lambda: stored(store, "a")[-1] == 6.0 and stored(store, "b")[-1] == 7.0, "both again")
            until(lambda: status_of(loop).up, "up")
        finally:
            assert loop.stop()
    assert set(stored(store, "up", "collector")) == {0.0, 1.0}
    assert ("reads node", "pass") in checks(store)
    assert ("reads node", "fail") in checks(store)
    assert [status for _, status in checks(store)].count("pass") <= 3, "what goes on passing is not told every time"
    assert status_of(loop).last_success_at is not None
    assert threads_called("roomleft-scrape") == 0


def threads_called(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def test_a_slow_target_delays_no_other_and_its_missed_slots_are_counted(warehouse: tuple[Store, Writer, Clock]) -> None:
    store, writer, clock = warehouse
    with serving() as server, scripted(hang) as slow:
        hung = ScrapeTarget("arena", "slow", "host", slow.url, interval=EVERY, timeout=timedelta(seconds=30))
        loop = ScrapeLoop([target(server.url, "quick"), hung], writer, clock)
        loop.start()
        try:
            until(lambda: len(stored(store, "a")) >= 10, "ten scrapes of the quick one")
            until(lambda: all(status.up is not None for status in loop.statuses()), "both tried")
            quick, late = loop.statuses()
        finally:
            assert loop.stop()
    assert (quick.name, quick.up, late.name, late.up) == ("quick", True, "slow", False)
    assert "within 0.1 s" in str(late.last_error), "a timeout is never longer than the interval"
    assert late.missed_slots >= 1


def test_targets_are_added_while_it_runs_and_names_are_taken_once(warehouse: tuple[Store, Writer, Clock]) -> None:
    store, writer, clock = warehouse
    with serving(Target(b"one 1\n")) as first, serving(Target(b"two 2\n")) as second:
        loop = ScrapeLoop([target(first.url, "one")], writer, clock)
        loop.start()
        loop.start()
        try:
            loop.add(target(second.url, "two"))
            with pytest.raises(ValueError, match=r"arena\.two"):
                loop.add(target(first.url, "two"))
            until(lambda: stored(store, "one") and stored(store, "two"), "both")
        finally:
            assert loop.stop()
            assert loop.stop()


def test_a_target_that_is_taken_away_ends_and_its_name_is_free(warehouse: tuple[Store, Writer, Clock]) -> None:
    store, writer, clock = warehouse
    with serving() as server:
        loop = ScrapeLoop([target(server.url)], writer, clock)
        loop.start()
        try:
            until(lambda: stored(store, "a"), "a first scrape")
            loop.remove("arena.node")
            with pytest.raises(KeyError):
                loop.remove("arena.node")
            assert loop.statuses() == []
            until(lambda: stored(store, "a")[-1] is None and stored(store, "up")[-1] is None, "stale markers")
            assert None not in stored(store, "up", "collector")
            loop.add(target(server.url))
            until(lambda: stored(store, "a")[-1] == 1.0, "scraped again")
        finally:
            assert loop.stop()


@contextmanager
def deaf(host: str) -> Iterator[str]:
    """An address at which connections are never answered: a listener whose queue is full."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind((host, 0))
        listener.listen(0)
        for _ in range(4):
            fills = waiting.enter_context(socket.socket())
            fills.setblocking(False)
            with suppress(BlockingIOError):
                fills.connect(listener.getsockname())
        yield f"http://{host}:{listener.getsockname()[1]}/metrics"


def test_without_a_network_of_our_own_a_target_is_neither_up_nor_down(warehouse: tuple[Store, Writer, Clock]) -> None:
    """Two other hosts, which loopback addresses stand for, fall silent together."""
    store, writer, clock = warehouse
    network = OwnNetwork(reference=lambda: False, reaches=lambda host, port: False, is_here=lambda host: False)
    with deaf("127.0.0.2") as one, deaf("127.0.0.3") as other:
        for host in ("127.0.0.2", "127.0.0.3"):
            network.answered(host, 9100, clock.now())
        loop = ScrapeLoop([target(one, "one"), target(other, "other")], writer, clock, network)
        loop.start()
        try:
            until(lambda: all("lost its network" in str(status.last_error) for status in loop.statuses()), "unknown")
            assert [status.up for status in loop.statuses()] == [None, None]
            until(lambda: checks(store), "a check that says so")
        finally:
            assert loop.stop()
    assert {status for _, status in checks(store)} == {"unknown"}
    assert stored(store, "up") == []


class FullQueue(Writer):
    """A writer whose queue is full as long as a test says so."""

    full = False

    def submit(self, batch: Batch) -> Any:
        if self.full:
            from roomleft.errors import QueueFull

            raise QueueFull("9 rows wait to be stored", "write queue", retry_after_s=1)
        return super().submit(batch)


def test_a_full_queue_loses_nothing_in_silence(warehouse: tuple[Store, Writer, Clock]) -> None:
    store, _, clock = warehouse
    writer = FullQueue(store, clock, group_ms=1)
    writer.start()
    with serving(Target(b"a 1\nb 1\n")) as server:
        loop = ScrapeLoop([target(server.url)], writer, clock)
        loop.start()
        try:
            until(lambda: stored(store, "b"), "a first scrape")
            writer.full = True
            until(lambda: status_of(loop).up is False, "counted as failed")
            assert "the write queue was full" in str(status_of(loop).last_error)
            server.body = b"a 2\n"
            lost = status_of(loop).not_stored
            until(lambda: status_of(loop).not_stored >= lost + 2, "b vanished while nothing was stored")
            writer.full = False
            until(lambda: stored(store, "b")[-1] is None, "its marker comes with the next scrape that is stored")
            until(lambda: status_of(loop).up, "up again")
        finally:
            assert loop.stop()
            writer.close()


def test_a_closed_writer_is_told_too(warehouse: tuple[Store, Writer, Clock]) -> None:
    _, writer, clock = warehouse
    with serving() as server:
        loop = ScrapeLoop([target(server.url)], writer, clock)
        loop.start()
        try:
            until(lambda: status_of(loop).up, "up")
            writer.close()
            until(lambda: status_of(loop).up is False, "failed")
            assert "not stored" in str(status_of(loop).last_error)
        finally:
            assert loop.stop()


def test_slots_are_an_interval_apart_and_spread_over_it() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    every = timedelta(seconds=15)
    targets = [target(f"http://10.0.0.{n}/metrics", f"t{n}", every) for n in range(200)]
    slots = [next_slot(each, noon) for each in targets]
    assert all(noon <= slot < noon + every for slot in slots)
    assert [next_slot(each, slot) for each, slot in zip(targets, slots, strict=True)] == slots, "a slot is its own next one"
    later = [next_slot(each, slot + timedelta(microseconds=1)) for each, slot in zip(targets, slots, strict=True)]
    assert later == [slot + every for slot in slots]
    seconds = [int((slot - noon).total_seconds()) for slot in slots]
    assert set(seconds) == set(range(15)), "every second of the interval has some"
    assert max(seconds.count(second) for second in range(15)) < 40


PACK = """
slug: arena
title: Arena
summary: A page and its meters.
states: {today: {title: Today, summary: As it is.}}
components: [{id: host, title: Host, summary: A host}]
meters:
  calls: {kind: increase, unit: requests, series: calls_total, component: host, over: 1h}
  level: {kind: gauge, unit: ratio, series: level, component: host, over_time: last}
limits:
  - {id: calls, kind: quota, title: Calls, amount: 1000, unit: requests, meter: calls, owner: us}
  - {id: level, kind: capacity, title: Level, amount: 10, unit: ratio, meter: level, owner: us}
"""


@pytest.fixture
def replay(tmp_path: Path, clock: FixedClock) -> Iterator[tuple[Callable[..., None], Callable[[str], Any]]]:
    """Stores pages a minute apart as the loop would; and what the pack's meter reads after them."""
    path = tmp_path / "arena.yaml"
    path.write_text(PACK)
    pack = load_pack(path)
    store = Store.open("duckdb:///:memory:", now=clock)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    scraper = Scraper(target("http://127.0.0.1:9100/metrics"))

    def say(*pages: str) -> None:
        for text in pages:
            clock.advance(timedelta(minutes=1))
            scraped = scraper.taken(Fetched(text.encode(), Format.TEXT), clock.now(), 0.1)
            writer.write(Batch("arena.node", samples=scraped.samples, rejected=scraped.rejected))

    yield say, lambda meter: read(store, pack, meter, pack.limit(meter), clock.now() + timedelta(seconds=1))
    writer.close()
    store.close()


def test_a_counter_that_begins_again_goes_on_rising(replay: tuple[Callable[..., None], Callable[[str], Any]]) -> None:
    say, reads = replay
    say(*[f"# TYPE calls_total counter\ncalls_total {value}\n" for value in (100, 150, 210, 5, 25, 60)])
    # 50 + 60 before the restart, 5 from zero after it, then 20 + 35.
    assert reads("calls").amount == 170


def test_a_level_that_vanished_is_unknown_not_its_last_value(replay: tuple[Callable[..., None], Callable[[str], Any]]) -> None:
    say, reads = replay
    say("level 4\nx 1\n", "level 5\nx 1\n")
    assert reads("level").amount == 5
    say("x 1\n")
    gone = reads("level")
    assert gone.amount is None
    assert "ended" in gone.reason
