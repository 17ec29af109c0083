"""When a limit would be reached at the present pace: three dates from three rates. They are no probabilities; a forecast's dates take their place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from roomleft.limits import Direction, Limit, Pace, Reading

JUST_LASTS = 1e-6
"""Share of the time to the refill by which a run-out must come before it to be told."""
FURTHEST = timedelta(days=365)
"""No date is said beyond this."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Dates:
    """When a limit is reached: early, middle, late."""

    p10: datetime | None = None
    p50: datetime | None = None
    p90: datetime | None = None


def pace_dates(limit: Limit, reading: Reading, remaining: Decimal, pace: Pace, now: datetime) -> Dates:
    """The dates at which the fast, the middle and the slow rate reach the limit; None where a rate does not before the refill, or within a year."""
    rates = (pace.per_day_p10, pace.per_day_p50, pace.per_day_p90)
    known = sorted(rate for rate in rates if rate is not None and math.isfinite(rate))
    if len(known) < 3:
        return Dates()
    # Towards the limit counts positive: a ceiling is reached by growing, a floor by falling. Fastest first.
    towards = sorted((known if limit.direction is Direction.AT_MOST else [-rate for rate in known]), reverse=True)
    return Dates(*(_date(limit, reading, remaining, rate, now) for rate in towards))


def _date(limit: Limit, reading: Reading, remaining: Decimal, per_day: float, now: datetime) -> datetime | None:
    window = limit.window
    if window and window.span is not None and limit.direction is Direction.AT_MOST and reading.amount is not None:
        # What was used drops out of a rolling window evenly, so only the difference fills it.
        span_days = counted_span(reading, window.span).total_seconds() / DAY_S
        per_day -= float(reading.amount) / span_days
    if per_day <= 0:
        return None
    days = float(remaining) / per_day
    if days * DAY_S >= FURTHEST.total_seconds():
        return None
    at = now + timedelta(days=days)
    refill = window.refills_at(now) if window else None
    # A budget that just lasts is not one that runs out: a pace made of readings in whole nano-dollars is not exact.
    if refill is not None and at >= refill - (refill - now) * JUST_LASTS:
        return None
    if window and window.span is not None and at - now > window.span:
        return None
    return at


def counted_span(reading: Reading, span: timedelta) -> timedelta:
    """How much of a rolling window there is data for."""
    if reading.covers is not None and timedelta(0) < reading.covers < span:
        return reading.covers
    return span
