"""What the Capacity pages share: the tabs between them, which keep platform and zone."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from dashboards.block import Pages
from dashboards.components.marks import link
from dashboards.filters import Filters, parse
from dashboards.shell import Id as Shell

PATH = "/capacity"
FORECASTS, TRACK_RECORD = f"{PATH}/forecasts", f"{PATH}/track-record"
TABS = ((PATH, "Room left"), (FORECASTS, "Forecasts"), (TRACK_RECORD, "Track record"))


class Id(StrEnum):
    """Ids of the tabs."""

    TABS = "capacity-tabs"


def nav() -> html.Nav:
    """The place of the tabs."""
    return html.Nav(id=Id.TABS, className="home-tabs", **{"aria-label": "Of capacity"})


def tabs(filters: Filters) -> list[Any]:
    """One link a page."""
    here = filters.path.rstrip("/")
    return [link(name, filters.href(path), "home-tab", current="page" if path == here else False) for path, name in TABS]


def register(app: Dash, pages: Pages) -> None:
    """Connects the tabs to the address."""

    @app.callback(Output(Id.TABS, "children"), Input(Shell.URL, "search"), State(Shell.URL, "pathname"))
    async def show(search: str | None, path: str | None) -> Any:
        return tabs(parse(path, search))
