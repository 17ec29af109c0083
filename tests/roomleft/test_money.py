"""Parts add up to the whole, and dollars look as they should."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomleft.money import CENT, shares, shares_grid, shares_to, stored, usd

PARTS = st.lists(st.decimals(min_value=Decimal("-1e9"), max_value=Decimal("1e9"), places=9), min_size=0, max_size=30)


@given(PARTS)
def test_rounded_parts_add_up_to_the_rounded_whole(parts: list[Decimal]) -> None:
    rounded = shares(parts)
    assert sum(rounded, Decimal(0)) == sum(parts, Decimal(0)).quantize(CENT)
    assert all(abs(a - b) < CENT for a, b in zip(rounded, parts, strict=True))


def test_the_missing_cent_goes_to_the_largest_remainder_and_ties_to_the_first() -> None:
    third = Decimal("33.333333333")
    assert shares([third, third, Decimal("33.333333334")]) == [Decimal("33.33"), Decimal("33.33"), Decimal("33.34")]
    assert shares([Decimal("0.005"), Decimal("0.005")]) == [Decimal("0.01"), Decimal("0.00")]


@pytest.mark.parametrize(
    ("amount", "places", "text"),
    [
        ("1234.56", 2, "$1,234.56"),
        ("-1234.5", 2, "\u2212$1,234.50"),
        ("0.005", 2, "$0.00"),
        ("0.015", 2, "$0.02"),
        ("-0.001", 2, "$0.00"),
        ("7842", 0, "$7,842"),
        ("138347436161257042551504896", 2, "$138,347,436,161,257,042,551,504,896.00"),
    ],
)
def test_dollars(amount: str, places: int, text: str) -> None:
    assert usd(Decimal(amount), places) == text


def test_stored_amounts_have_nine_decimals_half_to_even() -> None:
    assert stored(Decimal("0.0000000005")) == Decimal("0")
    assert stored(Decimal("0.0000000015")) == Decimal("0.000000002")


cells: Any = st.decimals(0, 100_000, places=9, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(cells, cells, cells, cells), min_size=1, max_size=12))
def test_a_table_of_parts_adds_up_along_rows_and_columns(exact: list[tuple[Decimal, ...]]) -> None:
    total = shares([sum((sum(row, Decimal(0)) for row in exact), Decimal(0))])[0]
    rows = shares_to([sum(row, Decimal(0)) for row in exact], total)
    columns = shares_to([sum((row[n] for row in exact), Decimal(0)) for n in range(4)], total)
    shown = shares_grid(exact, rows, columns)
    assert [sum(row) for row in shown] == rows
    assert [sum(row[n] for row in shown) for n in range(4)] == columns
    assert all(
        abs(cent - part) <= 4 * CENT for line, row in zip(shown, exact, strict=True) for cent, part in zip(line, row, strict=True)
    )


@pytest.mark.parametrize(
    ("parts", "total", "shown"),
    [(["1.005", "2.005"], "3.02", ["1.01", "2.01"]), (["1.001", "2.002"], "2.99", ["0.99", "2.00"]), ([], "0", []), (["1.111"], "1.13", ["1.13"])],
)  # fmt: skip
def test_parts_are_brought_to_a_whole_that_is_shown_already(parts: list[str], total: str, shown: list[str]) -> None:
    assert shares_to([Decimal(part) for part in parts], Decimal(total)) == [Decimal(cents) for cents in shown]
