"""The weekly report's content: one dict that text, HTML, workbook, archive and API are made from. Figures are those stored; nothing is forecast here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from analytics.ahead import awaited
from analytics.forecasting.track_record import MEANT
from analytics.month_cost import Month
from analytics.reports import weekly_words as say
from analytics.reports.decisions import dates_of, decisions, when, within_words
from analytics.reports.month_words import month_content
from analytics.urgency import last_date
from analytics.verdict import verdict
from analytics.wording import and_words, chance_text, span_text
from roomleft.limits import Direction, Headroom, Kind, Limit, State
from roomleft.outlook import AWAITED, NO_DATE_WORDS, Made, NoDate

MOST_DECISIONS = 5
LONGEST_SUBJECT = 90
WEEK = timedelta(days=7)
NO_RECORD = "There is no track record yet: no forecast is old enough to be compared with what happened."
MOST = {"month": 12, "month_end": 12, "capacity": 15, "unknown": 8, "movers": 5, "outcomes": 6}
"""How many rows of each table a mail shows; the workbook has them all."""
OLD_MOVER = timedelta(days=1)
"""A week that ended longer ago is named."""
STALE_STATES = frozenset({"failing", "silent", "unknown", "waiting"})
Row = tuple[Headroom, Limit]


@dataclass(frozen=True, slots=True)
class Given:
    """What the report is made of, as stored. `titles` names its platforms; `rows` are their limits as the pages list them, worst first.

    `sources` are rows with platform, source, state, words and newest (an instant or None); `movers` rows with platform, name, before_usd, after_usd,
    cause and until, the end of the week told of; `outcomes` rows of claims that came due this week; `record` the track record in one sentence, empty for none; `ranges` how often ranges held; `month` what the reader's
    month costs in all.
    `stale_prices`: which price lists are old, in a sentence. `missing`: what could not be read, in words. `late`: when it should have been made, where that is long ago.
    """

    titles: Mapping[str, str]
    rows: Sequence[Row]
    sources: Sequence[Mapping[str, Any]] = ()
    movers: Sequence[Mapping[str, Any]] = ()
    outcomes: Sequence[Mapping[str, Any]] = ()
    record: str = ""
    ranges: str = f"{MEANT}."
    month: Month | None = None
    stale_prices: str = ""
    missing: Sequence[str] = ()
    late: datetime | None = None
    demo: bool = False
    public_url: str = ""


def content(given: Given, now: datetime, zone: tzinfo) -> dict[str, Any]:
    """The whole report for a reader in `zone`. Every amount stands as stored (`…_usd`, `used`, `p_breach` …) and in words beside it."""
    titles = {slug: say.clean(title) for slug, title in given.titles.items()}
    decided = decisions(given.rows, titles, now, zone)
    first = now - WEEK
    return {
        "report": "weekly",
        "as_of": now,
        "zone": str(zone),
        "period": {"from": first, "to": now, "words": say.days(first, now, now, zone)},
        "platforms": [{"platform": slug, "title": title} for slug, title in titles.items()],
        "subject": subject(decided, given.rows, now, zone),
        "verdict": verdict(given.rows, now, zone).sentence,
        "month": month_content(given.month, now, zone) if given.month is not None else None,
        "counts": {state.value: count for state, count in Counter(row.state for row, _ in given.rows).items()},
        "decisions": decided[:MOST_DECISIONS],
        "later_decisions": decided[MOST_DECISIONS:],
        "more_decisions": [_in_a_line(each) for each in decided[MOST_DECISIONS:]],
        "movers": [_mover(row, titles, now, zone) for row in given.movers],
        "month_end": [_month_end(row, limit, titles, now, zone) for row, limit in given.rows if _is_budget(limit)],
        "capacity": [
            _capacity(row, limit, titles, now, zone)
            # What cannot be told comes last here: it stands under freshness, with the reason.
            for row, limit in sorted(given.rows, key=lambda row: row[0].state is State.UNKNOWN)
            if limit.kind in (Kind.CAPACITY, Kind.QUOTA) and limit.direction is Direction.AT_MOST
        ],
        "outcomes": [_outcome(row, titles, now, zone) for row in given.outcomes],
        "record": given.record or NO_RECORD,
        "ranges": given.ranges,
        "replayed": any(row.get("made") == Made.REPLAYED for row in given.outcomes),
        "freshness": [_fresh(slug, title, given, now) for slug, title in titles.items()],
        "unknown": [
            {"limit_id": row.limit_id, "name": say.name_of(limit, titles), "reason": say.clean(row.reason)}
            for row, limit in given.rows
            if row.state is State.UNKNOWN
        ],
        "stale_prices": say.clean(given.stale_prices),
        "missing": [*(say.clean(words) for words in given.missing), *_unforecast(given, titles)],
        "late": given.late,
        "late_words": f"This report was due {say.day(given.late, now, zone)} {given.late.astimezone(zone):%H:%M} and comes late: nothing could be sent then."
        if given.late
        else "",
        "half_read": sorted({titles.get(row.platform, row.platform) for row, _ in given.rows if row.no_date == NoDate.HALF_READ}),
        "demo": given.demo,
        "url": given.public_url.rstrip("/"),
    }  # fmt: skip


def subject(decided: Sequence[Mapping[str, Any]], rows: Sequence[Row], now: datetime, zone: tzinfo) -> str:
    """The verdict as a subject of at most 90 characters: `Nothing needs you`, or `2 decisions: Arena, worlds of the pool by 14 Dec, +$99/month`."""
    unknown = sum(row.state is State.UNKNOWN for row, _ in rows)
    if not decided:
        if not rows:
            return "Nothing to report yet: there are no limits"
        if unknown == len(rows):
            return "Nothing can be said: no data"
        if not unknown and all(row.p_breach is None for row, _ in rows):
            return "Nothing needs you now; there are no forecasts yet"
        waiting = sum(awaited(row) is not None for row, _ in rows)
        if waiting and not unknown:
            return f"Nothing needs you now; {waiting} limit{' is' if waiting == 1 else 's are'} not forecast yet"
        dark = f"; {unknown} limit{'' if unknown == 1 else 's'} without data" if unknown else ""
        return f"{'Nothing known needs you' if unknown else 'Nothing needs you'}{dark}"
    first = decided[0]
    count = f"{len(decided)} decision{'' if len(decided) == 1 else 's'}: "
    tail = _deadline(first, now, zone)
    cost = first["cost"] if first["cost_usd_per_month"] else ""
    tail += f", {cost}" if cost else ""
    name = say.cut(first["name"], LONGEST_SUBJECT - len(count) - len(tail) - 2)
    # A name with a comma of its own stands in quotes: without them "API budget, 30 % of revenue has run out" is no sentence.
    return count + (f"“{name}”" if set(name) & set(",;:%") else name) + tail


def _unforecast(given: Given, titles: Mapping[str, str]) -> list[str]:
    """Whose forecasts are not there yet, and why: `the forecasts of Scribe and Tabletop (not forecast yet)`."""
    found = {row.platform: why for row, _ in given.rows if (why := awaited(row)) is not None}
    for each in given.month.platforms if given.month is not None else ():
        if each.ends_p50 is None and each.no_date in AWAITED:
            found.setdefault(each.platform, each.no_date)
    whose: dict[NoDate, list[str]] = {}
    for slug, why in sorted(found.items()):
        whose.setdefault(why, []).append(titles.get(slug, slug))
    return [f"the forecasts of {and_words(names)} ({NO_DATE_WORDS[why]})" for why, names in whose.items()]


def _deadline(first: Mapping[str, Any], now: datetime, zone: tzinfo) -> str:
    if first["state"] == State.EXHAUSTED:
        return f" {first['when']}"
    if first["by"]:
        return f" by {first['by']}" if first["by"] != "now" else ", order now"
    dates = first["exhausts_at"]
    if dates is not None:
        return f" about {say.day(dates['p50'], now, zone)}"
    return f", {first['chance']} chance" if first["p_breach"] is not None else " is tight"


def _in_a_line(each: Mapping[str, Any]) -> str:
    """`Arena worlds of the pool: add a deployment, by 14 Dec`; without a last day when it runs out, or why nobody knows."""
    names = and_words([each["name"], *(also["title"] for also in each["also"])])
    when = each["when"] if each["when"][:1].isalpha() and not each["when"].startswith("about") else f"runs out {each['when']}"
    by = f", {'by ' if each['by'] != 'now' else ''}{each['by']}" if each["by"] else f", {when}"
    return f"{names}: {each['what']}{by}"


def _is_budget(limit: Limit) -> bool:
    return limit.kind is Kind.BUDGET and limit.window is not None and limit.direction is Direction.AT_MOST


def _basics(row: Headroom, limit: Limit, titles: dict[str, str]) -> dict[str, Any]:
    return {
        "limit_id": row.limit_id, "platform": row.platform, "name": say.name_of(limit, titles), "title": say.clean(limit.title), "unit": limit.unit,
        "platform_title": titles.get(row.platform, row.platform), "state": row.state.value, "amount": row.amount, "used": row.used,
        "remaining": row.remaining, "fraction_left": row.fraction_left, "p_breach": row.p_breach, "owner": say.clean(limit.owner),
        "assumed": limit.assumed, "lower_bound": row.lower_bound, "ends_p10": row.ends_p10, "ends_p50": row.ends_p50, "ends_p90": row.ends_p90,
        "chance": "" if row.p_breach is None else chance_text(row.p_breach),
    }  # fmt: skip


def _month_end(row: Headroom, limit: Limit, titles: dict[str, str], now: datetime, zone: tzinfo) -> dict[str, Any]:
    """A budget: spent so far, the likely range at its period's end, and the chance that it is exceeded."""
    assert limit.window is not None, "a budget of the table has a period"
    unit, ends = limit.unit, row.window_end
    likely = ""
    if row.ends_p10 is not None and row.ends_p90 is not None:
        likely = say.amount_range(row.ends_p10, row.ends_p90, unit)
    least = "at least " if row.lower_bound else ""
    rolls = limit.window.span is not None
    # What is over has no chance of going over.
    chance = "" if row.p_breach is None or row.state is State.EXHAUSTED else chance_text(row.p_breach)
    over = (
        f"over by {say.amount(row.used - row.amount, unit)}" if row.used is not None and row.used > row.amount else "over already"
    )
    return _basics(row, limit, titles) | {
        "ends": None if rolls else ends,
        "ends_words": f"last {span_text(limit.window.span)}" if limit.window.span is not None else say.day(ends - timedelta(seconds=1), now, limit.window.zone) if ends else "",
        "spent": least + say.amount(row.used, unit) if row.used is not None else "unknown",
        "budget": say.amount(row.amount, unit),
        "likely": likely or _no_forecast(row),
        "chance": chance, "chance_of": "chance of going over" if chance else over if row.state is State.EXHAUSTED else "",
    }  # fmt: skip


def _capacity(row: Headroom, limit: Limit, titles: dict[str, str], now: datetime, zone: tzinfo) -> dict[str, Any]:
    """A capacity or quota: what is left, when it runs out against how long more takes, the last day to order, the owner."""
    step = limit.next_step
    lead = step.lead_time if step else None
    left = "" if row.remaining is None else say.left_of(row.remaining, row.amount, limit.unit)
    return _basics(row, limit, titles) | {
        "left": left,
        "chance_of": within_words(row, limit),
        "runs_out": when(row, limit, now, zone),
        "exhausts_at": dates_of(row),
        "lead": say.lead(lead) if lead else "",
        "lead_time_s": lead.total_seconds() if lead else None,
        "order_by": row.order_by,
        "by": last_date(row, limit, now),
        "step": say.clean(step.what) if step else "",
        "cost": say.monthly(step.cost_usd_per_month) if step else "",
        "cost_usd_per_month": step.cost_usd_per_month if step else None,
    }


def _no_forecast(row: Headroom) -> str:
    if row.state is State.UNKNOWN:
        return "unknown"
    if row.no_date in set(NoDate):
        return f"no forecast: {NO_DATE_WORDS[NoDate(row.no_date)]}"
    return "no forecast yet"


def _mover(row: Mapping[str, Any], titles: dict[str, str], now: datetime, zone: tzinfo) -> dict[str, Any]:
    """What changed the week's AI cost: before, after, the difference, and its cause in words; and up to when, where newer data is missing."""
    until = row.get("until")
    old = until is not None and now - until > OLD_MOVER
    change = row["after_usd"] - row["before_usd"]
    sign = "+" if change > 0 else ""
    return {
        **row,
        "name": say.clean(str(row["name"])),
        "platform_title": titles.get(str(row["platform"]), str(row["platform"])),
        "change_usd": change,
        "change": f"{sign}{say.money(change)}",
        "before": say.money(row["before_usd"]),
        "after": say.money(row["after_usd"]),
        "cause": (say.clean(str(row.get("cause") or "")) or "No single cause stands out")
        + (f"; of the weeks up to {say.day(until, now, zone)}, as newer data is missing" if old and until is not None else ""),
    }


def _outcome(row: Mapping[str, Any], titles: dict[str, str], now: datetime, zone: tzinfo) -> dict[str, Any]:
    """What was forecast and what came."""
    unit = str(row["unit"])
    held = row["low"] <= row["outcome"] <= row["high"]
    return {
        **row,
        "name": say.named(str(row["name"]), titles.get(str(row["platform"]), str(row["platform"]))),
        "platform_title": titles.get(str(row["platform"]), str(row["platform"])),
        "said": say.amount_range(row["low"], row["high"], unit),
        "came": say.amount(row["outcome"], unit),
        "held": held,
        "held_words": say.held_words(row["low"], row["high"], row["outcome"], unit),
        "said_on": say.day(row["said_at"], now, zone),
        "until": say.day(row["about_to"] - timedelta(seconds=1), now, zone),
    }


def _fresh(slug: str, title: str, given: Given, now: datetime) -> dict[str, Any]:
    """How old a platform's newest data is, and which of its sources are not well."""
    own = [row for row in given.sources if row["platform"] == slug]
    newest = [row["newest"] for row in own if row["newest"] is not None]
    newest += [row.observed_at for row, limit in given.rows if limit.platform == slug and row.observed_at is not None]
    bad = [
        f"{say.clean(str(row['source']))} is {row['state']}" + (f" ({say.clean(str(row['words']))})" if row["words"] else "")
        for row in own
        if row["state"] in STALE_STATES
    ]
    unknown = sum(1 for row, limit in given.rows if limit.platform == slug and row.state is State.UNKNOWN)
    at = max(newest, default=None)
    age = f"newest data {span_text(now - at)} old" if at is not None else "no data yet"
    missing = f"{unknown} limit{'' if unknown == 1 else 's'} without data" if unknown else ""
    return {
        "platform": slug, "title": title, "newest_at": at, "unknown": unknown, "stale": bad,
        "words": "; ".join(part for part in (age, missing, *bad[:3], f"{len(bad) - 3} more" if len(bad) > 3 else "") if part),
    }  # fmt: skip
