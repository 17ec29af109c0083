"""Readings of many series in memory, and what had arrived of them at each of many instants. Times are microseconds since 1970.

One instant or many: the sums are the same additions in the same order, so that a replay agrees with what was seen live to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
MOST_PAIRS = 4_000_000
"""How many (instant, reading) pairs are worked on at once."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US = timedelta(microseconds=1)
NEVER = np.int64(-(2**62))


def us(instant: datetime) -> int:
    """An instant as microseconds since 1970."""
    return (instant - EPOCH) // US


def span_us(span: timedelta) -> int:
    """A length of time in microseconds."""
    return span // US


def instant_of(at_us: int) -> datetime:
    """The instant so many microseconds after 1970."""
    return EPOCH + timedelta(microseconds=int(at_us))


def micros(column: pa.ChunkedArray) -> Ints:
    """A column of instants as microseconds since 1970; NULL as NEVER."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    numbers = whole.cast(pa.int64())
    if numbers.null_count:
        numbers = numbers.fill_null(int(NEVER))
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.int64)


@dataclass(frozen=True)
class Instants:
    """Instants in order, and for each up to when what had arrived may be read; that too never goes back."""

    at: Ints
    read_to: Ints

    @classmethod
    def of(cls, at: datetime, read_to: datetime) -> Instants:
        """One instant."""
        return cls(np.array([us(at)], dtype=np.int64), np.array([us(read_to)], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.at)

    def before(self, offset_us: int) -> Instants:
        """The same reads of data as it was so long before."""
        return Instants(self.at - offset_us, self.read_to) if offset_us else self

    def shown(self, observed: Ints, arrived: Ints, delay_us: int | Ints = 0) -> Ints:
        """For each row the index of the first instant that sees it as at least `delay_us` old; the number of instants if none does."""
        if len(self.at) == 1:
            seen = (observed + delay_us <= self.at[0]) & (arrived <= self.read_to[0])
            return np.where(seen, 0, 1)
        return np.maximum(
            np.searchsorted(self.at, observed + delay_us, "left"), np.searchsorted(self.read_to, arrived, "left")
        ).astype(np.int64)


@dataclass(frozen=True)
class Tape:
    """Readings sorted by series and time. `series` is each row's place among `count` series; `null` marks the end of a series."""

    count: int
    series: Ints
    observed: Ints
    arrived: Ints
    value: Floats
    null: Flags

    @classmethod
    def of(cls, ids: npt.NDArray[np.uint64], *tables: pa.Table) -> Tape:
        """The rows (series_id, observed_at, ingested_at, value) of these sorted ids."""
        parts = [table for table in tables if table.num_rows]
        if not parts:
            none = np.zeros(0, dtype=np.int64)
            return cls(len(ids), none, none, none, np.zeros(0), np.zeros(0, dtype=bool))
        table = pa.concat_tables(parts) if len(parts) > 1 else parts[0]
        given = table["series_id"].to_numpy()
        series = np.searchsorted(ids, given).astype(np.int64)
        column = table["value"].combine_chunks()
        null = np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=bool)
        value = np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
        observed = micros(table["observed_at"])
        order = _order(series, observed)
        # Series that nobody asked for are left out.
        series[series == len(ids)] = 0
        order = order[ids[series[order]] == given[order]]
        return cls(len(ids), series[order], observed[order], micros(table["ingested_at"])[order], value[order], null[order])

    def only(self, rows: Rows) -> Tape:
        """The same series with some of the readings alone."""
        return Tape(self.count, self.series[rows], self.observed[rows], self.arrived[rows], self.value[rows], self.null[rows])

    def newest(self, instants: Instants, delay_us: int | Ints = 0) -> Rows:
        """For each series and instant the row of its newest reading that is at least `delay_us` old; -1 where there is none."""
        found = np.full((self.count, len(instants)), -1, dtype=np.int64)
        shown = instants.shown(self.observed, self.arrived, delay_us)
        rows = np.flatnonzero(shown < len(instants))
        # Of several rows of one place the last, which is the newest, stays.
        found[self.series[rows], shown[rows]] = rows
        if len(instants) > 1:
            np.maximum.accumulate(found, axis=1, out=found)
        return found

    def pairs(self, instants: Instants, reach_us: int | Ints) -> Iterator[tuple[Ints, Rows]]:
        """Every (series and instant, row) where the row is one of the last `reach_us` and a finite number: keys `series * instants + instant`,
        sorted, and each key's rows in the order of time. In blocks, each with all the rows of its keys."""
        n = len(instants)
        shown = instants.shown(self.observed, self.arrived)
        if n == 1:
            recent = self.observed + reach_us > instants.at[0]
            rows = np.flatnonzero((shown == 0) & recent & np.isfinite(self.value) & ~self.null)
            yield self.series[rows], rows
            return
        until = np.searchsorted(instants.at, self.observed + reach_us, "left").astype(np.int64)
        rows = np.flatnonzero((shown < until) & np.isfinite(self.value) & ~self.null)
        total = int((until[rows] - shown[rows]).sum())
        blocks = max(1, min(n, -(-total // MOST_PAIRS)))
        edges = np.linspace(0, n, blocks + 1).astype(np.int64)
        for low, high in pairwise(edges.tolist()):
            first, last = np.clip(shown[rows], low, high), np.clip(until[rows], low, high)
            many = last - first
            expanded = np.repeat(rows, many)
            steps = np.arange(len(expanded)) - np.repeat(np.cumsum(many) - many, many)
            keys = self.series[expanded] * n + np.repeat(first, many) + steps
            order = np.argsort(keys, kind="stable")
            yield keys[order], expanded[order]


def _order(series: Ints, observed: Ints) -> Rows:
    """The order of series and, within each, of time."""
    if not len(series) or (np.diff(observed) < 0).any() or int(series.max()) >= 2**16:
        return np.lexsort((observed, series))
    # In order of time already, as they were stored: numbers this small are sorted by counting.
    return np.argsort(series.astype(np.uint16), kind="stable")


def added(keys: Ints, weights: Floats, size: int) -> Floats:
    """The sum of each key's weights, added one after another in their order."""
    total: Floats = np.bincount(keys, weights=weights, minlength=size).astype(np.float64, copy=False)
    return total


def per_series(tape: Tape, instants: Instants, over_us: int | Ints, over_time: str) -> Floats:
    """The mean, max or min of each series in the last `over_us` of each instant; NaN where it gave no number. Shape (series, instants)."""
    n = len(instants)
    size = tape.count * n
    sums, counts = np.zeros(size), np.zeros(size)
    best = np.full(size, -np.inf if over_time == "max" else np.inf)
    for keys, rows in tape.pairs(instants, over_us):
        values = tape.value[rows]
        counts += np.bincount(keys, minlength=size)
        if over_time == "mean":
            sums += added(keys, values, size)
        elif len(keys):
            starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
            ufunc: Any = np.maximum if over_time == "max" else np.minimum
            best[keys[starts]] = ufunc.reduceat(values, starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = sums / counts if over_time == "mean" else best
    found[counts == 0] = np.nan
    return found.reshape(tape.count, n)
