"""What a series' own past says of its next reading, and how rare a reading is: for many series at once, one reading after another.

Of each series three pictures are kept: a running level; the same with a shape of the day; and with a shape of the week on top. What counts is the
picture that has been nearest so far. A reading's score is its distance from what was expected, in running scales; its p-value the share of
earlier scores that were as great (a conformal p-value: Vovk, Gammerman, Shafer, *Algorithmic Learning in a Random World*, 2005), and beyond
the greatest twentieth the tail of Hill (*A simple general approach to inference about the tail of a distribution*, 1975). Whatever is said of a reading was worked out from readings
before it alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from analytics.anomalies.ranks import Ranks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEVEL_DAYS = 7.0
"""Half-life of the level."""
LONG_DAYS = 14.0
"""Half-life of the long scale."""
SHORT_DAYS = 1.0
"""Half-life of the short scale: what is rare on a calm day may be nothing on a wild one."""
DAY_WEIGHT = 0.1
"""How much a day's shape moves towards the newest day; a week's towards the newest week."""
CLIP = 3.0
"""A reading moves what is kept by no more than so many scales: one wild reading must not become what is expected."""
FLOOR = 0.02
"""The least scale, as a share of the level: a series that never moved is not exact to the last digit."""
DAYS_SEEN, WEEKS_SEEN = 2, 2
"""How often a time of day, of the week, must have been seen before its shape may be the picture that counts."""
CHOICE_DAYS = 3.0
"""Half-life of the error that pictures are compared by."""
BETTER = 0.95
"""A richer picture counts when its error is less than this share of a simpler one's."""
WARM_DAYS, WARM_READINGS = 1.0, 7
"""Nothing is said, or remembered as usual, of a series' first day and first readings: its level and scale are then guesses."""
MEANS = (3, 12)
"""Of so many readings in a row is a mean scored."""
WEEK_SLOTS = 168


@dataclass(frozen=True, slots=True)
class Seen:
    """What was said of readings, each array of shape (readings, series); NaN where there was no reading, or too little before it.

    `expected`, `low`, `high` in the series' unit: what was expected, below which 5 % and 95 % of readings fall. `score`: the signed distance in long
    scales. `p_point`, `p_three`: of the reading, of the mean of three. `p_any`: of all looks together (point by the long and the short scale, the mean of twelve),
    allowed for having looked three times.
    """

    expected: Floats
    low: Floats
    high: Floats
    score: Floats
    p_point: Floats
    p_three: Floats
    p_any: Floats


@dataclass
class Detector:
    """The state for `per_day` readings a day of each series (shape (series,); 1 for daily readings, whose week alone has a shape)."""

    per_day: Floats
    ranks: dict[str, Ranks] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.per_day = np.atleast_1d(np.asarray(self.per_day, dtype=np.float64))
        n = len(self.per_day)
        self.level = np.full((3, n), np.nan)
        self.error = np.full((3, n), np.nan)
        self.long, self.short = np.full(n, np.nan), np.full(n, np.nan)
        day_slots = int(max(self.per_day.max(initial=1.0), 1.0))
        self.day = np.zeros((2, day_slots, n))
        self.day_seen = np.zeros((day_slots, n))
        self.week, self.week_seen = np.zeros((WEEK_SLOTS, n)), np.zeros((WEEK_SLOTS, n))
        self.count = np.zeros(n)
        self.recent = np.full((max(MEANS), n), np.nan)
        self.at = 0
        self.ranks = {name: Ranks(n, with_bounds=name == "long") for name in ("long", "short", *(f"mean{k}" for k in MEANS))}

    def observe(self, values: Floats, day_slot: Ints, week_slot: Ints) -> Seen:
        """What is to be said of the next readings (shape (readings, series), NaN or infinite: none), which are then learned from.

        `day_slot`, `week_slot` (shape (readings,) or (readings, series)): which reading of the day and which hour of the week, local, each is.
        """
        values = np.where(np.isfinite(values), values, np.nan)
        steps, n = values.shape
        day_slot = np.broadcast_to(day_slot if day_slot.ndim == 2 else day_slot[:, None], (steps, n))
        week_slot = np.broadcast_to(week_slot if week_slot.ndim == 2 else week_slot[:, None], (steps, n))
        expected, scale = np.full((steps, n), np.nan), np.full((steps, n), np.nan)
        scores = {name: np.full((steps, n), np.nan) for name in self.ranks}
        for i in range(steps):
            self._step(values[i], day_slot[i], week_slot[i], i, expected, scale, scores)
        p = {name: ranks.p_values(scores[name]) for name, ranks in self.ranks.items()}
        low, high = self.ranks["long"].bounds
        looks = np.stack([p["long"], p["short"], p[f"mean{MEANS[1]}"]])
        with np.errstate(invalid="ignore"):
            any_ = np.minimum(np.fmin.reduce(looks) * len(looks), 1.0)
        return Seen(
            expected, expected + low * scale, expected + high * scale, scores["long"], p["long"], p[f"mean{MEANS[0]}"], any_
        )

    def _step(self, x: Floats, d: Ints, w: Ints, i: int, expected: Floats, scale: Floats, scores: dict[str, Floats]) -> None:
        here, series = np.isfinite(x), np.arange(len(x))
        self.count += here
        self.level = np.where(np.isnan(self.level) & here, x, self.level)
        shape = np.stack([np.zeros(len(x)), self.day[0, d, series], self.day[1, d, series] + self.week[w, series]])
        off = x - self.level - shape
        ready = np.stack([
            np.ones(len(x), bool), self.day_seen[d, series] >= DAYS_SEEN,
            (self.day_seen[d, series] >= DAYS_SEEN) & (self.week_seen[w, series] >= WEEKS_SEEN),
        ])  # fmt: skip
        k = self._choice(ready)
        r = off[k, series]
        expected[i] = np.where(here, self.level[k, series] + shape[k, series], np.nan)
        floor = FLOOR * np.abs(self.level[0]) + 1e-12
        long, short = np.fmax(self.long, floor), np.fmax(self.short, floor)
        scale[i] = np.where(here, long, np.nan)
        told = here & (self.count > np.maximum(WARM_DAYS * self.per_day, WARM_READINGS))
        z = np.where(told, r / long, np.nan)
        scores["long"][i], scores["short"][i] = z, np.where(told, r / short, np.nan)
        self.recent[self.at % len(self.recent)] = z
        for n in MEANS:
            rows = [(self.at - j) % len(self.recent) for j in range(n)]
            scores[f"mean{n}"][i] = np.where(told, _mean(self.recent[rows]), np.nan)
        self.at += 1
        self._learn(x, here, off, r, long, d, w, ready)

    def _choice(self, ready: npt.NDArray[np.bool_]) -> Ints:
        """Which picture counts, by series."""
        k = np.zeros(ready.shape[1], dtype=np.int64)
        best = self.error[0]
        for j in (1, 2):
            with np.errstate(invalid="ignore"):
                better = ready[j] & (self.error[j] < BETTER * best)
            k, best = np.where(better, j, k), np.where(better, self.error[j], best)
        return k

    def _learn(
        self, x: Floats, here: npt.NDArray[np.bool_], off: Floats, r: Floats, scale: Floats, d: Ints, w: Ints,
        ready: npt.NDArray[np.bool_],
    ) -> None:  # fmt: skip
        series = np.arange(len(x))
        off = np.where(here, off, 0.0)
        most = CLIP * scale
        clipped = np.clip(off, -most, most)
        each = 1 / np.maximum(self.count, 1)
        self.level = self.level + np.maximum(_share(LEVEL_DAYS, self.per_day), each) * clipped
        weight = np.where(here, np.maximum(DAY_WEIGHT, 1 / (self.day_seen[d, series] + 2)), 0.0)
        for j in (0, 1):
            self.day[j, d, series] += weight * clipped[j + 1]
        week = np.where(here, np.maximum(DAY_WEIGHT, 1 / (self.week_seen[w, series] / self._an_hour() + 2)), 0.0)
        self.week[w, series] += week / self._an_hour() * clipped[2]
        self.day_seen[d, series] += here
        self.week_seen[w, series] += here / self._an_hour()
        size = np.abs(off)
        moved = np.maximum(_share(CHOICE_DAYS, self.per_day), each)
        for j in range(3):
            fair = here & ready[j]
            start = fair & np.isnan(self.error[j])
            self.error[j] = np.where(start, np.minimum(size[j], most), self.error[j])
            self.error[j] += np.where(fair, moved * (np.minimum(size[j], most) - self.error[j]), 0.0)
        r = np.abs(np.where(here, r, 0.0))
        self.long = self._scale(self.long, r, here, LONG_DAYS)
        self.short = self._scale(self.short, r, here, SHORT_DAYS)

    def _an_hour(self) -> Floats:
        return np.maximum(self.per_day / 24, 1.0)

    def _scale(self, scale: Floats, r: Floats, here: npt.NDArray[np.bool_], days: float) -> Floats:
        first = here & np.isnan(scale) & (r > 0)
        scale = np.where(first, r, scale)
        share = np.maximum(_share(days, self.per_day), 1 / np.maximum(self.count, 1))
        return np.where(here, scale + share * (np.minimum(r, CLIP * scale) - scale), scale)


def _share(days: float, per_day: Floats) -> Floats:
    return 1 - 0.5 ** (1 / (days * per_day))


def _mean(rows: Floats) -> Floats:
    counted = np.isfinite(rows)
    found: Floats = np.where(counted, rows, 0.0).sum(axis=0) / np.maximum(counted.sum(axis=0), 1)
    return found
