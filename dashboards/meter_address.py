"""What lies behind a point of a limit's chart: the rows of that day which its meter counts, or the readings it takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from dashboards.cost_asked import FILTERS
from dashboards.figures.chart import Figure, behind_days
from dashboards.filters import BETWEEN, Filters
from dashboards.limit_rows import LimitRow
from roomleft.packs import Pack
from roomleft.packs_meters import CostMeter, CountMeter, DistinctUsersMeter, GaugeMeter, InfrastructureCostMeter, RatioMeter
from roomleft.timespan import midnight

ROWS = "/cost/rows"
DAY = timedelta(days=1)


class Behind(NamedTuple):
    """What is found in a word, and its address without a range; both empty where there is none."""

    what: str = ""
    href: str = ""


def behind_meter(pack: Pack | None, meter_id: str, filters: Filters) -> Behind:
    """Where the rows are that a meter is made of. Of a ratio those of its part."""
    meter = pack.meters.get(meter_id) if pack is not None else None
    if pack is None or meter is None:
        return Behind()
    plain: dict[str, str | None] = {**dict.fromkeys(filters.page), "platform": pack.slug, "range": None}
    if isinstance(meter, RatioMeter):
        return behind_meter(pack, meter.part, filters) if meter.part != meter_id else Behind()
    if isinstance(meter, InfrastructureCostMeter):
        return Behind("the items", filters.href(ROWS, **{**plain, "kind": "infrastructure"}))
    if isinstance(meter, CostMeter | CountMeter | DistinctUsersMeter):
        where = meter.where.given()
        if any(name not in FILTERS for name in where):
            return Behind()
        asked = {name: BETWEEN.join(values) for name, values in where.items()}
        return Behind("the calls", filters.href(ROWS, **{**plain, **asked, "kind": "ai"}))
    if isinstance(meter, GaugeMeter) and meter.component is not None:
        live = {**plain, "platform": None, "component": meter.component}
        return Behind("the readings", filters.href(f"/platforms/{pack.slug}/live", **live))
    return Behind()


def leads_to_rows(
    figure: Figure,
    row: LimitRow,
    past: Sequence[tuple[datetime, float | None]],
    pack: Pack | None,
    filters: Filters,
    now: datetime,
) -> None:
    """A click on a day that was opens what is behind it; one on a day to come the chart's own table."""
    found = behind_meter(pack, row.limit.meter_id, filters)
    if not found.href:
        return
    zone = row.limit.window.zone if row.limit.window is not None else filters.zone
    days: dict[datetime, tuple[datetime, datetime]] = {}
    for at, value in past:
        if value is not None:
            # A sum at a day's end is that day's.
            first = midnight((at - timedelta(minutes=1)).astimezone(zone).date(), zone)
            days[at] = (first, min(midnight((first + DAY + timedelta(hours=2)).astimezone(zone).date(), zone), now))
    behind_days(figure, filters.zone, found.what, found.href, days, now)
