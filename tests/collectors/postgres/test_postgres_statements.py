"""Slow statements: what counts as slow since the last look, and that no value of a statement is ever kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from collectors.own_network import OwnNetwork
from collectors.postgres.source import Postgres
from collectors.postgres.statements import Count, _since, shown
from collectors.taken import Taken
from roomleft.clock import FixedClock
from roomleft.packs_sources import PostgresSource
from tests.collectors.looking import checks, names, value, values
from tests.fixtures.postgres import PostgresPair


@pytest.fixture
def database(postgres_pair: PostgresPair) -> Iterator[str]:
    """The URL of a database in which statements are counted."""
    url = postgres_pair.create_database()
    postgres_pair.execute("CREATE EXTENSION pg_stat_statements", url)
    yield url
    postgres_pair.drop_database(url)


def taker(url: str, slow_ms: int = 100) -> Postgres:
    entry = {"kind": "postgres", "name": "main", "component": "database", "url": url, "slow_ms": slow_ms}
    return Postgres("arena", PostgresSource.model_validate(entry), None, OwnNetwork(reference=lambda: None))


def look(watched: Postgres, clock: FixedClock) -> Taken:
    clock.advance(timedelta(seconds=30))
    return watched.take(clock.now(), None)


def test_only_what_was_slow_since_the_last_look_is_slow(database: str, postgres_pair: PostgresPair, clock: FixedClock) -> None:
    watched = taker(database)
    postgres_pair.execute("SELECT pg_sleep(0.15)", database)
    first = look(watched, clock)
    # What was slow before anybody looked is not news, and there is nothing yet to tell the difference by.
    assert not {"pg_slow_statements", "pg_statement_mean_ms"} & names(first)
    assert value(look(watched, clock), "pg_slow_statements") == 0
    postgres_pair.execute("SELECT pg_sleep(0.12)", database)
    taken = look(watched, clock)
    assert value(taken, "pg_slow_statements") == 1
    ((words, ms),) = values(taken, "pg_slow_statement_ms").items()
    assert words.split(",", 1)[1] == "SELECT pg_sleep($1)"
    assert 120 <= ms < 1000
    assert (value(taken, "pg_statement_exec_ms") or 0) >= 120
    assert 0 < (value(taken, "pg_statement_mean_ms") or 0) < ms
    assert value(look(watched, clock), "pg_slow_statements") == 0


def test_one_slow_call_among_many_fast_ones_is_seen(database: str, postgres_pair: PostgresPair, clock: FixedClock) -> None:
    watched = taker(database)
    postgres_pair.execute("SELECT pg_sleep(0.001)", database)
    look(watched, clock)
    with psycopg.connect(database, autocommit=True) as busy:
        for _ in range(60):
            busy.execute("SELECT pg_sleep(0.001)")
        busy.execute("SELECT pg_sleep(0.14)")
    taken = look(watched, clock)
    assert value(taken, "pg_slow_statements") == 1
    assert max(values(taken, "pg_slow_statement_ms").values()) >= 140


def test_no_value_of_a_slow_statement_is_kept(database: str, postgres_pair: PostgresPair, clock: FixedClock) -> None:
    watched = taker(database, slow_ms=1)
    look(watched, clock)
    secret = "s3cr3t-of-ada"
    with psycopg.connect(database, autocommit=True) as busy:
        # Utility statements keep their constants in pg_stat_statements, and comments stay in every text.
        busy.execute(
            f"CREATE TABLE t AS SELECT md5(i::text) AS x, '{secret}' AS y /* {secret} */ FROM generate_series(1, 40000) i"
        )
        busy.execute(f"COMMENT ON TABLE t IS '{secret}'")
        busy.execute(f"DO $body$ BEGIN PERFORM pg_sleep(0.01), '{secret}'; END $body$")
        busy.execute(f"SELECT count(*) FROM t WHERE x <> '{secret}' -- {secret}")
    taken = look(watched, clock)
    texts = [key.split(",", 1)[1] for key in values(taken, "pg_slow_statement_ms")]
    assert any(text.startswith("CREATE TABLE t AS SELECT") for text in texts)
    assert "DO ?" in texts
    assert all(len(text) <= 120 for text in texts)
    assert secret not in str(taken.samples.to_pylist())
    assert secret not in str(checks(taken))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT  *\n FROM t WHERE id = $1", "SELECT * FROM t WHERE id = $1"),
        ("SELECT 'it''s secret', x", "SELECT ?, x"),
        (r"SELECT E'it\'s secret', x", "SELECT ?, x"),
        (r"SELECT 'C:\', 'secret'", "SELECT ?"),
        ("SELECT $tag$ secret $$ more $tag$, x", "SELECT ?, x"),
        ("SELECT $$ secret", "SELECT ?"),
        ("SELECT 'cut off secret", "SELECT ?"),
        ("SELECT 42, 1.5e10, 0x1F, .5, a1, t2.c3", "SELECT ?, ?, ?, ?, a1, t2.c3"),
        ("SELECT 1 /* user=ada /* nested */ secret */ + 2", "SELECT ? + ?"),
        ("SELECT 1 /* never closed secret", "SELECT ?"),
        ("SELECT x -- secret\nFROM t", "SELECT x FROM t"),
        ('SELECT "a name 7" FROM "T"', 'SELECT "a name 7" FROM "T"'),
        ("SELECT U&'\\0041 secret', B'101', X'1F', N'secret'", "SELECT ?, ?, ?, ?"),
        ("ALTER ROLE ada PASSWORD 'secret'", "ALTER ROLE ada PASSWORD ?"),
        ("SELECT preço, größe FROM t", "SELECT preço, größe FROM t"),
        ("", ""),
    ],
)
def test_a_statement_is_shown_without_values(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_a_long_statement_is_cut() -> None:
    assert shown("SELECT " + "x" * 500) == "SELECT " + "x" * 112 + "…"


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({}, Count(3, 30.0, 20.0), (3, 30.0, 20.0)),
        ({"calls": 1, "total": 10.0, "max": 10.0}, Count(3, 30.0, 10.0), (2, 20.0, None)),
        ({"calls": 1, "total": 10.0, "max": 10.0}, Count(3, 160.0, 140.0), (2, 150.0, 140.0)),
        ({"calls": 9, "total": 90.0, "max": 50.0}, Count(2, 20.0, 12.0), (2, 20.0, 12.0)),
        ({"calls": 3, "total": 30.0, "max": 10.0}, Count(3, 30.0, 10.0), None),
    ],
    ids=["new", "its longest call is old", "its longest call is new", "reset or pushed out", "not called"],
)
def test_what_a_statement_ran_up_since_the_last_look(before: dict[str, Any], now: Count, expected: Any) -> None:
    key = (1, 2, 3)
    old = {key: Count(before["calls"], before["total"], before["max"])} if before else {}
    since = _since({key: now}, old).get(key)
    assert (None if since is None else (since.calls, since.total_ms, since.worst_ms)) == expected


def test_an_extension_that_is_missing_is_named_with_its_statement(postgres_pair: PostgresPair, clock: FixedClock) -> None:
    url = postgres_pair.create_database()
    try:
        taken = taker(url).take(clock.now(), None)
    finally:
        postgres_pair.drop_database(url)
    status, words = checks(taken)["main.statistics"]
    assert status == "warn"
    assert words.endswith("then CREATE EXTENSION pg_stat_statements;")
    assert "pg_slow_statements" not in names(taken)


def test_an_extension_that_is_not_loaded_is_named_with_its_setting(postgres_url: str, clock: FixedClock) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
    taken = taker(postgres_url).take(clock.now(), None)
    assert (
        "set shared_preload_libraries = 'pg_stat_statements' in postgresql.conf and restart"
        in checks(taken)["main.statistics"][1]
    )
