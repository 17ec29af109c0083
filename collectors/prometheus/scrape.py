"""What becomes of one scrape: readings, stale markers, the scrape's own series, and what was kept out.

A page is stored whole or not at all. A series that is no longer on the page, and every series after a failed scrape, gets a stale marker: a
reading without a value, so that nothing looks alive on old figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from collectors.platform_api.progress import COMPONENT
from collectors.prometheus.exposition import Page, PageRefused, Reader, Series, Structure, TooManySeries
from collectors.prometheus.scrape_fetch import Fetched
from collectors.prometheus.scrape_target import ScrapeTarget, stored_labels
from collectors.prometheus.scrape_times import KeptTimes, kept_times
from roomleft.errors import CollectError
from warehouse import tables

STREAM = "prometheus"
REPORT = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
TELL_AGAIN = timedelta(minutes=10)
"""Samples with impossible times are counted each time, and put into `rejected` this often."""


@dataclass(frozen=True, slots=True)
class Scraped:
    """One scrape, ready to be stored. `error` is why it failed; the readings then are `up` = 0 and stale markers."""

    samples: pa.Table
    """Schema warehouse.tables.SAMPLES."""
    rejected: pa.Table | None = None
    error: CollectError | None = None
    unknown: str = ""
    """Why the scrape says nothing about the target, neither up nor down. Nothing is stored of it but a check."""
    sample_count: int = 0
    series_count: int = 0
    series_added: int = 0
    stale_count: int = 0
    kept_out: dict[str, int] = field(default_factory=dict)
    """Samples whose own timestamps were not believed, by reason: ahead, old."""
    live_before: frozenset[Series] = frozenset()


class Scraper:
    """Turns a target's answers into rows. Belongs to one thread at a time."""

    def __init__(self, target: ScrapeTarget) -> None:
        self.target = target
        self._reader = Reader(target.max_series)
        self._structure: Structure | None = None
        self._columns: _Columns | None = None
        self._live: frozenset[Series] = frozenset()
        """The series that a stale marker must end: those last stored without a timestamp of their own."""
        self._known: frozenset[Series] = frozenset()
        self._told_at: datetime | None = None

    def taken(self, answer: Fetched, at: datetime, duration_s: float) -> Scraped:
        """The rows of a page that was fetched at `at`. A page that is refused gives a failed scrape."""
        try:
            page = self._reader.read(answer.body, answer.format)
        except PageRefused as refused:
            place = f"{refused.where}: " if refused.line else ""
            error = CollectError(f"{place}{refused.reason}", self.target.where, refused.hint or REFUSED_HINT, retryable=False)
            return self.failed(error, at, duration_s, refused.samples if isinstance(refused, TooManySeries) else 0)
        return self._stored(page, at, duration_s)

    def failed(self, error: CollectError, at: datetime, duration_s: float, samples: int = 0) -> Scraped:
        """The rows of a scrape that failed: it is down, and what it last said is over."""
        before = self._live
        self._live = frozenset()
        columns = _Columns(self.target, ())
        report = np.array([0, 0, duration_s, samples, 0, 0], dtype=np.float64)
        table = pa.concat_tables([columns.table(at, report), self._markers(before, at)])
        return Scraped(table, error=error, sample_count=samples, stale_count=len(before), live_before=before)

    def unknown(self, words: str) -> Scraped:
        """A scrape that says nothing about the target. Its series are left to grow old."""
        return Scraped(tables.SAMPLES.empty_table(), unknown=words)

    def ended(self, at: datetime) -> pa.Table:
        """Stale markers for everything that was alive, the scrape's own series too: the target is scraped no more."""
        before, self._live = self._live, frozenset()
        # All but the collector's own word on the source, which is what remains of it.
        return pa.concat_tables([_Columns(self.target, ()).table(at, None).slice(1), self._markers(before, at)])

    def lost(self, scraped: Scraped) -> None:
        """A scrape's rows could not be stored: the next one must mark again what it would have ended."""
        self._live |= scraped.live_before

    def _stored(self, page: Page, at: datetime, duration_s: float) -> Scraped:
        structure = page.structure
        times = kept_times(structure.times_s, at) if structure.times_s is not None and self.target.honor_timestamps else None
        before, markers, added = self._live, None, 0
        if structure is not self._structure or self._columns is None:
            series = frozenset(structure.series)
            added = len(series - self._known)
            self._known = series
            self._columns = _Columns(self.target, structure.series)
            self._structure = structure
        if times is None:
            self._live = self._known
        else:
            self._live = frozenset(
                series for series, own in zip(structure.series, structure.times_s or (), strict=True) if own is None
            )
        # Until something changes both are one and the same set, and comparing them costs nothing.
        gone = before - self._known if before is not self._known else frozenset()
        if gone:
            markers = self._markers(gone, at)
        count = len(page.values)
        report = np.array([1, 1, duration_s, count, count, added], dtype=np.float64)
        table = self._columns.table(at, np.concatenate([report, page.values]), times)
        if markers is not None:
            table = pa.concat_tables([table, markers])
        return Scraped(
            table,
            self._refusals(times, at),
            sample_count=count,
            series_count=len(self._known),
            series_added=added,
            stale_count=len(gone),
            kept_out=times.kept_out if times is not None else {},
            live_before=before,
        )

    def _markers(self, series: frozenset[Series], at: datetime) -> pa.Table:
        columns = _Columns(self.target, tuple(sorted(series)), report=False)
        return columns.table(at, None)

    def _refusals(self, times: KeptTimes | None, at: datetime) -> pa.Table | None:
        """One row a reason, told again after a while: a source that lies about its clock does so at every scrape."""
        if times is None or not times.kept_out or (self._told_at is not None and at - self._told_at < TELL_AGAIN):
            return None
        self._told_at = at
        rows = [
            {"source": self.target.source, "stream": "samples", "field": "timestamp", "reason": times.words(reason)}
            for reason in times.kept_out
        ]
        return pa.Table.from_pylist(rows, schema=tables.REJECTED)


REFUSED_HINT = "the whole page is refused: half of one would look like series that ended; `roomleft scrape URL` shows it again"


class _Columns:
    """The columns of a page that stay the same from scrape to scrape: made once for each structure."""

    def __init__(self, target: ScrapeTarget, series: tuple[Series, ...] | list[Series], *, report: bool = True) -> None:
        own = target.own_labels
        names = [name for name, _ in series]
        labels = [stored_labels(exposed, own, honor=target.honor_labels) for _, exposed in series]
        components = [target.component] * len(names)
        if report:
            # The scrape's own series come first: of two readings at one instant the first is kept.
            names = ["up", *REPORT, *names]
            components = [COMPONENT, *[target.component] * len(REPORT), *components]
            collector = (("source", target.source), ("stream", STREAM))
            labels = [collector, *[tuple(own.items())] * len(REPORT), *labels]
        pairs = [pair for each in labels for pair in each]
        offsets = np.concatenate([[0], np.cumsum([len(tuple(each)) for each in labels], dtype=np.int64)]).astype(np.int32)
        self.rows = len(names)
        self._platform = pa.array([target.platform] * self.rows, pa.string())
        self._component = pa.array(components, pa.string())
        self._name = pa.array(names, pa.string())
        self._labels = pa.MapArray.from_arrays(
            pa.array(offsets),
            pa.array([key for key, _ in pairs], pa.string()),
            pa.array([value for _, value in pairs], pa.string()),
        )

    def table(self, at: datetime, values: npt.NDArray[np.float64] | None, times: KeptTimes | None = None) -> pa.Table:
        """The rows at `at`, or at the samples' own times. Without values they are stale markers."""
        column = pa.nulls(self.rows, pa.float64()) if values is None else pa.array(values)
        instants = pa.repeat(pa.scalar(at, tables.INSTANT), self.rows)
        report = self.rows - len(times.instants) if times is not None else 0
        if times is not None:
            instants = pa.concat_arrays([instants.slice(0, report), times.instants])
        table = pa.table([self._platform, self._component, self._name, instants, self._labels, column], schema=tables.SAMPLES)
        if times is not None and times.kept_out:
            table = table.take(pa.array(np.flatnonzero(np.concatenate([np.ones(report, dtype=bool), times.kept]))))
        return table
