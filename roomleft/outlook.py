"""What is said of a limit's future: how likely it runs out, when, and why nothing is said where there are no grounds. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Shape(StrEnum):
    """How a day's value of a forecast target comes about, and so how values of several days are joined."""

    FLOW = "flow"
    """It adds up over the day: dollars, calls, errors. A window's total is the sum of its days."""
    LEVEL = "level"
    """It is read: connections, gigabytes, milliseconds. A day's value stands for the day; days are never added."""


class Made(StrEnum):
    """How a forecast came about."""

    LIVE = "live"
    """Said before what it speaks of happened."""
    REPLAYED = "replayed"
    """Said afterwards about an earlier time, from the data of before that time alone (a rolling origin)."""


class NoDate(StrEnum):
    """Why no date is said. The words stand in `NO_DATE_WORDS`."""

    NO_DATA = "no_data"
    NOT_YET = "not_yet"
    TOO_SHORT = "too_short"
    TOO_GAPPY = "too_gappy"
    ALL_ZERO = "all_zero"
    TOO_SPARSE = "too_sparse"
    NO_BETTER = "no_better"
    NOT_FINITE = "not_finite"
    STALE = "stale"
    HALF_READ = "half_read"
    PER_USER = "per_user"
    BY_QUERY = "by_query"
    NO_METER = "no_meter"
    BEYOND = "beyond"
    FAILED = "failed"


NO_DATE_WORDS = {
    NoDate.NO_DATA: "no data yet",
    NoDate.NOT_YET: "not forecast yet",
    NoDate.TOO_SHORT: "too few complete days",
    NoDate.TOO_GAPPY: "too many days are missing",
    NoDate.ALL_ZERO: "nothing was used yet",
    NoDate.TOO_SPARSE: "too few days with use to name a day",
    NoDate.NO_BETTER: "nothing forecasts it better than repeating last week",
    NoDate.NOT_FINITE: "the readings are no numbers",
    NoDate.STALE: "its data has stopped coming",
    NoDate.HALF_READ: "its history is still being read",
    NoDate.PER_USER: "each user has this limit apart",
    NoDate.BY_QUERY: "a query works it out, so it has no history by day",
    NoDate.NO_METER: "nothing in the pack measures it",
    NoDate.BEYOND: "further away than the data can tell",
    NoDate.FAILED: "the forecast failed",
}

AWAITED = frozenset({NoDate.NOT_YET, NoDate.HALF_READ})
"""Reasons that end with the next forecast: until then nothing is promised."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A limit's future as of one instant.

    `p_breach`: the probability, 0 to 1, that it runs out before `about_to`: the window's end, or 30 days on where it never refills.
    `p10`, `p50`, `p90`: when. Of a window they are quantiles of the first crossing among the futures that cross before it refills ("if so");
    of a stock among all futures, so that a date stands only where that share of them crosses, and agrees with `p_breach`.
    `ends_p10` … `ends_p90`: what will have been used (a stock: its level) at `about_to`, in the limit's unit.
    `no_date`: why there is no date; None where there is one or where none is needed (it will not run out). `provisional`: from 7 to 27 days of history.
    `basis`: in words, what it rests on. `run_id`: the forecast it was read off, "" for none.
    """

    p_breach: float | None
    about_to: datetime | None
    p10: datetime | None = None
    p50: datetime | None = None
    p90: datetime | None = None
    ends_p10: Decimal | None = None
    ends_p50: Decimal | None = None
    ends_p90: Decimal | None = None
    no_date: NoDate | None = None
    provisional: bool = False
    basis: str = ""
    run_id: str = ""

    @classmethod
    def none(cls, why: NoDate, words: str = "") -> Outlook:
        """Nothing can be said, and why."""
        return cls(None, None, no_date=why, basis=words or NO_DATE_WORDS[why])
