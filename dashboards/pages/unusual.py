"""The strip *Unusual*: what the past does not explain, newest first, why, and the button that says it was expected."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dash import html

from analytics.anomalies.finding import Anomaly, headline
from dashboards import wording
from dashboards.anomaly_rows import one_in_of
from dashboards.components.marks import badge
from roomleft.packs import Pack

MOST = 6


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


def unusual_block(found: Sequence[Anomaly], packs: Mapping[str, Pack], now: datetime, zone: ZoneInfo) -> html.Div | None:
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
            html.Ul([_line(each, packs, now, zone) for each in rows[:MOST]], className="unusual-list"),
            html.Div(f"and {more} earlier", className="card-context") if more > 0 else None,
        ],
        className="card unusual",
        style={"marginTop": 12},
    )


def _promise(each: Anomaly) -> str:
    often = one_in_of(each.form, timedelta(seconds=each.step_s))
    return f"While nothing is the matter, about one false mark in {often:,} readings of {wording.age(timedelta(seconds=each.step_s))}"


def _line(each: Anomaly, packs: Mapping[str, Pack], now: datetime, zone: ZoneInfo) -> html.Li:
    pack = packs.get(each.platform)
    name = f"{pack.title if pack else each.platform}: {part_words(each)}"
    going_on = now - each.about_to < timedelta(seconds=3 * each.step_s)
    since = wording.when(each.about_at, now, zone)
    lasted = f"since {since}" if going_on else f"{since}, for {wording.age(each.about_to - each.about_at)}"
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
            html.Div(act, className="acts"),
        ],
        className="known" if each.known_as else "",
    )


def part_words(each: Anomaly) -> str:
    """`AI cost`, `AI cost of model x`, `query_time_ms of database`."""
    series, _, part = each.target.partition("/")[2].partition("#")
    name = {"ai_cost": "AI cost", "ai_latency_p95": "p95 of AI calls"}.get(series, series)
    said = ", ".join(
        f"{key.replace('_', ' ')} {value}" for key, _, value in (each.partition("=") for each in part.split(",") if each)
    )
    return f"{name} of {said}" if said else name
