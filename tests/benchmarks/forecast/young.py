"""How often real values lie inside the stated 80 % ranges while a history is young: cut to some weeks, as a platform's is when it is first shown.

Of each set, days are cut off so that only so many remain, at ends that lie a month or more apart; then the value 1, 7 and 30 days ahead and the totals over 7 and 30
days are compared with the ranges said. Series stand in panels as a platform's do: the machines of NN5, eight currencies, one article's views in eight stretches of a year
side by side, the zones of PJM by the day, daily series of M4 by their own count of days, and a mixture of all of these. One row a set and length says how
often the total (of prices and M4: the level) 30 days ahead was inside; the last rows all sets alike, by how far ahead.
How a young range is made was chosen on the same sets at ends half way between those measured here; these were looked at too before the last constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.forecasting.panel import fit_panel
from analytics.forecasting.sampling import sample
from tests.benchmarks.forecast import sets
from tests.benchmarks.forecast.registry import Row, absent

Floats = npt.NDArray[np.float64]

LENGTHS = (28, 35, 45, 60, 90)
HORIZON = 30
AHEAD = (1, 7, 30)
QUANTILES = (0.1, 0.9)
LEAST, MOST = 0.75, 0.85
WHOLE = 0.9
"""So many of the days of a history, and of the days after it, must be known."""
STRETCH = 370
"""Days of one article's views that stand as a series."""
EACH = 12
"""So many series of each set make the mixture."""


@dataclass(frozen=True, slots=True)
class Held:
    """Shares inside over all series and ends: of values by days ahead, of totals by days added, and how many forecasts."""

    values: tuple[float, ...]
    totals: tuple[float, ...]
    forecasts: int


@dataclass(frozen=True, slots=True)
class Young:
    """One set: `levels` where the value 30 days ahead is the question, not the total. `ends` at most, `apart` days from each other, newest last."""

    name: str
    load: Callable[[Path], pd.DataFrame | None]
    levels: bool
    ends: int
    apart: int


def nn5(data: Path) -> pd.DataFrame | None:
    """Withdrawals a day."""
    return sets.nn5_daily(data)


def views(data: Path) -> pd.DataFrame | None:
    """One article's views, a year's stretch beside the next."""
    frame = sets.wikipedia_daily(data)
    if frame is None:
        return None
    values = np.exp(frame.iloc[:, 0].to_numpy(dtype=np.float64))
    many = len(values) // STRETCH
    return pd.DataFrame(values[: many * STRETCH].reshape(many, STRETCH).T, columns=[f"stretch {n}" for n in range(many)])


def load_of_zones(data: Path) -> pd.DataFrame | None:
    """Electric load a day."""
    frame = sets.pjm_hourly(data)
    if frame is None:
        return None
    whole = len(frame) // 24 * 24
    return pd.DataFrame(
        frame.iloc[:whole].to_numpy(dtype=np.float64).reshape(whole // 24, 24, -1).sum(axis=1), columns=[*map(str, frame.columns)]
    )


def m4_daily(data: Path) -> pd.DataFrame | None:
    """Series of the M4 competition, each from its own first day."""
    path = data / "m4/daily_train_subset.parquet"
    if not path.is_file():
        return None
    frame = pd.read_parquet(path).pivot_table(index="t", columns="series_id", values="value", observed=True)
    return frame.astype("float64")


def mixture(data: Path) -> pd.DataFrame | None:
    """Some of each, as they come."""
    found = [
        frame for frame in (load(data) for load in (nn5, sets.fx_daily, views, load_of_zones, m4_daily)) if frame is not None
    ]
    if not found:
        return None
    return pd.concat([frame.iloc[:STRETCH, :EACH].reset_index(drop=True) for frame in found], axis=1)


SETS = (
    Young("NN5", nn5, False, 12, 58),
    Young("exchange rates", sets.fx_daily, True, 20, 250),
    Young("Wikipedia views", views, False, 9, 29),
    Young("PJM load", load_of_zones, False, 9, 29),
    Young("M4 daily", m4_daily, True, 9, 29),
    Young("mixed", mixture, False, 9, 29),
)


def young(data: Path, seed: int) -> list[Row]:
    """Coverage of every set by length of history, and of all sets alike by how far ahead."""
    rows: list[Row] = []
    every: list[tuple[Young, Held]] = []
    for one in SETS:
        frame = one.load(data)
        for length in LENGTHS:
            measure = f"80 % coverage, {length} days of history, {HORIZON} ahead, {one.name}"
            held = None if frame is None else covered(frame, one, length, np.random.default_rng(seed))
            if held is None:
                rows.append(absent(measure, "", "", "the set, or enough of it"))
                continue
            every.append((one, held))
            said = ", ".join(f"{share:.2f}" for share in held.values)
            summed = ", ".join(f"{share:.2f}" for share in held.totals[1:])
            note = f"{held.forecasts} forecasts; 1, 7, 30 days ahead {said}; totals of 7, 30 days {summed}"
            rows.append(Row(measure, "", _asked(one, held)[-1], None, "", note))
    if every:
        note = f"levels of prices and M4, totals of the rest; {len(every)} sets and lengths"
        for place, days in enumerate(AHEAD):
            share = float(np.mean([_asked(one, held)[place] for one, held in every]))
            measure = f"80 % coverage, {LENGTHS[0]} to {LENGTHS[-1]} days of history, {days} ahead, all sets alike"
            rows.append(Row(measure, f"{LEAST:g}–{MOST:g}", share, LEAST <= share <= MOST, "", note))
    return rows


def _asked(one: Young, held: Held) -> tuple[float, ...]:
    """What a platform would ask of such series: where they stand, or what they add up to."""
    return held.values if one.levels else held.totals


def ends(steps: int, one: Young) -> Sequence[int]:
    """After which days histories are cut, newest last: with the longest history before and a horizon after."""
    newest = steps - HORIZON
    return [end for end in range(newest - (one.ends - 1) * one.apart, newest + 1, one.apart) if end >= max(LENGTHS)]


def covered(frame: pd.DataFrame, one: Young, length: int, rng: np.random.Generator) -> Held | None:
    """How a set's ranges held at one length of history. None where there is nothing to measure."""
    values: list[Floats] = []
    totals: list[Floats] = []
    for end in ends(len(frame), one):
        past, truth = cut(frame, end, length)
        if not past.shape[1]:
            continue
        drawn = sample(fit_panel(past, horizon=HORIZON), rng).astype(np.float64)
        days = [day - 1 for day in AHEAD]
        values.append(_inside(drawn[:, :, days], truth[:, days]))
        totals.append(_inside(drawn.cumsum(axis=2)[:, :, days], truth.cumsum(axis=1)[:, days]))
    if not values:
        return None
    inside, summed = np.concatenate(values), np.concatenate(totals)
    return Held(tuple(np.nanmean(inside, axis=0)), tuple(np.nanmean(summed, axis=0)), len(inside))


def cut(frame: pd.DataFrame, end: int, length: int) -> tuple[pd.DataFrame, Floats]:
    """So many days before an end, of the series that are nearly whole there and did change, and (n, horizon) what came of them."""
    past, came = frame.iloc[end - length : end], frame.iloc[end : end + HORIZON]
    whole = (past.notna().mean() >= WHOLE) & (came.notna().mean() >= WHOLE) & (past.nunique() > 1)
    chosen = [name for name, good in whole.items() if good]
    return past[chosen], came[chosen].to_numpy(dtype=np.float64).T


def _inside(drawn: Floats, truth: Floats) -> Floats:
    """1 for inside, 0 for outside, NaN where what came is not known."""
    low, high = np.quantile(drawn, QUANTILES, axis=1)
    return np.where(np.isfinite(truth), (truth >= low) & (truth <= high), np.nan)
