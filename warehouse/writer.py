"""The one way in: a bounded queue, one thread, and an acknowledgement after the commit."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from roomleft import metrics
from roomleft.clock import Now
from roomleft.errors import DiskFull, QueueFull, RoomleftError, StoreConflict, StoreError
from warehouse import tables
from warehouse.charges import LINES, Bill
from warehouse.ingest.conform import conform, refuse_endless
from warehouse.ingest.group import Names, Prepared, Tally, memory_of, store_group
from warehouse.ingest.rate_book import RatesFor
from warehouse.store import Store


class PseudonymBook(Protocol):
    """Whoever turns people into pseudonyms: each given person's, made on first sight, the same ever after."""

    def of(self, people: Sequence[str]) -> dict[str, str]: ...


@dataclass(frozen=True)
class Cursor:
    """How far a stream of a source has been read, stored in the same transaction as the rows it covers. The newest one wins.

    Everything from `read_from` (None: the oldest record) to `read_to` has been read. `live`: the newest record had been reached (None: when
    `caught_up`); `caught_up`: the oldest had been too.
    """

    source: str
    stream: str
    position: str
    read_to: datetime | None = None
    oldest_at: datetime | None = None
    newest_at: datetime | None = None
    caught_up: bool = False
    read_from: datetime | None = None
    live: bool | None = None


@dataclass(frozen=True)
class Batch:
    """Rows of one source that are stored together or not at all. Each table has the schema of its name in `warehouse.tables`.

    `usage` carries the platform's own user ids; the writer puts pseudonyms in their place.
    """

    source: str
    usage: pa.Table | None = None
    samples: pa.Table | None = None
    health: pa.Table | None = None
    business: pa.Table | None = None
    deploys: pa.Table | None = None
    rejected: pa.Table | None = None
    cursor: Cursor | None = None
    bills: tuple[Bill, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """What became of a batch's rows: stored, stored before, kept out because they contradict what is stored, refused before they came."""

    added: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0


@dataclass(frozen=True)
class _Waiting:
    batch: Prepared
    future: Future[Receipt]
    since: float


BACKLOG_GROUPS = 5
SCHEMAS = {
    "usage": tables.USAGE,
    "health": tables.HEALTH,
    "business": tables.BUSINESS,
    "deploys": tables.DEPLOYS,
    "rejected": tables.REJECTED,
}


class Writer:
    """Queues batches and stores them in groups, one commit a group: as soon as `group_rows` rows wait, or `group_ms` milliseconds
    after the first came; at once when nothing was stored for that long, since there is nobody to wait for then. While senders are faster than commits a group takes what has queued up, to `BACKLOG_GROUPS` times its rows.

    A batch is acknowledged (its future resolves) only after its commit. A batch that cannot be stored fails alone. With a full disk
    batches fail with DiskFull and the writer goes on. `rates_for` is asked, once a process, for the prices of each provider and model that
    comes in, as they are then (`analytics.catalogue`); what has none is stored as unpriced. `group_ms` is 200 by default, and 2 000 on DuckLake, where a commit is dear.
    """

    def __init__(
        self,
        store: Store,
        now: Now,
        *,
        pseudonyms: PseudonymBook | None = None,
        rates_for: RatesFor | None = None,
        max_queued_rows: int = 200_000,
        group_rows: int = 10_000,
        group_ms: int | None = None,
    ) -> None:
        self._store = store
        self._now = now
        self._pseudonyms_of = pseudonyms.of if pseudonyms is not None else None
        self._rates_for = rates_for
        self.on_usage: Callable[[frozenset[str], datetime], None] | None = None
        """Told after each commit of new usage: its platforms and its newest event's time. Must not wait."""
        self._max_queued_rows = max_queued_rows
        self._group_rows = group_rows
        self._group_s = (group_ms if group_ms is not None else 2_000 if store.is_lake else 200) / 1000
        self._waits_when_idle = store.is_lake
        """On DuckLake each commit is a file: there even a lone batch waits for company."""
        self._stored_at = float("-inf")
        """When the last group was stored, by the monotonic clock."""
        self._queue: deque[_Waiting] = deque()
        self._queued_rows = 0
        self._rows_per_s = 0.0
        self._last_cursor_at = datetime.min.replace(tzinfo=UTC)
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the writing thread. Starting twice is fine."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_groups, name="roomleft-writer", daemon=True)
                self._thread.start()

    def close(self, timeout: float = 30.0) -> None:
        """Refuses new batches, stores what is queued, and stops. What is not stored within `timeout` seconds fails with StoreError."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        with self._changed:
            left = list(self._queue)
            self._queue.clear()
            self._queued_rows = 0
        for waiting in left:
            waiting.future.set_exception(
                StoreError("the writer was closed before these rows were stored", hint="send them again")
            )

    def submit(self, batch: Batch) -> Future[Receipt]:
        """Queues a batch; the future resolves after its commit, or raises what went wrong with it.

        Raises InputError at once when its rows do not fit their tables, QueueFull when no room is left, StoreError when closed.
        """
        prepared = self._prepare(batch)
        future: Future[Receipt] = Future()
        with self._changed:
            if self._closing:
                raise StoreError("the writer is closed", hint="send the rows again when Roomleft runs")
            # A batch larger than the whole queue may pass when nothing else waits: it could never pass otherwise.
            if self._queued_rows and self._queued_rows + prepared.rows > self._max_queued_rows:
                raise QueueFull(
                    f"{self._queued_rows} rows wait to be stored",
                    "write queue",
                    "send the same rows again later",
                    retry_after_s=self._wait_s(),
                )
            self._queue.append(_Waiting(prepared, future, time.monotonic()))
            self._queued_rows += prepared.rows
            metrics.QUEUE_ROWS.set(self._queued_rows)
            self._changed.notify_all()
        return future

    def write(self, batch: Batch, timeout_s: float = 60.0) -> Receipt:
        """Submits and waits. Raises what `submit` and the future raise, and TimeoutError."""
        return self.submit(batch).result(timeout_s)

    def _wait_s(self) -> float:
        """About how long the queue takes to empty, from how fast it lately did: between half a second and half a minute."""
        if not self._rows_per_s:
            return 1.0
        return min(30.0, max(0.5, self._queued_rows / self._rows_per_s))

    # On the caller's thread: shaping rows costs time that the writing thread need not spend.

    def _prepare(self, batch: Batch) -> Prepared:
        shaped: dict[str, pa.Table] = {}
        for stream, schema in SCHEMAS.items():
            rows: pa.Table | None = getattr(batch, stream)
            if rows is not None and rows.num_rows:
                shaped[stream] = conform(rows, schema, f"{batch.source}: {stream}")
        if "usage" in shaped:
            refuse_endless(shaped["usage"])
        names: Names = {}
        if batch.samples is not None and batch.samples.num_rows:
            samples = conform(batch.samples, tables.SAMPLES, f"{batch.source}: samples")
            named = memory_of(self._store).book.name(samples)
            names = named.unseen
            ids = pa.array(named.ids)
            shaped["samples"] = pa.table({"series_id": ids, "observed_at": samples["observed_at"], "value": samples["value"]})
        bills = tuple(replace(bill, lines=conform(bill.lines, LINES, f"{batch.source}: charges")) for bill in batch.bills)
        return Prepared(batch.source, shaped, names, self._cursor_row(batch.cursor), bills)

    def _cursor_row(self, cursor: Cursor | None) -> pa.Table | None:
        if cursor is None:
            return None
        with self._changed:
            # The newest cursor wins, so two of one instant must still differ.
            self._last_cursor_at = recorded_at = max(self._now.now(), self._last_cursor_at + timedelta(microseconds=1))
        row = {
            **{name: getattr(cursor, name) for name in tables.CURSORS.names if name != "recorded_at"},
            "recorded_at": recorded_at,
        }
        return pa.Table.from_pylist([row], schema=tables.CURSORS)

    # On the writing thread

    def _write_groups(self) -> None:
        while group := self._next_group():
            began = time.monotonic()
            self._store_group(group)
            rows = sum(waiting.batch.rows for waiting in group)
            self._stored_at = time.monotonic()
            took = max(self._stored_at - began, 1e-6)
            with self._changed:
                self._queued_rows -= rows
                self._rows_per_s = 0.7 * self._rows_per_s + 0.3 * rows / took if self._rows_per_s else rows / took
                metrics.QUEUE_ROWS.set(self._queued_rows)
            metrics.COMMIT_SECONDS.observe(time.monotonic() - group[0].since)

    def _next_group(self) -> list[_Waiting]:
        """The next batches to store: what came until a group was full or its time was up. Empty: time to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            if not self._queue:
                return []
            first = self._queue[0].since
            deadline = (first if self._waits_when_idle else min(first, self._stored_at)) + self._group_s
            self._changed.wait_for(
                lambda: self._closing or self._queued_rows >= self._group_rows, timeout=max(0.0, deadline - time.monotonic())
            )
            group: list[_Waiting] = []
            rows = 0
            while self._queue and (not group or rows + self._queue[0].batch.rows <= self._group_rows * BACKLOG_GROUPS):
                waiting = self._queue.popleft()
                rows += waiting.batch.rows
                group.append(waiting)
            return group

    def _store_group(self, group: list[_Waiting]) -> None:
        try:
            batches = [waiting.batch for waiting in group]
            with self._store.arrivals.stamp(self._now) as now:
                tallies = store_group(self._store, batches, now, self._pseudonyms_of, self._rates_for)
        except (DiskFull, StoreConflict) as error:
            # Not the fault of any one batch.
            for waiting in group:
                waiting.future.set_exception(error)
        except Exception as error:
            if len(group) == 1:
                group[0].future.set_exception(error if isinstance(error, RoomleftError) else _unexpected(error))
                return
            for waiting in group:
                self._store_group([waiting])
        else:
            for waiting, tally in zip(group, tallies, strict=True):
                _count(tally)
                waiting.future.set_result(Receipt(tally.added, tally.duplicate, tally.conflict, tally.rejected))
            self._tell([waiting.batch for waiting, tally in zip(group, tallies, strict=True) if tally.added])

    def _tell(self, stored: Sequence[Prepared]) -> None:
        usage = [batch.tables["usage"] for batch in stored if "usage" in batch.tables]
        if self.on_usage is None or not usage:
            return
        platforms = frozenset(name for table in usage for name in table.column("platform").unique().to_pylist())
        self.on_usage(platforms, max(pc.max(table.column("occurred_at")).as_py() for table in usage))


def _unexpected(error: Exception) -> StoreError:
    wrapped = StoreError(f"these rows could not be stored: {type(error).__name__}: {error}", "writer")
    wrapped.__cause__ = error
    return wrapped


def _count(tally: Tally) -> None:
    for (stream, outcome), rows in tally.by_stream.items():
        metrics.INGESTED_ROWS.labels(stream, outcome).inc(rows)
