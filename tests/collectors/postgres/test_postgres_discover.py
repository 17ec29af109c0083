"""What `connect` finds at a PostgreSQL server, and that its proposals load and measure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collectors.postgres.discover import discover, size
from roomleft.clock import FixedClock
from roomleft.errors import CollectError
from roomleft.limits import State
from roomleft.packs_sources import PostgresSource
from tests.collectors.proposed import measured, pack_of
from tests.fixtures.postgres import PostgresPair, until


def entry(url: str, **more: Any) -> dict[str, Any]:
    return {"kind": "postgres", "name": "main-db", "component": "database", "url": url} | more


def source(**data: Any) -> PostgresSource:
    return PostgresSource.model_validate(data)


@pytest.fixture
def database(postgres_pair: PostgresPair) -> Iterator[str]:
    url = postgres_pair.create_database()
    postgres_pair.execute("CREATE EXTENSION pg_stat_statements", url)
    until(
        lambda: (
            postgres_pair.execute("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()")[0][0] == 1
        )
    )
    yield url
    postgres_pair.drop_database(url)


def test_the_proposals_load_and_measure_to_real_room_left(
    postgres_pair: PostgresPair, database: str, clock: FixedClock, tmp_path: Path
) -> None:
    given = entry(database, replicas=[{"name": "r1", "url": postgres_pair.replica.url}])
    found = discover(source(**given), None, clock.now())
    assert found.warnings == ()
    assert found.lines[0].startswith("PostgreSQL 1")
    assert ", a primary, 57 connections at most" in found.lines[0]
    assert database.rsplit("/", 1)[1] in found.lines[1]
    assert found.lines[2] == "replica r1: has replayed all there is"
    pack = pack_of(tmp_path, given, found)
    rows = measured(pack, clock)
    assert rows.keys() == {
        *("main_db_connections", "main_db_cache_hits", "main_db_transaction_ids"),
        *("main_db_slow_statements", "main_db_lag_r1", "main_db_lag_r1_critical"),
    }
    assert {name: row.reason for name, row in rows.items() if row.state is State.UNKNOWN} == {}
    connections = rows["main_db_connections"]
    assert (connections.amount, connections.unit, connections.used, connections.state) == (80, "percent", 0, State.OK)
    assert rows["main_db_lag_r1"].used == 0
    assert rows["main_db_slow_statements"].used == 0
    assert rows["main_db_cache_hits"].used is not None
    assert 0 < rows["main_db_cache_hits"].used <= 100


def test_replicas_that_nobody_listed_are_seen_from_the_primary(
    postgres_pair: PostgresPair, database: str, clock: FixedClock, tmp_path: Path
) -> None:
    given = entry(database)
    found = discover(source(**given), None, clock.now())
    assert "replicas: r1" in found.lines
    assert any("list them under replicas:" in warning for warning in found.warnings)
    rows = measured(pack_of(tmp_path, given, found), clock)
    assert rows["main_db_lag_r1"].state is State.OK


def test_a_replica_that_stopped_makes_its_limits_unknown_at_once(
    postgres_pair: PostgresPair, database: str, clock: FixedClock, tmp_path: Path
) -> None:
    given = entry(database, replicas=[{"name": "r1", "url": postgres_pair.replica.url}])
    pack = pack_of(tmp_path, given, discover(source(**given), None, clock.now()))
    try:
        rows = measured(pack, clock, postgres_pair.replica.stop)
    finally:
        postgres_pair.replica.start()
    lag = rows["main_db_lag_r1_critical"]
    assert lag.state is State.UNKNOWN
    assert "has ended: its source no longer gives it" in lag.reason
    assert rows["main_db_connections"].state is State.OK


def test_a_slow_look_reaches_further_back(database: str, clock: FixedClock, tmp_path: Path) -> None:
    given = entry(database, interval="10m")
    found = discover(source(**given), None, clock.now())
    assert found.meters["main_db_connections_used"]["over"] == "30m"
    assert found.meters["main_db_connections_used"]["stale_after"] == "30m"
    pack_of(tmp_path, given, found)


def test_what_may_not_be_seen_is_named_with_what_would_show_it(
    postgres_pair: PostgresPair, clock: FixedClock, tmp_path: Path
) -> None:
    postgres_pair.execute("CREATE ROLE stranger LOGIN")
    url = postgres_pair.create_database()
    try:
        given = entry(url.replace("roomleft@", "stranger@"))
        found = discover(source(**given), None, clock.now())
    finally:
        postgres_pair.drop_database(url)
        postgres_pair.execute("DROP ROLE stranger")
    assert any("GRANT pg_monitor TO stranger;" in warning for warning in found.warnings)
    assert any("CREATE EXTENSION pg_stat_statements;" in warning for warning in found.warnings)
    assert not any("slow" in name for name in found.meters)
    pack_of(tmp_path, given, found)


def test_a_server_that_gives_no_connection_is_an_error(clock: FixedClock) -> None:
    with pytest.raises(CollectError, match="refuses the connection"):
        discover(source(**entry("postgresql://roomleft@127.0.0.1:1/x")), None, clock.now())


@pytest.mark.parametrize(
    ("count", "words"),
    [(None, "(size not told)"), (0, "0 B"), (999, "999 B"), (8_300_000, "8.3 MB"), (41 * 10**9, "41 GB"), (3 * 10**12, "3 TB")],
)
def test_sizes_in_words(count: int | None, words: str) -> None:
    assert size(count) == words
