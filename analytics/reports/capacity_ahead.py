"""What sampled futures say of one series of the capacity report: where it ends, by how much it grew, when it reaches an amount. Pure.

The same questions as the Forecasts page asks, with the same answers: of a flow the total of the days ahead against the total of as many days
before; of a level where it stands on the last day against the mean of the last week.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import NONE_SAID
from analytics.forecasting.questions import DAY_S, edges_s
from roomleft.outlook import NO_DATE_WORDS, NoDate, Shape

Floats = npt.NDArray[np.float64]
SHARES = (0.1, 0.5, 0.9)
POINTS = (0.05, 0.1, 0.5, 0.9, 0.95)
WEEK = 7
GRAIN = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class Series:
    """One series of the report: the heading it stands under, the meter, and its futures; None where there are none, and `why`."""

    heading: str
    meter_id: str
    title: str
    unit: str
    horizon: timedelta
    futures: Futures | None
    no_date: NoDate | None = None
    why: str = ""
    same: Sequence[str] = ()
    """Other meters that ask the warehouse the same: their limits are its limits."""

    @property
    def days(self) -> int:
        """How many days ahead it is asked for."""
        return max(1, round(self.horizon / timedelta(days=1)))

    @property
    def known(self) -> Futures | None:
        """The futures, where they say anything."""
        futures = self.futures
        if (
            futures is None
            or futures.no_date in NONE_SAID
            or not futures.values.size
            or not bool(np.isfinite(futures.values).all())
        ):
            return None
        return futures

    @property
    def reason(self) -> tuple[NoDate, str]:
        """Why nothing is forecast, as a code and in words."""
        futures = self.futures
        code = self.no_date or (futures.no_date if futures is not None else None) or NoDate.NO_DATA
        return code, self.why or (futures.basis if futures is not None and futures.no_date else "") or NO_DATE_WORDS[code]


@dataclass(frozen=True, slots=True)
class Ahead:
    """p10, p50, p90 at the horizon (of a flow the total until then), and `before`: what it is compared with; None where not known."""

    low: float
    middle: float
    high: float
    before: float | None

    @property
    def growth(self) -> float | None:
        """The middle against `before`, as a share; None without one above zero."""
        return self.middle / self.before - 1 if self.before is not None and self.before > 0 else None


def ahead_of(futures: Futures, days: int) -> Ahead | None:
    """What futures say of the next `days`; None if they do not reach so far."""
    if futures.values.shape[1] < days:
        return None
    if futures.shape is Shape.LEVEL:
        low, middle, high = np.quantile(futures.values[:, days - 1].astype(np.float64), SHARES)
        return Ahead(float(low), float(middle), float(high), last_week(futures))
    low, middle, high = np.quantile(totals(futures, 0, days), SHARES)
    return Ahead(float(low), float(middle), float(high), _past_total(futures, days))


def totals(futures: Futures, first: int, last: int) -> Floats:
    """What each draw adds up to over the days [first, last), by the days' own lengths."""
    lengths = np.diff(edges_s(futures.first_day, last, futures.zone))[first:] / DAY_S
    return np.asarray((futures.values[:, first:last].astype(np.float64) * lengths).sum(axis=1), dtype=np.float64)


def last_week(futures: Futures) -> float | None:
    """The mean of the last seven days."""
    week = futures.past[-WEEK:]
    return float(np.nanmean(week)) if np.isfinite(week).any() else None


def _past_total(futures: Futures, days: int) -> float | None:
    past = futures.past[-days:]
    if len(past) < days or not bool(np.isfinite(past).all()):
        return None
    back = np.diff(edges_s(futures.first_day - timedelta(days=days), days, futures.zone)) / DAY_S
    return float((past * back).sum())


def growth_behind(futures: Futures, days: int) -> float | None:
    """By what share it grew over the last `days`: the last week's mean against that of the week that ended so long ago (of a flow the last `days`
    against as many before them); None where the history does not reach back."""
    past = futures.past
    if futures.shape is Shape.FLOW:
        if len(past) < 2 * days or not bool(np.isfinite(past[-2 * days :]).all()):
            return None
        earlier, later = float(past[-2 * days : -days].sum()), float(past[-days:].sum())
        return later / earlier - 1 if earlier > 0 else None
    end = len(past) - days
    # Histories begin with the first data: a few days less than asked for still tell the growth over them.
    week = past[max(end - WEEK, 0) : max(end, WEEK)] if end > -WEEK else past[:0]
    known, now = week[np.isfinite(week)], last_week(futures)
    if not len(known) or now is None or len(past) < days - WEEK:
        return None
    before = float(known.mean())
    return now / before - 1 if before > 0 else None


def fan(futures: Futures, days: int) -> list[list[Any]]:
    """[day, p05, p10, p50, p90, p95] for each day ahead, a day's value for 24 hours."""
    values = np.quantile(futures.values[:, :days].astype(np.float64), POINTS, axis=0)
    return [[futures.first_day + timedelta(days=n), *(figure(value) for value in values[:, n])] for n in range(values.shape[1])]


def history(futures: Futures, days: int) -> list[list[Any]]:
    """[day, value] for each of the last days, None where unknown."""
    past = futures.past[-days:]
    first = futures.first_day - timedelta(days=len(past))
    return [[first + timedelta(days=n), figure(value) if np.isfinite(value) else None] for n, value in enumerate(past)]


def first_days(futures: Futures, amount: float) -> tuple[date | None, date | None, date | None]:
    """The days by which 10, 50 and 90 % of the futures have reached an amount; None where that share does not within them."""
    reached = np.maximum.accumulate(futures.values, axis=1) >= amount
    share = reached.mean(axis=0)
    found = [int(np.argmax(share >= level)) if bool((share >= level).any()) else None for level in SHARES]
    early, middle, late = (None if index is None else futures.first_day + timedelta(days=index) for index in found)
    return early, middle, late


def monthly_growth(futures: Futures, days: int) -> tuple[float, float, float] | None:
    """p10, p50, p90 of the growth a month that the futures show over `days`, as shares; None without a level above zero."""
    now = last_week(futures)
    reach = min(days, futures.values.shape[1])
    if now is None or now <= 0 or reach < WEEK:
        return None
    # From the middle of the last week to the middle of the last week ahead.
    end = futures.values[:, reach - WEEK : reach].astype(np.float64).mean(axis=1)
    growth = np.power(np.maximum(end / now, 1e-6), 30.4375 / reach) - 1
    low, middle, high = np.quantile(growth, SHARES)
    return float(low), float(middle), float(high)


def figure(value: float) -> Decimal:
    """A model's number as a decimal to the nano: floats stay inside the models."""
    exact = Decimal(repr(float(value)))
    return exact.quantize(GRAIN, rounding=ROUND_HALF_EVEN).normalize() + 0 if abs(exact) < Decimal("1e18") else exact


def plain(value: Any) -> Any:
    """Content as JSON has it: decimals as strings, instants in UTC with Z, days as ISO dates."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value
