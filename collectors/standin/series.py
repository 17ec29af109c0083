"""The readings a platform would give at any tick of the 15-second grid: gauges around their level, and counters."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import numpy as np

from collectors.standin.asks import within
from collectors.standin.counters import CounterModel, Line
from collectors.standin.faults import ActiveEffect, FaultLog
from collectors.standin.instants import DAY, HOUR, SECOND, Floats, Grid, Ints, stream
from collectors.standin.traffic import Traffic

TICK = 15 * SECOND
TICKS_AN_HOUR = HOUR // TICK
WANDER = 0.6  # part of a gauge's noise that moves slowly, over an hour
JITTER = 0.8
GAUGE_FIELDS = ("growth_per_day", "load_gain", "daily_amplitude", "daily_peak_hour", "fills_daily", "noise", "min", "decimals")


class SeriesModel:
    """Values of every series of a platform."""

    def __init__(self, traffic: Traffic, seed: int, start_us: int, log: FaultLog, resets: dict[str, list[int]]) -> None:
        self.traffic = traffic
        self.seed = seed
        self.log = log
        self.lines = [
            Line(one, labels, one.base if base is None else base)
            for one in traffic.shape.series
            for labels, base in ([(v.labels, v.base) for v in one.variants] or [({}, None)])
        ]
        self._gauge_rows = [i for i, line in enumerate(self.lines) if line.shape.kind == "gauge"]
        self._counter_rows = [i for i, line in enumerate(self.lines) if line.shape.kind == "counter"]
        self._gauges = [self.lines[i] for i in self._gauge_rows]
        counters = [self.lines[i] for i in self._counter_rows]
        self._counters = CounterModel(counters, traffic, seed, start_us // DAY * DAY, resets)
        self._column: dict[str, Grid] = {f: self._of_gauges(f) for f in GAUGE_FIELDS}
        # Readings and checks of one hour are asked for soon after one another.
        self._wander = lru_cache(maxsize=64)(self._draw_wander)
        self._jitter = lru_cache(maxsize=32)(self._draw_jitter)
        self._base = np.array([one.base for one in self._gauges])[:, None]
        self._high = np.array([np.inf if one.shape.max is None else one.shape.max for one in self._gauges])[:, None]

    def index(self, name: str, labels: dict[str, str] | None = None) -> int | None:
        """Row of the first series of that name that carries the labels."""
        wanted = (labels or {}).items()
        return next((i for i, one in enumerate(self.lines) if one.shape.name == name and wanted <= one.labels.items()), None)

    def values(self, at: Ints) -> Grid:
        """Values, one row a series and one column an instant of the grid. Some may not be finite."""
        found: Grid = np.empty((len(self.lines), len(at)))
        effects = [a for a in self.log.effects() if a.effect.series]
        if self._gauge_rows:
            found[self._gauge_rows] = self._gauge_values(at, effects)
        if self._counter_rows:
            found[self._counter_rows] = self._counters.values(at, effects)
        return found

    def gaps(self, at_us: Ints) -> Any:
        """Mask of the same form as `values`: readings that are missing under a fault."""
        missing = np.zeros((len(self.lines), len(at_us)), dtype=bool)
        for active in self.log.effects(int(at_us.min()), int(at_us.max()) + 1) if len(at_us) else ():
            if active.effect.samples:
                components = active.effect.samples.components
                rows = [components is None or one.shape.component in components for one in self.lines]
                missing |= np.array(rows)[:, None] & within(active, at_us)[None, :]
        return missing

    def _gauge_values(self, at: Ints, effects: list[ActiveEffect]) -> Grid:
        column = self._column
        days = ((at - self.traffic.origin_us) / DAY)[None, :]
        load = self.traffic.load(at)[None, :]
        clock = ((at % DAY) / HOUR)[None, :]
        fills = column["fills_daily"] > 0
        level = self._base * (1 + column["growth_per_day"]) ** days * (1 + column["load_gain"] * (load - 1))
        level = level * (1 + column["daily_amplitude"] * np.cos(2 * np.pi * (clock - column["daily_peak_hour"]) / 24))
        # A filling gauge follows the day's traffic and never steps back, so it has no noise.
        level = level * np.where(fills, self.traffic.share_of_day(at)[None, :], 1.0)
        values = level * (1 + np.where(fills, 0.0, column["noise"]) * self._noise(at))
        for active in effects:
            change, hit = active.effect.series, within(active, at)
            if change is None or not hit.any():
                continue
            cells = np.ix_([one.touched_by(change) for one in self._gauges], hit)
            values[cells] = values[cells] * change.multiply + change.add if change.set is None else float(change.set)
        finite = np.isfinite(values)
        values = np.where(finite, np.clip(values, column["min"], self._high), values)
        scale = 10.0 ** column["decimals"]
        found: Grid = np.where(finite, np.rint(values * scale) / scale, values)
        return found

    def _noise(self, at: Ints) -> Grid:
        hours, ticks = at // HOUR, at % HOUR // TICK
        found: Grid = np.empty((len(self._gauges), len(at)))
        edges = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), len(at)]
        for low, high in itertools.pairwise(edges):
            hour, part = int(hours[low]), ticks[low:high]
            now, following = self._wander(hour)[:, None], self._wander(hour + 1)[:, None]
            slow = now + (following - now) * (part / TICKS_AN_HOUR)[None, :]
            found[:, low:high] = WANDER * slow + JITTER * self._jitter(hour, int(part.max()) + 1)[part].T
        return found

    def _draw_wander(self, hour: int) -> Floats:
        return stream(self.seed, "wander", hour).standard_normal(len(self._gauges))

    def _draw_jitter(self, hour: int, ticks: int) -> Grid:
        """The noise of an hour's first so many ticks; the same numbers however many are drawn."""
        found: Grid = stream(self.seed, "jitter", hour).standard_normal((ticks, len(self._gauges)))
        return found

    def _of_gauges(self, field: str) -> Grid:
        return np.array([getattr(one.shape, field) for one in self._gauges], dtype=float)[:, None]
