"""The alert job: what it stores, what it counts, and what it does when something is away. What users of other systems met is in tests/cases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from alerts.alert import Beat
from analytics.conditions import Found
from jobs.alert import ALERT, DELIVER, alert_job
from roomleft.errors import StoreConflict, StoreError
from roomleft.findings import AlertState, Looked, Unknown
from roomleft.metrics import REGISTRY
from roomleft.rules_when import OwnIs
from tests.alerts.made import EVERY, NO_DATA, NOON, finding, looked, rule
from tests.jobs.alert_site import Site

MINUTE = timedelta(minutes=1)
SLOW, OTHER = "shop.QueriesAreSlow", "shop.Other"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """One with a rule that waits for a minute and one that does not."""
    made = Site(tmp_path, rule(hold=MINUTE), rule("Other"))
    yield made
    made.leave()


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"roomleft_{name}", labels) or 0.0


def test_an_evaluation_is_noted_stored_and_handed_on(site: Site) -> None:
    did = site.beat({SLOW: looked(True, 150.0), OTHER: Looked((finding(None), finding(True, of="b")))})
    assert did.then == (DELIVER,)
    assert did.words == "2 rules, 3 label sets, 1 firing, 1 unknown"
    assert {(each.rule_id, each.state) for each in site.book.active()} == {
        (SLOW, AlertState.PENDING), (OTHER, AlertState.UNKNOWN), (OTHER, AlertState.FIRING),
    }  # fmt: skip
    [noted] = site.noted()
    assert (noted["evaluated_at"], noted["read_to"]) == (site.clock.now(), site.clock.now())
    assert [noted[name] for name in ("rules", "findings", "pending", "firing", "unknown", "missed")] == [2, 3, 1, 1, 1, 0]
    assert site.told[-1][0] == site.clock.now()
    assert len(site.told[-1][1]) == 3
    assert (metric("alerts", state="firing", severity="warning"), metric("rules", platform="shop")) == (1, 2)


def test_label_sets_of_which_there_is_nothing_to_say_are_counted_too(site: Site) -> None:
    found = Found({SLOW: looked(True, 150.0), OTHER: Looked()})
    found.label_sets = 1_200
    assert site.beat(found).words == "2 rules, 1,200 label sets, 0 firing"
    assert site.noted()[-1]["findings"] == 1_200


def test_how_long_ago_the_newest_evaluation_was(site: Site) -> None:
    passed = [1000.0]
    site.evaluating = site.made(monotonic=lambda: passed[0])
    site.beat()
    assert metric("evaluation_lag_seconds") == 0
    passed[0] += 60
    assert metric("evaluation_lag_seconds") == 60


def test_a_rule_that_fails_is_unknown_and_the_rest_go_on(site: Site) -> None:
    broken = Looked(unknown=Unknown.ERROR, words="the query took longer than 10 s")
    site.beat({SLOW: broken, OTHER: looked(True)})
    assert {(each.rule_id, each.state, each.unknown_words) for each in site.book.active()} == {
        (SLOW, AlertState.UNKNOWN, "the query took longer than 10 s"), (OTHER, AlertState.FIRING, ""),
    }  # fmt: skip
    assert metric("rules_failing") == 1


@pytest.mark.parametrize("error", [StoreError("the disk is gone", "here", "mend it"), ZeroDivisionError("division by zero")])
def test_looking_that_fails_resolves_nothing(site: Site, error: Exception) -> None:
    site.beat(looked(True))
    site.beat(error)
    fires = next(each for each in site.book.active() if each.rule_id == OTHER)
    assert (fires.state, fires.unknown_why) == (AlertState.FIRING, Unknown.ERROR)
    site.beat(looked(False))
    assert [what for what, _ in site.story].count("firing") == 1


def test_a_warehouse_that_cannot_be_written_does_not_keep_an_alert_from_firing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.beat(looked(False))

    def full(*_: object, **__: object) -> None:
        raise StoreError("the disk is full", "here", "free some space")

    monkeypatch.setattr(site.store, "run", full)
    site.beat(looked(True))
    monkeypatch.setattr(site.store, "select", full)
    site.beat(looked(True))
    assert [(each.rule_id, each.state) for each in site.book.active()] == [
        (OTHER, AlertState.FIRING), (SLOW, AlertState.PENDING),
    ]  # fmt: skip


def test_time_counts_although_evaluations_cannot_be_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing about a steady pending alert is worth storing, so that nothing else says when the last evaluation was."""
    site = Site(tmp_path, rule(hold=5 * MINUTE))
    site.beat(looked(False))

    def full(*_: object, **__: object) -> None:
        raise StoreError("the disk is full", "here", "free some space")

    monkeypatch.setattr(site.store, "run", full)
    site.beats(looked(True, 150.0), 6 * MINUTE)
    assert [(what, at) for what, at in site.story] == [("pending", 30.0), ("firing", 330.0)]
    site.leave()


def test_what_others_find_is_stored_by_none_of_two_twice(site: Site) -> None:
    other = site.made()
    site.beat(looked(True))
    site.clock.advance(EVERY)
    other.run(site.clock.now())
    site.beat(looked(True))
    assert [each for each in site.story if each[0] == "firing"] == [("firing", 15.0)]
    assert site.told[-1][1]


def test_an_evaluation_that_another_overtook_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.beat(looked(True))
    other, look = site.made(), site.look

    def slow_look(*given: object) -> object:
        monkeypatch.setattr(site.evaluating, "_look", look)
        site.clock.advance(EVERY)
        site.found = NO_DATA
        other.run(site.clock.now())
        return dict.fromkeys(site.rules, looked(False))

    monkeypatch.setattr(site.evaluating, "_look", slow_look)
    with pytest.raises(StoreConflict):
        site.beat(looked(False))
    assert {each.state for each in site.book.active()} == {AlertState.PENDING, AlertState.FIRING}


def test_rules_on_own_metrics_are_not_asked_of_an_evaluation_that_was_cut_short(tmp_path: Path) -> None:
    own = rule("OutboxIsOld", platform="roomleft", when=OwnIs(own="roomleft_outbox_oldest_seconds", above=Decimal(60)))
    site = Site(tmp_path, rule(), own)
    site.beat(looked(False))
    site.evaluating.book.apply = lambda *_, **__: None  # type: ignore[method-assign]
    site.beat(looked(True))
    site.restart()
    site.beat(looked(False))
    assert [(event.rule_id, str(event.what), event.at - NOON) for event in site.events()] == [
        (SLOW, "firing", 2 * EVERY), (SLOW, "resolved", 3 * EVERY),
    ]  # fmt: skip
    site.leave()


def test_the_job_is_chained_and_its_timer_only_a_watchdog(site: Site) -> None:
    job = alert_job(site.evaluating, every=EVERY)
    assert (job.name, job.every, job.at_start) == (ALERT, 2 * EVERY, False)


@pytest.mark.parametrize("every", [timedelta(seconds=5), EVERY, MINUTE, 5 * MINUTE])
def test_while_measurements_stay_away_pending_times_still_count(site: Site, every: timedelta) -> None:
    job = alert_job(site.evaluating, every=every)
    late = timedelta(seconds=1)
    assert not Beat(NOON + job.every + late, NOON, every).is_gap()


def test_alerts_of_a_rule_taken_out_of_force_are_withdrawn(site: Site) -> None:
    site.beat(looked(True))
    del site.rules[OTHER]
    site.beat(looked(True))
    assert ("withdrawn", (site.clock.now() - NOON).total_seconds()) in site.story
