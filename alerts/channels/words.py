"""A notice in words that several channels share: its state, its instants in their zone, its alerts one by one."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.notice import Kind, Notice, NoticeAlert
from roomleft.wording import said_once

LINKS = {
    "alert": "Open the alert",
    "acknowledge": "Acknowledge",
    "silence": "Silence",
    "runbook": "Runbook",
    "dashboard": "Dashboard",
}
"""Each link's words, in the order in which they are shown."""
BOTH = "Acknowledge or silence"
"""The words of the two links where they lead to one place."""
HEADS = {
    Kind.FIRING: "FIRING",
    Kind.RESOLVED: "RESOLVED",
    Kind.ACKNOWLEDGED: "ACKNOWLEDGED",
    Kind.TEST: "TEST",
    Kind.CHANGE: "CHANGE",
}
NAMED = 3
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
    return shortened(line(f"{marks}{_named(notice)}"), 200)


def _named(notice: Notice) -> str:
    """`[critical] Scribe: replicas fall behind`: what a notice is about; a test has no severity, and a platform is named once."""
    severity = f"[{notice.severity}] " if notice.severity and notice.kind is not Kind.TEST else ""
    title = f"{notice.platform_title}: {notice.title}" if notice.platform_title else notice.title
    return f"{severity}{said_once(title)}"


def name_of(notice: Notice) -> str:
    """What a notice is about, for beside its kind: `[demo] [critical] Scribe: replicas fall behind`."""
    return shortened(line(f"{'[demo] ' if notice.demo else ''}{_named(notice)}"), 200)


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
    later = alert.fired_at is not None and alert.fired_at - alert.since >= timedelta(minutes=1)
    reason = "" if alert.reason and alert.reason in alert.summary else alert.reason
    impact = alert.annotations.get("impact", "")
    found = [
        ("Impact", "" if impact in alert.summary else impact),
        ("Value", f"{reading} over {alert.window}" if reading and alert.window else reading),
        ("Since", instant(alert.since, zone)),
        ("Fired", instant(alert.fired_at, zone) if later else ""),
        ("Resolved", instant(alert.resolved_at, zone)),
        ("Lasted", lasted(alert.lasted_s)),
        ("Value at recovery", alert.recovery_value),
        ("Why", reason),
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
    words = f"{HEADS[notice.kind]} · {name_of(notice)}"
    longest = max((alert.lasted_s or 0.0 for alert in notice.alerts), default=0.0)
    return f"{words} · lasted {lasted(longest)}" if notice.kind is Kind.RESOLVED and longest else words


def links_of(alert: NoticeAlert) -> list[tuple[str, str]]:
    """(words, address) of each link, in their order."""
    links = {name: address for name, address in alert.links.items() if address}
    named = dict(LINKS)
    if "acknowledge" in links and links["acknowledge"] == links.get("silence"):
        named |= {"acknowledge": BOTH}
        del links["silence"]
    return [(words, links[name]) for name, words in named.items() if name in links]


def about_of(notice: Notice) -> list[tuple[str, str]]:
    """What is to be known of the whole notice, as (name, words): whose it is, how grave, how many and the first three, and why it is sent now."""
    if not notice.alerts:
        return []
    environments = _labels_of(notice, "environment") or ("demo" if notice.demo else "")
    count = count_of(notice)
    first = ", ".join(affected(notice)[:NAMED])
    found = [
        ("Platform", notice.platform_title),
        ("Environment", environments),
        ("Severity", notice.severity),
        ("Owner", _labels_of(notice, "owner")),
        ("Affected", f"{count}: {first}" + (" …" if notice.count > NAMED else "") if first else count),
        ("Why now", notice.why.value),
    ]
    return [(name, line(words)) for name, words in found if words]


def affected(notice: Notice) -> list[str]:
    """What tells its alerts apart, in their order: their titles, or of one title the labels that differ; nothing for a single alert."""
    if len(notice.alerts) < 2:
        return []
    titles = list(dict.fromkeys(alert.title for alert in notice.alerts))
    if len(titles) > 1:
        return titles
    labels = notice.alerts[0].labels
    varying = [name for name in labels if len({alert.labels.get(name) for alert in notice.alerts}) > 1]
    return (
        list(dict.fromkeys(" ".join(alert.labels.get(name, "") for name in varying) for alert in notice.alerts))
        if varying
        else []
    )


def _labels_of(notice: Notice, name: str) -> str:
    return ", ".join(dict.fromkeys(value for alert in notice.alerts if (value := alert.labels.get(name))))


def is_named_by(notice: Notice, alert: NoticeAlert) -> bool:
    """Whether the notice's own head says already which alert this is."""
    return notice.count == 1 and alert.title == notice.title


def changed_of(notice: Notice) -> list[str]:
    """What changed shortly before, or that nothing did; nothing where nothing fires."""
    if notice.changed:
        return [line(words) for words in notice.changed]
    return ["nothing that Roomleft knows of"] if notice.firing and notice.platform else []


def as_text(notice: Notice) -> str:
    """The whole notice as plain text."""
    parts = [headline(notice)]
    parts.append("\n".join(f"{name}: {words}" for name, words in about_of(notice)))
    for alert in notice.alerts[:SHOWN]:
        head = "" if is_named_by(notice, alert) else f"{alert.state.upper()}: {alert.title}"
        lines = [head, alert.summary if alert.summary != alert.title else ""]
        lines += [f"  {name}: {words}" for name, words in facts_of(alert, notice.zone)]
        labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()))
        lines += [f"  Labels: {labels}"] if labels else []
        lines += [f"  {words}: {address}" for words, address in links_of(alert)]
        parts.append("\n".join(words for words in lines if words))
    if notice.count > len(notice.alerts[:SHOWN]):
        parts.append(f"and {notice.count - len(notice.alerts[:SHOWN])} more")
    if changed := changed_of(notice):
        parts.append("Changed shortly before:\n" + "\n".join(f"  {words}" for words in changed))
    if notice.demo:
        parts.append("This comes from a demo: the platform is a stand-in.")
    return "\n\n".join(part for part in parts if part) + "\n"
