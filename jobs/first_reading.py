"""What can wait while a platform's history is read for the first time: figures of half a history change with every page, and looking at them again and
again takes the processors from the reading. Other platforms are not concerned."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from roomleft.packs import Pack
from warehouse.store import Store

GOES_ON = timedelta(minutes=2)
"""A stream of which no page came in for so long is stuck: nothing waits for it."""
REST = timedelta(seconds=45)
"""How often the limits of such a platform are measured: with the schedule's own interval it is still once a minute."""


class FirstReading:
    """Which platforms' history is being read for the first time. `slack`: how much more may pass between two pages, on a clock that runs fast."""

    def __init__(self, store: Store, slack: timedelta = timedelta(0)) -> None:
        self._store, self._slack = store, slack
        self._lock = threading.Lock()
        self._measured: dict[str, datetime] = {}

    def platforms(self, now: datetime) -> frozenset[str]:
        """Their slugs at an instant. Raises StoreError."""
        rows = self._store.rows("first_readings", since=now - GOES_ON - self._slack)
        return frozenset(str(row["source"]).partition(".")[0] for row in rows)

    def due(self, packs: Mapping[str, Pack], now: datetime) -> dict[str, Pack]:
        """The packs whose limits are to be measured now: all but those measured lately whose history is still being read. Raises StoreError."""
        reading = self.platforms(now)
        with self._lock:
            resting = {slug for slug, at in self._measured.items() if slug in reading and timedelta(0) <= now - at < REST}
            due = {slug: pack for slug, pack in packs.items() if slug not in resting}
            self._measured = {slug: now if slug in due else self._measured[slug] for slug in reading & packs.keys()}
        return due

    def news(self) -> None:
        """Something worth showing came in: everything is measured at the next turn."""
        with self._lock:
            self._measured.clear()
