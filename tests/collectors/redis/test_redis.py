"""The Redis collector against real servers: readings, deltas, replication, persistence, and what each refusal says."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from collectors.look import Look
from collectors.own_network import OwnNetwork
from collectors.redis.readings import bounds, readings
from collectors.redis.source import Redis
from collectors.taken import Taken
from roomleft.clock import FixedClock
from roomleft.packs_sources import RedisSource
from tests.collectors.looking import checks, names, value, values
from tests.fixtures.postgres import until
from tests.fixtures.redis import RedisServer, StartRedis

SECRET = "k7-correct-horse"


def taker(url: str, secret: str | None = None, **entry: Any) -> Redis:
    given = {"kind": "redis", "name": "cache", "component": "cache", "url": url, "timeout": "2s"} | entry
    return Redis("arena", RedisSource.model_validate(given), secret, OwnNetwork(reference=lambda: None))


def look(watched: Redis, clock: FixedClock) -> Taken:
    clock.advance(timedelta(seconds=30))
    return watched.take(clock.now(), None)


@pytest.fixture(scope="module")
def server(start_redis: StartRedis) -> RedisServer:
    """One server for tests that leave it as they found it."""
    return start_redis()


@pytest.fixture
def emptied(server: RedisServer) -> Iterator[RedisServer]:
    """The server without keys, statistics, users and bounds of an earlier test."""
    yield server
    with server.client() as client:
        client.flushall()
        client.config_set("maxmemory", 0)
        client.config_set("maxclients", 10000)
        client.config_resetstat()


def test_what_an_info_tells(emptied: RedisServer, clock: FixedClock) -> None:
    watched = taker(emptied.url)
    with emptied.client() as client:
        client.config_set("maxclients", 200)
        client.config_set("maxmemory", "64mb")
        for number in range(20):
            client.set(f"key{number}", "x" * 100, ex=1000 if number < 5 else None)
        for number in range(5):
            client.get(f"nothing{number}")
        first = look(watched, clock)
        for number in range(9):
            client.get(f"key{number}")
        client.get("nothing")
        taken = look(watched, clock)
    assert taken.error is None
    assert (value(taken, "redis_clients_connected"), value(taken, "redis_clients_max")) == (1, 200)
    assert value(taken, "redis_memory_max_bytes") == 64 * 1024 * 1024
    assert 0 < (value(taken, "redis_memory_used_bytes") or 0) < 64 * 1024 * 1024
    assert values(taken, "redis_keys") == {"db0": 20}
    assert values(taken, "redis_expiring_keys") == {"db0": 5}
    assert "redis_hit_ratio" not in names(first)
    assert value(first, "redis_hit_ratio_cumulative") == 0
    assert value(taken, "redis_hit_ratio") == pytest.approx(0.9)
    assert value(taken, "redis_hit_ratio_cumulative") == pytest.approx(9 / 15)
    assert value(taken, "redis_hits_total") == 9
    assert value(taken, "redis_evicted_keys_total") == 0
    assert {"redis_expired_keys_total", "redis_operations_per_second", "redis_memory_fragmentation_ratio"} <= names(taken)
    assert (value(taken, "redis_response_ms") or 0) > 0
    assert value(taken, "redis_last_save_ok") == 1
    said = checks(taken)
    assert said["cache.persistence"] == ("pass", "saved as configured")
    assert said["cache.memory"][1].endswith("% of maxmemory is used")
    # Without a read since the last look there is no share.
    assert "redis_hit_ratio" not in names(look(watched, clock))


def test_no_maxmemory_is_no_bound_and_says_so(emptied: RedisServer, clock: FixedClock) -> None:
    taken = look(taker(emptied.url), clock)
    assert "redis_memory_max_bytes" not in names(taken)
    assert checks(taken)["cache.memory"] == ("pass", "maxmemory is 0: nothing but the machine bounds the memory")
    assert values(taken, "redis_keys") == {"db0": 0}


def test_evictions_are_counted(emptied: RedisServer, clock: FixedClock) -> None:
    with emptied.client() as client:
        used = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", used + 300_000)
        for number in range(400):
            client.set(f"key{number}", "x" * 4000)
        client.config_set("maxmemory-policy", "noeviction")
    assert (value(look(taker(emptied.url), clock), "redis_evicted_keys_total") or 0) > 0


def test_counters_that_began_again_give_no_share(emptied: RedisServer, clock: FixedClock) -> None:
    watched = taker(emptied.url)
    with emptied.client() as client:
        client.set("key", "x")
        for _ in range(5):
            client.get("key")
        look(watched, clock)
        client.config_resetstat()
        client.get("key")
        assert "redis_hit_ratio" not in names(look(watched, clock))
        client.get("key")
        assert value(look(watched, clock), "redis_hit_ratio") == 1


def test_a_save_that_failed_is_told(start_redis: StartRedis, clock: FixedClock) -> None:
    server = start_redis("--dbfilename", "taken.rdb")
    watched = taker(server.url)
    # A folder of this name cannot be replaced by a file.
    (server.home / "taken.rdb" / "inside").mkdir(parents=True)
    with server.client() as client:
        client.bgsave()
        until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        taken = look(watched, clock)
        shutil.rmtree(server.home / "taken.rdb")
        client.bgsave()
        until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok")
    status, words = checks(taken)["cache.persistence"]
    assert status == "fail"
    assert words.startswith("the last save to disk failed")
    assert value(taken, "redis_last_save_ok") == 0
    assert checks(look(watched, clock))["cache.persistence"][0] == "pass"


def test_replication_on_both_sides(emptied: RedisServer, start_redis: StartRedis, clock: FixedClock) -> None:
    with emptied.client() as client:
        client.config_set("repl-diskless-sync-delay", 0)
    replica = start_redis("--replicaof", "127.0.0.1", str(emptied.port))
    primary_side, replica_side = taker(emptied.url), taker(replica.url)
    with emptied.client() as client:
        until(lambda: client.info("replication").get("slave0", {}).get("state") == "online")
        client.set("key", "x")
    until(lambda: value(look(primary_side, clock), "redis_replication_lag_bytes") == 0)
    taken = look(primary_side, clock)
    assert value(taken, "redis_replicas_connected") == 1
    assert values(taken, "redis_replication_lag_s").keys() == {f"127.0.0.1:{replica.port}"}
    taken = look(replica_side, clock)
    assert value(taken, "redis_primary_link_up") == 1
    assert value(taken, "redis_replication_unapplied_bytes") == 0
    assert checks(taken)["cache.replication"] == ("pass", "linked to its primary")
    with replica.client() as client:
        client.replicaof("127.0.0.1", 1)
        until(lambda: client.info("replication")["master_link_status"] == "down")
    taken = look(replica_side, clock)
    assert value(taken, "redis_primary_link_up") == 0
    assert "redis_replication_unapplied_bytes" not in names(taken)
    assert checks(taken)["cache.replication"][0] == "fail"
    replica.stop()
    until(lambda: value(look(primary_side, clock), "redis_replicas_connected") == 0)


@pytest.mark.parametrize(
    ("user", "secret", "says", "fix"),
    [
        ("", None, "it asks for a password (NOAUTH)", "set CACHE_PASSWORD; a user that may only be watched with: ACL SETUSER"),
        ("", SECRET, "user or password is wrong for default", "correct CACHE_PASSWORD"),
        ("nobody", SECRET, "user or password is wrong for nobody", "ACL SETUSER nobody on >PASSWORD +info +ping"),
        ("weak", "weak-pass", "user weak may not run info (NOPERM)", "ACL SETUSER weak +info +ping"),
        ("off", "off-pass", "or the user is off (WRONGPASS)", "ACL SETUSER off on >PASSWORD +info +ping"),
    ],
    ids=["no password", "wrong password", "no such user", "no right", "user is off"],
)
def test_a_refusal_names_the_rule_that_would_let_it_in(
    locked: RedisServer, clock: FixedClock, user: str, secret: str | None, says: str, fix: str
) -> None:
    url = locked.url.replace("redis://", f"redis://{user}@") if user else locked.url
    taken = look(taker(url, secret, password_env="CACHE_PASSWORD"), clock)
    assert taken.error is not None
    assert says in taken.error.what
    assert fix in taken.error.hint
    assert SECRET not in str(taken.error)
    assert taken.samples.num_rows == 0


@pytest.fixture(scope="module")
def locked(start_redis: StartRedis) -> RedisServer:
    """A server with a password and users of few rights."""
    server = start_redis()
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "weak", "on", ">weak-pass", "-@all", "+ping")
        client.execute_command("ACL", "SETUSER", "watcher", "on", ">watch-pass", "-@all", "+info")
        client.execute_command("ACL", "SETUSER", "off", "off", ">off-pass")
        client.execute_command("ACL", "SETUSER", "default", ">the-right-one")
    return server


def test_info_alone_is_right_enough(locked: RedisServer, clock: FixedClock) -> None:
    taken = look(taker(locked.url.replace("redis://", "redis://watcher@"), "watch-pass"), clock)
    assert taken.error is None
    assert "redis_response_ms" not in names(taken)
    assert (value(taken, "redis_clients_max") or 0) > 0


def test_a_server_that_loads_is_told_with_how_far_it_is(start_redis: StartRedis, clock: FixedClock) -> None:
    server = start_redis()
    with server.client() as client:
        pipe = client.pipeline()
        for number in range(3000):
            pipe.set(f"key{number}", "x" * 50)
        pipe.execute()
        client.save()
    server.stop()
    server.start("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024", wait=True)
    found: list[Taken] = []

    def is_loading() -> bool:
        found.append(look(taker(server.url), clock))
        return found[-1].error is not None and "LOADING" in found[-1].error.what

    until(is_loading)
    assert found[-1].samples.num_rows == 0
    assert found[-1].error is not None
    assert found[-1].error.hint.startswith("wait")


def test_no_client_slot(start_redis: StartRedis, clock: FixedClock) -> None:
    server = start_redis()
    with server.client() as client:
        client.config_set("maxclients", 1)
        error = look(taker(server.url), clock).error
    assert error is not None
    assert error.what.startswith("it turns the connection away: maxclients is reached")


def test_a_server_that_is_gone_and_one_that_says_nothing(clock: FixedClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        silent = look(taker(f"redis://127.0.0.1:{port}", timeout="300ms"), clock).error
        no_tls = look(taker(f"rediss://127.0.0.1:{port}", timeout="300ms"), clock).error
    gone = look(taker(f"redis://127.0.0.1:{port}"), clock).error
    assert silent is not None
    assert silent.what == "it took the connection and does not answer"
    assert no_tls is not None
    assert no_tls.what == "the TLS handshake is not answered"
    assert gone is not None
    assert "refuses the connection" in gone.what


@pytest.mark.parametrize(
    "url", [f"redis://u:{SECRET}@127.0.0.1:port/0", f"redis://u:{SECRET}@[::1", f"redis://u:{SECRET}@127.0.0.1:1/x"]
)
def test_a_password_in_an_address_is_never_repeated(url: str, clock: FixedClock) -> None:
    error = look(taker(url), clock).error
    assert error is not None
    assert SECRET not in f"{error} {error!r} {error.__cause__}"


def test_older_servers_tell_bounds_by_configuration_only() -> None:
    from datetime import UTC, datetime

    seen = Look("arena", "cache", {}, datetime(2026, 11, 20, tzinfo=UTC))
    readings(seen, {"used_memory": 5, "mem_fragmentation_ratio": "nonsense"}, None)
    bounds(seen, {}, {"maxclients": "50", "maxmemory": "0"})
    rows = {row["name"]: row["value"] for row in seen.samples().to_pylist()}
    assert rows == {"redis_memory_used_bytes": 5, "redis_clients_max": 50, "redis_keys": 0}
