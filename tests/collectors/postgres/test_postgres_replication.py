"""Replication against a real streaming replica: lag that comes and goes, a quiet primary, a replica that stopped, one that is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collectors.own_network import OwnNetwork
from collectors.postgres.replication import Track, _names, standby_lag
from collectors.postgres.source import Postgres
from collectors.taken import Taken
from roomleft.clock import FixedClock
from roomleft.packs_sources import PostgresSource
from tests.collectors.looking import checks, names, value, values
from tests.fixtures.postgres import PostgresPair, until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def taker(pair: PostgresPair, replica_url: str | None = None, **entry: Any) -> Postgres:
    replicas = [{"name": "r1", "url": replica_url or pair.replica.url}]
    given = {"kind": "postgres", "name": "main", "component": "database", "url": pair.url, "replicas": replicas, "timeout": "5s"}
    return Postgres("arena", PostgresSource.model_validate(given | entry), None, OwnNetwork(reference=lambda: None))


def look(watched: Postgres, clock: FixedClock, after_s: float = 30) -> Taken:
    clock.advance(timedelta(seconds=after_s))
    return watched.take(clock.now(), None)


@pytest.fixture
def pair(postgres_pair: PostgresPair) -> Iterator[PostgresPair]:
    """The pair with a replica that has replayed everything."""
    caught_up(postgres_pair)
    yield postgres_pair
    postgres_pair.replica.execute("SELECT pg_wal_replay_resume()")


def caught_up(pair: PostgresPair) -> None:
    place = pair.execute("SELECT pg_current_wal_lsn()")[0][0]
    until(lambda: pair.replica.execute(f"SELECT pg_last_wal_replay_lsn() >= '{place}'")[0][0])


def test_a_replica_that_follows_has_no_lag_and_every_reading_of_the_score(pair: PostgresPair, clock: FixedClock) -> None:
    taken = look(taker(pair), clock)
    assert value(taken, "replication_lag_ms", replica="r1") == 0
    assert 0 < (value(taken, "replica_response_ms", replica="r1") or 0) < 1000
    assert value(taken, "replica_connections_used", replica="r1") == 0
    assert value(taken, "replica_connections_max", replica="r1") == 57
    assert value(taken, "replica_success_ratio", replica="r1") == 1
    assert checks(taken)["main.r1"] == ("pass", "replica r1: has replayed all there is")
    assert values(taken, "pg_replication_lag_bytes").keys() == {"r1,write", "r1,flush", "r1,replay"}
    assert value(taken, "pg_replicas_connected") == 1


def test_lag_appears_while_replay_is_paused_grows_and_goes_back_to_none(pair: PostgresPair, clock: FixedClock) -> None:
    watched, alone = taker(pair), taker(pair, replicas=[])
    assert value(look(watched, clock), "replication_lag_ms", replica="r1") == 0
    look(alone, clock, 0)
    pair.replica.execute("SELECT pg_wal_replay_pause()")
    until(lambda: pair.replica.execute("SELECT pg_get_wal_replay_pause_state()")[0][0] == "paused")
    pair.execute("CREATE TABLE IF NOT EXISTS lagging AS SELECT generate_series(1, 100) AS id")
    place = pair.execute("SELECT pg_current_wal_lsn()")[0][0]
    until(lambda: pair.replica.execute(f"SELECT pg_last_wal_receive_lsn() >= '{place}'")[0][0])
    lags, told = [], []
    for _ in range(3):
        taken = look(watched, clock)
        lags.append(value(taken, "replication_lag_ms", replica="r1") or 0)
        told.append(value(look(alone, clock, 0), "replication_lag_ms", replica="r1") or 0)
    assert 0 < lags[0] <= lags[1] <= lags[2]
    assert checks(taken)["main.r1"][1].endswith("replay is paused: SELECT pg_wal_replay_resume();")
    assert (value(taken, "pg_replication_lag_bytes", replica="r1", stage="replay") or 0) > 0
    assert value(taken, "pg_replication_lag_bytes", replica="r1", stage="flush") == 0
    # The primary's own figure stands still while replay does; what it says grows by the clock all the same.
    assert told[2] >= 60_000
    pair.replica.execute("SELECT pg_wal_replay_resume()")
    caught_up(pair)
    taken = look(watched, clock)
    assert value(taken, "replication_lag_ms", replica="r1") == 0
    until(lambda: value(look(alone, clock, 0), "replication_lag_ms", replica="r1") == 0)


def test_a_replica_that_stopped_is_unknown_with_words_and_comes_back(pair: PostgresPair, clock: FixedClock) -> None:
    watched = taker(pair)
    look(watched, clock)
    pair.replica.stop()
    try:
        taken = look(watched, clock)
        assert taken.error is None
        # Their series have ended: the last readings must not stand for a replica that is gone.
        ended = {"replication_lag_ms", "replica_response_ms", "replica_connections_used", "replica_connections_max"}
        assert {name: value(taken, name, replica="r1") for name in ended} == dict.fromkeys(ended)
        assert ended <= names(taken)
        assert values(taken, "pg_replication_lag_ms") == {"r1,write": None, "r1,flush": None, "r1,replay": None}
        assert not ended & names(look(watched, clock))
        assert value(taken, "replica_success_ratio", replica="r1") == 0.5
        status, words = checks(taken)["main.r1"]
        assert status == "fail"
        assert "refuses the connection" in words
        assert "pg_connections_used" in names(taken)
    finally:
        pair.replica.start()
    until(lambda: value(look(watched, clock), "replication_lag_ms", replica="r1") == 0)


def test_a_primary_that_is_gone_leaves_its_replicas_readable(pair: PostgresPair, clock: FixedClock) -> None:
    taken = look(taker(pair, url="postgresql://roomleft@127.0.0.1:1/x"), clock)
    assert taken.error is not None
    assert value(taken, "replication_lag_ms", replica="r1") == 0
    assert value(taken, "replica_success_ratio", replica="r1") == 1


def test_readings_end_only_for_what_was_looked_at(pair: PostgresPair, clock: FixedClock) -> None:
    watched = taker(pair)
    look(watched, clock)
    # The primary could not be read: what it said of its replicas is old, not over.
    watched._entry = watched._entry.model_copy(update={"url": "postgresql://roomleft@127.0.0.1:1/x"})
    assert not {name for name in names(look(watched, clock)) if name.startswith("pg_replication")}
    # This host has lost its network: nothing is known of the replica.
    watched._entry = watched._entry.model_copy(update={"url": pair.url})
    for one in watched._replicas:
        one.take = lambda *_: False  # type: ignore[method-assign]
    taken = look(watched, clock)
    assert "replication_lag_ms" not in names(taken)
    assert value(taken, "pg_replication_lag_bytes", replica="r1", stage="replay") is not None


def test_a_replica_that_is_a_primary_is_told(pair: PostgresPair, clock: FixedClock) -> None:
    taken = look(taker(pair, pair.url), clock)
    assert checks(taken)["main.r1"] == ("warn", "replica r1: it is not a replica: it is not in recovery")
    assert "replication_lag_ms" not in names(taken)


def test_a_source_that_is_a_replica_itself(pair: PostgresPair, clock: FixedClock) -> None:
    taken = look(taker(pair, url=pair.replica.url, replicas=[]), clock)
    assert taken.error is None
    assert value(taken, "pg_in_recovery") == 1
    assert value(taken, "replication_lag_ms", replica="main") == 0


class Standby:
    """A replica's answers, in order."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)

    def row(self, sql: str) -> dict[str, Any]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def said(**changes: Any) -> dict[str, Any]:
    usual = {
        "is_standby": True,
        "received": 500,
        "replayed": 500,
        "since_replay_ms": 3_600_000,
        "is_receiving": True,
        "is_paused": False,
    }
    return usual | changes


@pytest.mark.parametrize(
    ("answers", "primary", "seen", "at_least", "at_most"),
    [
        ([said()], 500, [], 0, 0),
        ([said()], None, [], 0, 0),
        ([said(is_receiving=False)], 500, [], 0, 0),
        ([said(is_receiving=False)], None, [], None, None),
        ([said(is_receiving=False)], 900, [], None, None),
        ([said(received=None, replayed=None)], 900, [], None, None),
        ([said(replayed=400), said()], 500, [], 0, 1000),
        ([said(received=900, replayed=400)], 900, [(30, 300), (20, 400), (10, 900)], 20_000, 21_000),
        ([said(received=900, replayed=400, since_replay_ms=5000)], 900, [(30, 300), (20, 400)], 5000, 5000),
        ([said(received=900, replayed=400)], 900, [], 3_600_000, 3_600_000),
        ([said(received=900, replayed=400, since_replay_ms=None)], 900, [], None, None),
        ([said(received=900, replayed=400, since_replay_ms=-40)], 900, [], 0, 0),
        ([said(is_standby=False)], 900, [], None, None),
    ],
    ids=[
        "all replayed on a primary idle for an hour",
        "all received is replayed, the primary was not asked",
        "cut off, but the primary has no more",
        "cut off, and nobody to ask",
        "cut off and behind",
        "has replayed nothing yet",
        "a write after a quiet hour, replayed at once",
        "behind after a quiet hour: since it was last level",
        "behind: its last transaction is nearer",
        "behind, and this process has not looked before",
        "behind, and nothing to tell by",
        "its clock is behind the primary's",
        "was promoted",
    ],
)
def test_lag(
    answers: list[dict[str, Any]],
    primary: int | None,
    seen: list[tuple[int, int]],
    at_least: float | None,
    at_most: float | None,
) -> None:
    track = Track()
    for ago_s, place in seen:
        track.note(NOON - timedelta(seconds=ago_s), place)
    lag = standby_lag(Standby(*answers), primary, track, NOON, sleep=lambda _: None)  # type: ignore[arg-type]
    if at_least is None or at_most is None:
        assert lag.ms is None
        assert lag.words
    else:
        assert lag.ms is not None
        assert at_least <= lag.ms <= at_most


def test_a_track_begins_anew_when_another_server_takes_over() -> None:
    track = Track()
    track.note(NOON, 500)
    track.note(NOON + timedelta(seconds=30), 90)
    assert track.reached_at(100) == NOON + timedelta(seconds=30)
    assert track.beyond_at(400) is None


def test_replicas_that_share_a_name_are_told_apart() -> None:
    def row(name: str, address: str | None, port: int) -> dict[str, Any]:
        return {"application_name": name, "address": address, "client_port": port}

    rows = [
        row("r1", "10.0.0.1", 1),
        row("walreceiver", "10.0.0.2", 1),
        row("walreceiver", "10.0.0.3", 1),
        row("walreceiver", "10.0.0.3", 2),
    ]
    assert _names(rows) == ["r1", "walreceiver@10.0.0.2", "walreceiver@10.0.0.3:1", "walreceiver@10.0.0.3:2"]
