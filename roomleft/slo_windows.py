"""Windows that OpenSLO aligns to a calendar: so many days, weeks, months … from a local date and time on, one after another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

SHORTHAND = re.compile(r"([1-9][0-9]{0,5})([mhdwMQY])")
DAYS = {"d": 1, "w": 7, "M": 30, "Q": 90, "Y": 365}
MONTHS = {"M": 1, "Q": 3, "Y": 12}
WORDS = {"m": "minute", "h": "hour", "d": "day", "w": "week", "M": "month", "Q": "quarter", "Y": "year"}
Unit = Literal["m", "h", "d", "w", "M", "Q", "Y"]


@dataclass(frozen=True, slots=True)
class Shorthand:
    """OpenSLO's way to write a length of time: a number above 0 and one letter, `5m`, `4w`, `1M`."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Shorthand | None:
        """The length of time that a text is; None if it is none."""
        found = SHORTHAND.fullmatch(text)
        return cls(int(found[1]), found[2]) if found else None  # type: ignore[arg-type]

    @property
    def nominal(self) -> timedelta:
        """Its length, a month taken as 30 days, a quarter as 90, a year as 365."""
        if self.unit in DAYS:
            return timedelta(days=self.count * DAYS[self.unit])
        return timedelta(minutes=self.count) if self.unit == "m" else timedelta(hours=self.count)

    def words(self) -> str:
        """`4 weeks`, `1 month`."""
        return f"{self.count} {WORDS[self.unit]}{'s' if self.count != 1 else ''}"


@dataclass(frozen=True, slots=True)
class AlignedWindow:
    """Windows of `length`, one after another, of which one begins at `starts` (a local time in `zone`).

    Days and longer are counted on the local calendar, so one that spans a change of the clocks is an hour shorter or longer. A month that has no
    such day begins on its last one; a local time that a change of the clocks leaves out is taken as the instant that much after the change.
    """

    length: Shorthand
    starts: datetime
    zone: ZoneInfo

    @property
    def nominal(self) -> timedelta:
        """How long a window counts as, where its own length would make a factor vary."""
        return self.length.nominal

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """The window holding `now`, as UTC instants [start, end)."""
        number = self._guess(now)
        while self._begin(number) > now:
            number -= 1
        while self._begin(number + 1) <= now:
            number += 1
        return self._begin(number), self._begin(number + 1)

    def _guess(self, now: datetime) -> int:
        local = now.astimezone(self.zone).replace(tzinfo=None)
        if self.length.unit in MONTHS:
            months = (local.year - self.starts.year) * 12 + local.month - self.starts.month
            return months // (MONTHS[self.length.unit] * self.length.count)
        return int((local - self.starts) // self.length.nominal)

    def _begin(self, number: int) -> datetime:
        steps = number * self.length.count
        if self.length.unit in ("m", "h"):
            return self._utc(self.starts) + number * self.length.nominal
        if self.length.unit in ("d", "w"):
            return self._utc(self.starts + timedelta(days=steps * DAYS[self.length.unit]))
        index = self.starts.year * 12 + self.starts.month - 1 + steps * MONTHS[self.length.unit]
        first = self.starts.replace(year=index // 12, month=index % 12 + 1, day=1)
        following = (first + timedelta(days=32)).replace(day=1)
        last = (following - timedelta(days=1)).day
        return self._utc(first.replace(day=min(self.starts.day, last)))

    def _utc(self, local: datetime) -> datetime:
        return local.replace(tzinfo=self.zone).astimezone(UTC)
