"""Likely ranges in words, the same on pages, in reports and in mails: no more exact than a range is, and both ends alike."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from analytics.wording import NARROW
from roomleft.money import usd

MONEY_STEPS = ((Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "k"))
SHORT_FROM = 10
"""Thousands are said as `k` from ten of them on: `$4,210–4,780`, `$38–46k`."""
TELLING = 2
"""How many of its last figure a range is wide at least, where two decimals allow it."""
WIDE, NARROW_RANGE = Decimal(3), Decimal("0.2")
"""From how many points apart on two shares are said in whole per cent, and in tenths."""


def money_range(low: Decimal, high: Decimal) -> str:
    """`$38–46k`, `$4,210–4,780`, `$812–940`, `$0.20–0.40`; one amount where both ends are the same."""
    if low < 0:
        return f"{_plain(low)} – {_plain(high)}" if _plain(low) != _plain(high) else _plain(low)
    for size, letter in MONEY_STEPS:
        if high >= SHORT_FROM * size or (letter == "M" and low >= size):
            for places in (0, 1, 2):
                ends = [f"{each / size:,.{places}f}" for each in (low, high)]
                told = high - low >= TELLING * size.scaleb(-places) or places == 2
                if told and ends[0] != ends[1] and (places or low >= SHORT_FROM * size or not low):
                    return f"${ends[0]}–{ends[1]}{letter}"
    if high >= 1000:
        ends = [f"{each.quantize(Decimal('1E1'), rounding=ROUND_HALF_EVEN):,f}" for each in (low, high)]
        if ends[0] != ends[1]:
            return f"${ends[0]}–{ends[1]}"
    places = 0 if high >= 100 else 2 if high >= Decimal("0.1") or not high else 4
    first, last = usd(low, places), usd(high, places)
    return first if first == last else f"{first}–{last.removeprefix('$')}"


def _plain(amount: Decimal) -> str:
    return usd(amount, 0 if abs(amount) >= 100 else 2)


def share_range(low: Decimal, high: Decimal) -> str:
    """Two shares, in per cent: `62–71 %`, `98.2–99.4 %`, `99.95–99.98 %`; one where both read alike."""
    wide = high - low
    places = 0 if wide >= WIDE else 1 if wide >= NARROW_RANGE else 2
    first, last = (share_text(each, places, max(places, 1)) for each in (low, high))
    return f"{first if first == last else f'{first}–{last}'}{NARROW}%"


def share_text(percent: Decimal, places: int = 1, most: int = 3) -> str:
    """A share without its sign: `28.4`, `99.95`; what is short of a whole is not rounded to it, with `most` decimals at most."""
    size = abs(percent)
    if size >= 100:
        places = 0
    elif 99 < size < 100:
        while places < most and round(size, places) >= 100:
            places += 1
        size = min(size, Decimal(100) - Decimal(1).scaleb(-places))
    elif 0 < size < 1 and places:
        places = max(places, min(3, 1 - size.adjusted()))
    rounded = size.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    text = f"{rounded:,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"\u2212{text}" if percent < 0 and rounded else text
