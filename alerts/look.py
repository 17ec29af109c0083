"""One look at the alerts: what the stages of the pipeline share while one transaction lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from alerts.acknowledgements import Acknowledgement, in_force
from alerts.alert import Alert
from alerts.compose import Words
from alerts.episodes import Episode
from alerts.groups import Group, Groups, Told, fires, name_of
from alerts.notice import Kind, NoticeAlert, Why, Withheld
from alerts.outbox import enqueue
from alerts.routes import Routes
from alerts.silences import Silence
from alerts.withheld import Line
from roomleft.alerting import Alerting, Receiver, Route
from roomleft.findings import AlertState


@dataclass(slots=True)
class Look:
    """The alerts at `now`, on the platform's clock (`wall` is the outbox's), who may be told of them, and what was told so far.

    `lines` gathers what is withheld and why, `made` the outbox's new rows.
    """

    connection: Connection
    now: datetime
    wall: datetime
    alerting: Alerting
    alerts: Sequence[Alert]
    words: Words
    groups: Groups
    silences: Sequence[Silence]
    past: Callable[[str], Episode | None]
    routes: Routes
    lines: list[Line] = field(default_factory=list)
    made: list[int] = field(default_factory=list)
    _taken: dict[str, Acknowledgement] | None = None
    _named: dict[str, Alert] | None = None

    @property
    def taken(self) -> dict[str, Acknowledgement]:
        """The acknowledgements in force of the episodes that fire."""
        if self._taken is None:
            self._taken = in_force(self.connection, {alert.episode for alert in self.firing()}, self.now)
        return self._taken

    @property
    def named(self) -> dict[str, Alert]:
        """Every alert by its name among what was told."""
        if self._named is None:
            self._named = {name_of(alert): alert for alert in self.alerts}
        return self._named

    def firing(self) -> list[Alert]:
        """The alerts that fire."""
        return [alert for alert in self.alerts if fires(alert)]

    def withhold(self, alert: Alert, reason: Withheld, words: str = "", receiver: str = "") -> None:
        """Note that nobody, or the receiver, is told of it."""
        self.lines.append(Line(alert, reason, words, receiver))

    def withhold_all(self, alerts: Iterable[Alert], reason: Withheld, group: Group) -> None:
        """Note that the group's receiver is not told of them now."""
        for alert in alerts:
            self.withhold(alert, reason, receiver=group.receiver)

    def route_of(self, group: Group) -> Route:
        """The route by which the group's receiver is told: that of its alerts, those that are over among them."""
        if group.route is None:
            known = (self.named.get(name) for name in group.told)
            labels = [alert.labels for alert in known if alert is not None] or [group.labels]
            aims = (aim for each in labels for aim in self.routes.aims(each) if aim.receiver == group.receiver)
            group.route = next((aim.route for aim in aims), None) or Route(receiver=group.receiver)
        return group.route

    def is_over(self, group: Group) -> list[NoticeAlert]:
        """What the group's receiver was told to fire and is over, in words."""
        return [self._ended(group, name, told) for name, told in group.over().items()]

    def tell(
        self, group: Group, kind: Kind, why: Why, firing: Sequence[Alert], resolved: Sequence[NoticeAlert] = (), *, only: str = ""
    ) -> None:
        """Put a notice into the outbox, for each channel of the group's receiver (or those of the kind `only`)."""
        receiver = self.routes.receivers.get(group.receiver)
        if receiver is None:
            self.withhold_all(firing, Withheld.NO_RECEIVER, group)
            return
        receiver = _only(receiver, only)
        if not receiver.channels:
            return
        group.sequence += 1
        notice = self.words.notice(group, kind, why, self.now, firing, resolved, self.taken)
        self.made += enqueue(self.connection, notice, receiver, group.key, self.wall)

    def _ended(self, group: Group, name: str, told: Told) -> NoticeAlert:
        alert = self.named.get(name)
        if alert is not None and alert.episode == told.episode and alert.state is AlertState.RESOLVED:
            return self.words.told(alert, self.now)
        past = self.past(told.episode)
        if past is not None:
            return self.words.told_of(past)
        rule_id, _, fingerprint = name.rpartition("/")
        return NoticeAlert(
            rule_id, fingerprint, told.episode, AlertState.RESOLVED.value, group.labels.get("alertname", rule_id),
            "it is there no more", dict(group.labels), {}, told.since, self.now,
        )  # fmt: skip


def _only(receiver: Receiver, kind: str) -> Receiver:
    if not kind:
        return receiver
    return receiver.model_copy(update={"channels": [each for each in receiver.channels if each.kind == kind]})
