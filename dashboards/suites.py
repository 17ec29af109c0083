"""Dash's own files: a name that it does not serve is answered as every other that is not here, where Dash would fail at it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dash.fingerprint import check_fingerprint
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboards.api.answers import error_answer
from roomleft.errors import Refused

PREFIX = "/_dash-component-suites/"


class Suites:
    """ASGI middleware. `registered`: the files of each package, as Dash fills it."""

    def __init__(self, app: ASGIApp, registered: Mapping[str, Collection[str]]) -> None:
        self.app, self.registered = app, registered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(PREFIX) or self._has(path.removeprefix(PREFIX)):
            await self.app(scope, receive, send)
            return
        shown = path if len(path) <= 120 else f"{path[:120]}…"
        missing = Refused("there is no such file", shown, "reload the page: it may be of an earlier version", status=404)
        await error_answer(missing)(scope, receive, send)

    def _has(self, name: str) -> bool:
        package, _, file = name.partition("/")
        return bool(file) and check_fingerprint(file)[0] in self.registered.get(package, ())
