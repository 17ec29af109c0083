"""A card with a chart: title and unit, age, the newest value, one line of context; and the chart's frame with its menu."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from dash import dcc, html

from dashboards.components.marks import age
from dashboards.figures.chart import CONFIG, HEIGHT, Figure
from dashboards.figures.summary import summary
from dashboards.filters import Filters

EXPORT = "/export/chart"


def behind(chart: str, filters: Filters, **asked: str | None) -> str:
    """What the files and the table of a chart are asked under: its kind, the filters shown, and what else names it."""
    return filters.href(f"{EXPORT}.csv", **{**asked, "chart": chart}).partition("?")[2]


def graph(figure: Figure, name: str, label: str, *, query: str = "", ranged: bool = False, zoom: bool = False) -> html.Div:
    """A chart of its final height. `label` says in words what it shows; the values' own words follow. `name` is its anchor in links: `#name`.

    `query`: what is behind it, see `behind`; without it there is no CSV and no table. `ranged`: it covers the page's range, so that a link to it can
    hold its instants, and a stretch drawn on it becomes the page's range. `zoom`: the latter alone.
    """
    if not (ranged or zoom):
        figure["layout"]["dragmode"] = False
        figure["layout"]["xaxis"]["fixedrange"] = True
    height = figure["layout"].get("height", HEIGHT)
    said = " ".join(filter(None, (f"{label}.", summary(figure))))
    more = html.Button(
        "⋯",
        className="chart-more",
        title="CSV, PNG, link, table",
        **{
            "aria-label": f"Take this chart away: {label}",
            "aria-haspopup": "menu",
            "aria-expanded": "false",
            "data-chart-menu": name,
        },
    )
    drawn = html.Div(
        dcc.Graph(figure=figure, id=name, config=CONFIG, style={"height": height}),
        style={"height": height},
        role="img",
        **{"aria-label": said},
    )
    return html.Div(
        [more, drawn],
        className="chart-frame",
        **{"data-chart": name, "data-behind": query, "data-ranged": "1" if ranged else ""},
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
