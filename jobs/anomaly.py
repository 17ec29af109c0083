"""Looks for what the past does not explain in the cost and latency of every platform, and stores it with its causes.

An event that goes on is stored again under its id, the newest row counts. What was announced, or came in late, is stored with what it is known as.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from analytics.anomalies.finding import Anomaly, anomaly_id, back_filled, matters, same_event, why
from analytics.anomalies.look import Looking
from analytics.anomalies.marks import Form, Mark
from analytics.anomalies.series import DAY, FAMILIES, QUARTER, Family, Metric, Watched
from analytics.anomalies.storing import anomalies, store_anomalies
from analytics.meter_usage import usage_freshness
from jobs.alert import ALERT
from jobs.first_reading import FirstReading
from jobs.schedule import Did, Job
from roomleft.errors import RoomleftError
from roomleft.packs import Pack
from warehouse.state.expected_events import ExpectedEvent, known_as
from warehouse.store import Store

log = logging.getLogger(__name__)
ANOMALY = "anomaly"
EVERY = timedelta(minutes=3)
PAGES_FOR = timedelta(hours=2)
"""What is found longer after it happened is history: it is on the screen, and wakes nobody."""
HISTORY = "found in history"
SETTLED = timedelta(minutes=2)
"""A step is looked at when it has been over for so long: its last minutes have then been rolled up."""
MOST = 100_000
Events = Callable[[datetime], Sequence[ExpectedEvent]]


@dataclass(slots=True)
class Anomalies:
    """The looks of one server. `events`: those announced that end after an instant."""

    store: Store
    packs: Mapping[str, Pack]
    events: Events = lambda after: ()
    looking: Looking = field(default_factory=Looking)
    slack: timedelta = timedelta(0)
    reading: FirstReading | None = None
    """Platforms of which it says that their history is being read wait: half a history has jumps that never were."""

    def look(self, now: datetime) -> list[Anomaly]:
        """Look at what came in since the last look; the rows that were stored. A platform that fails leaves the others alone. Raises StoreError
        if storing fails."""
        rows: list[Anomaly] = []
        waiting = self.reading.platforms(now) if self.reading is not None else frozenset()
        for pack in self.packs.values():
            if pack.slug in waiting:
                continue
            try:
                fresh = usage_freshness(self.store, pack, now).observed_at
                for family in FAMILIES:
                    rows.extend(self._family(pack, family, fresh, now))
            except RoomleftError as error:
                self.looking.forget(pack.slug)
                log.warning("looking for anomalies in %s failed: %s", pack.slug, error)
        if rows:
            try:
                store_anomalies(self.store, rows)
            except BaseException:
                self.looking = Looking()
                raise
        return rows

    def _family(self, pack: Pack, family: Family, fresh: datetime | None, now: datetime) -> list[Anomaly]:
        until = self._until(family, fresh, now)
        if until is None:
            return []
        marks = self.looking.look(self.store, pack, family, until)
        if not marks:
            return []
        since = min(mark.about_at for _, mark in marks) - family.step
        stored = anomalies(self.store, since, now + DAY, platform=pack.slug, most=MOST)
        events = self.events(since)
        found = []
        for watched, mark in marks:
            row = self._row(pack, family, watched, mark, stored, events, now)
            if row is not None:
                found.append(row)
                stored.append(row)
        return found

    def _until(self, family: Family, fresh: datetime | None, now: datetime) -> datetime | None:
        """Until when the readings of a family are complete; `fresh`: until when usage is."""
        settled = now - SETTLED - self.slack
        if fresh is None:
            return settled if family.metric is Metric.LATENCY else None
        return min(fresh, settled)

    def _row(
        self, pack: Pack, family: Family, watched: Watched, mark: Mark, stored: Sequence[Anomaly], events: Iterable[ExpectedEvent],
        now: datetime,
    ) -> Anomaly | None:  # fmt: skip
        if not matters(family, mark):
            return None
        before = same_event(stored, watched.target, mark.form, family.step, mark.about_at, mark.about_to)
        if before is not None and (mark.about_to <= before.about_to or not _grown(before, mark)):
            return None
        about_at = min(mark.about_at, before.about_at) if before is not None else mark.about_at
        late = now - mark.about_to > PAGES_FOR + self.slack
        if late and mark.form is Form.PAGE:
            return None
        row = Anomaly(
            before.anomaly_id if before is not None else anomaly_id(watched.target, mark.form, about_at, family.step),
            pack.slug, watched.target, str(mark.form), watched.unit, about_at, mark.about_to, mark.value, mark.expected,
            max(mark.low, 0.0), mark.high, mark.p_value, "", why(self.store, pack.slug, family, watched, mark), now,
        )  # fmt: skip
        known = before.known_as if before is not None else ""
        known = known or known_as(events, pack.slug, watched.target, about_at, mark.about_to)
        if not known and family.metric is Metric.COST:
            known = back_filled(self.store, pack.slug, mark)
        return replace(row, known_as=known)


def _grown(before: Anomaly, mark: Mark) -> bool:
    """Whether an event went on by enough to be stored again: who is woken by it must know each time, a screen less and less often."""
    if mark.form is Form.PAGE:
        return True
    return mark.about_to - before.about_to >= max(QUARTER, (before.about_to - before.about_at) / 4)


def anomaly_job(watching: Anomalies, *, every: timedelta = EVERY) -> Job:
    """The job that looks."""

    def run(now: datetime) -> Did:
        rows = watching.look(now)
        return Did(f"{len(rows)} anomalies" if rows else "nothing unusual", len(rows), then=(ALERT,) if rows else ())

    return Job(ANOMALY, every, run, at_start=False)
