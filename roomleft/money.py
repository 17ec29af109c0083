"""Money: Decimal everywhere, sum first, round last, parts that add up to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")
STORED = Decimal("0.000000001")
"""The grain of a stored amount: DECIMAL(18,9)."""

MINUS = "\u2212"


def stored(amount: Decimal) -> Decimal:
    """`amount` at the grain the warehouse keeps (nine decimals, half to even)."""
    return amount.quantize(STORED, rounding=ROUND_HALF_EVEN)


def shares(parts: Sequence[Decimal], grain: Decimal = CENT) -> list[Decimal]:
    """`parts` rounded to `grain` so that they add up to their rounded sum (largest remainder).

    Ties go to the earlier part, so the answer is stable. The rounded sum itself is half-to-even.
    """
    return shares_to(parts, sum(parts, Decimal(0)).quantize(grain, rounding=ROUND_HALF_EVEN), grain)


def shares_to(parts: Sequence[Decimal], total: Decimal, grain: Decimal = CENT) -> list[Decimal]:
    """`parts` rounded to `grain` so that they add up to `total`, a whole number of grains near their sum (largest remainder)."""
    floors = [part.quantize(grain, rounding=ROUND_FLOOR) for part in parts]
    if not floors:
        return floors
    each, missing = divmod(int((total - sum(floors, Decimal(0))) / grain), len(parts))
    by_remainder = sorted(range(len(parts)), key=lambda i: (floors[i] - parts[i], i))
    for place, i in enumerate(by_remainder):
        floors[i] += grain * (each + (place < missing))
    return floors


def shares_grid(
    exact: Sequence[Sequence[Decimal]], row_totals: Sequence[Decimal], column_totals: Sequence[Decimal], grain: Decimal = CENT
) -> list[list[Decimal]]:
    """Cells rounded to `grain` so that rows add up to `row_totals` and columns to `column_totals`, whose sums are equal.

    Each row is shared out by largest remainder; then a grain at a time moves within a row, from a column that has too much to one that has too
    little, where it errs least. A cell of nothing stays nothing as long as another can take the grain.
    """
    cells = [shares_to(row, total, grain) for row, total in zip(exact, row_totals, strict=True)]
    while cells:
        over = [sum((row[n] for row in cells), Decimal(0)) - total for n, total in enumerate(column_totals)]
        much, little = max(range(len(over)), key=over.__getitem__), min(range(len(over)), key=over.__getitem__)
        if over[much] < grain or over[little] > -grain:
            break

        def error(place: int, much: int = much, little: int = little) -> tuple[bool, Decimal]:
            row, shown = exact[place], cells[place]
            return not (row[much] and row[little]), abs(shown[much] - grain - row[much]) + abs(
                shown[little] + grain - row[little]
            )

        place = min(range(len(cells)), key=error)
        cells[place][much] -= grain
        cells[place][little] += grain
    return cells


def usd(amount: Decimal, places: int = 2) -> str:
    """`$1,234.56`, with a real minus sign before the dollar."""
    # Beyond that a quantum has more digits than the context holds; such an amount is a fault, and must still be written.
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN) if abs(amount) < Decimal("1e18") else amount
    sign = MINUS if rounded < 0 else ""
    return f"{sign}${abs(rounded):,.{places}f}"
