"""Who is told of an alert, and in which group: the routes of alerting.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from roomleft.alerting import Alerting, Channel, Receiver, Route
from roomleft.findings import Severity, fingerprint
from roomleft.matchers import Matcher, matches, parse_matchers


@dataclass(frozen=True, slots=True)
class Aim:
    """One receiver of an alert by a route, and the group it is told in."""

    receiver: str
    route: Route
    group_key: str
    group_labels: Mapping[str, str]


class Routes:
    """The routes in order, with their matchers read. Raises InputError for a matcher that is none, which `load_alerting` refuses before."""

    def __init__(self, alerting: Alerting) -> None:
        self.receivers = {receiver.name: receiver for receiver in alerting.receivers}
        self._routes: list[tuple[tuple[Matcher, ...], Route]] = [
            (parse_matchers(route.match), route) for route in alerting.routes
        ]

    def aims(self, labels: Mapping[str, str]) -> list[Aim]:
        """The receivers of an alert with these labels, each once: by the first route that matches, and those after a `continue: true` too."""
        found: dict[str, Aim] = {}
        for matchers, route in self._routes:
            if not matches(matchers, labels):
                continue
            if route.receiver in self.receivers and route.receiver not in found:
                group = {name: labels.get(name, "") for name in sorted(route.group_by)}
                found[route.receiver] = Aim(route.receiver, route, fingerprint(group), group)
            if not route.proceed:
                break
        return list(found.values())


def first_wait(route: Route, severities: frozenset[Severity]) -> timedelta:
    """How long a new group waits for others. What is critical waits only where the route says so itself: seconds count, and alerts of one
    evaluation come together anyway."""
    if Severity.CRITICAL in severities and "group_wait" not in route.model_fields_set:
        return timedelta(0)
    return route.group_wait


def channel_names(receiver: Receiver) -> list[tuple[str, Channel]]:
    """A receiver's channels, each under a name of its own: its kind, and a number from the second of a kind on (`email`, `email.2`)."""
    seen: dict[str, int] = {}
    named = []
    for channel in receiver.channels:
        seen[channel.kind] = number = seen.get(channel.kind, 0) + 1
        named.append((channel.kind if number == 1 else f"{channel.kind}.{number}", channel))
    return named


def only_pagerduty(receiver: Receiver) -> bool:
    """Whether PagerDuty alone speaks to the receiver, and so owns acknowledgement and escalation."""
    return all(channel.kind == "pagerduty" for channel in receiver.channels)
