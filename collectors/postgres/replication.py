"""Replication: what a primary knows of its replicas, what a replica knows of itself, and how far behind it is in ms.

`now() - pg_last_xact_replay_timestamp()` alone lies: on an idle primary it grows while the replica has everything, and at the first write
after a quiet hour it is an hour for an instant. So lag is 0 when all that was received (or all that the primary has) is replayed, and never
more than the time since the primary was last seen at a place that the replica has reached.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from collectors.look import Look
from collectors.postgres.sections import Facts, Trouble, monitor_grant
from collectors.postgres.session import Session

STAGES = ("write", "flush", "replay")
SETTLE_S = 0.1
REMEMBERED = 2880
PRIMARY = """
SELECT application_name, client_addr::text AS address, client_port, state,
    extract(epoch FROM write_lag) * 1000 AS write_ms, extract(epoch FROM flush_lag) * 1000 AS flush_ms,
    extract(epoch FROM replay_lag) * 1000 AS replay_ms,
    pg_wal_lsn_diff({here}, write_lsn) AS write_bytes, pg_wal_lsn_diff({here}, flush_lsn) AS flush_bytes,
    pg_wal_lsn_diff({here}, replay_lsn) AS replay_bytes
FROM pg_stat_replication ORDER BY application_name, address, client_port
"""
SLOTS = """
SELECT slot_name AS slot, active, pg_wal_lsn_diff({here}, restart_lsn) AS retained_bytes FROM pg_replication_slots WHERE restart_lsn IS NOT NULL
"""
PLACE = "SELECT pg_wal_lsn_diff({here}, '0/0')::bigint AS place"
HERE = "pg_current_wal_lsn()"
HERE_ON_STANDBY = "coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"
STANDBY = """
SELECT pg_is_in_recovery() AS is_standby, pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')::bigint AS received,
    pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint AS replayed,
    extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000 AS since_replay_ms,
    (SELECT count(*) FROM pg_stat_wal_receiver) > 0 AS is_receiving,
    CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END AS is_paused
"""


def primary(
    session: Session, look: Look, known: Facts, trouble: list[Trouble], track: Track, now: datetime, *, alone: bool
) -> int | None:
    """What this server knows of the replicas it feeds; its own place in the log, in bytes (None on a replica that received nothing yet).

    `alone`: nobody asks the replicas themselves, so `replication_lag_ms` is what this server says of each.
    """
    here = HERE_ON_STANDBY if known.is_standby else HERE
    place: int | None = session.row(PLACE.format(here=here))["place"]
    rows = session.rows(PRIMARY.format(here=here))
    look.read("pg_replicas_connected", len(rows))
    if rows and not known.sees_all:
        trouble.append(Trouble("replication", "the replicas' lag is not told", monitor_grant(known.role)))
        rows = []
    for name, row in zip(_names(rows), rows, strict=True):
        for stage in STAGES:
            behind = row[f"{stage}_bytes"]
            lag_ms = _told_ms(row[f"{stage}_ms"], behind, place, track, now)
            look.read("pg_replication_lag_bytes", None if behind is None else max(0, behind), replica=name, stage=stage)
            look.read("pg_replication_lag_ms", lag_ms, replica=name, stage=stage)
            if alone and stage == "replay":
                look.read("replication_lag_ms", lag_ms, replica=name)
    for row in session.rows(SLOTS.format(here=here)):
        look.read("pg_slot_retained_bytes", max(0, row["retained_bytes"]), slot=row["slot"])
        look.read("pg_slot_active", int(row["active"]), slot=row["slot"])
    return place


def _told_ms(said_ms: float | None, behind: int | None, place: int | None, track: Track, now: datetime) -> float | None:
    """A stage's lag. The server keeps the last lag it measured: after catching up, and also while the replica stands still."""
    if behind is None or place is None:
        return said_ms
    if behind <= 0:
        return 0.0
    beyond = track.beyond_at(place - int(behind))
    if beyond is None or beyond > now:
        return said_ms
    return max(float(said_ms or 0), (now - beyond) / timedelta(milliseconds=1))


def _names(rows: list[dict[str, Any]]) -> list[str]:
    """Replicas by the name they give; those that share one by their address too, and by their port where that is shared as well."""
    names = Counter(row["application_name"] for row in rows)
    addresses = Counter((row["application_name"], row["address"]) for row in rows)
    shown = []
    for row in rows:
        name, address = row["application_name"] or "replica", row["address"] or "local"
        if names[row["application_name"]] > 1:
            shared = addresses[row["application_name"], row["address"]] > 1
            name = f"{name}@{address}:{row['client_port']}" if shared else f"{name}@{address}"
        shown.append(name)
    return shown


@dataclass
class Track:
    """Where the primary was in its log at each look: it bounds the lag of a replica whatever its clock and its last transaction say."""

    seen: deque[tuple[datetime, int]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def note(self, at: datetime, place: int) -> None:
        """Note the primary's place at a look."""
        if self.seen and (place < self.seen[-1][1] or at < self.seen[-1][0]):
            self.seen.clear()  # another server took over, or time went back
        self.seen.append((at, place))

    def reached_at(self, replayed: int) -> datetime | None:
        """The last look at which the primary had nothing that the replica has not replayed by now."""
        return next((at for at, place in reversed(self.seen) if place <= replayed), None)

    def beyond_at(self, reached: int) -> datetime | None:
        """The first look at which the primary had something that a replica at `reached` still lacks."""
        return next((at for at, place in self.seen if place > reached), None)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind a replica is, in ms, or why that cannot be told."""

    ms: float | None
    words: str = ""


def standby_lag(
    session: Session, primary_place: int | None, track: Track, now: datetime, *, sleep: Callable[[float], object] = time.sleep
) -> Lag:
    """How far behind the replica at the other end of `session` is. Raises psycopg.Error.

    `primary_place` is where the primary was just before, None if it could not be asked.
    """
    first = session.row(STANDBY)
    if not first["is_standby"]:
        return Lag(None, "it is not a replica: it is not in recovery")
    target = max((place for place in (primary_place, first["received"]) if place is not None), default=None)
    if first["replayed"] is None:
        return Lag(None, "it has not replayed anything yet")
    if not first["is_receiving"] and (primary_place is None or first["replayed"] < primary_place):
        # Without a receiver, received = replayed only says that nothing comes in.
        return Lag(None, "it receives nothing from its primary")
    if target is None or first["replayed"] >= target:
        return Lag(0.0)
    began = time.monotonic()
    if not first["is_paused"]:
        sleep(SETTLE_S)
        again = session.row(STANDBY)
        if again["replayed"] is not None and again["replayed"] >= target:
            return Lag((time.monotonic() - began) * 1000)
        first = again
    bounds = [] if first["since_replay_ms"] is None else [max(0.0, float(first["since_replay_ms"]))]
    reached = track.reached_at(int(first["replayed"]))
    if reached is not None and reached <= now:
        bounds.append((now - reached) / timedelta(milliseconds=1) + (time.monotonic() - began) * 1000)
    paused = "; replay is paused: SELECT pg_wal_replay_resume();" if first["is_paused"] else ""
    if not bounds:
        return Lag(None, "it is behind, and nothing says by how much" + paused)
    return Lag(min(bounds), f"{min(bounds):,.0f} ms behind{paused}")
