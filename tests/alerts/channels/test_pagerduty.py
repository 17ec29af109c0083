"""PagerDuty Events v2 against a double that keeps the documented rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alerts.channels.answer import Outcome
from alerts.channels.pagerduty import LARGEST_BYTES, alert_event, dedup_key, encoded
from alerts.channels.sending import send
from alerts.notice import Kind
from roomleft.alerting import PagerdutyChannel
from tests.alerts.channels.told import ALERT, KEY, means, notice
from tests.fixtures.pagerduty import PagerDuty

ENV = {"PD_KEY": KEY}


def channel(service: PagerDuty) -> PagerdutyChannel:
    return PagerdutyChannel(kind="pagerduty", routing_key_env="PD_KEY", url=service.url)


def test_a_trigger_says_what_where_and_how_bad(pagerduty: PagerDuty) -> None:
    answer = send(notice(), channel(pagerduty), means(ENV))
    assert (answer.outcome, answer.status) == (Outcome.DELIVERED, "202")
    ((path, event),) = pagerduty.requests
    assert path == "/v2/enqueue"
    payload = event["payload"]
    assert (event["event_action"], event["dedup_key"]) == ("trigger", "thread-1")
    assert payload["summary"] == "[critical] Shop: replicas fall behind — 40 s against 5 s"
    assert (payload["severity"], payload["component"], payload["group"], payload["class"]) == (
        "critical", "database", "shop", "ReplicaLag",
    )  # fmt: skip
    assert payload["timestamp"] == "2026-11-20T11:57:00+00:00"
    assert payload["custom_details"]["alerts"][0]["Runs out"] == "today 23:10"
    assert payload["custom_details"]["changed shortly before"] == ["deploy 1.4.2 of checkout, 11:51"]
    assert [link["text"] for link in event["links"]] == ["Open the alert", "Acknowledge", "Silence", "Runbook", "Dashboard"]


def test_one_key_is_one_incident_until_it_is_resolved(pagerduty: PagerDuty) -> None:
    for kind in (Kind.FIRING, Kind.FIRING, Kind.ACKNOWLEDGED, Kind.FIRING, Kind.RESOLVED):
        assert send(notice(kind), channel(pagerduty), means(ENV)).outcome is Outcome.DELIVERED
    (incident,) = pagerduty.incidents
    assert [event["event_action"] for event in incident.log] == ["trigger", "trigger", "acknowledge", "trigger", "resolve"]
    assert incident.state == "resolved"
    # What comes after a resolve: an acknowledgement or a resolve is dropped there, a trigger opens a new incident.
    send(notice(Kind.RESOLVED), channel(pagerduty), means(ENV))
    assert len(pagerduty.ignored) == 1
    send(notice(), channel(pagerduty), means(ENV))
    assert [each.state for each in pagerduty.incidents] == ["resolved", "triggered"]


def test_a_resolve_says_how_long_and_the_value_at_recovery(pagerduty: PagerDuty) -> None:
    send(notice(Kind.RESOLVED), channel(pagerduty), means(ENV))
    payload = pagerduty.requests[0][1]["payload"]
    assert payload["summary"].endswith("resolved after 14 min")
    assert payload["custom_details"]["alerts"][0]["Value at recovery"] == "2 s"


def test_a_change_never_pages(pagerduty: PagerDuty) -> None:
    change = notice(Kind.CHANGE, title="deploy 1.4.2 of checkout", severity="", alerts=(), firing=0, count=0)
    assert send(change, channel(pagerduty), means(ENV)).outcome is Outcome.DELIVERED
    assert pagerduty.incidents == []
    assert pagerduty.changes[0]["payload"]["summary"] == "Shop: deploy 1.4.2 of checkout"


def test_a_test_leaves_no_incident_open(pagerduty: PagerDuty) -> None:
    send(notice(Kind.TEST, alerts=(), firing=0, count=0), channel(pagerduty), means(ENV))
    assert [each.state for each in pagerduty.incidents] == ["resolved"]


@pytest.mark.parametrize(
    ("order", "outcome", "retry_after_s"),
    [
        (400, Outcome.REFUSED, None),
        (401, Outcome.REFUSED, None),
        (403, Outcome.REFUSED, None),
        (404, Outcome.REFUSED, None),
        (413, Outcome.REFUSED, None),
        (301, Outcome.REFUSED, None),
        (429, Outcome.RETRY, None),
        ((429, {"retry-after": "17"}), Outcome.RETRY, 17.0),
        ((429, {"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}), Outcome.RETRY, 30.0),
        ((503, {"retry-after": "9"}), Outcome.RETRY, 9.0),
        (500, Outcome.RETRY, None),
        (502, Outcome.RETRY, None),
        ("drop", Outcome.UNKNOWN, None),
    ],
)
def test_what_is_worth_another_attempt(pagerduty: PagerDuty, order: Any, outcome: Outcome, retry_after_s: float | None) -> None:
    pagerduty.next_answers = [order]
    answer = send(notice(), channel(pagerduty), means(ENV))
    assert (answer.outcome, answer.retry_after_s) == (outcome, retry_after_s)
    assert answer.reason


def test_silence_is_an_outcome_unknown_within_the_time(pagerduty: PagerDuty) -> None:
    pagerduty.next_answers = ["silence"]
    answer = send(notice(), channel(pagerduty), means(ENV, timeout_s=0.2))
    assert (answer.outcome, answer.reason) == (Outcome.UNKNOWN, "no answer within 0.2 s: it may have been taken")
    assert send(notice(), channel(pagerduty), means(ENV)).outcome is Outcome.DELIVERED
    assert len(pagerduty.incidents) == 1


def test_nobody_there_is_worth_another_attempt() -> None:
    nobody = PagerdutyChannel(kind="pagerduty", routing_key_env="PD_KEY", url="http://127.0.0.1:1")
    answer = send(notice(), nobody, means(ENV))
    assert (answer.outcome, answer.status) == (Outcome.RETRY, "")


@pytest.mark.parametrize(
    ("env", "words"),
    [({}, "the variable PD_KEY is not set"), ({"PD_KEY": "short"}, "the routing key in PD_KEY has 5 characters, not 32")],
)
def test_a_key_that_cannot_work_is_refused_and_said(pagerduty: PagerDuty, env: dict[str, str], words: str) -> None:
    answer = send(notice(), channel(pagerduty), means(env))
    assert answer.outcome is Outcome.REFUSED
    assert answer.reason.startswith(words)
    assert pagerduty.requests == []


def test_what_is_too_long_is_cut_and_accepted(pagerduty: PagerDuty) -> None:
    many = tuple(replace(ALERT, title=f"{i} " + "x" * 70_000, fingerprint=f"{i:016x}") for i in range(100))
    long = notice(title="t" * 5000, thread="k" * 300, alerts=many, firing=100, count=100)
    assert send(long, channel(pagerduty), means(ENV)).outcome is Outcome.DELIVERED
    event = pagerduty.requests[0][1]
    assert len(encoded(alert_event(long, KEY, "roomleft"))) <= LARGEST_BYTES
    assert event["dedup_key"] == dedup_key(long)
    assert len(event["dedup_key"]) == 64
    assert "left out" in event["payload"]["custom_details"]["cut"]
