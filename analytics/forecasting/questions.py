"""What futures say, as arithmetic on arrays: courses through time, when they first pass an amount, where they end.

A course is what is used (or read) at instants from now on, for every draw. Between its instants it runs straight, so a crossing has an instant
inside the day. Days are the target's local days: their edges are UTC instants, so a day of 23 or 25 hours counts by its length.

Sources of the three courses: a calendar window adds up from what is used so far; a rolling window is the difference of two running totals,
so what was used a span ago drops out; a level runs from the present reading, and its gap to each path closes as such gaps closed in the past.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from analytics.forecasting.futures import Futures
from roomleft.timespan import midnight

Floats = npt.NDArray[np.float64]

DAY_S = 86_400.0
NEVER = np.inf
SLOWEST, FASTEST = 0.98, 0.05
"""Between these lies the share of a gap between reading and path that is left after a day."""
UNKNOWN = 0.5
ONE_WAY_DAYS, ONE_WAY = 28, 0.9
"""What nearly only grew, or only shrank, for so long is a stock: it keeps a jump for good."""
LINE_DAYS = 91
ENOUGH_DAYS = 14
SAFE_SPREADS = 2.0
"""How far on the safe side a reading may pull the paths, in half ranges (10 to 90 %) of what they say of now."""


@dataclass(frozen=True, slots=True)
class Course:
    """`values[k, j]` is what draw k has used, or reads, at the instant `at_s[j]` (seconds since 1970); column 0 is now."""

    at_s: Floats
    values: Floats

    def until(self, end_s: float) -> Course:
        """The part up to an instant, which becomes its last column if the course reaches it."""
        last = int(np.searchsorted(self.at_s, end_s, side="left"))
        if last >= len(self.at_s):
            return self
        share = _share(end_s, self.at_s[last - 1], self.at_s[last]) if last else 0.0
        before = self.values[:, max(last - 1, 0)]
        end = before + share * (self.values[:, last] - before)
        return Course(np.append(self.at_s[:last], end_s), np.column_stack((self.values[:, :last], end)))

    def since(self, now_s: float) -> Course:
        """The part from an instant on, which becomes its first column."""
        first = int(np.searchsorted(self.at_s, now_s, side="right"))
        if first == 0:
            return self
        if first >= len(self.at_s):
            return Course(np.array([now_s, now_s]), np.repeat(self.values[:, -1:], 2, axis=1))
        share = _share(now_s, self.at_s[first - 1], self.at_s[first])
        before = self.values[:, first - 1]
        start = before + share * (self.values[:, first] - before)
        return Course(np.append(now_s, self.at_s[first:]), np.column_stack((start, self.values[:, first:])))


def _share(instant: float, low: float, high: float) -> float:
    return float((instant - low) / (high - low)) if high > low else 1.0


@lru_cache(maxsize=512)
def edges_s(first_day: date, days: int, zone: ZoneInfo) -> Floats:
    """Where each of so many local days begins, and where the last one ends: seconds since 1970, days + 1 of them. Read-only."""
    found = np.array([midnight(first_day + timedelta(days=number), zone).timestamp() for number in range(days + 1)])
    found.flags.writeable = False
    return found


def covered_to_s(futures: Futures) -> float:
    """The end of the last day that the futures tell of."""
    return float(edges_s(futures.first_day, futures.values.shape[1], futures.zone)[-1])


def filling(futures: Futures, used: float, now_s: float, end_s: float, read_s: float | None = None) -> Course:
    """What a calendar window has used: `used` so far, the part of today's path that is left, then the days up to `end_s`.

    `read_s`: until when `used` is known, where that is before now; what the paths say of the time since then has been used already.
    """
    edges = edges_s(futures.first_day, futures.values.shape[1], futures.zone)
    since = now_s if read_s is None else min(read_s, now_s)
    low, at = _from_now(edges, since, end_s)
    days = futures.values[:, low : low + len(at) - 1].astype(np.float64)
    days *= np.diff(at) / DAY_S
    values = np.empty((len(days), len(at)))
    values[:, 0] = used
    np.cumsum(days, axis=1, out=values[:, 1:])
    values[:, 1:] += used
    return Course(at, values).since(now_s) if since < now_s else Course(at, values)


def _from_now(edges: Floats, now_s: float, end_s: float) -> tuple[int, Floats]:
    """The index of now's day, and the instants from now over the days' edges to the end or to where the futures end."""
    end = min(end_s, float(edges[-1]))
    low = int(np.clip(np.searchsorted(edges, now_s, side="right") - 1, 0, len(edges) - 2))
    inner = edges[low + 1 :]
    inner = inner[inner < end]
    return low, np.concatenate(([now_s], inner, [max(end, now_s)]))


def rolling(futures: Futures, used: float, now_s: float, end_s: float, span_s: float, read_s: float | None = None) -> Course:
    """What the last `span_s` have used, at the end of each day: days to come are added, days a span ago drop out.

    What is used now is spread over the span as the past days tell; what they lack of it was used today, what they have too much is scaled off.
    `read_s` as in `filling`.
    """
    filled = filling(futures, used, now_s, end_s, read_s)
    at, gained = filled.at_s, filled.values - filled.values[:, :1]
    missed = float(np.median(filled.values[:, 0])) - used
    marks, total = _used_before(futures, used + missed, now_s, span_s)
    dropped = np.interp(np.minimum(at - span_s, now_s), marks, total)
    values = filled.values - dropped
    late = at - span_s > now_s
    if late.any():
        # The span is shorter than the days ahead: what is yet to be used drops out again. Of each draw, too, all that it had used by now.
        values[:, late] -= filled.values[:, :1] - used - missed
        place = np.clip(np.searchsorted(at, at[late] - span_s, side="right") - 1, 0, len(at) - 2)
        share = (at[late] - span_s - at[place]) / np.maximum(at[place + 1] - at[place], 1e-9)
        values[:, late] -= gained[:, place] + share * (gained[:, place + 1] - gained[:, place])
    return Course(at, values)


def _used_before(futures: Futures, used: float, now_s: float, span_s: float) -> tuple[Floats, Floats]:
    """Running total of what was used in the span up to now: instants, and the total at each, 0 at its start and `used` at its end."""
    today = int((now_s - edges_s(futures.first_day, 1, futures.zone)[0]) // DAY_S)
    back = int(min(span_s // DAY_S + 2, len(futures.past) + max(today, 0), 800))
    start = now_s - span_s
    if back < 1:
        return np.array([start, now_s]), np.array([0.0, used])
    first = futures.first_day - timedelta(days=back)
    marks = edges_s(first, back + max(today, 0), futures.zone)
    known = futures.past[len(futures.past) - min(back, len(futures.past)) :]
    middle = float(np.nanmean(known)) if np.isfinite(known).any() else used / max(span_s / DAY_S, 1e-9)
    daily = np.full(len(marks) - 1, middle)
    daily[back - len(known) : back] = np.where(np.isfinite(known), known, middle)
    total = np.concatenate(([0.0], np.cumsum(daily * np.diff(marks) / DAY_S)))
    inside = (marks > start) & (marks < now_s)
    at = np.concatenate(([start], marks[inside], [now_s]))
    running = np.interp(at, marks, total) - np.interp(start, marks, total)
    running[-1] = max(used, 0.0)
    if len(running) > 1 and running[-2] > running[-1]:
        running[:-1] *= running[-1] / running[-2]
    return at, running


def reading_on(futures: Futures, reading: float, now_s: float, end_s: float) -> Course:
    """A level from the present reading on: a day's value stands at the day's middle, and each path's gap to the reading closes day by day.

    After a day `persistence` of the gap is left. On the safe side (a reading below the paths, where upward is trouble) the gap counts only
    as far as the paths' own spread goes: at four in the morning few are on, which says nothing of the evening.
    """
    h = futures.values.shape[1]
    edges = edges_s(futures.first_day, h, futures.zone)
    noons = (edges[:-1] + edges[1:]) / 2
    ahead = int(np.searchsorted(noons, now_s, side="right"))
    last = int(np.searchsorted(noons, end_s, side="right"))
    paths = futures.values[:, ahead : max(last, ahead)].astype(np.float64)
    present = _at_present(futures, noons, ahead, now_s)
    gap = reading - present
    if gap.size:
        low, high = np.quantile(present, (0.1, 0.9))
        gap = np.maximum(gap, -SAFE_SPREADS * max(high - low, 0.0) / 2 - 1e-12)
    days = (noons[ahead : max(last, ahead)] - now_s) / DAY_S
    values = np.empty((len(paths), len(days) + 1))
    values[:, 0] = reading
    values[:, 1:] = paths + gap[:, None] * persistence(futures.past) ** days
    at = np.concatenate(([now_s], noons[ahead : max(last, ahead)]))
    return Course(at, values)


def _at_present(futures: Futures, noons: Floats, ahead: int, now_s: float) -> Floats:
    """What each path says of now: straight between the middles of two days, the first of which may be the last of the past."""
    h = len(noons)
    if ahead >= h:
        return futures.values[:, -1].astype(np.float64)
    after = futures.values[:, ahead].astype(np.float64)
    if ahead:
        before: Floats | float = futures.values[:, ahead - 1].astype(np.float64)
        share = _share(now_s, noons[ahead - 1], noons[ahead])
    else:
        last = float(futures.past[-1]) if len(futures.past) else np.nan
        before = last if np.isfinite(last) else after
        share = float(np.clip(1 - (noons[0] - now_s) / DAY_S, 0.0, 1.0))
    return np.asarray(before + share * (after - before), dtype=np.float64)


def persistence(past: Floats) -> float:
    """The share of a departure from the straight line through the last 13 weeks that is left a day later.

    First autocorrelation of the residuals, with the correction for its bias beside a fitted line, (2 + 4 r) ÷ n (after Kendall 1954). A stock that
    drifts keeps its departures (near 1); a reading that jitters around its level loses them at once (near 0). What went one way for four weeks keeps
    them at least in the measure in which it did, wholly from nine tenths on: a line through a curve, or through a jump, says little of that.
    """
    recent = past[-LINE_DAYS:]
    known = np.isfinite(recent)
    count = int(known.sum())
    if count < ENOUGH_DAYS:
        return UNKNOWN
    day = np.arange(len(recent), dtype=np.float64)
    off = np.where(known, day - day[known].mean(), 0.0)
    rest = np.where(known, recent - recent[known].mean(), 0.0)
    rest = np.where(known, rest - off * float(off @ rest) / float(off @ off), 0.0)
    spread = float(rest @ rest)
    pairs = int((known[1:] & known[:-1]).sum())
    kept = _one_way(recent)
    if kept >= ONE_WAY:
        return 1.0
    if not np.isfinite(spread) or spread <= 1e-18 * float(np.abs(recent[known]).max()) ** 2 * count or not pairs:
        return max(FASTEST, kept)
    found = float(rest[1:] @ rest[:-1]) / pairs * count / spread
    return max(float(np.clip(found + (2 + 4 * found) / count, FASTEST, SLOWEST)), kept)


def _one_way(past: Floats) -> float:
    """How far the last four weeks went, over how far they went up and down: 1 for what only piles up, near 0 for what comes back."""
    recent = past[-ONE_WAY_DAYS:]
    moves = np.diff(recent[np.isfinite(recent)])
    walked = float(np.abs(moves).sum())
    return abs(float(moves.sum())) / walked if np.isfinite(walked) and walked > 0 else 0.0


def first_over_s(course: Course, amount: float, slack: float = 0.0) -> Floats:
    """When each draw first is above `amount` (by more than `slack`), in seconds since 1970, straight between instants; inf where never."""
    over = course.values > amount + slack
    over[:, 0] = False
    index = over.argmax(axis=1)
    rows = np.arange(len(over))
    crossed = over[rows, index]
    before = np.maximum(index - 1, 0)
    low, high = course.values[rows, before], course.values[rows, index]
    rise = high - low
    share = np.where(rise > 0, (amount - low) / np.where(rise > 0, rise, 1.0), 1.0)
    at = course.at_s[before] + np.clip(share, 0.0, 1.0) * (course.at_s[index] - course.at_s[before])
    return np.where(crossed, at, NEVER)
