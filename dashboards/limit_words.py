"""What a limit's row says in words: what is left, when it runs out, how fast it goes, what to do next."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics.health import since_text
from analytics.runs_out import Said
from analytics.runs_out import runs_out as said_of
from dashboards import wording
from dashboards.limit_rows import LimitRow
from roomleft.limits import Kind, NextStep, State
from roomleft.money import MINUS
from roomleft.outlook import NoDate

DASH = "–"
FAR = timedelta(days=60)
YET = frozenset({NoDate.NO_DATA, NoDate.NOT_YET, NoDate.TOO_SHORT, NoDate.HALF_READ})
"""Reasons for no date that time will mend."""
TIME_UNITS = wording.SECOND_UNITS | {"ms", "minutes", "hours"}
"""An error budget in these is said as time left; in others as a share of the budget."""


class Words(NamedTuple):
    """A strong part and a dim part that follows it."""

    strong: str
    dim: str = ""

    def plain(self) -> str:
        """Both as one text."""
        return f"{self.strong} {self.dim}".strip()


def left(row: LimitRow) -> Words:
    """`398` `of 5,010`; `3.4 pts` `above 90 %` for a floor; `unknown` `of 80`."""
    unit, limit = row.limit.unit, wording.amount(row.headroom.amount, row.limit.unit)
    beside = f"above {limit}" if row.is_floor else f"of {limit}"
    if row.headroom.remaining is None:
        return Words("unknown", beside)
    remaining = row.headroom.remaining
    if row.is_floor:
        below = remaining < 0
        if unit in wording.RATIO_UNITS | wording.PERCENT_UNITS:
            points = float(remaining) * (100 if unit in wording.RATIO_UNITS else 1)
            text = f"{wording.count(round(points, 1))}{wording.THIN}pts"
        else:
            text = wording.amount(remaining, unit)
        return Words(text, f"{'below' if below else 'above'} {limit}" if not below else f"under {limit}")
    text = wording.amount(remaining, unit)
    if row.limit.kind is Kind.SLO and row.limit.window and unit not in TIME_UNITS and row.headroom.fraction_left is not None:
        return Words(wording.percent(row.headroom.fraction_left), "of budget")
    if unit in wording.RATIO_UNITS | wording.PERCENT_UNITS:
        # "33 % of 80 %" could mean either: what is left of a share is told in points.
        points = abs(float(remaining)) * (100 if unit in wording.RATIO_UNITS else 1)
        bound = f"{'≤' + wording.THIN if row.headroom.lower_bound and remaining >= 0 else ''}{wording.count(round(points, 1))}{wording.THIN}pts"
        return Words(f"{MINUS if remaining < 0 else ''}{bound}", f"{'over' if remaining < 0 else 'below'} {limit}")
    # A lower bound of use is an upper bound of what is left.
    return Words(f"≤{wording.THIN}{text}" if row.headroom.lower_bound else text, beside)


def runs_out(row: LimitRow, now: datetime, zone: ZoneInfo) -> Words:
    """When the limit is reached: p50 and the p10–p90 range, or why there is no date."""
    h = row.headroom
    # A period ends at midnight of its own zone: in another it would seem to end a day sooner or later.
    own = row.limit.window.zone if row.limit.window is not None else zone
    if row.state is State.UNKNOWN:
        return Words("no date", h.reason)
    if row.state is State.EXHAUSTED:
        refill = f"refills {wording.when(h.window_end, now, own)}" if _refills(row) and h.window_end else ""
        if h.exhausts_p50 is not None and h.exhausts_p50 <= now:
            return Words(f"ran out {wording.when(h.exhausts_p50, now, zone)}", refill)
        if row.since is None:
            return Words("below the floor" if row.is_floor else "has run out", refill)
        return Words(f"{'below' if row.is_floor else 'out'} {began(row, now, zone)}", refill)
    found = said_of(h, row.limit)
    match found.said:
        case Said.DATE:
            return _middle(row, now, zone)
        case Said.NOT_BEFORE:
            only_if = (
                ("" if h.exhausts_p50 else "and only if it speeds up") if h.p_breach is None else f"10{wording.THIN}% by then"
            )
            return Words(f"not before {_dated(h.exhausts_p10 or now, now, zone)}", only_if)
        case Said.REASON:
            return Words(f"no date{' yet' if h.no_date in YET else ''}", found.reason)
        case Said.REFILLS:
            return _lasts(h.window_end or now, now, own)
        case Said.NOT_WITHIN | Said.UNLIKELY_WITHIN:
            return Words(f"{'not' if found.said is Said.NOT_WITHIN else 'unlikely'} in {found.days}{wording.THIN}d")
        case _:
            return Words("not at this pace")


def _middle(row: LimitRow, now: datetime, zone: ZoneInfo) -> Words:
    h = row.headroom
    assert h.exhausts_p50 is not None, "a date that is said is known"
    if h.exhausts_p10 is not None and h.exhausts_p90 is not None:
        spread = wording.day_range(h.exhausts_p10, h.exhausts_p90, now, zone)
    else:
        spread = f"from {wording.when(h.exhausts_p10, now, zone)}" if h.exhausts_p10 is not None else ""
    middle = wording.when(h.exhausts_p50, now, zone)
    return Words(middle, "" if spread == middle else spread)


def _lasts(refills: datetime, now: datetime, own: ZoneInfo) -> Words:
    if refills - now < timedelta(hours=48):
        return Words("not in this period", f"resets {wording.when(refills, now, own)} {refills.astimezone(own).tzname()}")
    last = wording.day(refills - timedelta(seconds=1), now, own)
    return Words(f"after {last}", f"resets {wording.day(refills, now, own)}")


def _dated(instant: datetime, now: datetime, zone: ZoneInfo) -> str:
    """A day with its year where that is another one, for a date that may be many months ahead."""
    text, year = wording.when(instant, now, zone), instant.astimezone(zone).year
    return text if year == now.astimezone(zone).year or text.endswith(str(year)) or instant - now < FAR else f"{text} {year}"


def state_since(row: LimitRow, now: datetime, zone: ZoneInfo) -> str:
    """`tight since 09:14`; the state alone where nobody knows since when."""
    return f"{row.state.value} {began(row, now, zone)}" if row.since is not None else row.state.value


def began(row: LimitRow, now: datetime, zone: ZoneInfo) -> str:
    """`since 09:14`, or `since before 09:14` for what was so when it was first measured."""
    assert row.since is not None, "the caller asks only where it is known"
    return f"since {'before ' if row.began_before else ''}{since_text(row.since, now, zone)}"


def amount_made_of(row: LimitRow) -> str:
    """How an amount for each of something came about: `$2.00 × 2,512 active users`; empty for a plain amount."""
    each, whole = row.limit.amount, row.headroom.amount
    if row.limit.amount_per is None or each <= 0 or whole == each:
        return ""
    per = row.limit.amount_per.replace("_", " ")
    how_many = wording.whole(whole / each)
    if row.limit.kind is Kind.SLO:
        return f"{wording.percent(each, 2)} of {how_many} {per}"
    if row.limit.unit == row.limit.amount_per_unit == "usd":
        return f"{wording.percent(each)} of {wording.money(whole / each)} {per}"
    return f"{wording.amount(each, row.limit.unit)} × {how_many} {per}"


def _refills(row: LimitRow) -> bool:
    window = row.limit.window
    return window is not None and window.span is None


def pace(row: LimitRow) -> str:
    """Use against an even use of the window, `1.4×`; a dash where it means nothing."""
    rate = row.headroom.burn_rate
    if rate is None or row.state is State.UNKNOWN:
        return DASH
    if 0 < rate < 0.05:
        return f"<{wording.THIN}0.1×"
    return f"{rate:,.0f}×" if rate >= 99.5 or rate == 0 else f"{rate:.1f}×"


def chance(row: LimitRow) -> str:
    """`72 %`, `< 1 %`; `out` of what has run out, a dash where nothing tells."""
    if row.state is State.EXHAUSTED:
        return "out"
    known = row.state is not State.UNKNOWN and row.headroom.p_breach is not None
    return wording.chance(row.headroom.p_breach or 0.0) if known else DASH


def next_step(step: NextStep | None) -> Words:
    """`+$99/mo` `1 deployment`; a dash where the pack names none."""
    if step is None:
        return Words(DASH)
    cost = step.cost_usd_per_month
    if cost is None:
        return Words("", step.what)
    sign = MINUS if cost < 0 else "+" if cost > 0 else ""
    return Words(f"{sign}{wording.short_money(abs(cost))}/mo" if cost else "$0", step.what)


def bar(row: LimitRow, now: datetime, zone: ZoneInfo) -> str:
    """The headroom bar in words, for those who do not see it."""
    share = row.used_share
    if share is None or row.state is State.UNKNOWN:
        return f"{row.limit.title}: unknown, {row.headroom.reason}"
    assumed = ", assumed limit" if row.limit.assumed else ""
    likely = "" if row.headroom.p_breach is None or row.state is State.EXHAUSTED else f", {chance(row)} chance of running out"
    return (
        f"{row.limit.title}: {wording.percent(share, 0)} used, {left(row).plain()} left, {row.state.value}{assumed}; "
        f"{runs_out(row, now, zone).plain()}{likely}"
    )
