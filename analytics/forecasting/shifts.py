"""Level shifts: found as they happen, each step from what was known by then.

A step's surprise is its value less the median of the same phase in the four seasons before. A run of surprises on one side, all large beside the usual ones, is a
shift: from then on the level is what the run says, not what the past says. While the run is no longer than a season, its surprises still compare with the time
before it. When, within two seasons, two surprises are as good as gone again, it was an episode and not a shift, and the old level returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.forecasting.by_row import nanmean, nanmedian
from analytics.forecasting.state import Floats

Ints = np.ndarray[Any, np.dtype[np.int64]]

SEASONS = 4
RUN = 5
"""Surprises that make a shift of days or weeks."""
BACK, GONE = 2, 0.3
"""An episode is over when so many surprises come, in the mean, to less than this share of it."""
MIDDLE = 2.0
EACH = 0.5
"""A run's middle, and each of its surprises, in usual surprises (mean absolute ones, clipped)."""
STILL = 0.5
"""Before a run, surprises were typically no larger than this share of its middle: a jump, not the next part of a walk."""
WILD, LITTLE = 5.0, 0.02
"""A value is wild beyond so many usual surprises, which count as at least so much."""
RATE = 0.05
"""How fast the usual surprise is learnt."""
LEAST = 0.45
"""Less than half as much again, or a third less, as a logarithm, is left to the smoothing."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """What was noticed after each step, for n series of t steps."""

    resets: Ints
    """(n, t) over how many of the last steps the level is to be read again; 0 for not at all; -k: the level of before the last k steps is back."""
    since: Ints
    """(n, t + 1) the step at which the shift in force after so many steps began; -1 for none."""
    size: Floats
    """(n, t + 1) by how much, on the fitted scale; 0 for none."""
    calm: Floats
    """(n, t) the values, those clipped that surprised wildly on one day or two, and not for longer."""


def run_of(season: int) -> int:
    """How many surprises make a shift: five days, a whole season of shorter steps."""
    return max(RUN, season) if season > 7 else RUN


def lag(season: int) -> int:
    """How far back the first value lies that a surprise is measured from: whole seasons, not shorter than a run."""
    return season * -(-run_of(season) // season)


def detect(values: Floats, season: int) -> Shifts:
    """Shifts of `values` (n, t) on the fitted scale of values of size 1, NaN unknown. None for seasons longer than a month: a year's pattern looks like shifts."""
    n, steps = values.shape
    run = run_of(season)
    first_lag = lag(season)
    resets = np.zeros((n, steps), dtype=np.int64)
    since = np.full((n, steps + 1), -1, dtype=np.int64)
    size = np.zeros((n, steps + 1))
    if season > 31:
        return Shifts(resets, since, size, values)
    surprise = surprises(values, first_lag, season)
    quiet = np.full((n, steps + 1), np.nan)
    begun = np.full(n, -1)
    by = np.zeros(n)
    noise = np.full(n, np.nan)
    for step in range(steps):
        now = surprise[:, step]
        known = ~np.isnan(now)
        if step + 1 >= run:
            last = surprise[:, step + 1 - run : step + 1]
            usual = quiet[:, step + 1 - run]
            same = np.abs(np.sign(last).sum(axis=1)) == run
            fresh = same & (begun < 0) & (np.abs(last).min(axis=1) > EACH * usual)
            if fresh.any():
                middle = np.median(last[fresh], axis=1)
                large = np.abs(middle) > np.maximum(MIDDLE * usual[fresh], LEAST)
                earlier = surprise[fresh, max(step + 1 - run - first_lag, 0) : step + 1 - run]
                large &= nanmedian(np.abs(earlier)) < STILL * np.abs(middle)
                rows = np.flatnonzero(fresh)[large]
                by[rows] = middle[large]
                begun[rows] = step + 1 - run + (last[rows] / by[rows, None] >= 0.5).argmax(axis=1)
        if (begun >= 0).any():
            age = np.where(begun >= 0, step + 1 - begun, 0)
            reading = (age > 0) & (age <= first_lag) & known
            resets[reading, step] = age[reading]
            for row in np.flatnonzero(reading & (age > run)):
                by[row] = np.nanmedian(surprise[row, begun[row] : step + 1])
            lately = nanmean(surprise[:, max(step + 1 - BACK, 0) : step + 1])
            back = lately * np.sign(by) < GONE * np.abs(by)
            gone = (age > run) & (age <= 2 * first_lag) & back
            resets[gone, step] = -age[gone]
            over = gone | (age >= SEASONS * first_lag)
            begun[over] = -1
            by[over] = 0.0
            since[:, step + 1] = begun
            size[:, step + 1] = by
        usual_now = np.minimum(np.abs(now), np.where(np.isnan(noise), np.inf, 3 * noise))
        noise = np.where(known & (begun < 0), np.where(np.isnan(noise), usual_now, noise + RATE * (usual_now - noise)), noise)
        quiet[:, step + 1] = noise
    return Shifts(resets, since, size, _calm(values, surprise, quiet[:, :-1]))


def _calm(values: Floats, surprise: Floats, quiet: Floats) -> Floats:
    bound = WILD * np.maximum(np.nan_to_num(quiet, nan=np.inf), LITTLE)
    out = np.where(np.abs(surprise) > bound, np.sign(surprise), 0.0)
    lasting = np.zeros(out.shape, dtype=np.bool_)
    if out.shape[1] > 2:
        lasting[:, 2:] = (out[:, 2:] == out[:, 1:-1]) & (out[:, 2:] == out[:, :-2])
    wild = (out != 0) & ~lasting
    return np.where(wild, values - surprise + out * np.where(wild, bound, 0.0), values)


def surprises(values: Floats, first_lag: int, period: int) -> Floats:
    """(n, t) each value less the median of its phase in the seasons before; NaN where fewer than three of them are known."""
    n, steps = values.shape
    lags = np.full((SEASONS, n, steps), np.nan)
    for k in range(SEASONS):
        lag = first_lag + k * period
        if lag < steps:
            lags[k, :, lag:] = values[:, :-lag]
    ordered = np.sort(lags, axis=0)
    known = (~np.isnan(lags)).sum(axis=0)
    middle = np.where(known >= SEASONS, (ordered[1] + ordered[2]) / 2, ordered[1])
    return np.where(known >= SEASONS - 1, values - middle, np.nan)


def lifted(values: Floats, since: Ints, size: Floats) -> Floats:
    """`values` (n, t) on the fitted scale, with the steps before each series' shift moved to its new level."""
    before = (since[:, None] >= 0) & (np.arange(values.shape[1])[None, :] < since[:, None])
    return np.where(before, values + size[:, None], values)
