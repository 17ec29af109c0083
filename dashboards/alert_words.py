"""Alerts in words and in order, for every surface that shows them: the On call page, the alert's own page, the status page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from alerts.acknowledgements import Acknowledgement
from alerts.alert import Alert
from dashboards import wording
from roomleft.errors import InputError
from roomleft.findings import AlertState, Severity
from roomleft.matchers import Matcher
from roomleft.rules import Rule
from roomleft.timespan import parse_instant
from roomleft.wording import burn_text, is_burn, times_text

SEVERITIES = tuple(Severity)
GLYPHS = {Severity.CRITICAL: "exhausted", Severity.WARNING: "tight", Severity.INFO: "ok"}
"""The state shape that a firing alert of a severity wears."""
GROUPS = ("firing", "unknown", "pending", "resolved")
"""How the pages part alerts: what fires (known or not), what nobody knows of, what may fire, what is over."""
GROUP_WORDS = {"firing": "Firing", "unknown": "Unknown", "pending": "Pending", "resolved": "Resolved in the last day"}
OWN_PLACE = frozenset({"alertname", "platform", "severity", "component", "owner"})
"""Labels that the pages say elsewhere."""

SILENCED_BY = ("alertname", "platform", "component")
"""The labels a silence is offered with, besides those that tell an alert from its rule's others."""


@dataclass(frozen=True, slots=True)
class AlertLine:
    """An alert with what else is known of it: its rule, who took it on, and why nobody is told of it now (empty: somebody is)."""

    alert: Alert
    rule: Rule | None
    taken: Acknowledgement | None = None
    quiet: str = ""

    @property
    def fires(self) -> bool:
        """Whether it fires, known or not."""
        return self.alert.state is AlertState.FIRING

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows, whatever it did before."""
        return is_unknown(self.alert)

    @property
    def began_at(self) -> datetime:
        """Since when its trouble has been so, as far as known."""
        return began_at(self.alert)

    @property
    def lasted(self) -> timedelta | None:
        """How long a resolved one fired."""
        return self.alert.resolved_at - self.alert.fired_at if self.alert.resolved_at and self.alert.fired_at else None

    @property
    def group(self) -> str:
        """One of GROUPS."""
        if self.fires:
            return "firing"
        return "unknown" if self.is_unknown else self.alert.state

    @property
    def path(self) -> str:
        """Where the alert's own page is."""
        return alert_path(self.alert.episode, self.alert.rule_id, self.alert.fingerprint)

    @property
    def needs_somebody(self) -> bool:
        """It fires, is more than for information, and nobody has taken it on or silenced it."""
        return self.fires and self.alert.severity != Severity.INFO and self.taken is None and not self.quiet

    @property
    def title(self) -> str:
        """What the rule calls it."""
        return self.rule.title if self.rule else self.alert.labels.get("alertname", self.alert.rule_id.rpartition(".")[2])

    @property
    def subject(self) -> str:
        """The labels that tell it from the rule's other alerts: `region us-west-2`."""
        own = self.rule.labels if self.rule else {}
        told = [
            f"{name} {value}"
            for name, value in sorted(self.alert.labels.items())
            if name not in OWN_PLACE and own.get(name) != value
        ]
        return " · ".join(told)

    @property
    def owner(self) -> str:
        """Who answers for it; empty where nobody is named."""
        return self.alert.labels.get("owner", "") or (self.rule.owner if self.rule else "")

    @property
    def component(self) -> str:
        """The part of the platform; empty where none is named."""
        return self.alert.labels.get("component", "")

    @property
    def glyph(self) -> str:
        """The state shape it wears."""
        if self.group == "unknown":
            return "unknown"
        return GLYPHS.get(Severity(self.alert.severity), "tight") if self.group == "firing" else "ok"


def is_unknown(alert: Alert) -> bool:
    """Whether nobody knows, whatever it did before."""
    return alert.state is AlertState.UNKNOWN or alert.unknown_since is not None


def began_at(alert: Alert) -> datetime:
    """Since when its trouble has been so, as far as known."""
    known = [at for at in (alert.held_since, alert.fired_at) if at is not None]
    return min(known) if known else alert.unknown_since or alert.changed_at


def fired_words(alert: Alert, zone: ZoneInfo) -> str:
    """`, fired 16:45`: when it fired, where that is another minute than since when it is so."""
    if alert.fired_at is None or alert.fired_at - began_at(alert) < timedelta(minutes=1):
        return ""
    return f", fired {wording.clock(alert.fired_at, zone)}"


def alert_path(episode: str, rule_id: str, fingerprint: str) -> str:
    """An alert's own page: of an episode, else of the alert as it is now."""
    return f"/alerts/{quote(episode, safe='')}" if episode else f"/alerts/{quote(rule_id, safe='')}/{quote(fingerprint, safe='')}"


def worst_first(lines: Sequence[AlertLine]) -> list[AlertLine]:
    """What needs somebody, then what fires, unknown, pending, resolved; in each the gravest, then the longest; the newest resolved first."""

    def place(line: AlertLine) -> tuple[int, bool, int, float, str]:
        alert = line.alert
        at = (alert.resolved_at or alert.changed_at) if line.group == "resolved" else line.began_at
        age = -at.timestamp() if line.group == "resolved" else at.timestamp()
        grave = 0 if line.group == "resolved" else list(SEVERITIES).index(Severity(alert.severity))
        return GROUPS.index(line.group), not line.needs_somebody, grave, age, alert.rule_id + alert.fingerprint

    return sorted(lines, key=place)


def verdict(lines: Sequence[AlertLine], *, rules: int) -> str:
    """The page in one sentence: `3 alerts fire, 1 needs you.`; `Nothing fires. 2 are unknown: API errors, Worlds.`"""
    by_group = Counter(line.group for line in lines)
    fire, need = by_group["firing"], sum(line.needs_somebody for line in lines)
    if not rules and not lines:
        return "No alert rule is in force."
    if fire:
        tail = "nobody is needed" if not need else f"{need} need{'s' if need == 1 else ''} you"
        said = f"{wording.plural(fire, 'alert')} {'fires' if fire == 1 else 'fire'}, {tail}."
    else:
        said = "Nothing fires."
    unknown = [line.title for line in lines if line.is_unknown]
    if unknown:
        names = list(dict.fromkeys(unknown))
        listed = ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
        said += f" {len(unknown)} {'is' if len(unknown) == 1 else 'are'} unknown: {listed}."
    if by_group["pending"]:
        said += f" {by_group['pending']} may fire soon."
    return said


def value_words(value: Decimal | float | None, unit: str) -> str:
    """A reading with its unit; empty without one."""
    return wording.with_unit(value, unit) if value is not None else ""


def reading(alert: Alert, value: Decimal | float | None) -> str:
    """A reading of an alert with its unit; how fast a budget burns as so many times (`18.6 ×`)."""
    if value is not None and is_burn(alert.unit, alert.facts):
        return times_text(Decimal(str(value)))
    if value is not None and alert.unit == "fraction":
        # Less than nothing is not left: so much is over.
        return f"{value_words(-value, alert.unit)} over" if value < 0 else f"{value_words(value, alert.unit)} left"
    return value_words(value, alert.unit)


def compared(alert: Alert) -> tuple[str, str]:
    """The reading, and what it is compared with in words: (`812 ms`, `limit 500 ms`), (`burns 267 × too fast`, `limit 14.4 ×`). Both may be empty."""
    line = reading(alert, alert.line)
    burns = alert.value is not None and is_burn(alert.unit, alert.facts)
    value = burn_text(alert.value) if burns and alert.value is not None else reading(alert, alert.value)
    return value, f"{'alerts at' if alert.unit == 'fraction' else 'limit'} {line}" if line else ""


def runs_out(alert: Alert, now: datetime, zone: ZoneInfo) -> str:
    """When the limit behind it runs out: `today 23:10`, `ran out 19 Nov`; empty where no limit is behind it or it has no date."""
    told = alert.facts.get("exhausts_at", "")
    if not told and alert.facts.get("exhausts_in"):
        return f"in {alert.facts['exhausts_in']}"
    try:
        at = parse_instant(told) if told else None
    except InputError:
        return told
    if at is None:
        return ""
    return f"ran out {wording.when(at, now, zone)}" if at <= now else wording.when(at, now, zone)


def since_words(line: AlertLine, now: datetime, zone: ZoneInfo) -> str:
    """`today 14:02, 12 min`: since when, and how long that is; of a resolved one when it ended and how long it had fired."""
    alert = line.alert
    if alert.state == AlertState.RESOLVED and alert.resolved_at:
        lasted = f", fired {wording.seconds(line.lasted.total_seconds())}" if line.lasted is not None else ""
        return f"{wording.when(alert.resolved_at, now, zone)}{lasted}"
    return f"{wording.when(line.began_at, now, zone)}, {wording.age(now - line.began_at)}"


def unknown_words(alert: Alert, now: datetime, zone: ZoneInfo) -> str:
    """Why nobody knows, and since when; empty for one that is known."""
    if not is_unknown(alert):
        return ""
    since = f" since {wording.when(alert.unknown_since, now, zone)}" if alert.unknown_since else ""
    why = alert.unknown_words or alert.unknown_why or "no data"
    return f"Unknown{since}: {why}"


def taken_words(taken: Acknowledgement, now: datetime, zone: ZoneInfo) -> str:
    """`owner has it since today 14:05: looking`."""
    until = f" until {wording.when(taken.until, now, zone)}" if taken.until else ""
    note = f": {taken.note}" if taken.note else ""
    by = " (in PagerDuty)" if taken.source == "pagerduty" else ""
    return f"{taken.who} has it{until}{by}, since {wording.when(taken.at, now, zone)}{note}"


def counted(lines: Sequence[AlertLine]) -> Mapping[str, int]:
    """How many lines each group has."""
    return Counter(line.group for line in lines)


def matchers_of(labels: Mapping[str, str]) -> list[Matcher]:
    """What a silence of one alert matches: its name, and the labels that tell it from others."""
    own = [name for name in sorted(labels) if name not in OWN_PLACE]
    return [Matcher(name, "=", labels[name]) for name in (*SILENCED_BY, *own) if name in labels]
