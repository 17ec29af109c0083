"""Cost tiers against the plan: when the plan leaves each tier, and when forecast growth of daily users really outgrows it. Pure.

A date stands only where the sampled futures reach it. Beyond them the reason is `beyond`, and beside it, marked as such, the year in which
the tier would be outgrown if the present growth went on unchanged: u·(1 + g)^m = n, so m = ln(n ÷ u) ÷ ln(1 + g) months from now. What the
plan asks of growth is the same turned round: g = (n ÷ u)^(1 ÷ m) − 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from analytics.forecasting.futures import Futures
from analytics.reports import weekly_words as say
from analytics.reports.capacity_ahead import Series, figure, first_days, last_week, monthly_growth
from analytics.reports.capacity_forecasts import day_words, growth_words
from analytics.reports.tiers import TierRow, planned_words, tier_rows
from roomleft.outlook import NoDate
from roomleft.packs import Pack

MONTH_DAYS = 30.4375
"""A year's days over twelve."""
FURTHEST_YEARS = 50
"""An extrapolation beyond so many years is told as `more than 50 years`."""
FLAT = 0.0005
"""Growth a month below this reaches nothing."""


@dataclass(frozen=True, slots=True)
class Planned:
    """When the plan is in a tier: from a day, until a day (None: for good). Where plans overlap, the later tier wins."""

    begins: date | None
    ends: date | None


def month_after(start: date, months: int) -> date:
    """The day so many months later; the last of the month where it has no such day."""
    index = start.year * 12 + start.month - 1 + months
    year, month = index // 12, index % 12 + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, min(start.day, (following - timedelta(days=1)).day))


def plans(pack: Pack, start: date) -> list[Planned]:
    """Every tier's plan in days. The plan's first month begins on `start`."""
    found = []
    for place, tier in enumerate(pack.cost_tiers):
        if tier.planned is None:
            found.append(Planned(None, None))
            continue
        later = [other.planned.first_month - 1 for other in pack.cost_tiers[place + 1 :] if other.planned is not None]
        last = min([*([tier.planned.last_month] if tier.planned.last_month is not None else []), *later], default=None)
        found.append(
            Planned(month_after(start, tier.planned.first_month - 1), month_after(start, last) if last is not None else None)
        )
    return found


def crossings(pack: Pack, users: Series | None, first_data: date | None, now: datetime, zone: tzinfo) -> dict[str, Any] | None:
    """The tiers of the pack with plan and forecast; None for a pack without cost tiers."""
    rows = tier_rows(pack)
    if not rows:
        return None
    start = pack.started_on or first_data
    planned = plans(pack, start) if start is not None else [Planned(None, None)] * len(rows)
    futures = users.known if users is not None else None
    growth = monthly_growth(futures, users.days) if futures is not None and users is not None else None
    present = last_week(futures) if futures is not None else None
    found = [
        _tier(row, tier.planned, plan, users, futures, growth, now, zone)
        for row, tier, plan in zip(rows, pack.cost_tiers, planned, strict=True)
    ]
    return {
        "users_now": figure(present) if present is not None else None,
        "users_words": f"{say.amount(figure(present), 'users')} a day in the last week" if present is not None else "daily users are not known",
        "growth_month": list(growth) if growth is not None else None,
        "growth_words": _growth_range(growth),
        "started_on": start,
        "started_words": _start_words(pack, start, now, zone),
        "rows": found,
        "note": "A date stands only where the forecast reaches it. A year marked “at present growth” is arithmetic on one month's growth that nobody can "
        "promise for years; it is no forecast.",
    }  # fmt: skip


def _start_words(pack: Pack, start: date | None, now: datetime, zone: tzinfo) -> str:
    if start is None:
        return "When the plan began is not known: give the pack started_on."
    said = day_words(start, now, zone)
    return (
        f"Months count from {said}, the pack's started_on."
        if pack.started_on
        else f"Months count from {said}, the first day of data: the pack gives no started_on."
    )


def _growth_range(growth: tuple[float, float, float] | None) -> str:
    if growth is None:
        return "growth is not known"
    return f"{growth_words(growth[1])} a month, likely {growth_words(growth[0])} to {growth_words(growth[2])}"


def _tier(
    row: TierRow,
    plan: Any,
    planned: Planned,
    users: Series | None,
    futures: Futures | None,
    growth: tuple[float, float, float] | None,
    now: datetime,
    zone: tzinfo,
) -> dict[str, Any]:
    size = float(row.daily_users)
    present = last_week(futures) if futures is not None else None
    dates, no_date, why = _dates(size, users, futures, present)
    beyond = no_date is NoDate.BEYOND
    guess = _extrapolated(size, present, growth, now.date()) if beyond and present is not None else None
    needed = _needed(size, present, planned.ends, now.date())
    outgrown = present is not None and present > size
    return {
        "tier": row.tier_id,
        "title": say.clean(row.title),
        "daily_users": row.daily_users,
        "total_usd": row.total_usd,
        "current": row.current,
        "planned": planned_words(plan),
        "planned_from": planned.begins,
        "planned_to": planned.ends,
        "planned_words": _planned(planned, now, zone),
        "outgrown": outgrown,
        "outgrown_on": dates,
        "no_date": no_date,
        "at_present_growth": guess,
        "needed_growth_month": needed,
        "needed_words": f"{growth_words(needed)} a month" if needed is not None else "",
        "words": _words(outgrown, dates, beyond, why, guess, users, now, zone),
        "compared": _compared(dates, outgrown, planned.ends, guess, now) if dates is not None or outgrown or beyond else "",
    }


def _dates(
    size: float, users: Series | None, futures: Futures | None, present: float | None
) -> tuple[dict[str, date | None] | None, NoDate | None, str]:
    if users is None:
        return None, NoDate.NO_DATA, "no meter of daily users is named"
    if futures is None or present is None:
        code, words = users.reason
        return None, code, words
    if present > size:
        return None, None, ""
    early, middle, late = first_days(futures, size)
    if early is None:
        return None, NoDate.BEYOND, ""
    return {"p10": early, "p50": middle, "p90": late}, None, ""


def _extrapolated(size: float, present: float, growth: tuple[float, float, float] | None, today: date) -> dict[str, Any] | None:
    """The year at present growth, with the years of fast and slow growth; None where nothing grows."""
    if growth is None or present <= 0 or growth[1] <= FLAT:
        return None
    low, middle, high = growth

    def year(rate: float) -> int | None:
        if rate <= FLAT:
            return None
        years = math.log(size / present) / math.log1p(rate) / 12
        return (today + timedelta(days=years * 365.2425)).year if years <= FURTHEST_YEARS else None

    return {"year": year(middle), "early": year(high), "late": year(low)}


def _needed(size: float, present: float | None, ends: date | None, today: date) -> float | None:
    """The growth a month by which the tier would be full when the plan leaves it."""
    # With less than a month to go it is a date that is missed or kept, not a growth.
    if present is None or present <= 0 or ends is None or (ends - today).days < MONTH_DAYS or present >= size:
        return None
    return float((size / present) ** (1 / ((ends - today).days / MONTH_DAYS)) - 1)


def _planned(planned: Planned, now: datetime, zone: tzinfo) -> str:
    if planned.begins is None:
        return ""
    if planned.ends is None:
        return f"from {day_words(planned.begins, now, zone)}"
    return f"{day_words(planned.begins, now, zone)} – {day_words(planned.ends - timedelta(days=1), now, zone)}"


def _words(
    outgrown: bool,
    dates: dict[str, date | None] | None,
    beyond: bool,
    why: str,
    guess: dict[str, Any] | None,
    users: Series | None,
    now: datetime,
    zone: tzinfo,
) -> str:
    if outgrown:
        return "outgrown already"
    if dates is not None:
        early, middle, late = dates["p10"], dates["p50"], dates["p90"]
        first = day_words(early, now, zone) if early else ""
        if middle is None:
            return f"not before {first}, and only if it grows fast"
        last = f"{first} – {day_words(late, now, zone)}" if late and late != early else first if late else f"from {first} on"
        return f"about {day_words(middle, now, zone)} ({last})"
    if not beyond:
        return f"no date: {say.clean(why)}"
    days = users.days if users is not None else 0
    said = f"not within {days} days; no date: further away than the data can tell"
    return f"{said}. {extrapolation_words(guess)}"


def extrapolation_words(guess: dict[str, Any] | None) -> str:
    """`At present growth about 2031 (2029–2040)`, marked as what it is."""
    if guess is None:
        return "At present growth never"
    if guess["year"] is None:
        return f"At present growth in more than {FURTHEST_YEARS} years"
    if guess["early"] == guess["year"] == guess["late"]:
        return f"At present growth in {guess['year']}"
    late = guess["late"] if guess["late"] is not None else "never"
    return f"At present growth about {guess['year']} ({guess['early']}–{late})"


def _compared(
    dates: dict[str, date | None] | None, outgrown: bool, ends: date | None, guess: dict[str, Any] | None, now: datetime
) -> str:
    """The forecast against the plan's last day, in words; empty where either is not known."""
    if ends is None:
        return ""
    if outgrown:
        return "ahead of the plan" if ends > now.date() else ""
    if dates is not None:
        middle = dates["p50"]
        if middle is None:
            return "behind the plan" if dates["p10"] is not None and dates["p10"] > ends else ""
        months = (ends - middle).days / MONTH_DAYS
        if abs(months) < 1:
            return "as planned"
        return f"{abs(months):.0f} months {'ahead of' if months > 0 else 'behind'} the plan"
    if guess is None or guess["year"] is None:
        return "behind the plan, at present growth"
    years = guess["year"] - ends.year
    way = "ahead of" if years < 0 else "behind"
    if guess["late"] is None or guess["late"] - guess["early"] > abs(years):
        # A range wider than the distance from the plan gives no figure for it.
        return f"{way} the plan at present growth, by nobody knows how much" if years else "about as planned, at present growth"
    return f"about {abs(years)} years {way} the plan, at present growth" if years else "about as planned, at present growth"


def tier_series(pack: Pack, by_meter: Any) -> Series | None:
    """The series of daily users that tiers are compared with: the one the pack names, else the only business meter of daily users."""
    report = pack.reports.capacity
    named = report.tier_users if report is not None else None
    if named is None:
        own = [name for name, meter in pack.meters.items() if meter.kind == "business" and meter.of == "daily_users"]
        named = own[0] if len(own) == 1 else None
    found: Series | None = by_meter.get(named) if named is not None else None
    return found
