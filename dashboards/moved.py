"""Addresses that pages had, or that people type for them, and where those pages live now. The query goes along."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse

MOVED = {
    "/overview": "/",
    "/home": "/",
    "/limits": "/",
    "/usage": "/cost",
    "/costs": "/cost",
    "/explorer": "/cost",
    "/cost/explorer": "/cost",
    "/cost/usage": "/cost/rows",
    "/rows": "/cost/rows",
    "/economics": "/cost/economics",
    "/unit-economics": "/cost/economics",
    "/cost/unit-economics": "/cost/economics",
    "/allocation": "/cost/allocation",
    "/alerts": "/on-call",
    "/on-call/alerts": "/on-call",
    "/oncall": "/on-call",
    "/silences": "/on-call/silences",
    "/deliveries": "/on-call/deliveries",
    "/outbox": "/on-call/outbox",
    "/anomalies": "/capacity/forecasts",
    "/unusual": "/capacity/forecasts",
    "/on-call/unusual": "/capacity/forecasts",
    "/slo": "/slos",
    "/budget": "/budgets",
    "/forecasts": "/capacity/forecasts",
    "/capacity/room-left": "/capacity",
    "/track-record": "/capacity/track-record",
    "/report": "/reports",
    "/status": "/platforms",
    "/platform": "/platforms",
}
"""From an old path to the page's own."""
OF_A_PLATFORM = {"cost": "/cost", "alerts": "/on-call", "slos": "/slos", "budgets": "/budgets", "capacity": "/capacity", "forecasts": "/capacity/forecasts"}  # fmt: skip
"""From `/platforms/<slug>/<word>` to the page that shows it for the platform."""


def home_of(path: str, query: str = "") -> str | None:
    """The address a moved path has now, with its query; None for a path that has not moved."""
    path = path.rstrip("/")
    new, own = MOVED.get(path), ""
    parts = path.split("/")
    if len(parts) == 4 and parts[1] == "platforms":
        if parts[3] == "health":
            new = f"/platforms/{parts[2]}"
        elif parts[3] in OF_A_PLATFORM:
            new, own = OF_A_PLATFORM[parts[3]], f"platform={parts[2]}"
    if new is None:
        return None
    # The last value of a parameter counts, so the path's own platform comes after one in the query.
    kept = "&".join(each for each in query.split("&") if each and not (own and each.startswith("platform=")))
    whole = "&".join(each for each in (kept, own) if each)
    return f"{new}?{whole}" if whole else new


def add_redirects(server: FastAPI) -> None:
    """A redirect for every old path. Define them before the pages' own routes."""

    async def moved(request: Request) -> RedirectResponse:
        # As it was sent: the path's escapes are kept, so that nothing in it becomes an address of its own.
        path = request.scope.get("raw_path", request.url.path.encode()).decode("ascii", "replace").partition("?")[0]
        return RedirectResponse(home_of(path, request.url.query) or "/", 307, {"cache-control": "no-store"})

    paths = [*MOVED, *(f"/platforms/{{slug}}/{word}" for word in ("health", *OF_A_PLATFORM))]
    for path in paths:
        server.add_api_route(path, moved, methods=["GET"], include_in_schema=False)
