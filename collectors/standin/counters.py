"""Counters: growth by the minute since the start of the history, faults on top, restarts at 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collectors.standin.faults import ActiveEffect
from collectors.standin.instants import DAY, MINUTE, SECOND, Floats, Grid, Ints, stream
from collectors.standin.traffic import Traffic
from roomleft.packs_standin import SeriesShape
from roomleft.packs_standin_faults import SeriesEffect

DAY_MINUTES = DAY // MINUTE
MORE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Line:
    """One series: a shape with one label set."""

    shape: SeriesShape
    labels: dict[str, str]
    base: float

    def touched_by(self, change: SeriesEffect) -> bool:
        """Whether an effect names this series."""
        return self.shape.name in change.names and change.labels.items() <= self.labels.items()


class CounterModel:
    """Values of counters at any instants. `resets` are the instants at which a component's counters restarted."""

    def __init__(self, lines: list[Line], traffic: Traffic, seed: int, start_us: int, resets: dict[str, list[int]]) -> None:
        self.lines = lines
        self.traffic = traffic
        self.seed = seed
        self.start_us = start_us
        self._resets = [
            (at, np.flatnonzero([one.shape.component == component for one in lines]))
            for component, instants in resets.items()
            for at in sorted(instants)
        ]
        self._grown: Grid = np.zeros((len(lines), 1))  # has room for more days than are known
        self._minutes = 1
        self._rows: dict[int, Ints] = {}
        self._ended: dict[tuple[int, int, int], Grid] = {}
        self._before: dict[int, Grid] = {}

    def values(self, at: Ints, effects: list[ActiveEffect]) -> Grid:
        """One row a counter, one column an instant; whole numbers. `effects` are all that ever held, in order."""
        total = self._total(at, effects)
        found = total.copy()
        for reset, rows in self._resets:
            after = at >= reset
            if after.any():
                if reset not in self._before:  # only incidents of the past reach back before a restart
                    self._before[reset] = self._total(np.array([reset], dtype=np.int64), effects)
                found[np.ix_(rows, after)] = (total - self._before[reset])[np.ix_(rows, after)]
        floor: Grid = np.floor(found)
        return floor

    def _total(self, at: Ints, effects: list[ActiveEffect]) -> Grid:
        total = self._growth(at)
        first, last = int(at.min()), int(at.max())
        for active in effects:
            rows = self._touched(active)
            if not len(rows) or active.from_us > last:
                continue
            if active.to_us > first:
                total[rows] += self._extra(active, rows, at)
                continue
            key = (active.from_us, active.to_us, id(active.effect))
            if key not in self._ended:
                self._ended[key] = self._extra(active, rows, np.array([active.to_us], dtype=np.int64))
            total[rows] += self._ended[key]
        return total

    def _touched(self, active: ActiveEffect) -> Ints:
        key = id(active.effect)
        if key not in self._rows:
            change = active.effect.series
            self._rows[key] = np.flatnonzero([change is not None and one.touched_by(change) for one in self.lines])
        return self._rows[key]

    def _extra(self, active: ActiveEffect, rows: Ints, at: Ints) -> Grid:
        """What an effect has added by each instant."""
        change = active.effect.series
        assert change is not None
        low = max(active.from_us, self.start_us)
        high = np.clip(at, low, active.to_us)
        more = (self._growth(high) - self._growth(np.array([low], dtype=np.int64)))[rows]
        found: Grid = more * (change.multiply - 1) + ((high - low) / SECOND)[None, :] * change.add
        return found

    def _growth(self, at: Ints) -> Grid:
        since = np.maximum(0, at - self.start_us)
        minute, rest = since // MINUTE, (since % MINUTE) / MINUTE
        while int(minute.max()) + 1 >= self._minutes:
            self._grow()
        begun = self._grown[:, minute]
        found: Grid = begun + (self._grown[:, minute + 1] - begun) * rest
        return found

    def _grow(self) -> None:
        """One more day of growth, minute by minute."""
        end = self._minutes + DAY_MINUTES
        if end > self._grown.shape[1]:
            roomy: Grid = np.zeros((len(self.lines), end + MORE_DAYS * DAY_MINUTES))
            roomy[:, : self._minutes] = self._grown[:, : self._minutes]
            self._grown = roomy
        day = self.start_us // DAY + (self._minutes - 1) // DAY_MINUTES
        load: Floats = self.traffic.load(day * DAY + np.arange(DAY_MINUTES, dtype=np.int64) * MINUTE)
        noise = stream(self.seed, "counters", day).standard_normal((len(self.lines), DAY_MINUTES))
        steps: dict[str, Floats] = {}
        rows = []
        for row, line in enumerate(self.lines):
            source = steps[line.shape.share_of] if line.shape.share_of else load * (MINUTE / SECOND)
            step = line.base * source * np.maximum(0, 1 + line.shape.noise * noise[row])
            steps[line.shape.name] = steps.get(line.shape.name, 0.0) + step
            rows.append(step)
        self._grown[:, self._minutes : end] = (
            np.cumsum(np.array(rows), axis=1) + self._grown[:, self._minutes - 1 : self._minutes]
        )
        self._minutes = end
