"""Which event ids, and which answers of providers, are stored already, told without reading the warehouse.

The id of an event must be unique over all time, not just within the hours of a batch. Asked of the table, 10 000 ids cost a join with the
whole id_hash column: 110–200 ms over 10 M stored events, more than storing the batch itself. Kept here as sorted 64-bit hashes they cost 4 ms
and 8 bytes an event. The answer is only ever "surely new" or "ask the table": a hash stays here when retention has deleted its event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from roomleft.errors import StoreConflict, StoreError

if TYPE_CHECKING:
    from warehouse.store import Transaction

Hashes = npt.NDArray[np.uint64]
MOST_REMEMBERED = 50_000_000
"""Above this many (400 MB) nothing is remembered, and every id is asked of the table: slower, and as right."""


class KnownIds:
    """The hashes in one column of all stored events, in a few sorted runs of doubling size. Events without one take no room."""

    def __init__(self, most: int = MOST_REMEMBERED, column: str = "id_hash") -> None:
        self._most = most
        self._column = column
        self._runs: list[Hashes] = []
        self._loaded = False
        self._complete = True
        self._snapshot = -1

    def refresh(self, tx: Transaction) -> None:
        """Learns what is stored: everything at first; on DuckLake, at each later call, what any node has added since."""
        if tx.is_lake:
            self._refresh_from_lake(tx)
        elif not self._loaded:
            self._load(tx)

    def maybe_stored(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """False where an id is surely not stored."""
        if not self._complete:
            return np.ones(len(hashes), dtype=bool)
        found = np.zeros(len(hashes), dtype=bool)
        order = np.argsort(hashes)
        # Looked up in order, neighbours share cache lines: three times as fast as in the order they came.
        ordered = hashes[order]
        for run in self._runs:
            at = np.searchsorted(run, ordered)
            at[at == len(run)] = 0
            found[order] |= run[at] == ordered
        return found

    def add(self, hashes: Hashes) -> None:
        """Remembers newly stored ids. Call it after their commit."""
        if not self._complete or not len(hashes):
            return
        self._runs.append(np.sort(hashes))
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            last = self._runs.pop()
            # A stable sort finds the two sorted halves and merges them.
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], last]), kind="stable")
        if sum(map(len, self._runs)) > self._most:
            self._runs, self._complete = [], False

    def _load(self, tx: Transaction) -> None:
        self._runs, self._complete = [], True
        count = tx.execute(f"SELECT count({self._column}) AS n FROM ai_usage")["n"][0].as_py()
        if count > self._most:
            self._complete = False
        elif count:
            self.add(self._hashes(tx.execute(f"SELECT {self._column} FROM ai_usage WHERE {self._column} IS NOT NULL")))
        self._loaded = True

    def _refresh_from_lake(self, tx: Transaction) -> None:
        newest = int(tx.execute("SELECT id FROM ducklake_current_snapshot('warehouse')")["id"][0].as_py())
        if newest == self._snapshot:
            return
        try:
            if self._snapshot < 0:
                self._load(tx)
            else:
                added = (
                    f"SELECT {self._column} FROM ducklake_table_insertions('warehouse', 'main', 'ai_usage', $since, $until)"
                    f" WHERE {self._column} IS NOT NULL"
                )
                self.add(self._hashes(tx.execute(added, {"since": self._snapshot + 1, "until": newest})))
        except StoreError as error:
            # The snapshot we last read is gone (expired by maintenance): the next attempt starts over.
            self._snapshot = -1
            raise StoreConflict("the snapshot last read has expired", hint="the same work may be done again") from error
        self._snapshot = newest

    def _hashes(self, rows: Any) -> Hashes:
        hashes: Hashes = rows.column(self._column).to_numpy()
        return hashes
