"""What the Cost pages share: the title, and the tabs between them, which keep range, platform and zone."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from dashboards.block import Pages
from dashboards.components.marks import link
from dashboards.filters import Filters, parse
from dashboards.shell import Id as Shell

TABS = (("/cost", "Explorer"), ("/cost/economics", "Unit economics"), ("/cost/rows", "Rows"), ("/cost/allocation", "Allocation"))


class Id(StrEnum):
    """Ids of the head."""

    TABS = "cost-tabs"


def head(title: str = "Cost") -> list[Any]:
    """The first children of every Cost page's layout."""
    return [
        html.H1(title, className="page-title"),
        html.Nav(id=Id.TABS, className="home-tabs cost-tabs", **{"aria-label": "Cost"}),
    ]


def tabs(filters: Filters) -> list[Any]:
    """One link a page. What the Explorer asks and the rows behind it keep each other's filters."""
    asked = {name: value for name, value in filters.page.items() if name not in ("page", "row")}
    pair = ("/cost", "/cost/rows")
    return [
        link(
            name,
            filters.href(path, **(asked if path in pair and filters.path in pair else {})),
            "home-tab",
            current="page" if path == filters.path else False,
        )
        for path, name in TABS
    ]


def register(app: Dash, pages: Pages) -> None:
    """Connects the tabs to the address."""

    @app.callback(Output(Id.TABS, "children"), Input(Shell.URL, "search"), State(Shell.URL, "pathname"))
    async def show(search: str | None, path: str | None) -> Any:
        return tabs(parse(path, search))
