"""What a month will have cost when it is over: what is spent, and a weekday's mean for every day still to come. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from roomleft.timespan import Period, Window, local_days, midnight

DAY = timedelta(days=1)
WEEK = 7
MOST_WEEKS = 4
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Projection:
    """The calendar month that holds `now`: dollars so far, those expected until its end, and how. `month_usd` is None with a reason.

    Usage alone, which is never below zero: credits are told apart, since nobody knows the next one. `basis_days` are the whole days behind it.
    """

    month_first: date
    month_until: date
    spent_usd: Decimal
    rest_usd: Decimal | None
    basis_days: int
    reason: str

    @property
    def month_usd(self) -> Decimal | None:
        """Spent and expected."""
        return None if self.rest_usd is None else self.spent_usd + self.rest_usd


def history_from(now: datetime, zone: ZoneInfo) -> datetime:
    """From when on daily costs are needed: the month's beginning or four whole weeks, whichever is earlier."""
    today = now.astimezone(zone).date()
    return min(midnight(today - MOST_WEEKS * WEEK * DAY, zone), Window(Period.MONTH, zone).bounds(now)[0])


def projection(daily_usd: Mapping[date, Decimal], first_day: date | None, now: datetime, zone: ZoneInfo) -> Projection:
    """The month's cost from each local day's usage dollars (a day without usage is nothing; `first_day`: the first known whole day).

    The days still to come cost what their weekday did on average over the last one to four whole weeks; with less than a week of history, what
    the mean day did. Of today the part that is left counts.
    """
    start, end = Window(Period.MONTH, zone).bounds(now)
    today = now.astimezone(zone).date()
    month_first, month_until = start.astimezone(zone).date(), end.astimezone(zone).date()
    spent = sum((max(usd, ZERO) for day, usd in daily_usd.items() if month_first <= day <= today), ZERO)
    known = (today - first_day).days if first_day is not None else 0
    if known < 1:
        return Projection(month_first, month_until, spent, None, 0, "there is no whole day of usage yet")
    span = min(MOST_WEEKS, known // WEEK) * WEEK or known
    expected = _by_weekday(daily_usd, today, span)
    rest = ZERO
    for day, begins, ends in local_days(now, end, zone):
        if day >= month_until:
            break
        left = Decimal((ends - max(begins, now)) // timedelta(microseconds=1)) / Decimal(
            (ends - begins) // timedelta(microseconds=1)
        )
        rest += expected[day.weekday()] * left
    return Projection(month_first, month_until, spent, rest, span, "")


def _by_weekday(daily_usd: Mapping[date, Decimal], today: date, span: int) -> list[Decimal]:
    """Dollars of each weekday, Monday first, over the `span` whole days before today."""
    days = [today - back * DAY for back in range(1, span + 1)]
    mean = sum((max(daily_usd.get(day, ZERO), ZERO) for day in days), ZERO) / len(days)
    if span < WEEK:
        return [mean] * WEEK
    sums = [ZERO] * WEEK
    for day in days:
        sums[day.weekday()] += max(daily_usd.get(day, ZERO), ZERO)
    return [total / (span // WEEK) for total in sums]
