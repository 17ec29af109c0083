"""Amounts in words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from roomleft.wording import amount_text, said_once


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("1234.5", "$1,234.50"),
        ("0.01", "$0.01"),
        ("0", "$0.00"),
        ("0.001", "$0.0010"),
        ("-0.0032", "−$0.0032"),
        ("0.0000004", "$0.00000040"),
        ("0.000000001", "$0.000000001"),
    ],
)
def test_dollars_show_cents_or_the_first_figures_of_less(amount: str, said: str) -> None:
    assert amount_text(Decimal(amount), "usd") == said


def test_what_a_user_costs_says_so() -> None:
    assert amount_text(Decimal("3.66"), "usd_per_user") == "$3.66 a user"


def test_a_lead_is_said_once() -> None:
    assert said_once("Availability 99.9 %: Availability 99.9 % burns") == "Availability 99.9 % burns"
    assert said_once("pool_use: pool_use fails: no answer") == "pool_use fails: no answer"
    assert said_once("A: Apples are out") == "A: Apples are out"
    assert said_once("Database: 3 checks fail") == "Database: 3 checks fail"
