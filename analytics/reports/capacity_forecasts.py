"""The forecasts of the capacity report: for each series its past, its range at the horizon, its growth, and what its limit says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from analytics.reports import weekly_words as say
from analytics.reports.capacity_ahead import Ahead, Series, ahead_of, fan, figure, history
from analytics.reports.decisions import dates_of, when
from analytics.urgency import last_date
from analytics.wording import NARROW, chance_text, span_text
from roomleft.limits import Direction, Headroom, Kind, Limit, State
from roomleft.money import MINUS
from roomleft.outlook import Shape

HEADINGS = {
    "users": "Users",
    "resources": "Resources",
    "storage": "Storage",
    "ai_requests": "AI requests",
    "ai_cost": "AI cost",
}
NO_FORECAST = "no forecast"
ORDER = (Kind.CAPACITY, Kind.QUOTA, Kind.BUDGET, Kind.RATIO, Kind.SLO)
Row = tuple[Headroom, Limit]


def heading_of(name: str) -> str:
    """A heading in words."""
    return HEADINGS.get(name, name.replace("_", " ").capitalize())


def title_of(series: Series) -> str:
    """`Users: active users`, `AI cost`: the heading, and what it is of where that is another thing."""
    heading, title = heading_of(series.heading), say.clean(series.title)
    if title.lower() == heading.lower():
        return heading
    return f"{heading}: {title[:1].lower()}{title[1:]}" if title[1:2].islower() else f"{heading}: {title}"


def forecast(series: Series, rows: Sequence[Row], history_days: int, now: datetime, zone: tzinfo) -> dict[str, Any]:
    """One series of the report: figures as drawn, the limit's as stored, and words beside them."""
    futures = series.known
    ahead = ahead_of(futures, series.days) if futures is not None else None
    bound = limit_of(rows, series.meter_id, series.same)
    until = futures.first_day + timedelta(days=series.days - 1) if futures is not None else None
    flow = futures is not None and futures.shape is Shape.FLOW
    told = {
        "heading": series.heading,
        "heading_words": heading_of(series.heading),
        "meter": series.meter_id,
        "title": title_of(series),
        "unit": series.unit,
        "horizon_days": series.days,
        "adds_up": flow,
        "until": until,
        "limit": _limit(*bound, now, zone) if bound is not None else None,
        "history": history(series.futures, history_days) if series.futures is not None else [],
        "fan": fan(futures, series.days) if futures is not None else [],
        "run_id": series.futures.run_id if series.futures is not None else "",
        "basis": series.futures.basis if series.futures is not None else "",
        "fitted_at": series.futures.fitted_at if series.futures is not None else None,
        "provisional": series.futures is not None and series.futures.provisional,
    }
    if ahead is None or until is None:
        code, why = series.reason if futures is None else (None, f"its forecast does not reach {series.days} days ahead")
        return told | {
            "before": None, "p10": None, "p50": None, "p90": None, "growth": None, "no_date": code, "why": say.clean(why),
            "words": f"No forecast: {say.clean(why)}.", "range": "", "middle": "", "before_words": "", "growth_words": "",
        }  # fmt: skip
    return told | _said(series, ahead, until, flow, now, zone)


def _said(series: Series, ahead: Ahead, until: date, flow: bool, now: datetime, zone: tzinfo) -> dict[str, Any]:
    low, middle, high = (figure(value) for value in (ahead.low, ahead.middle, ahead.high))
    before = figure(ahead.before) if ahead.before is not None else None
    span = f"the next {series.days} days" if flow else f"on {day_words(until, now, zone)}"
    compared = ("the last " + str(series.days) + " days" if flow else "the last week") if before is not None else ""
    growth = growth_words(ahead.growth)
    likely = f"likely {say.amount_range(low, high, series.unit)} {'in ' if flow else ''}{span}"
    ends = say.amount_range(low, high, series.unit)
    likely += f", middle {say.amount(middle, series.unit)}" if say.amount(middle, series.unit) != ends else ""
    change = f"; {growth} against {compared} ({say.amount(before, series.unit)})" if before is not None and growth else ""
    return {
        "before": before, "p10": low, "p50": middle, "p90": high, "growth": ahead.growth, "no_date": None, "why": "",
        "range": say.amount_range(low, high, series.unit), "middle": say.amount(middle, series.unit),
        "before_words": say.amount(before, series.unit) if before is not None else "",
        "growth_words": growth, "words": f"{likely[:1].upper()}{likely[1:]}{change}.",
    }  # fmt: skip


def lead_words(lead: timedelta) -> str:
    """How long a step takes, in whole days or hours where it is whole: `1 d`, `1 h`, `14 d`."""
    for size, unit in ((timedelta(days=1), "d"), (timedelta(hours=1), "h")):
        if lead and lead % size == timedelta(0):
            return f"{lead // size}{NARROW}{unit}"
    return span_text(lead)


def growth_words(growth: float | None) -> str:
    """`+6.2 %`, `−3 %`, `no change`; empty where nobody knows."""
    if growth is None:
        return ""
    percent = Decimal(repr(round(growth * 100, 1))).normalize()
    if percent == 0:
        return "no change"
    shown = f"{abs(percent):,.0f}" if abs(percent) >= 100 else f"{abs(percent):f}"
    return f"{'+' if percent > 0 else MINUS}{shown}{NARROW}%"


def day_words(day: date, now: datetime, zone: tzinfo) -> str:
    """A day of the platform's zone: `24 Nov`."""
    local = now.astimezone(zone)
    return f"{day.day} {day:%b}" + ("" if day.year == local.year else f" {day.year}")


def limit_of(rows: Sequence[Row], meter_id: str, same: Sequence[str] = ()) -> Row | None:
    """The limit that a meter's forecast is held against: a capacity before a quota, a budget and a ratio; of several the likeliest to run out."""
    own = [row for row in rows if row[1].meter_id in (meter_id, *same) and not row[1].per_user]
    return min(own, key=lambda row: (ORDER.index(row[1].kind), -(row[0].p_breach or 0.0), row[1].limit_id), default=None)


def _limit(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> dict[str, Any]:
    """What the stored row says of the series' limit."""
    return {
        "limit_id": row.limit_id, "title": say.clean(limit.title), "kind": str(limit.kind), "amount": row.amount, "unit": limit.unit, "used": row.used,
        "amount_words": say.amount(row.amount, limit.unit), "at_least": limit.direction is Direction.AT_LEAST, "assumed": limit.assumed,
        "windowed": limit.window is not None, "state": str(row.state), "p_breach": row.p_breach, "chance": chance_words(row), "about_to": row.about_to,
        "exhausts_at": dates_of(row), "runs_out": when(row, limit, now, zone), "order_by": row.order_by, "by": last_date(row, limit, now),
    }  # fmt: skip


def chance_words(row: Headroom) -> str:
    """`72 %`, `has run out`, `unknown` of what has no data, `no forecast`."""
    if row.state in (State.EXHAUSTED, State.UNKNOWN):
        return "has run out" if row.state is State.EXHAUSTED else "unknown"
    return NO_FORECAST if row.p_breach is None else chance_text(row.p_breach)
