"""A Prometheus Alertmanager, API v2. It groups and routes by itself, so each alert is sent to it apart.

An alert there lives until its `endsAt`. One that fires is given the time of the evaluation plus four times the longer of interval and resend,
as Prometheus gives it, and is sent again at least each minute: when the evaluations stop, it lapses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson

from alerts.channels.answer import Answer, Means, Outcome
from alerts.channels.posting import post
from alerts.channels.words import facts_of, line
from alerts.notice import Kind, Notice, NoticeAlert
from roomleft.alerting import AlertmanagerChannel
from roomleft.findings import AlertState

RESEND = timedelta(minutes=1)
LIVES = 4
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def send(notice: Notice, channel: AlertmanagerChannel, means: Means) -> Answer:
    """Every alert of the notice; a test is an alert that ends at once."""
    if notice.kind in (Kind.ACKNOWLEDGED, Kind.CHANGE):
        return Answer(Outcome.DELIVERED, reason="Alertmanager knows no such thing: nothing was sent")
    if notice.kind is Kind.TEST:
        test = {
            "labels": {"alertname": "RoomleftTest", "severity": "info", "source": means.source},
            "annotations": {"summary": "A test of Roomleft's delivery"},
            "startsAt": _rfc3339(means.now),
            "endsAt": _rfc3339(means.now + timedelta(seconds=1)),
        }
        return put([test], channel, means)
    # While a notice is made its alerts are of the newest evaluation.
    return put([alert_of(alert, notice, alive_until(means.now, RESEND), means.now) for alert in notice.alerts], channel, means)


def put(alerts: list[dict[str, Any]], channel: AlertmanagerChannel, means: Means) -> Answer:
    """POST alerts. None at all is delivered without a word."""
    if not alerts:
        return Answer(Outcome.DELIVERED)
    headers = {"Content-Type": "application/json"}
    if channel.token_env:
        headers["Authorization"] = f"Bearer {means.variables.need(channel.token_env)}"
    url = f"{channel.url.rstrip('/')}/api/v2/alerts"
    return post(url, orjson.dumps(alerts), headers, timeout_s=means.timeout_s, now=means.now)


def alive_until(evaluated_at: datetime, interval: timedelta) -> datetime:
    """Until when an alert counts as firing after an evaluation of rules that are evaluated every `interval`."""
    return evaluated_at + LIVES * max(interval, RESEND)


def alert_of(alert: NoticeAlert, notice: Notice, until: datetime, now: datetime) -> dict[str, Any]:
    """One alert as Alertmanager reads it. `until`: when it lapses if it fires; one that is over ended when it was resolved."""
    over = alert.state == AlertState.RESOLVED or notice.kind is Kind.RESOLVED
    started = min(alert.fired_at or alert.since, now)
    ended = max(started, min(alert.resolved_at or now, now)) if over else until
    annotations = {
        **alert.annotations,
        "summary": alert.summary or alert.title,
        "title": alert.title,
        **{name.lower().replace(" ", "_"): words for name, words in facts_of(alert, notice.zone)},
        **{f"{name}_url": address for name, address in alert.links.items()},
    }
    found: dict[str, Any] = {
        "labels": labels_of(alert, notice),
        "annotations": {name: line(text) for name, text in annotations.items() if text and LABEL.fullmatch(name)},
        "startsAt": _rfc3339(started),
        "endsAt": _rfc3339(ended),
    }
    if alert.links.get("alert"):
        found["generatorURL"] = alert.links["alert"]
    return found


def labels_of(alert: NoticeAlert, notice: Notice) -> dict[str, str]:
    """The alert's identity there: its own labels, its name, its severity and platform. The same while it fires and when it is over."""
    own = {name: str(value) for name, value in alert.labels.items() if value and LABEL.fullmatch(name)}
    rest = {"alertname": alert.rule_id, "severity": notice.severity, "platform": notice.platform}
    return {**{name: value for name, value in rest.items() if value}, **own}


def still_firing(notice: Notice, alive: Iterable[tuple[str, str, str]]) -> list[NoticeAlert]:
    """The alerts of a notice that fire on: those whose (rule, fingerprint, episode) is among `alive`."""
    known = set(alive)
    return [a for a in notice.alerts if a.state == AlertState.FIRING and (a.rule_id, a.fingerprint, a.episode) in known]


def _rfc3339(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
