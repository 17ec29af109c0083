"""Pseudonyms: one to one, agreed by all, forgotten for good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomleft.clock import FixedClock
from warehouse.state import Pseudonyms, StateDb
from warehouse.state.pseudonyms import CACHE_LIFETIME, CHUNK


def test_everyone_gets_their_own_and_keeps_it(db: StateDb, open_db: Callable[[], StateDb]) -> None:
    people = [f"user-{number}" for number in range(2 * CHUNK + 7)]
    first = Pseudonyms(db).of(people)
    assert set(first) == set(people)
    assert len(set(first.values())) == len(people)
    assert not any(person in pseudonym for person, pseudonym in first.items())
    assert Pseudonyms(open_db()).of(people[::-1]) == first
    assert Pseudonyms(db).people([*first.values(), "u_nobody"]) == {pseudonym: person for person, pseudonym in first.items()}
    assert Pseudonyms(db).of([]) == {}


def test_those_who_meet_the_same_people_together_agree(open_db: Callable[[], StateDb]) -> None:
    parts = [Pseudonyms(open_db()) for _ in range(4)]
    people = [f"user-{number}" for number in range(300)]
    gate = threading.Barrier(len(parts))

    def name(number: int) -> dict[str, str]:
        gate.wait(10)
        return parts[number].of(people[number * 20 :] + people[: number * 20])

    with ThreadPoolExecutor(len(parts)) as pool:
        answers = list(pool.map(name, range(len(parts))))
    assert all(answer == answers[0] for answer in answers)
    assert len(set(answers[0].values())) == len(people)


def test_forgetting_erases_the_only_link(db: StateDb) -> None:
    pseudonyms = Pseudonyms(db)
    before = pseudonyms.of(["ada", "bob"])
    assert pseudonyms.forget("ada") == before["ada"]
    assert pseudonyms.people(list(before.values())) == {before["bob"]: "bob"}
    after = pseudonyms.of(["ada", "bob"])
    assert after["bob"] == before["bob"]
    assert after["ada"] != before["ada"]
    assert pseudonyms.forget("nobody") is None


def test_another_process_stops_using_a_forgotten_one_within_its_time(open_db: Callable[[], StateDb], clock: FixedClock) -> None:
    here, there = Pseudonyms(open_db()), Pseudonyms(open_db())
    before = there.of(["ada"])
    here.forget("ada")
    clock.advance(CACHE_LIFETIME + timedelta(seconds=1))
    assert there.of(["ada"]) != before


def test_known_people_cost_no_query(db: StateDb, monkeypatch: pytest.MonkeyPatch) -> None:
    pseudonyms = Pseudonyms(db)
    first = pseudonyms.of(["ada", "bob"])
    monkeypatch.setattr(db, "read", None)
    monkeypatch.setattr(db, "write", None)
    assert pseudonyms.of(["bob", "ada", "bob"]) == first


@pytest.mark.parametrize(
    "person", ["a\0b", "é" * 5000, "x" * 20_000, "", "😀" * 501], ids=["nul", "long", "longer", "empty", "wide"]
)
def test_names_no_database_would_take(db: StateDb, open_db: Callable[[], StateDb], person: str) -> None:
    given_out = Pseudonyms(db).of([person, person + "1", "ada"])
    assert len(set(given_out.values())) == 3
    assert Pseudonyms(open_db()).of([person])[person] == given_out[person]
    assert Pseudonyms(db).forget(person) == given_out[person]


@given(people=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20), max_size=30))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_names_round_trip(db: StateDb, people: list[str]) -> None:
    pseudonyms = Pseudonyms(db)
    given_out = pseudonyms.of(people)
    assert pseudonyms.people(list(given_out.values())) == {pseudonym: person for person, pseudonym in given_out.items()}
