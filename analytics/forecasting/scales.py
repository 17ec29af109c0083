"""Between a series' unit and the scale it is fitted on: `log(value + offset)`, or the value itself."""

from __future__ import annotations

import numpy as np

from analytics.forecasting.state import Bools, Floats

CAP_SPAN, MOST_SPANS = 30, 5.0
"""Steps that a growth cap speaks of, and how often it may grow by itself beyond them."""
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


def ceilings(ceiling: Floats, growth: Floats | None, steps: int) -> Floats:
    """(n, steps) the growth cap by step: `ceiling` (n,) for the first thirty, then times `growth` (n,; None for not at all) for each thirty more."""
    growth = np.ones(len(ceiling)) if growth is None else growth
    more = np.maximum(np.arange(steps) + 1.0 - CAP_SPAN, 0.0) / CAP_SPAN
    return np.asarray(np.minimum(ceiling[:, None], 1e300) * growth[:, None] ** np.minimum(more, MOST_SPANS), dtype=np.float64)


def held(values: Floats, nonnegative: Bools, ceiling: Floats) -> Floats:
    """(n, k) values in units, none above the growth cap (n, k), none below zero where that cannot be."""
    capped = np.minimum(values, ceiling)
    return np.where(nonnegative[:, None], np.maximum(capped, 0.0), capped)
