"""One alert from its first finding to its second page, through real stores and a PagerDuty that knows incidents. The server restarts after each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.acknowledgements import Acknowledgements
from alerts.alert import Alert
from alerts.pipeline import flush
from jobs.alert import Evaluating
from jobs.deliver import Deliverer
from roomleft.alerting import Alerting
from roomleft.findings import Looked, Severity
from tests.alerts.made import EVERY, NO_DATA, NOON, looked, rule
from tests.fixtures.pagerduty import PagerDuty
from tests.jobs.alert_site import Site

MINUTE = timedelta(minutes=1)
SLOW, FAST = looked(True, 812.0), looked(False, 40.0)


class Walk:
    """A server that evaluates, tells and delivers, and is another process at each step."""

    def __init__(self, folder: Path, service: PagerDuty) -> None:
        self.service = service
        self.site = Site(folder, rule(hold=MINUTE, severity=Severity.CRITICAL))
        channel = {"kind": "pagerduty", "routing_key_env": "PD_KEY", "url": service.url}
        self.alerting = Alerting.model_validate(
            {
                "receivers": [{"name": "oncall", "channels": [channel]}],
                "routes": [{"receiver": "oncall", "repeat_interval": "4h"}],
            }
        )

    def step(self, found: Looked, after: timedelta = EVERY) -> list[tuple[int, str]]:
        """One evaluation by a new process; what PagerDuty was sent: the incident and the action."""
        sent = len(self.actions)
        self.site.restart()
        self.site.evaluating = self.evaluating()
        deliverer = Deliverer(self.site.state, lambda: self.alerting, {"PD_KEY": "R" * 32}.get, self.site.clock)
        try:
            self.site.beat(found, after)
            deliverer.pump()
            assert deliverer.idle()
        finally:
            deliverer.stop()
        return self.actions[sent:]

    def evaluating(self) -> Evaluating:
        state = self.site.state

        def tell(alerts: Sequence[Alert], at: datetime) -> int:
            return len(flush(state, self.alerting, alerts, at))

        return self.site.made(tell=tell)

    def steps(self, found: Looked, span: timedelta) -> list[tuple[int, str]]:
        return [each for _ in range(span // EVERY) for each in self.step(found)]

    @property
    def actions(self) -> list[tuple[int, str]]:
        """What was sent, by when the incident was: (its place, the action)."""
        log = [(event["payload"]["custom_details"]["made at"], number, event["event_action"])
               for number, incident in enumerate(self.service.incidents) for event in incident.log]  # fmt: skip
        return [(number, action) for _, number, action in sorted(log)]

    @property
    def alert(self) -> Alert:
        (found,) = self.site.book.active()
        return found


@pytest.fixture
def walk(tmp_path: Path, pagerduty: PagerDuty) -> Iterator[Walk]:
    walk = Walk(tmp_path, pagerduty)
    yield walk
    walk.site.leave()


def test_one_alert_from_its_first_finding_to_its_second_page(walk: Walk) -> None:
    assert walk.step(FAST) == []
    assert walk.step(SLOW) == []
    pending = walk.alert
    assert walk.steps(SLOW, MINUTE - EVERY) == [], "its minute is not over, and a restart neither shortens nor lengthens it"
    assert walk.step(SLOW) == [(0, "trigger")]
    first = walk.alert
    assert (first.fired_at, first.held_since) == (walk.site.clock.now(), walk.site.clock.now() - MINUTE)
    assert first.episode == pending.episode
    assert walk.step(SLOW) == [], "told once"
    assert walk.steps(NO_DATA, 2 * EVERY) == [], "nobody knows: neither over nor told again"
    assert walk.step(SLOW) == [], "known again, and told already"
    Acknowledgements(walk.site.state).take(first.episode, who="ana", now=walk.site.clock.now())
    assert walk.step(SLOW) == [(0, "acknowledge")]
    assert walk.step(SLOW, timedelta(hours=5)) == [], "somebody has it: a repeat that falls due is left out"
    assert walk.step(FAST) == [(0, "resolve")]
    assert walk.step(FAST) == []
    assert walk.step(SLOW) == []
    assert walk.steps(SLOW, MINUTE) == [(1, "trigger")], "the second page: nobody has taken this one on"
    second = walk.alert
    assert second.episode != first.episode
    incidents = walk.service.incidents
    assert [each.state for each in incidents] == ["resolved", "triggered"]
    assert len({each.dedup_key for each in incidents}) == 1, "one key for one rule and its labels"
    assert walk.service.ignored == walk.service.refused == []
    assert walk.step(SLOW, timedelta(hours=4, minutes=1)) == [(1, "trigger")], "the repeat updates the incident that is open"
    assert [each.what.value for each in walk.site.events()] == [
        "pending", "firing", "unknown", "known", "resolved", "pending", "firing",
    ]  # fmt: skip
    (noted, *_) = walk.site.noted()
    assert noted["evaluated_at"] == NOON + EVERY
