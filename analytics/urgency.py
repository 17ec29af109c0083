"""Which limits need somebody, in which order, and by when: one order and one last day for the verdict, the reports and every page.

Order: what has run out, most lost first; everything else by the day by which it must be decided (the last day to order, "now" first; without one the
middle date), ratios that have run out with "now", as they are less good than meant and stop nothing; last what is tight while nothing can be forecast.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime, timedelta

from analytics.ahead import LIKELY
from analytics.runs_out import Said, runs_out
from roomleft.limits import Headroom, Kind, Limit, State
from roomleft.wording import last_day_text

ORDER_WITHIN = timedelta(days=14)
"""A last day that comes before the report after next cannot wait for that one."""
LOSS = {Kind.CAPACITY: 5, Kind.SLO: 4, Kind.QUOTA: 3, Kind.BUDGET: 3, Kind.RATIO: 1}
"""What it means that a limit runs out: people are turned away; a promise is broken; a feature stops, or money is gone; something is less good than meant."""
UNDATED_CHANCE = 0.5
"""What a tight limit counts for while nobody can say how likely it is to run out."""
HORIZON = timedelta(days=30)
FAR = float("inf")
Row = tuple[Headroom, Limit]


def has_run_out(row: Headroom) -> bool:
    """Whether nothing is left."""
    return row.state is State.EXHAUSTED


def probably_will(row: Headroom, now: datetime) -> bool:
    """Whether it is more likely than not to run out before it refills, of a stock or a rolling window within 30 days; without a chance, does at the present pace."""
    if row.state not in (State.OK, State.TIGHT):
        return False
    if row.p_breach is not None:
        return row.p_breach >= LIKELY
    # A rolling window ends now, and is asked of the next 30 days as a stock is.
    refills = row.window_end is not None and row.window_end > row.as_of
    return row.exhausts_p50 is not None and (refills or row.exhausts_p50 - now <= HORIZON)


def is_due(row: Headroom, now: datetime) -> bool:
    """Whether its next step must be ordered soon."""
    return row.state in (State.OK, State.TIGHT) and row.order_by is not None and row.order_by - now <= ORDER_WITHIN


def is_undated(row: Headroom) -> bool:
    """Whether it is tight while nothing can be forecast."""
    return row.state is State.TIGHT and row.p_breach is None


def needs_decision(row: Headroom, now: datetime) -> bool:
    """Whether a limit has run out, is more likely than not to, must be ordered for soon, or is tight while nothing can be forecast."""
    return has_run_out(row) or probably_will(row, now) or is_due(row, now) or is_undated(row)


def lost(row: Headroom, limit: Limit) -> float:
    """What is lost if nobody acts, as a number to sort by: `LOSS` of its kind × its chance, up to twice that for a budget that ends far over."""
    chance = 1.0 if has_run_out(row) else UNDATED_CHANCE if row.p_breach is None else row.p_breach
    over = 0.0
    if limit.kind is Kind.BUDGET and row.ends_p50 is not None and row.amount > 0:
        over = min(1.0, max(0.0, float(row.ends_p50 / row.amount) - 1))
    return LOSS[limit.kind] * chance * (1 + over)


def by_urgency(rows: Iterable[Row], now: datetime) -> list[Row]:
    """The rows that need a decision, the most urgent first."""
    return sorted((row for row in rows if needs_decision(row[0], now)), key=lambda row: rank(row[0], row[1], now))


def rank(row: Headroom, limit: Limit, now: datetime) -> tuple[int, float, float, float, str]:
    """The place of a row that needs a decision among such rows: the smallest is the most urgent."""
    rest = (-lost(row, limit), row.fraction_left if row.fraction_left is not None else 0.0, row.limit_id)
    if has_run_out(row):
        return (1, now.timestamp(), *rest) if limit.kind is Kind.RATIO else (0, 0.0, *rest)
    if probably_will(row, now) or is_due(row, now):
        return (1, _decided_by(row, now), *rest)
    return (2, 0.0, *rest)


def _decided_by(row: Headroom, now: datetime) -> float:
    """The last moment to decide, in seconds of the epoch: what has passed is now."""
    last = row.order_by or row.exhausts_p50
    return max(now, last).timestamp() if last is not None else FAR


def one_step(limit: Limit) -> Hashable:
    """What two limits share whose next step is the same step: it is decided, and paid, once."""
    step = limit.next_step
    return limit.limit_id if step is None else (limit.platform, step.what, step.cost_usd_per_month)


def by_step(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows in their order, those of one step together, where the first of them stands."""
    found: dict[Hashable, list[Row]] = {}
    for row in rows:
        found.setdefault(one_step(row[1]), []).append(row)
    return list(found.values())


def last_date(row: Headroom, limit: Limit, now: datetime) -> str:
    """The last day to order, as the platform's days are counted: `28 Nov`; `now` when it has passed or the limit has run out; empty where there is none, or
    where it is not soon and the date it counts back from is too far off, or too unlikely, to be said."""
    if has_run_out(row):
        return "now"
    if row.order_by is None or not (is_due(row, now) or runs_out(row, limit).said is Said.DATE):
        return ""
    return last_day_text(row.order_by, now, limit.zone) if row.order_by > now else "now"
