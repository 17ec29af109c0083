"""One group of batches, one transaction: facts, prices, marks, rejected rows and cursors are stored together or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.charges import Bill, store_bills
from warehouse.ingest.known_ids import KnownIds
from warehouse.ingest.rate_book import RateBook, RatesFor
from warehouse.ingest.refused_rows import store_refused
from warehouse.ingest.samples import Newest, store_samples, store_series
from warehouse.ingest.series_book import SeriesBook
from warehouse.ingest.small_streams import BUSINESS, DEPLOYS, HEALTH, SmallStream, store_small
from warehouse.ingest.usage import store_usage

if TYPE_CHECKING:
    from warehouse.store import Store, Transaction

FENCE = "ingest"
Verdicts = npt.NDArray[np.int8]
Names = dict[int, tuple[str, str, str, dict[str, str]]]
PseudonymsOf = Callable[[Sequence[str]], dict[str, str]]


class Memory:
    """What one process knows of a warehouse's facts, so that most batches need not ask it. `lock` is held from transaction to memory."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ids = KnownIds()
        self.responses = KnownIds(column="response_hash")
        self.book = SeriesBook()
        self.newest = Newest()
        self.rates = RateBook()
        self.book_loaded = False


_memories: WeakKeyDictionary[Store, Memory] = WeakKeyDictionary()
_memories_lock = threading.Lock()


def memory_of(store: Store) -> Memory:
    """The one memory of a store: two writers of one process must share it."""
    with _memories_lock:
        return _memories.setdefault(store, Memory())


@dataclass(frozen=True)
class Prepared:
    """A batch in the exact shape of its tables. `samples` holds series_id, observed_at, value; `names` what its new series are called."""

    source: str
    tables: dict[str, pa.Table]
    names: Names = field(default_factory=dict)
    cursor: pa.Table | None = None
    bills: tuple[Bill, ...] = ()

    @property
    def rows(self) -> int:
        return int(sum(table.num_rows for table in (*self.tables.values(), *(bill.lines for bill in self.bills))))


@dataclass
class Tally:
    """Of one batch: rows added, already stored, kept out as conflicts, and refused before they came here; and the same by stream."""

    added: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    by_stream: dict[tuple[str, str], int] = field(default_factory=dict)

    def count(self, stream: str, outcome: str, rows: int) -> None:
        if rows:
            setattr(self, outcome, getattr(self, outcome) + rows)
            self.by_stream[stream, outcome] = self.by_stream.get((stream, outcome), 0) + rows


def store_group(
    store: Store,
    batches: Sequence[Prepared],
    now: datetime,
    pseudonyms_of: PseudonymsOf | None,
    rates_for: RatesFor | None = None,
) -> list[Tally]:
    """Stores all batches in one transaction (again from the start if another node was first); a tally each, in order."""
    memory = memory_of(store)
    with memory.lock:
        memory.rates.rates_for = rates_for
        done = store.run(lambda tx: _Work(tx, batches, memory, now, pseudonyms_of).do(), fence=FENCE)
        # Only what is committed may be taken for known.
        if not store.is_lake:
            memory.ids.add(done.id_hashes)
            memory.responses.add(done.response_hashes)
        memory.book.remember_stored(done.series)
        memory.rates.committed()
        memory.newest.advance(done.sample_ids, done.sample_times)
    return done.tallies


class _Work:
    """What one transaction does, and what is to be remembered if it commits."""

    def __init__(
        self, tx: Transaction, batches: Sequence[Prepared], memory: Memory, now: datetime, pseudonyms_of: PseudonymsOf | None
    ) -> None:
        self.tx = tx
        self.batches = batches
        self.memory = memory
        self.now = now
        self.pseudonyms_of = pseudonyms_of
        self.tallies = [Tally() for _ in batches]
        self.id_hashes: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self.response_hashes: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self.series: set[int] = set()
        self.sample_ids: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self.sample_times: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def do(self) -> _Work:
        self.memory.rates.begin(self.now)
        self._usage()
        self._samples()
        for stream in (HEALTH, DEPLOYS, BUSINESS):
            self._small(stream)
        self._rejected()
        for batch, tally in zip(self.batches, self.tallies, strict=True):
            tally.count("charges", "added", store_bills(self.tx, batch.bills, self.now))
        cursors = [batch.cursor for batch in self.batches if batch.cursor is not None]
        if cursors:
            self.tx.insert("cursors", pa.concat_tables(cursors))
        return self

    def _joined(self, stream: str) -> tuple[pa.Table, npt.NDArray[np.int32]] | None:
        """All batches' rows of a stream, and which batch each row is of."""
        parts = [(number, batch.tables[stream]) for number, batch in enumerate(self.batches) if stream in batch.tables]
        if not parts:
            return None
        whose = np.repeat(np.array([number for number, _ in parts], dtype=np.int32), [table.num_rows for _, table in parts])
        joined = parts[0][1] if len(parts) == 1 else pa.concat_tables([table for _, table in parts]).combine_chunks()
        return joined, whose

    def _usage(self) -> None:
        joined = self._joined("usage")
        if joined is None:
            return
        usage, whose = joined
        if self.pseudonyms_of is not None:
            usage = _pseudonymised(usage, self.pseudonyms_of)
        stored = store_usage(self.tx, usage, self.memory.ids, self.memory.responses, self.now, self.memory.rates)
        self.id_hashes, self.response_hashes = stored.id_hashes, stored.response_hashes
        self._tally("usage", stored.verdicts, whose)

    def _samples(self) -> None:
        joined = self._joined("samples")
        if joined is None:
            return
        samples, whose = joined
        if not self.memory.book_loaded:
            stored = self.tx.execute("SELECT DISTINCT series_id FROM series")
            self.memory.book.remember_stored(set(stored["series_id"].to_pylist()))
            self.memory.book_loaded = True
        names: Names = {}
        for batch in self.batches:
            names.update(batch.names)
        self.series = store_series(self.tx, self.memory.book, names, self.now)
        verdicts = store_samples(self.tx, samples, self._sources(whose), self.memory.newest, self.now)
        new = verdicts == 0
        self.sample_ids = samples.column("series_id").to_numpy()[new]
        self.sample_times = samples.column("observed_at").cast(pa.int64()).to_numpy()[new]
        self._tally("samples", verdicts, whose)

    def _small(self, stream: SmallStream) -> None:
        joined = self._joined(stream.name)
        if joined is not None:
            rows, whose = joined
            self._tally(stream.name, store_small(self.tx, stream, rows, self._sources(whose), self.now), whose)

    def _rejected(self) -> None:
        joined = self._joined("rejected")
        if joined is None:
            return
        rows, _ = joined
        store_refused(self.tx, rows, self.now)
        for tally, batch in zip(self.tallies, self.batches, strict=True):
            if "rejected" in batch.tables:
                for stream in batch.tables["rejected"].column("stream").to_pylist():
                    tally.count(stream, "rejected", 1)

    def _sources(self, whose: npt.NDArray[np.int32]) -> pa.Array:
        return pa.array([batch.source for batch in self.batches]).take(pa.array(whose))

    def _tally(self, stream: str, verdicts: Verdicts, whose: npt.NDArray[np.int32]) -> None:
        for outcome, chosen in (("added", verdicts == 0), ("duplicate", verdicts == 1), ("conflict", verdicts >= 2)):
            if chosen.any():
                for number, rows in enumerate(np.bincount(whose[chosen], minlength=len(self.batches)).tolist()):
                    self.tallies[number].count(stream, outcome, rows)


def _pseudonymised(usage: pa.Table, pseudonyms_of: PseudonymsOf) -> pa.Table:
    """`usage` with every user_id replaced by the person's pseudonym; a missing one stays missing."""
    position = usage.schema.get_field_index("user_id")
    encoded = pc.dictionary_encode(usage.column("user_id").combine_chunks())
    people = encoded.dictionary.to_pylist()
    if not people:
        return usage
    pseudonyms = pseudonyms_of(people)
    replaced = pa.array([pseudonyms[person] for person in people], pa.string()).take(encoded.indices)
    return usage.set_column(position, usage.schema.field(position), replaced)
