"""One replica of a PostgreSQL server: how fast it answers, how full it is, how often it answers at all, and how far behind it is."""

from __future__ import annotations

from collections import deque
from datetime import datetime

import psycopg

from collectors.look import Look
from collectors.own_network import OwnNetwork, is_unreachable
from collectors.postgres.replication import Track, standby_lag
from collectors.postgres.sections import connections_used, facts, monitor_grant
from collectors.postgres.session import Address, Session, address_of, refusal, session
from roomleft.errors import CollectError
from roomleft.packs_sources import PostgresReplica, PostgresSource

LOOKS = 20
"""The success ratio is over so many last looks."""


class Replica:
    """Looks at one replica beside its primary, and remembers how the last looks went."""

    def __init__(self, entry: PostgresSource, replica: PostgresReplica, secret: str | None, network: OwnNetwork) -> None:
        self._entry, self._replica, self._secret, self._network = entry, replica, secret, network
        self._went: deque[bool] = deque(maxlen=LOOKS)

    @property
    def name(self) -> str:
        """Its name in the pack."""
        return self._replica.name

    def take(self, look: Look, primary_place: int | None, track: Track, now: datetime) -> bool:
        """Add the replica's readings and its check to `look`. What could not be read is left out, and the check says why.

        False: this host has lost its own network, so the look says nothing of the replica.
        """
        name = self._replica.name
        check = f"{self._entry.name}.{name}"
        address: Address | None = None
        try:
            address = address_of(self._replica.url)
            with session(
                self._replica.url, self._secret, self._entry.password_env, self._entry.timeout.total_seconds()
            ) as opened:
                status, words = self._read(opened, look, primary_place, track, now)
            failure: CollectError | None = None
        except CollectError as error:
            failure = error
        except psycopg.Error as error:
            failure = refusal(error, address.where if address else name)
        if failure is None:
            self._went.append(True)
        else:
            lost = ""
            if address is not None and is_unreachable(failure):
                lost = self._network.unreached(address.host, address.port, now)
            if lost:
                look.check(check, "unknown", f"replica {name}: {lost}")
                return False
            self._went.append(False)
            status, words = "fail", str(failure)
        if address is not None:
            if failure is None or not is_unreachable(failure):
                self._network.answered(address.host, address.port, now)
            look.read("replica_success_ratio", sum(self._went) / len(self._went), replica=name, instance=address.instance)
        look.check(check, status, f"replica {name}: {words}")
        return True

    def _read(self, opened: Session, look: Look, primary_place: int | None, track: Track, now: datetime) -> tuple[str, str]:
        labels = {"replica": self._replica.name, "instance": opened.address.instance}
        look.read("replica_response_ms", opened.round_trip_ms(), **labels)
        known = facts(opened)
        look.read("replica_connections_used", connections_used(opened), **labels)
        look.read("replica_connections_max", known.connections_max, **labels)
        lag = standby_lag(opened, primary_place, track, now)
        look.read("replication_lag_ms", lag.ms, **labels)
        if lag.ms is None:
            return "warn", lag.words
        if not known.sees_all:
            return "warn", f"connections include parallel workers; {monitor_grant(known.role)}"
        return "pass", lag.words or "has replayed all there is"
