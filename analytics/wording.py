"""Figures in words (`roomleft.wording`), and what words of ours say."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from roomleft.money import usd
from roomleft.wording import NARROW, SHORT_UNITS, amount_text, date_text, number_text, number_word, range_text, span_text

__all__ = [
    "HALF_READ",
    "NARROW",
    "SHORT_UNITS",
    "amount_text",
    "and_words",
    "chance_text",
    "date_text",
    "monthly_text",
    "number_text",
    "number_word",
    "range_text",
    "says_why_no_pace",
    "span_text",
]


HALF_READ = "no pace: history is still being read"
"""The basis of a headroom that was measured before its platform's history had once been read and rolled up to its end."""


def chance_text(chance: float) -> str:
    """`38 %`; never 0 or 100, and never the half of what is less: a limit that probably runs out is one of 50 % or more."""
    if chance < 0.01:
        return f"<{NARROW}1{NARROW}%"
    if chance > 0.99:
        return f">{NARROW}99{NARROW}%"
    return f"{min(round(100 * chance), 49 if chance < 0.5 else 99)}{NARROW}%"


def monthly_text(usd_per_month: Decimal) -> str:
    """What a next step costs: `$120 a month`, `saves $700 a month`, `no cost`."""
    if not usd_per_month:
        return "no cost"
    whole = usd(abs(usd_per_month), 0 if usd_per_month == usd_per_month.to_integral_value() else 2)
    return f"{'saves ' if usd_per_month < 0 else ''}{whole} a month"


def and_words(names: Sequence[str], most: int = 4) -> str:
    """`this`, `this and that`, `this, that and another`; of more than `most` the others counted."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1:,} more"]
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def says_why_no_pace(basis: str) -> bool:
    """Whether a headroom's basis, in words, is the reason why no pace is known (`analytics.pace`) rather than what the pace rests on."""
    return basis.startswith(("no pace", "less than")) or basis.endswith("needed")
