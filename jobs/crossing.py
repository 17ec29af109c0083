"""The fast path from a commit to a reading: what has just been stored is rolled up and the limits it may have crossed are measured at once.

The schedule does the same for everything every few seconds and remains the one that is complete; this only makes a crossing show sooner. It works on
today's and yesterday's quarter hours, one run at a time, and rests four times as long as a run took: a flood of pushes or a back-fill gets a fifth of
one core at most, and ingest never waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from jobs.first_reading import FirstReading
from jobs.measure import Paces, measure
from roomleft.clock import Now
from roomleft.errors import RoomleftError
from roomleft.limits import Limit
from roomleft.packs import Pack
from roomleft.packs_meters import COMPOSED, CostMeter, CountMeter, DistinctUsersMeter
from warehouse.rollup import FENCE, redo, scope_of, utc_day
from warehouse.store import Store

log = logging.getLogger(__name__)
GATHER_S = 0.05
"""How long a wake waits for others: a burst of pushes is one run."""
REST = 4
"""How many times as long as a run took nothing is done after it."""
DAY = timedelta(days=1)
USAGE = (CostMeter, CountMeter, DistinctUsersMeter)


class Crossing:
    """A thread that `wake` sets to work. `refresh` is called before each run (decisions that came into force); `zones` are those that users'
    days are kept in; platforms of which `reading` says that their history is being read are left to the schedule."""

    def __init__(
        self,
        store: Store,
        packs: Mapping[str, Pack],
        clock: Now,
        zones: Callable[[], Sequence[str]],
        *,
        paces: Paces | None = None,
        slack: timedelta = timedelta(0),
        refresh: Callable[[], None] = lambda: None,
        reading: FirstReading | None = None,
    ) -> None:
        self._store, self._packs, self._clock, self._zones = store, packs, clock, zones
        self._paces = paces if paces is not None else Paces()
        self._slack, self._refresh, self._reading = slack, refresh, reading
        self.on_measured: Callable[[], None] = lambda: None
        """Called after limits were measured: alert rules may hold of them now."""
        self._changed = threading.Condition()
        self._touched: set[str] = set()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._work, name="roomleft-crossing", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Start no more runs and wait for the present one."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def wake(self, platforms: Collection[str], newest: datetime) -> None:
        """Usage of these platforms was committed, its newest event from `newest`. History is left to the schedule. Never waits."""
        if newest < utc_day(self._clock.now().astimezone(UTC)) - DAY:
            return
        with self._changed:
            self._touched.update(platforms)
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._touched or self._stopping)
                self._changed.wait_for(lambda: self._stopping, GATHER_S)
                touched, self._touched = self._touched, set()
                if self._stopping:
                    return
            began = time.monotonic()
            try:
                if self._reading is not None:
                    touched -= self._reading.platforms(self._clock.now())
                self._refresh()
                if crossed(self._store, self._packs, touched, self._clock.now(), self._zones(), self._paces, self._slack):
                    self.on_measured()
            except RoomleftError as error:
                # The schedule does it again; a store that is busy or full is its news, not ours.
                log.warning("a crossing could not be looked for at once: %s", error)
            except Exception:
                log.exception("looking for a crossing failed")
            with self._changed:
                self._changed.wait_for(lambda: self._stopping, REST * (time.monotonic() - began))


def crossed(
    store: Store,
    packs: Mapping[str, Pack],
    touched: Collection[str],
    now: datetime,
    zones: Sequence[str],
    paces: Paces | None = None,
    slack: timedelta = timedelta(0),
) -> int:
    """Roll up what is marked since yesterday and measure the touched platforms' limits on usage; how many. Raises StoreError."""
    concerned = {
        slug: {limit.limit_id for limit in pack.limit_list() if of_usage(pack, limit)}
        for slug, pack in packs.items()
        if slug in touched
    }
    wanted = frozenset[str]().union(*concerned.values())
    if not wanted:
        return 0
    # An event that is timed a little ahead counts as soon as its time has come; its bucket is redone with the others.
    low, high = utc_day(now.astimezone(UTC)) - DAY, utc_day(now.astimezone(UTC)) + 2 * DAY
    store.run(lambda tx: redo(tx, "usage", low, high, scope_of(tx, zones, ())), fence=FENCE)
    measure(store, {slug: packs[slug] for slug in concerned}, now, paces, slack, only=wanted)
    return len(wanted)


def of_usage(pack: Pack, limit: Limit) -> bool:
    """Whether a limit's meter, its amount's, or a part of one, reads AI usage."""
    todo, seen = [limit.meter_id, *([limit.amount_per] if limit.amount_per else [])], set[str]()
    while todo:
        name = todo.pop()
        meter = pack.meters.get(name)
        if meter is None or name in seen:
            continue
        seen.add(name)
        if isinstance(meter, USAGE):
            return True
        if meter.kind in COMPOSED:
            for key in ("part", "whole", "less", "of"):
                parts = getattr(meter, key, None)
                todo.extend(parts if isinstance(parts, list) else [parts] if isinstance(parts, str) else [])
    return False
