"""A first look at a Redis server: what it holds, what bounds it, and the limits worth keeping."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from collectors.discover_draft import NEAR_FLOOR, Draft
from collectors.found import Found
from collectors.postgres.discover import size
from collectors.redis.readings import number
from collectors.redis.source import address_of, asked, client, configured, loading
from roomleft.packs_sources import RedisSource


def discover(entry: RedisSource, secret: str | None, now: datetime) -> Found:
    """What there is to watch at `entry`. Raises CollectError if the server cannot be read."""
    draft = Draft(entry)
    address = address_of(entry.url)
    with client(entry, secret, address) as server:
        info = asked(server)
        if info.get("loading"):
            raise loading(info, address)
        settings = configured(server, info)
    used, most = number(info, "used_memory"), number(info, "maxmemory", settings)
    clients = number(info, "maxclients", settings)
    policy = str(info.get("maxmemory_policy", "noeviction"))
    evicts = policy != "noeviction"
    keys = sum(int(fields["keys"]) for name, fields in info.items() if name.startswith("db") and isinstance(fields, dict))
    role = {"master": "a primary", "slave": "a replica"}.get(str(info.get("role")), "")
    draft.line(
        ", ".join(
            part for part in (f"Redis {info.get('redis_version', 'of an unknown version')}", role, f"{keys:,} keys") if part
        )
    )
    bounded = (
        f"{size(int(used or 0))} of {size(int(most))}, {policy} when full" if most else f"{size(int(used or 0))}, not bounded"
    )
    draft.line(f"memory: {bounded}")
    _memory(draft, bool(most), evicts, policy)
    _clients(draft, bool(clients))
    hits = draft.limit(
        "hits",
        "ratio",
        f"Hits of {draft.name} ≥ 90 %",
        draft.gauge("hit_percent", "redis_hit_ratio", "percent", scale=100),
        "Keep keys longer, or give it more memory",
        amount=90,
        direction="at_least",
        tight_below=NEAR_FLOOR,
    )
    draft.signal("Hits", "redis_hit_ratio", "ratio", limit=hits, live=True)
    draft.signal("Operations", "redis_operations_per_second", "operations_per_second", live=True)
    draft.signal("Keys", "redis_keys", "keys", by="db", across="sum")
    draft.signal("Keys evicted", "redis_evicted_keys_total", "operations_per_second", show="rate_per_second", across="sum")
    draft.signal("Memory fragmentation", "redis_memory_fragmentation_ratio", "ratio")
    if number(info, "connected_slaves"):
        draft.signal("Replication lag", "redis_replication_lag_bytes", "bytes", by="replica", across="max")
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        draft.warning("the last save to disk failed: see the server's log, and whether its disk is full")
    return draft.found()


def _memory(draft: Draft, is_bounded: bool, evicts: bool, policy: str) -> None:
    more: dict[str, Any] = {"of": "redis_memory_max_bytes"} if is_bounded else {}
    if is_bounded and not evicts:
        used = draft.gauge("memory_used", "redis_memory_used_bytes", "bytes")
        most = draft.gauge("memory_max", "redis_memory_max_bytes", "bytes")
        title, step = f"Memory of {draft.name}, of maxmemory", "Raise maxmemory, or let keys expire"
        more["limit"] = draft.limit("memory", "capacity", title, draft.share("memory_use", used, most), step, amount=80)
    elif is_bounded:
        draft.line(f"it evicts keys when its memory is full ({policy}), so full is well: hits and evictions tell how it is")
    else:
        draft.warning(
            "maxmemory is 0: nothing but the machine bounds the memory; CONFIG SET maxmemory 2gb, and the same in redis.conf"
        )
    draft.signal("Memory in use", "redis_memory_used_bytes", "bytes", **more)


def _clients(draft: Draft, is_known: bool) -> None:
    if not is_known:
        draft.warning("maxclients is not told: ACL SETUSER USER +config|get")
        draft.signal("Clients", "redis_clients_connected", "connections")
        return
    used = draft.gauge("clients_connected", "redis_clients_connected", "connections")
    most = draft.gauge("clients_max", "redis_clients_max", "connections")
    title, step = f"Clients of {draft.name}, of maxclients", "Raise maxclients, or share connections"
    limit = draft.limit("clients", "capacity", title, draft.share("client_use", used, most), step, amount=80)
    draft.signal("Clients", "redis_clients_connected", "connections", of="redis_clients_max", limit=limit)
