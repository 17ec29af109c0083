"""Replay from end to end: conditions of every kind over a real warehouse, evaluated live for two hours and then again from what is stored."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.standing import standing_at
from analytics.conditions import look
from analytics.conditions_view import Remembered, View
from analytics.history import stretches
from jobs.alert import Evaluating
from jobs.replay import run_replay
from roomleft.clock import FixedClock
from tests.alerts.made import EVERY
from tests.analytics.looking import NOW, Watched
from tests.analytics.test_history import Chance, rules
from tests.fixtures.state import state_url
from warehouse.state import StateDb

HOURS = timedelta(hours=2)
MINUTE = timedelta(minutes=1)
BEAT = 2 * EVERY
KINDS = ("Last", "Rise", "Failing", "Silent", "Absent", "Room", "Both", "Mean")
WAYS: tuple[dict[str, Any], ...] = (
    {"keep_firing_for": 3 * MINUTE},
    {"hold": MINUTE},
    {"on_no_data": "alert", "hold": 30 * timedelta(seconds=1)},
    {"on_no_data": "ok"},
    {"on_no_data": "keep", "hold": MINUTE, "keep_firing_for": MINUTE},
    {"interval": 2 * MINUTE, "hold": 2 * MINUTE},
    {},
)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    world = Watched(tmp_path)
    yield world
    world.close()


@pytest.mark.peers
def test_two_hours_of_every_kind_of_rule_agree_exactly(watched: Watched, tmp_path: Path) -> None:
    chance = random.Random(11)
    Chance(11, minutes=130).fill(watched)
    kinds = [rules()[f"shop.{name}"] for name in KINDS]
    held = {rule.rule_id: replace(rule, **WAYS[n % len(WAYS)]) for n, rule in enumerate(kinds)}
    clock = FixedClock(NOW - HOURS)
    watched.store.now = clock
    state = StateDb.open(state_url(tmp_path), clock)

    def begun() -> Evaluating:
        remembered = Remembered()

        def looked(rules, at, read_to, active):
            return look(View(watched.store, watched.packs, read_to, remembered=remembered), rules, at, active)

        return Evaluating(watched.store, state, held, looked, clock, every=BEAT)

    evaluating = begun()
    while clock.now() < NOW - BEAT:
        evaluating.run(clock.now())
        clock.advance(BEAT + chance.choice([0, 0, 0.007, 0.3, 16]) * timedelta(seconds=1))
        if chance.random() < 0.03:  # a restart, now and then a longer one
            evaluating = begun()
            clock.advance(chance.choice([0, 0, 40, 90]) * timedelta(seconds=1))
    stored = sorted((e.at, e.rule_id, e.fingerprint, str(e.what), e.episode) for e in evaluating.book.events())
    assert {what for _, _, _, what, _ in stored} == {"pending", "firing", "resolved", "lapsed", "unknown", "known"}

    def over(instants_rules, instants):
        return stretches(View(watched.store, watched.packs, instants[-1][1]), instants_rules, instants)

    for since in (NOW - HOURS, NOW - HOURS / 2):
        done = run_replay(
            watched.store,
            held,
            over,
            since,
            NOW,
            NOW,
            every=BEAT,
            seed=lambda at: standing_at(evaluating.book.events(), at, held),
        )
        events = [event for each in done.events.values() for event in each]
        again = sorted((e.at, e.rule_id, e.fingerprint, str(e.what), e.episode) for e in events)
        assert again == [each for each in stored if each[0] >= since]
    state.close()
