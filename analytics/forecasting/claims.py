"""What is said beforehand, written down so that it can be scored: of every target its total or level some days ahead, of every limit how likely it runs out,
where it ends, and, of a stock, when. Made of what was known before the first day that is forecast, live and in replay alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from analytics.forecasting.calibration import Calibration
from analytics.forecasting.composing import Lookup, compose
from analytics.forecasting.daily import lengths
from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import outlook
from analytics.forecasting.targets import Recipe, Statistic, Subject, Target
from roomleft.limits import Direction, Limit, Reading
from roomleft.outlook import Made, NoDate, Outlook, Shape
from roomleft.timespan import Window, midnight

Floats = npt.NDArray[np.float64]
DAY = timedelta(days=1)
HORIZONS = (1, 7, 30)
"""How many days ahead every target's total or level is said."""
WEEK = 7
UNSAID = frozenset(NoDate) - {NoDate.NO_BETTER, NoDate.BEYOND, NoDate.TOO_SPARSE}
"""Reasons after which nothing is claimed."""
QUANTILES = (0.1, 0.5, 0.9)
KNOWN_SHARE = 0.8
"""So much of a stretch must be known for its sum to be told; what is missing counts as the mean of the rest."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing said about [about_from, about_to). As the columns of `forecast_claims`."""

    claim_id: str
    run_id: str
    target: str
    platform: str
    made: Made
    subject: str
    metric: str
    claim: str
    horizon_days: int
    about_from: datetime
    about_to: datetime
    said_at: datetime
    amount: float | None = None
    probability: float | None = None
    low: float | None = None
    middle: float | None = None
    high: float | None = None
    naive: float | None = None
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Who speaks, when, and of which futures: `naive` are those of repeating last week, one draw each."""

    run_id: str
    made: Made
    said_at: datetime | None
    futures: Lookup
    naive: Lookup
    calibration: Calibration


def target_claims(run: Run, target: Target, metric: str, horizons: Sequence[int] = HORIZONS) -> list[Claim]:
    """What is said of one target: its totals or levels so many days ahead, ranges of 80 %. None where nothing can be told."""
    futures, naive = run.futures(target), run.naive(target)
    if futures is None or futures.no_date in UNSAID or not futures.values.size or target.statistic is Statistic.FIXED:
        return []
    return _ranges(run, target.name, target.platform, target.name, metric, futures, naive, horizons)


def series_claims(run: Run, subject: Subject) -> list[Claim]:
    """What is said of a series of a report that is made of several targets."""
    futures, naive = compose(subject.recipe, run.futures), compose(subject.recipe, run.naive)
    if isinstance(futures, Outlook) or futures.no_date in UNSAID:
        return []
    held = naive if isinstance(naive, Futures) else None
    first = subject.recipe.targets()[0].name
    return _ranges(run, first, subject.platform, subject.name, subject.metric, futures, held, HORIZONS)


def _ranges(
    run: Run,
    target: str,
    platform: str,
    subject: str,
    metric: str,
    futures: Futures,
    naive: Futures | None,
    horizons: Sequence[int],
) -> list[Claim]:
    found = []
    begin = midnight(futures.first_day, futures.zone)
    for days in horizons:
        if days > futures.values.shape[1]:
            continue
        drawn = at_horizon(futures, days)
        if not bool(np.isfinite(drawn).all()):
            continue
        low, middle, high = (float(value) for value in np.quantile(drawn, QUANTILES))
        end = midnight(futures.first_day + days * DAY, futures.zone)
        kind = "total" if futures.shape is Shape.FLOW else "level"
        found.append(
            _claim(run, target, platform, subject, metric, kind, days, begin, end, low=low, middle=middle, high=high,
                   naive=_naive(naive, days), scale=naive_scale(futures.past, futures.shape, days))
        )  # fmt: skip
    return found


def at_horizon(futures: Futures, days: int) -> Floats:
    """What each draw says of so many days ahead: the total of a flow's days, the level on the last of them."""
    if futures.shape is Shape.LEVEL:
        return futures.values[:, days - 1].astype(np.float64)
    return futures.values[:, :days].astype(np.float64) @ lengths(futures.first_day, days, futures.zone)


def _naive(naive: Futures | None, days: int) -> float | None:
    if naive is None or naive.values.shape[1] < days:
        return None
    value = float(at_horizon(naive, days)[0])
    return value if np.isfinite(value) else None


def naive_scale(past: Floats, shape: Shape, days: int, span: int | None = None) -> float | None:
    """How far repeating the week before was off, on average over the history, for the same question; None where it cannot be told or was never off.

    The denominator of MASE (Hyndman & Koehler 2006), for totals and levels so many days ahead; with `span`, for the sum of so many days that end then.
    """
    t = len(past)
    errors = []
    for origin in range(WEEK, t - days + 1):
        week = past[origin - WEEK : origin]
        if shape is Shape.FLOW:
            # What a sum holds of days before the origin is known, and no error of either.
            first = max(days - span, 0) if span is not None else 0
            said = float(np.sum(np.resize(week, days)[first:]))
            came = float(np.sum(past[origin + first : origin + days]))
        else:
            said, came = float(week[(days - 1) % WEEK]), float(past[origin + days - 1])
        errors.append(abs(said - came))
    known = np.array(errors)[np.isfinite(errors)] if errors else np.array([])
    if not len(known):
        return None
    scale = float(known.mean())
    return scale if scale > 0 else None


def limit_claims(run: Run, subject: Subject) -> tuple[list[Claim], float | None]:
    """What is said of one limit as of the beginning of the first day: whether it runs out, where it ends, when; and its chance before calibration.

    A limit that has run out already, or whose use so far is not known, is not spoken of.
    """
    asked = situation(subject, run.futures)
    if asked is None:
        return [], None
    limit, reading, futures = asked
    now = midnight(futures.first_day, futures.zone)
    said = outlook(limit, reading, futures, now, run.calibration)
    if said.p_breach is None or said.about_to is None or said.p_breach >= 1 or futures.no_date in UNSAID:
        return [], None
    plain = outlook(limit, reading, futures, now).p_breach
    days = max(1, round((said.about_to - now) / DAY))
    target = subject.recipe.targets()[0].name
    given = (run, target, subject.platform, subject.name, subject.metric)
    amount = float(limit.amount)
    found = [_claim(*given, "breach", days, now, said.about_to, amount=amount, probability=said.p_breach)]
    single = subject.recipe.target is not None and limit.window is None
    if not single and said.ends_p10 is not None and said.ends_p50 is not None and said.ends_p90 is not None:
        kind = "total" if futures.shape is Shape.FLOW else "level"
        naive = _naive_end(subject, run, limit, reading, now)
        left = min(days, futures.values.shape[1])
        part = part_of_day(limit, futures)
        shape, span = (futures.shape, span_days(limit)) if part == 1 else (Shape.LEVEL, None)
        found.append(
            _claim(*given, kind, days, now, said.about_to, amount=amount, low=float(said.ends_p10), middle=float(said.ends_p50),
                   high=float(said.ends_p90), naive=naive, scale=naive_scale(futures.past * part, shape, left, span))
        )  # fmt: skip
    if limit.window is None and said.p10 is not None and said.p50 is not None and said.p90 is not None:
        low, middle, high = ((at - now) / DAY for at in (said.p10, said.p50, said.p90))
        found.append(
            _claim(*given, "exhausts", max(1, round(high)), now, said.p90, amount=amount, low=low, middle=middle, high=high)
        )
    return found, plain


def _naive_end(subject: Subject, run: Run, limit: Limit, reading: Reading, now: datetime) -> float | None:
    naive = compose(subject.recipe, run.naive)
    if isinstance(naive, Outlook):
        return None
    end = outlook(limit, reading, naive, now).ends_p50
    return None if end is None else float(end)


def situation(subject: Subject, futures: Lookup) -> tuple[Limit, Reading, Futures] | None:
    """A limit as it stood when the first day began: its amount then, what was used by then, and its futures. None where that cannot be told."""
    limit = subject.limit
    if limit is None or subject.recipe.no_date is not None:
        return None
    made = compose(subject.recipe, futures)
    if isinstance(made, Outlook) or (not len(made.past) and subject.recipe.target is None):
        return None
    now = midnight(made.first_day, made.zone)
    amount = limit.amount_at(now)
    if subject.per is not None:
        per = compose(subject.per, futures)
        if isinstance(per, Outlook) or not len(per.past) or not np.isfinite(per.past[-1]) or per.past[-1] <= 0:
            return None
        amount *= Decimal(repr(float(per.past[-1])))
    used = used_by(limit, made)
    if used is None:
        return None
    if limit.rollover and limit.window is not None and limit.window.span is None:
        amount += _left_before(limit, made, now)
    return replace(limit, amount=amount, earlier_amounts=()), Reading(Decimal(repr(used)), now, DAY), made


def used_by(limit: Limit, futures: Futures) -> float | None:
    """What the limit's meter read when the first day began, from whole days: the window's sum so far, or the last level. None where it is not known."""
    now = midnight(futures.first_day, futures.zone)
    if futures.shape is Shape.LEVEL or limit.window is None:
        known = futures.past[-3:][np.isfinite(futures.past[-3:])]
        return float(known[-1]) if len(known) else None
    part = part_of_day(limit, futures)
    if part < 1:
        found = sum_of(futures, 1)
        return found * part if found is not None else None
    if limit.window.span is not None:
        return sum_of(futures, window_days(limit.window))
    days = _days_between(limit.window.bounds(now)[0], now)
    return 0.0 if days == 0 else sum_of(futures, days)


def sum_of(flow: Futures, days: int, before: int = 0) -> float | None:
    """The sum of so many days of the past, the last `before` days left out; None where too few of them are known."""
    end = len(flow.past) - before
    if days > end:
        return None
    values = flow.past[end - days : end]
    whole = lengths(flow.first_day - (days + before) * DAY, days, flow.zone)
    known = np.isfinite(values)
    if known.sum() < KNOWN_SHARE * days:
        return None
    return float((values[known] * whole[known]).sum() * whole.sum() / whole[known].sum())


def _left_before(limit: Limit, futures: Futures, now: datetime) -> Decimal:
    """What the window before left of its own amount, as far as whole days tell."""
    assert limit.window is not None, "only a window has one before it"
    start = limit.window.bounds(now)[0]
    begun = limit.window.bounds(start - timedelta(microseconds=1))[0]
    used = sum_of(futures, _days_between(begun, start), _days_between(start, now))
    if used is None:
        return Decimal(0)
    return max(Decimal(0), limit.amount_at(start - timedelta(microseconds=1)) - Decimal(repr(used)))


def _days_between(start: datetime, end: datetime) -> int:
    return round((end - start) / DAY)


def is_floor(limit: Limit) -> bool:
    """Whether below the amount is trouble."""
    return limit.direction is Direction.AT_LEAST


def part_of_day(limit: Limit, futures: Futures) -> float:
    """The share of a day that a window of hours takes of what adds up by the day; 1 for all else."""
    window = limit.window
    if futures.shape is not Shape.FLOW or window is None or window.span is None:
        return 1.0
    return min(window.span / DAY, 1.0)


def span_days(limit: Limit) -> int | None:
    """How many days a limit's rolling window spans; None where it has none."""
    return window_days(limit.window) if limit.window is not None and limit.window.span is not None else None


def window_days(window: Window) -> int:
    """How many days a rolling window spans."""
    assert window.span is not None, "a calendar window has edges, not a span"
    return max(1, round(window.span / DAY))


def _claim(
    run: Run,
    target: str,
    platform: str,
    subject: str,
    metric: str,
    kind: str,
    days: int,
    begin: datetime,
    end: datetime,
    **said: float | None,
) -> Claim:
    # What is said of one morning has one name, whichever run says it: said again later that day it is no new claim.
    key = "|".join((str(run.made), subject, kind, str(days), begin.isoformat(), end.isoformat(), repr(said.get("amount"))))
    return Claim(
        hashlib.sha256(key.encode()).hexdigest()[:24], run.run_id, target, platform, run.made, subject, metric, kind, days, begin, end,
        run.said_at or begin, **said,
    )  # fmt: skip


def metrics_of(subjects: Sequence[Subject]) -> Mapping[str, str]:
    """By which metric each target is scored: the report's heading it stands under, else the kind of the first limit that is made of it."""
    found: dict[str, str] = {}
    for subject in sorted(subjects, key=lambda one: (one.limit is not None, len(one.recipe.targets()))):
        for target in subject.recipe.targets():
            if subject.limit is not None or subject.recipe.target is not None:
                found.setdefault(target.name, subject.metric)
    return found


def recipe_targets(subjects: Sequence[Subject]) -> list[Target]:
    """Every target that the subjects are made of, each once."""
    every: list[Recipe] = [recipe for subject in subjects for recipe in (subject.recipe, subject.per) if recipe is not None]
    return list({target.name: target for recipe in every for target in recipe.targets()}.values())
