"""What becomes of one alert at one evaluation: inactive → pending → firing → resolved, and not knowing, which is apart from all of them.

Pure: the same engine runs live and in replay. docs/alert-lifecycle.md has the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from alerts.alert import KEPT, LIVE, Alert, Beat, Event, Happened, episode_of
from roomleft.findings import AlertState, Finding, Looked, Unknown, fingerprint
from roomleft.rules import Rule
from roomleft.wording import span_text

Words = Callable[[Rule, Mapping[str, str], Finding], Mapping[str, str]]
"""Renders a rule's annotations for labels and a finding."""
OUR_FAULT = (Unknown.ERROR, Unknown.OFFLINE, Unknown.READING)
"""Here Roomleft itself could not look. A rule that alerts on missing data must not page for that: Roomleft's own rules do, once."""
REFRESH = timedelta(minutes=1)
NO_DATA_TAKEN_AS_FINE = "no data, which this rule takes as fine"
GONE = "what it was about is there no more"


def as_written(rule: Rule, labels: Mapping[str, str], finding: Finding) -> Mapping[str, str]:
    """The annotations without filling them in: for a replay, which shows none."""
    return rule.annotations


def step(
    rule: Rule, alert: Alert | None, finding: Finding | None, looked: Looked, beat: Beat, words: Words = as_written
) -> tuple[Alert | None, tuple[Event, ...]]:
    """The alert after this evaluation, and what happened to it. Twice at the same beat is once.

    `alert` None: there was none; `finding` None: its label set was not found, although the rule could be told, or nothing could (`looked.unknown`).
    The alert given back is the same object when nothing about it is worth storing, and INACTIVE when it is to be forgotten. Labels are the
    alert's, or the finding's; one of the two must be given unless nothing can be told of the whole rule.
    """
    return _Step(rule, alert, finding, looked, beat, words).taken()


def identity(rule: Rule, finding: Finding | None) -> str:
    """The fingerprint of what a finding is about: its labels without those that the rule itself gives."""
    labels = finding.labels if finding is not None else {}
    return fingerprint({name: value for name, value in labels.items() if name not in rule.labels})


@dataclass(frozen=True, slots=True)
class _Told:
    holds: bool | None
    why: Unknown | None = None
    words: str = ""


class _Step:
    """One step of one alert; `events` gathers."""

    def __init__(
        self, rule: Rule, alert: Alert | None, finding: Finding | None, looked: Looked, beat: Beat, words: Words
    ) -> None:
        self.rule, self.finding, self.looked, self.beat, self.words = rule, finding, looked, beat, words
        self.at = beat.at
        if alert is not None and alert.state is AlertState.RESOLVED and alert.unknown_since is None and _old(alert, self.at):
            alert = None
        self.before = alert
        self.alert = alert
        self.events: list[Event] = []

    def taken(self) -> tuple[Alert | None, tuple[Event, ...]]:
        told = self._told()
        if told.holds is None and (self.rule.on_no_data != "keep"):
            self._not_known(told)
        elif told.holds is None:
            self._kept()
        else:
            self._known()
            if told.holds:
                self._holds(told)
            else:
                self._does_not_hold(told)
        return self._result(), tuple(self.events)

    def _told(self) -> _Told:
        """What the data says of this alert, by the rule's word for missing data."""
        found, fires = self.finding, self.before is not None and self.before.state is AlertState.FIRING
        if self.looked.unknown is not None:
            told = _Told(None, self.looked.unknown, self.looked.words)
        elif found is None:
            return _Told(False, words=GONE)
        else:
            holds = found.still if fires else found.holds
            told = _Told(holds, None if holds is not None else _why(found), found.reason)
        if told.holds is not None or told.why in OUR_FAULT:
            return told
        if self.rule.on_no_data == "alert":
            return _Told(True, told.why, told.words)
        if self.rule.on_no_data == "ok":
            return _Told(False, told.why, NO_DATA_TAKEN_AS_FINE)
        return told

    def _not_known(self, told: _Told) -> None:
        assert told.why is not None, "what cannot be told has a reason"
        alert = self.alert or self._new(AlertState.UNKNOWN, "")
        if alert.state is AlertState.RESOLVED and _old(alert, self.at):
            alert = replace(alert, state=AlertState.UNKNOWN, episode="")
        if alert.unknown_since is None:
            alert = replace(alert, unknown_since=self.at, changed_at=self.at)
            self.alert = replace(alert, unknown_why=told.why, unknown_words=told.words)
            self._note(Happened.UNKNOWN, f"{told.why}: {told.words}" if told.words else str(told.why))
        else:
            self.alert = replace(alert, unknown_why=told.why, unknown_words=told.words)

    def _kept(self) -> None:
        """Nobody knows and the rule wants no word of it; only the time does not count."""
        alert, before = self.alert, self.beat.before
        if alert is not None and alert.evaluated_at < self.at and before is not None:
            self.alert = _later(alert, max(self.at - before, self.rule.interval or timedelta(0)), self.at)

    def _known(self) -> None:
        """It can be told again: the time in which it could not is taken out of what had run."""
        alert = self.alert
        if alert is not None and alert.unknown_since is not None:
            unknown_for = self.at - alert.unknown_since
            held = alert.held_since if unknown_for <= max(self.rule.hold, REFRESH) else self.at
            alert = _later(replace(alert, held_since=held), unknown_for, self.at)
            self.alert = replace(alert, unknown_since=None, unknown_why=None, unknown_words="", changed_at=self.at)
            self._note(Happened.KNOWN, f"after {span_text(unknown_for)}")

    def _holds(self, told: _Told) -> None:
        rule, alert = self.rule, self.alert
        if alert is None or alert.state not in LIVE:
            alert = self._new(AlertState.PENDING, episode_of(rule.rule_id, self._fingerprint(), self.at))
            taken = {} if told.why is None else {"no_data": str(told.why)}
            alert = replace(alert, held_since=self.at, reason=told.words, facts=taken)
            self.alert = self._read(alert)
            if rule.hold > timedelta(0):
                self._note(Happened.PENDING, told.words)
                return
        elif alert.state is AlertState.FIRING:
            self.alert = self._read(replace(alert, cleared_since=None))
            return
        elif self.beat.is_gap(rule.interval) and alert.held_since is not None and alert.held_since < self.at:
            assert self.beat.before is not None, "a gap has two ends"
            self.alert = self._read(replace(alert, held_since=self.at, changed_at=self.at))
            off = span_text(self.at - self.beat.before)
            self._note(Happened.PENDING, f"nothing was evaluated for {off}: its time starts anew")
            return
        else:
            self.alert = alert = self._read(alert)
        held = self.alert
        assert held.held_since is not None, "what holds has held since some instant"
        if self.at - held.held_since >= rule.hold:
            self.alert = replace(held, state=AlertState.FIRING, fired_at=self.at, changed_at=self.at)
            self._note(Happened.FIRING, told.words)

    def _does_not_hold(self, told: _Told) -> None:
        rule, alert = self.rule, self.alert
        if alert is None or alert.state is AlertState.RESOLVED:
            return
        if alert.state is not AlertState.FIRING:
            if alert.state is AlertState.PENDING:
                self.alert = alert = self._read(alert)
                self._note(Happened.LAPSED, told.words)
            self.alert = replace(alert, state=AlertState.INACTIVE, changed_at=self.at)
            return
        # Before a long time unwatched it had not held; whether it did meanwhile nobody saw.
        fresh = alert.cleared_since is None or (self.beat.is_gap(rule.interval) and alert.evaluated_at < self.at)
        since = self.at if fresh or alert.cleared_since is None else alert.cleared_since
        self.alert = alert = self._read(replace(alert, cleared_since=since))
        if self.at - since >= rule.keep_firing_for:
            assert alert.fired_at is not None, "what fires has fired at some instant"
            self.alert = replace(alert, state=AlertState.RESOLVED, resolved_at=self.at, changed_at=self.at)
            lasted = span_text(self.at - alert.fired_at)
            self._note(Happened.RESOLVED, f"after {lasted}: {told.words}" if told.words else f"after {lasted}")

    def _fingerprint(self) -> str:
        return self.before.fingerprint if self.before is not None else identity(self.rule, self.finding)

    def _labels(self) -> Mapping[str, str]:
        found = self.finding.labels if self.finding is not None else self.before.labels if self.before is not None else {}
        return {**found, **self.rule.labels}

    def _new(self, state: AlertState, episode: str) -> Alert:
        return Alert(
            rule_id=self.rule.rule_id, fingerprint=self._fingerprint(), platform=self.rule.platform, severity=self.rule.severity,
            labels=self._labels(), state=state, episode=episode, held_since=None, fired_at=None, cleared_since=None,
            resolved_at=None, unknown_since=None, unknown_why=None, unknown_words="", changed_at=self.at, evaluated_at=self.at,
            reason=self.looked.words, rule_version=self.rule.version,
        )  # fmt: skip

    def _read(self, alert: Alert) -> Alert:
        """The alert with what the finding read, if it could read anything."""
        found = self.finding
        if found is None or found.holds is None:
            return alert
        value, line = _exact(found.value), _exact(found.line)
        worst = alert.worst
        if found.holds and value is not None and (worst is None or _beyond(value, line) > _beyond(worst, alert.line)):
            worst = value
        return replace(
            alert, value=value, line=line, worst=worst, unit=found.unit, reason=found.reason, observed_at=found.observed_at,
            facts=found.facts,
        )  # fmt: skip

    def _result(self) -> Alert | None:
        """The alert as it is to be stored; the one given, if nothing that matters is different."""
        before, alert = self.before, self.alert
        if alert is None or alert.state is AlertState.INACTIVE:
            return alert
        if alert.state is AlertState.RESOLVED and alert is before:
            return alert
        if alert.rule_version != self.rule.version:
            labels = self._labels()
            alert = replace(alert, rule_version=self.rule.version, severity=self.rule.severity, labels=labels)
        if before is not None and not _differs(before, alert):
            return before
        found = self.finding
        new = before is None or before.state is AlertState.UNKNOWN
        if (found is not None and (before is None or _said(before) != _said(alert))) or (new and alert.state in LIVE):
            # What fires because nothing came in has no finding; of what is only unknown there is nothing to fill in.
            found = found or Finding(alert.labels, None, None, reason=alert.reason)
            since = alert.held_since or alert.fired_at
            facts = {**found.facts, "since": since.isoformat()} if since is not None else found.facts
            alert = replace(alert, annotations=self.words(self.rule, alert.labels, replace(found, facts=facts)))
        return replace(alert, evaluated_at=self.at)

    def _note(self, what: Happened, words: str) -> None:
        assert self.alert is not None, "something happens to an alert"
        alert = self.alert
        episode = alert.episode
        self.events.append(
            Event(
                self.at, alert.rule_id, alert.fingerprint, alert.platform, self.rule.severity, episode, what, words, alert.value,
                alert.unit, alert.labels,
            )
        )  # fmt: skip


def _old(alert: Alert, at: datetime) -> bool:
    return alert.resolved_at is not None and at - alert.resolved_at >= KEPT


def _later(alert: Alert, by: timedelta, at: datetime) -> Alert:
    """The timers, `by` later: that time does not count."""
    held = (
        min(alert.held_since + by, at) if alert.held_since is not None and alert.state is AlertState.PENDING else alert.held_since
    )
    cleared = min(alert.cleared_since + by, at) if alert.cleared_since is not None else None
    if alert.state is not AlertState.FIRING:
        cleared = alert.cleared_since
    return replace(alert, held_since=held, cleared_since=cleared)


def _why(finding: Finding) -> Unknown:
    named = finding.facts.get("unknown", "")
    return Unknown(named) if named in set(Unknown) else Unknown.NO_DATA


def _exact(value: Decimal | float | None) -> Decimal | None:
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _beyond(value: Decimal, line: Decimal | None) -> Decimal:
    return abs(value - line) if line is not None else abs(value)


def _said(alert: Alert) -> tuple[object, ...]:
    return (alert.state, alert.value, alert.line, alert.facts, alert.reason, alert.rule_version)


def _differs(before: Alert, alert: Alert) -> bool:
    """Whether the alert is worth storing: anything but newer data that says the same, which is stored each minute."""
    if replace(alert, observed_at=before.observed_at) != before:
        return True
    if alert.observed_at is None or before.observed_at is None:
        return alert.observed_at is not before.observed_at
    return abs(alert.observed_at - before.observed_at) >= REFRESH
