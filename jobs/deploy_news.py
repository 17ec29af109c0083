"""Tells PagerDuty of deploys, as change events: they stand beside incidents there and page nobody. Each deploy is put into the outbox once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from alerts.notice import Kind, Notice, Why
from alerts.outbox import enqueue
from roomleft.alerting import Alerting, Receiver
from roomleft.clock import Now
from roomleft.matchers import matches, parse_matchers
from roomleft.packs import Pack
from warehouse.state import StateDb
from warehouse.store import Store

FRESH = timedelta(hours=1)
"""What was deployed longer ago, or came in so long after, is history: a back-fill tells nobody."""
EVERY = timedelta(seconds=15)
ASKED = """
SELECT platform, deploy_id, min(deployed_at) AS deployed_at, any_value(component) AS component, any_value(version) AS version,
    any_value(title) AS title, any_value(kind) AS kind
FROM deploys WHERE deployed_at > $since AND deployed_at <= $now GROUP BY platform, deploy_id ORDER BY deployed_at, platform, deploy_id
"""


class DeployNews:
    """Puts fresh deploys into the outbox. `clock` is the platforms', `wall` the outbox's."""

    def __init__(
        self, store: Store, state: StateDb, packs: Mapping[str, Pack], alerting: Callable[[], Alerting], clock: Now, wall: Now
    ) -> None:
        self._store, self._state, self._packs, self._alerting = store, state, packs, alerting
        self._clock, self._wall = clock, wall
        self._last: datetime | None = None

    def look(self) -> str:
        """Put in what is new, every so often; in words how much. Raises StoreError."""
        wall = self._wall.now()
        if self._last is not None and timedelta(0) <= wall - self._last < EVERY:
            return ""
        self._last = wall
        alerting = self._alerting()
        if not any(_keeps_changes(receiver) for receiver in alerting.receivers):
            return ""
        now = self._clock.now()
        found = self._store.select(ASKED, {"since": now - FRESH, "now": now}).to_pylist()
        made = 0
        for row in found:
            for receiver in receivers_of(alerting, row["platform"]):
                with self._state.write() as connection:
                    made += len(enqueue(connection, self._notice(row, receiver), receiver, "", wall))
        return f"{made} changes to tell" if made else ""

    def _notice(self, row: Mapping[str, Any], receiver: Receiver) -> Notice:
        pack = self._packs.get(row["platform"])
        name = sha256(f"{receiver.name}\x1f{row['platform']}\x1f{row['deploy_id']}".encode()).hexdigest()[:24]
        version = row["version"] or ""
        title = row["title"] if version in row["title"] else f"{row['title']} ({version})"
        labels = {key: row[key] for key in ("component", "version", "kind") if row[key]}
        return Notice(
            notice_id=f"change-{name}", receiver=receiver.name, kind=Kind.CHANGE, why=Why.FIRST, thread=f"change-{name}",
            group_labels=labels, platform=row["platform"], platform_title=pack.title if pack else row["platform"], severity="",
            title=title, zone="UTC", made_at=row["deployed_at"], alerts=(), firing=0, resolved=0, count=0,
        )  # fmt: skip


def receivers_of(alerting: Alerting, platform: str) -> list[Receiver]:
    """Who keeps changes of a platform: the receivers with PagerDuty that a route for the platform leads to, with those channels alone."""
    names = set()
    for route in alerting.routes:
        about = [matcher for matcher in parse_matchers(route.match) if matcher.name == "platform"]
        if matches(about, {"platform": platform}):
            names |= {route.receiver, *(each.receiver for each in route.escalate)}
    return [_pagerduty_alone(receiver) for receiver in alerting.receivers if receiver.name in names and _keeps_changes(receiver)]


def _keeps_changes(receiver: Receiver) -> bool:
    return any(channel.kind == "pagerduty" for channel in receiver.channels)


def _pagerduty_alone(receiver: Receiver) -> Receiver:
    """The receiver with only those channels that keep changes. Their names stay: channels are numbered within their kind."""
    return receiver.model_copy(update={"channels": [channel for channel in receiver.channels if channel.kind == "pagerduty"]})
