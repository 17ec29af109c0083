"""Brings the packs' prices into `rates`, once each; a changed price needs a later day, never an edit."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from analytics.pricing import NewRates, new_rates, rates_table
from jobs.schedule import Did, Job
from roomleft.packs import Pack
from warehouse.store import Store, Transaction

log = logging.getLogger(__name__)


def price(store: Store, packs: Mapping[str, Pack], now: datetime) -> NewRates:
    """Store the rates that are new; running it again adds nothing. Raises StoreError."""
    found = new_rates(store, packs, now)
    if found.rows:

        def write(tx: Transaction) -> int:
            return tx.insert("rates", rates_table(found.rows))

        store.run(write, fence="price")
    for contradiction in found.contradictions:
        log.warning("%s", contradiction)
    return found


def price_job(store: Store, packs: Mapping[str, Pack], *, every: timedelta = timedelta(hours=1)) -> Job:
    """The job that prices."""

    def run(now: datetime) -> Did:
        found = price(store, packs, now)
        words = f"{len(found.rows)} new rates"
        if found.contradictions:
            words += f"; {len(found.contradictions)} refused: {found.contradictions[0]}"
        return Did(words, len(found.rows))

    return Job("price", every, run)
