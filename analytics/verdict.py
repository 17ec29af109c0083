"""The sentence that every overview begins with: what has run out, what will, and if nothing, until when nobody is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from analytics.wording import NARROW, date_text, number_word, range_text, says_why_no_pace
from roomleft.limits import Headroom, Limit, State
from roomleft.money import MINUS, usd

HORIZON = timedelta(days=30)
LIKELY = 0.5
NOTHING, NOTHING_ELSE = "Nothing", "Nothing else"
Row = tuple[Headroom, Limit]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The sentence, and the parts of the line under it about what comes first: what, when, range, chance, step, price, order-by."""

    sentence: str
    parts: tuple[str, ...] = ()

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
    coming = sorted((row for row in known if _will(row[0], now)), key=lambda row: (_when(row[0]), row[0].limit_id))
    if len(unknown) == len(rows):
        return Verdict(f"Nothing can be said: {_all_unknown(len(rows))}.")
    said = _sentence(len(out), coming, known, now, zone)
    if unknown:
        missing = f"{_limits(len(unknown)).capitalize()} cannot be told: {_its(len(unknown))} data is missing or old."
        # Silence is not health: "nothing needs you" must not come first, nor speak of limits that cannot be read.
        quiet = said.startswith(NOTHING)
        said = f"{missing} {said.replace(NOTHING, NOTHING_ELSE, 1)}" if quiet else f"{said} {missing}"
    # The worst state first: what has run out comes before what will.
    gone = min(out, key=lambda row: (row[0].fraction_left or 0.0, row[0].limit_id), default=None)
    first = gone or (coming[0] if coming else None)
    return Verdict(said, _parts(*first, now, zone) if first else ())


def _sentence(out: int, coming: Sequence[Row], known: Sequence[Row], now: datetime, zone: tzinfo) -> str:
    if out and coming:
        return f"{_limits(out).capitalize()} {_have(out)} run out; {number_word(len(coming))} more {_how(coming)}."
    if coming:
        return f"{_limits(len(coming)).capitalize()} {_how(coming)}."
    if not _dated(known):
        return _undated(out, sum(row[0].state is State.TIGHT for row in known))
    if out:
        return f"{_limits(out).capitalize()} {_have(out)} run out; nothing else needs you before {_until(known, now, zone)}."
    tight = sum(row[0].state is State.TIGHT for row in known)
    if tight:
        return f"{_limits(tight).capitalize()} {'is' if tight == 1 else 'are'} tight; none should run out before {_until(known, now, zone)}."
    return f"{NOTHING} needs you before {_until(known, now, zone)}."


def _undated(out: int, tight: int) -> str:
    later = "there are no dates yet: too little history."
    if out:
        return f"{_limits(out).capitalize()} {_have(out)} run out; {later}"
    if tight:
        return f"{_limits(tight).capitalize()} {'is' if tight == 1 else 'are'} tight; {later}"
    return f"{NOTHING} needs you now; {later}"


def _will(row: Headroom, now: datetime) -> bool:
    """Whether it is more likely than not to run out before it refills, or within 30 days for a stock."""
    if row.p_breach is not None:
        return row.p_breach >= LIKELY
    return row.exhausts_p50 is not None and (row.window_end is not None or row.exhausts_p50 - now <= HORIZON)


def _when(row: Headroom) -> float:
    return row.exhausts_p50.timestamp() if row.exhausts_p50 else float("inf")


def _how(coming: Sequence[Row]) -> str:
    refills = sum(limit.window is not None for _, limit in coming)
    many = len(coming) > 1
    if refills == len(coming):
        before = f"before {'they refill' if many else 'it refills'}"
    elif refills == 0:
        before = "within 30 days"
    else:
        before = "before they refill or within 30 days"
    if all(row.p_breach is not None for row, _ in coming):
        return f"probably will {before}" if before.startswith("before") else f"probably will run out {before}"
    return (
        f"will run out {before} at the present pace"
        if not before.startswith("before they refill or")
        else f"will run out {before}, at the present pace"
    )


def _dated(known: Sequence[Row]) -> bool:
    """Whether any pace was known: without one no date can be promised."""
    return not known or any(not says_why_no_pace(row.basis) for row, _ in known)


def _until(known: Sequence[Row], now: datetime, zone: tzinfo) -> str:
    soonest = min((row.exhausts_p10 for row, _ in known if row.exhausts_p10 is not None), default=None)
    horizon = now + HORIZON
    return date_text(min(soonest, horizon) if soonest else horizon, now, zone)


def _parts(row: Headroom, limit: Limit, now: datetime, zone: tzinfo) -> tuple[str, ...]:
    parts = [limit.title]
    at = row.exhausts_p50
    if row.state is State.EXHAUSTED:
        parts.append(row.reason)
    elif at is not None:
        parts.append(date_text(at, now, zone))
        if row.exhausts_p10 is not None:
            parts.append(range_text(row.exhausts_p10, row.exhausts_p90, now, zone))
    if row.p_breach is not None:
        parts.append(chance_text(row.p_breach))
    step = limit.next_step
    if step is not None:
        parts.append(step.what)
        if step.cost_usd_per_month:
            cost = step.cost_usd_per_month
            parts.append(f"{usd(abs(cost), 0)} a month" if cost > 0 else f"{MINUS}{usd(abs(cost), 0)} a month")
        if step.lead_time is not None and at is not None and row.state is not State.EXHAUSTED:
            order_by = at - step.lead_time
            parts.append(f"order by {date_text(order_by, now, zone)}" if order_by > now else "order now")
    return tuple(part for part in parts if part)


def chance_text(chance: float) -> str:
    """`38 %`; never 0 or 100."""
    if chance < 0.01:
        return f"<{NARROW}1{NARROW}%"
    return f">{NARROW}99{NARROW}%" if chance > 0.99 else f"{100 * chance:.0f}{NARROW}%"


def _limits(count: int) -> str:
    return f"{number_word(count)} limit{'' if count == 1 else 's'}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _its(count: int) -> str:
    return "its" if count == 1 else "their"


def _all_unknown(count: int) -> str:
    return "the one limit is unknown" if count == 1 else f"all {number_word(count)} limits are unknown"
