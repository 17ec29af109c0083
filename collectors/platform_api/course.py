"""In which order a paged stream is read: the newest day first and onward, then history, day by day backwards.

A course is a value: what has been read so far and what to ask next. It is stored as text with every page, so a crash anywhere leaves a
course that goes on where it was. A platform that knows no ranges (its pages do not echo `since`) is read from its oldest record on.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self

import orjson

from roomleft.timespan import parse_instant

DAY = timedelta(days=1)
WIDEST_DAYS = 32
NEWEST = DAY
"""How much is read before any history."""


class Read(Protocol):
    """What a course learns from a page."""

    @property
    def next(self) -> str: ...
    @property
    def more(self) -> bool: ...
    @property
    def ranged(self) -> bool: ...
    @property
    def count(self) -> int: ...
    @property
    def oldest_at(self) -> datetime | None: ...
    @property
    def newest_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Ask:
    """What to ask a platform for: a page after a cursor, or of the records committed in [since, until)."""

    after: str = ""
    since: datetime | None = None
    until: datetime | None = None
    live: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """A part of history that is being read: committed in [since, until), read up to the cursor `after`. `since` None: from the oldest."""

    since: datetime | None
    until: datetime
    after: str = ""
    read: int = 0
    """Records read of it so far."""


@dataclass(frozen=True, slots=True)
class Course:
    """How far a stream has been read.

    `live` is the cursor of the newest part, which began with what was committed at `since` (None: at the oldest record). `at_end` says that its
    newest record had been reached, `window` which part of history comes next (None: none is left, or it is not known yet).
    """

    live: str = ""
    since: datetime | None = None
    at_end: bool = False
    window: Window | None = None
    days: int = 1
    """How wide the next window is."""
    is_new: bool = False
    """Nothing was read yet."""

    @classmethod
    def first(cls, now: datetime) -> Self:
        """The course of a stream that was never read."""
        newest = now.astimezone(UTC) - NEWEST
        return cls(since=newest.replace(minute=0, second=0, microsecond=0), is_new=True)

    @classmethod
    def stored(cls, position: str, read_from: datetime | None, now: datetime) -> Self:
        """The course that a cursor's row holds. At the start of a run the newest records come first."""
        if not position:
            return cls.first(now)
        if read_from is None:
            return cls(live=position)
        kept = orjson.loads(position)
        window = kept["window"]
        return cls(
            live=kept["live"],
            since=parse_instant(kept["since"]),
            window=None
            if window is None
            else Window(_instant(window["since"]), parse_instant(window["until"]), window["after"], window["read"]),
            days=kept["days"],
        )

    @property
    def done(self) -> bool:
        """Everything was read, at both ends."""
        return self.at_end and self.window is None

    def read_from(self, oldest_at: datetime | None) -> datetime | None:
        """Everything committed from here on was read, up to where the newest part has come; None when reading began at the oldest record.

        `oldest_at` is the time of the stream's oldest record.
        """
        if self.since is None or self.is_new:
            return None
        return self.window.until if self.window else min(oldest_at or self.since, self.since)

    @property
    def position(self) -> str:
        """The course as text."""
        if self.since is None or self.is_new:
            return self.live
        return orjson.dumps(
            {"live": self.live, "since": self.since, "window": asdict(self.window) if self.window else None, "days": self.days}
        ).decode()

    def ask(self) -> Ask | None:
        """What to ask next; None when nothing is left."""
        if not self.at_end:
            return Ask(self.live) if self.live else Ask(since=self.since)
        if self.window is not None:
            return Ask(self.window.after, self.window.since, self.window.until, live=False)
        return None

    def took(self, ask: Ask, page: Read, limit: int) -> Self:
        """The course after a page that answered `ask`."""
        if not ask.live:
            return self._took_history(page, limit)
        if ask.since is not None and not page.ranged:
            return replace(self, live=page.next, since=None, at_end=not page.more, is_new=False)
        if ask.since is not None and not page.count and page.newest_at is not None and self.window is None:
            # A quiet platform, or one whose clock is behind: its newest day is the one before its newest record.
            earlier = page.newest_at.astimezone(UTC) - NEWEST
            if earlier < ask.since:
                return replace(self, since=earlier, is_new=True)
        moved = replace(self, live=page.next, at_end=not page.more, is_new=False)
        if self.is_new and self.since is not None:
            moved = replace(moved, window=_below(self.since, 1, page.oldest_at))
        return moved

    def _took_history(self, page: Read, limit: int) -> Self:
        window = self.window
        assert window is not None
        read = window.read + page.count
        if page.more:
            return replace(self, window=replace(window, after=page.next, read=read))
        if window.since is None:
            return replace(self, window=None)
        days = self.days
        # Few records in a window cost as many requests as many: windows grow until one fills about a page.
        if 2 * read <= limit:
            days = min(WIDEST_DAYS, 2 * days)
        elif read > 2 * limit:
            days = max(1, days // 2)
        return replace(self, window=_below(window.since, days, page.oldest_at), days=days)


def _below(until: datetime, days: int, oldest_at: datetime | None) -> Window:
    """The window of so many days that ends at `until`; the last one reaches down to whatever there is."""
    midnight = (until - timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - (days - 1) * DAY
    return Window(since if oldest_at is not None and since > oldest_at else None, until)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)
