"""The lifecycle of one alert, as scripts: what is found at each beat of 15 s, and what happens then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from alerts.alert import Alert, Beat, Happened, episode_of
from alerts.evaluation import evaluate
from alerts.lifecycle import step
from roomleft.findings import AlertState, Finding, Looked, Severity, Unknown, fingerprint
from tests.alerts.made import EVERY, FINE, NO_DATA, NOON, Run, finding, looked, rule

S = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
OFFLINE = Looked(unknown=Unknown.OFFLINE, words="the collector is offline")
BROKEN = Looked(unknown=Unknown.ERROR, words="the query failed")
SCRIPT = {"+": looked(True, 150.0), "-": looked(False, 50.0), "?": NO_DATA, "o": FINE, "x": BROKEN, "!": OFFLINE}
"""Holds, does not, cannot be told, its label set is gone, an error, nobody could look."""
ONE_BEAT, TWO_BEATS = 15 * S, 30 * S


@pytest.mark.parametrize(
    ("given", "script", "happens"),
    [
        pytest.param({}, "--", ["", ""], id="nothing"),
        pytest.param({}, "+-", ["firing", "resolved"], id="at once"),
        pytest.param({}, "+o", ["firing", "resolved"], id="the series ended"),
        pytest.param({"hold": TWO_BEATS}, "+++-", ["pending", "", "firing", "resolved"], id="for"),
        pytest.param({"hold": TWO_BEATS}, "++-+++", ["pending", "", "lapsed", "pending", "", "firing"], id="for starts anew"),
        pytest.param({"hold": TWO_BEATS}, "+o", ["pending", "lapsed"], id="a pending series ended"),
        pytest.param({"keep_firing_for": TWO_BEATS}, "+---", ["firing", "", "", "resolved"], id="keep firing"),
        pytest.param({"keep_firing_for": TWO_BEATS}, "+--+---", ["firing", "", "", "", "", "", "resolved"], id="kept firing, no flap"),
        pytest.param({}, "+-+-", ["firing", "resolved", "firing", "resolved"], id="two episodes"),
        pytest.param({}, "+??+-", ["firing", "unknown", "", "known", "resolved"], id="unknown while firing"),
        pytest.param({}, "+?-", ["firing", "unknown", "known resolved"], id="known again and over"),
        pytest.param({}, "?-", ["unknown", "known"], id="unknown and then fine"),
        pytest.param({}, "??+", ["unknown", "", "known firing"], id="unknown and then firing"),
        pytest.param({}, "+-?-+", ["firing", "resolved", "unknown", "known", "firing"], id="unknown after it was over"),
        pytest.param({"hold": TWO_BEATS}, "+?+++", ["pending", "unknown", "known", "firing", ""], id="unknown time does not count"),
        pytest.param({"keep_firing_for": TWO_BEATS}, "+-?---", ["firing", "", "unknown", "known", "resolved", ""], id="nor for keep"),
        pytest.param({"on_no_data": "keep"}, "+?-", ["firing", "", "resolved"], id="keep says no word"),
        pytest.param({"on_no_data": "keep", "hold": TWO_BEATS}, "+??+++", ["pending", "", "", "", "firing", ""], id="keep waits too"),
        pytest.param({"on_no_data": "keep"}, "?-", ["", ""], id="keep of nothing"),
        pytest.param({"on_no_data": "ok"}, "+?", ["firing", "resolved"], id="no data is fine"),
        pytest.param({"on_no_data": "ok"}, "?+", ["", "firing"], id="no data was fine"),
        pytest.param({"on_no_data": "alert"}, "?-", ["firing", "resolved"], id="no data fires"),
        pytest.param({"on_no_data": "alert", "hold": ONE_BEAT}, "+?", ["pending", "firing"], id="no data goes on"),
        pytest.param({"on_no_data": "alert"}, "x!-", ["unknown", "", "known"], id="an error is not missing data"),
        pytest.param({"on_no_data": "ok"}, "+x-", ["firing", "unknown", "known resolved"], id="nor is it fine"),
        pytest.param({"on_no_data": "keep"}, "!-", ["", ""], id="keep hides even that"),
    ],
)  # fmt: skip
def test_a_script(given: dict[str, Any], script: str, happens: list[str]) -> None:
    run = Run(rule(**given))
    assert [" ".join(run.beat(SCRIPT[each])) for each in script] == happens


@pytest.mark.parametrize("script", ["+-+?-", "?+-", "+++--", "+!+"])
@pytest.mark.parametrize(
    "given", [{}, {"hold": ONE_BEAT}, {"keep_firing_for": ONE_BEAT}, {"on_no_data": "keep", "hold": ONE_BEAT}]
)
def test_the_same_beat_twice_is_once(given: dict[str, Any], script: str) -> None:
    run = Run(rule(**given))
    for each in script:
        before = run.before
        run.beat(SCRIPT[each])
        again = evaluate(run.rules, dict.fromkeys(run.rules, SCRIPT[each]), run.alerts, Beat(run.at, before, EVERY))
        assert (again.events, again.changes) == ((), ())
        assert again.alerts == run.alerts


def test_a_hysteresis_line_is_asked_only_of_what_fires() -> None:
    run = Run(rule())
    near = looked(False, 95.0, still=True)
    assert run.beat(near) == []
    assert run.beat(looked(True, 120.0)) == ["firing"]
    assert run.beats(near, 5 * MINUTE) == []
    assert run.beat(looked(False, 60.0)) == ["resolved"]


def test_what_is_told_of_an_episode() -> None:
    run = Run(rule(hold=TWO_BEATS, labels={"team": "data"}))
    for value in (120.0, 300.0, 180.0):
        run.beat(looked(True, value, replica="b"))
    alert = run.one
    assert alert.episode == episode_of("shop.QueriesAreSlow", fingerprint({"replica": "b"}), NOON)
    assert (alert.held_since, alert.fired_at, alert.value, alert.worst) == (
        NOON,
        NOON + 30 * S,
        Decimal("180.0"),
        Decimal("300.0"),
    )
    assert alert.labels == {
        "replica": "b", "team": "data", "alertname": "QueriesAreSlow", "platform": "shop", "severity": "warning",
    }  # fmt: skip
    run.beat(looked(False, 40.0, replica="b"), after=6 * MINUTE)
    over = run.events[-1]
    assert (over.value, over.unit, over.words) == (Decimal("40.0"), "ms", "after 6\u202fmin: it is fast")
    assert {event.episode for event in run.events} == {alert.episode}


def test_the_worst_of_what_must_not_fall() -> None:
    run = Run(rule())
    for value in (90.0, 20.0, 60.0):
        run.beat(Looked((Finding({}, True, True, value, 100.0),)))
    assert run.one.worst == Decimal("20.0")


def test_annotations_are_filled_in_again_only_when_something_else_is_said() -> None:
    asked: list[object] = []

    def words(rule: object, labels: object, found: Finding) -> dict[str, str]:
        asked.append(found.value)
        return {"summary": f"{found.value}"}

    slow = rule()
    alert: Alert | None = None
    before: datetime | None = None
    for at, value in enumerate((150.0, 150.0, 160.0)):
        beat = Beat(NOON + at * EVERY, before, EVERY)
        alert, _ = step(slow, alert, finding(True, value), FINE, beat, words)
        before = beat.at
    assert asked == [150.0, 160.0]
    assert alert is not None
    assert alert.annotations == {"summary": "160.0"}


def test_label_sets_go_their_own_ways() -> None:
    run = Run(rule())
    both = Looked((finding(True, replica="a"), finding(False, replica="b")))
    assert run.beat(both) == ["firing"]
    assert run.beat(Looked((finding(False, replica="a"), finding(True, replica="b")))) == ["resolved", "firing"]
    assert run.beat(Looked((finding(None, replica="b"), finding(False, replica="a")))) == ["unknown"]
    fires = next(alert for alert in run.alerts if alert.state is AlertState.FIRING)
    assert (fires.labels["replica"], fires.unknown_why, fires.unknown_words) == ("b", Unknown.NO_DATA, "nothing came in")


def test_nothing_told_of_a_rule_with_a_thousand_label_sets_is_one_unknown() -> None:
    run = Run(rule())
    many = Looked(tuple(finding(False, user=str(each)) for each in range(1000)))
    run.beat(many)
    assert run.beat(NO_DATA) == ["unknown"]
    assert [(alert.state, alert.unknown_why) for alert in run.alerts] == [(AlertState.UNKNOWN, Unknown.NO_DATA)]
    assert run.beat(many) == ["known"]
    assert run.alerts == ()


def test_a_rule_with_an_interval_of_its_own_has_its_turn_once_in_each_slot() -> None:
    run = Run(rule(interval=MINUTE))
    run.beat(FINE)
    turns = []
    for _ in range(12):
        run.beat(FINE)
        assert run.newest is not None
        turns.append(run.newest.rules)
    assert turns == [0, 0, 0, 1] * 3


def test_a_rule_that_nothing_was_said_of_is_unknown() -> None:
    run = Run(rule())
    assert run.beat({}) == ["unknown"]
    assert run.one.unknown_why is Unknown.ERROR


def test_a_rule_that_is_gone_withdraws_its_alerts() -> None:
    run = Run(rule(), rule("Other", hold=MINUTE), rule("Third"))
    run.beat({"shop.QueriesAreSlow": looked(True), "shop.Other": looked(True), "shop.Third": NO_DATA})
    run.rules = {}
    assert run.beat({}) == ["withdrawn"] * 3
    assert run.states == [AlertState.RESOLVED]
    assert run.beat({}) == []


def test_a_changed_rule_goes_on_with_its_episode() -> None:
    run = Run(rule())
    run.beat(looked(True, replica="b"))
    began = run.one
    run.rules = {"shop.QueriesAreSlow": rule(severity=Severity.CRITICAL, labels={"team": "data"}, version="2")}
    assert run.beat(looked(True, replica="b")) == []
    now = run.one
    assert (now.episode, now.fired_at, now.state) == (began.episode, began.fired_at, AlertState.FIRING)
    assert (now.severity, now.labels["severity"], now.labels["team"], now.rule_version) == (
        Severity.CRITICAL,
        "critical",
        "data",
        "2",
    )


def test_a_resolved_alert_is_let_go_of_after_a_day() -> None:
    run = Run(rule())
    run.beat(looked(True))
    run.beat(looked(False))
    run.beat(looked(False), after=timedelta(days=2))
    assert run.beat(NO_DATA) == ["unknown"]
    assert (run.one.state, run.one.episode) == (AlertState.UNKNOWN, "")


def test_a_long_unknown_is_no_part_of_a_pending_time() -> None:
    run = Run(rule(hold=2 * MINUTE))
    run.beats(looked(True), MINUTE)
    run.beats(NO_DATA, 10 * MINUTE)
    assert run.beats(looked(True), 2 * MINUTE) == ["known"]
    assert run.beat(looked(True)) == ["firing"]


def test_a_clock_set_back_takes_the_timers_with_it() -> None:
    run = Run(rule(hold=2 * MINUTE))
    run.beats(looked(True), MINUTE)
    moved = run.one.moved(timedelta(hours=-3))
    assert moved.held_since == NOON - timedelta(hours=3)
    run.alerts, run.at, run.before = (moved,), run.at - timedelta(hours=3), run.at - timedelta(hours=3)
    happened = run.beats(looked(True), 75 * S)
    assert happened == ["firing"]


@pytest.mark.parametrize(
    ("passed", "gap", "missed"),
    [(15, False, 0), (29, False, 0), (31, False, 1), (60, False, 3), (61, True, 3), (3600, True, 239)],
)
def test_missed_evaluations_and_gaps(passed: int, gap: bool, missed: int) -> None:
    beat = Beat(NOON + passed * S, NOON, EVERY)
    assert (beat.is_gap(), beat.missed) == (gap, missed)
    assert not Beat(NOON + passed * S, NOON, EVERY).is_gap(timedelta(hours=1))
    assert Beat(NOON, None, EVERY).missed == 0


def test_a_beat_without_news_changes_nothing_to_store() -> None:
    run = Run(rule())
    first = Looked((replace(finding(True, 150.0), observed_at=NOON),))
    run.beat(first)
    assert run.newest is not None
    run.beat(Looked((replace(finding(True, 150.0), observed_at=NOON + 15 * S),)))
    assert not run.newest.changes
    run.beat(Looked((replace(finding(True, 150.0), observed_at=NOON + 60 * S),)))
    newest = run.newest
    assert newest is not None
    assert [each.observed_at for each in list(newest.changes)] == [NOON + 60 * S]
    assert Happened.FIRING in {event.what for event in run.events}
