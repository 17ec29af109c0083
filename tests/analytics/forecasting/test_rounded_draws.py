"""Draws are stored with fewer bits: rounded to the nearest, never so coarsely that a narrow range moves off what came."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.forecasting.fitting import coarser
from tests.analytics.forecasting.drawn import futures

RNG = np.random.default_rng(20261121)
KINDS = {
    "a constant": np.full((400, 30), 0.3),
    "nearly exact": 4.6655 + 1e-5 * RNG.standard_normal((400, 30)),
    "usual": RNG.normal(100, 10, (400, 30)),
    "seldom": np.where(RNG.random((400, 30)) < 0.05, 17.3, 0.0),
    "huge": np.full((400, 30), 3e38),
    "below zero": RNG.normal(-5, 0.01, (400, 30)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_range_stays_where_it_was(kind: str) -> None:
    drawn = KINDS[kind].astype(np.float32)[None]
    rounded = coarser(drawn)
    assert np.isfinite(rounded).all()
    before, after = (np.quantile(one[0].astype(np.float64), (0.1, 0.5, 0.9), axis=0) for one in (drawn, rounded))
    range_wide = before[2] - before[0]
    assert (np.abs(after - before) <= range_wide / 40 + 1e-12).all()
    # To the nearest: what is cut off is as often above as below.
    assert abs(float((rounded.astype(np.float64) - drawn).mean())) <= float(range_wide.mean()) / 100 + 1e-12


def test_what_is_usual_packs_and_is_left_as_it_came() -> None:
    drawn = KINDS["usual"].astype(np.float32)[None]
    kept = drawn.copy()
    bits = coarser(drawn).view(np.uint32)
    assert not (bits & 0xFFF).any()
    assert np.array_equal(drawn, kept)


def test_a_line_of_a_hundred_days_is_inside_its_range() -> None:
    came = np.float32(54.576786)
    drawn = (came + np.linspace(-1e-4, 1e-4, 400)).astype(np.float32)[:, None]
    said = futures(coarser(np.repeat(drawn, 30, axis=1)[None])[0])
    low, high = np.quantile(said.values[:, -1].astype(np.float64), (0.1, 0.9))
    assert low < came < high
