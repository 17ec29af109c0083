"""The roll-up job: keeps rollups true to raw, newest first, a bounded time at each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from warehouse.rollup import SloCount, roll_up
from warehouse.store import Store

BUDGET_S = 20.0


def roll_up_job(
    store: Store, zones: Sequence[str], slos: Callable[[], Sequence[SloCount]] = tuple, *, budget_s: float | None = BUDGET_S
) -> Callable[[datetime], str]:
    """What the schedule runs: redoes dirty buckets and says in words how many. `slos` is asked at each run, since packs may be read again."""

    def run(now: datetime) -> str:
        return str(roll_up(store, now, zones, budget_s=budget_s, slos=slos()))

    return run
