"""A word that says what it means on hover, on focus and on tap."""

from __future__ import annotations

from dash import html

from dashboards import glossary


def term(name: str, words: str = "") -> html.Span:
    """`words` (else the name itself) with the glossary's sentence behind it. Raises KeyError for a word that the glossary lacks."""
    found = glossary.meaning(name)
    if found is None:
        raise KeyError(name)
    return html.Span(words or name, className="term", tabIndex=0, **{"data-term": found.name})
