"""The demo's fault tray: break a stand-in platform from any page, and watch what turns red. Real servers have none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import orjson
from dash import Dash, Input, Output, State, dcc, html
from dash.exceptions import PreventUpdate
from fastapi import APIRouter, Request, Response

from collectors.standin.switch import faults_of, switch
from dashboards.api.answers import answer
from dashboards.api.bodies import read_body
from dashboards.block import Pages
from dashboards.components.marks import badge, link
from dashboards.components.still import still
from dashboards.door.asking import asking
from dashboards.door.deeds import as_allowed, needs
from dashboards.filters import parse
from dashboards.parts import Parts
from dashboards.shell import Id as Shell
from roomleft.datadir import RunningServer, running
from roomleft.demo import STAND_IN_FILE
from roomleft.errors import InputError, RoomleftError
from roomleft.packs import Pack
from warehouse.state import Audit, Scope

ROUTE = "/api/v1/demo/faults"


class Id(StrEnum):
    """Ids of the tray."""

    BODY = "fault-tray-body"
    COUNT = "fault-tray-count"
    SHOWN = "fault-tray-shown"


def tray() -> html.Details:
    """The tray, closed."""
    return html.Details(
        [
            dcc.Store(id=Id.SHOWN),
            html.Summary(["Faults", html.Span(id=Id.COUNT)], className="button"),
            html.Div(
                [
                    html.Div("Break a stand-in platform and watch it here", className="fault-tray-title"),
                    html.Div("Reading faults …", id=Id.BODY, className="dim"),
                ],
                className="fault-tray-panel",
            ),
        ],
        className="fault-tray",
    )


def make_fault_routes(parts: Parts) -> APIRouter:
    """List and switch faults of a running demo (admin). Elsewhere the routes answer that there are none."""
    router = APIRouter()

    @router.get(ROUTE, summary="Faults of the demo's platforms", tags=["self"])
    async def listed() -> Response:
        return answer(await asyncio.to_thread(all_faults, parts))

    @router.put(ROUTE + "/{platform}/{fault}", summary="Switch a fault of the demo on or off (admin)", tags=["self"])
    async def switched(platform: str, fault: str, request: Request) -> Response:
        body = await read_body(request, 2**16)
        try:
            on = orjson.loads(body)["on"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            on = None
        if not isinstance(on, bool):
            raise InputError("the body is not a switch", f"{ROUTE}/{platform}/{fault}", 'send {"on": true} or {"on": false}')
        known = _standins(parts)
        if platform not in known or fault not in known[platform].faults:
            raise InputError(f"{platform} has no fault {fault!r}", f"{ROUTE}/{platform}/{fault}", f"GET {ROUTE} lists them")
        await asyncio.to_thread(switch, _stand_in(parts), platform, fault, on)
        deed = {"platform": platform, "fault": fault, "on": on}
        await asyncio.to_thread(Audit(parts.state).add, asking().name, "switch fault", deed)
        return answer({"platform": platform, "fault": fault, "on": on})

    return router


def all_faults(parts: Parts) -> dict[str, list[dict[str, Any]]]:
    """By platform: name, on, description, shows_on (component ids). Raises RoomleftError where no demo runs."""
    stand_in = _stand_in(parts)
    found = {}
    for slug, shape in _standins(parts).items():
        own = {name: list(fault.shows_on) for name, fault in shape.faults.items()}
        found[slug] = [{**each, "shows_on": own.get(each["name"], [])} for each in faults_of(stand_in, slug)]
    return found


def _standins(parts: Parts) -> dict[str, Any]:
    return {slug: pack.standin for slug, pack in parts.packs.items() if pack.standin is not None}


def _stand_in(parts: Parts) -> RunningServer:
    found = running(parts.settings.data_dir, name=STAND_IN_FILE) if parts.settings.demo else None
    if found is None:
        raise InputError("no stand-in platform runs here", ROUTE, "faults are for `bin/roomleft demo`")
    return found


def fault_row(slug: str, pack: Pack, fault: Mapping[str, Any], href: str) -> html.Div:
    """One fault: a switch, what it does, and where it shows."""
    titles = {part.id: part.title for part in pack.components}
    shows = ", ".join(titles.get(each, each) for each in fault["shows_on"]) or "figures, or how the platform is read"
    return html.Div(
        [
            html.Button(
                "On" if fault["on"] else "Off",
                className="switch on" if fault["on"] else "switch",
                role="switch",
                **{
                    "aria-checked": "true" if fault["on"] else "false",
                    "aria-label": f"{fault['name']} of {pack.title}",
                    "data-act": "fault",
                    "data-url": f"{ROUTE}/{slug}/{fault['name']}",
                },
            ),
            html.Div(
                [
                    html.Div(fault["name"].replace("_", " "), className="fault-name"),
                    html.Div(fault["description"], className="dim"),
                    html.Div(["shows on ", link(shows, href)], className="dim"),
                ]
            ),
        ],
        className="fault-row",
    )


def tray_body(found: Mapping[str, Sequence[Mapping[str, Any]]], packs: Mapping[str, Pack], shown: str) -> list[Any]:
    """The faults by platform: that of the page open, what is on always seen. Whoever may not switch them sees them grey, and why."""
    groups = []
    for slug, faults in found.items():
        on = sum(each["on"] for each in faults)
        rows = [fault_row(slug, packs[slug], each, f"/platforms/{slug}") for each in faults]
        head = html.Summary([packs[slug].title, badge(f"{on} on", "warn") if on else None])
        groups.append(html.Details([head, *rows], className="fault-group", open=slug == shown or on > 0))
    lacking = needs(Scope.ADMIN)
    return as_allowed([*([html.P(f"{lacking} to switch them.", className="small dim")] if lacking else []), *groups])


def register(app: Dash, pages: Pages) -> None:
    """Connects the tray; only in a demo."""
    parts = pages.parts
    if not parts.settings.demo:
        return

    @app.callback(
        Output(Id.BODY, "children"),
        Output(Id.COUNT, "children"),
        Output(Id.SHOWN, "data"),
        Input(Shell.TICK, "data"),
        Input(Shell.URL, "pathname"),
        State(Shell.URL, "search"),
        State(Id.SHOWN, "data"),
    )
    async def show(_tick: int | None, path: str | None, search: str | None, shown: str | None) -> Any:
        try:
            found = await pages.read("faults", lambda: all_faults(parts))
        except RoomleftError as error:
            return error.what, "", ""
        slug = (path or "").split("/")[2] if (path or "").startswith("/platforms/") else parse(path, search).platform or ""
        on = [f"{name}:{each['name']}" for name, faults in found.items() for each in faults if each["on"]]
        now_shown = f"{slug} {' '.join(on)}"
        if now_shown == shown:
            # Drawn again, the groups that somebody opened would close.
            raise PreventUpdate
        return still(tray_body(found, parts.packs, slug)), (f" · {len(on)} on" if on else ""), now_shown
