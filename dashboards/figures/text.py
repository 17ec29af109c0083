"""Words of the data on a chart. Plotly reads `<b>`, `<a href>` and entities in every text it draws, so what comes from data is escaped first."""

from __future__ import annotations

import re
import unicodedata
from html import escape, unescape

HOVER_CHARS = 60
"""A name in a hover box; the table beside the chart has all of it."""
FIRST_STRONG, POP = "\u2068", "\u2069"
JOINER = "\u200d"
RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
CONTROLS = re.compile(r"[\x00-\x1f\x7f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Line ends, and the marks by which a name would turn what stands around it."""


def plain(words: object, chars: int = HOVER_CHARS) -> str:
    """Words as plotly draws them letter for letter, at most `chars` wide. A name written from right to left is kept apart from what is around it."""
    short = shortened(CONTROLS.sub(" ", str(words)), chars)
    if any(unicodedata.bidirectional(letter) in RIGHT_TO_LEFT for letter in short):
        short = f"{FIRST_STRONG}{short}{POP}"
    return escape(short, quote=False)


def read_back(words: str) -> str:
    """The words behind `plain`, for a reader who hears them."""
    return unescape(words).replace(FIRST_STRONG, "").replace(POP, "")


def shortened(words: str, chars: int) -> str:
    """At most `chars` columns of the words, wide letters and emoji taking two; never half of a composed sign."""
    if sum(map(_columns, words)) <= chars:
        return words
    taken, at = 0, 0
    while at < len(words) and taken + _columns(words[at]) <= chars - 1:
        taken += _columns(words[at])
        at += 1
    while at and _goes_on(words, at):
        at -= 1
    return f"{words[:at].rstrip()}…"


def _columns(letter: str) -> int:
    if _joins(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _joins(letter: str) -> bool:
    return unicodedata.combining(letter) != 0 or unicodedata.category(letter) in {"Mn", "Me", "Cf", "Sk"}


def _goes_on(words: str, at: int) -> bool:
    """Whether a sign stands on both sides of `at`: an accent, a skin tone, or two emoji joined to one."""
    return words[at - 1] == JOINER or (at < len(words) and _joins(words[at]))
