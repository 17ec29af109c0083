"""What `connect` finds at a Redis server, and that its proposals load and measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collectors.redis.discover import discover
from roomleft.clock import FixedClock
from roomleft.errors import CollectError
from roomleft.limits import State
from roomleft.packs_sources import RedisSource
from tests.collectors.proposed import measured, pack_of
from tests.fixtures.redis import RedisServer, StartRedis


def entry(url: str) -> dict[str, Any]:
    return {"kind": "redis", "name": "cache", "component": "cache", "url": url}


@pytest.fixture(scope="module")
def server(start_redis: StartRedis) -> RedisServer:
    return start_redis("--maxclients", "200")


@pytest.mark.parametrize(
    ("maxmemory", "policy", "limits", "says"),
    [
        ("64mb", "noeviction", {"cache_memory", "cache_clients", "cache_hits"}, "noeviction when full"),
        ("64mb", "allkeys-lru", {"cache_clients", "cache_hits"}, "it evicts keys when its memory is full (allkeys-lru)"),
        ("0", "noeviction", {"cache_clients", "cache_hits"}, "not bounded"),
    ],
    ids=["bounded", "a cache that evicts", "unbounded"],
)
def test_the_proposals_load_and_measure_to_real_room_left(
    server: RedisServer, clock: FixedClock, tmp_path: Path, maxmemory: str, policy: str, limits: set[str], says: str
) -> None:
    given = entry(server.url)
    with server.client() as client:
        client.config_set("maxmemory", maxmemory)
        client.config_set("maxmemory-policy", policy)
        client.set("key", "x")
        found = discover(RedisSource.model_validate(given), None, clock.now())
        rows = measured(pack_of(tmp_path, given, found), clock, lambda: client.get("key"))
    assert found.lines[0].startswith("Redis ")
    assert found.lines[0].endswith(", a primary, 1 keys")
    assert any(says in line for line in found.lines)
    assert any("CONFIG SET maxmemory" in warning for warning in found.warnings) == (maxmemory == "0")
    assert rows.keys() == limits
    assert {name: row.reason for name, row in rows.items() if row.state is State.UNKNOWN} == {}
    assert (rows["cache_hits"].used, rows["cache_hits"].state) == (100, State.OK)
    assert float(rows["cache_clients"].used or 0) == pytest.approx(0.5)
    if "cache_memory" in rows:
        assert 0 < float(rows["cache_memory"].used or 0) < 80


def test_a_server_that_is_gone_is_an_error(clock: FixedClock) -> None:
    with pytest.raises(CollectError, match="refuses the connection"):
        discover(RedisSource.model_validate(entry("redis://127.0.0.1:1")), None, clock.now())
