"""How fast readings move: the recent past, as three rates a day. How a forecast's outlook and a pace live together: `analytics.ahead`.

Three kinds of past, by what the limit is:
- a calendar window fills: what was used on each of the last 14 complete days of the window's zone;
- a rolling window fills and empties: the rates of the last hour, 6 hours and 3 days, lowest to highest
  (business days have no hours: the last 14 complete days);
- a level drifts: robust slopes (Theil-Sen) between its values on the last 14 complete days.
Fewer than 7 days of data give no pace.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from analytics.meter_business import MEANS, business_steps
from analytics.meter_costs import infrastructure_usd
from analytics.meter_health import bad_minutes
from analytics.meter_usage import usage_steps
from analytics.meters import Meters
from roomleft.limits import Limit, Pace
from roomleft.packs import Pack
from roomleft.packs_meters import (
    COMPOSED,
    BusinessMeter,
    CostMeter,
    CountMeter,
    DistinctUsersMeter,
    FailingMinutesMeter,
    IncreaseMeter,
    InfrastructureCostMeter,
    Meter,
    SqlMeter,
)
from roomleft.timespan import local_days
from warehouse.store import Store

DAYS = 14
ENOUGH_DAYS = 7
WEEK = 7
RECENT = (timedelta(hours=1), timedelta(hours=6), timedelta(days=3))
SECONDS_A_DAY = 86_400.0


def recent_pace(store: Store, pack: Pack, limit: Limit, now: datetime) -> Pace:
    """The recent rate of what the limit is measured by, in its unit a day. Raises StoreError."""
    return pace_of(Meters(store, pack, now), limit)


def pace_of(meters: Meters, limit: Limit) -> Pace:
    """The same over meters that were already read."""
    meter = meters.meter(limit.meter_id)
    if limit.per_user:
        return Pace.none("no pace for a limit that every user has apart")
    if isinstance(meter, SqlMeter):
        return Pace.none("no pace for a figure that a query works out")
    means = isinstance(meter, BusinessMeter) and meter.of in MEANS
    if limit.window is None or meter.kind in COMPOSED or means:
        return _level_pace(meters, limit)
    if limit.window.span is not None and not isinstance(meter, BusinessMeter):
        return _rolling_pace(meters, meter, limit)
    return _filling_pace(meters, meter, limit)


def changes_by_the_minute(limit: Limit) -> bool:
    """Whether a limit's pace must be taken anew at every measurement: a rolling window's burn; the others move by the day."""
    return limit.window is not None and limit.window.span is not None


def _complete_days(now: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The last 14 local days that are over, oldest first."""
    days = local_days(now - timedelta(days=DAYS + 2), now, zone)
    return [(start, end) for _, start, end in days if end <= now][-DAYS:]


def _filling_pace(meters: Meters, meter: Meter, limit: Limit) -> Pace:
    assert limit.window is not None, "only a limit with a window fills"
    if isinstance(meter, InfrastructureCostMeter):
        return _fixed_pace(meters, meter, limit)
    if not isinstance(meter, (CostMeter, CountMeter, IncreaseMeter, FailingMinutesMeter, BusinessMeter)):
        return Pace.none(f"no pace for a meter of kind {meter.kind}")
    zone = limit.window.zone if limit.window.span is None else ZoneInfo(meters.pack.zone)
    days = _complete_days(meters.now, zone)
    if isinstance(meter, BusinessMeter):
        steps = business_steps(meters, meter, days[0][0], zone)
        first_at = steps[0][0] if steps else None
    else:
        steps, first_at = _steps(meters, meter, days[0][0])
    seen = [(start, end) for start, end in days if first_at is not None and first_at <= start]
    if len(seen) < ENOUGH_DAYS:
        return Pace.none(_too_few(len(seen)))
    # A day of 23 or 25 hours counts by its length, so that all rates are per 24 hours.
    daily = [
        sum(amount for at, amount in steps if start <= at < end) * SECONDS_A_DAY / (end - start).total_seconds()
        for start, end in seen
    ]
    # Whole weeks only, so that every weekday weighs the same.
    whole = daily[-(len(daily) // WEEK) * WEEK :]
    return _spread(sum(whole) / len(whole), _block_means(daily), f"recent rate, {len(whole)} days")


def _steps(meters: Meters, meter: Meter, since: datetime) -> tuple[list[tuple[datetime, float]], datetime | None]:
    """What was used, step by step, and when data began."""
    if isinstance(meter, (CostMeter, CountMeter)):
        return [(at, float(amount)) for at, amount in usage_steps(meters, meter, since, meters.now)], meters.usage().first_at
    if isinstance(meter, IncreaseMeter):
        found = meters.rises(meter, since)
        return list(found.steps), found.steps[0][0] if found.steps else None
    assert isinstance(meter, FailingMinutesMeter), "the other kinds have no steps"
    return [(minute, 1.0) for minute in bad_minutes(meters, meter, since)], since


def _fixed_pace(meters: Meters, meter: InfrastructureCostMeter, limit: Limit) -> Pace:
    assert limit.window is not None, "checked by the caller"
    tomorrow = meters.now + timedelta(days=1)
    # Not past the window's end: the next month's days may be shorter, and so cost more each.
    until = min(tomorrow, limit.window.bounds(meters.now)[1]) if limit.window.span is None else tomorrow
    cost = infrastructure_usd(meters.pack, meters.now, until, meter.parts)
    rate = float(cost) * SECONDS_A_DAY / (until - meters.now).total_seconds()
    return Pace(rate, rate, rate, "fixed monthly costs")


def _rolling_pace(meters: Meters, meter: Meter, limit: Limit) -> Pace:
    if not isinstance(meter, (CostMeter, CountMeter, IncreaseMeter, FailingMinutesMeter)):
        return Pace.none(f"no pace for a meter of kind {meter.kind}")
    if isinstance(meter, IncreaseMeter):
        # Asked as the reading was, so that it costs nothing more.
        start = meters.span(meter, limit)[0]
        found = meters.rises(meter, start)
        steps, first_at = list(found.steps), found.steps[0][0] if found.steps else None
    else:
        steps, first_at = _steps(meters, meter, meters.now - RECENT[-1])
    if first_at is None or meters.now - first_at < RECENT[0]:
        return Pace.none("less than an hour of data")
    known = [span for span in RECENT if meters.now - first_at >= span]
    rates = sorted(
        sum(amount for at, amount in steps if at >= meters.now - span) * SECONDS_A_DAY / span.total_seconds() for span in known
    )
    while len(rates) < len(RECENT):
        rates.append(rates[-1])
    words = {1: "rate of the last hour", 2: "rates of the last 1 h and 6 h", 3: "rates of the last 1 h, 6 h and 3 d"}[len(known)]
    return Pace(rates[0], rates[1], rates[2], words)


def _level_pace(meters: Meters, limit: Limit) -> Pace:
    if isinstance(meters.meter(limit.meter_id), DistinctUsersMeter):
        return Pace.none("no pace for a number of users")
    days = _complete_days(meters.now, limit.window.zone if limit.window else ZoneInfo(meters.pack.zone))
    meters.past.announce(end for _, end in days)
    levels: list[tuple[int, float]] = []
    for number, (_, end) in enumerate(days):
        reading = meters.at(end).read(limit.meter_id, limit)
        fresh = reading.observed_at is not None and reading.observed_at >= end - timedelta(days=1)
        whole = reading.covers is None
        if reading.amount is not None and fresh and whole:
            levels.append((number, float(reading.amount)))
    if len(levels) < ENOUGH_DAYS:
        return Pace.none(_too_few(len(levels)))
    return slopes(levels, f"recent rate, {len(levels)} days")


def slopes(levels: Sequence[tuple[int, float]], basis: str) -> Pace:
    """Theil-Sen: slopes between days at least half the span apart, since neighbours tell mostly noise. p50 is their median."""
    apart = max(1, (levels[-1][0] - levels[0][0] + 1) // 2)
    found = [(b - a) / (j - i) for n, (i, a) in enumerate(levels) for j, b in levels[n + 1 :] if j - i >= apart]
    return _spread(median(found), found, basis)


def _block_means(daily: Sequence[float]) -> list[float]:
    """Means of every run of a week, or of three days where there are not two weeks."""
    length = WEEK if len(daily) >= 2 * WEEK else 3
    return [sum(daily[i : i + length]) / length for i in range(len(daily) - length + 1)]


def _spread(middle: float, seen: Sequence[float], basis: str) -> Pace:
    low, high = quantile(seen, 0.1), quantile(seen, 0.9)
    return Pace(min(low, middle), middle, max(high, middle), basis)


def quantile(values: Sequence[float], share: float) -> float:
    """The quantile of some values, straight lines between them."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _too_few(days: int) -> str:
    return f"{days} of {ENOUGH_DAYS} days needed"
