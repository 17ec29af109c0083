"""Alertmanager: each alert apart, with its own end, as its API takes them; the real one is asked in the tests marked peers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.channels.alertmanager import alert_of, alive_until, labels_of
from alerts.channels.answer import Outcome
from alerts.channels.sending import send
from alerts.notice import Kind
from roomleft.alerting import AlertmanagerChannel
from tests.alerts.channels.told import ALERT, means, notice
from tests.fixtures.alertmanager import AlertmanagerPeer
from tests.fixtures.clock import NOON
from tests.fixtures.hook import Hook
from tests.fixtures.postgres import until


@pytest.mark.parametrize(("interval_s", "lives_s"), [(15, 240), (60, 240), (300, 1200)])
def test_an_alert_lives_four_times_the_longer_of_interval_and_resend(interval_s: int, lives_s: int) -> None:
    assert alive_until(NOON, timedelta(seconds=interval_s)) == NOON + timedelta(seconds=lives_s)


def test_each_alert_is_sent_apart(hook: Hook) -> None:
    other = replace(ALERT, fingerprint="f" * 16, labels={**ALERT.labels, "region": "eu", "empty": "", "bad name": "x"})
    over = replace(ALERT, fingerprint="e" * 16, state="resolved", resolved_at=NOON - timedelta(seconds=5))
    made = notice(alerts=(ALERT, other, over), firing=2, resolved=1, count=3)
    channel = AlertmanagerChannel(kind="alertmanager", url=f"{hook.url}/am/", token_env="AM")
    assert send(made, channel, means({"AM": "0123456789"})).outcome is Outcome.DELIVERED
    (request,) = hook.requests
    assert (request.path, request.headers["authorization"]) == ("/am/api/v2/alerts", "Bearer 0123456789")
    first, second, third = json.loads(request.body)
    assert first["labels"] == ALERT.labels
    assert second["labels"] == {**ALERT.labels, "region": "eu"}
    assert (first["startsAt"], first["endsAt"]) == ("2026-11-20T11:57:00Z", "2026-11-20T12:04:00Z")
    assert third["endsAt"] == "2026-11-20T11:59:55Z"
    assert first["generatorURL"] == ALERT.links["alert"]
    assert first["annotations"]["summary"] == ALERT.summary
    assert first["annotations"]["runbook_url"] == ALERT.links["runbook"]


def test_the_identity_is_the_same_while_it_fires_and_when_it_is_over() -> None:
    bare = replace(ALERT, labels={"alertname": "A", "severity": "warning"})
    assert labels_of(bare, notice()) == labels_of(bare, notice(Kind.RESOLVED, severity="info"))


def test_an_alert_from_a_clock_that_runs_ahead_does_not_begin_in_the_future() -> None:
    ahead = replace(ALERT, since=NOON + timedelta(hours=1), state="resolved", resolved_at=NOON + timedelta(hours=2))
    made = alert_of(ahead, notice(Kind.RESOLVED), NOON, NOON)
    assert made["startsAt"] == made["endsAt"] == "2026-11-20T12:00:00Z"


@pytest.mark.parametrize("kind", [Kind.ACKNOWLEDGED, Kind.CHANGE])
def test_what_it_does_not_know_is_not_sent(hook: Hook, kind: Kind) -> None:
    answer = send(notice(kind), AlertmanagerChannel(kind="alertmanager", url=hook.url), means())
    assert (answer.outcome, hook.requests) == (Outcome.DELIVERED, [])


@pytest.mark.peers
def test_a_real_alertmanager_shows_it_firing_and_then_over(alertmanager: AlertmanagerPeer) -> None:
    now = datetime.now(UTC)
    firing = replace(ALERT, since=now - timedelta(minutes=3))
    channel = AlertmanagerChannel(kind="alertmanager", url=alertmanager.url)
    assert send(notice(alerts=(firing,)), channel, means(now=now)).outcome is Outcome.DELIVERED
    until(lambda: alertmanager.names() == ["ReplicaLag"])
    (shown,) = alertmanager.alerts()
    assert shown["labels"] == ALERT.labels
    assert shown["generatorURL"] == ALERT.links["alert"]
    assert datetime.fromisoformat(shown["endsAt"]) == now.replace(microsecond=now.microsecond // 1000 * 1000) + timedelta(
        minutes=4
    )
    over = replace(firing, state="resolved", resolved_at=now, lasted_s=180.0)
    assert send(notice(Kind.RESOLVED, alerts=(over,)), channel, means(now=now)).outcome is Outcome.DELIVERED
    until(lambda: alertmanager.names() == [])
    assert send(notice(Kind.TEST, alerts=()), channel, means(now=now)).outcome is Outcome.DELIVERED


@pytest.mark.peers
def test_a_real_alertmanager_refuses_what_is_no_alert(alertmanager: AlertmanagerPeer) -> None:
    nameless = replace(ALERT, labels={}, rule_id="")
    answer = send(
        notice(alerts=(nameless,), severity="", platform=""),
        AlertmanagerChannel(kind="alertmanager", url=alertmanager.url),
        means(),
    )
    assert (answer.outcome, answer.status) == (Outcome.REFUSED, "400")
