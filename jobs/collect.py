"""Reading sources into the warehouse: one run reads one stream of one source until it has caught up or its time is over.

A page and the cursor after it go to the writer in one batch, so a crash anywhere leaves either both or neither: nothing is lost, and what is
read twice is stored once. A source that fails is data too: the series `up` and a failing check with its words.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day

import pyarrow as pa
import pyarrow.compute as pc

from collectors.platform_api.course import Course
from collectors.platform_api.progress import COMPONENT, REMEMBERED
from collectors.platform_api.source import PAGED, STREAMS, Page, PlatformApi, SourceConfig
from collectors.records.refused import Normalised
from jobs.news import News
from jobs.queueing import submitted
from jobs.roll_up import ROLL_UP
from jobs.schedule import Did, Job
from jobs.source_clock import clock_check
from roomleft.clock import Now
from roomleft.errors import CollectError, QueueFull
from roomleft.metrics import COLLECT_REQUESTS, SOURCE_UP
from warehouse import tables
from warehouse.store import Store
from warehouse.writer import Batch, Cursor, Receipt, Writer

TABLE = {
    "usage": "usage",
    "samples": "samples",
    "health-history": "health",
    "health": "health",
    "deploys": "deploys",
    "business": "business",
}
"""The table of a batch that a stream's rows go into."""
TIME_COLUMN = {"usage": "occurred_at", "deploys": "deployed_at"}
EVERY = timedelta(seconds=10)
SLOWEST = {"health-history": timedelta(minutes=1), "deploys": timedelta(minutes=1), "business": timedelta(hours=1)}
"""Streams that gain nothing from being read more often than this."""
REACH = ("position", "read_to", "oldest_at", "newest_at", "caught_up", "read_from", "live")
RESTATED_DAYS = 3
FIRST_BUSINESS_DAYS = 366
LONGEST_WAIT_S = 3600.0
COMMIT_TIMEOUT_S = 60.0
BUDGET_S = 5.0
"""How long one run goes on reading when there is more: short, so that first reads of many streams take turns."""


@dataclass
class Collected:
    """What one run did. `error` is the source's failure, if it failed; what was read before it is stored.

    `first_contact`: the stream's newest day was read for the first time. `settled`: all its history is read now, and was not before.

    `waits_s` above zero: the source had asked for quiet (Retry-After) and was not read; so many seconds are left.
    """

    stream: str
    pages: int = 0
    added: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    caught_up: bool = False
    first_contact: bool = False
    settled: bool = False
    queue_full: bool = False
    waits_s: float = 0.0
    error: CollectError | None = None

    @property
    def more(self) -> bool:
        """Whether there is more to read that can be had at once."""
        return not (self.caught_up or self.error or self.queue_full or self.waits_s)

    @property
    def words(self) -> str:
        """The run in a sentence, for the job's record."""
        if self.waits_s:
            return f"not asked: the source wants {self.waits_s:,.0f} s more of quiet"
        rows = f"{self.added:,} rows added" + "".join(
            f", {count:,} {what}"
            for what, count in (("duplicate", self.duplicate), ("in conflict", self.conflict), ("refused", self.rejected))
            if count
        )
        if self.queue_full:
            return f"{rows}; stopped because the write queue stayed full, goes on next time"
        return rows if self.caught_up else f"{rows}; more to read"

    def count(self, receipt: Receipt) -> None:
        """Add what became of one batch."""
        self.added += receipt.added
        self.duplicate += receipt.duplicate
        self.conflict += receipt.conflict
        self.rejected += receipt.rejected


class StreamReader:
    """Reads one stream of one source. Belongs to one thread at a time; keeps no connection open between runs."""

    def __init__(
        self,
        api: PlatformApi,
        stream: str,
        store: Store,
        writer: Writer,
        clock: Now,
        *,
        budget_s: float = BUDGET_S,
        queue_patience_s: float = 30.0,
        sleep: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if stream not in STREAMS:
            raise ValueError(f"unknown stream {stream!r}; known: {', '.join(STREAMS)}")
        self._api, self._stream, self._store, self._writer, self._clock = api, stream, store, writer, clock
        self._budget_s, self._queue_patience_s = budget_s, queue_patience_s
        self._sleep, self._monotonic = sleep, monotonic
        self._source = api.config.name
        self._not_before = float("-inf")
        self._said = News()
        self._fails: bool | None = None
        """Whether the check `read STREAM` stands at failed; None before it was looked up."""

    def run(self) -> Collected:
        """Read until caught up or the time budget is over. A source's failure is returned, not raised; StoreError is raised."""
        done = Collected(self._stream, waits_s=max(0.0, self._not_before - self._monotonic()))
        if done.waits_s:
            return done
        try:
            cursor = self._begin()
            if self._stream in PAGED:
                self._read_pages(done, cursor)
            elif self._stream == "business":
                self._read_business(done, cursor)
            else:
                self._read_health(done, cursor)
        except CollectError as error:
            done.error = error
            self._not_before = self._monotonic() + min(error.retry_after_s or 0.0, LONGEST_WAIT_S)
        except _QueueStayedFull:
            done.queue_full = True
        finally:
            self._api.rest()
        self._record(done)
        return done

    def _begin(self) -> Cursor:
        """Where the stored pages end. A stream that nobody has read yet is noted as unread: what is stored so far must not look like all
        there is."""
        rows = self._store.rows("latest_cursor", source=self._source, stream=self._stream)
        if rows:
            return Cursor(self._source, self._stream, **{name: rows[0][name] for name in REACH})
        unread = Cursor(self._source, self._stream, "", None, None, None, False)
        self._submit(Batch(self._source, cursor=unread))
        return unread

    def _read_pages(self, done: Collected, before: Cursor) -> None:
        """Live first, then history for as long as the budget lasts; the very first run reads the newest day and no more."""
        ends_at = self._monotonic() + self._budget_s
        cursor = before
        course = Course.stored(cursor.position, cursor.read_from, self._clock.now())
        done.first_contact = course.is_new
        seen = {cursor.position}
        pending: Future[Receipt] | None = None
        try:
            while (ask := course.ask()) is not None:
                # The next page is fetched while the last one commits, but handed over only after: cursors must be stored in order.
                page = self._api.read_stream(self._stream, ask.after, since=ask.since, until=ask.until)
                moved = course.took(ask, page, self._api.config.page_size)
                if page.count and moved.position in seen:
                    raise CollectError(
                        "the cursors go in a circle", self._where(), "nothing of this page was stored; see the source's log"
                    )
                seen.add(moved.position)
                COLLECT_REQUESTS.labels(self._source, self._stream, "ok").inc()
                judged = self._api.normalised(self._stream, page.records, self._clock.now())
                reached = self._reached(cursor, moved, page, judged if ask.live else None)
                self._settle(done, pending)
                pending = None
                if page.count or reached != cursor:
                    pending = self._submit(self._batch(judged, reached))
                    done.pages += 1
                course, cursor = moved, reached
                if self._monotonic() >= ends_at or (done.first_contact and course.at_end and not course.done):
                    break
        finally:
            self._settle(done, pending)
        done.caught_up = course.done
        done.settled = course.done and not before.caught_up

    def _reached(self, before: Cursor, course: Course, page: Page, newest: Normalised | None) -> Cursor:
        """The cursor of a course after a page. Only the newest records move `read_to`."""
        return Cursor(
            self._source,
            self._stream,
            course.position,
            _latest(before.read_to, newest.rows, self._stream) if newest is not None else before.read_to,
            page.oldest_at,
            page.newest_at,
            course.done,
            course.read_from(page.oldest_at),
            course.at_end,
        )

    def _read_business(self, done: Collected, cursor: Cursor) -> None:
        now = self._clock.now()
        until = now.date() + timedelta(days=1)
        first = until - timedelta(days=FIRST_BUSINESS_DAYS)
        if cursor.position:
            # A day may be restated: the last few are asked for again, and the newest answer replaces what was stored.
            last_read = min(datetime.fromisoformat(cursor.position).date(), now.date())
            first = max(first, last_read - timedelta(days=RESTATED_DAYS))
        judged = self._api.business(first, until, now)
        COLLECT_REQUESTS.labels(self._source, self._stream, "ok").inc()
        days = judged.rows.column("day").to_pylist()
        newest = _midnight(max(days)) if days else cursor.newest_at
        oldest = cursor.oldest_at or (_midnight(min(days)) if days else None)
        moved = Cursor(self._source, self._stream, now.date().isoformat(), newest, oldest, newest, True)
        done.pages += 1
        self._write(done, self._batch(judged, moved))
        done.caught_up = True

    def _read_health(self, done: Collected, known: Cursor) -> None:
        now = self._clock.now()
        judged = self._api.health(now)
        done.pages += 1
        if self._api.told_at is not None:
            platform, answered_at = self._api.config.platform, self._clock.now()
            clock = clock_check(platform, COMPONENT, self._source, self._api.told_at, now, answered_at)
            judged = Normalised(pa.concat_tables([judged.rows, clock]), judged.rejected)
        # An unchanged answer is stored once a minute: every poll would make more rows than all other streams together.
        fresh = [
            self._is_news(row, now) for row in judged.rows.select(("component", "check_name", "status", "words")).to_pylist()
        ]
        judged = Normalised(judged.rows.filter(pa.array(fresh, pa.bool_())), judged.rejected)
        cursor = None if known.caught_up else Cursor(self._source, self._stream, "live", now, now, now, True)
        if judged.rows.num_rows or judged.rejected.num_rows or cursor:
            try:
                self._write(done, self._batch(judged, cursor))
            except Exception:
                self._said.forget()  # what was said did not get through
                raise
        done.caught_up = True

    def _is_news(self, row: dict[str, object], now: datetime) -> bool:
        return self._said.is_news((row["component"], row["check_name"]), (row["status"], row["words"]), now)

    def _batch(self, judged: Normalised, cursor: Cursor | None = None) -> Batch:
        rows = {TABLE[self._stream]: judged.rows} if judged.rows.num_rows else {}
        refused = {"rejected": judged.rejected} if judged.rejected.num_rows else {}
        return Batch(self._source, **rows, **refused, cursor=cursor)

    def _write(self, done: Collected, batch: Batch) -> None:
        self._settle(done, self._submit(batch))

    def _submit(self, batch: Batch) -> Future[Receipt]:
        """Hand a batch over, waiting for room in the queue as it asks, but not for ever: the same page can be read again."""
        try:
            return submitted(self._writer, batch, self._queue_patience_s, self._sleep)
        except QueueFull as full:
            raise _QueueStayedFull from full

    def _settle(self, done: Collected, pending: Future[Receipt] | None) -> None:
        if pending is not None:
            done.count(pending.result(COMMIT_TIMEOUT_S))

    def _record(self, done: Collected) -> None:
        """Failure is data: the series `up`, and for a failure a failing check that holds its words."""
        up = 0.0 if done.error else 1.0
        SOURCE_UP.labels(self._source, self._stream).set(up)
        if done.error:
            COLLECT_REQUESTS.labels(self._source, self._stream, "failed").inc()
        now, platform = self._clock.now(), self._api.config.platform
        labels = [("source", self._source), ("stream", self._stream)]
        samples = pa.table(
            {
                "platform": [platform],
                "component": [COMPONENT],
                "name": ["up"],
                "observed_at": [now],
                "labels": [labels],
                "value": [up],
            },
            schema=tables.SAMPLES,
        )
        health = None
        if done.error or self._was_failing():
            health = pa.table(
                {
                    "platform": [platform],
                    "component": [COMPONENT],
                    "check_name": [f"read {self._stream}"],
                    "observed_at": [now],
                    "status": ["fail" if done.error else "pass"],
                    "value": [None],
                    "unit": [None],
                    "words": [str(done.error)[:1000] if done.error else "it can be read again"],
                },
                schema=tables.HEALTH,
            )
        try:
            self._writer.submit(Batch(self._source, samples=samples, health=health)).result(COMMIT_TIMEOUT_S)
        except QueueFull:
            done.queue_full = True
        else:
            self._fails = done.error is not None

    def _was_failing(self) -> bool:
        """Whether the newest answer of this stream's check is a failure: a restart must not leave it standing for ever."""
        if self._fails is None:
            now = self._clock.now()
            check = (self._api.config.platform, COMPONENT, f"read {self._stream}")
            found = self._store.rows("source_checks", since=now - REMEMBERED, now=now)
            newest = {(row["platform"], row["component"], row["check_name"]): row["status"] for row in found}
            self._fails = newest.get(check) == "fail"
        return self._fails

    def _where(self) -> str:
        return self._api.config.url.rstrip("/") + PAGED.get(self._stream, f"/{self._stream}")


class _QueueStayedFull(Exception):
    """The write queue had no room for longer than a run waits."""


def collect_job(
    config: SourceConfig,
    stream: str,
    store: Store,
    writer: Writer,
    clock: Now,
    *,
    every: timedelta = EVERY,
    budget_s: float = BUDGET_S,
) -> Job:
    """The job that reads one stream of one source. A run that could not read the source fails with the source's words."""
    reader = StreamReader(PlatformApi(config), stream, store, writer, clock, budget_s=budget_s)

    def run(_: datetime) -> Did:
        done = reader.run()
        if done.error:
            raise done.error
        # Once something is read for the first time or to its end, screens need not wait for the next tick to show it.
        then = (ROLL_UP,) if done.first_contact or done.settled else ()
        return Did(done.words, done.added, more=done.more, then=then)

    return Job(f"collect {config.name} {stream}", max(every, SLOWEST.get(stream, every)), run, lease_ttl=timedelta(minutes=2))


def collect_jobs(
    configs: Iterable[SourceConfig],
    store: Store,
    writer: Writer,
    clock: Now,
    *,
    every: timedelta = EVERY,
    budget_s: float = BUDGET_S,
) -> list[Job]:
    """A job for every stream of every source, so that a slow one holds up no other."""
    return [
        collect_job(config, stream, store, writer, clock, every=every, budget_s=budget_s)
        for config in configs
        for stream in STREAMS
    ]


def _latest(before: datetime | None, rows: pa.Table, stream: str) -> datetime | None:
    newest = pc.max(rows.column(TIME_COLUMN.get(stream, "observed_at"))).as_py()
    if newest is None or (before is not None and before > newest):
        return before
    return newest.astimezone(UTC)


def _midnight(day: object) -> datetime:
    return datetime.combine(day, time_of_day(0), tzinfo=UTC)  # type: ignore[arg-type]
