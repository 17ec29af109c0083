"""Meters over health checks: minutes in which something critical failed."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from roomleft.limits import Limit, Reading
from roomleft.packs_meters import FailingMinutesMeter

if TYPE_CHECKING:
    from analytics.meters import Meters

MINUTE = timedelta(minutes=1)
RECENT = timedelta(hours=6)


def bad_minutes(meters: Meters, meter: FailingMinutesMeter, since: datetime) -> list[datetime]:
    """Every minute from `since` on in which a check of the meter's components failed."""
    rows = meters.store.rows(
        "meter_failing_minutes",
        platform=meters.pack.slug,
        components=meter.components,
        checks=meter.checks,
        minutes=max(1, math.ceil(meter.every / MINUTE)),
        since=since,
        until=meters.now,
    )
    return [row["minute"] for row in rows]


def failing_minutes(meters: Meters, meter: FailingMinutesMeter, limit: Limit) -> Reading:
    """How many such minutes the window holds."""
    start, end, _ = meters.span(meter, limit)
    stale_after = max(meters.stale_after(meter), 3 * meter.every)
    asked = {"platform": meters.pack.slug, "components": meter.components, "checks": meter.checks, "until": end}
    observed_at = None
    for since in (end - RECENT, start):
        observed_at = meters.store.rows("meter_health_newest", since=since, **asked)[0]["observed_at"]
        if observed_at is not None:
            break
    if observed_at is None:
        return Reading(None, None, stale_after, reason=f"no health checks of {' or '.join(meter.components)} in the window")
    bad = bad_minutes(meters, meter, start)
    first_over = bad[int(limit.amount)] if limit.amount_per is None and len(bad) > limit.amount else None
    return Reading(Decimal(len(bad)), observed_at, stale_after, first_over_at=first_over)
