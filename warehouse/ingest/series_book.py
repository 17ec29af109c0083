"""Naming series fast: from columns of words to series ids, without a Python loop over readings."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from warehouse import tables

Ids = npt.NDArray[np.uint64]
NAMED_BY = ("platform", "component", "name")
MULTIPLIERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)


@dataclass(frozen=True)
class NamedSeries:
    """The series ids of a batch's readings, and what names the series not seen before (id → platform, component, name, labels)."""

    ids: Ids
    unseen: dict[int, tuple[str, str, str, dict[str, str]]]


class SeriesBook:
    """Every series this process has met. Words are numbered once; a series is then known by a fingerprint of its words' numbers.

    Two series whose 64-bit fingerprints agree would be taken for one: with ten million series that is a chance of 3 in a million.
    """

    def __init__(self) -> None:
        # Batches are named on their senders' threads: a word's number must be given out once.
        self._lock = threading.Lock()
        self._words: dict[str, int] = {}
        self._ids: dict[int, int] = {}
        self._names: dict[int, tuple[str, str, str, dict[str, str]]] = {}
        self.stored: set[int] = set()
        """Ids that are in the `series` table."""

    def name(self, samples: pa.Table) -> NamedSeries:
        """The series of each row of `samples` (tables.SAMPLES, one chunk a column)."""
        with self._lock:
            return self._name(samples)

    def _name(self, samples: pa.Table) -> NamedSeries:
        prints = np.zeros(samples.num_rows, dtype=np.uint64)
        with np.errstate(over="ignore"):
            for column, multiplier in zip(NAMED_BY, MULTIPLIERS, strict=True):
                prints = _mix(prints + multiplier * (self._numbers(samples.column(column).chunk(0)) + np.uint64(1)))
            prints = _mix(prints ^ self._label_prints(samples.column("labels").chunk(0)))
        encoded = pa.array(prints).dictionary_encode()
        which = encoded.indices.to_numpy()
        fingerprints: list[int] = encoded.dictionary.to_pylist()
        self._meet({number: print for number, print in enumerate(fingerprints) if print not in self._ids}, which, samples)
        ids = np.array([self._ids[fingerprint] for fingerprint in fingerprints], dtype=np.uint64)
        unseen = {series: self._names[series] for series in ids.tolist() if series not in self.stored}
        return NamedSeries(ids[which], unseen)

    def remember_stored(self, ids: set[int]) -> None:
        """These are in the `series` table now; their names need not be kept here any longer."""
        with self._lock:
            self.stored |= ids
            for series in ids:
                self._names.pop(series, None)

    def _meet(self, fingerprints: dict[int, int], which: npt.NDArray[np.int32], samples: pa.Table) -> None:
        """Names series met for the first time: a fingerprint by its number in the batch; `which` is each row's number."""
        if not fingerprints:
            return
        numbers, rows = np.unique(which, return_index=True)
        first = dict(zip(numbers.tolist(), rows.tolist(), strict=True))
        found = samples.select((*NAMED_BY, "labels")).take(pa.array([first[number] for number in fingerprints])).to_pylist()
        for fingerprint, row in zip(fingerprints.values(), found, strict=True):
            platform, component, name = (str(row[column]) for column in NAMED_BY)
            labels = dict(row["labels"] or ())
            series = tables.series_id(platform, component, name, labels)
            self._ids[fingerprint] = series
            if series not in self.stored:
                self._names[series] = (platform, component, name, labels)

    def _numbers(self, column: pa.Array) -> Ids:
        """Each word's number, the same in every batch."""
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        words = self._words
        numbers = np.array([words.setdefault(word, len(words)) for word in encoded.dictionary.to_pylist()], dtype=np.uint64)
        if not len(numbers):
            return np.zeros(len(column), dtype=np.uint64)
        each: Ids = numbers[encoded.indices.to_numpy(zero_copy_only=False)]
        return each

    def _label_prints(self, labels: pa.Array) -> Ids:
        """A fingerprint of each row's labels that does not depend on their order."""
        offsets = labels.offsets.to_numpy()
        if offsets[-1] == offsets[0]:
            return np.zeros(len(labels), dtype=np.uint64)
        pairs = _mix((self._numbers(labels.keys) << np.uint64(32)) + self._numbers(labels.items) + np.uint64(1))
        # Sums of each row's stretch by differences of one running sum; unsigned overflow cancels out.
        running = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(pairs, dtype=np.uint64)])
        sums: Ids = running[offsets[1:]] - running[offsets[:-1]]
        return sums


def _mix(numbers: Ids) -> Ids:
    """Spreads every bit over the word (the finaliser of splitmix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def series_table(names: dict[int, tuple[str, str, str, dict[str, str]]], now: datetime) -> pa.Table:
    """The `series` rows of newly met series."""
    rows = [
        {"series_id": series, "platform": p, "component": c, "name": n, "labels": list(labels.items()), "seen_at": now}
        for series, (p, c, n, labels) in names.items()
    ]
    return pa.Table.from_pylist(rows, schema=tables.SERIES)
