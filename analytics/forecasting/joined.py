"""Futures joined draw by draw: sums, differences, ratios and growth. Draws share their shocks, so a ratio's parts rise and fall together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from analytics.forecasting.bounded import never_passed
from analytics.forecasting.futures import Futures
from roomleft.errors import InputError
from roomleft.outlook import NoDate, Shape

Floats = npt.NDArray[np.float64]


class Joint(StrEnum):
    """How parts make a whole; the names are those of the meters that are made of other meters."""

    TOTAL = "total"
    DIFFERENCE = "difference"
    RATIO = "ratio"
    GROWTH = "growth"


def join(
    kind: Joint | str, parts: Sequence[Futures], scale: float = 1.0, *, target: str = "", over_days: int = 1, share: bool = False
) -> Futures:
    """One futures of several, times `scale`: the sum of parts, the first less the others, the first over the second, or by what share of itself one
    part grew over `over_days` (a flow: the last so many days against those before; a level: against so many days ago).

    They are joined over the days and draws that all have; `past` likewise. Where the whole is not above zero a ratio has no value: the
    future's last known ratio holds, the past's is NaN. A part without futures makes a whole without, for the same reason. `share`: the ratio may be one of
    a part to what it is a part of: no draw passes 1 where no known day did. What came is one draw, and is left as it came. Raises InputError.
    """
    kind = Joint(kind)
    if not parts or (kind is Joint.RATIO and len(parts) != 2) or (kind is Joint.GROWTH and len(parts) != 1):
        raise InputError(f"{len(parts)} parts cannot be joined as {kind}", hint="a ratio has 2, growth 1, the others at least 1")
    if len({part.zone.key for part in parts}) > 1 or (len({part.shape for part in parts}) > 1 and kind is not Joint.RATIO):
        raise InputError("parts of different zones or shapes cannot be joined", hint="forecast them by the same days")
    first = max(part.first_day for part in parts)
    whole = next((part for part in parts if part.no_date is not None or not part.values.size), None)
    if whole is not None:
        empty = np.empty((0, 0), dtype=np.float32)
        return replace(
            parts[0],
            target=target or parts[0].target,
            first_day=first,
            values=empty,
            no_date=whole.no_date or NoDate.NO_DATA,
            basis=whole.basis,
        )
    draws = min(len(part.values) for part in parts)
    aligned = [_from(part, first, draws) for part in parts]
    days = min(values.shape[1] for values, _ in aligned)
    back = min(len(past) for _, past in aligned)
    ahead = [values[:, :days].astype(np.float64) for values, _ in aligned]
    behind = [past[len(past) - back :] for _, past in aligned]
    if kind is Joint.GROWTH:
        values, past = _growth(ahead[0], behind[0], over_days, parts[0].shape)
    else:
        values, past = _whole(kind, ahead), _whole(kind, behind)
    shape = parts[0].shape if kind in (Joint.TOTAL, Joint.DIFFERENCE) else Shape.LEVEL
    if kind in (Joint.RATIO, Joint.GROWTH):
        # A whole of zero is bridged; a day of which a part is unknown stays unknown.
        values = np.where(np.all([np.isfinite(part) for part in ahead], axis=0), _held(values, past), np.nan)
        if share and len(values) > 1 and never_passed(past):
            values = np.minimum(values, 1.0)
    none = None if days and bool(np.isfinite(values).all()) else NoDate.NOT_FINITE
    return replace(
        parts[0],
        target=target or parts[0].target,
        shape=shape,
        first_day=first,
        values=(values * scale).astype(np.float32),
        past=past * scale,
        fitted_at=min(part.fitted_at for part in parts),
        basis=parts[0].basis,
        no_date=none,
        provisional=any(part.provisional for part in parts),
    )


def over_span(part: Futures, days: int, *, mean: bool = False) -> Futures:
    """A flow's sum (or any futures' mean) over the last `days` days at the end of each day, as a level: what a meter with its own span reads."""
    series = _behind_and_ahead(part.values.astype(np.float64), part.past, days)
    known = np.isfinite(series)
    sums = np.where(_summed(known.astype(np.float64), days) > days - 0.5, _summed(np.where(known, series, 0.0), days), np.nan)
    values = sums[:, -part.values.shape[1] :] if part.values.size else np.empty((0, 0))
    past = np.full(len(part.past), np.nan)
    if len(part.past) >= days:
        past[days - 1 :] = np.convolve(part.past, np.ones(days), mode="valid")
    divisor = days if mean else 1
    return replace(part, shape=Shape.LEVEL, values=(values / divisor).astype(np.float32), past=past / divisor)


def _summed(series: Floats, days: int) -> Floats:
    """The sums of each so many days on end."""
    running = np.cumsum(np.concatenate((np.zeros((len(series), 1)), series), axis=1), axis=1)
    return np.asarray(running[:, days:] - running[:, :-days] if days < running.shape[1] else np.empty((len(series), 0)))


def _behind_and_ahead(values: Floats, past: Floats, days: int) -> Floats:
    """Draws with so many days of the past before them; an unknown day of the past counts as the mean of the known ones."""
    tail = past[-days:] if days else past[:0]
    known = tail[np.isfinite(tail)]
    middle = float(known.mean()) if len(known) else float(values[:, :1].mean()) if values.size else 0.0
    filled = np.concatenate((np.full(days - len(tail), middle), np.where(np.isfinite(tail), tail, middle)))
    return np.concatenate((np.broadcast_to(filled, (len(values), days)), values), axis=1)


def _from(part: Futures, first_day: object, draws: int) -> tuple[npt.NDArray[np.float32], Floats]:
    """A part's draws from a later first day on; the middle of what it said of the days before is its past there."""
    skip = 0
    while skip < part.values.shape[1] and part.first_day + timedelta(days=skip) != first_day:
        skip += 1
    between = np.median(part.values[:, :skip], axis=0).astype(np.float64)
    return part.values[:draws, skip:], np.concatenate((part.past, between))


def _whole(kind: Joint, parts: Sequence[Floats]) -> Floats:
    if kind is Joint.RATIO:
        above = parts[1] > 0
        return np.where(above, parts[0] / np.where(above, parts[1], 1.0), np.nan)
    rest = np.sum(parts[1:], axis=0) if len(parts) > 1 else np.zeros_like(parts[0])
    return np.asarray(parts[0] + rest if kind is Joint.TOTAL else parts[0] - rest, dtype=np.float64)


def _held(values: Floats, past: Floats) -> Floats:
    """Where there is nothing to divide by, the ratio of the last day that had one."""
    known = past[np.isfinite(past)]
    before = np.full((len(values), 1), known[-1] if len(known) else np.nan)
    series = np.concatenate((before, values), axis=1)
    place = np.where(np.isfinite(series), np.arange(series.shape[1]), 0)
    return np.take_along_axis(series, np.maximum.accumulate(place, axis=1), axis=1)[:, 1:]


def _growth(values: Floats, past: Floats, days: int, shape: Shape) -> tuple[Floats, Floats]:
    """Growth of the days ahead and of the past, as shares."""
    over = days if shape is Shape.FLOW else 1
    back = len(past)
    series = np.concatenate((np.broadcast_to(past, (len(values), back)), values), axis=1)
    grown = np.full(series.shape, np.nan)
    if series.shape[1] >= over + days:
        sums = series if over == 1 else np.lib.stride_tricks.sliding_window_view(series, over, axis=1).sum(axis=2)
        late, early = sums[:, days:], sums[:, :-days]
        known = np.isfinite(late) & np.isfinite(early) & (early > 0)
        share = np.where(known, late, 1.0) / np.where(known, early, 1.0) - 1
        grown[:, over - 1 + days :] = np.where(known, share, np.nan)
    behind = grown[0, :back] if len(grown) else np.full(back, np.nan)
    return grown[:, back:], behind
