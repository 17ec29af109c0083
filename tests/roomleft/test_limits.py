"""The vocabulary: staleness and order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from roomleft.clock import Clock, FixedClock
from roomleft.limits import WORST_FIRST, Pace, Reading, State

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_reading_is_stale_when_older_than_allowed_or_of_unknown_age() -> None:
    five = timedelta(minutes=5)
    assert not Reading(Decimal(1), NOW - five, five).is_stale(NOW)
    assert Reading(Decimal(1), NOW - five - timedelta(microseconds=1), five).is_stale(NOW)
    assert Reading(Decimal(1), None, five).is_stale(NOW)


def test_every_state_has_a_place_and_unknown_is_worse_than_ok() -> None:
    assert set(WORST_FIRST) == set(State)
    assert WORST_FIRST.index(State.UNKNOWN) < WORST_FIRST.index(State.OK)


def test_no_pace_says_why() -> None:
    assert Pace.none("5 of 7 days needed") == Pace(None, None, None, "5 of 7 days needed")


def test_clocks_of_one_origin_agree_and_run_at_their_speed() -> None:
    origin = datetime.now(UTC)
    fast = Clock(60, origin, NOW)
    before, told, after = datetime.now(UTC), fast.now(), datetime.now(UTC)
    assert NOW + (before - origin) * 60 <= told <= NOW + (after - origin) * 60
    assert fast.real_seconds(timedelta(minutes=1)) == 1.0
    with pytest.raises(ValueError, match="above 0"):
        Clock(0)


def test_a_fixed_clock_moves_only_when_told() -> None:
    clock = FixedClock(NOW)
    clock.advance(timedelta(hours=1))
    assert clock.now() == NOW + timedelta(hours=1)
