"""The outbox: pages and mail as they would have left, kept on screen instead. What a demo uses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dash import html

from alerts.channels.words import BOTH, SHOWN, about_of, changed_of, facts_of, is_named_by, links_of, name_of
from alerts.notice import Notice, NoticeAlert
from alerts.notice_json import notice_of
from dashboards import wording
from dashboards.alert_rows import Sent
from dashboards.alert_words import alert_path
from dashboards.components import states
from dashboards.components.alert_list import kept
from dashboards.components.marks import badge
from dashboards.filters import Filters
from dashboards.runbook_pages import runbook_href
from roomleft.rules import Rule

HEAD = (
    "Each notice as its mail would say it, kept here; it leaves for nowhere. In serve receivers with other channels are set in alerting.yaml; "
    "a demo tells nobody outside."
)
FROM_DEMO = "This comes from a demo: the platform is a stand-in."


def body(sent: Sequence[Sent], filters: Filters, now: datetime, rules: Mapping[str, Rule]) -> list[Any]:
    """Every notice that was kept here, newest first."""
    kept = [each for each in sent if filters.platform in (None, each.content.get("platform"))]
    head = html.P(HEAD, className="page-sub")
    if not kept:
        return [head, states.empty("Nothing was sent yet.", then="The first notice comes with the first alert that fires.")]
    return [head, *[letter(each, filters, now, rules) for each in kept]]


def letter(sent: Sent, filters: Filters, now: datetime, rules: Mapping[str, Rule]) -> html.Article:
    """One notice as its mail would read, in the platform's zone, and what became of it."""
    zone = filters.zone
    kind = "bad" if sent.kind == "firing" else "good" if sent.kind == "resolved" else ""
    try:
        notice = notice_of(json.dumps(dict(sent.content)))
    except ValueError:
        notice = None
    state = "" if sent.state == "delivered" else f" · {sent.state}{f': {sent.words}' if sent.words else ''}"
    title = name_of(notice) if notice is not None else str(sent.content.get("title") or sent.kind)
    made = f"{wording.moment(sent.made_at, now, zone)} {wording.zone_name(zone, now)}"
    return html.Article(
        [
            html.Div(
                [html.H2([badge(sent.kind, kind), " ", title]), html.Span(made, className="dim")],
                className="letter-head",
            ),
            html.Div(f"To {sent.receiver}{state}", className="card-context"),
            *(_said(notice, rules, filters) if notice is not None else [html.Div(f"Why now: {sent.why}")]),
        ],
        className="card letter",
        **{"data-notice": sent.notice_id},
    )


def _said(notice: Notice, rules: Mapping[str, Rule], filters: Filters) -> list[Any]:
    shown = notice.alerts[:SHOWN]
    parts: list[Any] = [_facts(about_of(notice)), *[_alert(each, notice, rules, filters) for each in shown]]
    if notice.count > len(shown):
        parts.append(html.Div(f"and {notice.count - len(shown)} more", className="card-context"))
    if changed := changed_of(notice):
        listed = html.Ul([html.Li(each) for each in changed])
        parts.append(html.Div([html.Strong("Changed shortly before"), listed], className="letter-alert"))
    if notice.demo:
        parts.append(html.Div(FROM_DEMO, className="card-context"))
    return parts


def _alert(alert: NoticeAlert, notice: Notice, rules: Mapping[str, Rule], filters: Filters) -> html.Div:
    path = alert_path(alert.episode, alert.rule_id, alert.fingerprint)
    own = filters.href(path)
    # Where no public address is set a mail has no links; on this page they need none.
    runbook = runbook_href(rules[alert.rule_id].runbook) if alert.rule_id in rules else ""
    here = [("Open the alert", own), (BOTH, filters.href(f"{path}#act")), ("Runbook", kept(runbook, filters))]
    links = links_of(alert) if set(alert.links) - {"runbook"} else [each for each in here if each[1]]
    head = (
        []
        if is_named_by(notice, alert)
        else [html.A(html.Strong(alert.title), href=own), html.Span(f" {alert.state}", className="dim")]
    )
    return html.Div(
        [
            *head,
            html.Div(alert.summary) if alert.summary and alert.summary != alert.title else None,
            _facts(facts_of(alert, notice.zone)),
            html.Div([html.A(words, href=at, className="button") for words, at in links], className="budget-acts"),
        ],
        className="letter-alert",
    )


def _facts(facts: Sequence[tuple[str, str]]) -> html.Dl:
    return html.Dl([part for name, words in facts for part in (html.Dt(name), html.Dd(words))], className="letter-facts")
