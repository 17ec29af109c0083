"""Whose turn it is to scrape: of several servers on one state database one scrapes, and another takes over when it is gone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from roomleft.errors import StoreError
from warehouse.state import Lease, Leases

log = logging.getLogger(__name__)
NAME = "scrape"
TTL = timedelta(seconds=30)
"""How long a server that died keeps the others from scraping, at most."""


class ScrapeLease:
    """The lease of the scrape loop. Ask `held` about thrice a `ttl`, from one thread at a time; it waits for the state database."""

    def __init__(self, leases: Leases, ttl: timedelta = TTL, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.ttl = ttl
        self._leases, self._monotonic = leases, monotonic
        self._lease: Lease | None = None
        self._held_until = 0.0

    def held(self) -> bool:
        """Whether the scraping is ours: kept for another `ttl`, or taken because nobody has it.

        While the state database is away what we hold stays ours until its time is over; nobody else can have taken it before.
        """
        asked_at = self._monotonic()
        try:
            if not (self._lease is not None and self._lease.renew()):
                self._lease = self._leases.take(NAME, self.ttl)
        except StoreError as error:
            log.warning("could not renew the lease %s: %s", NAME, error)
            return self._monotonic() < self._held_until
        self._held_until = asked_at + self.ttl.total_seconds() if self._lease else 0.0
        return bool(self._lease)

    def give_back(self) -> None:
        """Let another server scrape at once."""
        lease, self._lease, self._held_until = self._lease, None, 0.0
        try:
            if lease is not None:
                lease.release()
        except StoreError as error:
            log.warning("the lease %s lapses by itself: %s", NAME, error)
