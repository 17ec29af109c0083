"""Running sums of what comes as differences (delta temporality), and where counters began anew.

The sum of a series goes on from its newest stored reading, so it survives a restart, and a difference that comes again adds nothing. A series
without a reading in the last day begins at 0, with a reading of 0 at the time its first difference is since.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from warehouse import tables
from warehouse.store import Store

LOOK_BACK = timedelta(days=1)
MOST_SERIES = 200_000
STRIPES = 64
NEWEST = """
SELECT series_id, epoch_us(max(observed_at)) AS at_us, arg_max(value, observed_at) AS value
FROM samples
WHERE observed_at >= $since AND value IS NOT NULL AND series_id IN (SELECT unnest($ids::UBIGINT[]))
GROUP BY series_id
"""
Key = tuple[str, str, str, tuple[tuple[str, str], ...]]
"""Platform, component, name, sorted labels."""


@dataclass(frozen=True, slots=True)
class Sum:
    """How far a series is: its newest value and instant, and since when it counts (0: not known). Instants in microseconds."""

    value: float
    at_us: int
    since_us: int = 0


class Running:
    """The newest of every series that needs it. What a request adds is put in by `advance`, once it is stored."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[Key, Sum] = OrderedDict()
        self._lock = threading.Lock()

    def remembered(self, keys: Iterable[Key]) -> dict[Key, Sum]:
        """What memory alone knows of these series."""
        with self._lock:
            return {key: self._known[key] for key in keys if key in self._known}

    def newest(self, keys: Iterable[Key], now: datetime) -> dict[Key, Sum]:
        """What is known of these series: from memory, or else the newest reading of the last day."""
        wanted = list(dict.fromkeys(keys))
        found = self.remembered(wanted)
        missing = {
            tables.series_id(platform, component, name, dict(labels)): (platform, component, name, labels)
            for platform, component, name, labels in wanted
            if (platform, component, name, labels) not in found
        }
        if missing:
            stored = self._store.select(NEWEST, {"since": now - LOOK_BACK, "ids": list(missing)})
            for row in stored.to_pylist():
                found[missing[row["series_id"]]] = Sum(row["value"], row["at_us"])
        return found

    def advance(self, sums: Mapping[Key, Sum]) -> None:
        """These are stored now."""
        with self._lock:
            for key, newest in sums.items():
                self._known[key] = newest
                self._known.move_to_end(key)
            while len(self._known) > MOST_SERIES:
                self._known.popitem(last=False)


class Locks:
    """Lets requests of one resource in one by one, and those of different ones side by side."""

    def __init__(self) -> None:
        self._stripes = [asyncio.Lock() for _ in range(STRIPES)]

    @asynccontextmanager
    async def held(self, message: Any) -> AsyncIterator[None]:
        """Hold the locks of every resource of a metrics request."""
        async with AsyncExitStack() as stack:
            # In one order for everybody, so that no two requests wait for each other.
            for number in sorted({_stripe(group.resource) for group in message.resource_metrics}):
                await stack.enter_async_context(self._stripes[number])
            yield


def _stripe(resource: Any) -> int:
    named = (pair.value.string_value for pair in resource.attributes if pair.key in ("service.name", "service.instance.id"))
    return hash("\x1f".join(sorted(named))) % STRIPES
