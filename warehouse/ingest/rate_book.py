"""Rates of models seen for the first time: asked for once a process and pair, and stored in the transaction that prices their events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from roomleft.packs import RateRow
from warehouse.ingest.rate_changes import changes
from warehouse.tables import RATES

if TYPE_CHECKING:
    from warehouse.store import Transaction

log = logging.getLogger(__name__)
Pair = tuple[str, str]
"""Provider and model, as the source spells them."""
RatesFor = Callable[[Sequence[Pair]], Sequence[RateRow]]
"""Every price of these pairs as it is known now."""
STORED = """
SELECT * FROM rates WHERE list_contains($providers::VARCHAR[], provider) AND list_contains($models::VARCHAR[], model)
"""


class RateBook:
    """Which pairs were asked for. A transaction that fails asks again; `committed` makes sure that one that does not never will."""

    def __init__(self) -> None:
        self._asked: set[Pair] = set()
        self._pending: set[Pair] = set()
        self._now: datetime | None = None
        self.rates_for: RatesFor | None = None

    def begin(self, now: datetime) -> None:
        """A transaction begins, perhaps again."""
        self._pending, self._now = set(), now

    def committed(self) -> None:
        """What the transaction asked for is stored."""
        self._asked |= self._pending
        self._pending = set()

    def resolve(self, tx: Transaction, pairs: set[Pair]) -> int:
        """Stores the rates of pairs that were never asked for; how many rows that were."""
        fresh = sorted(pairs - self._asked - self._pending)
        if not fresh or self.rates_for is None or self._now is None:
            return 0
        try:
            rows = self.rates_for(fresh)
        except Exception:
            # Events must be stored whatever a price list does: these are unpriced, and the next batch asks again.
            log.exception("no prices could be resolved of %d models", len(fresh))
            return 0
        self._pending |= set(fresh)
        return add_rates(tx, fresh, rows, self._now)


def add_rates(tx: Transaction, pairs: Sequence[Pair], fresh: Sequence[RateRow], now: datetime) -> int:
    """Stores what `fresh` says beyond what is stored of `pairs`; how many rows that were."""
    rows = changes(stored_rates(tx, pairs), fresh, now)
    if rows:
        tx.insert("rates", pa.Table.from_pylist([row._asdict() for row in rows], schema=RATES))
    return len(rows)


def stored_rates(tx: Transaction, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """The rates stored of these pairs."""
    wanted = set(pairs)
    found = tx.execute(STORED, {"providers": sorted({p for p, _ in pairs}), "models": sorted({m for _, m in pairs})}).to_pylist()
    return [row for row in found if (row["provider"], row["model"]) in wanted]
