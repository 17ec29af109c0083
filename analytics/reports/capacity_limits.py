"""The capacity table and the budgets of the capacity report. Figures are those of the stored rows; only the next window's total is read off futures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

import numpy as np

from analytics.forecasting.futures import Futures
from analytics.forecasting.limit import NONE_SAID, SLACK, read_until_s
from analytics.forecasting.questions import covered_to_s, edges_s, filling
from analytics.reports import weekly_words as say
from analytics.reports.capacity_ahead import SHARES, Floats, figure, totals
from analytics.reports.capacity_forecasts import Row, chance_words, lead_words
from analytics.reports.decisions import dates_of, when, within_words
from analytics.urgency import last_date
from analytics.wording import NARROW, chance_text
from roomleft.limits import Direction, Headroom, Kind, Limit, State
from roomleft.money import MINUS
from roomleft.outlook import NO_DATE_WORDS, NoDate, Outlook, Shape
from roomleft.wording import RATIO_UNITS

TABLED = (Kind.CAPACITY, Kind.QUOTA)


def limits(rows: Sequence[Row], now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    """Every capacity and quota, and whatever else never refills; worst first as the rows come."""
    return [_limit(row, limit, now, zone) for row, limit in rows if limit.kind in TABLED or limit.window is None]


def _limit(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> dict[str, Any]:
    step = limit.next_step
    lead = step.lead_time if step is not None else None
    floor = limit.direction is Direction.AT_LEAST
    return {
        "limit_id": row.limit_id,
        "title": say.clean(limit.title),
        "kind": str(limit.kind),
        "unit": limit.unit,
        "at_least": floor,
        "per_user": limit.per_user,
        "assumed": limit.assumed,
        "owner": say.clean(limit.owner),
        "state": str(row.state),
        "reason": say.clean(row.reason),
        "used": row.used,
        "amount": row.amount,
        "remaining": row.remaining,
        "fraction_left": row.fraction_left,
        "left_words": "unknown" if row.remaining is None else left_words(row.remaining, limit.unit),
        "room": room_words(row, limit),
        "p_breach": row.p_breach,
        "chance": chance_words(row),
        "chance_of": "" if row.p_breach is None or row.state is State.EXHAUSTED else within_words(row, limit),
        "about_to": row.about_to,
        "exhausts_at": dates_of(row),
        "runs_out": when(row, limit, now, zone),
        "if_so": limit.window is not None and row.exhausts_p50 is not None,
        "no_date": row.no_date,
        "order_by": row.order_by,
        "by": last_date(row, limit, now),
        "lead_time_s": lead.total_seconds() if lead is not None else None,
        "lead": lead_words(lead) if lead is not None else "",
        "step": say.clean(step.what) if step is not None else "",
        "cost_usd_per_month": step.cost_usd_per_month if step is not None else None,
        "cost": say.monthly(step.cost_usd_per_month) if step is not None else "",
        "observed_at": row.observed_at,
        "lower_bound": row.lower_bound,
    }


def room_words(row: Headroom, limit: Limit) -> str:
    """`16,000 left of 100,000 users`, `0.4 over the limit of 4 GB`, `3.4 points above the floor of 90 %`."""
    bound = say.amount(row.amount, limit.unit)
    if row.remaining is None:
        return f"unknown: {say.clean(row.reason)}" if row.reason else "unknown"
    size = left_words(abs(row.remaining), limit.unit, bound)
    if limit.direction is Direction.AT_LEAST:
        return f"{size} {'below' if row.remaining < 0 else 'above'} the floor of {bound}"
    return f"{size} over the limit of {bound}" if row.remaining < 0 else f"{size} left of {bound}"


def left_words(remaining: Decimal, unit: str, bound: str = "") -> str:
    """What is left, without the unit that the amount beside it carries: `1.5`, `$12.30`, `0.65`; a share's is in points."""
    if unit in say.SHARES:
        points = remaining * (100 if unit in RATIO_UNITS else 1)
        return f"{MINUS if points < 0 else ''}{say.points_text(points)} points"
    text = say.amount(remaining, unit)
    if unit == "usd_per_user":
        return text.removesuffix(" a user")
    number, _, same = text.rpartition(NARROW)
    return number if number and (not bound or same == bound.rpartition(NARROW)[2]) else text


def is_budget(limit: Limit) -> bool:
    """A budget with a calendar window: one that ends, and begins again."""
    return (
        limit.kind is Kind.BUDGET
        and limit.window is not None
        and limit.window.span is None
        and limit.direction is Direction.AT_MOST
    )


def budgets(rows: Sequence[Row], futures: Mapping[str, Futures | Outlook], now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    """Every budget: the window that runs, as stored, and the next one, read off the same futures."""
    return [_budget(row, limit, futures.get(limit.limit_id), now, zone) for row, limit in rows if is_budget(limit)]


def _budget(row: Headroom, limit: Limit, ahead: Futures | Outlook | None, now: datetime, zone: tzinfo) -> dict[str, Any]:
    window = limit.window
    assert window is not None, "only budgets with a window come here"
    start, end = window.bounds(now)
    likely = ""
    if row.ends_p10 is not None and row.ends_p90 is not None:
        likely = say.amount_range(row.ends_p10, row.ends_p90, limit.unit)
    following = _next(row, limit, ahead, now)
    return {
        "limit_id": row.limit_id, "title": say.clean(limit.title), "unit": limit.unit, "owner": say.clean(limit.owner), "assumed": limit.assumed,
        "state": str(row.state), "amount": row.amount, "spent": row.used, "lower_bound": row.lower_bound, "p_breach": row.p_breach,
        "chance": chance_words(row), "ends_p10": row.ends_p10, "ends_p50": row.ends_p50, "ends_p90": row.ends_p90, "from": start, "to": end,
        "window": _window_name(start, end, window.zone, now),
        "spent_words": ("at least " if row.lower_bound else "") + (say.amount(row.used, limit.unit) if row.used is not None else "unknown"),
        "amount_words": say.amount(row.amount, limit.unit),
        "over": f"over by {say.amount(row.used - row.amount, limit.unit)}" if row.used is not None and row.used > row.amount else "",
        "likely": likely or _why(row), "runs_out": when(row, limit, now, zone), "if_so": row.exhausts_p50 is not None, "exhausts_at": dates_of(row), "next": following,
    }  # fmt: skip


def _window_name(start: datetime, end: datetime, zone: tzinfo, now: datetime) -> str:
    first, last = start.astimezone(zone), (end - timedelta(seconds=1)).astimezone(zone)
    if first.day == 1 and (last + timedelta(days=1)).day == 1 and (first.year, first.month) == (last.year, last.month):
        return f"{first:%B}" + ("" if first.year == now.astimezone(zone).year else f" {first.year}")
    return say.days(start, end - timedelta(seconds=1), now, zone)


def _why(row: Headroom) -> str:
    if row.state is State.UNKNOWN:
        return "unknown"
    return f"no forecast: {NO_DATE_WORDS[NoDate(row.no_date)]}" if row.no_date in set(NoDate) else "no forecast yet"


def _next(row: Headroom, limit: Limit, ahead: Futures | Outlook | None, now: datetime) -> dict[str, Any]:
    """The window after this one: its range, and the chance that it exceeds the present amount (and, of a budget that rolls over, what each draw
    leaves of this one); or why nothing is said."""
    window = limit.window
    assert window is not None, "only budgets with a window come here"
    start, end = window.bounds(window.bounds(now)[1])
    # What the last window left is this one's alone.
    own = limit.amount if limit.rollover and limit.amount_per is None else row.amount
    told: dict[str, Any] = {
        "window": _window_name(start, end, window.zone, now), "from": start, "to": end, "amount": own, "ends_p10": None, "ends_p50": None,
        "ends_p90": None, "p_breach": None, "likely": "", "chance": "unknown",
    }  # fmt: skip
    if ahead is None or isinstance(ahead, Outlook):
        why = ahead.basis if ahead is not None else NO_DATE_WORDS[NoDate.NO_DATA]
        return told | {"likely": f"no forecast: {say.clean(why)}"}
    if ahead.no_date in NONE_SAID or not ahead.values.size:
        return told | {"likely": f"no forecast: {NO_DATE_WORDS[ahead.no_date or NoDate.NO_DATA]}"}
    if ahead.shape is not Shape.FLOW or covered_to_s(ahead) < end.timestamp() - 1:
        return told | {"likely": f"no forecast: {NO_DATE_WORDS[NoDate.BEYOND]}"}
    edges = edges_s(ahead.first_day, ahead.values.shape[1], ahead.zone)
    first, last = (int(np.searchsorted(edges, at.timestamp() - 1)) for at in (start, end))
    drawn = totals(ahead, first, last)
    low, middle, high = (figure(value) for value in np.quantile(drawn, SHARES))
    # As a limit's own chance is counted: never exactly 0 or 1.
    amount = float(own) + _left_over(row, limit, ahead, float(own), now)
    chance = (float((drawn > amount * (1 + SLACK)).sum()) + 0.5) / (len(drawn) + 1)
    likely = say.amount_range(low, high, limit.unit)
    return told | {
        "ends_p10": low,
        "ends_p50": middle,
        "ends_p90": high,
        "p_breach": chance,
        "likely": likely,
        "chance": chance_text(chance),
    }


def _left_over(row: Headroom, limit: Limit, ahead: Futures, own: float, now: datetime) -> Floats:
    """What each draw leaves of this window's own amount for the next one; 0 without rollover."""
    if not limit.rollover or row.used is None or limit.window is None:
        return np.zeros(len(ahead.values))
    end_s, read_s = limit.window.bounds(now)[1].timestamp(), read_until_s(limit, row.observed_at, now)
    used = filling(ahead, float(row.used), now.timestamp(), end_s, read_s).values[:, -1]
    return np.maximum(own - used, 0.0)


def is_ordered(each: Mapping[str, Any]) -> bool:
    """Whether a recommendation is to be followed: it holds, waits for no other step, and is not told as a limit's next step already."""
    return bool(each["holds"] and not each.get("waits_for") and not each.get("same_as"))


def steps_cost(recommended: Sequence[Mapping[str, Any]]) -> tuple[Decimal, Decimal]:
    """What the recommendations that hold cost, and what they save, each by itself."""
    holding = [each for each in recommended if is_ordered(each)]
    costs = sum((each["cost_usd"] for each in holding if each["cost_usd"] is not None), Decimal(0))
    return costs, sum((each["saving_usd"] for each in holding if each["saving_usd"] is not None), Decimal(0))
