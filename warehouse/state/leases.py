"""Leases: two servers never do the same exclusive work at once, and a dead one's work is taken over.

A lease is a row. Taking it is one compare-and-set on its turn and expiry, so of any number of takers one wins, on SQLite
and PostgreSQL alike. The holder renews it while it works; who cannot renew learns that somebody else has it.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from roomleft.errors import StoreError
from warehouse.state.database import StateDb
from warehouse.state.models import LeaseRow

log = logging.getLogger(__name__)
PROCESS = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
"""This process: its host, its number, and a word that tells it from an earlier process of the same number."""


class Lease:
    """One attempt to hold a piece of work: true while held, false if somebody else has it or took it over."""

    def __init__(self, leases: Leases, name: str, ttl: timedelta, turn: int | None) -> None:
        self._leases = leases
        self.name = name
        self.ttl = ttl
        self.turn = turn

    def __bool__(self) -> bool:
        return self.turn is not None

    def renew(self) -> bool:
        """Keep it for another `ttl`. False, for good, once somebody else took it."""
        if self.turn is not None and not self._leases._extend(self.name, self.turn, self.ttl):
            self.turn = None
        return self.turn is not None

    def release(self) -> None:
        """Give it back, if it is still ours."""
        if self.turn is not None:
            self._leases._give_back(self.name, self.turn)
            self.turn = None


class Leases:
    """Takes leases in the name of `holder`, which is this process unless said otherwise."""

    def __init__(self, db: StateDb, holder: str = PROCESS) -> None:
        self._db = db
        self.holder = holder

    def take(self, name: str, ttl: timedelta) -> Lease:
        """Try once. The answer is true if the work is ours until `ttl` from now, false if somebody holds it."""
        now = self._db.clock.now()
        try:
            with self._db.write() as connection:
                found = connection.execute(
                    select(LeaseRow.holder, LeaseRow.expires_at, LeaseRow.turn).where(LeaseRow.name == name)
                ).one_or_none()
                if found is None:
                    connection.execute(insert(LeaseRow).values(name=name, holder=self.holder, expires_at=now + ttl, turn=1))
                    return Lease(self, name, ttl, 1)
                holder, expires_at, turn = found
                if expires_at > now and not self._is_dead(holder):
                    return Lease(self, name, ttl, None)
                won = connection.execute(
                    update(LeaseRow)
                    .where(LeaseRow.name == name, LeaseRow.turn == turn, LeaseRow.expires_at == expires_at)
                    .values(holder=self.holder, expires_at=now + ttl, turn=turn + 1)
                ).rowcount
        except IntegrityError:  # somebody inserted the row between our look and our insert
            won = 0
            turn = 0
        return Lease(self, name, ttl, turn + 1 if won else None)

    @contextmanager
    def hold(
        self, name: str, ttl: timedelta, real_seconds: Callable[[timedelta], float] = timedelta.total_seconds
    ) -> Iterator[Lease]:
        """Take the lease if it is free, renew it in the background for as long as the block runs, then give it back.

        Yields a Lease: look whether it is true before working. `real_seconds` says how long a span of the state's clock
        takes on the wall, for renewing thrice per `ttl`.
        """
        lease = self.take(name, ttl)
        if not lease:
            yield lease
            return
        done = threading.Event()

        def keep() -> None:
            while not done.wait(real_seconds(ttl) / 3):
                try:
                    if not lease.renew():
                        log.warning("lost the lease %s: another server took it over", name)
                        return
                except StoreError as error:  # the next try may work; if none does, the lease lapses, as it should
                    log.warning("could not renew the lease %s: %s", name, error)

        keeper = threading.Thread(target=keep, name=f"lease {name}", daemon=True)
        keeper.start()
        try:
            yield lease
        finally:
            done.set()
            keeper.join()
            lease.release()

    def is_held(self, name: str) -> bool:
        """Whether anybody alive, we included, holds the lease now."""
        with self._db.read() as connection:
            found = connection.execute(select(LeaseRow.holder, LeaseRow.expires_at).where(LeaseRow.name == name)).one_or_none()
        return found is not None and found[1] > self._db.clock.now() and not self._is_dead(found[0])

    def is_gone(self, holder: str) -> bool:
        """Whether a holder is known to be a process that is no more. False proves nothing: it may live on another machine."""
        return self._is_dead(holder)

    def _extend(self, name: str, turn: int, ttl: timedelta) -> bool:
        with self._db.write() as connection:
            kept = connection.execute(
                update(LeaseRow)
                .where(LeaseRow.name == name, LeaseRow.holder == self.holder, LeaseRow.turn == turn)
                .values(expires_at=self._db.clock.now() + ttl)
            ).rowcount
        return bool(kept)

    def _give_back(self, name: str, turn: int) -> None:
        with self._db.write() as connection:
            connection.execute(
                update(LeaseRow)
                .where(LeaseRow.name == name, LeaseRow.holder == self.holder, LeaseRow.turn == turn)
                .values(expires_at=self._db.clock.now(), turn=turn + 1)
            )

    def _is_dead(self, holder: str) -> bool:
        """Whether the holder was a process of this machine that is gone: a restart after a crash need not wait for `ttl`.

        Only on SQLite, whose users all share one machine; a host name alone proves nothing between containers.
        """
        host, _, rest = holder.rpartition(":")[0].rpartition(":")
        if not self._db.is_sqlite or host != socket.gethostname() or not rest.isdigit() or holder == PROCESS:
            return False
        if int(rest) == os.getpid():
            return True
        try:
            os.kill(int(rest), 0)
        except ProcessLookupError:
            return True
        except (PermissionError, OverflowError):
            return False
        return False
