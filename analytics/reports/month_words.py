"""What a month costs in all, in words: the same on Overview, on Budgets, in the weekly mail and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from analytics.month_cost import Month, MonthCost, one_as_dict
from analytics.reports import weekly_words as say
from analytics.wording import chance_text
from roomleft.money import shares_to

WHOLE_FROM = 100
"""From here on dollars are said without cents."""


def month_content(month: Month, now: datetime, zone: tzinfo) -> dict[str, Any]:
    """All together, and each platform where there are several: figures as worked out, and words beside them."""
    total = month.total.cost_usd
    shown = _adding_up([each.cost_usd for each in month.platforms], total)
    several = len(month.platforms) > 1
    return {
        **_one(month.total, total, now),
        "platforms": [_one(each, own, now) for each, own in zip(month.platforms, shown, strict=True)] if several else [],
        "counted": counted(month, zone),
    }


def counted(month: Month, zone: tzinfo) -> str:
    """Whose days the month is counted in; empty where they are the reader's for all."""
    every = [month.total, *month.platforms]
    if all(each.zone.key == str(zone) for each in every):
        return ""
    if len({each.zone.key for each in every}) == 1:
        return f"The month is counted in days of {month.total.zone}, as its budgets are."
    own = ", ".join(f"{say.clean(each.title)} {each.zone}" for each in month.platforms)
    together = (
        "" if len(month.platforms) == 1 else f"; all together in days of {month.total.zone}, so that they do not add up to it"
    )
    return f"Each platform's month is counted in the days of its budgets ({own}){together}."


def _adding_up(parts: Sequence[Decimal], total: Decimal) -> Sequence[Decimal]:
    """Parts that are said in whole dollars as they add up to the total that is said; as they are where they do not: their days differ."""
    if abs(sum(parts, Decimal(0)) - total) > 1:
        return parts
    if all(part >= WHOLE_FROM or not part for part in parts):
        return shares_to(parts, total.quantize(Decimal(1), rounding=ROUND_HALF_EVEN), Decimal(1))
    return parts


def _one(each: MonthCost, shown: Decimal, now: datetime) -> dict[str, Any]:
    """`shown`: what it comes to so far, as it is said."""
    return {
        **one_as_dict(each),
        "title": say.clean(each.title),
        "month": month_name(each),
        "so_far": ("at least " if each.lower_bound else "") + say.money(shown),
        "split": split(each, shown),
        "likely": likely(each, now),
        "last": last_month(each),
        "budget": budget(each),
        "chance": chance(each),
    }


def month_name(each: MonthCost) -> str:
    """`November`."""
    return f"{each.since.astimezone(each.zone):%B}"


def split(each: MonthCost, shown: Decimal) -> str:
    """`$8,931 AI + $5,400 infrastructure`, which add up to what is shown."""
    ai, infrastructure = _adding_up([each.ai_usd, each.infrastructure_usd], shown)
    return f"{say.money(ai)} AI + {say.money(infrastructure)} infrastructure"


def likely(each: MonthCost, now: datetime) -> str:
    """`likely $17.2–18.1k by 30 Nov`; or why there is no range."""
    if each.ends_p10 is None or each.ends_p90 is None:
        return f"no range for the month's end: {say.clean(each.why)}" if each.why else "no range for the month's end yet"
    return f"likely {amount_range(each)} by {say.day(each.until - timedelta(seconds=1), now, each.zone)}"


def amount_range(each: MonthCost) -> str:
    """`$17.2–18.1k`; empty where there is none."""
    return "" if each.ends_p10 is None or each.ends_p90 is None else say.amount_range(each.ends_p10, each.ends_p90, "usd")


def last_month(each: MonthCost) -> str:
    """`October $16,900`."""
    name = f"{(each.since - timedelta(days=1)).astimezone(each.zone):%B}"
    return f"{name} {say.money(each.last_usd)}" + ("" if each.last_whole else " (there is no data of all of it)")


def budget(each: MonthCost) -> str:
    """`budget $7,852`, `over its budget of $7,852 by $300`; empty where no budgets cover all of it."""
    if each.budget_usd is None:
        return ""
    over = each.cost_usd - each.budget_usd
    return (
        f"over its budget of {say.money(each.budget_usd)} by {say.money(over)}"
        if over > 0
        else f"budget {say.money(each.budget_usd)}"
    )


def chance(each: MonthCost) -> str:
    """`3 % chance of more`; empty without a budget, or where it is over already."""
    if each.budget_usd is None or each.p_breach is None or each.cost_usd > each.budget_usd:
        return ""
    return f"{chance_text(each.p_breach)} chance of more"
