"""Glossary: every word of the product's own in one plain sentence, generated from the table that also explains it on hover."""

from __future__ import annotations

from typing import Any

from dash import Dash, html

from dashboards import glossary
from dashboards.block import Pages
from dashboards.components.marks import link
from dashboards.filters import Filters

PATH = glossary.PAGE


def layout(filters: Filters) -> list[Any]:
    """The whole page; it has no data. Its links keep `filters`."""
    return [
        html.H1("Glossary", className="page-title"),
        html.P(
            "Words with a dotted line say what they mean when you point at them, tap them or reach them with Tab.",
            className="page-sub",
        ),
        *[
            html.Section(
                [
                    html.H2(title, className="section-title"),
                    html.Dl([_entry(each, filters) for each in terms], className="card glossary"),
                ]
            )
            for title, terms in glossary.GROUPS
        ],
    ]


def _entry(each: glossary.Term, filters: Filters) -> html.Div:
    also = [word for word in each.also if "*" not in word and len(word) > 3]
    return html.Div(
        [
            html.Dt(each.name),
            html.Dd([each.means, html.Div(f"Also: {', '.join(also)}", className="dim small") if also else None]),
            html.Dd(link("Where it is used", filters.href(each.seen), "small")),
        ],
        id=f"term-{each.anchor}",
        className="glossary-entry",
    )


def register(app: Dash, pages: Pages) -> None:
    """Nothing on the page changes."""
