"""Looking at sources end to end: what a look gives is stored with its cursor, failure is data, an unknown look is neither up nor down."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collectors.look import Look
from collectors.own_network import Networked
from collectors.platform_api.progress import progress
from collectors.postgres.source import Postgres
from collectors.probes.source import Probe
from collectors.records.refused import RefusedRows
from collectors.redis.source import Redis
from collectors.taken import Position, Taken
from collectors.takers import taker_for
from jobs.schedule import Did
from jobs.take import SourceReader, take_job, take_jobs
from roomleft.clock import FixedClock
from roomleft.errors import CollectError, QueueFull
from roomleft.packs import Pack, load_pack
from warehouse.store import Store
from warehouse.writer import Batch, Receipt, Writer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PACK = """
slug: shop
title: Shop
summary: A shop with a database.
states: {today: {title: Today, summary: Now.}}
components: [{id: database, title: Database, summary: All orders}, {id: web, title: Web, summary: The site}]
sources:
  - {kind: postgres, name: main-db, component: database, url: "postgresql://roomleft@db.example/shop", password_env: MAIN_DB_PASSWORD}
  - {kind: redis, name: cache, component: database, url: "redis://cache.example:6379"}
  - {kind: probe, name: site, component: web, url: "https://shop.example/", interval: 1m}
  - {kind: prometheus-server, name: metrics, component: web, url: "http://prometheus.example:9090"}
  - {kind: prometheus, name: page, component: web, url: "http://shop.example/metrics"}
meters: {busy: {kind: gauge, unit: connections, series: pg_connections_used}}
limits: [{id: busy, kind: capacity, title: Connections, amount: 10, unit: connections, meter: busy, owner: data}]
"""


class Source:
    """A taker that gives what it is told to, the last of it for ever."""

    platform, source, component, kind, interval = "shop", "shop.main-db", "database", "postgres", timedelta(seconds=30)

    def __init__(self, *taken: Taken | Exception) -> None:
        self.taken = list(taken)
        self.positions: list[Position | None] = []

    def take(self, now: datetime, position: Position | None) -> Taken:
        self.positions.append(position)
        found = self.taken.pop(0) if len(self.taken) > 1 else self.taken[0]
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def warehouse(clock: FixedClock) -> Iterator[tuple[Store, Writer]]:
    store = Store.open("duckdb:///:memory:", now=clock, threads=1)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    yield store, writer
    writer.close()
    store.close()


def reading(value: float = 7, at: datetime = NOW, check: tuple[str, str] | None = None, **more: Any) -> Taken:
    look = Look("shop", "database", {"source": "main-db"}, at)
    look.read("pg_connections_used", value)
    if check:
        look.check("main-db.statistics", *check)
    return Taken(look.samples(), look.health(), **more)


def ups(store: Store) -> list[float]:
    rows = store.select(
        "SELECT value FROM samples JOIN series USING (series_id) WHERE name = 'up' AND component = 'collector'"
        " AND labels['source'] = 'shop.main-db' AND labels['stream'] = 'postgres' ORDER BY observed_at"
    )
    return rows["value"].to_pylist()


def said(store: Store, check: str = "reads main-db") -> list[tuple[str, str]]:
    rows = store.select(
        "SELECT status, words FROM health_checks WHERE component = 'database' AND check_name = $check ORDER BY observed_at",
        {"check": check},
    )
    return [(row["status"], row["words"]) for row in rows.to_pylist()]


def used(store: Store) -> list[float]:
    rows = store.select(
        "SELECT value FROM samples JOIN series USING (series_id) WHERE name = 'pg_connections_used' ORDER BY observed_at"
    )
    return rows["value"].to_pylist()


def test_a_look_is_stored_whole(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, writer = warehouse
    source = Source(reading())
    job = take_job(source, store, writer, clock)
    assert (job.name, job.every) == ("take shop.main-db", timedelta(seconds=30))
    did = job.run(clock.now())
    assert isinstance(did, Did)
    assert did.words == "3 rows added"
    assert (used(store), ups(store), said(store)) == ([7], [1], [("pass", "1 readings")])
    (row,) = progress(store, clock.now())
    assert (row.source, row.stream, row.caught_up, row.up) == ("shop.main-db", "postgres", True, True)
    # A source without a past gets one cursor, which says that nothing waits to be read.
    clock.advance(timedelta(seconds=30))
    job.run(clock.now())
    assert store.select("SELECT count(*) AS n FROM cursors")["n"].to_pylist() == [1]


def test_a_failure_keeps_what_was_read_and_is_data(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, writer = warehouse
    error = CollectError("the password is wrong", "postgresql://db.example:5432/shop", "correct MAIN_DB_PASSWORD")
    job = take_job(Source(reading(error=error)), store, writer, clock)
    with pytest.raises(CollectError, match="the password is wrong"):
        job.run(clock.now())
    assert (used(store), ups(store)) == ([7], [0])
    assert said(store) == [("fail", str(error))]
    (row,) = progress(store, clock.now())
    assert row.up is False


@pytest.mark.parametrize(
    "lost", [{"error": CollectError("gone", "db", "start it")}, {"unknown": "no network"}], ids=["failed", "unknown"]
)
def test_what_a_failing_look_no_longer_gives_ends_there_once(
    warehouse: tuple[Store, Writer], clock: FixedClock, lost: dict[str, Any]
) -> None:
    store, writer = warehouse
    job = take_job(Source(reading(), Taken(**lost), Taken(**lost), reading(9, NOW + timedelta(minutes=3))), store, writer, clock)
    for _ in range(4):
        with contextlib.suppress(CollectError):
            job.run(clock.now())
        clock.advance(timedelta(minutes=1))
    assert used(store) == [7, None, 9], "a reading that nobody confirms any more is not shown as current"


def test_an_unknown_look_is_neither_up_nor_down(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, writer = warehouse
    job = take_job(Source(Taken(unknown="this host has lost its network since noon")), store, writer, clock)
    did = job.run(clock.now())
    assert isinstance(did, Did)
    assert did.words.endswith("this host has lost its network since noon")
    assert (ups(store), said(store)) == ([], [("unknown", "this host has lost its network since noon")])
    newest = store.rows(
        "meter_health_newest",
        platform="shop",
        components=["database"],
        checks=None,
        since=NOW - timedelta(1),
        until=NOW + timedelta(1),
    )
    assert newest[0]["observed_at"] is None


def test_passing_checks_are_stored_once_a_minute_and_failing_ones_each_time(
    warehouse: tuple[Store, Writer], clock: FixedClock
) -> None:
    store, writer = warehouse
    statuses = ["pass", "pass", "pass", "warn", "warn", "fail", "fail", "pass"]
    every = timedelta(seconds=25)
    looks = []
    for number, status in enumerate(statuses):
        words = f"words {number}" if status == "pass" else status
        looks.append(reading(number, NOW + number * every, (status, words)))
    source = Source(*looks)
    reader = SourceReader(source, store, writer, clock)
    for _ in statuses:
        reader.run()
        clock.advance(every)
    assert [status for status, _ in said(store, "main-db.statistics")] == ["pass", "warn", "fail", "fail", "pass"]
    # 200 s of passing: at 0, 75 and 150 s.
    assert [status for status, _ in said(store)] == ["pass"] * 3


def test_a_fault_of_ours_leaves_the_source_not_up(
    warehouse: tuple[Store, Writer], clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    store, writer = warehouse
    done = SourceReader(Source(ZeroDivisionError("secret")), store, writer, clock).run()
    assert done.error is not None
    assert done.error.what == "the look itself failed: ZeroDivisionError"
    assert ups(store) == [0]
    assert "looking at shop.main-db failed" in caplog.text


def test_history_is_read_on_while_there_is_more_and_the_cursor_goes_with_the_rows(
    warehouse: tuple[Store, Writer], clock: FixedClock
) -> None:
    store, writer = warehouse

    def part(number: int, more: bool) -> Taken:
        position = Position(f"p{number}", NOW, NOW - timedelta(days=1), NOW, not more)
        return reading(number, NOW - timedelta(hours=9 - number), position=position, more=more)

    source = Source(part(1, True), part(2, True), part(3, False))
    done = SourceReader(source, store, writer, clock).run()
    assert (done.looks, used(store)) == (3, [1, 2, 3])
    assert [one.text if one else None for one in source.positions] == [None, "p1", "p2"]
    row = store.rows("latest_cursor", source="shop.main-db", stream="postgres")[0]
    assert (row["position"], row["caught_up"]) == ("p3", True)
    again = Source(part(3, False))
    SourceReader(again, store, writer, clock).run()
    assert again.positions == [Position("p3", NOW, NOW - timedelta(days=1), NOW, True)]


def test_more_without_a_new_position_and_a_spent_budget_end_the_run(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, writer = warehouse
    stuck = Source(reading(position=Position("p1"), more=True))
    assert SourceReader(stuck, store, writer, clock).run().looks == 2
    seconds = iter(range(100))
    endless = Source(*(reading(position=Position(f"q{number}"), more=True) for number in range(50)))
    assert SourceReader(endless, store, writer, clock, budget_s=3, monotonic=lambda: float(next(seconds))).run().looks < 5


def test_refused_rows_are_kept_with_their_reason(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    from collectors.records.fields import Refusal

    store, writer = warehouse
    refused = RefusedRows("shop.main-db", "postgres", NOW)
    refused.add(Refusal("value", "is no number"), 1, {"value": "x"})
    done = SourceReader(Source(reading(rejected=refused.table())), store, writer, clock).run()
    assert (done.refused, done.words) == (1, "3 rows added, 1 refused")
    assert store.select("SELECT reason FROM rejected")["reason"].to_pylist() == ["value: is no number"]


def test_a_source_that_asks_for_quiet_gets_it(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, writer = warehouse
    seconds = [100.0]
    source = Source(Taken(error=CollectError("too many requests", retry_after_s=60)))
    reader = SourceReader(source, store, writer, clock, monotonic=lambda: seconds[0])
    reader.run()
    seconds[0] += 20
    assert reader.run().words == "not asked: the source wants 40 s more of quiet"
    assert len(source.positions) == 1
    seconds[0] += 41
    reader.run()
    assert len(source.positions) == 2


class FullWriter:
    """A writer without room for the first few batches."""

    def __init__(self, writer: Writer, refusals: int) -> None:
        self.writer, self.refusals = writer, refusals

    def submit(self, batch: Batch) -> Future[Receipt]:
        if self.refusals:
            self.refusals -= 1
            raise QueueFull("full", retry_after_s=4)
        return self.writer.submit(batch)


def test_a_full_queue_is_waited_for_but_not_for_ever(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, writer = warehouse
    slept: list[float] = []
    SourceReader(Source(reading()), store, FullWriter(writer, 2), clock, sleep=slept.append).run()  # type: ignore[arg-type]
    assert (slept, used(store)) == ([4, 4], [7])
    with pytest.raises(QueueFull):
        SourceReader(Source(reading()), store, FullWriter(writer, 99), clock, sleep=slept.append).run()  # type: ignore[arg-type]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    path = tmp_path / "shop.yaml"
    path.write_text(PACK)
    return load_pack(path)


def test_every_source_but_scraped_pages_gets_a_job(warehouse: tuple[Store, Writer], clock: FixedClock, pack: Pack) -> None:
    asked: list[str] = []

    def lookup(variable: str) -> str | None:
        asked.append(variable)
        return None

    jobs = take_jobs({"shop": pack}, lookup, *warehouse, clock)
    assert [job.name for job in jobs] == ["take shop.main-db", "take shop.cache", "take shop.site", "take shop.metrics"]
    assert [job.every for job in jobs] == [timedelta(seconds=30)] * 2 + [timedelta(minutes=1)] * 2
    assert asked == ["MAIN_DB_PASSWORD"]


def test_each_kind_has_its_taker(pack: Pack) -> None:
    from collectors.own_network import OwnNetwork

    network = OwnNetwork(reference=lambda: None)
    takers = [taker_for(pack, entry, lambda _: None, network) for entry in pack.sources[:4]]
    assert [type(taker) for taker in takers] == [Postgres, Redis, Probe, Networked]
    assert [taker.kind for taker in takers] == [entry.kind for entry in pack.sources[:4]]
    assert {taker.platform for taker in takers} == {"shop"}
    with pytest.raises(ValueError, match="scraped, not taken"):
        taker_for(pack, pack.sources[4], lambda _: None)


def test_what_could_not_be_stored_is_said_again(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, writer = warehouse

    class Full:
        refuses = True

        def submit(self, batch: Batch) -> Future[Receipt]:
            if self.refuses:
                raise QueueFull("full", retry_after_s=1)
            return writer.submit(batch)

    full: Any = Full()
    one = SourceReader(Source(reading(check=("warn", "no grant"))), store, full, clock, sleep=lambda _: None)
    with pytest.raises(QueueFull):
        one.run()
    full.refuses = False
    clock.advance(timedelta(seconds=30))
    one.run()
    found = store.select("SELECT check_name, status FROM health_checks ORDER BY check_name").to_pylist()
    assert [tuple(row.values()) for row in found] == [("main-db.statistics", "warn"), ("reads main-db", "pass")]
