"""A word that says what it means on hover, on focus and on tap."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from dash import html

from dashboards import glossary


def term(name: str, words: str = "") -> html.Span:
    """`words` (else the name itself) with the glossary's sentence behind it. Raises KeyError for a word that the glossary lacks."""
    found = glossary.meaning(name)
    if found is None:
        raise KeyError(name)
    return html.Span(words or name, className="term", tabIndex=0, **{"data-term": found.name})


def glossed(words: Any) -> Any:
    """A sentence with each of the product's own words explained where it first comes; of a list each sentence, of anything else itself."""
    return _all(words, set())


def _all(words: Any, said: set[str]) -> Any:
    if isinstance(words, list):
        return [each for part in words for each in _flat(_all(part, said))]
    if not isinstance(words, str):
        return words
    parts: list[Any] = []
    last = 0
    for match in _prose().finditer(words):
        name = glossary.in_prose(match[0])
        if name is None or name in said:
            continue
        said.add(name)
        parts += [words[last : match.start()], term(name, match[0])]
        last = match.end()
    return [part for part in (*parts, words[last:]) if part != ""] if parts else words


def _flat(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


@cache
def _prose() -> re.Pattern[str]:
    words = sorted((word for each in glossary.TERMS for word in each.prose), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])", re.IGNORECASE)
