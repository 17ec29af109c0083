"""The outbox: pages and mail as they would have left, kept on screen instead. What a demo uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from dashboards import wording
from dashboards.alert_rows import Sent
from dashboards.alert_words import alert_path
from dashboards.components import states
from dashboards.components.marks import badge
from dashboards.filters import Filters
from roomleft.errors import InputError
from roomleft.timespan import parse_instant

MOST_ALERTS = 10
FACTS = (
    ("Value", "value"), ("Limit", "line"), ("Window", "window"), ("Why", "reason"), ("Room left", "room_left"), ("Runs out", "runs_out"),
    ("Recovered at", "recovery_value"), ("Taken by", "acknowledged_by"), ("Unknown", "unknown"),
)  # fmt: skip


def body(sent: Sequence[Sent], filters: Filters, now: datetime) -> list[Any]:
    """Every notice that was kept here, newest first."""
    kept = [each for each in sent if filters.platform in (None, each.content.get("platform"))]
    head = html.P(
        "What would have been sent is kept here and leaves for nowhere. Receivers with other channels are set in alerting.yaml.",
        className="page-sub",
    )
    if not kept:
        return [head, states.empty("Nothing was sent yet.")]
    return [head, *[letter(each, filters.zone, now) for each in kept]]


def letter(sent: Sent, zone: ZoneInfo, now: datetime) -> html.Article:
    """One notice as its receiver would read it, and why it was sent now."""
    said = sent.content
    alerts = list(said.get("alerts") or [])
    count = int(said.get("count") or len(alerts))
    changed = [html.Li(str(each)) for each in said.get("changed") or []]
    kind = "bad" if sent.kind == "firing" else "good" if sent.kind == "resolved" else ""
    state = "" if sent.state == "delivered" else f" · {sent.state}{f': {sent.words}' if sent.words else ''}"
    return html.Article(
        [
            html.Div(
                [
                    html.H2([badge(sent.kind, kind), " ", str(said.get("title") or sent.kind)]),
                    html.Span(wording.moment(sent.made_at, now, zone), className="dim"),
                ],
                className="letter-head",
            ),
            html.Div(f"To {sent.receiver} · why now: {sent.why}{state}", className="card-context"),
            *[_alert(each, zone, now) for each in alerts[:MOST_ALERTS]],
            html.Div(f"and {count - MOST_ALERTS} more", className="card-context") if count > MOST_ALERTS else None,
            html.Div([html.Strong("Changed shortly before"), html.Ul(changed)], className="letter-alert") if changed else None,
        ],
        className="card letter",
        **{"data-notice": sent.notice_id},
    )


def _alert(alert: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> html.Div:
    href = alert_path(str(alert.get("episode") or ""), str(alert.get("rule_id") or ""), str(alert.get("fingerprint") or ""))
    facts: list[tuple[str, Any]] = []
    if since := _instant(alert.get("since")):
        facts.append(("Since", f"{wording.moment(since, now, zone)} {wording.zone_name(zone, now)}"))
    facts += [(label, str(alert[name])) for label, name in FACTS if alert.get(name)]
    if alert.get("lasted_s") is not None:
        facts.append(("Lasted", wording.seconds(float(alert["lasted_s"]))))
    if seen := _instant(alert.get("observed_at")):
        facts.append(("Data until", wording.moment(seen, now, zone)))
    links = alert.get("links") or {}
    return html.Div(
        [
            html.A(html.Strong(str(alert.get("title") or alert.get("rule_id"))), href=href),
            html.Span(f" {alert.get('state', '')}", className="dim"),
            html.Div(str(alert["summary"])) if alert.get("summary") else None,
            html.Dl([part for label, words in facts for part in (html.Dt(label), html.Dd(words))], className="letter-facts"),
            html.Div(
                [
                    html.A(name.capitalize(), href=str(at), className="button")
                    for name, at in links.items()
                    if at and name != "alert"
                ],
                className="budget-acts",
            )
            if links
            else None,
        ],
        className="letter-alert",
    )


def _instant(told: Any) -> datetime | None:
    try:
        return parse_instant(str(told)) if told else None
    except InputError:
        return None
