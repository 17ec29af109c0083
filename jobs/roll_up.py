"""The roll-up job: keeps rollups true to raw, newest first, a bounded time at each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from jobs.schedule import Did
from warehouse.rollup import SloCount, roll_up
from warehouse.store import Store

BUDGET_S = 20.0
ROLL_UP = "roll up"
"""The job's name."""
MANY_BUCKETS, A_DAY = 24, 96
"""A roll-up of so many quarter hours took in history, not just what happened meanwhile."""


def roll_up_job(
    store: Store,
    zones: Sequence[str],
    slos: Callable[[], Sequence[SloCount]] = tuple,
    *,
    budget_s: float | None = BUDGET_S,
    then: Sequence[str] = (),
) -> Callable[[datetime], Did]:
    """What the schedule runs: redoes dirty buckets and says in words how many. `slos` is asked at each run, since packs may be read again.

    `then` are the jobs that should run at once when more was taken in than what happens meanwhile.
    """

    def run(now: datetime) -> Did:
        done = roll_up(store, now, zones, budget_s=budget_s, slos=slos())
        # While sources are being filled, today counts: the history that comes in by and by is measured at its end.
        worth = done.finished and (done.recent >= A_DAY if done.filling else done.buckets >= MANY_BUCKETS)
        return Did(str(done), done.buckets, more=not done.finished, then=tuple(then) if worth else ())

    return run
