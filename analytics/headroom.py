"""The one function: a limit, a reading, a pace and an outlook make headroom. Pure; every surface shows its result and computes nothing itself.

A ceiling (at_most): remaining = amount - used, fraction_left = remaining / amount; exhausted when used > amount (equal is full, not broken).
A floor (at_least): remaining = reading - floor, fraction_left = remaining / max(reading, floor); exhausted when reading < floor.
How pace and outlook live together: `analytics.ahead`. What has run out has a chance of 1.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from analytics.ahead import SOON, Ahead, ahead_of, lead_time, of_outlook, order_by, runs_out_soon
from analytics.pace_dates import DAY_S, Dates, counted_span
from analytics.wording import HALF_READ, amount_text, chance_text, date_text, span_text
from roomleft.limits import Direction, Freshness, Headroom, Limit, Pace, Reading, State
from roomleft.outlook import NoDate, Outlook

LARGEST = Decimal("1e27")
"""What a stored amount can hold."""
GRAIN = Decimal("0.000000001")


def headroom(
    limit: Limit, reading: Reading | None, pace: Pace, now: datetime, outlook: Outlook | None = None, was_likely: bool = False
) -> Headroom:
    """How much room `limit` has left. Never raises for odd readings: what cannot be told is `unknown`, with the reason in words.

    `outlook` None: no forecast speaks of the limit yet. `was_likely`: when it was last measured its window probably ran out (`analytics.ahead.was_likely`).
    """
    start, end = limit.window.bounds(now) if limit.window else (None, None)
    unread, why = _why_unknown(limit, reading, now)
    if unread or reading is None or reading.amount is None:
        return _unknown(limit, reading, unread, why, now, start, end)
    used = reading.amount
    ceiling = limit.direction is Direction.AT_MOST
    remaining = limit.amount - used if ceiling else used - limit.amount
    fraction = _fraction(remaining, limit.amount if ceiling else max(used, limit.amount))
    if remaining < 0:
        ahead, state = _run_out(reading, pace, outlook), State.EXHAUSTED
    else:
        ahead = ahead_of(limit, reading, remaining, pace, outlook, now)
        state = State.TIGHT if fraction <= float(limit.tight_below) or runs_out_soon(limit, ahead, now, was_likely) else State.OK
    ends = [None if level is None else _stored(level) for level in ahead.ends]
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
        reason=_with_doubt(_reason(limit, used, fraction, state, ahead, now), reading),
        burn_rate=_burn_rate(limit, reading, pace, now) if ceiling else None,
        exhausts_p10=ahead.dates.p10,
        exhausts_p50=ahead.dates.p50,
        exhausts_p90=ahead.dates.p90,
        p_breach=ahead.p_breach,
        window_start=start,
        window_end=end,
        subject=reading.subject,
        basis=ahead.basis,
        lower_bound=reading.lower_bound and not reading.upper_bound,
        freshness=reading.freshness,
        observed_at=reading.observed_at,
        as_of=now,
        about_to=ahead.about_to,
        order_by=order_by(limit, ahead, was_likely) if state is not State.EXHAUSTED else None,
        ends_p10=ends[0],
        ends_p50=ends[1],
        ends_p90=ends[2],
        no_date=None if ahead.no_date is None else str(ahead.no_date),
        forecast_run=ahead.run_id,
    )


def _run_out(reading: Reading, pace: Pace, outlook: Outlook | None) -> Ahead:
    """Of what has run out the date is known; a forecast still tells how far beyond it will be."""
    told = Ahead(basis=pace.basis)
    if outlook is not None and outlook.p_breach is not None and pace.basis != HALF_READ:
        told = of_outlook(outlook)
    over = reading.first_over_at
    return Ahead(Dates(over, over, over), told.basis, 1.0, told.about_to, told.ends, None, told.run_id)


def _why_unknown(limit: Limit, reading: Reading | None, now: datetime) -> tuple[str, NoDate]:
    if not limit.amount.is_finite() or limit.amount < 0 or limit.amount >= LARGEST:
        return f"the limit's amount is {limit.amount}, which is not an amount", NoDate.NOT_FINITE
    if reading is None:
        return "no reading yet", NoDate.NO_DATA
    if reading.amount is None:
        return reading.reason or "no reading yet", NoDate.NO_DATA
    if reading.amount.is_nan():
        return "the reading is not a number", NoDate.NOT_FINITE
    if not reading.amount.is_finite() or abs(reading.amount) >= LARGEST:
        return "the reading is out of range", NoDate.NOT_FINITE
    if reading.is_stale(now):
        last = f"last reading {amount_text(reading.amount, limit.unit)} of {amount_text(limit.amount, limit.unit)}"
        if reading.observed_at is None:
            return f"nobody knows how old the data is; {last}", NoDate.STALE
        return f"no samples for {span_text(now - reading.observed_at)}; {last}", NoDate.STALE
    return "", NoDate.NO_DATA


def _unknown(
    limit: Limit, reading: Reading | None, words: str, why: NoDate, now: datetime, start: datetime | None, end: datetime | None
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
        reason=words,
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
        no_date=str(why),
    )


def _fraction(remaining: Decimal, whole: Decimal) -> float:
    """remaining / whole; of nothing, 0 is left while nothing is used and -1 as soon as something is."""
    if whole <= 0:
        return 0.0 if remaining == 0 else math.copysign(1.0, remaining)
    return float(remaining / whole)


def _burn_rate(limit: Limit, reading: Reading, pace: Pace, now: datetime) -> float | None:
    if not limit.window or limit.amount <= 0 or reading.amount is None:
        return None
    if limit.window.span is not None:
        if pace.per_day_p50 is None or not math.isfinite(pace.per_day_p50):
            return None
        even_per_day = float(limit.amount) / (counted_span(reading, limit.window.span).total_seconds() / DAY_S)
        return pace.per_day_p50 / even_per_day if even_per_day > 0 else None
    start, end = limit.window.bounds(now)
    elapsed = (now - start) / (end - start)
    return float(reading.amount / limit.amount) / elapsed if elapsed > 0 else None


def _reason(limit: Limit, used: Decimal, fraction: float, state: State, ahead: Ahead, now: datetime) -> str:
    have, amount = amount_text(used, limit.unit), amount_text(limit.amount, limit.unit)
    if state is State.EXHAUSTED:
        if limit.direction is Direction.AT_LEAST:
            return f"{have} is below the floor of {amount}"
        # "336 % used of 30 %" could mean either: a share of a share, or both of the same whole.
        return f"{have}, limit {amount}" if limit.unit == "percent" else f"{have} used of {amount}"
    if state is State.TIGHT:
        if fraction <= float(limit.tight_below):
            if limit.direction is Direction.AT_LEAST:
                return f"{have}, floor {amount}"
            return f"{have}, limit {amount}" if limit.unit == "percent" else f"{have} of {amount} is used"
        return _why_soon(limit, ahead, now)
    return ""


def _why_soon(limit: Limit, ahead: Ahead, now: datetime) -> str:
    refill = limit.window.refills_at(now) if limit.window else None
    # Days of the limit's own zone: a month of Kolkata ends there, not in UTC.
    zone = limit.window.zone if limit.window else UTC
    before = f"before it refills on {date_text(refill, now, zone)}" if refill else ""
    middle = ahead.dates.p50
    if limit.window and ahead.p_breach is not None:
        return f"{chance_text(ahead.p_breach)} chance of running out {before or 'within 30 days'}"
    if middle is None:
        return ""
    if ahead.p_breach is not None:
        takes = f", and more room takes {span_text(lead_time(limit))}" if middle - now > SOON else ""
        return f"it probably runs out about {date_text(middle, now, zone)}{takes}"
    return f"at the present pace it runs out {date_text(middle, now, zone)}{', ' if before else ''}{before}"


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
