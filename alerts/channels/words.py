"""A notice in words that several channels share: its state, its instants in their zone, its alerts one by one."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.notice import Kind, Notice, NoticeAlert

LINKS = {
    "alert": "Open the alert",
    "acknowledge": "Acknowledge",
    "silence": "Silence",
    "runbook": "Runbook",
    "dashboard": "Dashboard",
}
"""Each link's words, in the order in which they are shown."""
HEADS = {
    Kind.FIRING: "FIRING",
    Kind.RESOLVED: "RESOLVED",
    Kind.ACKNOWLEDGED: "ACKNOWLEDGED",
    Kind.TEST: "TEST",
    Kind.CHANGE: "CHANGE",
}
SHOWN = 20
"""How many alerts a message spells out."""


def line(text: str) -> str:
    """A text on one line, without control characters: what may stand in a header."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())


def shortened(text: str, length: int) -> str:
    """At most `length` characters."""
    return text if len(text) <= length else text[: max(0, length - 1)].rstrip() + "…"


def subject_of(notice: Notice) -> str:
    """`[critical] Scribe: replicas fall behind`; of a test or a demo it says so too."""
    marks = "".join(
        f"[{mark}] " for mark in (("TEST" if notice.kind is Kind.TEST else ""), ("demo" if notice.demo else "")) if mark
    )
    severity = f"[{notice.severity}] " if notice.severity else ""
    title = f"{notice.platform_title}: {notice.title}" if notice.platform_title else notice.title
    return shortened(line(f"{marks}{severity}{title}"), 200)


def instant(at: datetime | None, zone: str) -> str:
    """`2026-11-21 14:03:10 CET`; empty for None. A zone that is not known is told in UTC."""
    if at is None:
        return ""
    try:
        local = at.astimezone(ZoneInfo(zone or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        local = at.astimezone(ZoneInfo("UTC"))
    return local.strftime("%Y-%m-%d %H:%M:%S %Z")


def lasted(seconds: float | None) -> str:
    """`1 d 2 h`, `14 min`, `40 s`: the two largest units."""
    if seconds is None:
        return ""
    left = timedelta(seconds=round(seconds))
    units = (("d", left.days), ("h", left.seconds // 3600), ("min", left.seconds % 3600 // 60), ("s", left.seconds % 60))
    named = [f"{count} {unit}" for unit, count in units if count]
    return " ".join(named[:2]) or "0 s"


def facts_of(alert: NoticeAlert, zone: str) -> list[tuple[str, str]]:
    """What is to be known of one alert, each as (name, words), in the order in which it is read; nothing for what is not known."""
    reading = f"{alert.value} against {alert.line}" if alert.value and alert.line else alert.value or alert.line
    found = [
        ("Value", f"{reading} over {alert.window}" if reading and alert.window else reading),
        ("Since", instant(alert.since, zone)),
        ("Resolved", instant(alert.resolved_at, zone)),
        ("Lasted", lasted(alert.lasted_s)),
        ("Value at recovery", alert.recovery_value),
        ("Why", alert.reason),
        ("Room left", alert.room_left),
        ("Runs out", alert.runs_out),
        ("Unknown now", alert.unknown),
        ("Acknowledged by", alert.acknowledged_by),
        ("Data up to", instant(alert.observed_at, zone)),
    ]
    return [(name, line(words)) for name, words in found if words]


def count_of(notice: Notice) -> str:
    """`3 firing, 1 resolved`; empty where there are no alerts."""
    parts = [f"{notice.firing} firing" if notice.firing else "", f"{notice.resolved} resolved" if notice.resolved else ""]
    return ", ".join(part for part in parts if part)


def headline(notice: Notice) -> str:
    """`FIRING · Scribe: replicas fall behind`, with the duration for a resolve."""
    words = f"{HEADS[notice.kind]} · {subject_of(notice)}"
    longest = max((alert.lasted_s or 0.0 for alert in notice.alerts), default=0.0)
    return f"{words} · lasted {lasted(longest)}" if notice.kind is Kind.RESOLVED and longest else words


def links_of(alert: NoticeAlert) -> list[tuple[str, str]]:
    """(words, address) of each link, in their order."""
    return [(words, alert.links[name]) for name, words in LINKS.items() if alert.links.get(name)]


def as_text(notice: Notice) -> str:
    """The whole notice as plain text."""
    parts = [headline(notice)]
    about = [count_of(notice), f"sent because: {notice.why.value}" if notice.alerts else ""]
    parts.append(" · ".join(words for words in about if words))
    for alert in notice.alerts[:SHOWN]:
        lines = [f"{alert.state.upper()}: {alert.title}", alert.summary if alert.summary != alert.title else ""]
        lines += [f"  {name}: {words}" for name, words in facts_of(alert, notice.zone)]
        labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()))
        lines += [f"  Labels: {labels}"] if labels else []
        lines += [f"  {words}: {address}" for words, address in links_of(alert)]
        parts.append("\n".join(words for words in lines if words))
    if notice.count > len(notice.alerts[:SHOWN]):
        parts.append(f"and {notice.count - len(notice.alerts[:SHOWN])} more")
    if notice.changed:
        parts.append("Changed shortly before:\n" + "\n".join(f"  {line(words)}" for words in notice.changed))
    if notice.demo:
        parts.append("This comes from a demo: the platform is a stand-in.")
    return "\n\n".join(part for part in parts if part) + "\n"
