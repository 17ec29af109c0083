"""A source whose clock lies is told of, whatever its records look like, and believed again once it is right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from jobs.source_clock import clock_check
from roomleft.clock import FixedClock
from tests.collectors.scripted import http, scripted
from tests.jobs.test_collect import reader
from warehouse.store import Store
from warehouse.writer import Writer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def warehouse(clock: FixedClock) -> Iterator[tuple[Store, Writer]]:
    store = Store.open("duckdb:///:memory:", now=clock, threads=1)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    yield store, writer
    writer.close()
    store.close()


@pytest.mark.parametrize(
    ("told_at", "status", "words"),
    [
        pytest.param(NOW + SECOND, "pass", "its clock agrees with ours", id="right"),
        pytest.param(NOW + 21 * SECOND, "pass", "its clock agrees with ours", id="within the time the answer took"),
        pytest.param(NOW + 61 * SECOND, "pass", "its clock agrees with ours", id="a little ahead"),
        pytest.param(NOW + timedelta(minutes=25), "warn", "its clock is 25 min ahead of ours", id="ahead"),
        pytest.param(NOW - timedelta(minutes=25), "warn", "its clock is 25 min behind ours", id="behind"),
        pytest.param(NOW - timedelta(hours=5), "warn", "its clock is 5.0 h behind ours", id="another zone"),
        pytest.param(NOW + timedelta(days=365), "warn", "its clock is 365.0 days ahead of ours", id="another year"),
    ],
)
def test_a_clock_is_held_against_ours(told_at: datetime, status: str, words: str) -> None:
    (row,) = clock_check("arena", "collector", "arena", told_at, NOW, NOW + 20 * SECOND).to_pylist()
    assert (row["check_name"], row["status"]) == ("clock of arena", status)
    assert row["words"].startswith(words)


def said(store: Store, clock: FixedClock) -> list[tuple[str, str, str]]:
    rows = store.rows("source_checks", since=clock.now() - timedelta(hours=1), now=clock.now())
    return [(row["check_name"], row["status"], row["words"]) for row in rows]


def test_a_platform_that_is_ahead_is_told_of_and_believed_again(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    def health(at: datetime) -> object:
        return http({"status": "pass", "time": at.isoformat(), "checks": {}}, 200, "application/health+json")

    ahead = clock.now() + timedelta(minutes=25)
    with scripted(health(ahead), health(ahead), health(clock.now() + 20 * SECOND)) as server:  # type: ignore[arg-type]
        one = reader(server.url, warehouse, clock, "health")
        one.run()
        ((check, status, words),) = said(warehouse[0], clock)
        assert (check, status) == ("clock of arena", "warn")
        assert "25 min ahead" in words
        assert not warehouse[0].select("SELECT * FROM health_checks WHERE check_name = 'overall'").num_rows
        for _ in range(2):
            clock.advance(10 * SECOND)
            one.run()
        assert [found[1] for found in said(warehouse[0], clock)] == ["pass"]


def test_a_platform_that_does_not_tell_its_time_has_no_such_check(warehouse: tuple[Store, Writer], clock: FixedClock) -> None:
    for time in ({}, {"time": "soon"}, {"time": 5}):
        with scripted(http({"status": "pass", "checks": {}, **time}, 200, "application/health+json")) as server:
            reader(server.url, warehouse, clock, "health").run()
    assert said(warehouse[0], clock) == []
