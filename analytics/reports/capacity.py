"""The capacity report of a platform: one document that text, HTML, workbook and API are made from. Pure; what is stored is read, not worked out again.

`content` gives plain JSON: decimals as strings, instants in UTC. Amounts stand as figures and, beside them, in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from analytics.forecasting.futures import Futures
from analytics.forecasting.track_record import NONE_YET, TrackRecord
from analytics.reports import weekly_words as say
from analytics.reports.capacity_advice import recommendations
from analytics.reports.capacity_ahead import Series, plain
from analytics.reports.capacity_forecasts import Row, forecast
from analytics.reports.capacity_limits import budgets, is_ordered, limits, steps_cost
from analytics.reports.capacity_risks import Money, risks
from analytics.reports.capacity_scaling import triggers
from analytics.reports.capacity_steps import settled
from analytics.reports.capacity_tiers import crossings, tier_series
from analytics.reports.decisions import decisions
from analytics.reports.scaling import ScalingRow
from analytics.room_cost import room_cost
from analytics.verdict import Verdict, verdict
from analytics.wording import number_word, span_text
from roomleft.outlook import Outlook
from roomleft.packs import Pack

HISTORY = timedelta(days=90)
STALE_AFTER = timedelta(hours=36)
"""Forecasts are fitted once a night: one older than this missed a night."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was read for one platform. `rows`: its limits as the pages list them, worst first. `series`: those of the report; `by_meter`: every
    meter that advice or tiers speak of. `budgets`: the futures of each budget by limit id. `outcomes`: forecasts that came due, with
    what came. `first_data`: the first day anything is known of. `stale_prices`: which price lists are old, in a sentence. `missing`: what could not be read, in words."""

    rows: Sequence[Row]
    series: Sequence[Series] = ()
    by_meter: Mapping[str, Series] = field(default_factory=dict)
    budgets: Mapping[str, Futures | Outlook] = field(default_factory=dict)
    scaling: Sequence[ScalingRow] = ()
    money: Money = field(default_factory=Money)
    outcomes: Sequence[Mapping[str, Any]] = ()
    record: TrackRecord | None = None
    fitted_at: datetime | None = None
    usage_read_to: datetime | None = None
    first_data: date | None = None
    stale_prices: str = ""
    missing: Sequence[str] = ()
    demo: bool = False


def content(pack: Pack, given: Given, now: datetime) -> dict[str, Any]:
    """The whole report as JSON has it."""
    zone = ZoneInfo(pack.zone)
    report = pack.reports.capacity
    history = report.history if report is not None else HISTORY
    forecasts = [forecast(each, given.rows, round(history / timedelta(days=1)), now, zone) for each in given.series]
    advice = recommendations(pack, given.by_meter, given.rows, now, zone)
    said = verdict(given.rows, now, zone)
    advice, decided = settled(advice, decisions(given.rows, {pack.slug: pack.title}, now, zone), given.rows, now, zone)
    costs, saves = steps_cost(advice)
    room = room_cost(given.rows)
    made = {
        "report": "capacity",
        "platform": pack.slug,
        "title": say.clean(pack.title),
        "verdict": " ".join([said.sentence, *_advice_sentence(advice)]),
        "first": _first(said, decided),
        "as_of": now,
        "zone": pack.zone,
        "period": {"from": now - history, "to": now, "days": round(history / timedelta(days=1)), "words": say.days(now - history, now, now, zone)},
        "freshness": _freshness(given, now, zone),
        "demo": given.demo,
        "forecasts": forecasts,
        "recommendations": advice,
        "decisions": decided,
        "limits": limits(given.rows, now, zone),
        "budgets": budgets(given.rows, given.budgets, now, zone),
        "steps": {
            "recommended_cost_usd": costs, "recommended_saving_usd": saves, "limits_steps": room.steps,
            "limits_cost_usd_per_month": room.usd_per_month, "limits_saving_usd_per_month": room.saves_usd_per_month,
            "without_price": room.unpriced, "words": _steps_words(costs, saves, room.steps, room.usd_per_month, room.saves_usd_per_month),
        },
        "tiers": crossings(pack, tier_series(pack, given.by_meter), given.first_data, now, zone),
        "scaling": triggers(pack, given.rows, given.scaling, now, zone),
        "risks": risks(pack, given.rows, forecasts, given.money, given.record),
        "track_record": _track(given, now, zone),
        "missing": [say.clean(words) for words in given.missing],
    }  # fmt: skip
    return dict(plain(made))


def _advice_sentence(advice: Sequence[Mapping[str, Any]]) -> list[str]:
    holding = [each for each in advice if is_ordered(each)]
    if not holding:
        return []
    first = holding[0]
    money = f" ({first['money']})" if first["money"] else ""
    more = f"; {number_word(len(holding) - 1)} more below" if len(holding) > 1 else ""
    return [f"Recommended: {first['action'][:1].lower()}{first['action'][1:]}{money}, {first['urgency']}{more}."]


def _first(said: Verdict, decided: Sequence[Mapping[str, Any]]) -> str:
    """The line of what comes first; a step that waits for another is not ordered there either."""
    if not decided or not decided[0]["waits_for"]:
        return said.first
    parts = [part for part in said.parts if not part.startswith("order ")]
    waits = f"waits for “{decided[0]['waits_for']}”"
    return f"First: {' · '.join([*parts, waits])}" if parts else ""


def _freshness(given: Given, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    seen = [row.observed_at for row, _ in given.rows if row.observed_at is not None]
    newest, oldest = max(seen, default=None), min(seen, default=None)
    unknown = sum(row.state.value == "unknown" for row, _ in given.rows)
    notes = []
    if given.fitted_at is None:
        notes.append("Nothing has been forecast yet.")
    elif now - given.fitted_at > STALE_AFTER:
        notes.append(f"The forecasts are {span_text(now - given.fitted_at)} old: the nightly run is late.")
    if any(row.lower_bound for row, _ in given.rows):
        notes.append("Some use has no price: amounts marked “at least” are lower bounds.")
    if unknown:
        are = (
            "limit is unknown: its"
            if len(given.rows) == 1
            else f"limits {'is' if unknown == 1 else 'are'} unknown: {'its' if unknown == 1 else 'their'}"
        )
        notes.append(f"{unknown} of {len(given.rows)} {are} data is missing or old.")
    if any(each.futures is not None and each.futures.provisional for each in given.series):
        notes.append("Forecasts marked provisional rest on less than four weeks.")
    if given.stale_prices:
        notes.append(say.clean(given.stale_prices))
    notes.append("Usage and cost of the last two days are provisional: late calls and corrections may still come in.")
    age = span_text(now - newest) if newest is not None else ""
    fitted = (
        f"forecasts of {say.day(given.fitted_at, now, zone)} {given.fitted_at.astimezone(zone):%H:%M}"
        if given.fitted_at
        else "no forecasts yet"
    )
    return {
        "newest_at": newest, "oldest_at": oldest, "usage_read_to": given.usage_read_to, "fitted_at": given.fitted_at, "unknown_limits": unknown,
        "words": f"Newest data {age} old; {fitted}." if age else f"No data yet; {fitted}.", "notes": notes,
    }  # fmt: skip


def _steps_words(costs: Decimal, saves: Decimal, steps: int, monthly: Decimal, saved_monthly: Decimal) -> str:
    parts = []
    if costs or saves:
        both = [f"cost about {say.money(costs)}"] if costs else []
        both += [f"save about {say.money(saves)} a month"] if saves else []
        parts.append(f"The recommendations that hold {' and '.join(both)}.")
    if steps:
        net = [say.monthly(monthly)] if monthly else []
        net += [say.monthly(saved_monthly)] if saved_monthly else []
        parts.append(f"The next steps of limits that have run out or probably will: {' and '.join(net) or 'no extra cost'}.")
    return " ".join(parts) or "No step is called for."


def _track(given: Given, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    titles = {row.limit_id: say.clean(limit.title) for row, limit in given.rows}
    lines = []
    for row in given.outcomes:
        unit, subject = str(row["unit"]), str(row["subject"])
        low, middle, high, came = (Decimal(repr(float(row[name]))) for name in ("low", "middle", "high", "outcome"))
        held = low <= came <= high
        lines.append({
            "subject": subject, "name": titles.get(subject) or say.clean(str(row.get("name") or _spoken(subject))), "metric": str(row["metric"]),
            "made": str(row["made"]), "unit": unit, "said_at": row["said_at"], "about_to": row["about_to"], "horizon_days": row["horizon_days"],
            "low": low, "middle": middle, "high": high, "outcome": came, "held": held,
            "said_on": say.day(row["said_at"], now, zone), "until": say.day(row["about_to"] - timedelta(seconds=1), now, zone),
            "said_words": say.amount_range(low, high, unit), "came_words": say.amount(came, unit),
            "held_words": say.held_words(low, high, came, unit),
        })  # fmt: skip
    kept = sum(bool(line["held"]) for line in lines)
    words = given.record.words if given.record is not None else ""
    if words.startswith(NONE_YET):
        words = f"There is no track record yet{words.removeprefix(NONE_YET)}."
    record = given.record or TrackRecord()
    return {
        "ranges": record.ranges_words,
        "words": words or "There is no track record yet: no forecast is old enough to be compared with what happened.",
        "came": f"{kept} of {len(lines)} forecasts that came due in the last 30 days held what came; 8 of 10 should."
        if lines
        else "",
        "lines": lines,
        "replayed": any(line["made"] == "replayed" for line in lines),
    }


def _spoken(subject: str) -> str:
    """`Active users` of a name `shop/active_users@Asia/Tokyo#30d`: of what no pack has a title for any more."""
    return subject.partition("#")[0].partition("@")[0].rpartition("/")[2].replace("_", " ").capitalize()
