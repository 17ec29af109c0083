"""PagerDuty Events API v2: trigger, acknowledge and resolve by one dedup key, and change events, which page nobody.

There PagerDuty owns acknowledgement and escalation. The same key updates the open incident, so an attempt that is made twice makes one.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson

from alerts.channels.answer import Answer, Means, Outcome
from alerts.channels.posting import post
from alerts.channels.words import count_of, facts_of, instant, lasted, line, links_of, shortened, subject_of
from alerts.notice import Kind, Notice
from roomleft.alerting import PagerdutyChannel

ACTIONS = {
    Kind.FIRING: "trigger",
    Kind.TEST: "trigger",
    Kind.RESOLVED: "resolve",
    Kind.ACKNOWLEDGED: "acknowledge",
}
SEVERITIES = {"critical": "critical", "error": "error", "warning": "warning", "info": "info"}
KEY_LENGTH = 32
LONGEST_DEDUP_KEY, LONGEST_SUMMARY = 255, 1024
LARGEST_BYTES = 512 * 1024
TOLD = 10
"""How many alerts the details spell out."""


def send(notice: Notice, channel: PagerdutyChannel, means: Means) -> Answer:
    """One event. 202 is delivered; 400 is never tried again."""
    key = means.variables.need(channel.routing_key_env)
    if len(key) != KEY_LENGTH:
        return Answer(
            Outcome.REFUSED,
            reason=f"the routing key in {channel.routing_key_env} has {len(key)} characters, not {KEY_LENGTH}: copy the integration key anew",
        )
    change = notice.kind is Kind.CHANGE
    event = change_event(notice, key, means.source) if change else alert_event(notice, key, means.source)
    url = channel.url.rstrip("/") + ("/v2/change/enqueue" if change else "/v2/enqueue")
    answer = post(url, encoded(event), {"Content-Type": "application/json"}, timeout_s=means.timeout_s, now=means.now)
    if notice.kind is Kind.TEST and answer.outcome is Outcome.DELIVERED:
        # A test leaves no incident open.
        over = {"routing_key": key, "event_action": "resolve", "dedup_key": dedup_key(notice)}
        post(url, encoded(over), {"Content-Type": "application/json"}, timeout_s=means.timeout_s, now=means.now)
    return answer


def dedup_key(notice: Notice) -> str:
    """The conversation's name, hashed if it is too long."""
    thread = notice.thread
    return thread if 0 < len(thread) <= LONGEST_DEDUP_KEY else sha256(thread.encode()).hexdigest()


def alert_event(notice: Notice, key: str, source: str) -> dict[str, Any]:
    """The event of a notice that is no change."""
    worst = notice.alerts[0] if notice.alerts else None
    labels = worst.labels if worst else notice.group_labels
    payload: dict[str, Any] = {
        "summary": shortened(_summary(notice), LONGEST_SUMMARY),
        "source": shortened(labels.get("instance") or labels.get("component") or notice.platform or source, 255),
        "severity": SEVERITIES.get(notice.severity, "error"),
        "timestamp": (worst.since if worst else notice.made_at).isoformat(),
        "component": labels.get("component", ""),
        "group": notice.platform,
        "class": labels.get("alertname", "") or (worst.rule_id if worst else ""),
        "custom_details": _details(notice),
    }
    return {
        "routing_key": key,
        "event_action": ACTIONS[notice.kind],
        "dedup_key": dedup_key(notice),
        "payload": {name: value for name, value in payload.items() if value},
        "links": [{"href": address, "text": words} for words, address in (links_of(worst) if worst else [])],
        "images": [],
        "client": "Roomleft",
        **({"client_url": worst.links["alert"]} if worst and worst.links.get("alert") else {}),
    }


def change_event(notice: Notice, key: str, source: str) -> dict[str, Any]:
    """A deploy or such: shown beside incidents."""
    return {
        "routing_key": key,
        "payload": {
            "summary": shortened(subject_of(notice), LONGEST_SUMMARY),
            "timestamp": notice.made_at.isoformat(),
            "source": notice.platform or source,
            "custom_details": {**dict(notice.group_labels), **({"changed": list(notice.changed)} if notice.changed else {})},
        },
        "links": [],
    }


def encoded(event: dict[str, Any]) -> bytes:
    """The event as JSON of at most 512 KB: the last alerts' details go first, then all details, then links."""
    body = orjson.dumps(event)
    details = event.get("payload", {}).get("custom_details", {})
    while len(body) > LARGEST_BYTES and details.get("alerts"):
        details["alerts"] = details["alerts"][: len(details["alerts"]) // 2]
        details["cut"] = "alerts were left out: the event would have been too large"
        body = orjson.dumps(event)
    if len(body) > LARGEST_BYTES:
        event["payload"]["custom_details"] = {"cut": "the details were left out: the event would have been too large"}
        event["links"] = event["links"][:5]
        body = orjson.dumps(event)
    return body


def _summary(notice: Notice) -> str:
    subject = subject_of(notice)
    worst = notice.alerts[0] if notice.alerts else None
    if worst is None:
        return subject
    if notice.kind is Kind.RESOLVED:
        return f"{subject} — resolved after {lasted(worst.lasted_s)}" if worst.lasted_s else f"{subject} — resolved"
    reading = f"{worst.value} against {worst.line}" if worst.value and worst.line else worst.value
    more = f" (and {notice.firing - 1} more)" if notice.firing > 1 else ""
    return f"{subject} — {line(reading)}{more}" if reading else subject + more


def _details(notice: Notice) -> dict[str, Any]:
    alerts = [
        {
            "title": alert.title,
            "state": alert.state,
            "summary": alert.summary,
            **dict(facts_of(alert, notice.zone)),
            "labels": dict(alert.labels),
        }
        for alert in notice.alerts[:TOLD]
    ]
    found: dict[str, Any] = {
        "counts": count_of(notice),
        "sent because": notice.why.value,
        "made at": instant(notice.made_at, notice.zone),
        "alerts": alerts,
        "more alerts": notice.count - len(alerts) if notice.count > len(alerts) else 0,
        "changed shortly before": list(notice.changed),
        "demo": "a stand-in, not a real platform" if notice.demo else "",
    }
    return {name: value for name, value in found.items() if value}
