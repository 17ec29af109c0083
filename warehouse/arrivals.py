"""Which rows had arrived at an instant. A row's time of arrival is stamped before its commit; until that is over, whoever asks for what had
arrived by a later instant would get one answer now and another one later. So commits under way are known here, and can be waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from roomleft.clock import Now


class Arrivals:
    """The stamped commits under way in this process. Other processes of a DuckLake are not seen."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way: list[datetime] = []

    @contextmanager
    def stamp(self, clock: Now) -> Iterator[datetime]:
        """The instant to stamp rows with, from now until their commit, which the block holds, is over."""
        with self._changed:
            at = clock.now()
            self._under_way.append(at)
        try:
            yield at
        finally:
            with self._changed:
                self._under_way.remove(at)
                self._changed.notify_all()

    def settled(self, clock: Now, timeout_s: float = 2.0) -> datetime:
        """An instant by which everything stamped has been committed: now, once the commits under way are over. After `timeout_s` seconds
        the instant before the first of those that still are."""
        with self._changed:
            at = clock.now()
            if self._changed.wait_for(lambda: not any(each <= at for each in self._under_way), timeout_s):
                return at
            return min(self._under_way) - datetime.resolution
