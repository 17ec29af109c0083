"""Readings on their way in: a reading is known by its series and its instant, and the first one stored stays."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from warehouse import tables
from warehouse.ingest.series_book import Ids, SeriesBook, series_table
from warehouse.ingest.spans import contiguous, literal
from warehouse.marking import Touched, on_ingest

if TYPE_CHECKING:
    from warehouse.store import Transaction

NEW, DUPLICATE, OTHER_CONTENT = 0, 1, 2
Times = npt.NDArray[np.int64]
STORED = """
SELECT s.row, bool_and(w.value IS DISTINCT FROM s.value) AS differs
FROM suspects AS s
JOIN (SELECT series_id, observed_at, value FROM samples WHERE observed_at >= {low} AND observed_at < {high}) AS w
    ON w.series_id = s.series_id AND w.observed_at = s.observed_at
GROUP BY s.row
"""
REJECT = """
INSERT INTO rejected BY NAME
SELECT c.source, 'samples' AS stream, 'observed_at' AS field, 'this series already has another value at this instant' AS reason,
    'series ' || c.series_id || ' at ' || strftime(c.observed_at, '%Y-%m-%dT%H:%M:%S.%fZ') || ': ' || coalesce(c.value::VARCHAR, 'stale') AS content,
    c.ingested_at AS rejected_at
FROM conflicts AS c
-- A source that keeps sending the same thing again is told once.
ANTI JOIN rejected AS r ON r.source = c.source AND r.stream = 'samples' AND r.content = 'series ' || c.series_id || ' at '
    || strftime(c.observed_at, '%Y-%m-%dT%H:%M:%S.%fZ') || ': ' || coalesce(c.value::VARCHAR, 'stale')
"""


class Newest:
    """The newest stored instant of each series. A reading after it is surely new, so that the usual batch costs no look into the table."""

    def __init__(self) -> None:
        self._ids: Ids = np.empty(0, dtype=np.uint64)
        self._times: Times = np.empty(0, dtype=np.int64)
        self._loaded = False

    def refresh(self, tx: Transaction) -> None:
        """Loads the instants once. On DuckLake other nodes write too, so nothing is taken for known there."""
        if self._loaded or tx.is_lake:
            return
        newest = tx.execute(
            "SELECT series_id, epoch_us(max(observed_at)) AS at FROM samples GROUP BY series_id ORDER BY series_id"
        )
        # Times are changed in place later, which a view of Arrow's memory does not allow.
        self._ids, self._times = newest["series_id"].to_numpy(), np.array(newest["at"].to_numpy(), dtype=np.int64)
        self._loaded = True

    def maybe_stored(self, ids: Ids, times: Times) -> npt.NDArray[np.bool_]:
        """False where a reading is surely not stored."""
        if not self._loaded:
            return np.ones(len(ids), dtype=bool)
        if not len(self._ids):
            return np.zeros(len(ids), dtype=bool)
        at = np.searchsorted(self._ids, ids)
        at[at == len(self._ids)] = 0
        maybe: npt.NDArray[np.bool_] = (self._ids[at] == ids) & (times <= self._times[at])
        return maybe

    def advance(self, ids: Ids, times: Times) -> None:
        """Remembers newly stored readings. Call it after their commit."""
        if not self._loaded or not len(ids):
            return
        ids, times = _newest_of_each(ids, times)
        at = np.searchsorted(self._ids, ids)
        known = at < len(self._ids)
        known[known] = self._ids[at[known]] == ids[known]
        self._times[at[known]] = np.maximum(self._times[at[known]], times[known])
        # Sorting all series again at every commit would cost more than everything else once there are many.
        if not known.all():
            self._ids = np.insert(self._ids, at[~known], ids[~known])
            self._times = np.insert(self._times, at[~known], times[~known])


def _newest_of_each(ids: Ids, times: Times) -> tuple[Ids, Times]:
    order = np.lexsort((times, ids))
    ordered = ids[order]
    last = order[np.append(ordered[1:] != ordered[:-1], True)]
    return ids[last], times[last]


def store_samples(tx: Transaction, samples: pa.Table, sources: pa.Array, newest: Newest, now: datetime) -> npt.NDArray[np.int8]:
    """Stores the new rows of `samples` (series_id, observed_at, value) and marks their buckets; each row's verdict.

    `sources` says whose each row is. A reading of a stored instant with another value is kept out and put into `rejected`.
    """
    newest.refresh(tx)
    ids: Ids = samples.column("series_id").to_numpy()
    times: Times = samples.column("observed_at").cast(pa.int64()).to_numpy()
    verdicts = np.zeros(len(ids), dtype=np.int8)
    _compare_within_batch(samples, ids, times, verdicts)
    suspects = np.flatnonzero(newest.maybe_stored(ids, times) & (verdicts == NEW))
    if len(suspects):
        tx.register("suspects", samples.take(suspects).append_column("row", pa.array(suspects)))
        for low, high in contiguous(times[suspects]):
            found = tx.execute(STORED.format(low=literal(low), high=literal(high)))
            verdicts[found["row"].to_numpy()] = np.where(
                found["differs"].to_numpy(zero_copy_only=False), OTHER_CONTENT, DUPLICATE
            )
    with_arrival = samples.append_column("ingested_at", pa.repeat(pa.scalar(now, tables.INSTANT), len(ids)))
    new = with_arrival if not verdicts.any() else with_arrival.take(np.flatnonzero(verdicts == NEW))
    if new.num_rows:
        tx.insert("samples", new)
        on_ingest(tx, "samples", "new_samples", Touched(times[verdicts == NEW], now), new)
    conflicts = np.flatnonzero(verdicts == OTHER_CONTENT)
    if len(conflicts):
        tx.register("conflicts", with_arrival.take(conflicts).append_column("source", sources.take(pa.array(conflicts))))
        tx.execute(REJECT)
    return verdicts


def _compare_within_batch(samples: pa.Table, ids: Ids, times: Times, verdicts: npt.NDArray[np.int8]) -> None:
    """Of several readings of one series at one instant the first is kept."""
    order = np.lexsort((times, ids))
    repeats = np.zeros(len(order), dtype=bool)
    repeats[1:] = (ids[order][1:] == ids[order][:-1]) & (times[order][1:] == times[order][:-1])
    if not repeats.any():
        return
    kept = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(order))))
    values = samples.column("value")
    for position in np.flatnonzero(repeats).tolist():
        row, original = int(order[position]), int(order[kept[position]])
        first, second = values[original].as_py(), values[row].as_py()
        same = first == second or (first is not None and second is not None and first != first and second != second)
        verdicts[row] = DUPLICATE if same else OTHER_CONTENT


def store_series(
    tx: Transaction, book: SeriesBook, names: dict[int, tuple[str, str, str, dict[str, str]]], now: datetime
) -> set[int]:
    """Adds the series not stored yet; their ids. On DuckLake two nodes may add the same one: readers take distinct ids."""
    missing = {series: name for series, name in names.items() if series not in book.stored}
    if missing:
        tx.insert("series", series_table(missing, now))
    return set(missing)
