"""The retention job: once a day, what is past keeping goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from warehouse.retention import Keep, retain
from warehouse.rollup import SloCount
from warehouse.store import Store


def retain_job(
    store: Store, zones: Sequence[str], slos: Callable[[], Sequence[SloCount]] = tuple, keep: Keep | None = None
) -> Callable[[datetime], str]:
    """What the schedule runs: rolls up, seals, deletes, and says in words what went."""

    def run(now: datetime) -> str:
        return str(retain(store, now, keep, zones=zones, slos=slos()))

    return run
