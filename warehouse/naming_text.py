"""Where a text names a person: as a word of its own, in any of the spellings that addresses and JSON give it."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

FORGOTTEN = "forgotten"
SHORTEST = 4
"""A shorter id is also an ordinary word or number: it names the person only alone or in quotes, unless the row is theirs."""
_BESIDE = r"[^\pL\pN]"


def spellings(person: str) -> list[str]:
    """A person's id as it stands in plain text, in addresses and in JSON, longest first."""
    found = {
        person,
        quote(person),
        quote(person, safe=""),
        json.dumps(person)[1:-1],
        json.dumps(person, ensure_ascii=False)[1:-1],
    }
    return sorted(found - {""}, key=lambda each: (-len(each), each))


def pattern(person: str, *, own: bool = False) -> str:
    """A regular expression (RE2) of a text that names the person; its groups 1 and 2 are what stands around the name.

    `own`: the text stands in a row of theirs, where a short id is theirs too.
    """
    words = "|".join(re.escape(each) for each in spellings(person))
    if len(person) < SHORTEST and not own:
        return f'(^|")(?:{words})("|$)'
    return f"(^|{_BESIDE})(?:{words})({_BESIDE}|$)"


def spotted(person: str) -> re.Pattern[str]:
    """The same for Python, of which `forgotten` in its place makes a text without the name."""
    words = "|".join(re.escape(each) for each in spellings(person))
    if len(person) < SHORTEST:
        return re.compile(f'(?:(?<=^)|(?<="))(?:{words})(?="|$)', re.I)
    return re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])", re.I)
