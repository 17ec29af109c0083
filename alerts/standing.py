"""How alerts stood at an instant of the past, by what had happened until then: where a replay of live history begins. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from alerts.alert import Alert, Event, Happened
from roomleft.findings import AlertState, Unknown


def standing_at(events: Iterable[Event], at: datetime) -> list[Alert]:
    """The alerts that were pending, firing, unknown or over just before `at`. `events` oldest first. Since when a firing one had not held is not
    known; a replay that begins `keep_firing_for` earlier than what counts need not know it."""
    held: dict[tuple[str, str], Alert] = {}
    for event in events:
        if event.at >= at:
            break
        key = event.rule_id, event.fingerprint
        alert = _after(held.get(key), event)
        if alert is None:
            held.pop(key, None)
        else:
            held[key] = alert
    return list(held.values())


def _after(alert: Alert | None, event: Event) -> Alert | None:
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
            return known if known.state is not AlertState.UNKNOWN else None
        case _:
            return None
