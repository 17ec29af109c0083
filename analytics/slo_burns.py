"""How many events of an SLO were bad in which window: what burn rates, budgets and their pages are made of.

Asked in batches, a handful of queries for all SLOs and windows. Raw data is read as of `read_to`, so a replay finds what live found.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from analytics.slo_asking import Asking, Burn, Looking, SloView
from analytics.slo_reads import READERS
from roomleft.findings import Unknown

__all__ = ["Burn", "Looking", "SloView", "burns"]

Asks = Iterable[tuple[str, timedelta]]


def burns(view: SloView, asks: Asks, at: datetime) -> dict[tuple[str, timedelta], Burn]:
    """What each SLO says of each window asked for, at an instant. Raises StoreError; what is wrong with one SLO makes that one unknown."""
    spans: dict[str, list[timedelta]] = {}
    found: dict[tuple[str, timedelta], Burn] = {}
    for slo_id, window in dict.fromkeys(asks):
        if slo_id in view.slos:
            spans.setdefault(slo_id, []).append(window)
        else:
            found[slo_id, window] = Burn(slo_id, window, unknown=Unknown.ERROR, words=f"there is no SLO {slo_id}")
    asked = [Asking(number, view.slos[slo_id], each) for number, (slo_id, each) in enumerate(spans.items())]
    for one in asked:
        one.plan(view.packs)
    for read in READERS:
        read(view, [one for one in asked if not one.fault], at)
    for one in asked:
        for window in one.spans:
            found[one.slo.slo_id, window] = one.burn(view, window, at)
    return found
