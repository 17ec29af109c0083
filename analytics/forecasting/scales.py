"""Between a series' unit and the scale it is fitted on: `log(value + offset)`, or the value itself."""

from __future__ import annotations

import numpy as np

from analytics.forecasting.state import Bools, Floats

HIGHEST = 600.0
"""The largest logarithm that is turned back: beyond it a float overflows."""


def fitted(values: Floats, logged: Bools, offset: Floats) -> Floats:
    """(n, k) values as they are fitted. Of a logged series, what is not above minus the offset counts as a thousandth of the offset above it."""
    shift = offset[:, None]
    least = np.maximum(1e-3 * shift, 1e-12)
    raised = np.maximum(np.where(logged[:, None], values + shift, 1.0), least)
    return np.where(logged[:, None], np.log(raised), values)


def units(values: Floats, logged: Bools, offset: Floats) -> Floats:
    """(n, k) what was fitted as values in the series' unit, neither floored nor capped."""
    safe = np.where(logged[:, None], np.minimum(values, HIGHEST), 0.0)
    return np.where(logged[:, None], np.exp(safe) - offset[:, None], values)


def held(values: Floats, nonnegative: Bools, ceiling: Floats) -> Floats:
    """(n, k) values in units, none above the growth cap, none below zero where that cannot be."""
    capped = np.minimum(values, ceiling[:, None])
    return np.where(nonnegative[:, None], np.maximum(capped, 0.0), capped)
