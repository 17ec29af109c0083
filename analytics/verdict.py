"""The sentence that every overview begins with: what has run out, what will, and if nothing, until when nobody is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from analytics.ahead import awaited, groundless
from analytics.runs_out import Said, runs_out
from analytics.urgency import HORIZON, Row, by_step, by_urgency, is_due, is_undated, last_date, probably_will
from analytics.wording import and_words, chance_text, date_text, number_word, range_text
from roomleft.limits import Headroom, Limit, State
from roomleft.money import MINUS, usd
from roomleft.outlook import NoDate

SOONEST = 0.1
"""Nobody is needed before the chance that something runs out has grown to this."""
NOTHING, NOTHING_ELSE = "Nothing", "Nothing else"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The sentence, and the parts of the line under it about what comes first: what, when, range, chance, step, price, order-by. Where that has run
    out already, `next_parts` are the same of what will run out first. `of` and `next_of` are the rows they speak of."""

    sentence: str
    parts: tuple[str, ...] = ()
    next_parts: tuple[str, ...] = ()
    of: Headroom | None = None
    next_of: Headroom | None = None

    @property
    def first(self) -> str:
        """The line, empty when nothing comes first."""
        return f"First: {' · '.join(self.parts)}" if self.parts else ""


def verdict(rows: Sequence[Row], now: datetime, zone: tzinfo = UTC) -> Verdict:
    """What stored headroom rows say, in words. Dates are in `zone`."""
    if not rows:
        return Verdict("There are no limits yet.")
    out = [row for row in rows if row[0].state is State.EXHAUSTED]
    unknown = [row for row in rows if row[0].state is State.UNKNOWN]
    known = [row for row in rows if row[0].state in (State.OK, State.TIGHT)]
    coming = [row for row in known if probably_will(row[0], now)]
    if len(unknown) == len(rows):
        return Verdict(f"Nothing can be said: {_all_unknown(len(rows))}.")
    due = sorted(
        (row for row in known if row not in coming and is_due(row[0], now)), key=lambda row: (row[0].order_by, row[0].limit_id)
    )
    said = _sentence(len(out), coming, due, known, now, zone)
    if unknown:
        missing = f"{_limits(len(unknown)).capitalize()} cannot be told: {_its(len(unknown))} data is missing or old."
        # Silence is not health: "nothing needs you" must not come first, nor speak of limits that cannot be read.
        quiet = said.startswith(NOTHING)
        said = f"{missing} {said.replace(NOTHING, NOTHING_ELSE, 1)}" if quiet else f"{said} {missing}"
    first = next(iter(by_step(by_urgency(rows, now))), None)
    if not first:
        return Verdict(said)
    coming.sort(key=lambda row: (row[0].exhausts_p50 is None, row[0].exhausts_p50 or now, row[0].limit_id))
    then = coming[0] if coming and first[0][0].state is State.EXHAUSTED else None
    return Verdict(
        said, _parts(first, now, zone), _parts([then], now, zone) if then else (), first[0][0], then[0] if then else None
    )


def _sentence(out: int, coming: Sequence[Row], due: Sequence[Row], known: Sequence[Row], now: datetime, zone: tzinfo) -> str:
    ordering = _ordering(due, now, zone, "more") if due else ""
    more = f" {ordering[0].upper()}{ordering[1:]}." if due else ""
    if out and coming:
        return f"{_limits(out).capitalize()} {_have(out)} run out; {number_word(len(coming))} more {_how(coming, out > 0)}.{more}"
    if coming:
        return f"{_limits(len(coming)).capitalize()} {_how(coming)}.{more}"
    if not _dated(known):
        return _undated(out, known)
    if due:
        gone = f"{_limits(out)} {_have(out)} run out; " if out else ""
        others = [row for row in known if row not in due]
        said = f"{gone}{_ordering(due, now, zone, 'more' if out else '')}; {_calm(NOTHING_ELSE.lower(), others, now, zone)}"
        return said[0].upper() + said[1:]
    if out:
        dark = sum(is_undated(row[0]) for row in known)
        undated = f", {number_word(dark)} more {'is' if dark == 1 else 'are'} tight with no date yet" if dark else ""
        return f"{_limits(out).capitalize()} {_have(out)} run out{undated}; {_calm(NOTHING_ELSE.lower(), known, now, zone)}"
    tight = sum(row[0].state is State.TIGHT for row in known)
    if tight:
        later = _awaited(known) or f"none should run out before {_until(known, now, zone)}"
        return f"{_limits(tight).capitalize()} {'is' if tight == 1 else 'are'} tight; {later}."
    return _calm(NOTHING, known, now, zone)


def _calm(nothing: str, known: Sequence[Row], now: datetime, zone: tzinfo) -> str:
    """`Nothing needs you before 20 Dec.`; no day where some are not forecast yet."""
    waiting = _awaited(known)
    return f"{nothing} needs you now, but {waiting}." if waiting else f"{nothing} needs you before {_until(known, now, zone)}."


def _awaited(known: Sequence[Row]) -> str:
    """`two limits are not forecast yet`; empty where all are that can be."""
    count = sum(awaited(row) is not None for row, _ in known)
    return f"{_limits(count)} {'is' if count == 1 else 'are'} not forecast yet" if count else ""


def _ordering(due: Sequence[Row], now: datetime, zone: tzinfo, more: str) -> str:
    """`one limit needs its next step ordered by 28 Nov`."""
    many = f"{number_word(len(due))} more" if more else _limits(len(due))
    by = last_date(*due[0], now)
    when = by if by == "now" else f"by {by}"
    return f"{many} {'needs its next step' if len(due) == 1 else 'need their next steps'} ordered {when}"


def _undated(out: int, known: Sequence[Row]) -> str:
    tight = sum(row.state is State.TIGHT for row, _ in known)
    to_come = any(awaited(row) is NoDate.NOT_YET for row, _ in known)
    later = f"there are no dates yet: {'nothing is forecast yet' if to_come else 'too little history'}."
    if out:
        return f"{_limits(out).capitalize()} {_have(out)} run out; {later}"
    if tight:
        return f"{_limits(tight).capitalize()} {'is' if tight == 1 else 'are'} tight; {later}"
    return f"{NOTHING} needs you now; {later}"


def _how(coming: Sequence[Row], more: bool = False) -> str:
    refills = sum(limit.window is not None and limit.window.span is None for _, limit in coming)
    many = len(coming) > 1
    mixed = 0 < refills < len(coming)
    before = f"before {'they refill' if many else 'it refills'}" if refills else "within 30 days"
    if mixed:
        before = "before they refill or within 30 days"
    by_chance = sum(row.p_breach is not None for row, _ in coming)
    if by_chance == len(coming):
        return f"probably will{'' if more else ' run out'} {before}"
    if by_chance:
        return f"probably will{'' if more else ' run out'}, or would at the present pace, {before}"
    return f"will run out {before}{',' if mixed else ''} at the present pace"


def _dated(known: Sequence[Row]) -> bool:
    """Whether anything is known of the future of any: without it no date can be promised."""
    return not known or any(row.p_breach is not None or not groundless(row.basis, row.no_date) for row, _ in known)


def _until(known: Sequence[Row], now: datetime, zone: tzinfo) -> str:
    """Until when nobody is needed: the first day at which something may run out, or a next step must be ordered; 30 days at most."""
    dates = [date for row, limit in known for date in (_may_run_out(row, limit), row.order_by) if date is not None and date > now]
    return date_text(min([*dates, now + HORIZON]), now, zone)


def _may_run_out(row: Headroom, limit: Limit) -> datetime | None:
    """When the chance that it has run out reaches a tenth. The dates of a window mean "if so", so they are weighed with its chance."""
    early, middle, late = row.exhausts_p10, row.exhausts_p50, row.exhausts_p90
    if row.p_breach is None or limit.window is None or early is None or middle is None or late is None:
        return early
    share = SOONEST / row.p_breach if row.p_breach > 0 else 1.0
    if share > 0.9:
        return None
    if share <= 0.5:
        return early + (middle - early) * max(0.0, (share - 0.1) / 0.4)
    return middle + (late - middle) * ((share - 0.5) / 0.4)


def _parts(first: Sequence[Row], now: datetime, zone: tzinfo) -> tuple[str, ...]:
    """The most urgent limit, and with its step the others that the same step is for."""
    row, limit = first[0]
    parts = [limit.title]
    at = row.exhausts_p50
    if row.state is State.EXHAUSTED:
        parts.append(row.reason)
    elif at is not None and runs_out(row, limit).said is Said.DATE:
        parts.append(date_text(at, now, zone))
        if row.exhausts_p10 is not None:
            parts.append(range_text(row.exhausts_p10, row.exhausts_p90, now, zone))
    if row.p_breach is not None and row.state is not State.EXHAUSTED:
        parts.append(f"{chance_text(row.p_breach)} likely")
    step = limit.next_step
    if step is not None:
        others = f" (also for {and_words([other.title for _, other in first[1:]])})" if len(first) > 1 else ""
        parts.append(f"{step.what}{others}")
        if step.cost_usd_per_month:
            cost = step.cost_usd_per_month
            parts.append(f"{usd(abs(cost), 0)} a month" if cost > 0 else f"{MINUS}{usd(abs(cost), 0)} a month")
    by = last_date(row, limit, now)
    if by and row.order_by is not None:
        parts.append("order now" if by == "now" else f"order by {by}")
    return tuple(part for part in parts if part)


def _limits(count: int) -> str:
    return f"{number_word(count)} limit{'' if count == 1 else 's'}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _its(count: int) -> str:
    return "its" if count == 1 else "their"


def _all_unknown(count: int) -> str:
    return "the one limit is unknown" if count == 1 else f"all {number_word(count)} limits are unknown"
