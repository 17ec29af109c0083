"""What a shell is told while a server starts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

from collectors.platform_api.progress import SourceProgress
from dashboards.readiness import Step
from roomleft.app import starting
from roomleft.app.starting import Starting
from roomleft.errors import StoreError

STEPS = ("back-fill", "roll-up", "first headroom")


def steps(done: int) -> list[Step]:
    return [Step(name, number < done, "") for number, name in enumerate(STEPS)]


def stream(platform: str, fraction: float) -> SourceProgress:
    return SourceProgress(platform, platform, "usage", fraction, None, fraction == 1, True, None, None)


def nothing(_line: str) -> None:
    return None


@pytest.mark.parametrize(
    ("done", "streams", "words"),
    [
        (0, [stream("forge", 0.5), stream("atelier", 0.36)], "Reading the history of 2 platforms: 43 %"),
        (0, [stream("forge", 0.999)], "Reading the history of 1 platform: 99 %"),
        (0, [], "Reading the history of 0 platforms: 0 %"),
        (1, [], "All history is read and is being added up"),
        (2, [], "Every limit is being measured"),
        (3, [], None),
    ],
)
def test_what_is_being_done(done: int, streams: Sequence[SourceProgress], words: str | None) -> None:
    assert Starting(lambda: steps(done), lambda: streams, nothing).words() == words


def told(monkeypatch: pytest.MonkeyPatch, course: Sequence[int | StoreError]) -> list[str]:
    """What is said over a start that takes this course, a look every ten seconds."""
    monkeypatch.setattr(starting, "LOOK_EVERY_S", 0.0)
    left, clock, said = iter(course), count(step=10), list[str]()

    def look() -> list[Step]:
        done = next(left, 3)
        if isinstance(done, StoreError):
            raise done
        return steps(done)

    Starting(look, lambda: [stream("forge", 0.4)], said.append, monotonic=lambda: float(next(clock))).run()
    return said


def test_a_start_is_told_from_its_first_look_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    said = told(monkeypatch, [0, StoreError("busy"), 0, 1, 1, 2])
    assert said[0] == "Reading the history of 1 platform: 40 % (10 s)."
    assert any(line.startswith("All history is read and is being added up") for line in said)
    assert said[-1].startswith("Ready after ")
    assert said[-1].endswith("all history is read, and every limit is measured.")
    assert sum("Reading" in line for line in said) == 1  # nothing new, nothing said


def test_a_server_that_is_ready_at_once_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, []) == []
