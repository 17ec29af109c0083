"""Futures joined draw by draw."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.forecasting.joined import Joint, join, over_span
from roomleft.errors import InputError
from roomleft.outlook import NoDate, Shape
from tests.analytics.forecasting.drawn import BERLIN, TODAY, even, futures

rows = st.lists(st.lists(st.floats(0, 1e5, width=32), min_size=4, max_size=4), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(first=rows, second=rows)
def test_a_join_of_sums_is_the_sum_of_joins(first: list[list[float]], second: list[list[float]]) -> None:
    a, b = futures(first, past=[1, 2]), futures(second, past=[3, 4])
    whole = join(Joint.TOTAL, [a, b])
    assert np.allclose(whole.values.sum(axis=1), a.values.sum(axis=1, dtype=float) + b.values.sum(axis=1, dtype=float), rtol=1e-5)
    assert np.allclose(join(Joint.DIFFERENCE, [whole, b]).values, a.values, atol=np.abs(whole.values).max() * 1e-6 + 1e-6)
    assert whole.past.tolist() == [4, 6]
    ratio = join(Joint.RATIO, [a, join(Joint.TOTAL, [b, even(1, 4, 3, past=[1, 1])])], 100)
    assert np.isfinite(ratio.values).all()


def test_a_ratio_is_of_the_same_draw() -> None:
    cost = futures([[10, 20], [30, 60]], past=[8, 9])
    users = futures([[5, 5], [15, 15]], past=[4, 3])
    ratio = join("ratio", [cost, users], 100)
    assert ratio.values.tolist() == [[200, 400], [200, 400]]
    assert (ratio.shape, ratio.past.tolist()) == (Shape.LEVEL, [200, 300])


def test_where_there_is_nothing_to_divide_by_the_last_ratio_holds() -> None:
    ratio = join("ratio", [futures([[10, 10, 12]], past=[6, 1]), futures([[0, 5, 0]], past=[3, 0])])
    assert ratio.values.tolist() == [[2, 2, 2]]
    assert np.isnan(ratio.past[1])
    never = join("ratio", [even(1, 3), even(0, 3)])
    assert never.no_date is NoDate.NOT_FINITE


def test_growth_compares_with_so_many_days_ago() -> None:
    level = futures([[110, 121, 133.1]], shape=Shape.LEVEL, past=[50, 100, 100])
    grown = join("growth", [level], 100, over_days=2)
    assert np.allclose(grown.values, [[10, 21, 21]], atol=1e-4)
    assert np.allclose(grown.past, [np.nan, np.nan, 100], equal_nan=True)
    flow = futures([[3, 3]], past=[1, 1, 2, 2])
    assert np.allclose(
        join("growth", [flow], 1.0, over_days=2).values, [[(2 + 3) / (1 + 2) - 1, (3 + 3) / (2 + 2) - 1]], atol=1e-6
    )


def test_parts_that_begin_later_are_aligned() -> None:
    early = futures([[1, 2, 3]], past=[9])
    late = futures([[20, 30]], past=[7, 10], first_day=TODAY + timedelta(days=1))
    whole = join("total", [early, late])
    assert whole.first_day == late.first_day
    assert whole.values.tolist() == [[22, 33]]
    assert whole.past.tolist() == [16, 11]


def test_a_sum_over_a_span_reads_the_past() -> None:
    flow = futures([[4, 5]], past=[1, 2, 3])
    week = over_span(flow, 3)
    assert week.values.tolist() == [[9, 12]]
    assert week.shape is Shape.LEVEL
    assert np.allclose(week.past, [np.nan, np.nan, 6], equal_nan=True)
    assert over_span(flow, 3, mean=True).values.tolist() == [[3, 4]]


def test_a_part_without_futures_makes_a_whole_without() -> None:
    whole = join("total", [even(1, 3), futures(np.empty((0, 0)), no_date=NoDate.TOO_SHORT)])
    assert (whole.no_date, whole.values.size) == (NoDate.TOO_SHORT, 0)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("ratio", [even(1)]),
        ("total", []),
        ("growth", [even(1), even(2)]),
        ("total", [even(1), even(1, zone=BERLIN)]),
        ("total", [even(1), even(1, shape=Shape.LEVEL)]),
    ],
)
def test_what_cannot_be_joined_is_refused(kind: str, parts: list[object]) -> None:
    with pytest.raises(InputError):
        join(kind, parts)  # type: ignore[arg-type]
