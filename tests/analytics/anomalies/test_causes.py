"""Causes add up to the difference, to the nano-dollar, and name what moved."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.anomalies.causes import DIMENSIONS, Cell, causes


def cell(model: str, usd: str, requests: int, base_usd: str, base_requests: int, tier: str = "free", kind: str = "chat") -> Cell:
    keys = {"model": model, "request_type": kind, "tier": tier, "component": "ai", "provider": "p"}
    return Cell(keys, Decimal(usd), Decimal(requests), Decimal(base_usd), Decimal(base_requests))


amounts = st.decimals(min_value=0, max_value=10_000, places=9)
counts = st.integers(min_value=0, max_value=100_000)
cells = st.lists(
    st.builds(
        lambda model, tier, usd, n, base, m: cell(model, str(usd), n, str(base), m, tier),
        st.sampled_from("abcdefghijkl"), st.sampled_from(["free", "pro"]), amounts, counts, amounts, counts,
    ),
    max_size=14,
)  # fmt: skip


@given(cells, st.none() | amounts)
def test_every_dimension_and_the_split_add_up_to_the_difference(found: list[Cell], expected: Decimal | None) -> None:
    made = causes(found, expected)
    assert made.usd == sum((each.usd for each in found), Decimal(0))
    if expected is not None:
        assert made.expected_usd == expected
    assert made.split.total_usd == made.difference_usd
    for name in DIMENSIONS:
        if made.by[name] or made.difference_usd:
            assert sum((part.difference_usd for part in made.by[name]), Decimal(0)) == made.difference_usd
            assert sum((part.usd for part in made.by[name]), Decimal(0)) == made.usd
            assert sum((part.expected_usd for part in made.by[name]), Decimal(0)) == made.expected_usd
        assert len(made.by[name]) <= 8


CASES = {
    "one model got more calls": (
        [cell("x", "50", 500, "10", 100, "premium"), cell("y", "10", 100, "10", 100)],
        "+$40 a day: model x +$40; more calls",
    ),
    "all calls alike": (
        [cell("x", "20", 200, "10", 100), cell("y", "20", 200, "10", 100)],
        "+$20 a day: spread over all kinds of calls; more calls",
    ),
    "dearer prompts of one tier": (
        [cell("x", "50", 100, "10", 100, "premium"), cell("x", "10", 100, "10", 100, "free")],
        "+$40 a day: tier premium +$40; dearer calls",
    ),
    "a model and in it a tier": (
        [
            cell("x", "40", 400, "5", 50, "premium"),
            cell("x", "10", 100, "5", 50, "free"),
            cell("y", "11", 110, "10", 100, "free"),
            cell("y", "10", 100, "10", 100, "premium"),
        ],
        "+$41 a day: model x +$40, mostly tier premium; more calls",
    ),
    "one grew and the other fell": (
        [cell("x", "50", 500, "10", 100), cell("y", "6", 60, "10", 100)],
        "+$36 a day: model x +$40, all else −$4.00; more calls",
    ),
    "less than usual": ([cell("x", "1", 10, "10", 100), cell("y", "10", 100, "10", 100)], "−$9.00 a day: model x −$9.00; fewer calls"),
    "nothing before": ([cell("x", "30", 10, "0", 0)], "+$30 a day: more calls"),
    "nothing at all": ([], "+$0.00 a day"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_words(name: str) -> None:
    found, words = CASES[name]
    assert causes(found, per="a day").words == words


def test_more_calls_other_calls_and_dearer_calls_are_told_apart() -> None:
    more = causes([cell("x", "20", 200, "10", 100)]).split
    assert (more.calls_usd, more.mix_usd, more.price_usd) == (10, 0, 0)
    dearer = causes([cell("x", "20", 100, "10", 100)]).split
    assert (dearer.calls_usd, dearer.mix_usd, dearer.price_usd) == (0, 0, 10)
    # The same number of calls, but those of the dear model.
    other = causes([cell("dear", "80", 80, "20", 20), cell("cheap", "2", 20, "8", 80)]).split
    assert (other.calls_usd, other.mix_usd, other.price_usd) == (0, 54, 0)
