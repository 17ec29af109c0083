"""What somebody has to decide: the limits that have run out, that probably will, or whose next step must be ordered soon. From stored rows alone.

A step that is the next one of several limits is one decision: it names them all, and is to be made by the earliest of their last days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from analytics.reports import weekly_words as say
from analytics.runs_out import Said, runs_out
from analytics.urgency import Row, by_step, by_urgency, last_date
from analytics.wording import chance_text
from roomleft.limits import Direction, Headroom, Kind, Limit, State
from roomleft.outlook import NO_DATE_WORDS, NoDate


def decisions(rows: Sequence[Row], titles: Mapping[str, str], now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    """Every decision, the most urgent first: figures as stored, and words for a reader in `zone`."""
    return [decision(own, titles, now, zone) for own in by_step(by_urgency(rows, now))]


def decision(own: Sequence[Row], titles: Mapping[str, str], now: datetime, zone: tzinfo) -> dict[str, Any]:
    """One decision about one limit, or about all whose next step is the same. `what` to do, `why` in a sentence, `chance`, `when` it runs out, `cost` of
    the step, `by` when it must be ordered, `owner`. Figures are the most urgent limit's, but for `order_by`, the earliest; `also` has the others'."""
    row, limit = own[0]
    step = limit.next_step
    ordered = [pair for pair in own if pair[0].order_by is not None and last_date(*pair, now)]
    dated = min(ordered, key=lambda pair: (pair[0].order_by, pair[0].limit_id), default=own[0])
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
        "order_by": dated[0].order_by,
        "cost_usd_per_month": step.cost_usd_per_month if step else None,
        "lead_time_s": step.lead_time.total_seconds() if step and step.lead_time else None,
        "owner": " and ".join(dict.fromkeys(say.clean(each.owner) for _, each in own if each.owner)) or "nobody named",
        "what": say.sentence(say.clean(step.what)) if step else "Decide what to do: no next step is written down",
        "why": why(row, limit, now, zone),
        "chance": chance_of(row),
        "when": when(row, limit, now, zone),
        "cost": say.monthly(step.cost_usd_per_month) if step else "",
        "by": "now" if any(last_date(*pair, now) == "now" for pair in own) else last_date(*dated, now),
        "also": [_also(each, other, now, zone) for each, other in own[1:]],
    }


def _also(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> dict[str, Any]:
    """Another limit that the same step makes room for."""
    return {
        "limit_id": row.limit_id, "title": say.clean(limit.title), "assumed": limit.assumed, "state": row.state.value, "p_breach": row.p_breach,
        "chance": chance_of(row), "exhausts_at": dates_of(row), "order_by": row.order_by, "why": why(row, limit, now, zone),
        "when": when(row, limit, now, zone), "by": last_date(row, limit, now),
    }  # fmt: skip


def chance_of(row: Headroom) -> str:
    """`72 %`; empty of what has run out."""
    return "" if row.state is State.EXHAUSTED else "unknown" if row.p_breach is None else chance_text(row.p_breach)


def dates_of(row: Headroom) -> dict[str, datetime | None] | None:
    """The exhaustion dates as the API gives them; None without a middle one."""
    if row.exhausts_p50 is None:
        return None
    return {"p10": row.exhausts_p10, "p50": row.exhausts_p50, "p90": row.exhausts_p90}


def when(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> str:
    """When it runs out, in words: `21–28 Nov`, `about 2 Jan, from 24 Nov on`, `has run out`, `not within 90 days`, or why no date is known."""
    found = runs_out(row, limit)
    match found.said:
        case Said.UNKNOWN:
            return "unknown"
        case Said.OUT:
            return "below its floor" if limit.direction is Direction.AT_LEAST else "has run out"
        case Said.DATE:
            return _range(row, now, zone)
        case Said.NOT_BEFORE:
            return f"not before {say.day(row.exhausts_p10, now, zone)}" if row.exhausts_p10 else "no date"
        case Said.REASON:
            return f"no date: {say.clean(found.reason)}"
        case Said.REFILLS:
            zone_of = limit.window.zone if limit.window is not None else zone
            return f"not before it refills on {say.day(row.window_end, now, zone_of)}" if row.window_end else "no date"
        case Said.NOT_AT_THIS_PACE:
            return "not at the present pace"
        case Said.NOT_WITHIN:
            return f"not within {found.days} days"
        case Said.UNLIKELY_WITHIN:
            return f"unlikely within {found.days} days"


def _range(row: Headroom, now: datetime, zone: tzinfo) -> str:
    middle = row.exhausts_p50
    assert middle is not None, "a date that is said is known"
    if row.exhausts_p90 is not None:
        return say.days(row.exhausts_p10 or middle, row.exhausts_p90, now, zone)
    if row.exhausts_p10 is None:
        return say.day(middle, now, zone)
    return f"about {say.day(middle, now, zone)}, {_from(row.exhausts_p10, now, zone)}"


def _from(at: datetime, now: datetime, zone: tzinfo) -> str:
    return f"from {say.day(at, now, zone)} on"


def why(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> str:
    """Why it needs a decision, in one sentence."""
    floor, unit = limit.direction is Direction.AT_LEAST, limit.unit
    bound = say.amount(row.amount, unit)
    have = say.amount(row.used, unit) if row.used is not None else "unknown"
    if _is_error_budget(row, limit):
        return _promise(row, limit, now, zone)
    if row.state is State.EXHAUSTED:
        said = _over(row, limit)
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


def _over(row: Headroom, limit: Limit) -> str:
    """What has run out, and by how much: `Over by $5,584: $6,399 spent of $814`."""
    unit, bound = limit.unit, say.amount(row.amount, limit.unit)
    if row.used is None:
        return f"It has run out of {bound}"
    have = say.amount(row.used, unit)
    if limit.direction is Direction.AT_LEAST:
        return f"It stands at {have}, below the least wanted, {bound}"
    if unit in say.SHARES or limit.kind is Kind.RATIO:
        # "504 of 100 %" could mean either.
        return (
            f"It stands at {have}, over its limit of {bound}" if row.used > row.amount else f"It stands at its limit of {bound}"
        )
    used = "spent" if limit.kind is Kind.BUDGET else "in use"
    by = f"Over by {say.amount(row.used - row.amount, unit)}: " if row.used > row.amount else "All of it: "
    return (
        f"{by}{say.part_of(row.used, row.amount, unit)} {used}"
        if limit.kind is not Kind.BUDGET
        else f"{by}{have} {used} of {bound}"
    )


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
    if row.exhausts_p90 is None and row.exhausts_p10 is not None and runs_out(row, limit).said is Said.DATE:
        spread = _from(row.exhausts_p10, now, zone)  # the middle date stands before it
    lead = "if so about" if limit.window is not None else "about"
    return f"{lead} {middle}" + (f" ({spread})" if spread != middle else "")


def within_words(row: Headroom, limit: Limit) -> str:
    """What a chance is of: `before it refills`, `within 30 days`."""
    rolls = limit.window is None or limit.window.span is not None
    return "within 30 days" if rolls or (row.about_to or row.window_end) is None else "before it refills"


def _by(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> str:
    until = row.about_to or row.window_end
    if limit.window is None or until is None or limit.window.span is not None:
        return "within 30 days"
    # The last day that counts, by the limit's own days.
    return f"by {say.day(until - timedelta(seconds=1), now, limit.window.zone)}"
