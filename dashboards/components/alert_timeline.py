"""A timeline of alerts: a row for each, a band for each time it fired or nobody knew, deploys as dotted verticals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from dashboards import wording
from dashboards.alert_rows import Firing, worth_telling
from dashboards.alert_words import GLYPHS, alert_path
from dashboards.figures.deploy_marks import deploy_words
from dashboards.filters import Filters
from roomleft.findings import Severity

MOST_ROWS = 20
HOURS = 4
"""Between two marks of the axis."""


def timeline(
    firings: Sequence[Firing],
    deploys: Sequence[Mapping[str, Any]],
    span: tuple[datetime, datetime],
    filters: Filters,
) -> html.Div:
    """The rows that touched the span, at most `MOST_ROWS`, in the zone of `filters`, which the links keep."""
    zone = filters.zone
    rows: dict[tuple[str, str], list[Firing]] = {}
    for each in firings:
        if worth_telling(each, span[1]):
            rows.setdefault((each.rule_id, each.fingerprint), []).append(each)
    ranked = sorted(rows.values(), key=_place)
    listed = [_row(own, span, filters) for own in ranked[:MOST_ROWS]]
    rest = len(ranked) - len(listed)
    marks = [
        html.Div(className="tl-deploy", style={"left": f"{_at(each['deployed_at'], span):.2f}%"}, title=deploy_words(each, zone))
        for each in deploys
        if span[0] <= each["deployed_at"] <= span[1]
    ]
    return html.Div(
        [
            html.Div([*listed, html.Div(marks, className="tl-marks", **{"aria-hidden": "true"})], className="tl-rows"),
            _axis(span, zone),
            html.Div(_key(bool(marks), rest), className="bar-key"),
        ],
        className="card timeline",
    )


def _place(own: Sequence[Firing]) -> tuple[bool, bool, float]:
    """What fires first, then what fired, then what was only unknown; in each the newest first."""
    fired = [each for each in own if each.kind == "firing"]
    return not fired, all(each.until is not None for each in fired), -own[-1].since.timestamp()


def _row(own: Sequence[Firing], span: tuple[datetime, datetime], filters: Filters) -> html.Div:
    last = own[-1]
    title = last.title
    return html.Div(
        [
            html.Div([html.Span(last.platform, className="dim"), " ", title], className="tl-name", title=title),
            html.Div([_band(each, title, span, filters) for each in own], className="tl-track"),
        ],
        className="tl-row",
    )


def _band(each: Firing, title: str, span: tuple[datetime, datetime], filters: Filters) -> html.A:
    zone = filters.zone
    start, end = max(each.since, span[0]), min(each.until or span[1], span[1])
    left, right = _at(start, span), _at(end, span)
    kind = "unknown" if each.kind == "unknown" else GLYPHS[Severity(each.severity)]
    until = f" to {wording.clock(each.until, zone)}" if each.until else ", still"
    what = "unknown" if each.kind == "unknown" else "fired" if each.until else "fires"
    words = f"{title} {what} from {wording.moment(each.since, span[1], zone)}{until} ({wording.age((each.until or span[1]) - each.since)})"
    return html.A(
        href=filters.href(alert_path(each.episode, each.rule_id, each.fingerprint)),
        className=f"tl-band {kind}",
        style={"left": f"{left:.2f}%", "width": f"max(3px, {right - left:.2f}%)"},
        title=words,
        **{"aria-label": words},
    )


def _at(at: datetime, span: tuple[datetime, datetime]) -> float:
    return (at - span[0]) / (span[1] - span[0]) * 100


def _axis(span: tuple[datetime, datetime], zone: ZoneInfo) -> html.Div:
    """Every fourth hour of the zone's clock."""
    local = span[0].astimezone(zone).replace(minute=0, second=0, microsecond=0)
    marks = [local + timedelta(hours=n) for n in range(1, 26)]
    shown = [each for each in marks if each.hour % HOURS == 0 and 1.5 < _at(each, span) < 97]
    ticks = [html.Span(f"{each:%H:%M}", style={"left": f"{_at(each, span):.2f}%"}) for each in shown]
    return html.Div(
        [html.Div(className="tl-name"), html.Div(ticks, className="tl-ticks")],
        className="tl-row tl-axis",
        **{"aria-hidden": "true"},
    )


def _key(with_deploys: bool, rest: int) -> list[Any]:
    entries = [("exhausted", "critical fired"), ("tight", "warning fired"), ("ok", "info fired"), ("unknown", "unknown")]
    shown = [html.Span([html.Span(className=f"tl-swatch {kind}"), words], className="key-entry") for kind, words in entries]
    if with_deploys:
        shown.append(html.Span([html.Span(className="tl-swatch deploy"), "deploy"], className="key-entry"))
    if rest:
        shown.append(html.Span(f"and {wording.plural(rest, 'alert')} more"))
    return shown
