"""Meters over business days: revenue, users gained and kept, how many come a day, how satisfied they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from analytics.meter_usage import days_of
from roomleft.limits import Limit, Reading
from roomleft.packs_meters import BusinessMeter
from roomleft.timespan import midnight

if TYPE_CHECKING:
    from analytics.meters import Meters

READ_STALE_AFTER = timedelta(hours=3)
"""Business days are read once an hour: three readings."""
PUSHED_STALE_AFTER = timedelta(days=2)
"""Nobody reads days that are pushed or imported, so only the days themselves tell: today's and yesterday's may be missing."""
MEANS = ("daily_users", "satisfaction")
"""What is a mean of the days, not their sum."""


@dataclass(frozen=True, slots=True)
class BusinessFreshness:
    """Until when business days are known (`observed_at`, None: there is none), for how long that holds, and the first day."""

    observed_at: datetime | None
    stale_after: timedelta
    first_day: date | None


def business_freshness(meters: Meters) -> BusinessFreshness:
    """How fresh the platform's business days are as of the meters' instant."""
    found = meters.store.rows("meter_business_freshness", platform=meters.pack.slug, now=meters.now)[0]
    if found["read_at"] is not None:
        return BusinessFreshness(found["read_at"], READ_STALE_AFTER, found["first_day"])
    return BusinessFreshness(found["came_at"], PUSHED_STALE_AFTER, found["first_day"])


def business(meters: Meters, meter: BusinessMeter, limit: Limit) -> Reading:
    """What the window's whole days say; of today as much as has been read."""
    _, end, window = meters.span(meter, limit)
    zone, since, until = days_of(meters, window)
    fresh = meters.business()
    stale_after = meter.stale_after or fresh.stale_after
    if fresh.first_day is None:
        return Reading(None, None, stale_after, reason="no business day has come yet")
    found = meters.store.rows(
        "meter_business",
        platform=meters.pack.slug,
        since=since,
        until=until,
        today=until - timedelta(days=1),
        tiers=meter.tiers,
    )[0]
    value = found[meter.of]
    if value is None:
        why = "no business day has come" if not found["rows_found"] else f"no business day says its {meter.of.replace('_', ' ')}"
        return Reading(None, fresh.observed_at, stale_after, reason=f"{why} in this time")
    begun = midnight(fresh.first_day, ZoneInfo(zone))
    # The window's first day counts whole, so data from that day on covers all of it.
    covers = end - begun if fresh.first_day > since else None
    amount = value if isinstance(value, Decimal) else Decimal(repr(value))
    return Reading(amount, fresh.observed_at, stale_after, covers=covers)


def business_steps(meters: Meters, meter: BusinessMeter, since: datetime, zone: ZoneInfo) -> list[tuple[datetime, float]]:
    """What each day from the one `since` lies in added, at the instant the day began. Only for what adds up."""
    rows = meters.store.rows(
        "meter_business_days",
        platform=meters.pack.slug,
        since=since.astimezone(zone).date(),
        until=meters.now.astimezone(zone).date() + timedelta(days=1),
        tiers=meter.tiers,
    )
    return [(midnight(row["day"], zone), float(row[meter.of])) for row in rows]
