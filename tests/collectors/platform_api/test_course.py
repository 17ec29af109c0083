"""The order in which a stream is read: newest day first, all of it once, whatever is interrupted."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from collectors.platform_api.course import DAY, Ask, Course

NOW = datetime(2026, 11, 20, 12, 34, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMIT = 10


@dataclass
class Answer:
    records: list[int]
    next: str
    more: bool
    ranged: bool
    oldest_at: datetime | None
    newest_at: datetime | None

    @property
    def count(self) -> int:
        return len(self.records)


@dataclass
class Platform:
    """Records by commit time; a cursor is the place of the next record. `says` is how far its own record times are off."""

    commits: list[datetime]
    ranged: bool = True
    says: timedelta = timedelta(0)

    def answer(self, ask: Ask) -> Answer:
        places = [place for place, at in enumerate(self.commits) if ask.until is None or not self.ranged or at < ask.until]
        begin = int(ask.after or 0)
        if not ask.after and ask.since is not None and self.ranged:
            begin = sum(at < ask.since for at in self.commits)
        found = [place for place in places if place >= begin]
        chosen = found[:LIMIT]
        ends = (self.commits[0] + self.says, self.commits[-1] + self.says) if self.commits else (None, None)
        return Answer(chosen, str(chosen[-1] + 1) if chosen else ask.after, len(found) > LIMIT, self.ranged, *ends)


def every(step: timedelta, days: float, until: datetime = NOW) -> list[datetime]:
    return [until - step * number for number in range(int(timedelta(days=days) / step), 0, -1)]


def read(platform: Platform, course: Course, pages: int = 10_000) -> tuple[list[int], Course]:
    """Up to so many pages from where the course is."""
    found: list[int] = []
    for _ in range(pages):
        ask = course.ask()
        if ask is None:
            break
        page = platform.answer(ask)
        found += page.records
        course = course.took(ask, page, LIMIT)
    return found, course


def stored(course: Course, now: datetime = NOW) -> Course:
    """The course as another process finds it."""
    return Course.stored(course.position, course.read_from(None), now)


FEEDS = {
    "steady": Platform(every(HOUR, 20)),
    "dense": Platform(every(timedelta(minutes=5), 3)),
    "a gap of a month": Platform(every(HOUR, 3, NOW - 40 * DAY) + every(HOUR, 2)),
    "silent for a week": Platform(every(HOUR, 5, NOW - 7 * DAY)),
    "one record": Platform([NOW - 400 * DAY]),
    "nothing": Platform([]),
    "its clock two days behind": Platform(every(HOUR, 9, NOW - 2 * DAY)),
    "record times half an hour ahead": Platform(every(HOUR, 9), says=HOUR / 2),
    "record times a day behind their commits": Platform(every(HOUR, 9), says=-DAY),
    "knows no ranges": Platform(every(HOUR, 9), ranged=False),
}


@pytest.mark.parametrize("name", FEEDS)
def test_everything_is_read_once(name: str) -> None:
    platform = FEEDS[name]
    found, course = read(platform, Course.first(NOW))
    assert sorted(found) == list(range(len(platform.commits)))
    assert course.done


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.parametrize("seed", range(5))
def test_however_often_it_is_interrupted_nothing_is_lost_or_doubled(name: str, seed: int) -> None:
    platform, rng = FEEDS[name], random.Random(seed)
    found, course = read(platform, Course.first(NOW), 0)
    while not course.done:
        more, course = read(platform, stored(course), rng.randint(1, 4))
        found += more
    assert sorted(found) == list(range(len(platform.commits)))


def test_the_newest_day_comes_first_and_history_day_by_day_backwards() -> None:
    platform = FEEDS["dense"]
    found, _ = read(platform, Course.first(NOW))
    days = [platform.commits[place] for place in found]
    newest = [at for at in days if at >= Course.first(NOW).since]
    assert days[: len(newest)] == sorted(newest)
    rest = [at.date() for at in days[len(newest) :]]
    assert rest == sorted(rest, reverse=True)


def test_live_records_come_before_more_history() -> None:
    platform = Platform(every(HOUR, 20))
    found, course = read(platform, Course.first(NOW), 5)
    platform.commits.append(NOW + HOUR)
    more, course = read(platform, stored(course), 1)
    assert more == [len(platform.commits) - 1]
    rest, course = read(platform, course)
    assert sorted(found + more + rest) == list(range(len(platform.commits)))
    assert course.done


def test_what_arrives_after_an_empty_beginning_is_read() -> None:
    platform = Platform([])
    found, course = read(platform, Course.first(NOW))
    assert course.done
    for hours in (1, 30, 200):
        platform.commits.append(NOW + hours * HOUR)
        more, course = read(platform, stored(course, NOW + hours * HOUR))
        found += more
        assert course.done
    assert sorted(set(found)) == [0, 1, 2]


def test_how_far_back_was_read_moves_only_when_a_window_is_whole() -> None:
    platform = FEEDS["steady"]
    course = Course.first(NOW)
    seen = []
    while (ask := course.ask()) is not None:
        before = course.read_from(platform.commits[0])
        page = platform.answer(ask)
        course = course.took(ask, page, LIMIT)
        after = course.read_from(platform.commits[0])
        assert before is None or after == before or (not ask.live and not page.more)
        seen.append(after)
    assert seen[0] == datetime(2026, 11, 19, 12, tzinfo=UTC)
    assert seen[-1] == platform.commits[0]
    assert seen == sorted(seen, reverse=True)


def test_sparse_windows_grow_so_that_years_of_little_cost_few_requests() -> None:
    platform, asked = Platform(every(30 * DAY, 3000)), 0
    course = Course.first(NOW)
    while (ask := course.ask()) is not None:
        course = course.took(ask, platform.answer(ask), LIMIT)
        asked += 1
    assert asked < 120


def test_a_platform_without_ranges_keeps_its_own_cursor_as_the_position() -> None:
    _, course = read(FEEDS["knows no ranges"], Course.first(NOW), 2)
    assert (course.position, course.read_from(NOW)) == ("20", None)
