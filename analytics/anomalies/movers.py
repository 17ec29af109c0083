"""Where the money moved from one week to the next: the platforms whose AI cost changed most, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from analytics.anomalies.causes import Causes, causes, cells
from analytics.ledger import quarter_of
from analytics.meter_usage import usage_freshness
from roomleft.packs import Pack
from warehouse.store import Store

WEEK = timedelta(days=7)
LEAST_USD = Decimal("5")
"""A change of less in a week is none."""
FIRST = timedelta(days=1)
"""How long the first call may be in coming: where nobody calls by night, a week that is whole begins with silence."""
LEAST_SHARE = Decimal("0.01")
"""Nor is one of less than this share of the dearer of the two weeks: costs differ by as much from any week to the next."""


@dataclass(frozen=True, slots=True)
class Mover:
    """A platform whose AI cost of the seven days before `until` differs from the seven before them. `causes.words` says it in words:
    `+$41: model X +$35; more calls`."""

    platform: str
    title: str
    usd: Decimal
    before_usd: Decimal
    causes: Causes
    until: datetime

    @property
    def change_usd(self) -> Decimal:
        """How much more than the week before."""
        return self.usd - self.before_usd

    @property
    def change(self) -> float | None:
        """The same as a share of the week before; None where that cost nothing."""
        return float(self.change_usd / self.before_usd) if self.before_usd else None


def movers(
    store: Store, packs: Mapping[str, Pack], now: datetime, *, most: int = 5, least_usd: Decimal = LEAST_USD
) -> list[Mover]:
    """The largest changes of AI cost from one week to the next. Both are seven whole days: the later one ends with the last quarter hour before `now` of
    which everything is read and rolled up. A platform without usage of both weeks is left out.

    Greatest first, at most `most`, none below `least_usd` or LEAST_SHARE of the dearer week. Raises StoreError.
    """
    found = []
    for slug, pack in packs.items():
        read = usage_freshness(store, pack, now)
        if read.observed_at is None or read.first_at is None:
            continue
        until = quarter_of(read.observed_at)
        if quarter_of(read.first_at) > until - 2 * WEEK + FIRST:
            continue
        why = causes(cells(store, slug, until - WEEK, until, 7))
        if abs(why.difference_usd) >= max(least_usd, LEAST_SHARE * max(why.usd, why.expected_usd)):
            found.append(Mover(slug, pack.title, why.usd, why.expected_usd, why, until))
    return sorted(found, key=lambda each: (-abs(each.change_usd), each.platform))[:most]
