"""Keeps prices and the costs that wait for them in order: packs' prices into `rates`, once each; what the lists and contracts say now; rates
of models that a platform runs itself; and costs of events whose price became known after they came in.

A changed price needs a later day, never an edit, and no run touches closed books.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from analytics.catalogue import Catalogue
from analytics.pricing import NewRates, new_rates, rates_table
from analytics.self_hosted import due_rates
from jobs.late_prices import LatePrices
from jobs.schedule import Did, Job
from roomleft.packs import Pack
from warehouse.ingest.rate_book import add_rates
from warehouse.revisions import REVISING
from warehouse.state.closed_periods import ClosedPeriods
from warehouse.store import Store, Transaction

log = logging.getLogger(__name__)
PRICE = "price"
"""The job's name."""
PAIRS = """
SELECT DISTINCT provider, model FROM rates WHERE platform = '' OR starts_with(catalogue, 'contract')
UNION SELECT DISTINCT provider, model FROM usage_15m WHERE unpriced_requests > 0 AND provider IS NOT NULL AND model IS NOT NULL
ORDER BY ALL
"""


def price(store: Store, packs: Mapping[str, Pack], now: datetime) -> NewRates:
    """Store the packs' rates that are new; running it again adds nothing. Raises StoreError."""
    found = new_rates(store, packs, now)
    if found.rows:

        def write(tx: Transaction) -> int:
            return tx.insert("rates", rates_table(found.rows))

        store.run(write, fence=REVISING)
    for contradiction in found.contradictions:
        log.warning("%s", contradiction)
    return found


def price_job(
    store: Store,
    packs: Mapping[str, Pack],
    catalogue: Catalogue | None = None,
    closed: ClosedPeriods | None = None,
    *,
    every: timedelta = timedelta(minutes=2),
) -> Job:
    """The job that prices. Without a `catalogue` only packs' prices are looked after."""
    late = LatePrices(store, closed)

    def run(now: datetime) -> Did:
        found = price(store, packs, now)
        added = len(found.rows)
        if catalogue is not None:
            added += _from_lists(store, catalogue, now)
        for slug, pack in packs.items():
            due = due_rates(store, pack, now)
            if due.rows:
                store.run(lambda tx, rows=due.rows: tx.insert("rates", rates_table(rows)), fence=REVISING)  # type: ignore[misc]
                added += len(due.rows)
            late.measure(slug, due.measured)
        revised, more = late.run(now)
        words = f"{added} new rates"
        if revised:
            words += f", {revised} costs revised"
        if found.contradictions:
            words += f"; {len(found.contradictions)} refused: {found.contradictions[0]}"
        return Did(words, added + revised, more=more)

    return Job(PRICE, every, run)


def _from_lists(store: Store, catalogue: Catalogue, now: datetime) -> int:
    """What the price lists and contracts say beyond what is stored, of every model ever seen."""
    pairs = [(row["provider"], row["model"]) for row in store.select(PAIRS).to_pylist()]
    if not pairs:
        return 0
    fresh = catalogue.rates_of(pairs, now)
    return store.run(lambda tx: add_rates(tx, pairs, fresh, now), fence=REVISING)
