"""Escalation: who is told too when nobody acknowledged.

The time counts from the first notice of an episode, because nobody can take on what they were not told of, and is elapsed time: clocks that are set
for summer or winter change nothing about it. Time in a silence or a window, inhibited or unknown does not count: then nobody is expected to act. After
an acknowledgement has run out it begins anew. Where PagerDuty alone speaks to a receiver, PagerDuty escalates.
"""

from __future__ import annotations

from dataclasses import replace

from alerts.alert import Alert
from alerts.groups import Group, Told, name_of
from alerts.look import Look
from alerts.notice import Kind, Why, Withheld
from alerts.routes import only_pagerduty
from roomleft.alerting import Escalation


def escalate(look: Look, group: Group) -> None:
    """Tell whom the group's route names next, if nobody acknowledged for long enough."""
    steps = look.route_of(group).escalate
    keep_time(look, group)
    receiver = look.routes.receivers.get(group.receiver)
    waiting = _waiting(group)
    if not steps or not waiting or receiver is None or only_pagerduty(receiver):
        return
    waited = max(look.now - told.since for _, told in waiting)
    ordered = sorted(steps, key=lambda step: step.after)
    while group.escalated < len(ordered) and waited >= ordered[group.escalated].after:
        _tell(look, group, ordered[group.escalated], [alert for alert, _ in waiting])
        group.escalated += 1


def keep_time(look: Look, group: Group) -> None:
    """Stop the time of what is withheld, and let that of the others run on."""
    for alert in group.firing:
        told = group.told_of(alert)
        if told is not None and told.paused is not None:
            group.told[name_of(alert)] = replace(told, since=told.since + (look.now - told.paused), paused=None)
    for alert in group.held:
        told = group.told_of(alert)
        if told is not None and told.paused is None:
            group.told[name_of(alert)] = replace(told, paused=look.now)


def _waiting(group: Group) -> list[tuple[Alert, Told]]:
    """The alerts that may be told of, were told, and that nobody has acknowledged."""
    return [(alert, told) for alert, told in group.goes_on() if not told.acknowledged]


def _tell(look: Look, group: Group, step: Escalation, alerts: list[Alert]) -> None:
    if step.receiver not in look.routes.receivers:
        look.withhold_all(alerts, Withheld.NO_RECEIVER, group)
        return
    to = look.groups.named(step.receiver, group.key, group.labels)
    if not to.is_open:
        to.begin(look.now)
    look.tell(to, Kind.FIRING, Why.NOT_ACKNOWLEDGED, alerts)
    to.note_told(alerts, look.now, look.route_of(to).group_interval)
    own = {alert.key for alert in to.firing}
    for alert in alerts:
        if alert.key not in own:  # it is told of it by the escalation alone: its own route's time does not run
            to.told[name_of(alert)] = replace(to.told[name_of(alert)], paused=look.now)
