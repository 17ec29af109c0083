"""From how rare readings are to events: one mark for what is one event.

Two forms: `page`, by the mean of three readings, for who is woken; `screen`, by any look at a reading, for who looks. After an event the screen is
quiet for a time, unless what comes is rarer still.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from analytics.anomalies.detector import Floats, Seen


class Form(StrEnum):
    """Who a mark is for."""

    PAGE = "page"
    SCREEN = "screen"


QUIET = timedelta(days=1)
QUIET_STEPS = 3
"""The quiet time is never shorter than so many steps."""
FARTHER = 1.5
"""Within the quiet time, what is so many times as far off as the event before is another one."""
ENDS_AFTER = 2
"""An event is over when so many readings in a row are no longer outside the band, or on the other side."""
LONGEST = timedelta(days=1)
LONGEST_STEPS = 7
"""What lasts longer than a day (and so many steps) is no event any more but how things are now."""
ONE_IN_DAYS = {Form.SCREEN: 15.0, Form.PAGE: 30.0}
"""A family of series marks by chance, while nothing is the matter, about once in so many days."""
LEAST_ONE_IN = 200
"""And no more often than once in so many readings."""


def one_in(form: Form, step: timedelta) -> int:
    """One false mark is accepted in so many readings."""
    return max(int(ONE_IN_DAYS[form] * timedelta(days=1) / step), LEAST_ONE_IN)


@dataclass(slots=True)
class Mark:
    """One event of one series, over [about_at, about_to): means of its readings, of what was expected, and of the band of 5 to 95 %.

    `p_value` is the smallest of its readings, as often as series were looked at counted in. `above`: more than expected.
    """

    series: int
    form: Form
    about_at: datetime
    about_to: datetime
    p_value: float
    above: bool
    readings: int = 0
    value: float = 0.0
    expected: float = 0.0
    low: float = 0.0
    high: float = 0.0
    farthest: float = 0.0
    open: bool = True
    misses: int = 0

    def take(self, value: float, expected: float, low: float, high: float, p: float, until: datetime) -> None:
        """Count a reading in."""
        n = self.readings
        for name, new in (("value", value), ("expected", expected), ("low", low), ("high", high)):
            setattr(self, name, (getattr(self, name) * n + new) / (n + 1))
        self.readings, self.misses, self.about_to = n + 1, 0, until
        self.farthest = max(self.farthest, abs(value - expected))
        if p == p:
            self.p_value = min(self.p_value, p)


@dataclass
class Marking:
    """The events of several series as their readings come, of both forms."""

    step: timedelta
    looks: Floats
    """How many series share a false alert with each: (series,)."""
    newest: dict[tuple[int, Form], Mark] = field(default_factory=dict)

    def take(self, at: list[datetime], values: Floats, seen: Seen) -> list[Mark]:
        """The events that began, went on or ended with these readings; `at` has the end of the last reading beside their first instants."""
        changed: dict[int, Mark] = {}
        for form, p in ((Form.SCREEN, seen.p_any), (Form.PAGE, seen.p_three)):
            with np.errstate(invalid="ignore"):
                shared = np.minimum(p * self.looks, 1.0)
                rare = shared <= 1 / one_in(form, self.step)
            for j in range(values.shape[1]):
                busy = (j, form) in self.newest and self.newest[j, form].open
                if busy or rare[:, j].any():
                    for mark in self._series(j, form, at, values, seen, shared):
                        changed[id(mark)] = mark
        return sorted(changed.values(), key=lambda mark: (mark.about_at, mark.series, mark.form))

    def _series(self, j: int, form: Form, at: list[datetime], values: Floats, seen: Seen, p: Floats) -> list[Mark]:
        found: list[Mark] = []
        line = 1 / one_in(form, self.step)
        for i in range(len(values)):
            x = float(values[i, j])
            if not np.isfinite(x) or not np.isfinite(seen.low[i, j]):
                continue
            mark = self.newest.get((j, form))
            rare = float(p[i, j]) if np.isfinite(p[i, j]) else float("nan")
            given = (x, float(seen.expected[i, j]), float(seen.low[i, j]), float(seen.high[i, j]), rare, at[i + 1])
            side = 1 if x > given[3] else -1 if x < given[2] else 0
            if mark is not None and mark.open:
                if side == (1 if mark.above else -1) and at[i + 1] - mark.about_at <= max(LONGEST, LONGEST_STEPS * self.step):
                    mark.take(*given)
                else:
                    mark.misses += 1
                    mark.open = mark.misses < ENDS_AFTER and at[i + 1] - mark.about_at <= max(LONGEST, LONGEST_STEPS * self.step)
                found.append(mark)
            if (
                (mark is None or not mark.open)
                and rare <= line
                and side
                and self._may_begin(mark, at[i], rare, abs(x - given[1]))
            ):
                mark = Mark(j, form, at[i], at[i + 1], rare, side > 0)
                mark.take(*given)
                self.newest[j, form] = mark
                found.append(mark)
        return found

    def _may_begin(self, before: Mark | None, at: datetime, p: float, off: float) -> bool:
        if before is None or at - before.about_to >= max(QUIET, QUIET_STEPS * self.step):
            return True
        # A wild reading makes the next one less rare, however wild that is.
        return p < before.p_value or off > FARTHER * before.farthest


def quieted(p: Floats, steps: npt.NDArray[np.int64]) -> Floats:
    """p-values (readings, series) as the screen form takes them one by one: 1 where one as rare came in the `steps` (by series) before.

    It needs no threshold: at each, what is left below it is an event's first reading, and those rarer than all of the last while.
    """
    found = np.ones(p.shape)
    for j in range(p.shape[1]):
        rarest: deque[tuple[int, float]] = deque()
        for i, x in enumerate(p[:, j].tolist()):
            if x != x:
                continue
            while rarest and rarest[0][0] < i - int(steps[j]):
                rarest.popleft()
            if not rarest or x < rarest[0][1]:
                found[i, j] = x
            while rarest and rarest[-1][1] >= x:
                rarest.pop()
            rarest.append((i, x))
    return found
