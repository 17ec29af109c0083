"""The recommendations of the capacity report: each condition of the pack's `advice` beside what was read and what is forecast. Pure, money in Decimal.

`p50` and `p95`: the highest of any day within the horizon, against the reading now. `growth_percent`: the middle forecast at the horizon against
now, beside the growth over as many days behind. `share_of_limit`: what the middle forecast adds up to within the horizon (of a level its highest) in
per cent of the limit's amount, beside the same of as many days behind. A condition that no forecast can tell does not hold and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analytics.forecasting.futures import Futures
from analytics.reports import weekly_words as say
from analytics.reports.capacity_ahead import Floats, Series, ahead_of, figure, growth_behind, last_week, totals
from analytics.reports.capacity_forecasts import Row, day_words, lead_words
from roomleft.limits import Direction, Headroom, Kind, State
from roomleft.outlook import Shape
from roomleft.packs import Pack
from roomleft.packs_parts import Advice
from roomleft.timespan import Period, midnight
from roomleft.wording import last_day_text

SOON = timedelta(days=14)
STATISTICS = {
    "p50": "middle forecast, highest day",
    "p95": "95th percentile of the forecast, highest day",
    "growth_percent": "growth of the middle forecast",
    "share_of_limit": "middle forecast in per cent of the limit",
}


@dataclass(frozen=True, slots=True)
class Read:
    """A condition's value now and at the horizon, in its threshold's unit, and the first day ahead on which it holds. None where not known."""

    now: float | None
    ahead: float | None
    holds_from: date | None


def recommendation(
    advice: Advice, pack: Pack, series: Mapping[str, Series], rows: Mapping[str, Row], now: datetime, zone: tzinfo
) -> dict[str, Any]:
    """One recommendation of a pack. `series` by meter, `rows` by limit without its platform."""
    own = series.get(advice.of or "")
    days = max(1, round(advice.horizon / timedelta(days=1))) if advice.horizon is not None else 0
    futures = own.known if own is not None else None
    bound = rows.get(advice.limit or "")
    read, why = _read(advice, own, bound, rows, days)
    line = float(advice.threshold)
    holds_now = None if read.now is None else read.now > line
    holds_ahead = None if read.ahead is None else read.ahead > line
    # The conditions are of forecasts: where there is none, what is read now is told and nothing is recommended.
    holds = holds_ahead is not None and (bool(holds_now) or holds_ahead)
    begins = None
    if holds and holds_now:
        begins = now
    elif holds and read.holds_from is not None:
        begins = midnight(read.holds_from, ZoneInfo(pack.zone))
    order_by = begins - advice.lead_time if begins is not None and advice.lead_time is not None else None
    saving, basis = _saving(advice, futures, days)
    return {
        "advice": advice.id,
        "action": say.clean(advice.action),
        "when": say.clean(advice.when),
        "of": advice.of,
        "statistic": advice.statistic,
        "statistic_words": STATISTICS.get(advice.statistic or "", ""),
        "threshold": advice.threshold,
        "unit": advice.unit,
        "threshold_words": say.amount(advice.threshold, advice.unit),
        "horizon_days": days or None,
        "value_now": figure(read.now) if read.now is not None else None,
        "value_ahead": figure(read.ahead) if read.ahead is not None else None,
        "now_words": _value(read.now, advice.unit),
        "ahead_words": _value(read.ahead, advice.unit),
        "holds_now": holds_now,
        "holds_ahead": holds_ahead,
        "holds": holds,
        "holds_from": read.holds_from,
        "why": say.clean(why),
        "priority": advice.priority or "medium",
        "urgency": _urgency(advice, holds_ahead, holds, order_by, now, zone),
        "lead_time_s": advice.lead_time.total_seconds() if advice.lead_time is not None else None,
        "lead": lead_words(advice.lead_time) if advice.lead_time is not None else "",
        "order_by": order_by,
        "cost_usd": advice.cost_usd,
        "saving_usd": saving,
        "saving_percent": advice.saving_percent,
        "saving_basis": basis,
        "money": _money(advice, saving, days),
        "pulls_against": _pull(advice, rows),
        "words": _words(advice, read, bound, holds_now, holds_ahead, why, now, zone),
    }


def _urgency(advice: Advice, ahead: bool | None, holds: bool, order_by: datetime | None, now: datetime, zone: tzinfo) -> str:
    if advice.of is None:
        return "not worked out"
    return "no forecast" if ahead is None else urgency(holds, order_by, now, zone)


def urgency(holds: bool, order_by: datetime | None, now: datetime, zone: tzinfo) -> str:
    """`order now`, `order by 28 Nov`, `holds, no lead time given`, `not needed`."""
    if not holds:
        return "not needed"
    if order_by is None:
        return "holds; no lead time is given"
    return "order now" if order_by <= now else f"order by {last_day_text(order_by, now, zone)}"


def _read(advice: Advice, own: Series | None, bound: Row | None, rows: Mapping[str, Row], days: int) -> tuple[Read, str]:
    nothing = Read(None, None, None)
    if advice.of is None or advice.statistic is None:
        return nothing, "the pack says this condition in words only"
    if own is None:
        return nothing, "nothing forecasts this meter yet"
    futures = own.known
    if futures is None:
        return Read(_present(advice, own, rows), None, None), own.reason[1]
    if futures.values.shape[1] < days:
        return Read(_present(advice, own, rows), None, None), f"its forecast does not reach {days} days ahead"
    if advice.statistic in ("p50", "p95"):
        level = np.quantile(futures.values[:, :days].astype(np.float64), 0.5 if advice.statistic == "p50" else 0.95, axis=0)
        return Read(_present(advice, own, rows), float(level.max()), _first(level, float(advice.threshold), futures)), ""
    if advice.statistic == "growth_percent":
        return _growth(advice, futures, days)
    return _share(advice, futures, bound, days)


def _present(advice: Advice, own: Series, rows: Mapping[str, Row]) -> float | None:
    """The reading now: that of a limit on the same meter, else the last complete day's."""
    if advice.statistic not in ("p50", "p95"):
        return None
    for row, limit in rows.values():
        if limit.meter_id == own.meter_id and row.used is not None and row.state is not State.UNKNOWN:
            return float(row.used)
    past = own.futures.past if own.futures is not None else np.empty(0)
    return float(past[-1]) if len(past) and np.isfinite(past[-1]) else None


def _growth(advice: Advice, futures: Futures, days: int) -> tuple[Read, str]:
    ahead, behind = ahead_of(futures, days), growth_behind(futures, days)
    share = ahead.growth if ahead is not None else None
    first = None
    if futures.shape is Shape.LEVEL and (now := last_week(futures)) is not None and now > 0:
        middle = np.quantile(futures.values[:, :days].astype(np.float64), 0.5, axis=0)
        first = _first(middle / now * 100 - 100, float(advice.threshold), futures)
    why = "" if share is not None else "there is nothing above zero that it could grow from"
    return Read(behind * 100 if behind is not None else None, share * 100 if share is not None else None, first), why


def _share(advice: Advice, futures: Futures, bound: Row | None, days: int) -> tuple[Read, str]:
    amount = float(bound[0].amount) if bound is not None else 0.0
    if amount <= 0:
        return Read(None, None, None), "the amount of its limit is not known"
    if futures.shape is Shape.LEVEL:
        middle = np.quantile(futures.values[:, :days].astype(np.float64), 0.5, axis=0)
        now = last_week(futures)
        first = _first(middle / amount * 100, float(advice.threshold), futures)
        return Read(now / amount * 100 if now is not None else None, float(middle.max()) / amount * 100, first), ""
    ahead = ahead_of(futures, days)
    assert ahead is not None, "the caller has seen that it reaches so far"
    first = _first_sum(futures, days, float(advice.threshold) / 100 * amount)
    return Read(ahead.before / amount * 100 if ahead.before is not None else None, ahead.middle / amount * 100, first), ""


def _first(level: Floats, line: float, futures: Futures) -> date | None:
    over = level > line
    return futures.first_day + timedelta(days=int(np.argmax(over))) if bool(over.any()) else None


def _first_sum(futures: Futures, days: int, line: float) -> date | None:
    """The day on which the middle of the last `days` (the known ones before it, the forecast ones up to it) first is above the line."""
    past = futures.past[-days:]
    if len(past) < days or not bool(np.isfinite(past).all()):
        return None
    for number in range(1, days + 1):
        if float(past[number:].sum()) + float(np.median(totals(futures, 0, number))) > line:
            return futures.first_day + timedelta(days=number - 1)
    return None


def _saving(advice: Advice, futures: Futures | None, days: int) -> tuple[Decimal | None, str]:
    """What it saves, and of what: a share is of what the forecast comes to within the horizon."""
    if advice.saving_usd is not None:
        return advice.saving_usd, "as the pack says"
    if advice.saving_percent is None:
        return None, ""
    ahead = ahead_of(futures, days) if futures is not None and days else None
    if ahead is None or futures is None or futures.shape is not Shape.FLOW:
        return None, f"{say.amount(advice.saving_percent, 'percent')} of what is not known yet"
    middle = figure(ahead.middle)
    saved = (middle * advice.saving_percent / 100).quantize(Decimal("0.01"))
    return saved, f"{say.amount(advice.saving_percent, 'percent')} of the {say.money(middle)} forecast for {days} days"


def _money(advice: Advice, saving: Decimal | None, days: int) -> str:
    # What a pack says it saves is of a month; a share is of what is forecast for its days.
    period = "a month" if advice.saving_usd is not None or 28 <= days <= 31 or not days else f"in {days} days"
    parts = [f"costs about {say.money(advice.cost_usd)}"] if advice.cost_usd is not None else []
    if saving is not None:
        parts.append(f"saves about {say.money(saving)} {period}")
    elif advice.saving_percent is not None:
        parts.append(f"saves about {say.amount(advice.saving_percent, 'percent')}")
    return ", ".join(parts)


def _pull(advice: Advice, rows: Mapping[str, Row]) -> dict[str, Any] | None:
    """The target that the step makes harder to reach, with both figures side by side."""
    if advice.pulls_against is None or advice.pulls_against not in rows:
        return None
    row, limit = rows[advice.pulls_against]
    bound = say.amount(row.amount, limit.unit)
    reading = _reading(row, limit.unit)
    side = "at least" if limit.direction is Direction.AT_LEAST else "at most"
    threshold = say.amount(advice.threshold, advice.unit)
    return {
        "limit_id": row.limit_id, "title": say.clean(limit.title), "amount": row.amount, "used": row.used, "unit": limit.unit, "state": str(row.state),
        "words": f"Pulls against the target “{say.clean(limit.title)}”, which wants {side} {bound} and reads {reading}: this step is for a forecast of "
        f"{threshold} or less, and moves the same reading away from that target. Meeting one costs the other.",
    }  # fmt: skip


def _reading(row: Headroom, unit: str) -> str:
    return "nothing now" if row.used is None or row.state is State.UNKNOWN else f"{say.amount(row.used, unit)} now"


def _value(value: float | None, unit: str) -> str:
    return "unknown" if value is None else say.amount(figure(value), unit)


def _words(
    advice: Advice,
    read: Read,
    bound: Row | None,
    now_holds: bool | None,
    holds: bool | None,
    why: str,
    now: datetime,
    zone: tzinfo,
) -> str:
    if advice.of is None:
        return f"Not worked out: {why}."
    line = say.amount(advice.threshold, advice.unit)
    whole, spent = _of_what(advice, read, bound)
    present = (
        f"{_value(read.now, advice.unit)} {whole}"
        + ("" if now_holds is None else " (holds)" if now_holds else " (does not hold)")
        + (f"; {spent}" if spent else "")
    )
    if holds is None:
        return f"Threshold {line}: {present}; no forecast: {why}."
    days = round((advice.horizon or timedelta()) / timedelta(days=1))
    ahead = f"{_value(read.ahead, advice.unit)} within {days} days ({'holds' if holds else 'does not hold'})"
    since = (
        f", from {day_words(read.holds_from, now, zone)} on" if holds and not now_holds and read.holds_from is not None else ""
    )
    return f"Threshold {line}: {present}; {ahead}{since}."


def _of_what(advice: Advice, read: Read, bound: Row | None) -> tuple[str, str]:
    """Of what the present share is, and beside it what is spent of the window that runs, which is another figure: `of the budget at the last 30 days' cost`
    and `51 % spent this month`. Of everything that is not such a share `now`, and nothing."""
    if advice.statistic != "share_of_limit" or bound is None or read.now is None or bound[1].window is None:
        return "now", ""
    row, limit = bound
    days = round((advice.horizon or timedelta()) / timedelta(days=1))
    money = limit.kind is Kind.BUDGET
    whole = f"of the {'budget' if money else limit.kind.value} at the last {days} days' {'cost' if money else 'use'}"
    if row.used is None or row.amount <= 0:
        return whole, ""
    share = say.amount(row.used / row.amount * 100, "percent")
    month = limit.window is not None and limit.window.period is Period.MONTH
    return whole, f"{share} {'spent' if money else 'used'} {'this month' if month else 'so far'}"


def recommendations(
    pack: Pack, series: Mapping[str, Series], rows: Sequence[Row], now: datetime, zone: tzinfo
) -> list[dict[str, Any]]:
    """Every capacity advice of the pack: those that hold first, then by priority."""
    known = {limit.limit_id.removeprefix(f"{pack.slug}."): (row, limit) for row, limit in rows}
    found = [recommendation(each, pack, series, known, now, zone) for each in pack.advice if each.report == "capacity"]
    return sorted(found, key=_rank)


def _rank(each: Mapping[str, Any]) -> tuple[bool, int]:
    return not each["holds"], ("high", "medium", "low").index(each["priority"])
