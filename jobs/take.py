"""Looking at the sources that a pack names besides the platform's own API: databases, probes, a Prometheus server, an AI gateway.

Whatever a look gives is stored in one batch with the cursor after it. A source that fails is data too: the series `up` and the failing check
`reads <name>` with its words. A look that says nothing about the source (this host has lost its own network) makes the check `unknown`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from collectors.own_network import OwnNetwork
from collectors.platform_api.progress import COMPONENT
from collectors.taken import STREAMS, Position, Taken, Taker
from collectors.takers import taker_for
from jobs.endings import Endings
from jobs.news import News
from jobs.queueing import submitted
from jobs.schedule import Did, Job
from roomleft.clock import Now
from roomleft.errors import CollectError
from roomleft.metrics import COLLECT_REQUESTS, SOURCE_UP
from roomleft.packs import Pack
from warehouse import tables
from warehouse.store import Store
from warehouse.writer import Batch, Cursor, Receipt, Writer

log = logging.getLogger(__name__)
BUDGET_S = 5.0
"""How long one run goes on looking while its source has more history to give: short, so that sources take turns."""
COMMIT_TIMEOUT_S = 60.0
LONGEST_WAIT_S = 3600.0
WORDS_LIMIT = 1000
LIVE = "live"
"""The cursor of a source that has no past to read."""


@dataclass(slots=True)
class Looked:
    """What one run did: how many looks, what became of their rows, and how the last look ended."""

    looks: int = 0
    added: int = 0
    refused: int = 0
    unknown: str = ""
    error: CollectError | None = None
    waits_s: float = 0.0

    @property
    def words(self) -> str:
        """The run in a sentence, for the job's record."""
        if self.waits_s:
            return f"not asked: the source wants {self.waits_s:,.0f} s more of quiet"
        rows = f"{self.added:,} rows added" + (f", {self.refused:,} refused" if self.refused else "")
        return f"{rows}; {self.unknown}" if self.unknown else rows


class SourceReader:
    """Looks at one source for its job. Belongs to one thread at a time."""

    def __init__(
        self,
        taker: Taker,
        store: Store,
        writer: Writer,
        clock: Now,
        *,
        budget_s: float = BUDGET_S,
        queue_patience_s: float = 10.0,
        sleep: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._taker, self._store, self._writer, self._clock = taker, store, writer, clock
        self._stream = STREAMS.get(taker.kind, taker.kind)
        self._budget_s, self._queue_patience_s = budget_s, queue_patience_s
        self._sleep, self._monotonic = sleep, monotonic
        self._not_before = float("-inf")
        self._endings = Endings()
        self._said = News()

    def run(self) -> Looked:
        """Look until there is no more or the time is over. A source's failure is returned; StoreError and QueueFull are raised."""
        done = Looked(waits_s=max(0.0, self._not_before - self._monotonic()))
        if done.waits_s:
            return done
        ends_at = self._monotonic() + self._budget_s
        position = self._stored_position()
        while True:
            now = self._clock.now()
            taken = self._look(now, position)
            receipt = self._keep(taken, now, position)
            done.looks += 1
            done.added += receipt.added
            done.refused += receipt.rejected + receipt.conflict
            done.error, done.unknown = taken.error, taken.unknown
            moved = taken.position is not None and taken.position != position
            position = taken.position or position
            if taken.error is not None:
                self._not_before = self._monotonic() + min(taken.error.retry_after_s or 0.0, LONGEST_WAIT_S)
            # Without a new position the next look would read the same again.
            if not (taken.more and moved) or taken.error or taken.unknown or self._monotonic() >= ends_at:
                return done

    def _look(self, now: datetime, position: Position | None) -> Taken:
        try:
            return self._taker.take(now, position)
        except Exception as error:
            # A taker returns its source's failures; this is a fault of ours, and the source must still not look healthy.
            log.exception("looking at %s failed", self._taker.source)
            return Taken(error=CollectError(f"the look itself failed: {type(error).__name__}", self._taker.source, "see the log"))

    def _stored_position(self) -> Position | None:
        rows = self._store.rows("latest_cursor", source=self._taker.source, stream=self._stream)
        if not rows:
            return None
        row = rows[0]
        return Position(row["position"], row["read_to"], row["oldest_at"], row["newest_at"], row["caught_up"])

    def _keep(self, taken: Taken, now: datetime, before: Position | None) -> Receipt:
        """Store one look. The cursor goes with the rows that it covers, so a crash leaves either both or neither."""
        taker, failed, unknown = self._taker, taken.error is not None, bool(taken.unknown)
        if not unknown:
            SOURCE_UP.labels(taker.source, self._stream).set(0 if failed else 1)
            COLLECT_REQUESTS.labels(taker.source, self._stream, "failed" if failed else "ok").inc()
        tabled = [taken.samples] + ([] if unknown else [self._up(now, failed)])
        if taken.position is None and (before is None or before.text == LIVE):
            # A source with a past is read again later: its series end where its own points do.
            tabled.append(self._endings.after(taken.samples, now, failed=failed or unknown))
        health = self._news(
            pa.concat_tables([table for table in (taken.health, self._reads(taken, now)) if table is not None]), now
        )
        batch = Batch(
            taker.source,
            usage=taken.usage if taken.usage is not None and taken.usage.num_rows else None,
            samples=pa.concat_tables(tabled),
            health=health if health.num_rows else None,
            rejected=taken.rejected if taken.rejected is not None and taken.rejected.num_rows else None,
            cursor=self._cursor(taken, now, before),
            bills=taken.bills,
        )
        try:
            return self._submit(batch)
        except Exception:
            self._said.forget()  # what was said did not get through
            raise

    def _cursor(self, taken: Taken, now: datetime, before: Position | None) -> Cursor | None:
        position = taken.position
        if position is None and before is None and not taken.error and not taken.unknown:
            position = Position(LIVE, now, now, now)
        if position is None or position == before:
            return None
        return Cursor(
            self._taker.source,
            self._stream,
            position.text,
            position.read_to,
            position.oldest_at,
            position.newest_at,
            position.caught_up,
        )

    def _up(self, now: datetime, failed: bool) -> pa.Table:
        row = {
            "platform": self._taker.platform,
            "component": COMPONENT,
            "name": "up",
            "observed_at": now,
            "labels": [("source", self._taker.source), ("stream", self._stream)],
            "value": 0.0 if failed else 1.0,
        }
        return pa.Table.from_pylist([row], schema=tables.SAMPLES)

    def _reads(self, taken: Taken, now: datetime) -> pa.Table:
        """The check that says whether the source was read."""
        status, words = "pass", f"{taken.samples.num_rows:,} readings"
        if taken.usage is not None:
            words = f"{taken.usage.num_rows:,} calls"
        if taken.unknown:
            status, words = "unknown", taken.unknown
        elif taken.error:
            status, words = "fail", str(taken.error)
        row = {
            "platform": self._taker.platform,
            "component": self._taker.component,
            "check_name": f"reads {self._taker.source.partition('.')[2] or self._taker.source}",
            "observed_at": now,
            "status": status,
            "value": None,
            "unit": None,
            "words": words[:WORDS_LIMIT],
        }
        return pa.Table.from_pylist([row], schema=tables.HEALTH)

    def _news(self, checks: pa.Table, now: datetime) -> pa.Table:
        """The checks worth storing: what failed, what changed, and the rest once a minute."""
        rows = checks.select(("component", "check_name", "status", "words")).to_pylist()
        return checks.filter(pa.array([self._is_news(row, now) for row in rows], pa.bool_()))

    def _is_news(self, row: Mapping[str, str], now: datetime) -> bool:
        check = (row["component"], row["check_name"])
        # The words of a passing check hold figures that move all the time.
        said = (row["status"], None if row["status"] == "pass" else row["words"])
        # Failing minutes are counted from what is stored, so a failure is stored at every look.
        return self._said.is_news(check, said, now, always=row["status"] == "fail")

    def _submit(self, batch: Batch) -> Receipt:
        """Store a batch, waiting for room in the queue as it asks, but not for ever. Raises QueueFull: nothing of the look was stored."""
        return submitted(self._writer, batch, self._queue_patience_s, self._sleep).result(COMMIT_TIMEOUT_S)


def take_job(taker: Taker, store: Store, writer: Writer, clock: Now, *, budget_s: float = BUDGET_S) -> Job:
    """The job that looks at one source. A run that could not read the source fails with the source's words."""
    reader = SourceReader(taker, store, writer, clock, budget_s=budget_s)

    def run(_: datetime) -> Did:
        done = reader.run()
        if done.error:
            raise done.error
        return Did(done.words, done.added)

    return Job(f"take {taker.source}", taker.interval, run, lease_ttl=timedelta(minutes=2))


def take_jobs(
    packs: Mapping[str, Pack],
    lookup: Callable[[str], str | None],
    store: Store,
    writer: Writer,
    clock: Now,
    *,
    network: OwnNetwork | None = None,
    budget_s: float = BUDGET_S,
) -> list[Job]:
    """One job for each source of each pack, but for scraped pages, which `jobs.scrape` reads. `lookup` gives a secret by its variable.

    All of them share one `network`, which tells this host's own loss of its network from sources being down.
    """
    network = network or OwnNetwork()
    return [
        take_job(taker_for(pack, entry, lookup, network), store, writer, clock, budget_s=budget_s)
        for pack in packs.values()
        for entry in pack.sources
        if entry.kind != "prometheus"
    ]
