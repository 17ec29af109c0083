"""The door: every request and WebSocket passes here before it reaches a page, the API or Dash.

A browser holds a session cookie, a program an `Authorization: Bearer` token. What is not public needs one of them, with
the scope that the route asks for. The rules are in `rules`, what is remembered in `memory`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.door import pages as door_pages
from dashboards.door.answering import refusal
from dashboards.door.asking import asked_by
from dashboards.door.cookies import CSRF_COOKIE, address_of, body_of, cookie, fields, neighbourhood, replayed, session_cookie
from dashboards.door.entrance import SIGN_IN, SIGN_OUT, Entrance, method_not_understood, sign_in_href, understood
from dashboards.door.memory import Attempts, Verified
from dashboards.door.oidc import PATH as OIDC_PATH
from dashboards.door.oidc import Oidc
from dashboards.door.oidc_routes import OidcRoutes
from dashboards.door.proxy import VOUCHED, Arrivals
from dashboards.door.refusals import SIGN_IN_HINT, TooManyTries, check_csrf, page
from dashboards.door.rules import (
    LOOPBACK_HOSTS,
    PUBLIC,
    PUBLIC_BELOW,
    RULES,
    SAFE_METHODS,
    Rule,
    host_name,
    local_path,
    needed_scope,
    same_origin,
    script_hash,
    security_headers,
)
from dashboards.door.watching import EVERY_S, watched
from dashboards.plain_pages import keeping
from roomleft.errors import Refused, RoomleftError, StoreError
from warehouse.state import Principal, Role, Sessions, SignIn, Tokens
from warehouse.state import Scope as Right

CSRF_HEADER = "x-csrftoken"
FORM_TYPE = "application/x-www-form-urlencoded"
FIXED = ("/assets/", "/_dash-component-suites/", "/_favicon.ico")
ROLE_FOR = {Right.READ: Role.VIEWER, Right.RESPOND: Role.ONCALL, Right.FINANCE: Role.FINANCE, Right.ADMIN: Role.ADMIN}
"""The least role that holds a scope."""
UNSURE_TURNS = 10
"""How often in a row nobody need be able to say whether an open connection may stay."""
PROBES = frozenset({"/healthz", "/readyz"})


class Door:
    """Pure ASGI middleware over HTTP and WebSocket. Sets `scope["state"]["principal"]`.

    `hosts` are the names a browser may call this server by, against DNS rebinding; None accepts any, for a server that is
    meant to be reached from elsewhere. `script_hashes` are those of Dash's inline scripts (`Dash.csp_hashes()`). `arrivals` turns a trusted
    proxy's word into a person.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: Tokens,
        sign_in: SignIn,
        sessions: Sessions,
        public: Collection[str] = PUBLIC,
        hosts: Collection[str] | None = LOOPBACK_HOSTS,
        rules: Sequence[Rule] = RULES,
        script_hashes: Collection[str] = (),
        csrf_cookie: str = CSRF_COOKIE,
        monotonic: Callable[[], float] = time.monotonic,
        entrance: Entrance | None = None,
        arrivals: Arrivals | None = None,
        oidc: Oidc | None = None,
        watch_every_s: float = EVERY_S,
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._sessions = sessions
        offered = oidc.offered if oidc is not None else ()
        self.entrance = entrance or Entrance(sign_in, sessions, providers=offered, csrf_cookie=csrf_cookie, monotonic=monotonic)
        self._arrivals = arrivals
        self._oidc = OidcRoutes(oidc, self.entrance, monotonic) if oidc is not None else None
        self._watch_every_s = watch_every_s
        self._public = frozenset(public)
        self._hosts = None if hosts is None else frozenset(name.lower() for name in hosts)
        self._rules = rules
        self._csrf_cookie = csrf_cookie
        own = (script_hash(each) for each in (door_pages.SUBMIT, door_pages.KEEP_PLACE))
        self._headers = security_headers({*(_quoted(word) for word in script_hashes), *own})
        self._verified = Verified(monotonic, lambda: sessions.turn)
        self._attempts = Attempts(monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, self._protected(send, scope["path"]))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        method, path, principal = scope["method"], scope["path"], None
        try:
            if path not in PROBES:
                self._check_host(headers)
            if path == SIGN_IN and path in self._public:
                await (await self._at_the_entrance(scope, headers, receive))(scope, receive, send)
                return
            if path.startswith(OIDC_PATH) and self._oidc is not None:
                await (await self._oidc.answer(scope, headers))(scope, receive, send)
                return
            if path in self._public or path.startswith(PUBLIC_BELOW):
                await self._app(scope, receive, send)
                return
            principal, by_cookie = await self._principal(scope, headers)
            if principal is None:
                await self._turn_away(scope, headers)(scope, receive, send)
                return
            if path == SIGN_OUT and method == "POST":
                await (await self.entrance.leave(scope, headers, receive, principal))(scope, receive, send)
                return
            self._check_allowed(principal, method, path)
            if by_cookie and method not in SAFE_METHODS:
                given = headers.get(CSRF_HEADER, "")
                if not given and headers.get("content-type", "").startswith(FORM_TYPE):
                    # A page without scripts says its word in the form itself.
                    form = await body_of(receive, path)
                    given, receive = fields(form).get(CSRF_COOKIE, ""), replayed(form, receive)
                check_csrf(headers, given, principal, scope)
        except RoomleftError as error:
            await self._refused(scope, headers, error, principal)(scope, receive, send)
            return
        if by_cookie and principal.csrf and cookie(headers, self._csrf_cookie) != principal.csrf:
            # Another server on this host (cookies know no ports) may have set its own word over ours: say ours again.
            send = self._with_cookie(send, self.entrance.csrf_cookie_text(scope, principal.csrf))
        with asked_by(principal):
            await self._app(_with_principal(scope, principal), receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            principal, by_cookie = await self._principal(scope, headers)
            if principal is None:
                raise Refused("not signed in", scope["path"], SIGN_IN_HINT)
            if by_cookie and not same_origin(headers.get("origin", ""), headers.get("host", ""), scope.get("scheme", "ws")):
                raise Refused("a page of another site may not open this", scope["path"], "open Roomleft itself", status=403)
            self._check_allowed(principal, "WEBSOCKET", scope["path"])
        except RoomleftError as error:
            await receive()  # the handshake; closing before accepting it answers 403 and opens nothing
            status = error.status if isinstance(error, Refused) else 503
            await send({"type": "websocket.close", "code": 4000 + status, "reason": error.what[:120]})
            return

        unsure = 0

        async def still() -> bool:
            nonlocal unsure
            try:
                now = await self.still(scope)
            except StoreError:
                # Nobody can say just now: a moment's lock must not end every page. But not for ever either.
                unsure += 1
                return unsure < UNSURE_TURNS
            unsure = 0
            return now is not None and (now.name, now.scopes) == (principal.name, principal.scopes)

        with asked_by(principal):
            await watched(self._app, _with_principal(scope, principal), receive, send, still, self._watch_every_s)

    # Who is it?

    async def _principal(self, scope: Scope, headers: Headers) -> tuple[Principal | None, bool]:
        """Who asks, and whether the browser says so by itself, as it does with cookies."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind:
            if kind.lower() != "bearer" or not token.strip():
                raise Refused("this Authorization header is not understood", scope["path"], SIGN_IN_HINT)
            principal = await self._verify(scope, token.strip(), self._tokens.verify)
            if principal is None:
                raise Refused(
                    "this token is unknown or was revoked",
                    scope["path"],
                    "make another: bin/roomleft token add NAME --scope read",
                )
            return principal, False
        vouched = scope.get("state", {}).get(VOUCHED)
        if vouched is not None and self._arrivals is not None:
            return await self._arrivals.principal(vouched), True
        return await self._by_session(scope, headers), True

    async def _by_session(self, scope: Scope, headers: Headers) -> Principal | None:
        secret = cookie(headers, session_cookie(scope, headers))
        return await self._verify(scope, secret, self._sessions.verify, counted=False) if secret else None

    async def still(self, scope: Scope) -> Principal | None:
        """Who holds the proof with which a request or WebSocket came, asked again: None once it is over, or its bearer may not be here any more.
        Cheap enough for every few seconds; at once after a change on this server, within seconds of one elsewhere."""
        try:
            return (await self._principal(scope, Headers(scope=scope)))[0]
        except Refused:
            return None

    async def _verify(
        self, scope: Scope, secret: str, verify: Callable[[str], Principal | None], *, counted: bool = True
    ) -> Principal | None:
        principal = self._verified.principal(secret)
        if principal is not None:
            return principal
        who, turn = f"{neighbourhood(address_of(scope))} token", self._verified.turn()
        if counted and not self._verified.is_known(secret):
            self._check_tries(who, scope["path"])
        principal = await asyncio.to_thread(verify, secret)
        self._verified.remember(secret, principal, turn)
        if principal is None and counted:
            self._attempts.failed(who)
        return principal

    # May they?

    def _check_host(self, headers: Headers) -> None:
        name = host_name(headers.get("host", ""))
        if self._hosts is not None and name not in self._hosts:
            raise Refused(
                f"this server does not go by the name {name!r}",
                "Host header",
                "use http://127.0.0.1, or add the name to allowed_hosts in roomleft.toml",
                status=421,
            )

    def _check_allowed(self, principal: Principal, method: str, path: str) -> None:
        scope = needed_scope(self._rules, method, path)
        if not principal.may(scope):
            where = f"{method} {path}"
            if principal.role is not None and scope in ROLE_FOR:
                words = f"this needs the role {ROLE_FOR[scope]}; {principal.name} has the role {principal.role}"
                raise Refused(words, where, "an administrator gives roles, at People", status=403)
            has = ", ".join(sorted(principal.scopes)) or "nothing"
            raise Refused(f"this needs the scope {scope}; {principal.name} has {has}", where, "ask an administrator", status=403)

    def _check_tries(self, who: str, where: str) -> None:
        pause_s = self._attempts.pause_s(who)
        if pause_s > 0:
            raise TooManyTries(where, pause_s)

    def _refused(self, scope: Scope, headers: Headers, error: RoomleftError, principal: Principal | None) -> Response:
        """Whoever is in and wants a page is told on one what is not for them, and how to go on; everything else gets the error as JSON."""
        if principal is None or not isinstance(error, Refused) or error.status != 403 or not wants_page(scope, headers):
            return refusal(error)
        what, hint = (f"{each[:1].upper()}{each[1:]}" for each in (error.what, error.hint))
        said = door_pages.refused_page(what, hint, principal)
        return page(keeping(said, scope.get("query_string", b"").decode("latin-1")), 403)

    def _turn_away(self, scope: Scope, headers: Headers) -> Response:
        """Browsers that want a page are sent to sign in and come back; everything else gets the error as JSON."""
        path = scope["path"]
        if scope["method"] in SAFE_METHODS and wants_page(scope, headers):
            query = scope.get("query_string", b"").decode("latin-1")
            target = local_path(f"{quote(path)}?{query}" if query else quote(path))
            return RedirectResponse(sign_in_href(target), 303)
        return refusal(Refused("not signed in", path, SIGN_IN_HINT))

    async def _at_the_entrance(self, scope: Scope, headers: Headers, receive: Receive) -> Response:
        if not understood(scope["method"]):
            return method_not_understood()
        if scope["method"] not in SAFE_METHODS:
            return await self.entrance.enter(scope, headers, receive)
        vouched = scope.get("state", {}).get(VOUCHED) is not None
        principal = (await self._principal(scope, headers))[0] if vouched else await self._by_session(scope, headers)
        return await self.entrance.show(scope, headers, principal)

    # Headers

    def _protected(self, send: Send, path: str) -> Send:
        # What one may see is not for the next at the same browser. The page's own files say themselves how long they keep.
        own = self._headers if path.startswith(FIXED) else [*self._headers, (b"cache-control", b"no-store")]

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message.get("headers", ())}
                message = {**message, "headers": [*message.get("headers", ()), *(h for h in own if h[0] not in said)]}
            await send(message)

        return protected

    def _with_cookie(self, send: Send, cookie: str) -> Send:
        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(message.get("headers", ()))}
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        return with_cookie


def wants_page(scope: Scope, headers: Headers) -> bool:
    """Whether a browser asks for a page to show, rather than a program or a script for an answer."""
    path = scope["path"]
    program = path.startswith(("/api/", "/_dash-")) or path == "/metrics"
    return "text/html" in headers.get("accept", "") and not program


def _with_principal(scope: Scope, principal: Principal) -> dict[str, Any]:
    return {**scope, "state": {**scope.get("state", {}), "principal": principal}}


def _quoted(word: str) -> str:
    return word if word.startswith("'") else f"'{word}'"
