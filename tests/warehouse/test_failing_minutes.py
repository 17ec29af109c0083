"""Failing minutes: what a platform's checks say counts, what Roomleft's own looks at it say does not, unless a meter names them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from roomleft.clock import FixedClock
from warehouse import tables
from warehouse.store import Store
from warehouse.writer import Batch, Writer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPAN = {"since": NOW - timedelta(hours=1), "until": NOW + timedelta(hours=1)}


@pytest.fixture
def warehouse(clock: FixedClock) -> Iterator[tuple[Store, Writer]]:
    store = Store.open("duckdb:///:memory:", now=clock, threads=1)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    up = {"platform": "shop", "component": "collector", "name": "up", "observed_at": NOW, "value": 0.0}
    rows = [
        {**up, "labels": [("source", source), ("stream", stream)]}
        for source, stream in (("shop.main-db", "postgres"), ("shop.metrics", "prometheus-server"), ("shop", "usage"))
    ]
    writer.write(Batch("shop", samples=pa.Table.from_pylist(rows, schema=tables.SAMPLES)))
    yield store, writer
    writer.close()
    store.close()


def answered(writer: Writer, check: str, status: str = "fail") -> None:
    row = {"platform": "shop", "component": "database", "check_name": check, "observed_at": NOW, "status": status, "words": "no"}
    writer.write(Batch("shop", health=pa.Table.from_pylist([row], schema=tables.HEALTH)))


@pytest.mark.parametrize(
    ("check", "named", "counts"),
    [
        pytest.param("answers", None, True, id="the platform's own"),
        pytest.param("main-db.replication", None, True, id="what a database says of itself"),
        pytest.param("reads main-db", None, False, id="a look that failed, for a wrong password perhaps"),
        pytest.param("clock of main-db", None, False, id="a clock that is not believed"),
        pytest.param("query busy", None, False, id="a question the server refused"),
        pytest.param("reads main-db", ["reads main-db"], True, id="a look that is named"),
        pytest.param("answers", ["reads main-db"], False, id="one that is not named"),
        pytest.param("reads per second", None, True, id="the platform's own, which begins like ours"),
        pytest.param("query time", ["query time"], True, id="the platform's own, named"),
        pytest.param("reads shop", None, True, id="no source of the pack"),
    ],
)
def test_what_counts_as_failing(warehouse: tuple[Store, Writer], check: str, named: list[str] | None, counts: bool) -> None:
    store, writer = warehouse
    answered(writer, check)
    asked = {"platform": "shop", "components": ["database"], "checks": named, **SPAN}
    assert [row["minute"] for row in store.rows("meter_failing_minutes", minutes=1, **asked)] == ([NOW] if counts else [])
    assert store.rows("meter_health_newest", **asked)[0]["observed_at"] == (NOW if counts else None)


def test_our_own_success_is_no_answer_of_the_platform(warehouse: tuple[Store, Writer]) -> None:
    store, writer = warehouse
    answered(writer, "reads main-db", "pass")
    asked = {"platform": "shop", "components": ["database"], "checks": None, **SPAN}
    assert store.rows("meter_health_newest", **asked)[0]["observed_at"] is None
