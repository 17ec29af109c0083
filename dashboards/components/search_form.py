"""The form with which a page looks for words among its rows: without a script it asks the same address with the words in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from dash import dcc, html

from dashboards.filters import Filters


def search_form(
    filters: Filters, inside: str, name: str, *, more: Sequence[Any] = (), asks: Sequence[str] = (), drops: Sequence[str] = (), words: str = "Search"
) -> html.Form:  # fmt: skip
    """A field for words `q`, whose empty field says what is looked `inside`, and a button. What else the address asks for goes along, but the
    fields that are `more` to fill in, by their names `asks`, and what `drops` names, such as the place in a long list. `name` begins the
    fields' ids."""
    left: dict[str, None] = dict.fromkeys(("q", *asks, *drops))
    kept = parse_qsl(filters.href(**left).partition("?")[2])
    field = dcc.Input(type="search", name="q", value=filters.get("q"), placeholder=inside, className="text-field", id=f"{name}-q")
    return html.Form(
        [
            *(dcc.Input(type="hidden", name=key, value=value) for key, value in kept),
            field,
            *more,
            html.Button(words, className="button", type="submit"),
        ],
        action=filters.path,
        method="get",
        className="price-form",
        role="search",
        **{"aria-label": f"Search the {name}"},
    )
