"""A notice to tell, and what telling needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert

from alerts.channels.answer import Means
from alerts.channels.variables import Variables
from alerts.notice import Kind, Notice, NoticeAlert, Why
from roomleft.alerting import Smtp
from tests.fixtures.clock import NOON
from warehouse.state import StateDb
from warehouse.state.models_alerting import AlertRow

KEY = "R" * 32
LINKS = {
    name: f"https://room.example.org/alerts/1/{name}" for name in ("alert", "runbook", "silence", "dashboard", "acknowledge")
}
ALERT = NoticeAlert(
    rule_id="shop.replica-lag",
    fingerprint="0123456789abcdef",
    episode="e1",
    state="firing",
    title="Replicas fall behind",
    summary="Readers see orders 40 s late",
    labels={"alertname": "ReplicaLag", "component": "database", "severity": "critical", "platform": "shop"},
    annotations={"description": "Look at the replicas' disks"},
    since=NOON - timedelta(minutes=3),
    value="40 s",
    line="5 s",
    window="5 min",
    reason="40 s is above 5 s",
    room_left="12 % of the error budget",
    runs_out="today 23:10",
    observed_at=NOON - timedelta(seconds=10),
    links=LINKS,
)
NOTICE = Notice(
    notice_id="n1.pagerduty",
    receiver="oncall",
    kind=Kind.FIRING,
    why=Why.FIRST,
    thread="thread-1",
    group_labels={"alertname": "ReplicaLag", "platform": "shop"},
    platform="shop",
    platform_title="Shop",
    severity="critical",
    title="replicas fall behind",
    zone="Europe/Berlin",
    made_at=NOON,
    alerts=(ALERT,),
    firing=1,
    resolved=0,
    count=1,
    changed=("deploy 1.4.2 of checkout, 11:51",),
)


def notice(kind: Kind = Kind.FIRING, **changes: Any) -> Notice:
    """The notice, of a kind, with changes; a resolve's alert is over, after 14 minutes, at 2 s."""
    made = replace(NOTICE, kind=kind)
    if kind is Kind.RESOLVED:
        over = replace(ALERT, state="resolved", resolved_at=NOON, lasted_s=840.0, recovery_value="2 s")
        made = replace(made, why=Why.ALL_RESOLVED, alerts=(over,), firing=0, resolved=1)
    return replace(made, **changes)


def means(
    env: Mapping[str, str] | None = None,
    *,
    opening: Notice = NOTICE,
    smtp: Smtp | None = None,
    timeout_s: float = 5.0,
    now: datetime = NOON,
) -> Means:
    """What sending needs, with these variables."""
    return Means(Variables((env or {}).get), now, opening, smtp, timeout_s)


def alert_is(db: StateDb, state: str, at: datetime, alert: NoticeAlert = ALERT, episode: str | None = None) -> None:
    """Put the alert into its table as evaluated at an instant, in place of what was there."""
    texts = dict.fromkeys(("labels", "facts", "annotations"), "{}") | dict.fromkeys(
        ("unknown_why", "unknown_words", "unit", "reason", "rule_version"), ""
    )
    with db.write() as connection:
        connection.execute(delete(AlertRow).where(AlertRow.rule_id == alert.rule_id, AlertRow.fingerprint == alert.fingerprint))
        connection.execute(
            insert(AlertRow).values(
                rule_id=alert.rule_id, fingerprint=alert.fingerprint, platform="shop", severity="critical", state=state,
                episode=episode or alert.episode, changed_at=at, evaluated_at=at, **texts,
            )
        )  # fmt: skip
