"""Where the money moved from one week to the next: the platforms whose AI cost changed most, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from analytics.anomalies.causes import Causes, causes, cells
from roomleft.packs import Pack
from warehouse.store import Store

LEAST_USD = Decimal("1")
"""A change of less is none."""


@dataclass(frozen=True, slots=True)
class Mover:
    """A platform whose AI cost of a week differs from the week before. `causes.words` says it in words: `+$41: model X +$35; more calls`."""

    platform: str
    title: str
    usd: Decimal
    before_usd: Decimal
    causes: Causes

    @property
    def change_usd(self) -> Decimal:
        """How much more than the week before."""
        return self.usd - self.before_usd

    @property
    def change(self) -> float | None:
        """The same as a share of the week before; None where that cost nothing."""
        return float(self.change_usd / self.before_usd) if self.before_usd else None


def movers(
    store: Store, packs: Mapping[str, Pack], week: datetime, *, most: int = 5, least_usd: Decimal = LEAST_USD
) -> list[Mover]:
    """The largest changes of AI cost in the seven days before `week` (an instant, the end of the week told of) against the seven before them.

    Greatest first, at most `most`, none below `least_usd`. Raises StoreError.
    """
    found = []
    for slug, pack in packs.items():
        known = cells(store, slug, week - timedelta(days=7), week, 7)
        why = causes(known)
        if abs(why.difference_usd) >= least_usd:
            found.append(Mover(slug, pack.title, why.usd, why.expected_usd, why))
    return sorted(found, key=lambda each: (-abs(each.change_usd), each.platform))[:most]
