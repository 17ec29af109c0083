"""What the Capacity pages say: a limit's future in one sentence that finance understands, the last day to order, and how well forecasts kept their word."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from analytics.forecasting.track_record import Bin, TrackRecord
from analytics.ranges import money_range, share_range
from analytics.room_cost import RoomCost
from analytics.urgency import ORDER_WITHIN, last_date
from dashboards import limit_words, wording
from dashboards.limit_rows import LimitRow
from dashboards.record_rows import bin_of
from roomleft.limits import State
from roomleft.money import MINUS
from roomleft.outlook import NO_DATE_WORDS, Made, NoDate


def tenth_range(tenth: Bin) -> str:
    """`70–80 %`."""
    return f"{tenth.low * 100:.0f}–{tenth.high * 100:.0f}{wording.THIN}%"


def record_sentence(track: TrackRecord, first_at: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    """The track record in its own sentence; while there is none, when there will be."""
    if any(track.total(made).scored for made in Made):
        return f"{track.words.rstrip('.')}."
    first = (
        f"the first forecasts are scored on {wording.day(first_at, now, zone)}" if first_at else "nothing has been forecast yet"
    )
    return f"There is no track record yet: {first}."


def kept_word(tenth: Bin) -> str:
    """`When we said 70–80 %, it happened 71 % of the time (28 times).`"""
    how = {0.0: "it never happened", 1.0: "it always happened"}.get(tenth.happened)
    share = how or f"it happened {wording.percent(tenth.happened, 0)} of the time"
    return f"When we said {tenth_range(tenth)}, {share} ({wording.plural(tenth.claims, 'time')})."


def amount_range(low: Decimal | float, high: Decimal | float, unit: str) -> str:
    """`$38–46k`, `4,612–5,040 worlds`, `62–71 %`; one value where both read the same."""
    low, high = sorted((float(low), float(high)))
    if unit.startswith("usd") or unit in wording.MONEY_UNITS:
        said = _money(high) if low == high else money_range(*(Decimal(repr(each)) for each in (low, high)))
        return f"{said} {wording.USD_PER.get(unit, '')}".strip()
    if low < high and unit in wording.RATIO_UNITS | wording.PERCENT_UNITS:
        scale = 100 if unit in wording.RATIO_UNITS else 1
        return share_range(*(Decimal(repr(each)) * scale for each in (low, high)))
    noun = wording.unit_word(unit)
    first, last = wording.amount(low, unit), wording.amount(high, unit)
    if first == last:
        return f"{last} {noun}".strip()
    unit_of = last.rpartition(wording.THIN)[2] if wording.THIN in last else ""
    if unit_of and first.endswith(f"{wording.THIN}{unit_of}"):
        first = first.removesuffix(f"{wording.THIN}{unit_of}")
    return f"{first}–{last} {noun}".strip()


def _money(value: float) -> str:
    """One amount: `$40k`, `$54.7k`, `$4,210`."""
    scale, letter = next(((n, name) for n, name in ((1e6, "M"), (1e3, "k")) if value >= 10 * n), (1.0, ""))
    if letter:
        return f"${_trimmed(value / scale, 1)}{letter}"
    places = 0 if abs(value) >= 100 else 2 if abs(value) >= 0.1 else 4
    return f"{MINUS if round(value, places) < 0 else ''}${abs(value):,.{places}f}"


def _trimmed(value: float, places: int) -> str:
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def likely_end(row: LimitRow) -> str:
    """`likely $38–46k` at the window's end or in 30 days; empty where nothing is known."""
    h = row.headroom
    if h.ends_p10 is None or h.ends_p90 is None:
        return ""
    if h.ends_p10 == h.ends_p90:
        return f"likely {wording.with_unit(h.ends_p90, row.limit.unit)}"
    return f"likely {amount_range(h.ends_p10, h.ends_p90, row.limit.unit)}"


def chance_words(row: LimitRow) -> str:
    """`72 % chance of exceeding $40k`; `72 % chance of falling below 90 %` for a floor; empty without one."""
    h = row.headroom
    if row.state is State.EXHAUSTED or h.p_breach is None:
        return ""
    unit = row.limit.unit
    amount = amount_range(h.amount, h.amount, unit)
    return f"{wording.chance(h.p_breach)} chance of {'falling below' if row.is_floor else 'exceeding'} {amount}"


def about_date(row: LimitRow, now: datetime, zone: ZoneInfo) -> str:
    """`if so about the 24th (21st–28th)` of a window that refills; `about 24 Nov (21–28 Nov)` of a stock; empty without a date."""
    h = row.headroom
    if h.exhausts_p50 is None or h.exhausts_p50 <= now or row.state is State.EXHAUSTED:
        return ""
    lead = "if so about " if row.limit.window is not None else "about "
    middle, low, high = h.exhausts_p50, h.exhausts_p10, h.exhausts_p90
    dates = [each.astimezone(zone) for each in (low, middle, high) if each is not None]
    same_month = {(each.year, each.month) for each in dates} == {(now.astimezone(zone).year, now.astimezone(zone).month)}
    far = all(abs(each - now) >= timedelta(hours=48) for each in dates)
    if row.limit.window is not None and same_month and far:
        words = f"the {ordinal(middle.astimezone(zone).day)}"
        if low is not None and high is not None:
            first, last = (ordinal(each.astimezone(zone).day) for each in (low, high))
            words += "" if first == last else f" ({first}–{last})"
        return lead + words
    words = wording.when(middle, now, zone)
    spread = wording.day_range(low, high, now, zone) if low is not None and high is not None else ""
    if low is not None and high is None:
        spread = f"from {wording.when(low, now, zone)}"
    return lead + words + (f" ({spread})" if spread and spread != words else "")


def ordinal(day: int) -> str:
    """`1st`, `22nd`, `13th`."""
    ending = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def until_words(row: LimitRow, now: datetime, zone: ZoneInfo) -> str:
    """What the chance speaks of: `before it refills on 1 Dec`, `within 30 days`."""
    window, about_to = row.limit.window, row.headroom.about_to or row.headroom.window_end
    if window is None or window.span is not None:
        return "within 30 days"
    return f"before it refills {_on(about_to, now, window.zone)}" if about_to else "before it refills"


def _on(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    text = wording.when(at, now, zone)
    return text if ":" in text else f"on {text}"


def future_sentence(row: LimitRow, track: TrackRecord | None, now: datetime, zone: ZoneInfo) -> str:
    """A limit's future in words that finance understands, with how well such words were kept."""
    if row.state is State.UNKNOWN:
        return f"Unknown: {row.headroom.reason}."
    if row.state is State.EXHAUSTED:
        refill = row.headroom.window_end if row.limit.window is not None and row.limit.window.span is None else None
        zone_of = row.limit.window.zone if row.limit.window is not None else zone
        again = f" It refills {_on(refill, now, zone_of)}." if refill else ""
        return f"{limit_words.runs_out(row, now, zone).strong.capitalize()}: {row.headroom.reason}.{again}"
    if row.headroom.p_breach is None:
        return no_date_sentence(row)
    parts = [f"{chance_words(row)} {until_words(row, now, zone)}", likely_end(row)]
    if not row.is_remote:
        parts.append(about_date(row, now, zone))
    said = "; ".join(part for part in parts if part) + "."
    tenth = bin_of(track, row.headroom.p_breach) if track else None
    return f"{said} {kept_word(tenth)}" if tenth else said


def no_date_sentence(row: LimitRow) -> str:
    """`No date yet: 5 of 7 days needed.`; without the yet where time will not mend it: `No date: each user has this limit apart.`"""
    h = row.headroom
    code = NoDate(h.no_date) if h.no_date in set(NoDate) else None
    why = (
        h.basis
        if h.basis and (code is not None or "needed" in h.basis)
        else NO_DATE_WORDS[code]
        if code
        else "no forecast was made yet"
    )
    lead = "No date yet" if code is None or code in limit_words.YET else "No date"
    return f"{lead}: {why.removeprefix('no pace: ').rstrip('.')}."


def order_words(row: LimitRow, now: datetime, zone: ZoneInfo) -> tuple[str, bool]:
    """When the next step must be ordered, and whether that presses: `order by 14 Dec`, `was due 3 days ago`; empty without a last day (`urgency.last_date`)."""
    order_by = row.headroom.order_by
    last = last_date(row.headroom, row.limit, now)
    if order_by is None or not last:
        return "", False
    if order_by <= now:
        days = (now - order_by).days
        ago = wording.plural(days, "day") + " ago" if days else "today"
        return f"was due {ago}", True
    return f"order by {last}".replace(" ", "\u00a0"), order_by - now <= ORDER_WITHIN


def lead_words(row: LimitRow) -> str:
    """`takes 30 d`; empty where the pack says no lead time."""
    step = row.limit.next_step
    return f"takes {wording.age(step.lead_time)}" if step is not None and step.lead_time else ""


def room_cost_words(found: RoomCost) -> tuple[str, str]:
    """What more room costs a month, and what that is made of: `+$509 a month`, `3 steps probably needed, one saves $6,100`."""
    if not found.steps:
        none = (
            f"{wording.plural(found.without_step, 'limit')} probably runs out without a known step" if found.without_step else ""
        )
        return "$0", none or "no step is probably needed"
    value = f"+${found.usd_per_month:,.0f} a month" if found.usd_per_month else "$0"
    notes = [f"{wording.plural(found.steps, 'step')} probably needed"]
    if found.saves_usd_per_month:
        notes.append(f"some save ${-found.saves_usd_per_month:,.0f}")
    if found.unpriced:
        notes.append(f"{found.unpriced} without a price")
    if found.without_step:
        notes.append(f"{wording.plural(found.without_step, 'limit')} without a step")
    return value, ", ".join(notes)


def unit_words(unit: str) -> str:
    """A unit beside a chart: `dollars`, `worlds`, `requests per second`."""
    return "dollars" if unit == "usd" else wording.unit_title(unit)
