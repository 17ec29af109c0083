"""A notice: what one receiver is told of a group of alerts at one time. The pipeline makes it, channels speak it, pages show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a notice says."""

    FIRING = "firing"
    RESOLVED = "resolved"
    """All of the group is over."""
    ACKNOWLEDGED = "acknowledged"
    TEST = "test"
    CHANGE = "change"
    """A deploy or such: told to who keeps a list of them, and pages nobody."""


class Why(StrEnum):
    """Why it is sent now."""

    FIRST = "first notification"
    NEW_IN_GROUP = "new alerts in the group"
    SOME_RESOLVED = "some alerts of the group resolved"
    ALL_RESOLVED = "all resolved"
    REPEAT_DUE = "repeat interval elapsed"
    NOT_ACKNOWLEDGED = "nobody acknowledged"
    SILENCE_OVER = "a silence ended and it still fires"
    SILENCE_ENDS = "a silence ends soon, and what it hides still fires"
    NO_DATA = "no data, and the rule says to tell"
    BY_HAND = "sent by hand"


class Withheld(StrEnum):
    """Why an alert's notice is not sent. Every non-delivery has one of these names, or the channel's refusal."""

    SILENCED = "silenced"
    MAINTENANCE = "maintenance window"
    INHIBITED = "inhibited by another alert"
    DEPENDENCY = "a component it depends on fails"
    ACKNOWLEDGED = "acknowledged"
    REPEAT_NOT_DUE = "told already; the repeat is not due"
    GROUP_WAIT = "the group waits for others"
    NO_ROUTE = "no route matches"
    NO_RECEIVER = "nobody is configured to be told"
    UNKNOWN = "it is unknown whether it holds"
    RESOLVED_UNTOLD = "over before anybody was told"
    RESOLVED_NOT_WANTED = "the route does not tell resolves"
    NO_LONGER_TRUE = "no longer true when it could be sent"
    SUPERSEDED = "a newer notice of the group took its place"
    GIVEN_UP = "given up after too many attempts"


@dataclass(frozen=True, slots=True)
class NoticeAlert:
    """One alert as a notice tells it. Instants are aware; links are empty without a public URL. `line`, `value` are words with units
    (`812 ms`, `$1,234.56`); `runs_out` is words (`today 23:10`), empty where there is no date. After a resolve `lasted_s` and `recovery_value` are set."""

    rule_id: str
    fingerprint: str
    episode: str
    state: str
    title: str
    summary: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    since: datetime
    resolved_at: datetime | None = None
    value: str = ""
    line: str = ""
    window: str = ""
    reason: str = ""
    room_left: str = ""
    runs_out: str = ""
    observed_at: datetime | None = None
    unknown: str = ""
    lasted_s: float | None = None
    recovery_value: str = ""
    acknowledged_by: str = ""
    fired_at: datetime | None = None
    """When it began to fire; `since` is when its condition began to hold."""
    links: Mapping[str, str] = field(default_factory=dict)
    """`alert`, `runbook`, `silence`, `dashboard`, `acknowledge`: pages to open; opening one never acknowledges."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What `receiver` is told. `notice_id` is stable over every attempt. `thread` names the conversation: a mail thread, a PagerDuty dedup key
    (a hash of receiver, rule and group labels, no values). `alerts`: those that fire first, worst first, then those resolved; at most 100,
    `count` says how many there are. `changed`: deploys and such shortly before, in words."""

    notice_id: str
    receiver: str
    kind: Kind
    why: Why
    thread: str
    group_labels: Mapping[str, str]
    platform: str
    platform_title: str
    severity: str
    title: str
    zone: str
    """IANA zone that its instants are told in."""
    made_at: datetime
    alerts: tuple[NoticeAlert, ...]
    firing: int
    resolved: int
    count: int
    changed: tuple[str, ...] = ()
    demo: bool = False
