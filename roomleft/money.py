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
    total = sum(parts, Decimal(0)).quantize(grain, rounding=ROUND_HALF_EVEN)
    floors = [part.quantize(grain, rounding=ROUND_FLOOR) for part in parts]
    missing = int((total - sum(floors, Decimal(0))) / grain)
    by_remainder = sorted(range(len(parts)), key=lambda i: (floors[i] - parts[i], i))
    for i in by_remainder[:missing]:
        floors[i] += grain
    return floors


def usd(amount: Decimal, places: int = 2) -> str:
    """`$1,234.56`, with a real minus sign before the dollar."""
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    sign = MINUS if rounded < 0 else ""
    return f"{sign}${abs(rounded):,.{places}f}"
