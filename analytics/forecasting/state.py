"""What fitting leaves: everything that futures are drawn from. Arrays of one panel; row i is the series `names[i]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from roomleft.outlook import NoDate, Shape

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PanelState:
    """A fitted panel. n series, t days of history, h steps ahead, o backtest origins.

    Fitted values live on the series' own scale: `log(value + offset)` where `logged`, else the value itself. Every number but `history` and `errors` is
    finite, whatever came in; where `no_date` is NO_DATA or NOT_FINITE nothing was known, and the forecast is a 0 that stands for nothing.
    """

    names: tuple[str, ...]
    season: int
    """Steps in a season: 7 for days, 24 for hours, 1 for none."""
    horizon: int
    history: Floats
    """(n, t) values as they came, cleaned of nothing; NaN where unknown."""
    logged: Bools
    """(n,)"""
    offset: Floats
    """(n,) added before the logarithm; 0 where not logged."""
    point: Floats
    """(n, h) the forecast, on the fitted scale: its middle."""
    naive: Floats
    """(n, h) the seasonal naive forecast, in the series' unit."""
    scale: Floats
    """(n,) the mean absolute seasonal difference of the last half year on the fitted scale, above 0: what `errors` are divided by."""
    errors: npt.NDArray[np.float32]
    """(n, o, h) whole error paths of the backtest, (actual − forecast made at that origin) / scale on the fitted scale; NaN where not known.
    The same column is the same instant in every series, so that shocks that all share stay together. A forecast at an origin was made and weighted from
    what was known by then; only whether a series is logged, repeats last week, or has drivers was settled once for all origins. Where history is too short for eight
    whole paths, the newest columns are paths cut short by its end."""
    origins: npt.NDArray[np.int64]
    """(o,) the day, counted from the first of the history, after which that column's forecasts were made."""
    nonnegative: Bools
    """(n,) whether the values cannot be below zero."""
    ceiling: Floats
    """(n,) the growth cap: no value of the next thirty steps is said to be above; inf for none."""
    no_date: tuple[NoDate | None, ...]
    provisional: Bools
    """(n,) 7 to 27 days of history."""
    models: tuple[str, ...]
    """In words: what the forecast is made of."""
    first_day: date | None = None
    """The first day that is forecast; the history ends the day before. None where steps are no days."""
    details: tuple[dict[str, Any], ...] = ()
    """By series, for pages: members and weights, level shifts (step, day, before, after), drivers and what each adds as a share of a usual value, backtest error ÷ seasonal naive's."""
    shapes: tuple[Shape, ...] = field(default=())
    growth: Floats | None = None
    """(n,) by how much the cap grows in each thirty steps more. None: not at all."""
