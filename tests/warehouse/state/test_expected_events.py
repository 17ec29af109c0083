"""Announced events: added once, ended once, and what they cover."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from roomleft.clock import FixedClock
from roomleft.errors import InputError
from tests.fixtures.state import state_url
from warehouse.state import StateDb
from warehouse.state.expected_events import ExpectedEvent, ExpectedEvents, known_as

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def book(tmp_path: Path) -> Any:
    state = StateDb.open(state_url(tmp_path), FixedClock(NOW))
    yield ExpectedEvents(state)
    state.close()


def test_an_event_is_announced_once_and_ended_once(book: ExpectedEvents) -> None:
    one = book.add("launch", NOW, NOW + DAY, who="ann", now=NOW, platform="shop", note="sale")
    assert book.add("launch", NOW, NOW + DAY, who="bob", now=NOW + HOUR, platform="shop", note="sale").id == one.id
    assert [each.id for each in book.lasting(NOW)] == [one.id]
    ended = book.end(one.id, who="bob", now=NOW + HOUR)
    assert (ended.until, ended.ended_by) == (NOW + HOUR, "bob")
    assert book.lasting(NOW + 2 * HOUR) == []
    assert [each.id for each in book.all()] == [one.id]
    with pytest.raises(InputError, match="no expected event"):
        book.end(one.id, who="bob", now=NOW)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "party"}, "no kind of event"),
        ({"ends_at": NOW - HOUR}, "end before it begins"),
        ({"ends_at": NOW + timedelta(days=500)}, "longer than 400 days"),
        ({"note": "x" * 501}, "more than 500 characters"),
        ({"platform": "shop", "target": "other/ai_cost"}, "no target of shop"),
    ],
)
def test_what_can_be_no_event_is_refused(book: ExpectedEvents, given: dict[str, Any], said: str) -> None:
    asked: dict[str, Any] = {"kind": "launch", "starts_at": NOW, "ends_at": NOW + DAY, **given}
    with pytest.raises(InputError, match=said):
        book.add(asked.pop("kind"), asked.pop("starts_at"), asked.pop("ends_at"), who="ann", now=NOW, **asked)
    assert book.all() == []


def event(**given: Any) -> ExpectedEvent:
    usual: dict[str, Any] = {"kind": "launch", "platform": "", "target": "", "starts_at": NOW, "ends_at": NOW + DAY, "note": ""}
    return ExpectedEvent(1, made_by="ann", made_at=NOW, **{**usual, **given})


@pytest.mark.parametrize(
    ("given", "covers"),
    [
        ({}, True),
        ({"platform": "shop"}, True),
        ({"platform": "other"}, False),
        ({"target": "shop/ai_cost"}, True),
        ({"target": "shop/ai_cost#model=x"}, True),
        ({"target": "shop/ai_cost#model=y"}, False),
        ({"target": "shop/ai"}, False),
        ({"starts_at": NOW + 3 * HOUR}, False),
        ({"ends_at": NOW + HOUR}, False),
        ({"ended_at": NOW + HOUR}, False),
    ],
)
def test_what_an_event_covers(given: dict[str, Any], covers: bool) -> None:
    span = (NOW + HOUR, NOW + 2 * HOUR)
    assert event(**given).covers("shop", "shop/ai_cost#model=x", *span) is covers
    assert known_as([event(**given)], "shop", "shop/ai_cost#model=x", *span) == ("launch" if covers else "")


def test_the_nearest_event_names_it() -> None:
    events = [event(note="all"), event(platform="shop", note="shop"), event(target="shop/ai_cost", note="cost")]
    assert known_as(events, "shop", "shop/ai_cost", NOW, NOW + HOUR) == "launch: cost"


def test_one_called_off_before_it_began_explains_nothing() -> None:
    off = event(starts_at=NOW + HOUR, ended_at=NOW)
    assert known_as([off], "shop", "shop/ai_cost", NOW + HOUR, NOW + 2 * HOUR) == ""
