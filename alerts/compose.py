"""Composes notices: what a receiver reads of a group. Symptom first, then where it stands against its line, since when, what is left, what changed,
and where to go. Amounts have units, instants their zone; the links lead to pages and none of them acts when it is opened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from urllib.parse import quote
from zoneinfo import ZoneInfo

from alerts.acknowledgements import Acknowledgement
from alerts.alert import Alert
from alerts.episodes import Episode
from alerts.groups import Group
from alerts.inhibit import RANK
from alerts.notice import Kind, Notice, NoticeAlert, Why
from roomleft.errors import InputError, RoomleftError
from roomleft.findings import AlertState, Severity
from roomleft.packs import Pack
from roomleft.rules import Rule
from roomleft.rules_when import BurnIs
from roomleft.timespan import parse_instant
from roomleft.wording import (
    RATIO_UNITS,
    amount_text,
    burn_text,
    date_text,
    is_burn,
    number_text,
    said_once,
    span_text,
    times_text,
    window_text,
)

log = logging.getLogger(__name__)
MOST_ALERTS = 100
NAMED = 3
CHANGED_WITHIN = timedelta(hours=2)
"""How long before the first alert of a notice a change may have to do with it."""
MOST_CHANGES = 5
OWN_TITLE = "Roomleft"
RUNBOOKS = "docs/runbooks/"
NO_DATA = "no data, and this rule alerts on that"

Changes = Callable[[str, datetime, datetime], Sequence[str]]
"""What changed on a platform in [since, until), in words, newest first."""


def nothing_changed(platform: str, since: datetime, until: datetime) -> Sequence[str]:
    """For where nobody knows of changes."""
    return ()


@dataclass(frozen=True, slots=True)
class Words:
    """What notices are composed with: the packs and rules in force, the address people open, what changed, and whether it is all a demo."""

    packs: Mapping[str, Pack] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    public_url: str = ""
    changed: Changes = nothing_changed
    demo: bool = False

    def notice(
        self,
        group: Group,
        kind: Kind,
        why: Why,
        now: datetime,
        firing: Sequence[Alert],
        resolved: Sequence[NoticeAlert],
        taken: Mapping[str, Acknowledgement],
    ) -> Notice:
        """The notice of a group: those that fire, worst and oldest first, then those resolved. Its id names its place in the conversation."""
        first = sorted(firing, key=lambda each: (-RANK[each.severity], began(each), each.key))
        told = [self.told(alert, now, taken.get(alert.episode)) for alert in first[:MOST_ALERTS]]
        told += resolved[: MOST_ALERTS - len(told)]
        platforms = {alert.platform for alert in firing} | {each.labels.get("platform", "") for each in resolved}
        platform = platforms.pop() if len(platforms) == 1 else group.labels.get("platform", "")
        severity = first[0].severity.value if first else _worst(resolved)
        since = min((each.since for each in told), default=now)
        return Notice(
            notice_id=f"{group.thread}.{int(group.opened_at.timestamp() * 1000):x}.{group.sequence}",
            receiver=group.receiver,
            kind=kind,
            why=why,
            thread=group.thread,
            group_labels=dict(group.labels),
            platform=platform,
            platform_title=self.platform_title(platform),
            severity=severity,
            title=title_of(told, len(firing) if kind is not Kind.RESOLVED else len(resolved)),
            zone=self.zone_of(platform),
            made_at=now,
            alerts=tuple(told),
            firing=len(firing),
            resolved=len(resolved),
            count=len(firing) + len(resolved),
            changed=self._changed(platform, since - CHANGED_WITHIN, now) if platform and firing else (),
            demo=self.demo,
        )

    def told(self, alert: Alert, now: datetime, taken: Acknowledgement | None = None) -> NoticeAlert:
        """One alert in words, as it stands."""
        facts, zone = alert.facts, ZoneInfo(self.zone_of(alert.platform))
        resolved = alert.state is AlertState.RESOLVED
        since, burns = began(alert), is_burn(alert.unit, alert.facts)
        return NoticeAlert(
            rule_id=alert.rule_id,
            fingerprint=alert.fingerprint,
            episode=alert.episode,
            state=alert.state.value,
            title=self.title(alert),
            summary=said_once(alert.annotations.get("summary", "") or alert.reason or self._unknown(alert)),
            labels=dict(alert.labels),
            annotations=dict(alert.annotations),
            since=since,
            fired_at=alert.fired_at,
            resolved_at=alert.resolved_at if resolved else None,
            value=reading(alert.worst if resolved else alert.value, alert.unit, burns=burns),
            line=times_text(alert.line) if burns and alert.line is not None else reading(alert.line, alert.unit),
            window=window_text(facts.get("window", ""), now, zone),
            reason=said_once(alert.reason),
            room_left=room_left(facts, alert.unit),
            runs_out=runs_out(facts, now, zone),
            observed_at=alert.observed_at,
            unknown=self._unknown(alert),
            lasted_s=(alert.resolved_at - (alert.fired_at or since)).total_seconds()
            if resolved and alert.resolved_at is not None
            else None,
            recovery_value=reading(alert.value, alert.unit, burns=burns) if resolved else "",
            acknowledged_by=_taken_words(taken, now, zone),
            links=self._links(alert.rule_id, alert.platform, alert.episode, alert.labels, alert.annotations),
        )

    def told_of(self, past: Episode) -> NoticeAlert:
        """One alert in words, as an episode that is over left it."""
        rule = self.rules.get(past.rule_id)
        burns = past.unit in RATIO_UNITS and rule is not None and isinstance(rule.when, BurnIs)
        return NoticeAlert(
            rule_id=past.rule_id,
            fingerprint=past.fingerprint,
            episode=past.episode,
            state=AlertState.RESOLVED.value,
            title=self._title(past.rule_id, past.labels, {}),
            summary=past.events[-1].words if past.events else "",
            labels=dict(past.labels),
            annotations={},
            since=past.pending_at,
            fired_at=past.started,
            resolved_at=past.ended,
            value=reading(past.worst, past.unit, burns=burns),
            lasted_s=past.lasted.total_seconds() if past.lasted is not None else None,
            recovery_value=reading(past.recovery_value, past.unit, burns=burns),
            links=self._links(past.rule_id, past.platform, past.episode, past.labels, {}),
        )

    def title(self, alert: Alert) -> str:
        """An alert as its rule calls it."""
        return self._title(alert.rule_id, alert.labels, alert.annotations)

    def _changed(self, platform: str, since: datetime, until: datetime) -> tuple[str, ...]:
        try:
            return tuple(self.changed(platform, since, until)[:MOST_CHANGES])
        except RoomleftError as error:  # a page without it is better than none
            log.warning("what changed on %s could not be read: %s", platform, error)
            return (f"what changed could not be read: {error.what}",)

    def _unknown(self, alert: Alert) -> str:
        if alert.unknown_since is not None:
            return f"{alert.unknown_why}: {alert.unknown_words}".rstrip(": ")
        return NO_DATA if tells_no_data(alert) else ""

    def _title(self, rule_id: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
        rule = self.rules.get(rule_id)
        return annotations.get("title", "") or (rule.title if rule is not None else labels.get("alertname", rule_id))

    def platform_title(self, platform: str) -> str:
        """A platform as people call it."""
        pack = self.packs.get(platform)
        return pack.title if pack is not None else OWN_TITLE if platform == OWN_TITLE.lower() else platform

    def zone_of(self, platform: str) -> str:
        """The zone that a platform's instants are told in."""
        pack = self.packs.get(platform)
        return pack.zone if pack is not None else "UTC"

    def _links(
        self, rule_id: str, platform: str, episode: str, labels: Mapping[str, str], annotations: Mapping[str, str]
    ) -> dict[str, str]:
        """Pages to open; none without a public address, and none that acts on a GET."""
        base = self.public_url.rstrip("/")
        rule = self.rules.get(rule_id)
        runbook = annotations.get("runbook", "") or (rule.runbook if rule is not None else "")
        found = {}
        if runbook.startswith(("https://", "http://")):
            found["runbook"] = runbook
        if not base:
            return found
        page = f"{base}/alerts/{quote(episode, safe='')}"
        if runbook and "runbook" not in found:
            found["runbook"] = (
                f"{base}/runbooks/{quote(runbook.removeprefix('../').removeprefix(RUNBOOKS).removeprefix('runbooks/'))}"
            )
        component = labels.get("component", "")
        if platform in self.packs:
            part = (
                f"?component={quote(component, safe='')}"
                if any(each.id == component for each in self.packs[platform].components)
                else ""
            )
            found["dashboard"] = f"{base}/platforms/{quote(platform, safe='')}{part}"
        return found | {"alert": page, "silence": f"{page}#act", "acknowledge": f"{page}#act"}


def tells_no_data(alert: Alert) -> bool:
    """Whether an alert fires because there is no data, which its rule says to tell."""
    return bool(alert.facts.get("no_data"))


def began(alert: Alert) -> datetime:
    """Since when its condition holds: before it fired, by the rule's `for`."""
    return min((at for at in (alert.held_since, alert.fired_at) if at is not None), default=alert.changed_at)


def reading(value: Decimal | None, unit: str, *, burns: bool = False) -> str:
    """A reading with its unit: `812 ms`, `$1,234.56`, `4.2 %` of a ratio; how fast a budget `burns`; empty for none."""
    if value is None:
        return ""
    if burns:
        return burn_text(value)
    if unit == "fraction":
        return f"{amount_text(value * 100, 'percent')} left"
    return amount_text(value * 100, "percent") if unit in RATIO_UNITS else amount_text(value, unit)


def room_left(facts: Mapping[str, str], unit: str) -> str:
    """`12 % (398 of 5,010 worlds)`: what is left of a limit, as far as known."""
    if facts.get("room_left"):
        return facts["room_left"]
    fraction = _decimal(facts.get("fraction_left"))
    remaining, amount = _decimal(facts.get("remaining")), _decimal(facts.get("amount"))
    share = f"{number_text(fraction * 100)}\u202f%" if fraction is not None else ""
    if remaining is None or amount is None:
        return share
    of = (
        f"{number_text(remaining)} of {reading(amount, unit)}"
        if unit not in RATIO_UNITS
        else f"{reading(remaining, unit)} of {reading(amount, unit)}"
    )
    return f"{share} ({of})" if share else of


def runs_out(facts: Mapping[str, str], now: datetime, zone: ZoneInfo) -> str:
    """`today 23:10 CET (in 3 h)`: when a limit is reached; empty where there is no date."""
    try:
        at = parse_instant(facts.get("exhausts_at", ""))
    except InputError:
        return ""
    when = date_text(at, now, zone)
    named = f"{when} {at.astimezone(zone).tzname()}" if ":" in when else when
    return f"{named} (in {span_text(at - now)})" if at > now else named


def title_of(told: Sequence[NoticeAlert], count: int) -> str:
    """`Replicas fall behind: r1, r2, r3 and 14 more` of one rule; of several the first three titles."""
    if not told:
        return ""
    titles = list(dict.fromkeys(each.title for each in told))
    if len(titles) > 1:
        return _listed(titles, len(titles))
    if count <= 1:
        return titles[0]
    varying = [name for name in told[0].labels if len({each.labels.get(name) for each in told}) > 1]
    names = [" ".join(each.labels.get(name, "") for name in varying) for each in told]
    return f"{titles[0]}: {_listed(list(dict.fromkeys(names)), count)}" if varying else f"{titles[0]} ({count:,})"


def _listed(names: Sequence[str], count: int) -> str:
    shown = names[:NAMED]
    more = count - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _worst(resolved: Sequence[NoticeAlert]) -> str:
    known = [Severity(each.labels["severity"]) for each in resolved if each.labels.get("severity") in set(Severity)]
    return max(known, key=lambda each: RANK[each], default=Severity.WARNING).value


def _taken_words(taken: Acknowledgement | None, now: datetime, zone: ZoneInfo) -> str:
    if taken is None:
        return ""
    until = f" until {date_text(taken.until, now, zone)}" if taken.until is not None else ""
    return f"{taken.who}{until}" + (f": {taken.note}" if taken.note else "")


def _decimal(text: str | None) -> Decimal | None:
    if not text:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
