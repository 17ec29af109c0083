"""Collection end to end: real HTTP on one side, the real writer and warehouse on the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from collectors.fetch import Fetcher, Patience
from collectors.platform_api.progress import progress
from collectors.platform_api.source import STREAMS, PlatformApi, SourceConfig
from collectors.platform_api.start_over import start_over
from jobs.collect import Collected, StreamReader, collect_jobs
from roomleft.clock import FixedClock
from roomleft.errors import CollectError, QueueFull
from tests.collectors.scripted import Answer, http, raw, scripted
from warehouse.store import Store
from warehouse.writer import Batch, Receipt, Writer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST = datetime(2026, 11, 19, tzinfo=UTC)
ONCE = Patience(attempts=1, read_timeout_s=2, total_timeout_s=4)


def record(place: int) -> dict[str, Any]:
    return {"id": f"e{place}", "occurred_at": (FIRST + timedelta(seconds=place)).isoformat(), "input_tokens": 10}


def feed(length: int, size: int = 10) -> Answer:
    """A platform with `length` records whose cursors are plain counts."""

    def answer(connection: Any, line: str) -> None:
        query = parse_qs(urlsplit(line.split()[1]).query)
        after = query.get("after", [None])[0]
        begin = int(after or 0)
        records = [record(place) for place in range(begin, min(length, begin + size))]
        body = {"after": after, "next": str(begin + len(records)) if records else after, "more": begin + len(records) < length}
        http({**body, "oldest_at": record(0)["occurred_at"], "newest_at": record(length - 1)["occurred_at"], "records": records})(
            connection, line
        )

    return answer


@pytest.fixture
def warehouse(clock: FixedClock) -> Iterator[tuple[Store, Writer]]:
    store = Store.open("duckdb:///:memory:", now=clock)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    yield store, writer
    writer.close()
    store.close()


def reader(url: str, warehouse: tuple[Store, Any], clock: FixedClock, stream: str = "usage", **options: Any) -> StreamReader:
    config = SourceConfig("arena", url, "t", patience=ONCE)
    return StreamReader(PlatformApi(config, Fetcher(url, "t", ONCE)), stream, *warehouse, clock, **options)


def stored(store: Store) -> list[str]:
    rows = store.select("SELECT event_id FROM ai_usage").to_pylist()
    return sorted((row["event_id"] for row in rows), key=lambda name: int(name[1:]))


def position(store: Store, stream: str = "usage") -> str | None:
    rows = store.rows("latest_cursor", source="arena", stream=stream)
    return rows[0]["position"] if rows else None


def everyone(length: int) -> list[str]:
    return [f"e{place}" for place in range(length)]


def test_pages_are_read_to_the_end_and_a_second_run_adds_nothing(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, _ = warehouse
    with scripted(feed(35)) as server:
        one = reader(server.url, warehouse, clock)
        done = one.run()
        assert (done.pages, done.added, done.caught_up, done.error) == (4, 35, True, None)
        assert done.words == "35 rows added"
        again = one.run()
        assert (again.pages, again.added, again.duplicate) == (0, 0, 0)
        assert server.requests[-1] == "GET /usage?limit=10000&after=35 HTTP/1.1"
    assert stored(store) == everyone(35)


def test_a_run_ends_with_its_time_and_the_next_goes_on(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, _ = warehouse
    seconds = itertools.count()
    with scripted(feed(35)) as server:
        one = reader(server.url, warehouse, clock, budget_s=1.5, monotonic=lambda: float(next(seconds)))
        done = one.run()
        assert (done.pages, done.caught_up) == (2, False)
        assert done.words == "20 rows added; more to read"
        (row,) = progress(store, clock.now())
        assert 0.5 < row.fraction < 0.6
        assert (row.caught_up, row.up) == (False, True)
        while not one.run().caught_up:
            pass
    assert stored(store) == everyone(35)
    assert progress(store, clock.now())[0].fraction == 1.0


def test_a_failure_in_the_middle_keeps_the_pages_before_it_and_the_next_run_goes_on(
    warehouse: tuple[Store, Writer], clock: FixedClock
) -> None:
    store, _ = warehouse
    truncated = raw(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"after": "20", "rec')
    with scripted(feed(35), feed(35), truncated, feed(35)) as server:
        one = reader(server.url, warehouse, clock)
        done = one.run()
        assert isinstance(done.error, CollectError)
        assert (done.added, done.caught_up, position(store)) == (20, False, "20")
        assert one.run().added == 15
    assert stored(store) == everyone(35)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(http({"after": "zzz", "next": "9", "more": False, "records": [record(1)]}), "got the one after", id="echo"),
        pytest.param(http({"after": None, "next": None, "more": True, "records": []}), "says that more follow", id="endless"),
    ],
)
def test_nothing_of_a_page_that_lies_is_stored(
    warehouse: tuple[Store, Writer], clock: FixedClock, answer: Answer, says: str
) -> None:
    store, _ = warehouse
    with scripted(answer) as server:
        done = reader(server.url, warehouse, clock).run()
    assert done.error is not None
    assert says in done.error.what
    assert (stored(store), position(store)) == ([], "")


def test_cursors_that_go_in_a_circle_end_the_run(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    def page(after: str | None, following: str) -> Answer:
        return http(
            {"after": after, "next": following, "more": True, "oldest_at": None, "newest_at": None, "records": [record(1)]}
        )

    with scripted(page(None, "a"), page("a", "b"), page("b", "a")) as server:
        done = reader(server.url, warehouse, clock).run()
    assert done.error is not None
    assert "circle" in done.error.what


def test_a_page_sent_twice_and_records_out_of_order_are_stored_once(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    def page(after: str | None, following: str, places: list[int], more: bool = True) -> Answer:
        body = {"after": after, "next": following, "more": more, "oldest_at": None, "newest_at": None}
        return http({**body, "records": [record(place) for place in places]})

    with scripted(page(None, "a", [3, 1, 2]), page("a", "b", [3, 1, 2]), page("b", "c", [0, 2, 4, 4], more=False)) as server:
        done = reader(server.url, warehouse, clock).run()
    assert (done.added, done.duplicate, done.conflict) == (5, 5, 0)
    assert stored(warehouse[0]) == everyone(5)


def test_a_crash_between_submit_and_commit_stores_the_page_exactly_once(clock: FixedClock, tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'w.duckdb'}"

    class Dies(Writer):
        """A writer whose process dies with the second page in its queue."""

        pages = 0

        def submit(self, batch: Batch) -> Future[Receipt]:
            self.pages += batch.usage is not None
            if self.pages > 1:
                raise KeyboardInterrupt
            return super().submit(batch)

    with scripted(feed(35)) as server:
        store = Store.open(url, now=clock)
        dies = Dies(store, clock, group_ms=1)
        dies.start()
        with pytest.raises(KeyboardInterrupt):
            reader(server.url, (store, dies), clock).run()
        dies.close()
        store.close()
        store = Store.open(url, now=clock)
        assert (stored(store), position(store)) == (everyone(10), "10")
        writer = Writer(store, clock, group_ms=1)
        writer.start()
        done = reader(server.url, (store, writer), clock).run()
        assert (done.added, done.duplicate) == (25, 0)
        assert stored(store) == everyone(35)
        writer.close()
        store.close()


class FullAtFirst:
    """A writer that has no room for the first `refusals` batches."""

    def __init__(self, writer: Writer, refusals: int) -> None:
        self.writer, self.refusals = writer, refusals

    def submit(self, batch: Batch) -> Future[Receipt]:
        if self.refusals:
            self.refusals -= 1
            raise QueueFull("full", retry_after_s=2.0)
        return self.writer.submit(batch)


def test_a_full_queue_is_waited_for(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, writer = warehouse
    slept: list[float] = []
    with scripted(feed(15)) as server:
        done = reader(server.url, (store, FullAtFirst(writer, 3)), clock, sleep=slept.append).run()
    assert slept == [2.0, 2.0, 2.0]
    assert (done.added, done.queue_full) == (15, False)


def test_a_queue_that_stays_full_ends_the_run_without_losing_its_place(
    warehouse: tuple[Store, Writer], clock: FixedClock
) -> None:
    store, writer = warehouse
    slept: list[float] = []
    with scripted(feed(15)) as server:
        done = reader(server.url, (store, FullAtFirst(writer, 100)), clock, sleep=slept.append, queue_patience_s=5).run()
        assert (done.added, done.queue_full, done.error) == (0, True, None)
        assert sum(slept) <= 7
        assert "queue stayed full" in done.words
        assert reader(server.url, warehouse, clock).run().added == 15


def test_failure_is_data(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, _ = warehouse
    with scripted(http({"error": {"what": "no such token"}}, 401), feed(5)) as server:
        one = reader(server.url, warehouse, clock)
        assert one.run().error is not None
        (row,) = progress(store, clock.now())
        assert (row.up, row.fraction, row.last_success_at) == (False, 0.0, None)
        assert "no such token" in (row.last_error or "")
        check = store.select("SELECT component, check_name, status, words FROM health_checks").to_pylist()[0]
        assert (check["component"], check["check_name"], check["status"]) == ("collector", "read usage", "fail")
        clock.advance(timedelta(seconds=15))
        assert one.run().error is None
        (row,) = progress(store, clock.now())
        assert (row.up, row.last_error, row.last_success_at) == (True, None, clock.now())
    ups = store.select("SELECT value FROM samples ORDER BY observed_at").to_pylist()
    assert [up["value"] for up in ups] == [0.0, 1.0]


def test_a_source_that_asks_for_quiet_is_left_alone_that_long(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    elapsed = [0.0]
    with scripted(http({}, 429, retry_after="600"), feed(5)) as server:
        one = reader(server.url, warehouse, clock, monotonic=lambda: elapsed[0])
        assert one.run().error is not None
        elapsed[0] = 599.0
        assert one.run().words == "not asked: the source wants 1 s more of quiet"
        assert len(server.requests) == 1
        elapsed[0] = 600.0
        assert one.run().added == 5


def test_streams_not_tried_yet_are_shown_too(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    (row,) = progress(warehouse[0], clock.now(), expected=[("arena", "usage")])
    assert (row.fraction, row.caught_up, row.up) == (0.0, False, False)


def test_refused_records_are_kept_with_the_page_and_stop_nothing(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    bad = {**record(1), "input_tokens": "many"}
    body = {"after": None, "next": "2", "more": False, "oldest_at": None, "newest_at": None, "records": [record(0), bad]}
    with scripted(http(body)) as server:
        done = reader(server.url, warehouse, clock).run()
    assert (done.added, done.rejected) == (1, 1)
    (refused,) = warehouse[0].select("SELECT source, stream, line, field, event_id FROM rejected").to_pylist()
    assert refused == {"source": "arena", "stream": "usage", "line": 2, "field": "input_tokens", "event_id": "e1"}


def test_starting_over_reads_all_again_and_doubles_nothing(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, writer = warehouse
    with scripted(feed(15)) as server:
        one = reader(server.url, warehouse, clock)
        one.run()
        start_over(writer, "arena", "usage", ["arena"])
        done = one.run()
        assert (done.added, done.duplicate) == (0, 15)
        assert server.requests.count("GET /usage?limit=10000&since=2026-11-19T12%3A00%3A00Z HTTP/1.1") == 2
    assert stored(store) == everyone(15)


def test_business_days_are_asked_for_again_and_replaced(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    def days(revenue: str) -> Answer:
        row = {"day": "2026-11-19", "tier": "pro", "active_users": 3, "new_users": 0, "returning_users": 3, "converted_users": 0}
        return http({"zone": "UTC", "records": [{**row, "revenue_usd": revenue, "satisfaction": 4.5}]})

    with scripted(days("10.00"), days("12.50")) as server:
        one = reader(server.url, warehouse, clock, "business")
        one.run()
        clock.advance(timedelta(hours=1))
        one.run()
        assert server.requests == [
            "GET /business?from=2025-11-20&to=2026-11-21 HTTP/1.1",
            "GET /business?from=2026-11-17&to=2026-11-21 HTTP/1.1",
        ]
    rows = warehouse[0].select("SELECT revenue_usd FROM business_days").to_pylist()
    assert [str(row["revenue_usd"]) for row in rows] == ["12.500000000"]


def test_live_health_is_stored_when_it_changes_and_once_a_minute(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    def health(status: str) -> Answer:
        return http({"status": status, "checks": {}}, 200, "application/health+json")

    added = []
    with scripted(health("pass"), health("pass"), health("warn"), health("warn")) as server:
        one = reader(server.url, warehouse, clock, "health")
        for seconds in (0, 10, 10, 61):
            clock.advance(timedelta(seconds=seconds))
            added.append(one.run().added)
    assert added == [1, 0, 1, 1]
    assert progress(warehouse[0], clock.now())[0].caught_up


def test_every_stream_of_every_source_has_a_job_of_its_own(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    with scripted(http({}, 500)) as server:
        configs = [SourceConfig(name, server.url, "t", patience=ONCE) for name in ("arena", "scribe")]
        jobs = {job.name: job for job in collect_jobs(configs, *warehouse, clock)}
        assert set(jobs) == {f"collect {name} {stream}" for name in ("arena", "scribe") for stream in STREAMS}
        assert jobs["collect arena business"].every == timedelta(hours=1)
        with pytest.raises(CollectError, match="answered 500"):
            jobs["collect arena usage"].run(clock.now())


def test_words_name_what_did_not_go_in() -> None:
    assert Collected("usage", added=5, duplicate=2, conflict=1, rejected=3, caught_up=True).words == (
        "5 rows added, 2 duplicate, 1 in conflict, 3 refused"
    )


def test_health_that_could_not_be_stored_is_stored_the_next_time(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    store, writer = warehouse
    refusing = FullAtFirst(writer, 0)
    with scripted(
        *(http({"status": said, "checks": {}}, 200, "application/health+json") for said in ("warn", "fail", "fail"))
    ) as server:
        one = reader(server.url, (store, refusing), clock, "health", queue_patience_s=0)
        for refusals in (0, 1, 0):
            refusing.refusals = refusals
            clock.advance(timedelta(seconds=5))
            assert one.run().queue_full == bool(refusals)
    rows = store.select("SELECT status FROM health_checks ORDER BY observed_at").to_pylist()
    assert [row["status"] for row in rows] == ["warn", "fail"]


def test_a_fault_that_is_over_is_said_to_be_over_also_after_a_restart(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    def newest() -> list[tuple[str, str]]:
        rows = warehouse[0].rows("source_checks", since=clock.now() - timedelta(days=1), now=clock.now())
        return [(row["check_name"], row["status"]) for row in rows]

    with scripted(http({}, 500), feed(5)) as server:
        assert reader(server.url, warehouse, clock).run().error is not None
        assert newest() == [("read usage", "fail")]
        clock.advance(timedelta(seconds=10))
        restarted = reader(server.url, warehouse, clock)
        for _ in range(3):
            restarted.run()
            assert newest() == [("read usage", "pass")]
            clock.advance(timedelta(seconds=10))
    assert warehouse[0].select("SELECT count(*) AS n FROM health_checks").to_pylist() == [{"n": 2}]
