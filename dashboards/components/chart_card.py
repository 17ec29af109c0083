"""A card with a chart: title and unit, age, the newest value, one line of context."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from dash import dcc, html

from dashboards.components.marks import age
from dashboards.figures.chart import CONFIG, HEIGHT, Figure


def graph(figure: Figure, name: str, label: str) -> html.Div:
    """A chart of its final height; `label` says in words what it shows."""
    height = figure["layout"].get("height", HEIGHT)
    return html.Div(
        dcc.Graph(figure=figure, id=name, config=CONFIG, style={"height": height}),
        style={"height": height},
        role="img",
        **{"aria-label": label},
    )


def chart_card(
    title: str,
    unit: str,
    value: str,
    context: Any,
    body: Any,
    at: datetime | None,
    now: datetime,
    *,
    old: timedelta = timedelta(minutes=5),
    prefix: str = "",
) -> html.Div:
    """The card. `prefix`: what the age beside its title is of."""
    heading = html.H2([title, html.Span(unit, className="unit") if unit else None])
    return html.Div(
        [
            html.Div([heading, age(at, now, old=old, prefix=prefix)], className="card-head"),
            html.Div(value, className="card-value"),
            html.Div(context, className="card-context"),
            body,
        ],
        className="card",
    )
