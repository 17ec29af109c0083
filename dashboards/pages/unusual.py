"""The strip *Unusual*: what the past does not explain, newest first, why, and the button that says it was expected."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dash import html

from analytics.anomalies.causes import NOT_GIVEN as CAUSE_NOT_GIVEN
from analytics.anomalies.causes import OTHERS
from analytics.anomalies.finding import Anomaly, headline
from analytics.ledger import DIMENSIONS, NOT_GIVEN
from dashboards import ranges, wording
from dashboards.anomaly_rows import one_in_of
from dashboards.components.marks import badge, glyph, link
from dashboards.filters import Filters
from roomleft.packs import Pack

MOST = 6
ROWS, COST = "/cost/rows", "/cost"
ON_OVERVIEW = timedelta(days=2)
"""The overview tells of what is not longer past than this."""
SAYS_HOW_LONG = re.compile(r"^[^:;]* in \d")
"""Words of causes that begin with an amount and its time: `+$41 in 5 h: …`."""


def shown(found: Sequence[Anomaly]) -> list[Anomaly]:
    """One of each event, newest first: of what overlaps on a platform the total, of totals the one in the finest steps."""
    kept: list[Anomaly] = []
    for each in sorted(found, key=lambda one: (not one.is_total, one.step_s, one.p_value)):
        if not any(
            one.platform == each.platform
            and one.metric == each.metric
            and one.about_at < each.about_to
            and each.about_at < one.about_to
            for one in kept
        ):
            kept.append(each)
    return sorted(kept, key=lambda one: one.about_at, reverse=True)


def unusual_block(found: Sequence[Anomaly], packs: Mapping[str, Pack], now: datetime, filters: Filters) -> html.Div | None:
    """The strip; nothing where nothing is unusual."""
    rows = shown(found)
    if not rows:
        return None
    more = len(rows) - MOST
    count = sum(not each.known_as for each in rows)
    note = f"{wording.plural(count, 'event')} that the past does not explain" if count else "all of it was expected"
    return html.Div(
        [
            html.Div(
                [html.H2("Unusual"), html.Span(note, className="dim note-beside", title=_promise(rows[0]))], className="card-head"
            ),
            html.Ul([_line(each, packs, now, filters) for each in rows[:MOST]], className="unusual-list"),
            html.Div(f"and {more} earlier", className="card-context") if more > 0 else None,
        ],
        className="card unusual",
        style={"marginTop": 12},
    )


def _promise(each: Anomaly) -> str:
    often = one_in_of(each.form, timedelta(seconds=each.step_s))
    return f"While nothing is the matter, about one false mark in {often:,} readings of {wording.age(timedelta(seconds=each.step_s))}"


def _line(each: Anomaly, packs: Mapping[str, Pack], now: datetime, filters: Filters) -> html.Li:
    name, lasted = _named(each, packs), _lasted(each, now, filters)
    beside = each.causes.get("beside") or []
    told = {
        "id": each.anomaly_id,
        "name": name,
    }
    act = (
        badge(each.known_as, title="It was expected: it alerts nobody")
        if each.known_as
        else html.Button(
            "Mark as expected", className="button small", **{"data-act": "expected", "data-anomaly": json.dumps(told)}
        )
    )
    return html.Li(
        [
            html.Div([html.Strong(name), " ", headline(each), html.Span(f" · {lasted}", className="dim")]),
            html.Div(
                [
                    str(each.causes.get("words", "")),
                    *([f" ({each.causes['user_words']})"] if each.causes.get("user_words") else []),
                    *([html.Span(f" · beside it: {beside[0]['kind']} {beside[0]['title']}", className="dim")] if beside else []),
                ],
                className="card-context",
            ),
            html.Div(
                [link("The calls", rows_href(each, filters), "button small") if each.metric == "cost" else None, act],
                className="acts",
            ),
        ],
        className="known" if each.known_as else "",
    )


def unusual_line(found: Sequence[Anomaly], packs: Mapping[str, Pack], now: datetime, filters: Filters) -> html.A | None:
    """The newest unexpected event of cost as one line of the overview, with how many more there are, leading to Cost; None where there is none."""
    rows = [each for each in shown(found) if not each.known_as]
    if not rows:
        return None
    first, more = rows[0], len(rows) - 1
    said = f"Unusual: {_named(first, packs)} {headline(first)}, {_lasted(first, now, filters)}"
    why = str(first.causes.get("words", ""))
    words = f"{said} · {why}" if why else said
    words += f" · and {more} more" if more else ""
    by = next((part["dimension"] for part in _told(first)), None)
    asked = {"platform": None if more else first.platform, "range": "7d", "by": by}
    return link([glyph("tight", labelled=False), words], filters.href(COST, **asked), "firing-line unusual-line", title=words)


def rows_href(each: Anomaly, filters: Filters) -> str:
    """The calls of an event's time and cause."""
    where = {part["dimension"]: part["value"] for part in _told(each)}
    where |= {name: value for name, _, value in [each.target.partition("#")[2].partition("=")] if name}
    kept = {name: NOT_GIVEN if value == CAUSE_NOT_GIVEN else value for name, value in where.items() if name in DIMENSIONS}
    span = ranges.written(each.about_at, each.about_to, filters.zone)
    changes: dict[str, str | None] = {
        **dict.fromkeys(filters.page),
        "platform": each.platform,
        "range": span,
        "kind": "ai",
        **kept,
    }
    return filters.href(ROWS, **changes)


def _told(each: Anomaly) -> list[Mapping[str, str]]:
    return [part for part in each.causes.get("told") or [] if part["value"] != OTHERS]


def _named(each: Anomaly, packs: Mapping[str, Pack]) -> str:
    pack = packs.get(each.platform)
    return f"{pack.title if pack else each.platform}: {part_words(each)}"


def _lasted(each: Anomaly, now: datetime, filters: Filters) -> str:
    since = wording.when(each.about_at, now, filters.zone)
    going_on = now - each.about_to < timedelta(seconds=3 * each.step_s)
    if going_on:
        return f"since {since}"
    # An event that goes on is one, its cause is of its last stretch: two lengths side by side would contradict each other.
    told = SAYS_HOW_LONG.match(str(each.causes.get("words", "")))
    return since if told else f"{since}, for {wording.age(each.about_to - each.about_at)}"


def part_words(each: Anomaly) -> str:
    """`AI cost`, `AI cost of model x`, `query_time_ms of database`."""
    series, _, part = each.target.partition("/")[2].partition("#")
    name = {"ai_cost": "AI cost", "ai_latency_p95": "p95 of AI calls"}.get(series, series)
    said = ", ".join(
        f"{key.replace('_', ' ')} {value}" for key, _, value in (each.partition("=") for each in part.split(",") if each)
    )
    return f"{name} of {said}" if said else name
