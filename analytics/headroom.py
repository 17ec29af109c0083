"""The one function: a limit, a reading and a pace make headroom. Pure; every surface shows its result and computes nothing itself.

A ceiling (at_most): remaining = amount - used, fraction_left = remaining / amount; exhausted when used > amount (equal is full, not broken).
A floor (at_least): remaining = reading - floor, fraction_left = remaining / max(reading, floor); exhausted when reading < floor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from analytics.wording import amount_text, date_text, span_text
from roomleft.limits import Direction, Freshness, Headroom, Limit, Pace, Reading, State

JUST_LASTS = 1e-6
"""Share of the time to the refill by which a run-out must come before it to be told."""
FURTHEST = timedelta(days=365)
"""No date is said beyond this."""
SOON = timedelta(days=30)
"""A stock that runs out sooner than this, or than its next step takes, is tight."""
LARGEST = Decimal("1e27")
"""What a stored amount can hold."""
GRAIN = Decimal("0.000000001")
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class _Dates:
    p10: datetime | None = None
    p50: datetime | None = None
    p90: datetime | None = None


def headroom(limit: Limit, reading: Reading | None, pace: Pace, now: datetime) -> Headroom:
    """How much room `limit` has left. Never raises for odd readings: what cannot be told is `unknown`, with the reason in words."""
    start, end = limit.window.bounds(now) if limit.window else (None, None)
    why = _why_unknown(limit, reading, now)
    if why or reading is None or reading.amount is None:
        return _unknown(limit, reading, why, now, start, end)
    used = reading.amount
    ceiling = limit.direction is Direction.AT_MOST
    remaining = limit.amount - used if ceiling else used - limit.amount
    fraction = _fraction(remaining, limit.amount if ceiling else max(used, limit.amount))
    if remaining < 0:
        over = reading.first_over_at
        dates, state = _Dates(over, over, over), State.EXHAUSTED
    else:
        dates = _dates(limit, reading, remaining, pace, now)
        state = State.TIGHT if fraction <= float(limit.tight_below) or _runs_out_soon(limit, dates, now) else State.OK
    return Headroom(
        limit_id=limit.limit_id,
        platform=limit.platform,
        kind=limit.kind,
        unit=limit.unit,
        amount=_stored(limit.amount),
        used=_stored(used),
        remaining=_stored(remaining),
        fraction_left=fraction,
        state=state,
        reason=_with_doubt(_reason(limit, used, fraction, state, dates, now), reading),
        burn_rate=_burn_rate(limit, reading, pace, now) if ceiling else None,
        exhausts_p10=dates.p10,
        exhausts_p50=dates.p50,
        exhausts_p90=dates.p90,
        p_breach=pace.p_breach,
        window_start=start,
        window_end=end,
        subject=reading.subject,
        basis=pace.basis,
        lower_bound=reading.lower_bound and not reading.upper_bound,
        freshness=reading.freshness,
        observed_at=reading.observed_at,
        as_of=now,
    )


def _why_unknown(limit: Limit, reading: Reading | None, now: datetime) -> str:
    if not limit.amount.is_finite() or limit.amount < 0 or limit.amount >= LARGEST:
        return f"the limit's amount is {limit.amount}, which is not an amount"
    if reading is None:
        return "no reading yet"
    if reading.amount is None:
        return reading.reason or "no reading yet"
    if reading.amount.is_nan():
        return "the reading is not a number"
    if not reading.amount.is_finite() or abs(reading.amount) >= LARGEST:
        return "the reading is out of range"
    if reading.is_stale(now):
        last = f"last reading {amount_text(reading.amount, limit.unit)} of {amount_text(limit.amount, limit.unit)}"
        if reading.observed_at is None:
            return f"nobody knows how old the data is; {last}"
        return f"no samples for {span_text(now - reading.observed_at)}; {last}"
    return ""


def _unknown(
    limit: Limit, reading: Reading | None, why: str, now: datetime, start: datetime | None, end: datetime | None
) -> Headroom:
    last = (
        reading.amount
        if reading and reading.amount is not None and reading.amount.is_finite() and abs(reading.amount) < LARGEST
        else None
    )
    amount = limit.amount if limit.amount.is_finite() and abs(limit.amount) < LARGEST else Decimal(0)
    return Headroom(
        limit_id=limit.limit_id,
        platform=limit.platform,
        kind=limit.kind,
        unit=limit.unit,
        amount=_stored(amount),
        used=None if last is None else _stored(last),
        remaining=None,
        fraction_left=None,
        state=State.UNKNOWN,
        reason=why,
        burn_rate=None,
        exhausts_p10=None,
        exhausts_p50=None,
        exhausts_p90=None,
        p_breach=None,
        window_start=start,
        window_end=end,
        subject=reading.subject if reading else "",
        basis="",
        lower_bound=bool(reading and reading.lower_bound and not reading.upper_bound),
        freshness=reading.freshness if reading else Freshness.PROVISIONAL,
        observed_at=reading.observed_at if reading else None,
        as_of=now,
    )


def _fraction(remaining: Decimal, whole: Decimal) -> float:
    """remaining / whole; of nothing, 0 is left while nothing is used and -1 as soon as something is."""
    if whole <= 0:
        return 0.0 if remaining == 0 else math.copysign(1.0, remaining)
    return float(remaining / whole)


def _dates(limit: Limit, reading: Reading, remaining: Decimal, pace: Pace, now: datetime) -> _Dates:
    rates = (pace.per_day_p10, pace.per_day_p50, pace.per_day_p90)
    known = sorted(rate for rate in rates if rate is not None and math.isfinite(rate))
    if len(known) < 3:
        return _Dates()
    # Towards the limit counts positive: a ceiling is reached by growing, a floor by falling. Fastest first.
    towards = sorted((known if limit.direction is Direction.AT_MOST else [-rate for rate in known]), reverse=True)
    return _Dates(*(_date(limit, reading, remaining, rate, now) for rate in towards))


def _date(limit: Limit, reading: Reading, remaining: Decimal, per_day: float, now: datetime) -> datetime | None:
    window = limit.window
    if window and window.span is not None and limit.direction is Direction.AT_MOST and reading.amount is not None:
        # What was used drops out of a rolling window evenly, so only the difference fills it.
        span_days = _counted_span(reading, window.span).total_seconds() / DAY_S
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


def _counted_span(reading: Reading, span: timedelta) -> timedelta:
    if reading.covers is not None and timedelta(0) < reading.covers < span:
        return reading.covers
    return span


def _runs_out_soon(limit: Limit, dates: _Dates, now: datetime) -> bool:
    if dates.p50 is None:
        return False
    if limit.window:
        return True
    lead = limit.next_step.lead_time if limit.next_step and limit.next_step.lead_time else timedelta(0)
    return dates.p50 - now <= max(SOON, lead)


def _burn_rate(limit: Limit, reading: Reading, pace: Pace, now: datetime) -> float | None:
    if not limit.window or limit.amount <= 0 or reading.amount is None:
        return None
    if limit.window.span is not None:
        if pace.per_day_p50 is None or not math.isfinite(pace.per_day_p50):
            return None
        even_per_day = float(limit.amount) / (_counted_span(reading, limit.window.span).total_seconds() / DAY_S)
        return pace.per_day_p50 / even_per_day if even_per_day > 0 else None
    start, end = limit.window.bounds(now)
    elapsed = (now - start) / (end - start)
    return float(reading.amount / limit.amount) / elapsed if elapsed > 0 else None


def _reason(limit: Limit, used: Decimal, fraction: float, state: State, dates: _Dates, now: datetime) -> str:
    have, amount = amount_text(used, limit.unit), amount_text(limit.amount, limit.unit)
    if state is State.EXHAUSTED:
        return f"{have} is below the floor of {amount}" if limit.direction is Direction.AT_LEAST else f"{have} used of {amount}"
    if state is State.TIGHT:
        if fraction <= float(limit.tight_below):
            return f"{have}, floor {amount}" if limit.direction is Direction.AT_LEAST else f"{have} of {amount} is used"
        refill = limit.window.refills_at(now) if limit.window else None
        # Days of the limit's own zone: a month of Kolkata ends there, not in UTC.
        zone = limit.window.zone if limit.window else UTC
        before = f", before it refills on {date_text(refill, now, zone)}" if refill else ""
        return f"at the present pace it runs out {date_text(dates.p50, now, zone)}{before}" if dates.p50 else ""
    return ""


def _with_doubt(reason: str, reading: Reading) -> str:
    """The reason, and which way the figure may be wrong where a lower bound is not the word for it."""
    if not reading.upper_bound:
        return reason
    way = "higher or lower" if reading.lower_bound else "lower"
    return "; ".join(part for part in (reason, f"part of the use has no price, so the true figure may be {way}") if part)


def _stored(amount: Decimal) -> Decimal:
    return (
        amount.quantize(GRAIN, rounding=ROUND_HALF_EVEN)
        if abs(amount) < Decimal("1e18")
        else amount.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
    )
