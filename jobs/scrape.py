"""Scraping many pages on time: one thread, one event loop, a task a target.

Targets are spread over their interval by a hash of their names, so that a hundred of them do not come at once. A slot that was missed is
counted and not made up for: a scrape is about now. Scrapes leave no job runs; how each target stands is in `statuses()`, in its series `up`
and in its check `reads <name>`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import httpx

from collectors.own_network import OwnNetwork, is_unreachable
from collectors.prometheus.scrape import STREAM, Scraped, Scraper
from collectors.prometheus.scrape_fetch import fetch, scrape_client
from collectors.prometheus.scrape_target import ScrapeTarget
from jobs.schedule import JobClock
from jobs.scrape_checks import Checks
from jobs.scrape_lease import ScrapeLease
from roomleft import metrics
from roomleft.errors import CollectError, QueueFull, RoomleftError
from warehouse.writer import Batch, Cursor, Receipt, Writer

log = logging.getLogger(__name__)
IN_A_THREAD_BYTES = 1_000_000
"""Larger pages are read in a thread of their own, so that the others are still fetched on time."""
ELSEWHERE = "another server scrapes it"
LIVE = "live"
"""The cursor of a source that has no past to read."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """How a target stands. `up` is None before the first scrape, and while nothing can be told; `last_error` is why the newest scrape failed, or was not stored."""

    platform: str
    name: str
    component: str
    where: str
    interval: timedelta
    up: bool | None = None
    scraped_at: datetime | None = None
    last_success_at: datetime | None = None
    samples: int = 0
    series: int = 0
    duration_s: float = 0.0
    last_error: str | None = None
    missed_slots: int = 0
    not_stored: int = 0
    kept_out_samples: int = 0


@dataclass(slots=True)
class _Work:
    """One target at work."""

    target: ScrapeTarget
    scraper: Scraper
    checks: Checks
    status: TargetStatus
    task: asyncio.Task[None] | None = None
    lost: deque[Scraped] = field(default_factory=deque)
    has_cursor: bool = False


class ScrapeLoop:
    """Scrapes its targets until it is stopped, and stores what they say through the writer.

    `network` tells this host's own loss of its network from targets being down; share it with the other readers of sources.
    `lease` is for several servers on one state database: only its holder scrapes. Without one this loop always does.
    Two targets of one source name are refused with ValueError: their series could not be told apart.
    """

    def __init__(
        self,
        targets: Iterable[ScrapeTarget],
        writer: Writer,
        clock: JobClock,
        network: OwnNetwork | None = None,
        lease: ScrapeLease | None = None,
    ) -> None:
        self._writer, self._clock = writer, clock
        self._network = network or OwnNetwork()
        self._lease = lease
        self._is_at_work = False
        self._lock = threading.Lock()
        self._works: dict[str, _Work] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopped: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        for target in targets:
            self._admit(target)

    def start(self) -> None:
        """Start the thread. Each target is first scraped at its own slot, within one interval. Starting twice is fine."""
        if self._thread is not None:
            return
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), name="roomleft-scrape", daemon=True)
        self._thread.start()
        ready.wait(10)

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Break off what runs and end the thread. False if it did not end in time. What was scraped is in the writer's queue."""
        loop, stopped, thread = self._loop, self._stopped, self._thread
        if thread is None:
            return True
        if loop is not None and stopped is not None and thread.is_alive():
            loop.call_soon_threadsafe(stopped.set)
        thread.join(timeout_s)
        self._thread = None
        return not thread.is_alive()

    def add(self, target: ScrapeTarget) -> None:
        """One more target, from its next slot on. Raises ValueError if its name is taken."""
        work = self._admit(target)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin, work)

    def remove(self, source: str) -> None:
        """Scrape `<slug>.<name>` no more: a scrape under way is broken off, its series end with stale markers. KeyError if there is none."""
        with self._lock:
            work = self._works.pop(source)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end, work)

    def statuses(self) -> list[TargetStatus]:
        """How each target stands, by platform and name."""
        with self._lock:
            return [self._works[source].status for source in sorted(self._works)]

    def _admit(self, target: ScrapeTarget) -> _Work:
        status = TargetStatus(target.platform, target.name, target.component, target.where, target.interval)
        work = _Work(target, Scraper(target), Checks(target), status)
        with self._lock:
            if target.source in self._works:
                raise ValueError(f"two scrape targets are called {target.source}")
            self._works[target.source] = work
        return work

    # On the loop's thread

    async def _run(self, ready: threading.Event) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        async with scrape_client() as client:
            self._client = client
            try:
                await self._take_turns(ready, self._stopped)
            finally:
                await self._rest()
                if self._lease is not None:
                    await asyncio.to_thread(self._lease.give_back)
        self._loop = None

    async def _take_turns(self, ready: threading.Event, stopped: asyncio.Event) -> None:
        """Scrape while the lease is ours, stand by while it is another server's, until stopped."""
        lease = self._lease
        if lease is None:
            self._work()
            ready.set()
            await stopped.wait()
            return
        ready.set()
        while not stopped.is_set():
            if not await asyncio.to_thread(lease.held):
                await self._rest()
                self._stand_by()
            elif not self._is_at_work:
                self._work()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), lease.ttl.total_seconds() / 3)

    def _work(self) -> None:
        self._is_at_work = True
        for work in list(self._works.values()):
            self._begin(work)

    async def _rest(self) -> None:
        """Break off every scrape. No series ends by that: whoever scrapes next goes on with them."""
        self._is_at_work = False
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with self._lock:
            works = list(self._works.values())
        for work in works:
            work.task = None

    def _stand_by(self) -> None:
        with self._lock:
            works = list(self._works.values())
        for work in works:
            self._note(work, up=None, scraped_at=None, last_error=ELSEWHERE)

    def _begin(self, work: _Work) -> None:
        if not self._is_at_work or work.task is not None:
            return
        task = asyncio.get_running_loop().create_task(self._keep_scraping(work, self._client), name=work.target.source)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        work.task = task

    def _end(self, work: _Work) -> None:
        if work.task is not None:
            work.task.add_done_callback(lambda _: self._mark_ended(work))
            work.task.cancel()

    def _mark_ended(self, work: _Work) -> None:
        try:
            self._writer.submit(Batch(work.target.source, samples=work.scraper.ended(self._clock.now())))
        except RoomleftError as error:
            log.warning("the series of %s got no stale markers: %s", work.target.source, error)

    async def _keep_scraping(self, work: _Work, client: httpx.AsyncClient) -> None:
        interval = work.target.interval
        slot = next_slot(work.target, self._clock.now())
        while True:
            ahead = slot - self._clock.now()
            if ahead > interval:
                # The clock was set back.
                slot = next_slot(work.target, self._clock.now())
                continue
            if ahead > timedelta(0):
                await asyncio.sleep(self._clock.real_seconds(ahead))
                continue
            lag = -ahead
            metrics.SCRAPE_LAG_SECONDS.observe(self._clock.real_seconds(lag))
            try:
                await self._once(work, client)
            except Exception as error:
                # A fault of ours in one scrape must not end the target's scraping, nor look like health.
                log.exception("scraping %s failed", work.target.source)
                self._note(work, up=False, last_error=f"the scrape itself failed: {type(error).__name__}")
            following = next_slot(work.target, max(self._clock.now(), slot + timedelta(microseconds=1)))
            missed = (following - slot) // interval - 1
            if missed > 0:
                metrics.SCRAPE_MISSED_SLOTS.labels(work.target.source).inc(missed)
                self._note(work, missed=missed)
            slot = following

    async def _once(self, work: _Work, client: httpx.AsyncClient) -> None:
        """One scrape, from request to the writer's queue."""
        target, scraper = work.target, work.scraper
        while work.lost:
            scraper.lost(work.lost.popleft())
        timeout_s = min(target.timeout.total_seconds(), self._clock.real_seconds(target.interval))
        at, began = self._clock.now(), time.monotonic()
        try:
            answer = await fetch(client, target, timeout_s)
        except CollectError as error:
            took_s = time.monotonic() - began
            unknown = await asyncio.to_thread(self._unknown, target, error, at)
            scraped = scraper.unknown(unknown) if unknown else scraper.failed(error, at, took_s)
        else:
            await asyncio.to_thread(self._network.answered, *_host(target), at)
            if len(answer.body) > IN_A_THREAD_BYTES:
                scraped = await asyncio.to_thread(scraper.taken, answer, at, time.monotonic() - began)
            else:
                scraped = scraper.taken(answer, at, time.monotonic() - began)
        self._store(work, scraped, at, time.monotonic() - began)

    def _unknown(self, target: ScrapeTarget, error: CollectError, at: datetime) -> str:
        """Words if the failure is this host's own, which has lost its network; else ''."""
        if is_unreachable(error):
            return self._network.unreached(*_host(target), at)
        self._network.answered(*_host(target), at)
        return ""

    def _store(self, work: _Work, scraped: Scraped, at: datetime, took_s: float) -> None:
        target, error = work.target, scraped.error
        if scraped.unknown:
            self._note(work, up=None, scraped_at=at, last_error=scraped.unknown)
        else:
            self._tell(work, scraped, at, took_s)
        cursor = None
        if error is None and not scraped.unknown and not work.has_cursor:
            cursor = Cursor(target.source, STREAM, LIVE, at, at, at, caught_up=True)
        health = work.checks.of(scraped, at)
        if scraped.unknown and health is None:
            return
        batch = Batch(target.source, samples=scraped.samples, health=health, rejected=scraped.rejected, cursor=cursor)
        try:
            future = self._writer.submit(batch)
        except RoomleftError as refusal:
            self._not_stored(work, scraped, refusal)
            return
        work.has_cursor = work.has_cursor or cursor is not None
        future.add_done_callback(lambda done: self._committed(work, scraped, done))

    def _tell(self, work: _Work, scraped: Scraped, at: datetime, took_s: float) -> None:
        source, error = work.target.source, scraped.error
        metrics.SCRAPE_SECONDS.observe(took_s)
        metrics.COLLECT_REQUESTS.labels(source, STREAM, "ok" if error is None else "failed").inc()
        metrics.SOURCE_UP.labels(source, STREAM).set(1 if error is None else 0)
        metrics.SCRAPED_SAMPLES.labels(source).set(scraped.sample_count)
        for reason, count in scraped.kept_out.items():
            metrics.SCRAPE_KEPT_OUT_SAMPLES.labels(source, reason).inc(count)
        self._note(
            work,
            up=error is None,
            scraped_at=at,
            last_success_at=at if error is None else work.status.last_success_at,
            samples=scraped.sample_count,
            series=scraped.series_count,
            duration_s=took_s,
            last_error=None if error is None else str(error),
            kept_out=sum(scraped.kept_out.values()),
        )

    def _committed(self, work: _Work, scraped: Scraped, done: Future[Receipt]) -> None:
        """On the writer's thread."""
        error = done.exception() if not done.cancelled() else None
        if error is not None:
            work.has_cursor = False
            self._not_stored(work, scraped, error)

    def _not_stored(self, work: _Work, scraped: Scraped, error: BaseException) -> None:
        """The scrape is lost. It is told as such, and the stale markers that were in it come again with the next one."""
        why = "the write queue was full" if isinstance(error, QueueFull) else str(error)
        work.lost.append(scraped)
        work.checks.forget()
        metrics.COLLECT_REQUESTS.labels(work.target.source, STREAM, "not stored").inc()
        metrics.SOURCE_UP.labels(work.target.source, STREAM).set(0)
        self._note(work, up=False, last_error=f"scraped, but not stored: {why}", not_stored=1)

    def _note(self, work: _Work, *, missed: int = 0, not_stored: int = 0, kept_out: int = 0, **changed: object) -> None:
        with self._lock:
            status = work.status
            work.status = replace(
                status,
                missed_slots=status.missed_slots + missed,
                not_stored=status.not_stored + not_stored,
                kept_out_samples=status.kept_out_samples + kept_out,
                **changed,  # type: ignore[arg-type]
            )


def _host(target: ScrapeTarget) -> tuple[str, int]:
    host, _, port = target.instance.rpartition(":")
    return host.strip("[]"), int(port)


def next_slot(target: ScrapeTarget, now: datetime) -> datetime:
    """The target's first slot at or after `now`: its slots are an interval apart, at an offset that is a hash of its name and address."""
    interval_us = max(1, target.interval // timedelta(microseconds=1))
    digest = hashlib.blake2b(f"{target.source}\n{target.url}".encode(), digest_size=8).digest()
    offset_us = int.from_bytes(digest, "little") % interval_us
    now_us = (now - EPOCH) // timedelta(microseconds=1)
    turns = -((offset_us - now_us) // interval_us)
    return EPOCH + timedelta(microseconds=turns * interval_us + offset_us)
