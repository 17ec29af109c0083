"""The Dash application on the server's FastAPI: shell, router, pages, exports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, html
from dash.backends._fastapi import reset_current_request, set_current_request
from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse

from dashboards import drawer, exports, exports_chart, exports_cost, exports_reports, fault_tray, moved, notices, way
from dashboards.account_menu import account_menu
from dashboards.block import Pages
from dashboards.components.sheets import sheets
from dashboards.filters import Filters, parse
from dashboards.first_paint import Painted, filled
from dashboards.pages import (
    account,
    allocation,
    audit,
    budgets,
    capacity,
    capacity_forecasts,
    capacity_record,
    capacity_tabs,
    cost,
    cost_rows,
    cost_tabs,
    economics,
    glossary,
    on_call,
    on_call_tabs,
    overview,
    people,
    platform_home,
    prices,
    reports,
    slos,
    sources,
)
from dashboards.parts import Parts
from dashboards.shared import Shared
from dashboards.shell import Id, bottom_links, brand_link, controls, gear_links, nav_links, shell, top_names
from dashboards.snapshot import Snapshots
from dashboards.suites import Suites
from dashboards.transfer import Transfer

ASSETS = Path(__file__).parent / "assets"
THEME_SCRIPT = "theme.js"
INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{%title%}</title>
{%favicon%}
<link rel="preload" href="/assets/inter.woff2" as="font" type="font/woff2" crossorigin>
<script src="/assets/theme.js"></script>
<script src="/assets/first.js"></script>
{%css%}
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>
"""


def build_pages(server: FastAPI, parts: Parts) -> Dash:
    """The pages on `server`. Define every other route before: what is unknown to the server is answered with the page."""
    pages = Pages(parts, Snapshots())
    exports.add_routes(server, parts)
    exports_cost.add_routes(server, parts)
    exports_chart.add_routes(server, parts)
    exports_reports.add_routes(server, parts)
    capacity_record.add_routes(server, parts)
    app = Painted(
        "roomleft",
        server=server,
        assets_folder=str(ASSETS),
        assets_ignore=r"theme\.js|first\.js|.*\.(txt|woff2)",
        index_string=INDEX,
        title="Roomleft",
        update_title="",
        suppress_callback_exceptions=True,
        compress=False,
        serve_locally=True,
    )
    server.add_middleware(Suites, registered=app.registered_paths)
    server.add_middleware(Transfer)
    server.add_middleware(Shared, outputs=app.callback_map)

    def lay_out(path: str | None, search: str) -> html.Div:
        known: dict[str, Any] = {Id.ACCOUNT: account_menu()}
        if path is not None:
            filters = parse(path, search)
            known |= dict(zip(AROUND, around(filters, parts), strict=True)) | {Id.PAGE: page_of(filters, parts)}
        whole = html.Div([shell(demo=parts.settings.demo, at=None if path is None else (path, search)), *sheets()])
        if parts.settings.demo:
            whole.children.append(fault_tray.tray())
        return filled(whole, known)

    app.lay_out = lay_out
    app.layout = app.layout_asked
    _frame(app, pages)
    for page in (
        overview,
        account,
        audit,
        budgets,
        capacity,
        capacity_forecasts,
        capacity_record,
        capacity_tabs,
        cost,
        allocation,
        cost_rows,
        cost_tabs,
        economics,
        on_call,
        on_call_tabs,
        people,
        platform_home,
        prices,
        reports,
        slos,
        sources,
        drawer,
        notices,
        fault_tray,
    ):
        page.register(app, pages)
    _page_routes(server, app)
    # Over WebSocket, callbacks are unknown until Dash's first HTTP request; the first page after a restart would lack its styles.
    app._setup_server()
    return app


def _page_routes(server: FastAPI, app: Dash) -> None:
    """Every page's own address. Dash's catch-all would answer them too, but only where the server runs the lifespan protocol."""

    async def page(request: Request) -> HTMLResponse:
        token = set_current_request(request)
        try:
            return HTMLResponse(app.index())
        finally:
            reset_current_request(token)

    moved.add_redirects(server)
    for path in (
        "/budgets",
        "/capacity",
        "/capacity/{rest:path}",
        "/cost",
        "/cost/{rest:path}",
        "/slos",
        glossary.PATH,
        "/sources",
        "/prices",
        people.PATH,
        audit.PATH,
        account.PATH,
        "/reports",
        "/platforms",
        "/platforms/{rest:path}",
        "/on-call",
        "/on-call/{rest:path}",
    ):
        server.add_api_route(path, page, methods=["GET"], include_in_schema=False)


def page_of(filters: Filters, parts: Parts) -> Sequence[Any]:
    """The layout of the page an address names."""
    path = filters.path.rstrip("/") or "/"
    if path == overview.PATH:
        return overview.layout()
    if path == budgets.PATH:
        return budgets.layout()
    if path == capacity_tabs.PATH:
        return capacity.layout()
    if path == capacity_tabs.FORECASTS:
        return capacity_forecasts.layout()
    if path == capacity_tabs.TRACK_RECORD:
        return capacity_record.layout()
    if path == cost.PATH:
        return cost.layout()
    if path == cost_rows.PATH:
        return cost_rows.layout()
    if path == economics.PATH:
        return economics.layout()
    if path == allocation.PATH:
        return allocation.layout()
    if path == prices.PATH:
        return prices.layout()
    if (tab := on_call.tab_of(path)) is not None:
        return on_call_tabs.layout(tab) if tab else on_call.layout()
    if path == reports.PATH:
        return reports.layout()
    if path == slos.PATH:
        return slos.layout()
    if path == glossary.PATH:
        return glossary.layout(filters)
    if path == sources.PATH:
        return sources.layout()
    if path == people.PATH:
        return people.layout()
    if path == audit.PATH:
        return audit.layout()
    if path == account.PATH:
        return account.layout()
    if path == platform_home.PATH or path.startswith(f"{platform_home.PATH}/"):
        found = platform_home.layout(path, parts.packs)
        if found is not None:
            return found
    return way.not_found(filters, parts.packs, top_names())


AROUND = (Id.NAV, Id.BOTTOM, Id.CONTROLS, Id.BRAND, Id.GEAR, Id.CRUMBS, Id.WAY)
"""What of the frame the address decides."""


def around(filters: Filters, parts: Parts) -> tuple[Any, ...]:
    """The children of each of `AROUND`."""
    packs = parts.packs
    bars = nav_links(filters), bottom_links(filters), controls(filters, packs, parts.clock.now())
    named = brand_link(filters), gear_links(filters), way.crumbs(filters, packs, top_names())
    return *bars, *named, way.notes(filters, packs)


def _frame(app: Dash, pages: Pages) -> None:
    parts = pages.parts

    # The first time, the layout holds both already.
    @app.callback(Output(Id.PAGE, "children"), Input(Id.URL, "pathname"), State(Id.URL, "search"), prevent_initial_call=True)
    async def route(path: str | None, search: str | None) -> Any:
        return page_of(parse(path, search), parts)

    @app.callback(
        *(Output(name, "children") for name in AROUND),
        Input(Id.URL, "pathname"),
        Input(Id.URL, "search"),
        prevent_initial_call=True,
    )
    async def frame(path: str | None, search: str | None) -> Any:
        return around(parse(path, search), parts)

    @app.callback(Output(Id.CLOCK, "data"), Input(Id.TICK, "data"))
    async def clock(_tick: int | None) -> dict[str, float]:
        return {"now": parts.clock.now().timestamp(), "speed": getattr(parts.clock, "speed", 1.0)}

    app.clientside_callback(
        ClientsideFunction("roomleft", "theme"), Output(Id.THEME, "data"), Input(Id.URL, "pathname"), State(Id.THEME, "data")
    )
    app.clientside_callback(ClientsideFunction("roomleft", "clock"), Input(Id.CLOCK, "data"))
