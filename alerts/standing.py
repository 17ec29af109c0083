"""How alerts stood at an instant of the past, by what had happened until then: where a replay of live history begins. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.alert import Alert, Event, Happened
from alerts.lifecycle import REFRESH
from roomleft.findings import AlertState, Unknown
from roomleft.rules import Rules


def standing_at(events: Iterable[Event], at: datetime, rules: Rules | None = None) -> list[Alert]:
    """The alerts that were pending, firing, unknown or over just before `at`. `events` oldest first. Since when a firing one had not held is not
    told by events; who follows it for longer than its rule's `keep_firing_for` knows. `rules` tell how long an unknown time starts a pending one anew."""
    held: dict[tuple[str, str], Alert] = {}
    for event in events:
        if event.at >= at:
            break
        key = event.rule_id, event.fingerprint
        rule = rules.get(event.rule_id) if rules else None
        alert = _after(held.get(key), event, rule.hold if rule is not None else REFRESH)
        if alert is None:
            held.pop(key, None)
        else:
            held[key] = alert
    return list(held.values())


def _after(alert: Alert | None, event: Event, hold: timedelta) -> Alert | None:
    alert = alert or Alert(
        event.rule_id, event.fingerprint, event.platform, event.severity, event.labels, AlertState.INACTIVE, "", None, None, None, None,
        None, None, "", event.at, event.at,
    )  # fmt: skip
    alert = replace(alert, changed_at=event.at, evaluated_at=event.at)
    match event.what:
        case Happened.PENDING:
            return replace(alert, state=AlertState.PENDING, episode=event.episode, held_since=event.at, resolved_at=None)
        case Happened.FIRING:
            held = alert.held_since if alert.state is AlertState.PENDING else event.at
            return replace(
                alert, state=AlertState.FIRING, episode=event.episode, held_since=held, fired_at=event.at, resolved_at=None
            )
        case Happened.RESOLVED:
            return replace(alert, state=AlertState.RESOLVED, resolved_at=event.at, cleared_since=None)
        case Happened.UNKNOWN:
            state = AlertState.UNKNOWN if alert.state is AlertState.INACTIVE else alert.state
            return replace(alert, state=state, unknown_since=event.at, unknown_why=Unknown.NO_DATA)
        case Happened.KNOWN:
            known = replace(alert, unknown_since=None, unknown_why=None)
            if known.state is AlertState.PENDING and known.held_since is not None and alert.unknown_since is not None:
                unknown_for = event.at - alert.unknown_since
                long = unknown_for > max(hold, REFRESH)
                known = replace(known, held_since=event.at if long else min(known.held_since + unknown_for, event.at))
            return known if known.state is not AlertState.UNKNOWN else None
        case _:
            return None
