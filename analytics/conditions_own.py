"""Roomleft's own metrics as conditions see them: as they are, and how far counters rose in the last while. Kept in memory only."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

KEPT = timedelta(hours=2)
Labels = tuple[tuple[str, str], ...]
Figures = Mapping[tuple[str, Labels], float]


class OwnMetrics:
    """What `/metrics` said at each evaluation of the last two hours. Belongs to one thread."""

    def __init__(self, kept: timedelta = KEPT) -> None:
        self._kept = kept
        self._taken: deque[tuple[datetime, Figures]] = deque()

    def take(self, at: datetime, registry: CollectorRegistry) -> None:
        """Notes every metric of a registry as of an instant."""
        self.note(
            at,
            {
                (sample.name, tuple(sorted(sample.labels.items()))): float(sample.value)
                for family in registry.collect()
                for sample in family.samples
                if not sample.name.endswith(("_bucket", "_created"))
            },
        )

    def note(self, at: datetime, figures: Figures) -> None:
        """Notes figures by name and sorted labels. An instant before the last one: the clock was set back, and what was known is forgotten."""
        if self._taken and at <= self._taken[-1][0]:
            self._taken.clear()
        self._taken.append((at, figures))
        while self._taken[0][0] < at - self._kept:
            self._taken.popleft()

    def rows(self, name: str, at: datetime, over: timedelta | None) -> Sequence[tuple[Mapping[str, str], float]]:
        """The metric's label sets with their values or, with `over`, how far each rose since so long before (since the first that is known,
        where that is later). A counter also goes by its name without `_total`. Empty when it was never noted."""
        seen = [(when, figures) for when, figures in self._taken if when <= at]
        if not seen:
            return ()
        newest = seen[-1][1]
        wanted = {key for key in newest if key[0] in (name, f"{name}_total")}
        if over is None:
            return [(dict(labels), newest[key, labels]) for key, labels in sorted(wanted) if not math.isnan(newest[key, labels])]
        # The newest from before the while, or else the first there is: what rose before that, nobody saw.
        begin = next((k for k in range(len(seen) - 1, -1, -1) if seen[k][0] <= at - over), 0)
        return [(dict(labels), _risen([figures for _, figures in seen[begin:]], (key, labels))) for key, labels in sorted(wanted)]


def _risen(figures: Sequence[Figures], key: tuple[str, Labels]) -> float:
    # A label set that was not there at first is a counter that was born since: its first value counts.
    before, total = figures[0].get(key, 0.0), 0.0
    for each in figures[1:]:
        value = each.get(key)
        if value is None:
            continue
        total += value - before if value >= before else value
        before = value
    return total
