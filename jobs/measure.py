"""Measures every limit of every pack and stores its headroom: on change, and at least each minute."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from analytics.ahead import groundless, was_likely
from analytics.headroom import headroom
from analytics.meters import Meters, priced_per, rolled_over
from analytics.pace import changes_by_the_minute, pace_of
from analytics.wording import HALF_READ
from jobs.first_reading import FirstReading
from jobs.schedule import Did, Job
from roomleft.errors import RoomleftError
from roomleft.limits import Headroom, Limit, Pace, Reading, State
from roomleft.metrics import EXHAUSTION_SECONDS, HEADROOM_FRACTION_LEFT, HEADROOM_STATE, ORDER_SECONDS, P_BREACH
from roomleft.outlook import NoDate, Outlook
from roomleft.packs import Pack
from warehouse.store import Store, Transaction
from warehouse.tables import HEADROOM

log = logging.getLogger(__name__)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SETTLED_AFTER = timedelta(minutes=30)
"""Buckets younger than this are always being changed by live events."""
MEASURE = "measure"
"""The job's name."""
CATCHING_UP = "no pace: what came in meanwhile is still being read"
FAILED = "no pace, as it failed: "
NOTICEABLE = 0.001
"""A fraction left that moved by less than this is no change."""
LIKELIER = 0.01
"""Nor is a chance that did."""
MOVED = 0.02
"""Nor a date that moved by less than an hour, or by less than this share of the way there."""
Foresee = Callable[[Pack, Limit, Reading, datetime], Outlook]
"""What the newest forecast says of a limit with this amount and this reading at an instant; an outlook without a date says why there is none."""


class Published:
    """The newest reading of each limit that the metrics show: of two measurements at once the older must not have the last word."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: dict[str, datetime] = {}

    def show(self, rows: Iterable[Headroom]) -> None:
        """Set the metrics of the rows that are not older than what is shown."""
        with self._lock:
            for row in rows:
                shown = self._shown.get(row.limit_id)
                # An instant long before is a clock that was set back, or history measured again.
                if shown is None or not shown - HOUR < row.as_of < shown:
                    self._shown[row.limit_id] = row.as_of
                    _publish([row])


@dataclass(slots=True)
class Paces:
    """Paces that move by the day, kept for an hour: looking back 14 days at every measurement would tell nothing new."""

    kept: dict[tuple[str, str], tuple[datetime, Pace]] = field(default_factory=dict)
    settled: set[tuple[str, str]] = field(default_factory=set)
    """Stores and platforms whose history was once read and rolled up to its end. Half a history looks like growth or decline that never was."""
    whole: set[tuple[str, str]] = field(default_factory=set)
    """Those of which an earlier process found so: they lag, but what they have is no half of a history."""
    published: Published = field(default_factory=Published)
    foresee: Foresee | None = None
    """Where forecasts are read off; None: there are none, and dates are those of the present pace."""
    failing: set[str] = field(default_factory=set)
    """Limits whose forecast failed when it was last asked for."""

    def ahead(self, pack: Pack, limit: Limit, reading: Reading, now: datetime) -> Outlook | None:
        """What is foreseen of a limit. Never raises: a forecast that fails costs a date, not the measurement."""
        if self.foresee is None or reading.amount is None:
            return None
        try:
            outlook = self.foresee(pack, limit, reading, now)
        except Exception:
            if limit.limit_id not in self.failing:
                log.exception("the forecast of %s failed", limit.limit_id)
            self.failing.add(limit.limit_id)
            return Outlook.none(NoDate.FAILED)
        self.failing.discard(limit.limit_id)
        return outlook

    def of(self, meters: Meters, limit: Limit) -> Pace:
        """The pace of a limit as of the meters' instant; none while its platform's history is still being read. Raises StoreError."""
        slug = meters.pack.slug
        where = (meters.store.where, slug)
        if where not in self.settled:
            # Those of this pack alone: a platform that is down, or a source that is gone, must not keep others from having a pace.
            sources = [slug, *(f"{slug}.{entry.name}" for entry in meters.pack.sources)]
            found = meters.store.rows("history_settled", before=meters.now - SETTLED_AFTER, sources=sources)[0]
            begins = found["began_at"] is not None and meters.now - found["began_at"] < MINUTE
            if found["waiting"] or begins:
                lags = not found["sources"] or self._was_whole(meters, found["whole_at"])
                return Pace.none(CATCHING_UP if lags else HALF_READ)
            if found["sources"]:
                self.settled.add(where)
        if changes_by_the_minute(limit):
            return pace_of(meters, limit)
        key = (meters.store.where, limit.limit_id)
        known = self.kept.get(key)
        # A pace that had too little to go by is asked for again each minute, so that it appears as soon as history arrives.
        keep = HOUR if known and known[1].per_day_p50 is not None else MINUTE
        if known and timedelta(0) <= meters.now - known[0] < keep and known[0].date() == meters.now.date():
            return known[1]
        pace = pace_of(meters, limit)
        self.kept[key] = (meters.now, pace)
        return pace

    def _was_whole(self, meters: Meters, whole_at: datetime | None) -> bool:
        """Whether a limit of the platform was measured over a whole history before: then its basis said something else."""
        where = (meters.store.where, meters.pack.slug)
        if where not in self.whole and whole_at is not None:
            given = {
                "platform": meters.pack.slug,
                "since": whole_at,
                "until": meters.now,
                "half_read": HALF_READ,
                "failed": FAILED,
            }
            if meters.store.rows("history_was_whole", **given)[0]["was_whole"]:
                self.whole.add(where)
        return where in self.whole


def measure(
    store: Store,
    packs: Mapping[str, Pack],
    now: datetime,
    paces: Paces | None = None,
    slack: timedelta = timedelta(0),
    only: Collection[str] | None = None,
    foresee: Foresee | None = None,
) -> list[Headroom]:
    """The headroom of every limit, in the packs' order; rows that changed or are a minute old are stored.

    `slack` is how much older than its meter allows a reading may be, on a clock that runs faster than the work can. `only` measures no other
    limits than these ids. `foresee` says where forecasts are read off, where no `paces` do.

    A meter that fails makes its own limit `unknown`, with the error as the reason; the rest go on. Raises StoreError if storing fails.
    """
    paces = paces or Paces(foresee=foresee)
    rows: list[Headroom] = []
    stored = {row["limit_id"]: row for row in store.rows("headroom_now")}
    for pack in packs.values():
        meters = Meters(store, pack, now)
        limits = [limit for limit in pack.limit_list() if only is None or limit.limit_id in only]
        meters.announce(name for limit in limits for name in (limit.meter_id, limit.amount_per) if name is not None)
        rows.extend(_measured(meters, limit, paces, slack, stored.get(limit.limit_id)) for limit in limits)
    due = [row for row in rows if _is_due(row, stored.get(row.limit_id))]
    if due:
        with store.arrivals.stamp(store.now) as stored_at:

            def write(tx: Transaction) -> int:
                return tx.insert("headroom", headroom_table(due, stored_at))

            store.run(write, fence="measure")
    paces.published.show(rows)
    return rows


def measure_job(
    store: Store,
    packs: Mapping[str, Pack],
    *,
    every: timedelta,
    slack: timedelta = timedelta(0),
    paces: Paces | None = None,
    reading: FirstReading | None = None,
) -> Job:
    """The job that measures. `slack` as in `measure`; `paces` to share what is remembered with another that measures; `reading` says which
    platforms are measured less often."""
    paces = paces if paces is not None else Paces()

    def run(now: datetime) -> Did:
        due = packs if reading is None else reading.due(packs, now)
        rows = measure(store, due, now, paces, slack)
        unknown = sum(row.state is State.UNKNOWN for row in rows)
        words = f"{len(rows)} limits measured" + (f", {unknown} unknown" if unknown else "")
        rest = ", ".join(slug for slug in packs if slug not in due)
        return Did(words + (f"; history is being read: {rest}" if rest else ""), len(rows))

    return Job(MEASURE, every, run)


def headroom_table(rows: Iterable[Headroom], stored_at: datetime) -> pa.Table:
    """Headroom as rows of the `headroom` table, stored at an instant."""
    plain = [{name: _plain(value) for name, value in asdict(row).items()} for row in rows]
    return pa.Table.from_pylist([{**row, "stored_at": stored_at} for row in plain], schema=HEADROOM)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, str) else value


def _measured(meters: Meters, limit: Limit, paces: Paces, slack: timedelta, before: Mapping[str, Any] | None) -> Headroom:
    try:
        sized, impossible = priced_per(meters, limit)
        reading = impossible or meters.read(limit.meter_id, sized)
        if impossible is None:
            sized, too_much = rolled_over(meters, sized)
            reading = replace(reading, lower_bound=reading.lower_bound or too_much)
        reading = replace(reading, stale_after=reading.stale_after + slack)
    except RoomleftError as error:
        return headroom(limit, _failed(error.what), Pace.none(""), meters.now)
    except Exception as error:
        # A fault in one meter must not take every other limit's headroom with it.
        log.exception("measuring %s failed", limit.limit_id)
        return headroom(limit, _failed(f"{type(error).__name__}: {error}"), Pace.none(""), meters.now)
    try:
        pace = paces.of(meters, sized) if reading.amount is not None else Pace.none("")
    except Exception as error:
        log.exception("the pace of %s failed", limit.limit_id)
        pace = Pace.none(f"{FAILED}{error}")
    outlook = paces.ahead(meters.pack, sized, reading, meters.now)
    return headroom(sized, reading, pace, meters.now, outlook, was_likely(sized, before, meters.now))


def _failed(what: str) -> Reading:
    return Reading(None, None, MINUTE, reason=f"the meter failed: {what}")


def _is_due(row: Headroom, before: Mapping[str, Any] | None) -> bool:
    if before is None or row.as_of - before["as_of"] >= MINUTE or row.as_of < before["as_of"]:
        # An earlier instant than the newest row is history being measured again, as in a replay.
        return before is None or row.as_of > before["as_of"]
    if (row.state, row.subject, row.lower_bound) != (before["state"], before["subject"], before["lower_bound"]):
        return True
    if (row.basis == HALF_READ) != (before["basis"] == HALF_READ):
        return True
    if row.state is State.UNKNOWN and row.reason != before["reason"]:
        # Why nothing can be told is all that such a row says.
        return True
    if _differ(row.fraction_left, before["fraction_left"], NOTICEABLE) or _differ(row.p_breach, before["p_breach"], LIKELIER):
        return True
    if (row.order_by is None) != (before["order_by"] is None):
        # Whether it was said is what the next measurement goes by.
        return True
    return row.no_date != before["no_date"] or _moved(row.exhausts_p50, before["exhausts_p50"], row.as_of)


def _differ(one: float | None, other: float | None, by: float) -> bool:
    if one is None or other is None:
        return one is not other
    return abs(one - other) >= by


def _moved(date: datetime | None, before: datetime | None, now: datetime) -> bool:
    if date is None or before is None:
        return date is not before
    return abs(date - before) >= max(HOUR, abs(date - now) * MOVED)


def _publish(rows: Iterable[Headroom]) -> None:
    for row in rows:
        # Prometheus has no "unknown" for a gauge; NaN is its word for a number that cannot be told.
        names = (row.limit_id, row.platform)
        HEADROOM_FRACTION_LEFT.labels(*names).set(math.nan if row.fraction_left is None else row.fraction_left)
        for state in State:
            HEADROOM_STATE.labels(*names, str(state)).set(1 if row.state is state else 0)
        P_BREACH.labels(*names).set(math.nan if row.p_breach is None else row.p_breach)
        for quantile, date in (("0.1", row.exhausts_p10), ("0.5", row.exhausts_p50), ("0.9", row.exhausts_p90)):
            EXHAUSTION_SECONDS.labels(*names, quantile).set(_seconds_left(row, date))
        ORDER_SECONDS.labels(*names).set((row.order_by - row.as_of).total_seconds() if row.order_by else math.nan)


def _seconds_left(row: Headroom, date: datetime | None) -> float:
    if row.state is State.EXHAUSTED:
        return 0.0
    if date is not None:
        return max((date - row.as_of).total_seconds(), 0.0)
    return math.nan if row.state is State.UNKNOWN or groundless(row.basis, row.no_date) else math.inf
