"""Search: what it finds, in which order, how loosely, and what it never tells."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from dashboards.parts import Parts
from dashboards.search_rows import LONGEST, MOST_FOUND, MOST_OF_A_GROUP, Entry, Index, made, near, search
from tests.dashboards.sample_rows import sample_parts

ENTRIES = [
    Entry("Limits", "Worlds, us-west-2", "/?limit=a", "arena · tight", "arena.worlds_us m.okafor", 1),
    Entry("Limits", "GPU memory", "/?limit=b", "coach · unknown", "", 2),
    Entry("Alerts", "Memory runs out", "/alerts/1", "firing", "memory_out", 0),
    Entry("Alerts", "Pool is full", "/alerts/2", "resolved", "pool", 2),
    Entry("Models", "שלום <img src=x onerror=alert(1)> 🙂", "/cost?model=x", "", ""),
    Entry("Glossary", "Burn rate", "/glossary#term-burn-rate", "How fast the error budget is spent.", ""),
]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("", ["Memory runs out"]),
        ("   ", ["Memory runs out"]),
        ("memory", ["Memory runs out", "GPU memory"]),
        ("WORLDS", ["Worlds, us-west-2"]),
        ("okafor", ["Worlds, us-west-2"]),
        ("gpu mem", ["GPU memory"]),
        ("memroy", ["Memory runs out", "GPU memory"]),
        ("burn raet", ["Burn rate"]),
        ("שלום", ["שלום <img src=x onerror=alert(1)> 🙂"]),
        ("🙂", ["שלום <img src=x onerror=alert(1)> 🙂"]),
        ("nothing like it", []),
        ("%_'\";--", []),
        ("x" * 5000, []),
    ],
)
def test_the_best_finds_come_first(asked: str, names: list[str]) -> None:
    assert [each.name for each in search(ENTRIES, asked)] == names


@pytest.mark.parametrize(
    ("word", "other", "expected"),
    [
        ("world", "world", True),
        ("wolrd", "world", True),
        ("wrld", "world", True),
        ("worlld", "world", True),
        ("worxd", "world", True),
        ("wrdl", "world", False),
        ("memo", "latency", False),
        ("worls", "worlds", True),
    ],
)
def test_one_letter_may_be_wrong(word: str, other: str, expected: bool) -> None:
    assert near(word, other) is expected


def test_answers_are_bounded_by_group_and_in_all() -> None:
    many = [
        Entry(group, f"thing {n}", f"/{group}/{n}")
        for group in ("Limits", "SLOs", "Models", "Alerts", "Budgets", "Reports")
        for n in range(500)
    ]
    found = search(many, "thing")
    assert len(found) == MOST_FOUND
    assert max(sum(each.group == group for each in found) for group in ("Limits", "SLOs")) == MOST_OF_A_GROUP
    assert LONGEST == 100


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    parts = sample_parts()
    yield parts
    parts.store.close()


def test_everything_that_is_in_force_can_be_found(parts: Parts) -> None:
    entries = made(parts)
    groups = {each.group for each in entries}
    assert {"Limits", "Budgets", "Platforms", "Models", "Glossary"} <= groups
    assert any(each.href == "/?limit=arena.worlds_us" and each.note == "arena · tight" for each in entries)
    assert all(each.href.startswith("/") and not each.href.startswith("//") for each in entries)


def test_users_are_not_in_the_list(parts: Parts) -> None:
    told = " ".join(f"{each.name} {each.note} {each.also} {each.href}" for each in made(parts))
    assert "4f1c09e2" not in told


def test_the_list_is_made_once_and_anew_when_it_is_old(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, made_at = SimpleNamespace(now=0.0), []
    monkeypatch.setattr("dashboards.search_rows.made", lambda _: made_at.append(clock.now) or ENTRIES)
    index = Index(parts, keep_s=20, timer=lambda: clock.now)
    assert index.entries() is ENTRIES
    clock.now = 19
    index.entries()
    assert made_at == [0.0]
    clock.now = 21
    assert index.entries() is ENTRIES
    index._lock.acquire(timeout=5)
    index._lock.release()
    index._make()
    assert made_at == [0.0, 21]
