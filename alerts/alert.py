"""An alert as it stands, what happened to it, and the beat that it is looked at in. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256

from roomleft.findings import AlertState, Severity, Unknown

GAP_INTERVALS = 3
GAP_AT_LEAST = timedelta(minutes=1)
KEPT = timedelta(days=1)
"""How long a resolved alert is shown beside those that fire, and is the same row when nobody knows any more."""
LIVE = (AlertState.PENDING, AlertState.FIRING)


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule and one label set; (rule_id, fingerprint) is its identity, of the finding's labels alone, so that a rule's new severity or owner
    goes on with the same episode. `labels` are both. State INACTIVE: there is nothing to keep any more.

    `held_since`: since when the condition has held; `cleared_since`: since when it has not, while `keep_firing_for` runs. Time in which nobody
    knew or nobody looked is taken out of both. `value`, `line`, `reason`, `facts`, `observed_at` are of the newest finding that could be told;
    of a resolved one `value` is that at recovery. `worst` is the reading furthest beyond the line in this episode. `unknown_since` None: it is known.
    """

    rule_id: str
    fingerprint: str
    platform: str
    severity: Severity
    labels: Mapping[str, str]
    state: AlertState
    episode: str
    held_since: datetime | None
    fired_at: datetime | None
    cleared_since: datetime | None
    resolved_at: datetime | None
    unknown_since: datetime | None
    unknown_why: Unknown | None
    unknown_words: str
    changed_at: datetime
    evaluated_at: datetime
    value: Decimal | None = None
    line: Decimal | None = None
    worst: Decimal | None = None
    unit: str = ""
    reason: str = ""
    observed_at: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    rule_version: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Its identity."""
        return self.rule_id, self.fingerprint

    def moved(self, by: timedelta) -> Alert:
        """The same alert on a clock that was set by so much: what had run of its timers has still run."""
        names = ("held_since", "fired_at", "cleared_since", "resolved_at", "unknown_since", "changed_at", "evaluated_at")
        return replace(self, **{name: at + by for name in names if (at := getattr(self, name)) is not None})


class Happened(StrEnum):
    """What can happen to an alert."""

    PENDING = "pending"
    """Also: the time a pending one waits starts anew, after evaluations were missed."""
    FIRING = "firing"
    RESOLVED = "resolved"
    LAPSED = "lapsed"
    """Pending no more, without having fired."""
    UNKNOWN = "unknown"
    KNOWN = "known"
    WITHDRAWN = "withdrawn"
    """Its rule is gone; if it fired, it is over."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an alert at an instant of the platform's clock. `episode` is empty where nothing fires or waits to."""

    at: datetime
    rule_id: str
    fingerprint: str
    platform: str
    severity: Severity
    episode: str
    what: Happened
    words: str
    value: Decimal | None
    unit: str
    labels: Mapping[str, str]
    id: int | None = None
    """Its place in the order things happened; None before it is stored."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One evaluation: `at` which instant, after the one at `before` (None: the first ever), one being wanted `every` so often. `slack` is how much
    longer than that is still no gap, on a clock that runs faster than the work can."""

    at: datetime
    before: datetime | None
    every: timedelta
    slack: timedelta = timedelta(0)

    def is_gap(self, interval: timedelta | None = None) -> bool:
        """Whether so much time passed unwatched, for a rule with this interval, that what was seen before it says nothing of now."""
        if self.before is None:
            return False
        longest = max(GAP_INTERVALS * max(self.every, interval or self.every), GAP_AT_LEAST) + self.slack
        return self.at - self.before > longest

    @property
    def missed(self) -> int:
        """How many evaluations should have been between the two and were not."""
        return 0 if self.before is None else max((self.at - self.before - self.slack) // self.every - 1, 0)

    def is_due(self, interval: timedelta | None) -> bool:
        """Whether a rule with an interval of its own has its turn: the first evaluation in each slot of it since 1970."""
        if interval is None or interval <= self.every or self.before is None:
            return True
        return _slot(self.at, interval) != _slot(self.before, interval)


def _slot(at: datetime, interval: timedelta) -> int:
    return int(at.timestamp() // interval.total_seconds())


def episode_of(rule_id: str, fingerprint: str, at: datetime) -> str:
    """The name of the episode that began at an instant: 20 hexadecimal digits, the same whoever works it out."""
    return sha256(f"{rule_id}\x1f{fingerprint}\x1f{at.isoformat()}".encode()).hexdigest()[:20]
