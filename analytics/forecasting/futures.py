"""Sampled futures of one target: the thing that every question about its future is read off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from roomleft.outlook import NoDate, Shape


@dataclass(frozen=True, slots=True)
class Futures:
    """`draws` possible futures by day. Draw k of one target belongs to draw k of every other target of the same run: they share their shocks.

    `values[k, d]` is the value of local day `first_day` + d in `zone`, in the target's unit, for a whole day of 24 hours. `past[-1]` is the day before
    `first_day`; NaN where unknown. `first_day` is the first day that was not complete when it was fitted.
    """

    target: str
    run_id: str
    shape: Shape
    zone: ZoneInfo
    first_day: date
    values: npt.NDArray[np.float32]
    past: npt.NDArray[np.float64]
    fitted_at: datetime
    basis: str
    no_date: NoDate | None = None
    provisional: bool = False
