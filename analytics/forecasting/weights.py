"""Rolling-origin backtest: at each origin every member says its path, and is weighted by how its earlier paths turned out by then.

A weight used at an origin has seen nothing of what that origin forecasts: of an earlier path only the steps before the origin count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.forecasting import drift
from analytics.forecasting.members import Smoother
from analytics.forecasting.shifts import Ints
from analytics.forecasting.state import Floats

Reals = npt.NDArray[np.floating[Any]]
"""Errors in either precision."""

SUM_SHARE = 0.5
"""How much the error of a path's sum counts beside the errors of its steps."""
BEST = 16
POWER = 6.0
PRIOR = 0.1
OLD = 14


def origins(steps: int, horizon: int, season: int, most: int = 20) -> tuple[int, ...]:
    """After which steps forecasts are made in the backtest: newest last, spaced, each path whole where history allows.

    A whole path needs `horizon` steps after its origin and two seasons (14 steps at least) before it. A history too short for eight of them also gets
    origins with shorter paths.
    """
    earliest = max(2 * season, 14) if steps >= 2 * season + horizon + 14 else 14
    newest = steps - horizon
    step = season if 1 < season <= 14 else max(season // 2, 1) if season <= 31 else 1
    spacing = max(step, -(-(newest - earliest) // most))
    whole = list(range(newest, earliest - 1, -spacing))
    if len(whole) < 8:
        partial = list(range(steps - step, max(newest, 6), -step))
        whole = sorted({*whole, *partial}, reverse=True)[:most]
    return tuple(reversed(whole))


@dataclass(frozen=True, slots=True)
class Losses:
    """Running sums of errors of one origin's paths, by prefix length: shape (prefixes, members, n)."""

    origin: int
    lengths: tuple[int, ...]
    sizes: Reals
    sums: Reals
    counts: Reals

    def by(self, origin: int) -> tuple[Floats, Floats] | None:
        """Mean loss of the steps known by `origin` (members, n) and how much of the path that is (n,)."""
        seen = [i for i, length in enumerate(self.lengths) if self.origin + length <= origin]
        if not seen:
            return None
        at = seen[-1]
        count = np.maximum(self.counts[at], 1.0)
        loss = self.sizes[at] / count + SUM_SHARE * np.abs(self.sums[at]) / count
        return loss, self.counts[at] / self.lengths[-1]


def measure(paths: Reals, truth: Floats, origin: int, lengths: Sequence[int]) -> Losses:
    """`paths` (members, n, h) against `truth` (n, h), NaN where unknown."""
    known = ~np.isnan(truth)
    errors = paths - np.where(known, truth, 0.0).astype(paths.dtype)[None]
    errors *= known[None]
    edges = [0, *lengths[:-1]]
    sizes = np.cumsum(np.add.reduceat(np.abs(errors), edges, axis=2), axis=2)
    sums = np.cumsum(np.add.reduceat(errors, edges, axis=2), axis=2)
    counts = np.cumsum(np.add.reduceat(known.astype(paths.dtype), edges, axis=1), axis=1)
    return Losses(origin, tuple(lengths), np.moveaxis(sizes, 2, 0), np.moveaxis(sums, 2, 0), counts.T)


def mean_losses(past: Sequence[Losses], origin: int) -> tuple[Floats, Floats] | None:
    """(members, n) mean loss of all earlier origins as known by `origin`, and (n,) how many whole paths that is."""
    total: Floats | None = None
    weight: Floats | None = None
    for one in past:
        known = one.by(origin)
        if known is None:
            continue
        loss, share = known
        total = loss * share if total is None else total + loss * share
        weight = share if weight is None else weight + share
    if total is None or weight is None:
        return None
    return total / np.maximum(weight, 1e-9), weight


def weigh(loss: Floats, best: int = BEST, power: float = POWER) -> Floats:
    """(members, n) weights that sum to 1: the `best` members by loss, each by its loss to the power of minus `power`."""
    m = len(loss)
    least = loss.min(axis=0, keepdims=True)
    ratio = (loss + 1e-12) / (least + 1e-12)
    weights = ratio**-power
    if best < m:
        bound = np.partition(loss, best - 1, axis=0)[best - 1]
        weights = np.where(loss <= bound, weights, 0.0)
    return np.asarray(weights / weights.sum(axis=0, keepdims=True), dtype=np.float64)


def mix(
    values: Floats, ready: Ints, families: Sequence[Smoother], resets: Ints, at: Sequence[int], horizon: int
) -> tuple[Floats, Floats]:
    """Smooth `values` (n, t) under every setting of `families`, mixed at every origin of `at` and at the end.

    (o + 1, n, horizon) what they say together, the last of the whole history; and (members, n) the last weights. Before `ready` (n,) a series is not judged.
    `resets` (n, t): see `shifts.Shifts`.
    """
    n, steps = values.shape
    lengths = prefixes(at, horizon)
    past: list[Losses] = []
    out = np.zeros((len(at) + 1, n, horizon))
    members = sum(len(one.of) for one in families)
    weights = np.full((members, n), 1 / members)
    stops = {origin: i for i, origin in enumerate((*at, steps))}
    for step in range(steps + 1):
        if step in stops:
            paths = np.concatenate([one.ahead(horizon) for one in families]) if len(families) > 1 else families[0].ahead(horizon)
            known = mean_losses(past, step)
            if known is not None:
                weights = weigh(shrunk(*known))
            out[stops[step]] = np.einsum("mn,mnh->nh", weights, paths)
            if step < steps:
                past.append(measure(paths, truth(values, step, horizon, ready), step, lengths))
        if step < steps:
            for one in families:
                one.step(values[:, step])
            _reset(values, step, resets[:, step], families)
    return out, weights


def shrunk(loss: Floats, count: Floats) -> Floats:
    """(members, n) losses drawn towards what all series of the panel find, the more the fewer paths (n,) a series has been judged by."""
    typical = loss.mean(axis=0, keepdims=True)
    judged = (count > 0) & (typical[0] > 0)
    if not judged.any():
        return np.ones_like(loss)
    common = np.exp(np.log((loss[:, judged] + 1e-12) / (typical[:, judged] + 1e-12)).mean(axis=1))[:, None]
    base = np.where(judged, typical, 1.0)
    return np.asarray((loss * count + PRIOR * base * common) / (count + PRIOR), dtype=np.float64)


def _reset(values: Floats, step: int, resets: Ints, families: Sequence[Smoother]) -> None:
    for length in np.unique(resets[resets != 0]):
        rows = np.flatnonzero(resets == length)
        end = step + 1 if length > 0 else step + 1 + length
        recent = values[rows, max(end - (length if length > 0 else OLD), 0) : end]
        begun = step + 1 - abs(length)
        seasons = len(families[0].season)
        slope = drift.steady_slopes(values[rows, max(begun - drift.reach(seasons), 0) : begun], seasons)
        for one in families:
            one.read_again(rows, recent, end, slope)


def prefixes(at: Sequence[int], horizon: int) -> tuple[int, ...]:
    """The lengths of a path's beginnings that a later origin may have seen."""
    spacing = min((b - a for a, b in pairwise(at)), default=horizon)
    return (*range(spacing, horizon, spacing), horizon)


def truth(values: Floats, origin: int, horizon: int, ready: Ints) -> Floats:
    """(n, horizon) what came after `origin`; NaN where unknown, or where a series was not `ready` (n,) by then."""
    seen = values[:, origin : origin + horizon]
    missing = horizon - seen.shape[1]
    padded = seen if missing == 0 else np.concatenate([seen, np.full((len(seen), missing), np.nan)], axis=1)
    return np.where((ready <= origin)[:, None], padded, np.nan)
