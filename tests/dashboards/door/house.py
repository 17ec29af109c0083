"""A small app behind the door, for tests of the door."""

from __future__ import annotations

import warnings
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from dashboards.door.door import Door
from warehouse.state import Scope, Sessions, SignIn, StateDb, Tokens

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

HERE = "http://127.0.0.1:8470"
COOKIE = "roomleft_session_8470"
HTML = {"Accept": "text/html,application/xhtml+xml"}


class House:
    """A small app behind the door, the keys to it, and a hand on its clock."""

    def __init__(self, db: StateDb, **options: Any) -> None:
        self.db = db
        self.monotonic_s = 1000.0
        self.tokens, self.sign_in, self.sessions = Tokens(db), SignIn(db), Sessions(db)
        self.keys = {scope.value: self.tokens.add(f"a {scope} token", {scope}) for scope in Scope}
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        app = Starlette(
            routes=[
                WebSocketRoute("/_dash-ws-callback", said),
                WebSocketRoute("/other", said),
                Route("/{path:path}", who, methods=methods),
            ]
        )
        self.door = Door(
            app, tokens=self.tokens, sign_in=self.sign_in, sessions=self.sessions, monotonic=lambda: self.monotonic_s, **options
        )

    def client(self, base_url: str = HERE, **options: Any) -> TestClient:
        return TestClient(self.door, base_url=base_url, follow_redirects=False, **options)

    def bearer(self, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[scope]}"}

    def signed_in(self, scopes: set[Scope] | None = None, base_url: str = HERE) -> TestClient:
        """A browser that has redeemed a link."""
        client = self.client(base_url)
        response = client.post("/sign-in", data={"link": self.sign_in.issue("ada", scopes or {Scope.ADMIN})})
        assert response.status_code == 303
        return client


async def who(request: Request) -> JSONResponse:
    return JSONResponse({"path": request.url.path, "name": getattr(getattr(request.state, "principal", None), "name", None)})


async def said(opened: WebSocket) -> None:
    await opened.accept()
    await opened.send_text(opened.scope["state"]["principal"].name)
    await opened.close()
