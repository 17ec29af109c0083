"""A source that works and whose clock is wrong says so where sources are listed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from roomleft.app.source_states import source_states
from roomleft.app.watching import PLATFORM_API, Watched

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AHEAD = "its clock is 25 min ahead of ours"


class Kept:
    """A warehouse that holds one check."""

    def __init__(self, **check: str) -> None:
        self.check = check

    def rows(self, name: str, **_: object) -> list[dict[str, str]]:
        return [self.check] if name == "source_checks" else []


class One:
    """Watching one source that is not scraped."""

    def __init__(self, source: str, kind: str, component: str) -> None:
        self._one = Watched("arena", source, kind, component, "http://arena.example", timedelta(seconds=10), ())

    def watched(self) -> list[Watched]:
        return [self._one]

    def scraped(self) -> dict[str, object]:
        return {}


@pytest.mark.parametrize(
    ("source", "kind", "component", "check", "status", "words"),
    [
        ("arena", PLATFORM_API, "collector", "clock of arena", "warn", AHEAD),
        ("arena", PLATFORM_API, "collector", "clock of arena", "pass", ""),
        ("arena.node", "postgres", "host", "clock of node", "warn", AHEAD),
        ("arena.node", "postgres", "host", "clock of other", "warn", ""),
    ],
)
def test_a_wrong_clock_is_said(source: str, kind: str, component: str, check: str, status: str, words: str) -> None:
    kept = Kept(platform="arena", component=component, check_name=check, status=status, words=AHEAD)
    watching = One(source, kind, "platform" if kind == PLATFORM_API else component)
    (state,) = source_states(watching, kept, [], NOW)  # type: ignore[arg-type]
    assert (state.words, bool(state.hint)) == (words, bool(words))
