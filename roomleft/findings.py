"""What a rule's condition says of the data at an instant, and the states an alert goes through. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256


class AlertState(StrEnum):
    """Where one alert (a rule and a label set) is. Not knowing is apart: `Alert.unknown_since`."""

    INACTIVE = "inactive"
    PENDING = "pending"
    """The condition holds, not yet for as long as the rule's `for`."""
    FIRING = "firing"
    RESOLVED = "resolved"
    """It fired and the condition was seen not to hold any more. Kept for the record; the next time it holds is a new episode."""
    UNKNOWN = "unknown"
    """Nobody knows, and it did not fire before."""


class Severity(StrEnum):
    """How much it matters, in PagerDuty's order."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a condition says of one label set. `holds` None: it cannot be told, and `reason` says why.

    `still` is what is said of an alert that fires already, where a bound has a `clear` line (else equal to `holds`). `value` and `line` are
    what was compared, in `unit`. `facts` are further words for templates and pages: `fraction_left`, `used`, `amount`, `exhausts_at` (ISO),
    `exhausts_range`, `window`, `subject`, `limit_id` …, as text. `observed_at` is the newest data behind it.
    """

    labels: Mapping[str, str]
    holds: bool | None
    still: bool | None
    value: Decimal | float | None = None
    line: Decimal | float | None = None
    unit: str = ""
    reason: str = ""
    observed_at: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


class Unknown(StrEnum):
    """Why it cannot be told."""

    NO_DATA = "no data"
    STALE = "stale"
    ERROR = "evaluation error"
    OFFLINE = "collector offline"
    READING = "still being read"
    """The platform's history has not been read to its end yet: what there is of it would look like growth or decline that never was."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found for one rule. `unknown`: nothing at all can be told of it, for this reason and in these words; every alert of the rule
    is then unknown. Findings whose label sets are equal were joined or refused before."""

    findings: tuple[Finding, ...] = ()
    unknown: Unknown | None = None
    words: str = ""


def fingerprint(labels: Mapping[str, str]) -> str:
    """A label set's stable name: 16 hexadecimal digits of the SHA-256 of its sorted `name\\x1fvalue` pairs joined by `\\x1e`."""
    text = "\x1e".join(f"{name}\x1f{labels[name]}" for name in sorted(labels))
    return sha256(text.encode()).hexdigest()[:16]
