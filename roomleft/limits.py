"""The one idea: a Limit is consumed by a Meter, leaving Headroom. Pure data; nothing here reads a clock or a store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from roomleft.timespan import Window

UTC = ZoneInfo("UTC")


class Direction(StrEnum):
    """Which side of the amount is trouble."""

    AT_MOST = "at_most"
    """A ceiling: use may grow to the amount (budget, capacity, quota)."""
    AT_LEAST = "at_least"
    """A floor: the reading must stay above the amount (cache hits, frame rate)."""


class Kind(StrEnum):
    """What sort of thing runs out."""

    BUDGET = "budget"
    SLO = "slo"
    CAPACITY = "capacity"
    QUOTA = "quota"
    RATIO = "ratio"


class State(StrEnum):
    """How a limit stands. Silence is not health: without fresh data it is `unknown`, never `ok`."""

    OK = "ok"
    TIGHT = "tight"
    EXHAUSTED = "exhausted"
    UNKNOWN = "unknown"


WORST_FIRST = (State.EXHAUSTED, State.TIGHT, State.UNKNOWN, State.OK)


class Freshness(StrEnum):
    """What may still happen to a figure."""

    PROVISIONAL = "provisional"
    RECONCILED = "reconciled"
    RESTATED = "restated"


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do to get more room, what it costs a month (negative: saves), and how long it takes."""

    what: str
    cost_usd_per_month: Decimal | None = None
    lead_time: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that can run out: money, error budget, capacity or quota.

    `amount` is in `unit`. `window` None means a stock, which never refills. `tight_below` is the fraction of room at which
    the limit counts as tight. `assumed` marks an amount nobody confirmed. `per_user` limits hold for every user apart;
    their row speaks of the worst one.
    """

    limit_id: str
    platform: str
    kind: Kind
    title: str
    amount: Decimal
    unit: str
    meter_id: str
    direction: Direction = Direction.AT_MOST
    window: Window | None = None
    owner: str = ""
    tight_below: Decimal = Decimal("0.1")
    next_step: NextStep | None = None
    assumed: bool = False
    per_user: bool = False
    amount_per: str | None = None
    """A meter whose reading multiplies `amount`: a budget of $2 for each active user."""
    amount_per_unit: str = ""
    """That meter's unit: of money, `amount` is a share of it."""
    rollover: bool = False
    """What the last window left of its own amount is added to this one's; what it had itself been given lapses, overspend is not carried."""
    earlier_amounts: tuple[tuple[datetime, Decimal], ...] = ()
    """From when on which amount held, oldest first, where it was changed; before the first one nobody knows."""
    recipients: tuple[str, ...] = ()
    """E-mail addresses of those who are to be told."""
    note: str = ""
    zone: ZoneInfo = UTC
    """Its platform's: what must be ordered must be by a day of this zone."""

    def amount_at(self, instant: datetime) -> Decimal:
        """Its own amount at an instant: what held then, as far as changes are known."""
        held = [amount for since, amount in self.earlier_amounts if since <= instant]
        return held[-1] if held else self.amount


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter answered. `amount` None means it could not answer, and `reason` says why.

    `observed_at` is the newest sample or event behind the amount; `stale_after` how old that may be before it says nothing.
    `lower_bound` marks an amount that would be higher if everything had a price, `upper_bound` one that would be lower, because unpriced parts
    are subtracted or divided by; both together: nobody knows which way. `subject` names whose reading it is (the worst user of a
    per-user limit). `first_over_at` is when use first passed the limit, where the meter can tell.
    `covers` is how much of the window there is data for, where that is less than all of it.
    """

    amount: Decimal | None
    observed_at: datetime | None
    stale_after: timedelta
    reason: str = ""
    lower_bound: bool = False
    upper_bound: bool = False
    subject: str = ""
    first_over_at: datetime | None = None
    freshness: Freshness = Freshness.PROVISIONAL
    covers: timedelta | None = None

    def is_stale(self, now: datetime) -> bool:
        """Whether the newest data behind the amount is older than allowed."""
        return self.observed_at is None or now - self.observed_at > self.stale_after


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a reading moves, per day of 24 hours in the reading's unit (negative: it falls).

    The three rates are the 10th, 50th and 90th percentile of the rates seen. `basis` says in words where they come from.
    None anywhere means there are no grounds; `basis` then says why. Its dates are no probabilities: those are an `Outlook`'s.
    """

    per_day_p10: float | None
    per_day_p50: float | None
    per_day_p90: float | None
    basis: str

    @classmethod
    def none(cls, why: str) -> Pace:
        """No pace, and the reason."""
        return cls(None, None, None, why)


@dataclass(frozen=True, slots=True)
class Headroom:
    """How much room a limit has: the one row that every screen, page, report and API reads.

    `used`, `remaining` and `amount` are in the limit's unit. For a floor `used` is the reading and `remaining` the reading
    less the floor. `fraction_left` is 1 when nothing is used, 0 at the limit, negative beyond. `burn_rate` is use against
    an even use of the window so far (1 = just lasts). Exhaustion times are the 10th, 50th and 90th percentile, None where
    the limit is not expected to be reached before it refills, or within a year.
    """

    limit_id: str
    platform: str
    kind: Kind
    unit: str
    amount: Decimal
    used: Decimal | None
    remaining: Decimal | None
    fraction_left: float | None
    state: State
    reason: str
    burn_rate: float | None
    exhausts_p10: datetime | None
    exhausts_p50: datetime | None
    exhausts_p90: datetime | None
    p_breach: float | None
    window_start: datetime | None
    window_end: datetime | None
    subject: str
    basis: str
    lower_bound: bool
    freshness: Freshness
    observed_at: datetime | None
    as_of: datetime
    about_to: datetime | None = None
    """Until when `p_breach` speaks: the window's end, or 30 days on."""
    order_by: datetime | None = None
    """The last moment to order the next step: its lead time before the middle exhaustion date."""
    ends_p10: Decimal | None = None
    """What will have been used at `about_to` (of a stock: the level then), in the limit's unit; with `ends_p50` and `ends_p90`."""
    ends_p50: Decimal | None = None
    ends_p90: Decimal | None = None
    no_date: str | None = None
    """A `roomleft.outlook.NoDate`: why there is no date."""
    forecast_run: str | None = None
