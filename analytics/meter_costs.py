"""What infrastructure costs over a span: each month's price spread evenly over the seconds of that month, in the costs' own zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from analytics.infrastructure import item_usd
from roomleft.limits import Limit, Reading
from roomleft.packs import Pack
from roomleft.packs_meters import InfrastructureCostMeter

if TYPE_CHECKING:
    from analytics.meters import Meters


def infrastructure_usd(pack: Pack, since: datetime, until: datetime, parts: Sequence[str] | None = None) -> Decimal:
    """Dollars for [since, until), the same that the spread rows add up to; a whole month costs exactly its items. `parts` picks items by id."""
    if pack.costs is None:
        return Decimal(0)
    zone = ZoneInfo(pack.costs.zone)
    items = [item for item in pack.cost_items() if parts is None or item.id in parts]
    return sum((item_usd(item, zone, since, until) for item in items), Decimal(0))


def infrastructure_cost(meters: Meters, meter: InfrastructureCostMeter, limit: Limit) -> Reading:
    """What the pack's items cost in the window so far. Known at any time, so never stale."""
    start, end, _ = meters.span(meter, limit)
    return Reading(infrastructure_usd(meters.pack, start, end, meter.parts), meters.now, meters.stale_after(meter))
