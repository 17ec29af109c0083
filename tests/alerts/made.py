"""Rules and findings for tests of the lifecycle, and a run of evaluations over them on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from alerts.alert import Alert, Beat, Event
from alerts.evaluation import Evaluated, evaluate
from roomleft.findings import AlertState, Finding, Looked, Severity, Unknown
from roomleft.rules import Rule
from roomleft.rules_when import MeterIs

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVERY = timedelta(seconds=15)
NO_DATA = Looked(unknown=Unknown.NO_DATA, words="nothing came in")
FINE = Looked()


def rule(alert: str = "QueriesAreSlow", platform: str = "shop", **more: Any) -> Rule:
    """A rule; `hold` and `keep_firing_for` are 0 unless given."""
    severity = more.pop("severity", Severity.WARNING)
    labels = {"alertname": alert, "platform": platform, "severity": str(severity)} | more.pop("labels", {})
    given: dict[str, Any] = {
        "title": "Queries are slow", "group": "g", "when": MeterIs(meter="query_time", above=Decimal(100)), "hold": timedelta(0),
        "keep_firing_for": timedelta(0), "on_no_data": "unknown", "component": "", "owner": "", "annotations": {}, "runbook": "r",
        "interval": None, "query_offset": timedelta(0), "limit": None, "fired_by": (), "where": "shop.rules.yaml:1", "version": "1",
    }  # fmt: skip
    return Rule(rule_id=f"{platform}.{alert}", platform=platform, alert=alert, severity=severity, labels=labels, **(given | more))


def finding(holds: bool | None, value: float | None = None, still: bool | None = None, **labels: str) -> Finding:
    """What is found of one label set; `still` as `holds` unless given."""
    reason = "it is slow" if holds else "it is fast" if holds is False else "nothing came in"
    return Finding(labels, holds, holds if still is None else still, value, 100.0, "ms", reason)


def looked(holds: bool | None, value: float | None = None, **more: Any) -> Looked:
    """A rule of one finding."""
    return Looked((finding(holds, value, **more),))


class Run:
    """Evaluations one after another. `rules` may be replaced between them, as a reload does."""

    def __init__(self, *rules: Rule, at: datetime = NOON) -> None:
        self.rules = {each.rule_id: each for each in rules}
        self.at = at
        self.before: datetime | None = None
        self.alerts: tuple[Alert, ...] = ()
        self.events: list[Event] = []
        self.newest: Evaluated | None = None

    def beat(self, found: Looked | Mapping[str, Looked], after: timedelta = EVERY) -> list[str]:
        """One evaluation, `after` the one before; what happened, as words."""
        if self.before is not None:
            self.at += after
        looks = found if isinstance(found, Mapping) else dict.fromkeys(self.rules, found)
        self.newest = evaluate(self.rules, looks, self.alerts, Beat(self.at, self.before, EVERY))
        self.alerts, self.before = self.newest.alerts, self.at
        self.events += self.newest.events
        return [str(event.what) for event in self.newest.events]

    def beats(self, found: Looked | Mapping[str, Looked], span: timedelta) -> list[str]:
        """Evaluations at every interval for so long; all that happened."""
        return [what for _ in range(span // EVERY) for what in self.beat(found)]

    @property
    def one(self) -> Alert:
        """The only alert there is."""
        assert len(self.alerts) == 1, self.alerts
        return self.alerts[0]

    @property
    def states(self) -> list[AlertState]:
        return [alert.state for alert in self.alerts]
