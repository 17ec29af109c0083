"""Which answers of checks are news: one that goes on saying the same is stored once a minute, not at every look."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime, timedelta

SAME_ANSWER_EVERY = timedelta(minutes=1)


class News:
    """Remembers what each check said last, and when that was stored."""

    def __init__(self) -> None:
        self._said: dict[Hashable, tuple[object, datetime]] = {}

    def __contains__(self, check: Hashable) -> bool:
        return check in self._said

    def is_news(self, check: Hashable, said: object, at: datetime, *, always: bool = False) -> bool:
        """Whether the answer is worth storing, which it then counts as. `always`: however often it was said."""
        last = self._said.get(check)
        if not always and last is not None and last[0] == said and timedelta(0) <= at - last[1] < SAME_ANSWER_EVERY:
            return False
        self._said[check] = (said, at)
        return True

    def drop(self, check: Hashable) -> None:
        """The check speaks no more."""
        self._said.pop(check, None)

    def forget(self) -> None:
        """What was said last did not get through."""
        self._said.clear()
