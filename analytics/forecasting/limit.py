"""What futures say of a limit: how likely it runs out, when, and where it ends. The one arithmetic of screens, alerts, reports and benchmarks.

Draws are counted so that a probability is never exactly 0 or 1: (crossing + 0.5) / (draws + 1); only what has run out already is certain.
Dates of a stock are the instants at which that probability reaches 10, 50 and 90 %, so date and chance cannot disagree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

import numpy as np

from analytics.forecasting.bounded import NEARLY, asks_beyond, never_passed, whole_of
from analytics.forecasting.calibration import Calibration
from analytics.forecasting.futures import Futures
from analytics.forecasting.questions import DAY_S, Course, Floats, covered_to_s, filling, first_over_s, reading_on, rolling
from analytics.forecasting.sampling import as_futures, sample
from analytics.forecasting.state import PanelState
from roomleft.limits import Direction, Limit, Reading
from roomleft.outlook import NO_DATE_WORDS, NoDate, Outlook, Shape
from roomleft.timespan import midnight

SOON = timedelta(days=30)
"""How far ahead the chance of a limit speaks that never refills as a whole."""
NEARLY_S = 2 * DAY_S
LARGEST = 1e27
GRAIN = Decimal("0.000000001")
QUANTILES = (0.1, 0.5, 0.9)
SLACK = 1e-6
"""Share of the amount by which a sum may pass it and still just last: sampled days are kept in single precision."""
STRAY_S = 5_400.0
"""How far the hour of a crossing strays from a day's straight line: use comes in a daily rhythm and by chance, and nobody forecasts its hours. Standard deviation."""
STRAYS = STRAY_S * np.array([-1.2816, -0.5244, 0.0, 0.5244, 1.2816])
"""Five equally likely strays of a normal distribution."""
NONE_SAID = frozenset(NoDate) - {NoDate.NO_BETTER, NoDate.BEYOND, NoDate.TOO_SPARSE}
"""Reasons why nothing at all is said; after the others only dates are left out."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A limit as numbers: upward is trouble (a floor is mirrored by `sign` -1)."""

    amount: float
    used: float
    sign: float
    now_s: float
    end_s: float
    horizon_days: float
    stock: bool
    read_s: float
    """Until when `used` is known: what was used since then is told by the paths, as what is yet to come."""


def outlook(
    limit: Limit, reading: Reading | None, futures: Futures | None, now: datetime, calibration: Calibration | None = None
) -> Outlook:
    """The future of `limit` as of `now`: to its window's end, or for 30 days where it does not refill as a whole.

    Never raises for odd readings, amounts or futures: what cannot be told is an Outlook that says why.
    """
    return _outlook(limit, reading, futures, now, None, calibration)


def limit(
    source: PanelState | Futures,
    limit: Limit,
    deadline: datetime,
    *,
    reading: Reading | None = None,
    now: datetime | None = None,
    target: str | None = None,
    zone: ZoneInfo | None = None,
    rng: np.random.Generator | None = None,
    calibration: Calibration | None = None,
) -> Outlook:
    """The future of `limit` up to `deadline`, read off futures or drawn from a fitted panel (its row `target`, else the limit's meter, else the first).

    Without `now` the present is where the forecast begins; without a reading nothing is used yet, and a level stands where it last stood.
    """
    if isinstance(source, PanelState):
        found = _drawn(source, target or limit.meter_id, zone, limit, now, rng, calibration)
        if isinstance(found, Outlook):
            return found
        source = found
    first = now or midnight(source.first_day, source.zone)
    if reading is None:
        level = source.shape is Shape.LEVEL or limit.window is None
        known = source.past[np.isfinite(source.past)]
        start = float(known[-1]) if level and len(known) else 0.0
        reading = Reading(Decimal(repr(start)), first, timedelta(days=1))
    return _outlook(limit, reading, source, first, deadline, calibration)


def _drawn(
    state: PanelState,
    target: str,
    zone: ZoneInfo | None,
    limit: Limit,
    now: datetime | None,
    rng: np.random.Generator | None,
    calibration: Calibration | None,
) -> Futures | Outlook:
    if not state.names or state.first_day is None:
        return Outlook.none(NoDate.NO_DATA)
    row = state.names.index(target) if target in state.names else 0
    where = zone or (limit.window.zone if limit.window else ZoneInfo("UTC"))
    values = sample(state, rng or np.random.default_rng(0), calibration=calibration)
    return as_futures(state, values, zone=where, fitted_at=now or datetime.min.replace(tzinfo=UTC), rows=(row,))[0]


def _outlook(
    limit: Limit,
    reading: Reading | None,
    futures: Futures | None,
    now: datetime,
    deadline: datetime | None,
    calibration: Calibration | None,
) -> Outlook:
    about_to = _about_to(limit, now, deadline)
    case = _case(limit, reading, now, about_to)
    if isinstance(case, NoDate):
        return replace(Outlook.none(case), about_to=about_to)
    assert reading is not None, "a case has a reading"
    why = _groundless(futures, case)
    if futures is None or why is not None:
        said = replace(Outlook.none(why or NoDate.NO_DATA), about_to=about_to)
        if futures is not None:
            words = futures.basis if why is futures.no_date and futures.basis else said.basis
            said = replace(said, basis=words, run_id=futures.run_id, provisional=futures.provisional)
        return _exhausted(said, reading) if _is_over(case, limit, futures) else said
    return _said(limit, reading, futures, case, about_to, calibration or Calibration())


def _groundless(futures: Futures | None, case: _Case) -> NoDate | None:
    """Why nothing can be read off futures."""
    if futures is None:
        return NoDate.NO_DATA
    if futures.no_date in NONE_SAID or not futures.values.size:
        return futures.no_date or NoDate.NO_DATA
    if not bool(np.isfinite(futures.values).all()):
        return NoDate.NOT_FINITE
    return NoDate.STALE if covered_to_s(futures) <= case.now_s else None


def _said(limit: Limit, reading: Reading, futures: Futures, case: _Case, about_to: datetime, calibration: Calibration) -> Outlook:
    reached_s = covered_to_s(futures)
    course = _course(limit, futures, case, reached_s)
    # Thirty days on is a round number: futures that were fitted a day or two ago still tell of it.
    refills = limit.window is not None and limit.window.span is None
    whole = reached_s >= case.end_s - (1 if refills else NEARLY_S)
    first_s = first_over_s(course, case.amount, SLACK * abs(case.amount))
    mapped = calibration.probabilities(str(limit.kind), case.horizon_days, len(first_s))
    in_time = int((first_s <= case.end_s).sum())
    ends = case.sign * np.quantile(course.until(case.end_s).values[:, -1], QUANTILES)
    if _fills_up(case, limit, futures):
        first_s, in_time = _short_at_the_end(course, case)
    said = Outlook(
        p_breach=float(mapped[in_time]),
        about_to=about_to,
        provisional=futures.provisional,
        basis=futures.basis,
        run_id=futures.run_id,
        no_date=futures.no_date,
    )
    if whole:
        low, middle, high = np.sort(ends)
        said = replace(said, ends_p10=_stored(low), ends_p50=_stored(middle), ends_p90=_stored(high))
    if _is_over(case, limit, futures):
        return _exhausted(said, reading)
    if not whole and 2 * in_time < len(first_s):
        return replace(said, p_breach=None, no_date=NoDate.BEYOND, basis=_beyond(futures))
    if not whole:
        said = replace(said, basis="; ".join(part for part in (futures.basis, "at least so likely: " + _beyond(futures)) if part))
    if futures.no_date is not None:
        return said
    strays = STRAYS if _is_summed(limit, futures) and not _fills_up(case, limit, futures) else np.zeros(1)
    dates = _stock_dates(first_s, mapped) if case.stock else _dates_if_so(first_s, case.now_s, case.end_s, strays)
    return replace(said, p10=dates[0], p50=dates[1], p90=dates[2])


def _about_to(limit: Limit, now: datetime, deadline: datetime | None) -> datetime:
    end = limit.window.refills_at(now) if limit.window else None
    if deadline is not None:
        end = min(deadline, end) if end else deadline
    return end or now + SOON


def _case(limit: Limit, reading: Reading | None, now: datetime, about_to: datetime) -> _Case | NoDate:
    """The limit as numbers, or why there are none."""
    if reading is None or reading.amount is None:
        return NoDate.NO_DATA
    if not (limit.amount.is_finite() and reading.amount.is_finite() and max(abs(limit.amount), abs(reading.amount)) < LARGEST):
        return NoDate.NOT_FINITE
    if reading.is_stale(now):
        return NoDate.STALE
    if limit.per_user:
        return NoDate.PER_USER
    sign = 1.0 if limit.direction is Direction.AT_MOST else -1.0
    now_s, end_s = now.timestamp(), about_to.timestamp()
    return _Case(
        sign * float(limit.amount),
        sign * float(reading.amount),
        sign,
        now_s,
        end_s,
        (end_s - now_s) / DAY_S,
        limit.window is None,
        read_until_s(limit, reading.observed_at, now),
    )


def read_until_s(limit: Limit, observed_at: datetime | None, now: datetime) -> float:
    """Until when what a window has used is known, in seconds since 1970: its newest data, within the window."""
    begin = limit.window.bounds(now)[0] if limit.window else now
    return min(max(observed_at or now, begin), now).timestamp()


def _adds_up(limit: Limit, futures: Futures | None) -> bool:
    return limit.window is not None and futures is not None and futures.shape is Shape.FLOW


def _is_summed(limit: Limit, futures: Futures) -> bool:
    """Whether days are added up: a window of at least a day of what adds up."""
    span = limit.window.span if limit.window else None
    return _adds_up(limit, futures) and (span is None or span.total_seconds() >= DAY_S)


def _is_over(case: _Case, limit: Limit, futures: Futures | None) -> bool:
    return case.used > case.amount and not _fills_up(case, limit, futures)


def _fills_up(case: _Case, limit: Limit, futures: Futures | None) -> bool:
    """A sum that must reach a floor by its window's end starts below it and has not failed before."""
    return case.sign < 0 and _adds_up(limit, futures) and limit.window is not None and limit.window.span is None


def _course(limit: Limit, futures: Futures, case: _Case, reached_s: float) -> Course:
    """The course with trouble upward."""
    end_s = min(reached_s, case.end_s)
    span_s = limit.window.span.total_seconds() if limit.window and limit.window.span else None
    if _is_summed(limit, futures):
        used = case.sign * case.used
        if span_s is None:
            course = filling(futures, used, case.now_s, end_s, case.read_s)
        else:
            course = rolling(futures, used, case.now_s, end_s, span_s, case.read_s)
        return course if case.sign > 0 else replace(course, values=-course.values)
    # Days do not tell what one hour of them used: an even part of the day stands for it.
    part = case.sign * (span_s / DAY_S if span_s and _adds_up(limit, futures) else 1.0)
    upright = replace(futures, values=futures.values * np.float32(part), past=futures.past * part) if part != 1 else futures
    course = reading_on(upright, case.used, case.now_s, reached_s if case.stock else end_s)
    whole = _whole(limit, futures, case)
    if whole is None:
        return course
    # The gap between reading and path may lift a path that does not pass the whole itself.
    values = np.minimum(course.values, whole) if case.sign > 0 else np.maximum(course.values, -whole)
    return replace(course, values=values)


def _whole(limit: Limit, futures: Futures, case: _Case) -> float | None:
    """What a level cannot pass: a whole, of what neither did in its history, nor does now or in any draw."""
    whole = whole_of(limit.unit)
    if whole is None or futures.shape is not Shape.LEVEL or asks_beyond((limit,), whole):
        return None
    within = case.sign * case.used <= whole and float(futures.values.max()) <= whole * (1 + NEARLY)
    return whole if within and never_passed(futures.past, whole) else None


def _short_at_the_end(course: Course, case: _Case) -> tuple[Floats, int]:
    """A sum that must reach a floor: whether it falls short is known when the window ends."""
    short = course.until(case.end_s).values[:, -1] > case.amount
    return np.where(short, case.end_s, np.inf), int(short.sum())


def _stock_dates(first_s: Floats, mapped: Floats) -> tuple[datetime | None, ...]:
    ordered = np.sort(first_s)
    found = []
    for share in QUANTILES:
        place = int(np.searchsorted(mapped, share, side="left"))
        found.append(_instant(ordered[place - 1]) if 0 < place <= len(ordered) else None)
    return tuple(found)


def _dates_if_so(first_s: Floats, now_s: float, end_s: float, strays: Floats) -> tuple[datetime | None, ...]:
    """10, 50 and 90 % of the crossings before the end, each at any of the `strays` from where the straight line has it, but within the window: its end is the
    next one's first instant, and a day too late."""
    crossing = first_s[first_s <= end_s]
    if not len(crossing):
        return (None, None, None)
    if len(strays) > 1:
        crossing = np.clip(np.add.outer(crossing, strays).ravel(), now_s, max(end_s - 1, now_s))
    crossing = np.sort(crossing)
    return tuple(_instant(float(crossing[math.ceil(share * len(crossing)) - 1])) for share in QUANTILES)


def _exhausted(said: Outlook, reading: Reading) -> Outlook:
    over = reading.first_over_at
    return replace(said, p_breach=1.0, p10=over, p50=over, p90=over, no_date=None)


def _beyond(futures: Futures) -> str:
    return f"{NO_DATE_WORDS[NoDate.BEYOND]} ({futures.values.shape[1]} days)"


def _instant(at_s: float) -> datetime | None:
    if not math.isfinite(at_s):
        return None
    return datetime.fromtimestamp(round(at_s), UTC)


def _stored(value: float) -> Decimal | None:
    if not math.isfinite(value) or abs(value) >= LARGEST:
        return None
    exact = Decimal(repr(float(value)))
    return exact.quantize(GRAIN if abs(exact) < Decimal("1e18") else Decimal(1), rounding=ROUND_HALF_EVEN)
