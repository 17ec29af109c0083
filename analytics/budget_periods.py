"""The periods of a budget that are over: what there was, what was carried into each, what was used. By the amounts that held at each period's end,
so a change that was dated back shows in the periods since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from analytics.meters import Meters
from roomleft.errors import RoomleftError
from roomleft.limits import Limit
from roomleft.packs import Pack
from warehouse.store import Store

MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PastPeriod:
    """One period [start, end). `used` None: nothing is known of it. `whole`: data covers it from its beginning."""

    start: datetime
    end: datetime
    own_amount: Decimal
    rolled_over: Decimal
    used: Decimal | None
    lower_bound: bool
    whole: bool

    @property
    def amount(self) -> Decimal:
        """All there was in the period."""
        return self.own_amount + self.rolled_over


def past_periods(store: Store, pack: Pack, limit: Limit, now: datetime, count: int = 6) -> list[PastPeriod]:
    """The last periods, newest first; none for a limit without calendar periods or with an amount that depends on another meter."""
    if limit.window is None or limit.window.span is not None or limit.amount_per is not None:
        return []
    meters = Meters(store, pack, now)
    found: list[PastPeriod] = []
    end = limit.window.bounds(now)[0]
    for _ in range(count + 1):
        start = limit.window.bounds(end - MOMENT)[0]
        try:
            reading = meters.window_over(limit.window, end).read(limit.meter_id, limit)
        except RoomleftError:
            break
        own = limit.amount_at(end - MOMENT)
        if not own and limit.amount:
            break  # It was not there yet.
        known = reading.amount is not None
        if found and limit.rollover and known and reading.covers is None:
            assert reading.amount is not None, "it is known"
            newer = found[-1]
            left = max(Decimal(0), own - reading.amount)
            found[-1] = PastPeriod(newer.start, newer.end, newer.own_amount, left, newer.used, newer.lower_bound, newer.whole)
        found.append(
            PastPeriod(start, end, own, Decimal(0), reading.amount, reading.lower_bound, known and reading.covers is None)
        )
        first_at = meters.usage().first_at
        if not known or (first_at is not None and first_at >= start):
            break
        end = start
    return found[:count]
