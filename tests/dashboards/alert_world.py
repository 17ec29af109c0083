"""Alerts in every state over the sample world: rules, alerts with their past, who was told, silences, in a real state database."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import insert

from alerts.alert import Alert, Event, Happened, episode_of
from alerts.book import Book
from alerts.notice import Kind, Notice, NoticeAlert, Why
from alerts.notice_json import notice_text
from dashboards.alert_rows import firings_between
from dashboards.parts import Parts
from roomleft.alerting import Alerting, OutboxChannel, Receiver, Route
from roomleft.clock import FixedClock
from roomleft.findings import AlertState, Finding, Looked, Severity, Unknown, fingerprint
from roomleft.rules import Rule
from roomleft.rules_when import HeadroomIs, SeriesIs
from tests.dashboards.sample_rows import NOW, SampleJob, sample_parts
from tests.fixtures.state import state_url
from warehouse.state import StateDb
from warehouse.state.models_alerting import DeliveryRow, OutboxRow

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
QUERY = SeriesIs.model_validate(
    {"series": "query_time_ms", "component": "database", "above": 100, "over": "5m", "over_time": "mean"}
)
ROOM = HeadroomIs.model_validate({"headroom": "worlds_us", "fraction_left": {"below": "0.1"}})


def rule(alert: str, title: str, severity: Severity, when: Any, platform: str = "scribe", component: str = "database") -> Rule:
    """A rule in force."""
    labels = {"alertname": alert, "platform": platform, "severity": severity.value, "component": component, "owner": "data team"}
    return Rule(
        f"{platform}.{alert}", platform, alert, title, "health", when, 2 * MINUTE, MINUTE, "unknown", severity, component, "data team", labels,
        {"summary": f"{title}: readers wait."}, f"{platform}/{alert}.md", None, timedelta(0), None, (), f"packs/{platform}.rules.yaml:12",
    )  # fmt: skip


SLOW = rule("QueriesSlow", "Queries are slow", Severity.CRITICAL, QUERY)
LAG = rule("ReplicasFallBehind", "A replica falls behind", Severity.WARNING, QUERY)
CACHE = rule("CacheMisses", "The cache misses", Severity.WARNING, QUERY, component="cache")
MODEL = rule("ModelErrors", "The model answers with errors", Severity.CRITICAL, QUERY, component="ai")
WORLDS = rule("WorldsRunOut", "Worlds run out", Severity.WARNING, ROOM, platform="arena")
SPEND = rule("SpendTooHigh", "AI spend is above its budget", Severity.INFO, ROOM, component="ai")
RULES = {each.rule_id: each for each in (SLOW, LAG, CACHE, MODEL, WORLDS, SPEND)}


def alert(of: Rule, state: AlertState, ago: timedelta, now: datetime, **more: Any) -> Alert:
    """An alert of a rule, that began so long ago."""
    own = more.pop("own", {})
    since = now - ago
    fired = since + of.hold
    values: dict[str, Any] = {
        "held_since": since, "fired_at": fired if state in (AlertState.FIRING, AlertState.RESOLVED) else None, "cleared_since": None, "resolved_at": None,
        "unknown_since": None, "unknown_why": None, "unknown_words": "", "changed_at": now, "evaluated_at": now - timedelta(seconds=4),
        "value": Decimal("812.5"), "line": Decimal(100), "worst": Decimal("964"), "unit": "ms", "reason": "the mean of 5 min is above 100 ms",
        "observed_at": now - timedelta(seconds=20), "facts": {}, "annotations": dict(of.annotations),
    }  # fmt: skip
    key = fingerprint(own)
    episode = episode_of(of.rule_id, key, since) if state is not AlertState.UNKNOWN else ""
    return Alert(
        of.rule_id, key, of.platform, of.severity, {**of.labels, **own}, state, episode, **{**values, **more}
    )  # fmt: skip


def past(of: Alert) -> list[Event]:
    """What had happened to it."""

    def event(at: datetime, what: Happened, words: str = "") -> Event:
        return Event(
            at, of.rule_id, of.fingerprint, of.platform, of.severity, of.episode, what, words, of.value, of.unit, of.labels
        )

    found = []
    if of.held_since and of.episode:
        found.append(event(of.held_since, Happened.PENDING))
    if of.fired_at:
        found.append(event(of.fired_at, Happened.FIRING))
    if of.unknown_since:
        found.append(event(of.unknown_since, Happened.UNKNOWN, of.unknown_words))
    if of.resolved_at:
        found.append(event(of.resolved_at, Happened.RESOLVED))
    return found


def alerts(now: datetime) -> dict[str, Alert]:
    """One alert in each state, by a short name."""
    return {
        "slow": alert(SLOW, AlertState.FIRING, 14 * MINUTE, now),
        "lag": alert(LAG, AlertState.FIRING, 95 * MINUTE, now, own={"replica": "eu-1"}, value=Decimal("31.5"), line=Decimal(10), unit="seconds"),
        "worlds": alert(
            WORLDS, AlertState.FIRING, 5 * HOUR, now, value=Decimal("0.0794"), line=Decimal("0.1"), unit="ratio", worst=None,
            facts={"exhausts_at": (now + timedelta(days=4)).isoformat(), "exhausts_range": "22–27 Nov", "limit_id": "arena.worlds_us"},
        ),
        "model": alert(
            MODEL, AlertState.UNKNOWN, 40 * MINUTE, now, held_since=None, value=None, line=None, worst=None, observed_at=now - 40 * MINUTE,
            unknown_since=now - 38 * MINUTE, unknown_why=Unknown.STALE, unknown_words="no reading of error_rate for 38 min", reason="",
        ),
        "cache": alert(CACHE, AlertState.PENDING, MINUTE, now, value=Decimal("0.71"), line=Decimal("0.9"), unit="ratio", worst=None),
        "spend": alert(
            SPEND, AlertState.RESOLVED, 6 * HOUR, now, resolved_at=now - 4 * HOUR, value=Decimal("61.20"), line=Decimal(100), worst=Decimal(140), unit="usd"
        ),
    }  # fmt: skip


def looked(rules: Mapping[str, Rule], at: datetime) -> dict[str, Looked]:
    """A reading for each rule that rises until the sample world's now."""
    early = max(0.0, (NOW - at).total_seconds() / 60)
    value = max(30.0, 812.5 - early * 12)
    return {
        rule_id: Looked((Finding(rule.labels, value > 100, value > 100, value, 100.0, "ms", "", at),))
        for rule_id, rule in rules.items()
    }


def notice(of: Alert, now: datetime, why: Why = Why.FIRST) -> Notice:
    """What a receiver is told of one alert."""
    told = NoticeAlert(
        of.rule_id, of.fingerprint, of.episode, "firing", RULES[of.rule_id].title, f"{RULES[of.rule_id].title}: readers wait.", of.labels, {},
        of.fired_at or now, value="812 ms", line="100 ms", window="5 min", reason=of.reason, runs_out="", observed_at=of.observed_at,
        links={"alert": f"https://room.example/alerts/{of.episode}", "runbook": "https://room.example/runbooks/scribe/QueriesSlow"},
    )  # fmt: skip
    return Notice(
        f"n-{of.episode}", "on_call", Kind.FIRING, why, f"t-{of.episode}", {"platform": of.platform}, of.platform, of.platform.capitalize(), "critical",
        f"{RULES[of.rule_id].title} on {of.platform}", "UTC", now, (told,), 1, 0, 1, ("2.4.1 deployed to database at 11:44",), True,
    )  # fmt: skip


def tell(
    state: StateDb,
    of: Alert,
    at: datetime,
    *,
    channel: str = "outbox",
    outcome: str = "delivered",
    answer: str = "",
    status: str = "",
) -> None:
    """Put a notice in the outbox, and one attempt in the ledger."""
    made = notice(of, at)
    with state.write() as connection:
        connection.execute(
            insert(OutboxRow).values(
                notice_id=f"{made.notice_id}.{channel}", receiver="on_call", channel=channel, group_key="g", thread=made.thread, kind=made.kind.value,
                why=made.why.value, content=notice_text(made), made_at=at, due_at=at, state="delivered" if outcome == "delivered" else "waiting",
                attempts=1, leased_by="", done_at=at, words="",
            )
        )  # fmt: skip
        connection.execute(
            insert(DeliveryRow).values(
                at=at, notice_id=f"{made.notice_id}.{channel}", receiver="on_call", channel=channel, attempt=1, outcome=outcome, status=status,
                answer=answer, reason="", took_ms=41, rule_id="", fingerprint="", episode="",
            )
        )  # fmt: skip


def withhold(state: StateDb, of: Alert, at: datetime, reason: str) -> None:
    """Note that a notice was not sent."""
    with state.write() as connection:
        connection.execute(
            insert(DeliveryRow).values(
                at=at, notice_id=f"withheld-{of.episode}", receiver="on_call", channel="", attempt=0, outcome="withheld", status="", answer="",
                reason=reason, took_ms=None, rule_id=of.rule_id, fingerprint=of.fingerprint, episode=of.episode,
            )
        )  # fmt: skip


@dataclasses.dataclass
class AlertWorld:
    """The parts, and the alerts by name."""

    parts: Parts
    state: StateDb
    alerts: dict[str, Alert]

    def close(self) -> None:
        self.parts.store.close()
        self.state.close()


def alert_world(folder: Path, now: datetime = NOW, *, empty: bool = False, filled: bool = True) -> AlertWorld:
    """The sample world with alerts; `empty`: none has ever been; not `filled`: over an empty warehouse."""
    clock = FixedClock(now)
    state = StateDb.open(state_url(folder), clock)
    made = {} if empty else alerts(now)
    book = Book(state)
    book.apply(list(made.values()), sorted((event for each in made.values() for event in past(each)), key=lambda event: event.at))
    if made:
        tell(state, made["slow"], now - 11 * MINUTE)
        tell(state, made["lag"], now - 90 * MINUTE, channel="email", outcome="retry", answer="try again later", status="451")
        withhold(state, made["worlds"], now - 4 * HOUR, "silenced")
    settings: Any = SimpleNamespace(demo=True, data_dir=folder, public_url="", measure_every_s=15.0, oidc=())
    alerting = Alerting(
        receivers=[Receiver(name="on_call", channels=[OutboxChannel(kind="outbox")])], routes=[Route(receiver="on_call")]
    )
    job = SampleJob("alert")
    job.last_success_at = now - timedelta(seconds=4)  # type: ignore[attr-defined]
    parts = dataclasses.replace(
        sample_parts(now, jobs=[job], clock=clock, filled=filled), settings=settings, state=state, rules=RULES, alerting=lambda: alerting,
        alerts=lambda: book.active(clock.now()), firings=partial(firings_between, state, RULES), look=looked,
    )  # fmt: skip
    return AlertWorld(parts, state, made)
