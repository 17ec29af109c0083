"""One stand-in platform: its feeds, its pages and its fault log, at the instants of one clock."""

from __future__ import annotations

import hashlib
import threading
from datetime import date, datetime
from typing import Any

from collectors.standin.business import Business
from collectors.standin.deploys import DeploysFeed
from collectors.standin.faults import FaultLog, past_windows
from collectors.standin.feed import ALL, Page, Pager, Range
from collectors.standin.health import HealthModel
from collectors.standin.instants import DAY, SECOND, day_number, to_us
from collectors.standin.people import People
from collectors.standin.samples import Cadence, SamplesFeed
from collectors.standin.series import TICK, SeriesModel
from collectors.standin.traffic import Traffic
from collectors.standin.usage import UsageFeed
from roomleft.clock import Now
from roomleft.packs_standin import StandinShape

BUSINESS_DAYS_MAX = 366


class StandIn:
    """A platform played from its shape. `origin` is the instant it calls now at its start; its history is `days` long.

    Calls may come from several threads.
    """

    def __init__(self, shape: StandinShape, seed: int, origin: datetime, days: int, clock: Now) -> None:
        origin_us = to_us(origin)
        start_us = (origin_us // DAY - days) * DAY
        incidents = tuple((i.fault, i.days_ago, i.minutes) for i in shape.incidents if i.days_ago < days)
        self.shape = shape
        self.clock = clock
        self.faults = FaultLog(shape.faults, past_windows(incidents, origin_us))
        self._lock = threading.Lock()
        traffic = Traffic(shape, origin_us)
        deploys = DeploysFeed(shape.deploys, start_us, origin_us, self.faults)
        series = SeriesModel(traffic, seed, start_us, self.faults, deploys.resets())
        usage = UsageFeed(People(traffic, seed, start_us), seed, self.faults)
        samples = SamplesFeed(series, seed, self.faults, Cadence.at(origin_us, TICK), shape.sample_lateness)
        health = HealthModel(shape, series, self.faults, Cadence.at(origin_us, 30 * SECOND))
        same = f"{seed} {start_us} {origin_us} {shape.model_dump_json()}"
        tag = hashlib.blake2b(same.encode(), digest_size=6).hexdigest()
        self._pagers = {
            "usage": Pager(usage, start_us, tag),
            "samples": Pager(samples, start_us, tag),
            "health-history": Pager(health, start_us, tag),
            "deploys": Pager(deploys, start_us, tag),
        }
        self._samples = samples
        self._health = health
        self._business = Business(usage, seed, start_us, self.faults)

    def now_us(self) -> int:
        """The clock's now in microseconds since 1970."""
        return to_us(self.clock.now())

    def page(self, stream: str, after: str | None, limit: int, wanted: Range = ALL) -> Page:
        """A page of a stream, or of a range of it, as of now. Raises CursorUnknown."""
        now = self.now_us()
        repeat = max((h.repeat for h in self.faults.http_effects(stream, now)), default=0)
        with self._lock:
            return self._pagers[stream].page(after, limit, now, wanted, generation=self.faults.forgettings, repeat=repeat)

    def business(self, from_day: date, to_day: date) -> dict[str, Any]:
        """The business answer of [from_day, to_day)."""
        with self._lock:
            rows = self._business.days(day_number(from_day), day_number(to_day), self.now_us())
        return {"zone": "UTC", "records": rows}

    def health(self) -> tuple[dict[str, Any], bool]:
        """The health document, and whether the platform fails."""
        with self._lock:
            return self._health.document(self.now_us())

    def metrics(self) -> str:
        """Prometheus text of the newest readings."""
        with self._lock:
            return self._samples.exposition(self.now_us())
