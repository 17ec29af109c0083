"""The health of a platform and of its components: status marks, the head with its sentence, and a card for each component."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from analytics.health import STATUS_WORDS, ComponentHealth, PlatformHealth, since_text
from dashboards import health_words, wording
from dashboards.components.marks import age, glyph
from dashboards.health_words import STATUS_STATE
from roomleft.packs import Pack

MOST_REASONS = 5


def status_mark(status: str) -> html.Span:
    """Shape and word of a status."""
    return html.Span([glyph(STATUS_STATE[status], labelled=False), STATUS_WORDS[status]], className="status")


def score_text(score: float | None) -> str:
    """`83 of 100`."""
    return f"{score * 100:.0f} of 100" if score is not None else "no score"


def heading(pack: Pack, health: PlatformHealth, now: datetime) -> html.Div:
    """The platform's name, how it is, from when that is, and how its score is made."""
    score = "Score " + score_text(health.score) if health.score is not None else "No score"
    return html.Div(
        [
            html.H1([pack.title, "\u2002", status_mark(health.status)], className="page-title"),
            html.P(
                [
                    health.sentence,
                    " ",
                    html.Span(f"{score}.", className="explained", title=f"{health.score_words} {health.rule}"),
                    " ",
                    age(health.observed_at, now, prefix="Checked "),
                    " ago.",
                ],
                className="page-sub",
            ),
        ]
    )


def score_line(health: PlatformHealth) -> html.Div:
    """How status and score come about, in a line."""
    return html.Div(
        f"{health.rule} Score: {health.score_words[:1].lower()}{health.score_words[1:]}", className="card-context how"
    )


def component_card(part: ComponentHealth, now: datetime, zone: ZoneInfo) -> html.Div:
    """A component: status and since when, score, why, and its checks worst first."""
    listed = part.checks[:MOST_REASONS]
    rest = len(part.checks) - len(listed)
    reasons = [
        html.Li(
            [
                glyph(STATUS_STATE.get(check["status"], "unknown")),
                html.Span([health_words.reason(check), html.Span(f" {_value(check)}", className="dim")]),
                age(check["observed_at"], now),
            ]
        )
        for check in listed
    ]
    since = f" since {since_text(part.since, now, zone)}" if part.since else ""
    score = f"score {score_text(part.score)}" if part.score is not None else "no score"
    how = f"Mean of {wording.plural(len(part.checks), 'check')}: pass 100, warn 50, fail 0" if part.score is not None else ""
    return html.Div(
        [
            html.Div(
                [
                    html.H2([part.title, html.Span("critical", className="unit") if part.critical else None]),
                    html.Span([status_mark(part.status), html.Span(since, className="dim")]),
                ],
                className="card-head",
            ),
            html.Div([f"{part.summary} · ", html.Span(score, title=how, className="explained")], className="card-context"),
            html.Div(f"{part.reason[:1].upper()}{part.reason[1:]}.", className="because") if part.reason else None,
            html.Ul(reasons, className="reasons")
            if reasons
            else html.Div("No check of it was ever read: Sources says what is.", className="dim"),
            html.Div(f"and {wording.plural(rest, 'more check')}", className="card-context") if rest else None,
        ],
        className=f"card component-card {part.status}",
        **{"data-component": part.component_id},
    )


def _value(check: Mapping[str, Any]) -> str:
    """The reading behind a check's words. Words that hold it already need no second one."""
    if not check["words"] or check["value"] is None:
        return ""
    said = health_words.reading(check["value"], check["unit"])
    bare = said.replace(wording.THIN, " ").split(" ")[0]
    return "" if bare in str(check["words"]) else f"({said})"
