"""What headroom says of a limit's future: a forecast's where there is one, else what the present pace gives.

The rule, first match:
1. Its platform's history is half read: nothing is said. Half a history looks like growth or decline that never was.
2. The outlook has a probability: all is the outlook's: chance, dates, what will be used, grounds. The pace gives the burn rate alone.
3. The outlook says that the days are no grounds (too few, too gappy, …): no date either from a pace that rests on the same days.
4. Else (no forecast yet, a forecast that failed, a pace of the last hours): the dates of the present pace. They are no probabilities, so
   there is no chance, and the grounds name the pace.

No date without grounds: where neither gives one, `no_date` or the pace's own words say why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from analytics.pace_dates import Dates, pace_dates
from analytics.wording import HALF_READ, says_why_no_pace
from roomleft.limits import Headroom, Limit, Pace, Reading, State
from roomleft.outlook import AWAITED, NO_DATE_WORDS, NoDate, Outlook

LIKELY = 0.5
"""From here on a limit probably runs out."""
STILL_LIKELY = 0.4
"""One that probably did when it was last measured, in the same window, still does from here on: near the line a chance crosses it many times a day
(measured: up to 13 times, by readings alone), and a date that comes and goes with it is none to plan by."""
STORED_GRAIN = Decimal("0.000000001")
FORGOTTEN_AFTER = timedelta(days=1)
"""A row older than this has no say."""
SOON = timedelta(days=30)
"""A stock that runs out sooner than this, or than its next step takes, is tight."""
OF_THE_FORECAST = frozenset({NoDate.NO_DATA, NoDate.NOT_YET, NoDate.FAILED, NoDate.PER_USER, NoDate.BY_QUERY, NoDate.NO_METER})
"""Reasons that say nothing against a pace: it has grounds of its own, or none by its own words."""
OF_VALUES = frozenset({NoDate.NOT_FINITE, NoDate.STALE, NoDate.HALF_READ})
"""Reasons that hold for hours as well as for days."""
NO_CHANCE = "; no chance: "
"""Between the grounds of a pace and why there is no forecast."""


NO_DATES = Dates()


@dataclass(frozen=True, slots=True)
class Ahead:
    """The parts of a headroom row that speak of the future."""

    dates: Dates = NO_DATES
    basis: str = ""
    p_breach: float | None = None
    about_to: datetime | None = None
    ends: tuple[Decimal | None, Decimal | None, Decimal | None] = (None, None, None)
    """p10, p50, p90 of what will have been used at `about_to`."""
    no_date: NoDate | None = None
    run_id: str | None = None


def ahead_of(limit: Limit, reading: Reading, remaining: Decimal, pace: Pace, outlook: Outlook | None, now: datetime) -> Ahead:
    """What is said of the future of a limit that has not run out."""
    if pace.basis == HALF_READ:
        return Ahead(basis=HALF_READ, no_date=NoDate.HALF_READ)
    if outlook is not None and outlook.p_breach is not None and not math.isfinite(outlook.p_breach):
        outlook = Outlook.none(NoDate.NOT_FINITE)
    if outlook is not None and outlook.p_breach is not None:
        return of_outlook(outlook)
    why = outlook.no_date if outlook is not None else None
    words = outlook.basis if outlook is not None else ""
    if why is not None and not _leaves_the_pace(why, limit):
        return Ahead(basis=_grounds(why, words, pace), no_date=why)
    if pace.per_day_p50 is None:
        return Ahead(basis=_grounds(why, words, pace) if why is not None else pace.basis, no_date=why)
    told = f"{NO_CHANCE}{words or NO_DATE_WORDS[why]}" if why is not None else ""
    return Ahead(pace_dates(limit, reading, remaining, pace, now), f"{pace.basis}{told}")


def of_outlook(outlook: Outlook) -> Ahead:
    """An outlook that has a probability, as headroom says it."""
    assert outlook.p_breach is not None, "the caller asks only of one that has a probability"
    return Ahead(
        Dates(outlook.p10, outlook.p50, outlook.p90),
        outlook.basis,
        min(max(float(outlook.p_breach), 0.0), 1.0),
        outlook.about_to,
        (outlook.ends_p10, outlook.ends_p50, outlook.ends_p90),
        outlook.no_date,
        outlook.run_id or None,
    )


def is_likely(p_breach: float, was_likely: bool) -> bool:
    """Whether a window probably runs out, as last time's answer bears on it."""
    return p_breach >= (STILL_LIKELY if was_likely else LIKELY)


def was_likely(limit: Limit, before: Mapping[str, Any] | None, now: datetime) -> bool:
    """Whether the limit's newest stored row, of the same amount and window (a rolling one's moves on), said that it probably runs out."""
    if limit.window is None or before is None or before["p_breach"] is None or not limit.amount.is_finite():
        return False
    if abs(before["amount"] - limit.amount) > STORED_GRAIN:
        return False
    if not timedelta(0) <= now - before["as_of"] <= FORGOTTEN_AFTER:
        return False
    if limit.window.span is None and before["window_end"] != limit.window.bounds(now)[1]:
        return False
    held = before["state"] == State.TIGHT and (before["fraction_left"] or 0.0) > float(limit.tight_below)
    return before["p_breach"] >= LIKELY or (before["p_breach"] >= STILL_LIKELY and (held or before["order_by"] is not None))


def runs_out_soon(limit: Limit, ahead: Ahead, now: datetime, was_likely: bool = False) -> bool:
    """Whether it probably runs out before it refills (no probability: does at the present pace); a stock within 30 days or its next step's lead time."""
    if limit.window and ahead.p_breach is not None:
        return is_likely(ahead.p_breach, was_likely)
    if ahead.dates.p50 is None:
        return False
    return bool(limit.window) or ahead.dates.p50 - now <= max(SOON, lead_time(limit))


def order_by(limit: Limit, ahead: Ahead, was_likely: bool = False) -> datetime | None:
    """The middle exhaustion date less the next step's lead time; of a window only where it probably runs out before the refill."""
    step, middle = limit.next_step, ahead.dates.p50
    if step is None or step.lead_time is None or middle is None:
        return None
    if limit.window and ahead.p_breach is not None and not is_likely(ahead.p_breach, was_likely):
        return None
    return middle - step.lead_time


def groundless(basis: str, no_date: str | None) -> bool:
    """Whether a stored row without a date says that none can be told, rather than that none is expected."""
    return not basis or says_why_no_pace(basis) or no_date not in (None, NoDate.BEYOND)


def awaited(row: Headroom) -> NoDate | None:
    """Why a stored row's forecast is yet to come, though it may have the dates of a pace; None where there is one, or none is to come."""
    if row.p_breach is not None or row.state not in (State.OK, State.TIGHT):
        return None
    if row.basis == HALF_READ:
        return NoDate.HALF_READ
    return next((why for why in AWAITED if row.no_date == why or row.basis.endswith(f"{NO_CHANCE}{NO_DATE_WORDS[why]}")), None)


def lead_time(limit: Limit) -> timedelta:
    """How long its next step takes; none where nobody said."""
    return limit.next_step.lead_time if limit.next_step and limit.next_step.lead_time else timedelta(0)


def _leaves_the_pace(why: NoDate, limit: Limit) -> bool:
    if why in OF_THE_FORECAST:
        return True
    # The burn of a rolling window is read off the last hours: that there are few days says nothing against it.
    return limit.window is not None and limit.window.span is not None and why not in OF_VALUES


def _grounds(why: NoDate, words: str, pace: Pace) -> str:
    """Why nothing is said: in the outlook's own words, else in the pace's, which count the days, else in those of the reason."""
    if words and words != NO_DATE_WORDS[why]:
        return words
    return pace.basis if says_why_no_pace(pace.basis) else NO_DATE_WORDS[why]
