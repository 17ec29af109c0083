"""The frame of a platform's tab that is one block: what the address asks, whose page it is, a fault kept inside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from dash import Dash, Input, Output, State

from dashboards.block import Pages
from dashboards.filters import Filters, parse
from dashboards.pages.platform_health import slug_of
from dashboards.shell import Id as Shell

Make = Callable[[Filters, datetime, str], Awaitable[Any]]
"""What builds a block: from the filters, now, and the platform's slug."""


def of_platform(app: Dash, pages: Pages, block: str, make: Make) -> None:
    """Connects the element `block` to the address and the clock; left alone while a page of no platform is shown."""
    parts = pages.parts

    @app.callback(Output(block, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname"))
    async def show(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now, slug = parse(path, search), parts.clock.now(), slug_of(path, parts.packs)
        return await pages.guard(lambda: make(filters, now, slug))
