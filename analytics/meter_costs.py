"""What infrastructure costs over a span: each month's price spread evenly over the seconds of that month, in the costs' own zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from roomleft.limits import Limit, Reading
from roomleft.packs import Pack
from roomleft.packs_meters import InfrastructureCostMeter
from roomleft.timespan import Period, Window, midnight

if TYPE_CHECKING:
    from analytics.meters import Meters


def infrastructure_usd(pack: Pack, since: datetime, until: datetime, parts: Sequence[str] | None = None) -> Decimal:
    """Dollars for [since, until); a whole calendar month costs exactly its items. `parts` picks items by id."""
    if pack.costs is None:
        return Decimal(0)
    zone = ZoneInfo(pack.costs.zone)
    month = Window(Period.MONTH, zone)
    total = Decimal(0)
    at = since
    while at < until:
        begin, end = month.bounds(at)
        whole = Decimal((end - begin).total_seconds())
        for item in pack.cost_items():
            if parts is not None and item.id not in parts:
                continue
            low = max(since, begin, midnight(item.valid_from, zone) if item.valid_from else begin)
            high = min(until, end, midnight(item.until, zone) if item.until else end)
            if low < high:
                total += item.usd_per_month * Decimal((high - low).total_seconds()) / whole
        at = end
    return total


def infrastructure_cost(meters: Meters, meter: InfrastructureCostMeter, limit: Limit) -> Reading:
    """What the pack's items cost in the window so far. Known at any time, so never stale."""
    start, end, _ = meters.span(meter, limit)
    return Reading(infrastructure_usd(meters.pack, start, end, meter.parts), meters.now, meters.stale_after(meter))
