"""When a budget or quota ran out, worked out from what was used: for one that had run out already when it was first measured."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from analytics.meters import Meters
from roomleft.limits import Direction, Kind, Limit
from roomleft.packs import Pack
from warehouse.store import Store

QUARTER = timedelta(minutes=15)
ADDED_UP = frozenset({"cost", "count", "infrastructure_cost", "total"})
"""Kinds of meters whose reading of a calendar window only grows."""


def ran_out_at(store: Store, pack: Pack, limit: Limit, amount: Decimal, now: datetime) -> datetime | None:
    """The end of the quarter hour in which the use of the running calendar window exceeded `amount`; None where that cannot be told: another kind of limit,
    a window that data does not cover from its beginning, or one that is not known to be exceeded. Raises StoreError, PackError.
    """
    window = limit.window
    if window is None or window.span is not None or limit.per_user or limit.amount_per is not None or limit.rollover:
        return None
    if limit.kind not in (Kind.BUDGET, Kind.QUOTA) or limit.direction is not Direction.AT_MOST:
        return None
    meters = Meters(store, pack, now)
    if getattr(meters.meter(limit.meter_id), "kind", None) not in ADDED_UP:
        return None
    start = window.bounds(now)[0]

    def is_over(quarters: int) -> bool | None:
        reading = meters.window_over(window, start + quarters * QUARTER).read(limit.meter_id, limit)
        return None if reading.amount is None or reading.covers is not None else reading.amount > amount

    below, over = 0, (now - start) // QUARTER
    if over < 1 or not is_over(over):
        return None
    while over - below > 1:
        middle = (below + over) // 2
        found = is_over(middle)
        if found is None:
            return None
        below, over = (below, middle) if found else (middle, over)
    return start + over * QUARTER
