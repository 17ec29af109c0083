"""What the fields of INFO mean: readings with their units, and checks in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collectors.look import Look

OURS = 1
"""The connection that asks is a client too."""
PLAIN = (
    ("redis_memory_used_bytes", "used_memory"),
    ("redis_memory_resident_bytes", "used_memory_rss"),
    ("redis_memory_fragmentation_ratio", "mem_fragmentation_ratio"),
    ("redis_clients_blocked", "blocked_clients"),
    ("redis_operations_per_second", "instantaneous_ops_per_sec"),
    ("redis_commands_total", "total_commands_processed"),
    ("redis_connections_total", "total_connections_received"),
    ("redis_connections_rejected_total", "rejected_connections"),
    ("redis_evicted_keys_total", "evicted_keys"),
    ("redis_expired_keys_total", "expired_keys"),
    ("redis_hits_total", "keyspace_hits"),
    ("redis_misses_total", "keyspace_misses"),
    ("redis_unsaved_changes", "rdb_changes_since_last_save"),
    ("redis_uptime_s", "uptime_in_seconds"),
)


@dataclass(frozen=True, slots=True)
class Hits:
    """Reads that found their key, and those that did not, since the server began."""

    hits: int
    misses: int


def readings(look: Look, info: Mapping[str, Any], before: Hits | None) -> Hits | None:
    """The readings of one INFO. What it does not tell is left out. Gives the hits for the next look."""
    for name, field in PLAIN:
        look.read(name, number(info, field))
    clients = number(info, "connected_clients")
    look.read("redis_clients_connected", None if clients is None else max(0, clients - OURS))
    for database, fields in info.items():
        if database.startswith("db") and database[2:].isdigit() and isinstance(fields, Mapping):
            look.read("redis_keys", number(fields, "keys"), db=database)
            look.read("redis_expiring_keys", number(fields, "expires"), db=database)
    if not any(name.startswith("db") and name[2:].isdigit() for name in info):
        look.read("redis_keys", 0, db="db0")  # an empty database has no line of its own
    saved_at, server_at = number(info, "rdb_last_save_time"), None
    if "server_time_usec" in info:
        server_at = float(info["server_time_usec"]) / 1e6
    if saved_at is not None and server_at is not None:
        look.read("redis_last_save_age_s", max(0.0, server_at - saved_at))
    _replication(look, info)
    return _hit_ratio(look, info, before)


def bounds(look: Look, info: Mapping[str, Any], configured: Mapping[str, str]) -> None:
    """How much there may be: clients, and memory unless it is unlimited (maxmemory 0)."""
    clients = number(info, "maxclients", configured)
    look.read("redis_clients_max", clients or None)
    memory = number(info, "maxmemory", configured)
    look.read("redis_memory_max_bytes", memory or None)


def checks(look: Look, info: Mapping[str, Any], name: str) -> None:
    """Checks of persistence, of memory, and of the link to the primary or the replicas."""
    failed = [
        words
        for field, words in (
            ("rdb_last_bgsave_status", "the last save to disk failed"),
            ("aof_last_write_status", "the last write to the append-only file failed"),
            ("aof_last_bgrewrite_status", "the last rewrite of the append-only file failed"),
        )
        if field in info and info[field] != "ok"
    ]
    if "rdb_last_bgsave_status" in info:
        said = "; ".join(failed) + ": see the server's log, and whether its disk is full" if failed else "saved as configured"
        look.check(f"{name}.persistence", "fail" if failed else "pass", said)
        look.read("redis_last_save_ok", int(info["rdb_last_bgsave_status"] == "ok"))
    used, most = number(info, "used_memory"), number(info, "maxmemory")
    if used is not None and most is not None:
        said = f"{used / most:.1%} of maxmemory is used" if most else "maxmemory is 0: nothing but the machine bounds the memory"
        look.check(f"{name}.memory", "pass", said)
    link = info.get("master_link_status")
    if link is not None:
        down_s = number(info, "master_link_down_since_seconds")
        since = f" for {down_s:,.0f} s" if down_s is not None and down_s >= 0 else ""
        up = link == "up"
        look.check(
            f"{name}.replication",
            "pass" if up else "fail",
            "linked to its primary" if up else f"the link to its primary is down{since}",
        )


def _replication(look: Look, info: Mapping[str, Any]) -> None:
    offset = number(info, "master_repl_offset")
    if info.get("role") == "master":
        look.read("redis_replicas_connected", number(info, "connected_slaves"))
        for field, replica in info.items():
            if field.startswith("slave") and field[5:].isdigit() and isinstance(replica, Mapping):
                name = f"{replica.get('ip')}:{replica.get('port')}"
                reached = number(replica, "offset")
                if offset is not None and reached is not None and replica.get("state") == "online":
                    look.read("redis_replication_lag_bytes", max(0, offset - reached), replica=name)
                    # How long ago the replica last said where it is: about 1 s while it is well.
                    look.read("redis_replication_lag_s", number(replica, "lag"), replica=name)
    elif info.get("role") == "slave":
        up = info.get("master_link_status") == "up"
        look.read("redis_primary_link_up", int(up))
        read, applied = number(info, "slave_read_repl_offset"), number(info, "slave_repl_offset")
        if up and read is not None and applied is not None:
            look.read("redis_replication_unapplied_bytes", max(0, read - applied))
        if up:
            look.read("redis_primary_last_heard_s", number(info, "master_last_io_seconds_ago"))


def _hit_ratio(look: Look, info: Mapping[str, Any], before: Hits | None) -> Hits | None:
    hits, misses = number(info, "keyspace_hits"), number(info, "keyspace_misses")
    if hits is None or misses is None:
        return None
    now = Hits(int(hits), int(misses))
    if now.hits + now.misses:
        look.read("redis_hit_ratio_cumulative", now.hits / (now.hits + now.misses))
    if before is not None:
        hit, missed = now.hits - before.hits, now.misses - before.misses
        # A counter that fell began again (a restart, CONFIG RESETSTAT); without reads there is no share.
        if hit >= 0 and missed >= 0 and hit + missed:
            look.read("redis_hit_ratio", hit / (hit + missed))
    return now


def number(info: Mapping[str, Any], field: str, configured: Mapping[str, str] | None = None) -> float | None:
    """A field as a number; None where it is missing or is none."""
    value = info.get(field, (configured or {}).get(field))
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
