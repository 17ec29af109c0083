"""Pages that users of other systems got wrong, by their number in docs/paging-cases.md: restarts, missing data, clocks, gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from roomleft.findings import AlertState, Finding, Looked, Unknown
from roomleft.metrics import REGISTRY
from roomleft.rules import Rule
from tests.alerts.made import EVERY, FINE, NO_DATA, finding, looked, rule
from tests.jobs.alert_site import Site

S = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
YES, NO = looked(True, 150.0), looked(False, 50.0)


Make = Callable[..., Site]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Make]:
    """Makes a site with these rules."""
    sites: list[Site] = []

    def make(*rules: Rule) -> Site:
        sites.append(Site(tmp_path, *rules))
        return sites[-1]

    yield make
    for site in sites:
        site.leave()


def pages(site: Site) -> int:
    """How many times somebody would be told anew that an alert fires."""
    return [what for what, _ in site.story].count("firing")


def test_paging_01_a_restart_leaves_a_firing_alert_firing_without_a_word(made: Make) -> None:
    site = made(rule())
    site.beat(YES)
    before = site.book.active()
    for _ in range(3):
        site.restart()
        site.beat(YES)
    assert site.story == [("firing", 15.0)]
    assert site.book.active() == before


@pytest.mark.parametrize("off", [15 * S, 40 * S, 60 * S])
def test_paging_01_a_restart_keeps_the_pending_time_to_the_second(made: Make, off: timedelta) -> None:
    site = made(rule(hold=5 * MINUTE))
    site.beats(YES, 2 * MINUTE)
    began = site.clock.now() - 2 * MINUTE + EVERY
    site.restart()
    site.beat(YES, after=off)
    while site.clock.now() < began + 5 * MINUTE - EVERY:
        site.beat(YES)
    assert pages(site) == 0
    site.clock.at = began + 5 * MINUTE
    site.beat(YES, after=timedelta(0))
    assert [each.fired_at for each in site.book.active()] == [began + 5 * MINUTE]


def test_paging_01_reading_the_rules_again_changes_nothing(made: Make) -> None:
    site = made(rule(hold=MINUTE), rule("Other"))
    site.beats(YES, 30 * S)
    before = site.story
    site.rules = {key: rule(each.alert, hold=each.hold, version="2", title="Another title") for key, each in site.rules.items()}
    site.restart()
    site.beat(YES)
    site.beat(YES)
    assert site.story == before
    site.beat(YES)
    assert site.story[len(before) :] == [("firing", 75.0)]


def test_paging_02_an_alert_is_found_again_whatever_its_texts_say(made: Make) -> None:
    calls: list[object] = []

    def words(slow: Rule, labels: Mapping[str, str], found: Finding) -> Mapping[str, str]:
        calls.append(found.value)
        return {"summary": f"{labels['replica']} takes {found.value} ms"}

    site = made(rule(annotations={"summary": "{{ labels.replica }} takes {{ value }}"}))
    site.evaluating = site.made(words=words)
    site.beat(looked(True, 150.0, replica="b"))
    site.restart()
    site.evaluating = site.made(words=words)
    site.beat(looked(True, 480.0, replica="b"))
    [alert] = site.book.active()
    assert (alert.annotations["summary"], site.story) == ("b takes 480.0 ms", [("firing", 15.0)])
    assert calls == [150.0, 480.0]


def test_paging_03_keep_firing_goes_on_over_a_restart(made: Make) -> None:
    site = made(rule(keep_firing_for=2 * MINUTE))
    site.beat(YES)
    site.beats(NO, MINUTE)
    site.restart()
    site.beats(NO, MINUTE)
    assert site.story == [("firing", 15.0)]
    site.beat(NO)
    assert site.story == [("firing", 15.0), ("resolved", 150.0)]


@pytest.mark.parametrize(
    "missing", [NO_DATA, Looked((finding(None),)), RuntimeError("no answer")], ids=["rule", "series", "error"]
)
def test_paging_05_missing_data_never_reads_as_resolved(made: Make, missing: Looked | Exception) -> None:
    site = made(rule())
    site.beat(YES)
    site.beats(missing, 5 * MINUTE)
    [alert] = site.book.active()
    assert alert.fired_at is not None
    assert (alert.state, alert.unknown_since) == (AlertState.FIRING, alert.fired_at + EVERY)
    site.beat(YES)
    assert [what for what, _ in site.story] == ["firing", "unknown", "known"]
    assert [each.unknown_since for each in site.book.active()] == [None]
    site.beat(NO)
    assert [what for what, _ in site.story] == ["firing", "unknown", "known", "resolved"]


def test_paging_05_a_series_that_ended_is_not_a_series_without_data(made: Make) -> None:
    site = made(rule())
    both = Looked((finding(True, replica="a"), finding(True, replica="b")))
    site.beat(both)
    site.beat(Looked((finding(None, replica="a"),)))
    states = {each.labels["replica"]: (each.state, each.unknown_since is None) for each in site.book.active()}
    assert states == {"a": (AlertState.FIRING, False), "b": (AlertState.RESOLVED, True)}


def test_paging_06_a_no_data_alert_ends_only_with_data(made: Make) -> None:
    site = made(rule(on_no_data="alert", hold=MINUTE))
    site.beats(NO, MINUTE)
    site.beats(NO_DATA, 10 * MINUTE)
    assert [what for what, _ in site.story] == ["pending", "firing"]
    site.restart()
    # An error and a collector that is offline are no data either.
    site.beat(RuntimeError("no answer"))
    site.beat(Looked(unknown=Unknown.OFFLINE, words="the collector is offline"))
    assert [each.state for each in site.book.active()] == [AlertState.FIRING]
    site.beat(NO)
    assert [what for what, _ in site.story] == ["pending", "firing", "unknown", "known", "resolved"]


def test_paging_08_missed_evaluations_are_counted_and_slots_stay(made: Make) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("roomleft_evaluations_missed_total") or 0.0

    site = made(rule(interval=MINUTE))
    site.beat(NO)
    before = counted()
    for took in (15, 40, 65, 15):
        site.beat(NO, after=took * S)
    assert [row["missed"] for row in site.noted()] == [0, 0, 1, 3, 0]
    assert counted() - before == 4
    # A rule of one a minute has its turns at whole minutes, however long an evaluation took: at 12:00, 12:01 and 12:02.
    assert [row["rules"] for row in site.noted()] == [1, 0, 1, 1, 0]


def test_paging_08_time_that_a_server_was_off_is_noted_and_is_no_missed_evaluation_of_its(made: Make) -> None:
    site = made(rule())
    site.beat(NO)
    before = REGISTRY.get_sample_value("roomleft_evaluations_missed_total")
    site.restart()
    did = site.beat(NO, after=10 * MINUTE)
    assert REGISTRY.get_sample_value("roomleft_evaluations_missed_total") == before
    assert site.noted()[-1]["missed"] == 39
    assert did.words.endswith("39 evaluations were missed")


def test_paging_09_a_clock_set_back_waits_and_nothing_fires_from_it(made: Make) -> None:
    site = made(rule(hold=2 * MINUTE))
    site.beats(YES, MINUTE)
    last = site.clock.now()
    site.clock.at = last - 10 * MINUTE
    for _ in range(40):
        assert "waits until it has caught up" in site.beat(YES).words
        assert site.clock.now() <= last
    assert (site.noted()[-1]["evaluated_at"], site.story) == (last, [("pending", 15.0)])
    site.beat(YES)
    site.beats(YES, MINUTE)
    assert site.story == [("pending", 15.0), ("firing", 135.0)]


def test_paging_09_a_clock_set_back_for_good_keeps_states_and_timers(made: Make) -> None:
    site = made(rule(hold=2 * MINUTE), rule("Other"))
    site.beats({"shop.QueriesAreSlow": YES, "shop.Other": YES}, MINUTE)
    site.clock.at -= 5 * HOUR + EVERY
    did = site.beat()
    assert "the clock was set back by 5\u202fh" in did.words
    assert {each.state for each in site.book.active()} == {AlertState.PENDING, AlertState.FIRING}
    story = site.story
    site.restart()
    site.beats({"shop.QueriesAreSlow": YES, "shop.Other": YES}, MINUTE)
    assert site.story == story
    site.beat()
    assert [what for what, _ in site.story[len(story) :]] == ["firing"]
    assert [row["words"] for row in site.noted()].count(did.words) == 1


def test_paging_09_a_clock_set_ahead_is_a_gap(made: Make) -> None:
    site = made(rule(hold=2 * MINUTE))
    site.beats(YES, MINUTE)
    site.beat(YES, after=3 * HOUR)
    assert [what for what, _ in site.story] == ["pending", "pending"]
    site.beats(YES, 2 * MINUTE)
    assert pages(site) == 1


def test_paging_13_time_is_not_counted_over_a_gap_in_evaluation(made: Make) -> None:
    site = made(rule(hold=5 * MINUTE))
    site.beats(YES, MINUTE)
    site.restart()
    site.beat(YES, after=61 * S)
    began = site.clock.now()
    site.beats(YES, 5 * MINUTE - EVERY)
    assert pages(site) == 0
    site.beat(YES)
    assert [each.fired_at for each in site.book.active()] == [began + 5 * MINUTE]
    assert "nothing was evaluated" in site.events()[1].words


def test_paging_17a_an_upgrade_during_which_nothing_came_in_is_no_storm(made: Make) -> None:
    site = made(*(rule(f"Rule{number}") for number in range(50)))
    site.beat(Looked(tuple(finding(False, user=str(each)) for each in range(20))))
    site.restart()
    offline = Looked(unknown=Unknown.OFFLINE, words="the collector is offline")
    site.beats(offline, 5 * MINUTE)
    assert pages(site) == 0
    assert len(site.book.active()) == 50
    site.beat(FINE)
    assert site.book.active() == []


def test_paging_17b_what_is_mended_does_not_fire_for_48_hours(made: Make) -> None:
    site = made(rule(on_no_data="alert"))
    site.beat(NO_DATA)
    site.beat(NO)
    assert [what for what, _ in site.story] == ["firing", "resolved"]


def test_paging_17c_a_host_that_slept_knows_again_at_once(made: Make) -> None:
    site = made(rule())
    site.beat(NO)
    site.beat(NO_DATA, after=8 * HOUR)
    site.beat(NO)
    assert [what for what, _ in site.story] == ["unknown", "known"]
    assert site.book.active() == []


def test_paging_17d_two_servers_have_one_alert_between_them(made: Make) -> None:
    site = made(rule())
    servers = [site.evaluating, site.made(), site.made()]
    for turn in range(9):
        site.evaluating = servers[turn % 3]
        site.beat(YES)
    assert len(site.book.find()) == 1
    assert site.story == [("firing", 15.0)]
