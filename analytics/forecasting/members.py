"""The panel's members: exponential smoothing under many settings, all series at once, each step one sweep over arrays.

Gardner's damped trend with additive seasons in error-correction form (Hyndman et al., *Forecasting with Exponential Smoothing*, 2008, ch. 2), with one
change: an error is clipped at twice a running scale before anything learns from it, so that one wild day moves nothing far.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from analytics.forecasting.by_row import nanmiddle
from analytics.forecasting.state import Floats

CLIP = 2.0
SCALE_RATE = 0.06


@dataclass(frozen=True, slots=True)
class Settings:
    """One smoothing setting a row. `seasonal` 0 leaves the season out; `damping` 0 leaves the trend out."""

    level: Floats
    trend: Floats
    damping: Floats
    seasonal: Floats

    def __len__(self) -> int:
        return len(self.level)


def settings(season: int) -> Settings:
    """The settings for a season of so many steps: 54 with a season, 18 without."""
    levels = (0.02, 0.05, 0.12, 0.25, 0.45, 0.8)
    trends = ((0.0, 0.0), (0.08, 0.9), (0.05, 0.98))
    return _table(levels, trends, (0.0, 0.04, 0.15) if season > 1 else (0.0,))


def longer_settings() -> Settings:
    """The settings for a second, longer season: always seasonal, slower."""
    return _table((0.01, 0.05, 0.2, 0.6), ((0.0, 0.0), (0.08, 0.9)), (0.1, 0.3))


def longer(season: int) -> int | None:
    """The season of seasons: the week of days of hours. None for others."""
    return 168 if season == 24 else None


def _table(levels: tuple[float, ...], trends: tuple[tuple[float, float], ...], seasons: tuple[float, ...]) -> Settings:
    rows = [(a, b, d, g) for a, (b, d), g in product(levels, trends, seasons)]
    columns = np.array(rows, dtype=np.float64).T
    return Settings(columns[0], columns[1], columns[2], columns[3])


Singles = npt.NDArray[np.float32]


class Smoother:
    """The state of every setting for every series: arrays (settings, series); the season (steps, settings, series).

    In single precision, of values of size 1: half the memory to walk through, and errors of forecasts are far above its rounding.
    """

    def __init__(self, start: Floats, profile: Floats, spread: Floats, of: Settings) -> None:
        """From `start` (series,), a first seasonal `profile` (series, season) and a typical error `spread` (series,)."""
        shape = len(of), len(start)
        self.of = of
        self.level = np.broadcast_to(start, shape).astype(np.float32)
        self.trend = np.zeros(shape, dtype=np.float32)
        self.season = (profile.T[:, None, :] * (of.seasonal[:, None] > 0)[None]).astype(np.float32)
        self.scale = np.broadcast_to(spread, shape).astype(np.float32)
        self.time = 0
        self._damping = of.damping[:, None].astype(np.float32)
        self._level_rate = of.level[:, None].astype(np.float32)
        self._trend_rate = (of.level * of.trend)[:, None].astype(np.float32)
        self._season_rate = (of.seasonal * (1 - of.level))[:, None].astype(np.float32)

    def step(self, value: Floats | Singles) -> None:
        """Learn one step of all series; NaN teaches nothing."""
        season = self.season[self.time % len(self.season)]
        known = ~np.isnan(value)
        self.trend *= self._damping
        self.level += self.trend
        error = np.where(known, value, 0.0).astype(np.float32) - self.level
        error -= season
        error *= known
        bound = np.float32(CLIP) * self.scale
        np.minimum(error, bound, out=error)
        np.negative(bound, out=bound)
        np.maximum(error, bound, out=error)
        np.abs(error, out=bound)
        bound -= self.scale
        bound *= np.float32(SCALE_RATE) * known
        self.scale += bound
        np.multiply(error, self._season_rate, out=bound)
        season += bound
        np.multiply(error, self._trend_rate, out=bound)
        self.trend += bound
        error *= self._level_rate
        self.level += error
        self.time += 1

    def ahead(self, horizon: int) -> Singles:
        """(settings, series, horizon) what each expects of the next steps."""
        steps = np.arange(horizon)
        run = np.cumsum(self._damping ** (steps + 1)[None, :], axis=1, dtype=np.float32)
        path = self.trend[:, :, None] * run[:, None, :]
        path += self.level[:, :, None]
        path += self.season[(self.time + steps) % len(self.season)].transpose(1, 2, 0)
        return path

    def read_again(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]], recent: Floats, end: int, slope: Floats) -> None:
        """Put the level of `rows` where `recent` (rows, w), their w values before step `end`, have it; the trend starts again, from `slope` (rows,)."""
        w = recent.shape[1]
        phases = np.arange(end - w, end) % len(self.season)
        rest = recent[None] - self.season[phases][:, :, rows].transpose(1, 2, 0)
        m = len(self.of)
        level = nanmiddle(rest.reshape(m * len(rows), w)).reshape(m, len(rows)) + slope * (w - 1) / 2
        self.level[:, rows] = np.where(np.isnan(level), self.level[:, rows], level)
        self.trend[:, rows] = np.where(self._damping > 0, slope, 0.0)
