"""What the buttons of an alert's page do: take it on, and silence it for an hour."""

from __future__ import annotations

from datetime import timedelta

from alerts.acknowledgements import Acknowledgements
from alerts.alert import Alert
from alerts.silences import Draft, Silences
from dashboards.alert_words import matchers_of
from dashboards.parts import Parts

HOUR = timedelta(hours=1)


def acknowledge(parts: Parts, alert: Alert, note: str, who: str) -> None:
    """Take the episode on. Raises InputError for one that does not fire."""
    Acknowledgements(parts.state).take(alert.episode, who=who, now=parts.clock.now(), note=note, source="page")
    parts.responded()


def silence(parts: Parts, alert: Alert, note: str, who: str) -> None:
    """Silence this very alert for an hour. Raises InputError where one with the same matchers holds already."""
    now = parts.clock.now()
    draft = Draft(tuple(matchers_of(alert.labels)), now + HOUR, note=note)
    Silences(parts.state).add(draft, who=who, now=now)
    parts.responded()
