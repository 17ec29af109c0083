"""The other tabs of On call: silences, deliveries, the outbox."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from dashboards import alert_rows
from dashboards.addresses import rows_told
from dashboards.alert_lines import alert_lines, silences_now
from dashboards.block import Pages
from dashboards.components import states
from dashboards.filters import parse
from dashboards.pages import on_call, on_call_deliveries, on_call_silences, outbox
from dashboards.shell import Id as Shell
from warehouse.state import Scope

TITLES = {"silences": "Silences", "deliveries": "Deliveries", "outbox": "Outbox"}


class Id(StrEnum):
    """Ids of these tabs."""

    BODY = "on-call-body"


def layout(tab: str) -> list[Any]:
    """Skeletons."""
    return [
        html.H1(TITLES[tab], className="page-title"),
        html.Div(states.coming(), id=on_call.Id.TABS, className="tabs-slot"),
        html.Div(states.skeleton(320), id=Id.BODY),
    ]


def register(app: Dash, pages: Pages) -> None:
    """Connects the tabs."""
    parts = pages.parts

    @app.callback(
        Output(Id.BODY, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now, wall = parse(path, search), parts.clock.now(), parts.state.clock.now()

        async def make() -> Any:
            tab = on_call.tab_of(path)
            if tab == "silences":
                lines, found = await asyncio.gather(
                    pages.read("alert-lines", lambda: alert_lines(parts, now)),
                    pages.read("silences", lambda: silences_now(parts, now)),
                )
                return on_call_silences.body(found, lines, filters, now)
            if tab == "outbox":
                sent = await pages.read("outbox", lambda: alert_rows.outbox(parts.state, channel="outbox"))
                return outbox.body(sent, filters, wall, parts.rules)
            since = wall - timedelta(days=on_call_deliveries.DAYS)
            told = await pages.read("deliveries", lambda: alert_rows.deliveries(parts.state, since=since))
            sent = await pages.read("sent", lambda: alert_rows.outbox(parts.state, most=1000))
            return on_call_deliveries.body(
                on_call_deliveries.deliveries_told(told), rows_told(sent, Scope.RESPOND, "words"), parts.rules, filters, wall
            )

        return await pages.guard(make)
