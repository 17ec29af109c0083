"""What the same days of last year were like: the shock that all series of a panel may share again (holidays, the start of a year).

A year of history holds each yearly event once, so no backtest can weigh it; but what most series did together on those days is no chance. It is
handed on as a shock path that futures carry with a random part of its strength: they are shifted by it and, more, widened by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.forecasting.state import Floats, PanelState

YEAR = 365
"""Days back. Yearly events keep their date rather than their weekday."""
LEAST_KNOWN = 180
MOST_SERIES = 400
AROUND = 21
"""Days whose median counts as the level around a day: a longer one still stands at December when January has begun."""
RECENT = 42
"""Days that may belong to a new level without the panel being seen to wander."""
STAND_OUT = 2.0
"""A day counts by how far it stands out beyond so many typical departures."""
FEW_SERIES = 5.0
WANDERING = 4.0
"""How fast trust in last year's level falls with the panel's wandering."""


@dataclass(frozen=True, slots=True)
class LastYear:
    """What the panel's series did together, in the units of `errors`; 0 where unknown or usual."""

    coming: Floats
    """(h,) the shared departure of last year's same days from what the forecast says of the days ahead."""
    stood_out: Floats
    """(t,) by how much the days of the history stood out of their own three weeks, beyond what is usual."""


def last_year(state: PanelState) -> LastYear:
    """The panel's year. All zeros without a year of days.

    Days that stood out of their own three weeks count, beyond what is usual. The level of three weeks counts beyond what is usual too, and only as far as the
    panel's levels return to their line within four weeks: what wanders stays where it is, whatever it was a year ago.
    """
    n, steps = state.point.shape
    t = state.history.shape[1]
    nothing = LastYear(np.zeros(steps), np.zeros(t))
    if state.season != 7 or t < YEAR:
        return nothing
    rows = np.unique(np.linspace(0, n - 1, min(n, MOST_SERIES)).astype(np.int64))
    past, ahead = _departures(state, rows)
    if not len(past):
        return nothing
    together = _middle(past)
    level = _level_around(together)
    apart = together - level
    if not np.isfinite(apart).any():
        return nothing
    typical = 1.4826 * float(np.nanmedian(np.abs(apart)))
    strong = np.nan_to_num(np.sign(apart) * np.maximum(np.abs(apart) - STAND_OUT * typical, 0.0))
    trust = float(np.clip(1 - WANDERING * _wandering(past), 0.0, 1.0))
    same = np.arange(t - YEAR, min(t - YEAR + steps, t))
    coming = np.zeros(steps)
    # A forecast well beyond every level of the year speaks of something new, which last year knows nothing of; the last weeks may be new themselves.
    before = level[:-RECENT] if np.isfinite(level[:-RECENT]).any() else level
    low, high = np.nanmin(before), np.nanmax(before)
    beyond = (high - low) / 2
    apart = np.nan_to_num(level[same] - np.clip(_middle(ahead)[: len(same)], low - beyond, high + beyond))
    usual = 1.4826 * float(np.nanmedian(np.abs(level - np.nanmedian(level))))
    shift = np.sign(apart) * np.maximum(np.abs(apart) - usual, 0.0) * trust
    coming[: len(same)] = strong[same] + shift
    # Of few series nobody can tell what is shared from what was one's own.
    share = len(past) / (len(past) + FEW_SERIES)
    return LastYear(coming * share, strong * share)


def _departures(state: PanelState, rows: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """History (m, t) and forecast (m, h) without each series' straight line and weekdays, in the units of `errors`."""
    logged, offset, scale = state.logged[rows], state.offset[rows][:, None], state.scale[rows][:, None]
    values = state.history[rows]
    with np.errstate(invalid="ignore", divide="ignore"):
        fitted = np.where(logged[:, None], np.log(np.maximum(values + offset, np.maximum(1e-3 * offset, 1e-12))), values) / scale
    fitted[~np.isfinite(fitted)] = np.nan
    ahead = state.point[rows] / scale
    good = np.isfinite(fitted).sum(axis=1) >= LEAST_KNOWN
    fitted, ahead = fitted[good], ahead[good]
    if not len(fitted):
        return fitted, ahead
    t, h = fitted.shape[1], ahead.shape[1]
    day = np.arange(t + h) - t / 2
    known = np.isfinite(fitted)
    count = known.sum(axis=1, keepdims=True)
    middle = (known * day[:t]).sum(axis=1, keepdims=True) / count
    mean = np.nansum(fitted, axis=1, keepdims=True) / count
    off = np.where(known, day[:t] - middle, 0.0)
    slope = (off * np.where(known, fitted - mean, 0.0)).sum(axis=1, keepdims=True) / np.maximum(
        (off**2).sum(axis=1, keepdims=True), 1e-9
    )
    past = fitted - mean - slope * (day[:t] - middle)
    future = ahead - mean - slope * (day[t:] - middle)
    for phase in range(7):
        usual = _middle(past[:, phase::7].T)[:, None]
        past[:, phase::7] -= usual
        future[:, (phase - t) % 7 :: 7] -= usual
    return past, future


def _middle(rows: Floats) -> Floats:
    """Median down the rows, leaving out what is unknown; NaN where all is."""
    found = np.full(rows.shape[1], np.nan)
    some = np.isfinite(rows).any(axis=0)
    if some.any():
        found[some] = np.nanmedian(rows[:, some], axis=0)
    return found


def _level_around(series: Floats) -> Floats:
    half = AROUND // 2
    padded = np.concatenate((np.full(half, np.nan), series, np.full(half, np.nan)))
    return _middle(np.lib.stride_tricks.sliding_window_view(padded, AROUND).T)


def _wandering(past: Floats) -> float:
    """Middle over the series of the correlation between a week's mean and that of four weeks later: near 0 where levels return, high where they wander."""
    weeks = past.shape[1] // 7
    blocks = past[:, -weeks * 7 :].reshape(len(past), weeks, 7)
    known = np.isfinite(blocks)
    mean = np.where(known.any(axis=2), np.where(known, blocks, 0.0).sum(axis=2) / np.maximum(known.sum(axis=2), 1), 0.0)
    mean = mean - mean.mean(axis=1, keepdims=True)
    spread = np.maximum((mean**2).mean(axis=1), 1e-12)
    return float(np.median((mean[:, 4:] * mean[:, :-4]).mean(axis=1) / spread))
