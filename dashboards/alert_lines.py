"""Every alert joined with its rule, who took it on, and why nobody is told of it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alerts.alert import Alert
from alerts.inhibit import Inhibited, inhibited
from alerts.silences import Holding, Silence, Silences, holding, windows_of
from dashboards import wording
from dashboards.alert_rows import acknowledged
from dashboards.alert_words import AlertLine
from dashboards.parts import Parts
from roomleft.rules import Rule

ALERT_JOB = "alert"


def alert_lines(parts: Parts, now: datetime) -> list[AlertLine]:
    """The alerts that pages list."""
    return joined(parts, parts.alerts(), now)


def joined(parts: Parts, alerts: Sequence[Alert], now: datetime) -> list[AlertLine]:
    """`alerts` with what else is known of each. They should be all of them, since one may hold back another."""
    if not alerts:
        return []
    taken = acknowledged(parts.state, [alert.episode for alert in alerts if alert.episode], now)
    held = held_back(parts, alerts, now)
    silences = [*Silences(parts.state).all(now, since=now), *windows_of(parts.alerting().maintenance)]
    return [
        AlertLine(
            alert, parts.rules.get(alert.rule_id), taken.get(alert.episode), _quiet(alert, held, silences, parts.rules, now)
        )
        for alert in alerts
    ]


def held_back(parts: Parts, alerts: Sequence[Alert], now: datetime) -> Mapping[tuple[str, str], Inhibited]:
    """The alerts that tell nobody because another explains them, by key."""
    return inhibited(alerts, parts.packs, parts.alerting().inhibit, parts.rules, now)


def _quiet(
    alert: Alert, held: Mapping[tuple[str, str], Inhibited], silences: Sequence[Silence], rules: Mapping[str, Rule], now: datetime
) -> str:
    if alert.key in held:
        by = held[alert.key].by
        return f"held back by {rules[by.rule_id].title if by.rule_id in rules else by.rule_id}"
    hiding = next((each for each in silences if each.holds(alert.labels, now)), None)
    if hiding is None:
        return ""
    name = "silenced" if hiding.kind == "silence" else f"in maintenance{f' ({hiding.note})' if hiding.note else ''}"
    stretch = hiding.stretch(now)
    end = stretch[1] if stretch else None
    return f"{name}, {wording.age(end - now)} left" if end else name


@dataclass(frozen=True, slots=True)
class SilenceNow:
    """A silence or window, and what it hides now."""

    silence: Silence
    holding: Holding
    hides: Sequence[AlertLine]


def silences_now(parts: Parts, now: datetime) -> list[SilenceNow]:
    """Every silence and window that is not over or ended within a week."""
    book = Silences(parts.state)
    every = [*book.all(now), *windows_of(parts.alerting().maintenance)]
    alerts = parts.alerts()
    seen = book.seen(now) if every else []
    lines = joined(parts, alerts, now)
    found = []
    for each in every:
        hides = [line for line in lines if line.group != "resolved" and each.holds(line.alert.labels, now)]
        found.append(SilenceNow(each, holding(each, alerts, seen, now), hides))
    return found


def evaluated(parts: Parts) -> tuple[datetime | None, float]:
    """When the rules were last evaluated, and how many seconds that took, as the schedule knows it."""
    job: Any = next((each for each in parts.jobs() if each.name == ALERT_JOB), None)
    last: Any = getattr(job, "last_run", None)
    took = last.finished_at - last.started_at if last is not None and last.finished_at else timedelta(0)
    return getattr(job, "last_success_at", None), took.total_seconds()
