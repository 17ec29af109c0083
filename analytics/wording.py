"""Figures in words (`roomleft.wording`), and what words of ours say."""

from __future__ import annotations

from roomleft.wording import NARROW, SHORT_UNITS, amount_text, date_text, number_text, number_word, range_text, span_text

__all__ = [
    "HALF_READ",
    "NARROW",
    "SHORT_UNITS",
    "amount_text",
    "date_text",
    "number_text",
    "number_word",
    "range_text",
    "says_why_no_pace",
    "span_text",
]


HALF_READ = "no pace: history is still being read"
"""The basis of a headroom that was measured before its platform's history had once been read and rolled up to its end."""


def says_why_no_pace(basis: str) -> bool:
    """Whether a headroom's basis, in words, is the reason why no pace is known (`analytics.pace`) rather than what the pace rests on."""
    return basis.startswith(("no pace", "less than")) or basis.endswith("needed")
