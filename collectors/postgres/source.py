"""A PostgreSQL server's own statistics, and those of its replicas, by one short read-only connection to each at every look.

Works with a role that has `pg_monitor` and nothing else. docs/databases.md names every reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg

from collectors.look import Look, Reading
from collectors.own_network import OwnNetwork, is_unreachable
from collectors.postgres.replica import Replica
from collectors.postgres.replication import Track, primary, standby_lag
from collectors.postgres.sections import (
    Blocks,
    Facts,
    Trouble,
    attempt,
    cache_hits,
    checkpoints,
    connections,
    databases,
    facts,
    locks,
    monitor_grant,
    sizes,
)
from collectors.postgres.session import Address, Session, address_of, refusal, session
from collectors.postgres.statements import Count, Key, statements
from collectors.taken import Position, Taken
from roomleft.errors import CollectError
from roomleft.packs_sources import PostgresSource

SIZES_EVERY = timedelta(minutes=5)
"""Sizes are added up from files, which a large server feels; they move slowly."""

OF_REPLICAS = ("replica_response_ms", "replica_connections_used", "replica_connections_max", "replication_lag_ms")
OF_PRIMARY = ("pg_replication_lag_ms", "pg_replication_lag_bytes", "pg_slot_retained_bytes", "pg_slot_active")


class Postgres:
    """Looks at one PostgreSQL server and its replicas. Between looks it remembers counters, for what happened since the last one."""

    kind = "postgres"

    def __init__(self, slug: str, entry: PostgresSource, secret: str | None, network: OwnNetwork | None = None) -> None:
        self.platform, self.component = slug, entry.component
        self.source = f"{slug}.{entry.name}"
        self.interval = entry.interval
        self._entry, self._secret = entry, secret
        self._network = network or OwnNetwork()
        self._replicas = [Replica(entry, one, secret, self._network) for one in entry.replicas]
        self._track = Track()
        self._blocks: Blocks | None = None
        self._counts: Mapping[Key, Count] | None = None
        self._given: set[Reading] = set()
        self._sized_at: datetime | None = None
        self._sizes_hidden: list[Trouble] = []

    def take(self, now: datetime, position: Position | None) -> Taken:
        """Look once. What was read before a failure is kept."""
        try:
            address = address_of(self._entry.url)
        except CollectError as error:
            return Taken(error=error)
        look = Look(self.platform, self.component, {"source": self._entry.name, "instance": address.instance}, now)
        trouble: list[Trouble] = []
        failure, place, read_all = None, None, False
        try:
            with session(self._entry.url, self._secret, self._entry.password_env, self._entry.timeout.total_seconds()) as opened:
                place = self._server(opened, look, trouble, now)
                read_all = True
        except CollectError as error:
            failure = error
        except psycopg.Error as error:
            failure = refusal(error, address.where)
        lost = self._lost(address, failure, now)
        if place is not None:
            self._track.note(now, place)
        silent = {one.name for one in self._replicas if not one.take(look, place, self._track, now)}
        self._end(look, read_all, silent)
        if read_all:
            self._rights(look, trouble)
        taken = Taken(look.samples(), look.health(), error=failure)
        return replace(taken, error=None, unknown=lost) if lost else taken

    def _end(self, look: Look, read_all: bool, silent: set[str]) -> None:
        """A replica or slot that is gone takes its series along: what they last read must not stand for how it is.

        What was not looked at keeps its series: the primary's when it could not be read, a `silent` replica's when we lost our network.
        """
        given = look.given((*OF_REPLICAS, *OF_PRIMARY))
        for reading in self._given - given:
            name, labels = reading
            from_replica = bool(self._replicas) and name in OF_REPLICAS
            if (dict(labels).get("replica") in silent) if from_replica else not read_all:
                given.add(reading)
            else:
                look.end(reading)
        self._given = given

    def _lost(self, address: Address, failure: CollectError | None, now: datetime) -> str:
        if failure is not None and is_unreachable(failure):
            return self._network.unreached(address.host, address.port, now)
        self._network.answered(address.host, address.port, now)
        return ""

    def _server(self, opened: Session, look: Look, trouble: list[Trouble], now: datetime) -> int | None:
        """Read the server itself, section by section; its place in the log if it is a primary."""
        look.read("pg_response_ms", opened.round_trip_ms())
        known = facts(opened)
        look.read("pg_in_recovery", int(known.is_standby))
        if not known.sees_all:
            trouble.append(Trouble("sessions", f"{known.role} does not see what others do", monitor_grant(known.role)))
        elif not known.tracks_activity:
            trouble.append(Trouble("sessions", "the server does not track sessions", "set track_activities = on and reload"))
        place: list[int | None] = [None]

        def replication() -> None:
            place[0] = primary(opened, look, known, trouble, self._track, now, alone=not self._replicas)
            if known.is_standby:
                self._own_lag(opened, look, now)

        for section, work in (
            ("sessions", lambda: connections(opened, look, known)),
            ("locks", lambda: locks(opened, look, known)),
            ("databases", lambda: self._databases(opened, look)),
            ("checkpoints", lambda: checkpoints(opened, look, known)),
            ("replication", replication),
            ("statements", lambda: self._statements(opened, look, known, trouble)),
            ("sizes", lambda: self._sizes(opened, look, known, trouble, now)),
        ):
            attempt(section, work, known, trouble)
        return place[0]

    def _databases(self, opened: Session, look: Look) -> None:
        blocks = Blocks()
        databases(opened, look, blocks)
        cache_hits(look, blocks, self._blocks)
        self._blocks = blocks

    def _statements(self, opened: Session, look: Look, known: Facts, trouble: list[Trouble]) -> None:
        self._counts = statements(opened, look, known, self._entry.slow_ms, self._counts, trouble)

    def _sizes(self, opened: Session, look: Look, known: Facts, trouble: list[Trouble], now: datetime) -> None:
        if self._sized_at is None or not timedelta(0) <= now - self._sized_at < SIZES_EVERY:
            self._sizes_hidden = sizes(opened, look, known)
            self._sized_at = now
        trouble.extend(self._sizes_hidden)

    def _own_lag(self, opened: Session, look: Look, now: datetime) -> None:
        """The lag of a source that is a replica itself: its primary is not asked, so only what it received counts."""
        lag = standby_lag(opened, None, Track(), now)
        look.read("replication_lag_ms", lag.ms, replica=self._entry.name)
        if lag.words:
            look.check(f"{self._entry.name}.replication", "warn", lag.words)

    def _rights(self, look: Look, trouble: list[Trouble]) -> None:
        check = f"{self._entry.name}.statistics"
        if trouble:
            said = list(dict.fromkeys(str(one) for one in trouble))
            look.check(check, "warn", f"not everything can be read. {'. '.join(said)}")
        else:
            look.check(check, "pass", "every section is read")
