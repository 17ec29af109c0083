"""Episodes: one firing of one alert from its start to its end, put together from what happened. What timelines and the time to recover are read from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from alerts.alert import Alert, Event, Happened
from roomleft.findings import Severity

ENDS = (Happened.RESOLVED, Happened.LAPSED, Happened.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Taken:
    """Who took an episode on, and when."""

    episode: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Episode:
    """`pending_at`: when its condition was first seen to hold; `started` when it fired, None if it lapsed or waits; `ended` None while it goes on.
    `recovery_value` is the reading at its end, `unknown_for` how much of it nobody knew of, up to the last thing that happened."""

    episode: str
    rule_id: str
    fingerprint: str
    platform: str
    severity: Severity
    labels: Mapping[str, str]
    pending_at: datetime
    started: datetime | None
    ended: datetime | None
    end: Happened | None
    worst: Decimal | None
    value: Decimal | None
    recovery_value: Decimal | None
    unit: str
    unknown_for: timedelta
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    events: tuple[Event, ...] = field(default=(), repr=False)

    @property
    def lasted(self) -> timedelta | None:
        """From when it fired to its end; None while it goes on, and if it never fired."""
        return self.ended - self.started if self.ended is not None and self.started is not None else None


def episodes_of(events: Iterable[Event], alerts: Iterable[Alert] = (), taken: Iterable[Taken] = ()) -> list[Episode]:
    """The episodes that the events tell of, in the order they began. `alerts` as they stand know the worst reading of theirs."""
    worst = {alert.episode: alert.worst for alert in alerts if alert.episode}
    first: dict[str, Taken] = {}
    for each in sorted(taken, key=lambda each: each.at):
        first.setdefault(each.episode, each)
    told: dict[str, list[Event]] = {}
    for event in events:
        if event.episode:
            told.setdefault(event.episode, []).append(event)
    return [_episode(name, story, worst.get(name), first.get(name)) for name, story in told.items()]


def mean_time_to_recover(episodes: Iterable[Episode]) -> timedelta | None:
    """The mean of how long those lasted that fired and are over; None if none is."""
    lasted = [each.lasted for each in episodes if each.lasted is not None]
    return sum(lasted, timedelta(0)) / len(lasted) if lasted else None


def _episode(name: str, story: list[Event], worst: Decimal | None, taken: Taken | None) -> Episode:
    begun, newest = story[0], story[-1]
    fired = next((event for event in story if event.what is Happened.FIRING), None)
    end = next((event for event in story if event.what in ENDS), None)
    unknown, since = timedelta(0), None
    for event in story:
        if event.what is Happened.UNKNOWN:
            since = event.at
        elif since is not None:
            unknown, since = unknown + (event.at - since), None
    at_start = fired.value if fired is not None else begun.value
    return Episode(
        name, begun.rule_id, begun.fingerprint, begun.platform, newest.severity, newest.labels, begun.at,
        fired.at if fired is not None else None, end.at if end is not None else None, end.what if end is not None else None,
        worst if worst is not None else at_start, at_start, end.value if end is not None else None, newest.unit, unknown,
        taken.at if taken is not None else None, taken.who if taken is not None else "", tuple(story),
    )  # fmt: skip
