"""What cannot pass a whole: levels in per cent that never did, and parts of what they are measured against.

Errors are drawn as if a value might stand anywhere; a hit rate of 98 % may then be said to reach 102 %. Whether a share can pass a whole is nowhere
written down, so its history tells: four weeks without a day above. What a limit asks about beyond the whole (use of what can be overdrawn, a CPU's
over several cores) is never held back.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from roomleft.limits import Direction, Limit
from roomleft.wording import RATIO_UNITS

Floats = npt.NDArray[np.float64]
LEAST_DAYS = 28
"""So many known days must all have been within the whole."""
NEARLY = 1e-6
"""Share of the whole by which single precision may pass it."""


def whole_of(unit: str) -> float | None:
    """What a whole is in a unit: 100 of per cent, 1 of a ratio; None of any other."""
    return 100.0 if unit == "percent" else 1.0 if unit in RATIO_UNITS else None


def never_passed(past: Floats, whole: float = 1.0) -> bool:
    """Whether at least `LEAST_DAYS` of a history are known, and none of them is above the whole."""
    known = past[np.isfinite(past)]
    return len(known) >= LEAST_DAYS and float(known.max()) <= whole * (1 + NEARLY)


def asks_beyond(limits: Iterable[Limit], whole: float) -> bool:
    """Whether one of some limits is about reaching the whole, or more."""
    return any(limit.direction is Direction.AT_MOST and not limit.amount < whole for limit in limits)
