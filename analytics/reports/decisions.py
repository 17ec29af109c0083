"""What somebody has to decide: the limits that have run out, that probably will, or whose next step must be ordered soon. From stored rows alone.

Worst first is by what is lost if nobody acts: how bad it is when a limit of that kind runs out, times how likely it is; for money, also how far over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from analytics.reports import weekly_words as say
from analytics.wording import chance_text
from roomleft.limits import Direction, Headroom, Kind, Limit, State
from roomleft.outlook import NO_DATE_WORDS, NoDate
from roomleft.wording import RATIO_UNITS

LIKELY = 0.5
ORDER_WITHIN = timedelta(days=14)
"""A last day that comes before the report after next cannot wait for that one."""
LOSS = {Kind.CAPACITY: 5, Kind.SLO: 4, Kind.QUOTA: 3, Kind.BUDGET: 3, Kind.RATIO: 1}
"""What it means that a limit runs out: people are turned away; a promise is broken; a feature stops, or money is gone; something is less good than meant."""
UNDATED_CHANCE = 0.5
"""What a tight limit counts for while nobody can say how likely it is to run out."""
FAR = timedelta(days=90)
FAR_OFF = "not within 90 days"
SHARES = RATIO_UNITS | {"percent"}
HARDLY = 0.01
"""From this chance on it cannot be said that a limit will not run out."""
Row = tuple[Headroom, Limit]


def needs_decision(row: Headroom, now: datetime) -> bool:
    """Whether a limit has run out, is more likely than not to, must be ordered for soon, or is tight while nothing can be forecast."""
    if row.state is State.UNKNOWN:
        return False
    if row.state is State.EXHAUSTED:
        return True
    if row.p_breach is None:
        return row.state is State.TIGHT
    soon = row.order_by is not None and row.order_by <= now + ORDER_WITHIN
    return row.p_breach >= LIKELY or soon


def lost(row: Headroom, limit: Limit) -> float:
    """What is lost if nobody acts, as a number to sort by: `LOSS` of its kind × its chance, up to twice that for a budget that ends far over."""
    chance = 1.0 if row.state is State.EXHAUSTED else UNDATED_CHANCE if row.p_breach is None else row.p_breach
    over = 0.0
    if limit.kind is Kind.BUDGET and row.ends_p50 is not None and row.amount > 0:
        over = min(1.0, max(0.0, float(row.ends_p50 / row.amount) - 1))
    return LOSS[limit.kind] * chance * (1 + over)


def decisions(rows: Sequence[Row], titles: Mapping[str, str], now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    """Every decision, worst first: figures as stored, and words for a reader in `zone`."""
    known = [row for row in rows if needs_decision(row[0], now)]
    known.sort(key=lambda row: (-lost(*row), row[0].order_by or row[0].exhausts_p50 or now + FAR, row[0].limit_id))
    return [decision(row, limit, titles, now, zone) for row, limit in known]


def decision(row: Headroom, limit: Limit, titles: Mapping[str, str], now: datetime, zone: tzinfo) -> dict[str, Any]:
    """One decision. `what` to do, `why` in a sentence, `chance`, `when` it runs out, `cost` of the step, `by` when it must be ordered, `owner`."""
    step = limit.next_step
    return {
        "limit_id": row.limit_id,
        "platform": row.platform,
        "name": say.name_of(limit, dict(titles)),
        "title": say.clean(limit.title),
        "kind": limit.kind.value,
        "state": row.state.value,
        "assumed": limit.assumed,
        "p_breach": row.p_breach,
        "exhausts_at": dates_of(row),
        "order_by": row.order_by,
        "cost_usd_per_month": step.cost_usd_per_month if step else None,
        "lead_time_s": step.lead_time.total_seconds() if step and step.lead_time else None,
        "owner": say.clean(limit.owner) or "nobody named",
        "what": say.sentence(say.clean(step.what)) if step else "Decide what to do: no next step is written down",
        "why": why(row, limit, now, zone),
        "chance": "" if row.state is State.EXHAUSTED else "unknown" if row.p_breach is None else chance_text(row.p_breach),
        "when": when(row, limit, now, zone),
        "cost": say.monthly(step.cost_usd_per_month) if step else "",
        "by": last_date(row, now, zone),
    }


def dates_of(row: Headroom) -> dict[str, datetime | None] | None:
    """The exhaustion dates as the API gives them; None without a middle one."""
    if row.exhausts_p50 is None:
        return None
    return {"p10": row.exhausts_p10, "p50": row.exhausts_p50, "p90": row.exhausts_p90}


def when(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> str:
    """When it runs out, in words: `21–28 Nov`, `has run out`, `not within 90 days`, or why no date is known."""
    if row.state is State.UNKNOWN:
        return "unknown"
    if row.state is State.EXHAUSTED:
        return "below its floor" if limit.direction is Direction.AT_LEAST else "has run out"
    middle = row.exhausts_p50
    if middle is not None:
        if middle - now > FAR:
            return FAR_OFF
        spread = say.days(row.exhausts_p10 or middle, row.exhausts_p90, now, zone) if row.exhausts_p90 else ""
        if not spread and row.exhausts_p10 is not None:
            return f"from {say.day(row.exhausts_p10, now, zone)} on"
        return spread or say.day(middle, now, zone)
    if row.no_date in set(NoDate):
        return f"no date: {NO_DATE_WORDS[NoDate(row.no_date)]}"
    if row.exhausts_p10 is not None and row.exhausts_p10 - now <= FAR:
        return f"not before {say.day(row.exhausts_p10, now, zone)}"
    if row.window_end is not None and limit.window is not None and limit.window.span is None:
        return f"not before it refills on {say.day(row.window_end, now, limit.window.zone)}"
    if row.p_breach is None:
        return "no date yet"
    # What rolls is only asked of the next 30 days.
    told = FAR_OFF if limit.window is None else "not within 30 days"
    return told if row.p_breach < HARDLY else told.replace("not", "unlikely")


def last_date(row: Headroom, now: datetime, zone: tzinfo) -> str:
    """The last day to order, in words; `now` when that day has passed or it has run out; empty where there is none."""
    if row.state is State.EXHAUSTED:
        return "now"
    if row.order_by is None:
        return ""
    return say.day(row.order_by, now, zone) if row.order_by > now else "now"


def why(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> str:
    """Why it needs a decision, in one sentence."""
    floor, unit = limit.direction is Direction.AT_LEAST, limit.unit
    bound = say.amount(row.amount, unit)
    have = say.amount(row.used, unit) if row.used is not None else "unknown"
    if _is_error_budget(row, limit):
        return _promise(row, limit, now, zone)
    if row.state is State.EXHAUSTED:
        whole = say.part_of(row.used, row.amount, unit) if row.used is not None else f"unknown of {bound}"
        said = f"{'Spent' if limit.kind is Kind.BUDGET else 'In use'}: {whole}"
        if floor:
            said = f"{have} is below the least wanted, {bound}"
        elif unit in SHARES:
            # A share of a share could mean either.
            said = f"It stands at {have}; the limit is {bound}"
        if limit.kind is Kind.BUDGET and row.ends_p50 is not None and row.ends_p10 is not None and row.ends_p90 is not None:
            said += f"; likely {say.amount_range(row.ends_p10, row.ends_p90, unit)} {_by(row, limit, now, zone)}"
        return f"{said}."
    if row.p_breach is None:
        reason = NO_DATE_WORDS[NoDate(row.no_date)] if row.no_date in set(NoDate) else "no forecast yet"
        return f"{have} against {bound} is tight, and nobody can say when it runs out: {reason}."
    verb = "falling below" if floor else "exceeding" if limit.kind in (Kind.BUDGET, Kind.QUOTA, Kind.SLO) else "passing"
    parts = [f"{chance_text(row.p_breach)} chance of {verb} {bound} {_by(row, limit, now, zone)}, now {have}"]
    if row.ends_p10 is not None and row.ends_p90 is not None:
        parts.append(f"likely {say.amount_range(row.ends_p10, row.ends_p90, unit)}")
    if row.exhausts_p50 is not None:
        parts.append(_about(row, limit, now, zone))
    return "; ".join(parts) + "."


def _is_error_budget(row: Headroom, limit: Limit) -> bool:
    """Whether a limit is what may go wrong within a window, and enough is known of it to say so."""
    known = row.used is not None and row.amount > 0 and (row.state is State.EXHAUSTED or row.p_breach is not None)
    return (
        limit.kind is Kind.SLO
        and limit.direction is Direction.AT_MOST
        and limit.window is not None
        and limit.unit != "ms"
        and known
    )


def _promise(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> str:
    """Of an error budget: how much of what may go wrong has gone wrong. Its own unit says nothing to those who pay."""
    assert row.used is not None, "an error budget's spending is known here"
    spent = say.amount(row.used / row.amount, "ratio")
    if row.state is State.EXHAUSTED:
        return f"The promise is broken: what went wrong is {spent} of what may."
    assert row.p_breach is not None, "an error budget's chance is known here"
    parts = [
        f"{chance_text(row.p_breach)} chance that the promise is broken {_by(row, limit, now, zone)}; {spent} of what may go wrong has gone wrong"
    ]
    if row.exhausts_p50 is not None:
        parts.append(_about(row, limit, now, zone))
    return "; ".join(parts) + "."


def _about(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> str:
    """`if so about 24 Nov (21–28 Nov)`; of a stock, whose dates agree with its chance, without the condition."""
    assert row.exhausts_p50 is not None, "the caller asks only where it is known"
    spread, middle = when(row, limit, now, zone), say.day(row.exhausts_p50, now, zone)
    lead = "if so about" if limit.window is not None else "about"
    return f"{lead} {middle}" + (f" ({spread})" if spread != middle else "")


def _by(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> str:
    until = row.about_to or row.window_end
    if limit.window is None or until is None or limit.window.span is not None:
        return "within 30 days"
    # The last day that counts, by the limit's own days.
    return f"by {say.day(until - timedelta(seconds=1), now, limit.window.zone)}"
