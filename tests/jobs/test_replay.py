"""Replay: over live evaluations it comes to what was stored, exactly; over history before that it goes step by step."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from alerts.standing import standing_at
from alerts.verdict import Incident, verdict_of
from jobs.replay import Replayed, run_replay, span_of, warm_up_of
from roomleft.errors import InputError
from roomleft.findings import AlertState
from roomleft.rules_when import OwnIs
from tests.alerts.made import EVERY, NOON, Run, looked, rule
from tests.jobs.alert_site import Site
from tests.jobs.replay_world import World, several, wild

S = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
RULES = several(
    rule(),
    AtOnce={},
    AfterAMinute={"hold": MINUTE},
    Lingering={"keep_firing_for": 2 * MINUTE},
    Both={"hold": 45 * S, "keep_firing_for": 90 * S},
    OnNoData={"on_no_data": "alert", "hold": MINUTE},
    NoDataIsFine={"on_no_data": "ok"},
    Keeping={"on_no_data": "keep", "hold": MINUTE, "keep_firing_for": MINUTE},
    Seldom={"interval": 2 * MINUTE, "hold": 4 * MINUTE},
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, *RULES.values())
    yield made
    made.leave()


def lived(site: Site, world: World, chance: random.Random, span: timedelta) -> None:
    """Evaluates live for so long: slow evaluations, restarts, a server that is off, and one killed between noting and storing."""
    until = site.clock.now() + span
    site.look = world.look  # type: ignore[method-assign]
    site.evaluating = site.made()
    while site.clock.now() < until:
        luck = chance.random()
        site.clock.advance(EVERY + chance.choice([0, 0, 0.003, 0.4, 17]) * S)
        if luck < 0.02:
            site.restart()
        elif luck < 0.03:
            site.restart()
            site.clock.advance(chance.choice([30, 70, 400]) * S)
        elif luck < 0.06:
            killed_before_storing(site)
            site.restart()
            continue
        site.evaluating.run(site.clock.now())


def killed_before_storing(site: Site) -> None:
    class Killed(BaseException):
        pass

    def dies(*_: object, **__: object) -> None:
        raise Killed

    site.evaluating.book.apply = dies  # type: ignore[method-assign]
    with pytest.raises(Killed):
        site.evaluating.run(site.clock.now())


def told(site: Site, since: datetime, until: datetime) -> list[tuple[str, str, str, str, str]]:
    events = site.book.events(since, until)
    return sorted((event.at.isoformat(), event.rule_id, event.fingerprint, str(event.what), event.episode) for event in events)


def transitions(done: Replayed) -> list[tuple[str, str, str, str, str]]:
    events = [event for each in done.events.values() for event in each]
    return sorted((event.at.isoformat(), event.rule_id, event.fingerprint, str(event.what), event.episode) for event in events)


def replayed(site: Site, world: World, since: datetime, **more: object) -> Replayed:
    given = {"every": EVERY, "seed": lambda at: standing_at(site.events(), at, RULES)} | more
    return run_replay(site.store, RULES, world.stretches, since, site.clock.now() + S, site.clock.now() + S, **given)  # type: ignore[arg-type]


@pytest.mark.peers
@pytest.mark.parametrize("seed", [1, 2])
def test_two_hours_of_live_evaluation_agree_exactly(site: Site, seed: int) -> None:
    chance = random.Random(seed)
    world = wild(chance, NOON - 10 * MINUTE, 2 * HOUR + 20 * MINUTE)
    lived(site, world, chance, 2 * HOUR)
    stored = told(site, NOON, site.clock.now() + S)
    assert len({what for _, _, _, what, _ in stored}) == 6, "nothing much happened"
    done = replayed(site, world, NOON)
    assert transitions(done) == stored
    assert done.live == len(site.noted())
    assert "each with what had arrived by then" in done.words
    # From the middle too, where alerts were already pending, firing, lingering and unknown.
    middle = NOON + HOUR
    assert transitions(replayed(site, world, middle)) == told(site, middle, site.clock.now() + S)


def test_history_before_live_is_gone_through_step_by_step(site: Site) -> None:
    world = wild(random.Random(5), NOON - 3 * HOUR, 4 * HOUR)
    lived(site, world, random.Random(6), 20 * MINUTE)
    done = replayed(site, world, NOON - 2 * HOUR, step=MINUTE)
    assert "steps of 1 min through history as of its observed time" in done.words
    live = [each for each in transitions(done) if each[0] >= site.noted()[0]["evaluated_at"].isoformat()]
    assert live == told(site, NOON, site.clock.now() + S)
    before = [each for each in transitions(done) if each[0] < NOON.isoformat()]
    assert before
    assert {datetime.fromisoformat(at).second for at, *_ in before} == {0}


def test_rules_as_they_are_and_as_changed_side_by_side(site: Site) -> None:
    world = wild(random.Random(7), NOON - 6 * HOUR, 6 * HOUR)
    calmer = several(rule(), AtOnce={"hold": 5 * MINUTE, "version": "2"})
    done = replayed(site, world, NOON - 5 * HOUR, step=MINUTE, changed=calmer)
    was = {each.rule: each for each in done.verdicts}
    assert set(done.changed) == {"shop.AtOnce"}
    assert 0 <= done.changed["shop.AtOnce"].fired < was["shop.AtOnce"].fired
    assert was["shop.AtOnce"].verdict == "too noisy"


def test_rules_on_own_metrics_are_not_replayed(site: Site) -> None:
    own = rule("OutboxIsOld", platform="roomleft", when=OwnIs(own="roomleft_outbox_oldest_seconds", above=Decimal(60)))
    done = run_replay(site.store, {own.rule_id: own}, World().stretches, NOON - HOUR, NOON, NOON, every=EVERY)
    assert [(each.verdict, each.why) for each in done.verdicts] == [("not replayed", "Roomleft's own metrics keep no history")]


@pytest.mark.parametrize(
    ("since", "until", "step", "words"),
    [
        (NOON, NOON, MINUTE, "the replay's span is empty"),
        (NOON + HOUR, NOON + 2 * HOUR, MINUTE, "the replay's span is empty"),
        (NOON - 100 * HOUR, NOON, S, "too fine for this span"),
    ],
)
def test_spans_that_make_no_sense_are_refused(site: Site, since: datetime, until: datetime, step: timedelta, words: str) -> None:
    with pytest.raises(InputError, match=words):
        span_of(site.store, since, until, step, NOON, every=EVERY)


def test_a_long_time_of_live_evaluations_is_thinned_to_one_a_step(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.replay.EXACT_AT_MOST", 10)
    for _ in range(40):
        site.beat()
    span = span_of(site.store, NOON, site.clock.now(), 5 * MINUTE, site.clock.now(), every=EVERY)
    assert (span.live, span.thinned) == (2, True)


def test_how_alerts_stood_is_read_from_what_happened() -> None:
    run = Run(rule(hold=30 * S, keep_firing_for=30 * S))
    for found in (True, True, True, None, True, False, False, False):
        run.beat(looked(found, 150.0 if found else 50.0))
        [alert] = run.alerts
        [stood] = standing_at(run.events, run.at + S)
        assert (stood.state, stood.episode, stood.fired_at) == (alert.state, alert.episode, alert.fired_at)
        assert (stood.unknown_since is None) == (alert.unknown_since is None)
    assert stood.state is AlertState.RESOLVED
    assert warm_up_of({"it": rule(hold=HOUR)}) == HOUR + 5 * MINUTE


def test_what_a_verdict_says() -> None:
    run = Run(rule(component="db"))
    script = [(True, 1), (False, 4), (True, 30), (False, 10), (True, 5 * 60), (False, 20)]
    for holds, minutes in script:
        run.beat(looked(holds), after=minutes * MINUTE)
    incidents = [
        Incident("shop", "db", NOON - 6 * MINUTE, NOON + 2 * MINUTE, "checks"),
        Incident("shop", "db", NOON + 100 * MINUTE, NOON + 110 * MINUTE, "checks"),
        Incident("shop", "web", NOON, NOON + 5 * HOUR, "checks"),
    ]
    [one] = run.rules.values()
    found = verdict_of(one, run.events, NOON - HOUR, NOON - HOUR + timedelta(days=14), incidents)
    assert (found.fired, found.pages, found.pages_per_week, found.flaps) == (3, 3, 1.5, 1)
    assert (found.incidents, found.seen, found.detection_s) == (2, 1, 360.0)
    # Of the first incident it missed the 6 min before it fired, of the second all 10.
    assert found.minutes_missed == 16.0
    assert found.firing_s == (4 + 10 + 20) * 60
    assert (found.verdict, found.why) == ("keep", "saw 1 of 2 incidents of its component")
    later = verdict_of(one, run.events, NOON + 2 * MINUTE, NOON + 3 * MINUTE, ())
    assert (later.fired, later.firing_s, later.verdict) == (0, 60, "never fired")
