"""The one source of "now". Everything below `app` and `cli` is handed a clock or an instant; nothing asks the system."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Now(Protocol):
    """Anything that tells the time: `Clock`, or a fixed instant in a test."""

    def now(self) -> datetime: ...


class Pacer(Now, Protocol):
    """A clock that also says how many times faster than the wall it runs."""

    @property
    def speed(self) -> float: ...


class Clock:
    """An aware UTC clock that may run `speed` times faster than the wall.

    now = virtual_origin + (wall − real_origin) · speed. Processes that are given the same three values agree on the time,
    which is how `demo --speed 60` keeps the stand-in and the server on one clock.
    """

    def __init__(self, speed: float = 1.0, real_origin: datetime | None = None, virtual_origin: datetime | None = None) -> None:
        if not speed > 0:
            raise ValueError(f"a clock's speed must be above 0, not {speed}")
        self.speed = speed
        self.real_origin = real_origin or datetime.now(UTC)
        self.virtual_origin = virtual_origin or self.real_origin

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        elapsed = datetime.now(UTC) - self.real_origin
        return self.virtual_origin + elapsed * self.speed

    def real_seconds(self, span: timedelta) -> float:
        """How many wall-clock seconds a span of this clock's time takes."""
        return span.total_seconds() / self.speed


class FixedClock:
    """A clock that stands still until it is told to move: for tests and replays."""

    speed = 1.0

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, span: timedelta) -> None:
        """Move the clock on by `span`."""
        self.at += span

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()
