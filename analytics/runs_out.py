"""What may be said of when a limit runs out: one rule for pages, reports and mails, each of which has its own words for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from analytics.ahead import LIKELY, groundless
from roomleft.limits import Headroom, Limit, State
from roomleft.outlook import NO_DATE_WORDS, NoDate

HARDLY = 0.01
"""Below this chance a window is said to last: a date that holds once in a hundred times would only mislead."""
FAR = timedelta(days=90)
"""No date is said beyond this: forecasts reach no further, and a pace no further than a guess."""
FAR_DAYS, ROLLING_DAYS = 90, 30
"""How far ahead a stock's dates are looked for; and any chance, and with it a rolling window's dates."""
NO_DAY = "no day stands out among the possible ones"


class Said(StrEnum):
    """What is said."""

    UNKNOWN = "unknown"
    OUT = "out"
    DATE = "date"
    NOT_BEFORE = "not_before"
    """Not before its early date; later is open."""
    REASON = "reason"
    """No date, and why."""
    REFILLS = "refills"
    """Not before its window refills."""
    NOT_AT_THIS_PACE = "not_at_this_pace"
    NOT_WITHIN = "not_within"
    """Not within so many days."""
    UNLIKELY_WITHIN = "unlikely_within"


@dataclass(frozen=True, slots=True)
class RunsOut:
    """What is said, and what goes with it: `reason` why there is no date, `days` within which it does not run out."""

    said: Said
    reason: str = ""
    days: int = 0


def runs_out(row: Headroom, limit: Limit) -> RunsOut:
    """What may be said of a stored row."""
    if row.state is State.UNKNOWN:
        return RunsOut(Said.UNKNOWN, row.reason)
    if row.state is State.EXHAUSTED:
        return RunsOut(Said.OUT)
    chance, early, middle = row.p_breach, row.exhausts_p10, row.exhausts_p50
    if not (chance is not None and chance < HARDLY and limit.window is not None):
        if middle is not None and middle - row.as_of <= FAR:
            return RunsOut(Said.DATE)
        if early is not None and early - row.as_of <= FAR:
            return RunsOut(Said.NOT_BEFORE)
        if middle is not None or early is not None:
            return RunsOut(Said.NOT_WITHIN, days=FAR_DAYS)
    if chance is None:
        if row.no_date == NoDate.BEYOND or groundless(row.basis, row.no_date):
            return RunsOut(Said.REASON, _why(row))
    elif chance >= HARDLY and row.no_date in set(NoDate):
        # It may well run out, and nobody can say when: "not within 30 days" would belie the chance beside it.
        return RunsOut(Said.REASON, NO_DATE_WORDS[NoDate(row.no_date)])
    elif chance >= LIKELY:
        return RunsOut(Said.REASON, NO_DAY)
    if limit.window is not None and limit.window.span is None and row.window_end is not None:
        return RunsOut(Said.REFILLS)
    if chance is None:
        return RunsOut(Said.NOT_AT_THIS_PACE)
    # Where no dates are worked out only the chance is known, which looks no further than a rolling window's.
    dated = limit.window is None and (not row.no_date or row.no_date == NoDate.BEYOND)
    days = FAR_DAYS if dated else ROLLING_DAYS
    return RunsOut(Said.NOT_WITHIN if chance < HARDLY else Said.UNLIKELY_WITHIN, days=days)


def _why(row: Headroom) -> str:
    """Its basis where that counts the days; else the words of the reason."""
    if row.basis and row.no_date not in (NoDate.BEYOND, NoDate.PER_USER, NoDate.BY_QUERY, NoDate.NO_METER):
        return row.basis.removeprefix("no pace: ")
    return NO_DATE_WORDS[NoDate(row.no_date)] if row.no_date in set(NoDate) else "nothing is forecast yet"
