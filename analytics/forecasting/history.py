"""What a panel's histories are worth: which values are known, how long and gappy and sparse each series is, on which scale it is fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.forecasting.by_row import nanmean, nanmedian
from analytics.forecasting.scales import CAP_SPAN
from analytics.forecasting.shifts import Ints
from analytics.forecasting.state import Bools, Floats
from roomleft.outlook import NoDate

SHORTEST = 7
"""Known steps below which only a recent mean is given."""
SHORT = 28
"""Known steps below which a series is provisional."""
SPARSE = 0.6
"""Share of zeros above which only a mean rate is given."""
GAPPY = 0.5
"""Share of unknown steps, since the first known one, above which no date is said."""
OFFSET = 0.1
CAP_ROOM = 1.25
"""How much room the growth cap leaves above what was seen."""
LARGEST = 1e150
"""Beyond this a value is no measurement: its square no longer fits a float."""


@dataclass(frozen=True, slots=True)
class Histories:
    """n series of t steps. `values` hold NaN for unknown, infinite and absurd ones; the rest is by series."""

    values: Floats
    first: Ints
    """(n,) the first known step; t where there is none."""
    known: Ints
    """(n,) how many steps are known."""
    positive: Bools
    """(n,) no value below zero."""
    sparse: Bools
    """(n,) zero on more than 60 % of the known steps."""
    no_date: tuple[NoDate | None, ...]
    """By series: what its history alone forbids."""

    def of(self, rows: slice) -> Histories:
        """Some of the rows."""
        return Histories(
            self.values[rows], self.first[rows], self.known[rows], self.positive[rows], self.sparse[rows], self.no_date[rows]
        )


def read(values: Floats, season: int) -> Histories:
    """Look through `values` (n, t). Raises nothing: what is odd becomes unknown, and the series' reason."""
    seen = np.array(values, dtype=np.float64, ndmin=2)
    odd = ~np.isnan(seen) & ~(np.abs(seen) <= LARGEST)
    seen[odd] = np.nan
    is_known = ~np.isnan(seen)
    known = is_known.sum(axis=1)
    steps = seen.shape[1]
    first = np.where(known > 0, is_known.argmax(axis=1) if steps else 0, steps)
    last = np.where(known > 0, steps - 1 - is_known[:, ::-1].argmax(axis=1) if steps else -1, -1)
    filled = np.where(is_known, seen, 0.0)
    zeros = (filled == 0).sum(axis=1) - (~is_known).sum(axis=1)
    share = zeros / np.maximum(known, 1)
    gaps = 1 - known / np.maximum(steps - first, 1)
    silent = steps - 1 - last
    reasons = [
        _reason(int(known[i]), bool(odd[i].any()), float(share[i]), float(gaps[i]), int(silent[i]), season)
        for i in range(len(seen))
    ]
    return Histories(seen, first, known, np.all(filled >= 0, axis=1), (share > SPARSE) & (known >= SHORTEST), tuple(reasons))


def _reason(known: int, odd: bool, zeros: float, gaps: float, silent: int, season: int) -> NoDate | None:
    if known == 0:
        return NoDate.NOT_FINITE if odd else NoDate.NO_DATA
    if known < SHORTEST:
        return NoDate.TOO_SHORT
    if zeros == 1.0:
        return NoDate.ALL_ZERO
    if silent >= max(season, SHORTEST):
        return NoDate.STALE
    if gaps > GAPPY:
        return NoDate.TOO_GAPPY
    if zeros > SPARSE:
        return NoDate.TOO_SPARSE
    return None


def sizes(values: Floats) -> Floats:
    """(n,) the median size of what is not zero: what a series is divided by before anything looks at it. 1 where there is nothing."""
    median = nanmedian(np.where(values == 0, np.nan, np.abs(values)))
    return np.where(median > 1e-300, median, 1.0)


def offsets(values: Floats) -> Floats:
    """(n,) what is added before a logarithm to values of size 1: nothing where all are far from zero, else a tenth, so that a zero day is low, not infinitely low."""
    lowest = np.where(np.isnan(values), np.inf, values).min(axis=1, initial=np.inf)
    return np.where(lowest > OFFSET, 0.0, OFFSET)


def growth_cap(histories: Histories, span: int = CAP_SPAN, least: float = 2.0) -> tuple[Floats, Floats]:
    """(n,) the largest value that the next `span` steps may hold, and (n,) the growth in it, which each further span may bring again.

    That is the largest recent value times the largest past growth of a span's mean over the span before, and a quarter: what always grew so may go on, and a
    little faster. Growth counts as at least `least`, so that a calm past does not forbid a doubling. Inf where no value is above zero.
    """
    values = histories.values
    n, steps = values.shape
    if steps == 0:
        return np.full(n, np.inf), np.full(n, least)
    filled = np.nan_to_num(np.abs(values), nan=0.0)
    counts = np.cumsum(~np.isnan(values), axis=1)
    sums = np.cumsum(filled, axis=1)
    ratio = np.full(n, least)
    if steps >= 2 * span:
        window = sums[:, span:] - sums[:, :-span]
        count = counts[:, span:] - counts[:, :-span]
        mean = window / np.maximum(count, 1)
        before, after = mean[:, :-span], mean[:, span:]
        good = (count[:, :-span] >= span // 2) & (count[:, span:] >= span // 2) & (before > 0)
        ratios = np.where(good, after / np.where(good, before, 1.0), 0.0)
        if ratios.shape[1]:
            ratio = np.maximum(least, CAP_ROOM * ratios.max(axis=1))
    recent = filled[:, -max(span, 1) :].max(axis=1)
    largest = np.where(recent > 0, recent, filled.max(axis=1))
    growth = np.minimum(ratio, 20.0)
    return np.where(largest > 0, growth * largest, np.inf), growth


def start(values: Floats, first: Ints, season: int) -> tuple[Floats, Floats, Floats]:
    """Where smoothing begins: level (n,), seasonal profile (n, season) by phase of the panel's step 0, typical step error (n,).

    From what `ready` says each series needs before it is judged, so that what comes later stays unseen.
    """
    n, steps = values.shape
    seasonal = season > 1 and steps >= 2 * season
    span = max(2 * season, 14) if seasonal else 14
    columns = first[:, None] + np.arange(span)[None, :]
    taken = np.where(columns < steps, np.take_along_axis(values, np.minimum(columns, max(steps - 1, 0)), axis=1), np.nan)
    level = nanmedian(taken)
    profile = np.zeros((n, season))
    rest = taken - level[:, None]
    spread = nanmean(np.abs(np.diff(rest, axis=1)))
    if seasonal:
        phases = columns % season
        for phase in range(season):
            profile[:, phase] = nanmean(np.where(phases == phase, rest, np.nan))
        enough = (~np.isnan(taken)).sum(axis=1) >= 1.5 * season
        profile = np.where(enough[:, None], np.nan_to_num(profile), 0.0)
        profile -= profile.mean(axis=1, keepdims=True)
        spread = np.where(enough, nanmean(np.abs(rest - np.take_along_axis(profile, phases, axis=1))), spread)
    floor = 1e-6 * np.maximum(np.abs(level), 1e-6)
    return np.nan_to_num(level), profile, np.maximum(np.nan_to_num(spread), np.nan_to_num(floor, nan=1e-12))


def ready(first: Ints, season: int, steps: int) -> Ints:
    """(n,) the step from which a series is judged: after the two seasons (14 steps at least) that smoothing starts from."""
    return first + (max(2 * season, 14) if steps >= 2 * season else 14)
