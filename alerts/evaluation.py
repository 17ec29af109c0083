"""One evaluation of every rule: each label set's alert takes its step. Pure: what was found goes in, what changed comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from alerts.alert import Alert, Beat, Event, Happened
from alerts.lifecycle import OUR_FAULT, Words, as_written, identity, step
from roomleft.findings import AlertState, Finding, Looked, Unknown
from roomleft.rules import Rule, Rules

NOT_LOOKED = Looked(unknown=Unknown.ERROR, words="nothing was said of this rule")


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an evaluation came to: alerts to store (INACTIVE ones to forget), what happened in order, and every alert as it stands after it."""

    changes: tuple[Alert, ...]
    events: tuple[Event, ...]
    alerts: tuple[Alert, ...]
    rules: int
    """How many had their turn."""
    findings: int

    def count(self, state: AlertState) -> int:
        """How many alerts are in a state."""
        return sum(alert.state is state for alert in self.alerts)

    @property
    def unknown(self) -> int:
        """How many alerts nobody knows of, those that fire among them."""
        return sum(alert.unknown_since is not None for alert in self.alerts)


def evaluate(
    rules: Rules, looks: Mapping[str, Looked], alerts: Iterable[Alert], beat: Beat, words: Words = as_written
) -> Evaluated:
    """Every rule that is due takes its step; alerts whose rule is gone are withdrawn."""
    held: dict[str, dict[str, Alert]] = {}
    for alert in alerts:
        held.setdefault(alert.rule_id, {})[alert.fingerprint] = alert
    changes: list[Alert] = []
    events: list[Event] = []
    after: list[Alert] = []
    due = {rule_id: rule for rule_id, rule in rules.items() if beat.is_due(rule.interval)}
    findings = 0
    for rule_id, rule in rules.items():
        mine = held.pop(rule_id, {})
        if rule_id not in due:
            after.extend(mine.values())
            continue
        looked = looks.get(rule_id, NOT_LOOKED)
        findings += len(looked.findings)
        for before, (now, happened) in rule_steps(rule, looked, mine, beat, words):
            if now is None:
                continue
            if now is not before:
                changes.append(now)
                events.extend(happened)
            if now.state is not AlertState.INACTIVE:
                after.append(now)
    for left in (alert for mine in held.values() for alert in mine.values()):
        gone, happened = withdraw(left, beat)
        if gone is not left:
            changes.append(gone)
            events.extend(happened)
        if gone.state is not AlertState.INACTIVE:
            after.append(gone)
    return Evaluated(tuple(changes), tuple(events), tuple(after), len(due), findings)


def rule_steps(
    rule: Rule, looked: Looked, mine: Mapping[str, Alert], beat: Beat, words: Words = as_written
) -> Iterable[tuple[Alert | None, tuple[Alert | None, tuple[Event, ...]]]]:
    """Every alert and every finding of one rule: the alert before, and what `step` gives."""
    if looked.unknown is not None:
        yield from _nothing_told(rule, looked, mine, beat, words)
        return
    if not mine:
        # The usual case by far: nothing holds and nothing did.
        told = [each for each in looked.findings if each.holds or (each.holds is None and rule.on_no_data not in ("keep", "ok"))]
    else:
        told = list(looked.findings)
    seen: dict[str, Finding] = {}
    for finding in told:
        key = identity(rule, finding)
        if key not in seen or (finding.holds and not seen[key].holds):
            seen[key] = finding
    for key, finding in seen.items():
        before = mine.get(key)
        yield before, step(rule, before, finding, looked, beat, words)
    for key, alert in mine.items():
        if key not in seen:
            yield alert, step(rule, alert, None, looked, beat, words)


def _nothing_told(
    rule: Rule, looked: Looked, mine: Mapping[str, Alert], beat: Beat, words: Words
) -> Iterable[tuple[Alert | None, tuple[Alert | None, tuple[Event, ...]]]]:
    """Of a rule that nothing can be told of: what fires, waits or is unknown takes its step; what is over stays. With nothing to hold on to one
    alert says so, not one a label set."""
    alone = None
    if not any(alert.state is not AlertState.RESOLVED for alert in mine.values()):
        alone = identity(rule, None)
        silent = rule.on_no_data in ("keep", "ok") and looked.unknown not in OUR_FAULT
        if alone not in mine and not silent:
            yield None, step(rule, None, None, looked, beat, words)
    for alert in mine.values():
        if alert.state is not AlertState.RESOLVED or alert.fingerprint == alone:
            yield alert, step(rule, alert, None, looked, beat, words)
        else:
            yield alert, (alert, ())


def withdraw(alert: Alert, beat: Beat) -> tuple[Alert, tuple[Event, ...]]:
    """An alert whose rule is gone: over, if it fired; else forgotten."""
    if alert.state is AlertState.RESOLVED and alert.unknown_since is None:
        return alert, ()
    fires = alert.state in (AlertState.FIRING, AlertState.RESOLVED)
    after = replace(
        alert, state=AlertState.RESOLVED if fires else AlertState.INACTIVE, resolved_at=alert.resolved_at if alert.state is AlertState.RESOLVED else beat.at,
        unknown_since=None, unknown_why=None, unknown_words="", changed_at=beat.at, evaluated_at=beat.at,
    )  # fmt: skip
    event = Event(
        beat.at, alert.rule_id, alert.fingerprint, alert.platform, alert.severity, alert.episode, Happened.WITHDRAWN,
        "its rule is not in force any more", alert.value, alert.unit, alert.labels,
    )  # fmt: skip
    return after, (event,)
