"""How a claim came out, once what it speaks of is past. A claim is scored once, from the history as it stands then; later data does not score it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt

from analytics.forecasting.claims import QUANTILES, Claim, at_horizon, is_floor, part_of_day, situation, window_days
from analytics.forecasting.composing import compose
from analytics.forecasting.daily import Daily, adds_up, lengths
from analytics.forecasting.futures import Futures
from analytics.forecasting.joined import over_span
from analytics.forecasting.limit import SLACK
from analytics.forecasting.targets import Subject, Target
from roomleft.outlook import Outlook, Shape

Floats = npt.NDArray[np.float64]
DAY = timedelta(days=1)
KNOWN_SHARE = 0.9
"""So many of the days must be known for it to be said that a level was never passed."""


@dataclass(frozen=True, slots=True)
class Score:
    """One measure of one claim. As the columns of `forecast_scores`."""

    claim_id: str
    run_id: str
    target: str
    claim: str
    measure: str
    outcome: float
    score: float
    scored_at: datetime


Actual = Callable[[Target], Futures | None]
"""What came of a target: its history up to a day as the past, the days from then on as the one future."""


def actual_from(found: Callable[[str], Daily | None], first_day: date) -> Actual:
    """What came from `first_day` on, of histories by name."""

    def lookup(target: Target) -> Futures | None:
        daily = found(target.name)
        if daily is None:
            return None
        place = (first_day - daily.first_day).days
        if place < 0 or place >= len(daily.values):
            return None
        values = daily.per_24h()
        shape = Shape.FLOW if adds_up(target) else Shape.LEVEL
        came = values[None, place:].astype(np.float32)
        start = datetime.min.replace(tzinfo=target.zone)
        return Futures(target.name, "", shape, target.zone, first_day, came, values[:place], start, "")

    return lookup


def outcome(claim: Claim, of: Subject | Target, actual: Actual) -> float | None:
    """What came: the total or level, 1 or 0 for whether a limit ran out, days until it did. None while it is not known."""
    came = compose(of.recipe, actual) if isinstance(of, Subject) else actual(of)
    if came is None or isinstance(came, Outlook):
        return None
    if claim.claim in ("total", "level") and (isinstance(of, Target) or of.limit is None):
        days = claim.horizon_days
        if days > came.values.shape[1]:
            return None
        value = float(at_horizon(came, days)[0])
        return value if np.isfinite(value) else None
    assert isinstance(of, Subject), "only of a limit more is said"
    return _of_limit(claim, of, came, actual)


def _of_limit(claim: Claim, subject: Subject, came: Futures, actual: Actual) -> float | None:
    assert subject.limit is not None, "a breach is a limit's"
    asked = situation(subject, actual)
    if asked is None:
        return None
    limit, reading, _ = asked
    used = float(reading.amount or 0)
    amount = claim.amount if claim.amount is not None else float(limit.amount)
    days = claim.horizon_days
    if days > came.values.shape[1]:
        return None
    below = is_floor(limit)
    amount += (-SLACK if below else SLACK) * abs(amount)
    window = limit.window
    if came.shape is Shape.FLOW and window is not None:
        if window.span is None:
            total = used + float(at_horizon(came, days)[0])
            if not np.isfinite(total):
                return None
            return total if claim.claim == "total" else float(total < amount if below else total > amount)
        complete = has_come(came, days)
        part = part_of_day(limit, came)
        if part < 1:
            levels = came.values[0, :days].astype(np.float64) * part
            return _last(levels) if claim.claim == "total" else _passed(levels, amount, below, complete)
        # A rolling window's sum at the end of each day.
        whole = lengths(came.first_day - len(came.past) * DAY, len(came.past) + came.values.shape[1], came.zone)
        sums = over_span(_weighed(came, whole), window_days(window)).values[0, :days].astype(np.float64)
        return _last(sums) if claim.claim == "total" else _passed(sums, amount, below, complete)
    levels = came.values[0, :days].astype(np.float64)
    if claim.claim == "level":
        return _last(levels)
    complete = has_come(came, days)
    return _passed(levels, amount, below, complete) if claim.claim == "breach" else _when(levels, amount, below, complete)


def has_come(came: Futures, days: int) -> bool:
    """Whether the last of so many days is known, or a later one: what is still unknown of them will not come."""
    return bool(np.isfinite(came.values[0, days - 1 :]).any())


def _last(values: Floats) -> float | None:
    return float(values[-1]) if np.isfinite(values[-1]) else None


def _weighed(flow: Futures, whole: Floats) -> Futures:
    back = len(flow.past)
    return replace(flow, past=flow.past * whole[:back], values=(flow.values * whole[back:]).astype(np.float32))


def _passed(levels: Floats, amount: float, below: bool, complete: bool) -> float | None:
    """1 as soon as a day has passed it; 0 once all days have come, as far as they will, and enough of them are known."""
    known = levels[np.isfinite(levels)]
    if len(known) and bool((known < amount).any() if below else (known > amount).any()):
        return 1.0
    return 0.0 if complete and len(known) >= KNOWN_SHARE * len(levels) else None


def _when(levels: Floats, amount: float, below: bool, complete: bool) -> float | None:
    """The day, from the beginning on, in whose middle it was passed first; the number of days where it was not."""
    with np.errstate(invalid="ignore"):
        over = levels < amount if below else levels > amount
    if over.any():
        return float(over.argmax()) + 0.5
    return float(len(levels)) if complete and np.isfinite(levels).sum() >= KNOWN_SHARE * len(levels) else None


def scores(claim: Claim, came: float, scored_at: datetime) -> list[Score]:
    """Every measure of one claim.

    `brier`: (probability - what came)², Brier 1950. `covered`: 1 if inside the range of 80 %. `error`, `naive_error`, `bias` and `pinball` (the mean of
    p10, p50 and p90) are divided by the claim's scale, so that series of all sizes can be averaged; they are left out where it has none.
    """
    found: dict[str, float] = {}
    if claim.probability is not None:
        found["brier"] = (claim.probability - came) ** 2
    if claim.low is not None and claim.middle is not None and claim.high is not None:
        missed_on = claim.claim == "exhausts" and came >= claim.horizon_days
        found["covered"] = float(claim.low <= came <= claim.high and not missed_on)
        if claim.scale is not None and claim.scale > 0:
            found["error"] = abs(claim.middle - came) / claim.scale
            found["bias"] = (claim.middle - came) / claim.scale
            said = zip(QUANTILES, (claim.low, claim.middle, claim.high), strict=True)
            losses = [share * (came - value) if came >= value else (1 - share) * (value - came) for share, value in said]
            found["pinball"] = sum(losses) / len(losses) / claim.scale
            if claim.naive is not None:
                found["naive_error"] = abs(claim.naive - came) / claim.scale
    return [
        Score(claim.claim_id, claim.run_id, claim.target, claim.claim, measure, came, value, scored_at)
        for measure, value in found.items()
        if np.isfinite(value)
    ]
