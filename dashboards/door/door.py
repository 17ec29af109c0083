"""The door: every request and WebSocket passes here before it reaches a page, the API or Dash.

A browser holds a session cookie, a program an `Authorization: Bearer` token. What is not public needs one of them, with
the scope that the route asks for. The rules are in `rules`, what is remembered in `memory`.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.api.answers import error_answer
from dashboards.door import pages as door_pages
from dashboards.door.asking import asked_by
from dashboards.door.memory import Attempts, Verified
from dashboards.door.rules import (
    LOOPBACK_HOSTS,
    PUBLIC,
    PUBLIC_BELOW,
    RULES,
    SAFE_METHODS,
    Rule,
    host_name,
    host_port,
    local_path,
    needed_scope,
    same_origin,
    script_hash,
    security_headers,
)
from roomleft.errors import Refused, RoomleftError, TooLarge
from warehouse.state import Principal, Sessions, SignIn, Tokens

CSRF_HEADER = "x-csrftoken"
FORM_LIMIT_BYTES = 8192
FORM_TYPE = "application/x-www-form-urlencoded"
PROBES = frozenset({"/healthz", "/readyz"})
NEW_TOKEN_HINT = "make another: bin/roomleft token add NAME --scope read"
SIGN_IN_HINT = "open the sign-in link Roomleft printed, or send a token: Authorization: Bearer TOKEN (bin/roomleft token add)"


class TooManyTries(Refused):
    """Too many wrong secrets from one address; try again after `retry_after_s`."""

    def __init__(self, where: str, retry_after_s: float) -> None:
        super().__init__("too many wrong links or tokens from this address", where, f"wait {retry_after_s:.0f} s", status=429)
        self.retry_after_s = retry_after_s


class Door:
    """Pure ASGI middleware over HTTP and WebSocket. Sets `scope["state"]["principal"]`.

    `hosts` are the names a browser may call this server by, against DNS rebinding; None accepts any, for a server that is
    meant to be reached from elsewhere. `script_hashes` are those of Dash's inline scripts (`Dash.csp_hashes()`).
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
        csrf_cookie: str = "_csrf_token",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._sign_in = sign_in
        self._sessions = sessions
        self._public = frozenset(public)
        self._hosts = None if hosts is None else frozenset(name.lower() for name in hosts)
        self._rules = rules
        self._csrf_cookie = csrf_cookie
        self._headers = security_headers({*(_quoted(word) for word in script_hashes), script_hash(door_pages.SUBMIT)})
        self._verified = Verified(monotonic)
        self._attempts = Attempts(monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, self._protected(send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        method, path = scope["method"], scope["path"]
        try:
            if path not in PROBES:
                self._check_host(headers)
            if path == "/sign-in" and path in self._public:
                response = await self._sign_in_page(scope, headers, receive)
                await response(scope, receive, send)
                return
            if path in self._public or path.startswith(PUBLIC_BELOW):
                await self._app(scope, receive, send)
                return
            principal, by_cookie = await self._principal(scope, headers)
            if principal is None:
                await self._turn_away(scope, headers)(scope, receive, send)
                return
            if path == "/sign-out" and method == "POST":
                await (await self._sign_out(scope, headers, receive, principal))(scope, receive, send)
                return
            self._check_allowed(principal, method, path)
            if by_cookie and method not in SAFE_METHODS:
                given = headers.get(CSRF_HEADER, "")
                if not given and headers.get("content-type", "").startswith(FORM_TYPE):
                    # A page without scripts says its word in the form itself.
                    form = await _body(receive, path)
                    given, receive = _fields(form).get("_csrf_token", ""), _replayed(form, receive)
                _check_csrf(headers, given, principal, path)
        except RoomleftError as error:
            await _refusal(error)(scope, receive, send)
            return
        if by_cookie and principal.csrf and _cookie(headers, self._csrf_cookie) != principal.csrf:
            # Another server on this host (cookies know no ports) may have set its own word over ours: say ours again.
            send = self._with_cookie(send, self._csrf_cookie_text(scope, principal.csrf))
        with asked_by(principal):
            await self._app(_with_principal(scope, principal), receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            principal, by_cookie = await self._principal(scope, headers)
            if principal is None:
                raise Refused("not signed in", scope["path"], SIGN_IN_HINT)
            if by_cookie and not same_origin(headers.get("origin", ""), headers.get("host", "")):
                raise Refused("a page of another site may not open this", scope["path"], "open Roomleft itself", status=403)
            self._check_allowed(principal, "WEBSOCKET", scope["path"])
        except RoomleftError as error:
            await receive()  # the handshake; closing before accepting it answers 403 and opens nothing
            status = error.status if isinstance(error, Refused) else 503
            await send({"type": "websocket.close", "code": 4000 + status, "reason": error.what[:120]})
            return
        with asked_by(principal):
            await self._app(_with_principal(scope, principal), receive, send)

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
        secret = _cookie(headers, self._session_cookie(scope, headers))
        principal = await self._verify(scope, secret, self._sessions.verify, counted=False) if secret else None
        return principal, True

    async def _verify(
        self, scope: Scope, secret: str, verify: Callable[[str], Principal | None], *, counted: bool = True
    ) -> Principal | None:
        principal = self._verified.principal(secret)
        if principal is not None:
            return principal
        who = f"{_address(scope)} {'token' if counted else 'session'}"
        if counted and not self._verified.is_known(secret):
            self._check_tries(who, scope["path"])
        principal = await asyncio.to_thread(verify, secret)
        self._verified.remember(secret, principal)
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
            has = ", ".join(sorted(principal.scopes)) or "nothing"
            raise Refused(
                f"this needs the scope {scope}; {principal.name} has {has}",
                f"{method} {path}",
                "ask an administrator",
                status=403,
            )

    def _check_tries(self, who: str, where: str) -> None:
        pause_s = self._attempts.pause_s(who)
        if pause_s > 0:
            raise TooManyTries(where, pause_s)

    def _turn_away(self, scope: Scope, headers: Headers) -> Response:
        """Browsers that want a page are sent to sign in and come back; everything else gets the error as JSON."""
        path = scope["path"]
        program = path.startswith(("/api/", "/_dash-")) or path == "/metrics"
        if scope["method"] in SAFE_METHODS and "text/html" in headers.get("accept", "") and not program:
            query = scope.get("query_string", b"").decode("latin-1")
            target = local_path(f"{quote(path)}?{query}" if query else quote(path))
            return RedirectResponse("/sign-in" if target == "/" else f"/sign-in?next={quote(target, safe='/')}", 303)
        return _refusal(Refused("not signed in", path, SIGN_IN_HINT))

    # Signing in and out

    async def _sign_in_page(self, scope: Scope, headers: Headers, receive: Receive) -> Response:
        if scope["method"] in SAFE_METHODS:
            query = _fields(scope.get("query_string", b""))
            target = local_path(query.get("next", "/"))
            if query.get("link"):
                return _page(door_pages.link_page(query["link"], target))
            secret = _cookie(headers, self._session_cookie(scope, headers))
            principal = await self._verify(scope, secret, self._sessions.verify, counted=False) if secret else None
            if principal is not None:
                return _page(door_pages.signed_in_page(principal.name, principal.csrf or "", target))
            return _page(door_pages.ask_page(target))
        if scope["method"] != "POST":
            return _refusal(
                Refused("only GET and POST are understood here", "/sign-in", "open /sign-in in a browser", status=405)
            )
        _check_origin(headers, "/sign-in")
        who = f"{_address(scope)} link"
        self._check_tries(who, "/sign-in")
        form = _fields(await _body(receive))
        target = local_path(form.get("next", "/"))
        session = await asyncio.to_thread(self._sign_in.redeem, _link_in(form.get("link", "")))
        if session is None:
            self._attempts.failed(who)
            return _page(door_pages.ask_page(target, door_pages.SPENT), 403)
        principal = await asyncio.to_thread(self._sessions.verify, session)
        response = RedirectResponse(target, 303, {"cache-control": "no-store"})
        response.headers.append("set-cookie", self._session_cookie_text(scope, headers, session))
        if principal is not None and principal.csrf:
            response.headers.append("set-cookie", self._csrf_cookie_text(scope, principal.csrf))
        return response

    async def _sign_out(self, scope: Scope, headers: Headers, receive: Receive, principal: Principal) -> Response:
        name = self._session_cookie(scope, headers)
        secret = _cookie(headers, name)
        if principal.csrf is None or not secret:
            raise Refused(
                "there is no session to end", "/sign-out", "a token is ended by bin/roomleft token revoke NAME", status=403
            )
        given = headers.get(CSRF_HEADER) or _fields(await _body(receive)).get("_csrf_token", "")
        _check_csrf(headers, given, principal, "/sign-out")
        await asyncio.to_thread(self._sessions.revoke, secret)
        self._verified.remember(secret, None)
        response = RedirectResponse("/sign-in", 303, {"cache-control": "no-store"})
        for cookie in (name, self._csrf_cookie):
            response.headers.append("set-cookie", f"{cookie}=; Path=/; Max-Age=0; SameSite=Lax")
        return response

    # Cookies and headers

    def _session_cookie(self, scope: Scope, headers: Headers) -> str:
        """Browsers send a host's cookies to all its ports, so the port the browser sees is part of the name."""
        return f"roomleft_session_{host_port(headers.get('host', ''), scope.get('scheme', 'http'))}"

    def _session_cookie_text(self, scope: Scope, headers: Headers, secret: str) -> str:
        lifetime_s = int(self._sign_in.session_lifetime.total_seconds())
        name = self._session_cookie(scope, headers)
        return f"{name}={secret}; Path=/; Max-Age={lifetime_s}; HttpOnly; SameSite=Lax{_secure(scope)}"

    def _csrf_cookie_text(self, scope: Scope, csrf: str) -> str:
        lifetime_s = int(self._sign_in.session_lifetime.total_seconds())
        return f"{self._csrf_cookie}={csrf}; Path=/; Max-Age={lifetime_s}; SameSite=Lax{_secure(scope)}"

    def _protected(self, send: Send) -> Send:
        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message.get("headers", ())}
                message = {**message, "headers": [*message.get("headers", ()), *(h for h in self._headers if h[0] not in said)]}
            await send(message)

        return protected

    def _with_cookie(self, send: Send, cookie: str) -> Send:
        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(message.get("headers", ()))}
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        return with_cookie


def _check_origin(headers: Headers, where: str) -> None:
    origin = headers.get("origin")
    if origin is not None and not same_origin(origin, headers.get("host", "")):
        raise Refused("a page of another site may not do this", where, "do it from Roomleft's own pages", status=403)


def _check_csrf(headers: Headers, given: str, principal: Principal, where: str) -> None:
    _check_origin(headers, where)
    if principal.csrf is not None and not hmac.compare_digest(given.encode(), principal.csrf.encode()):
        raise Refused(
            "the X-CSRFToken header is missing or wrong", where, "reload the page; a program sends a token instead", status=403
        )


def _refusal(error: RoomleftError) -> Response:
    response = error_answer(error)
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="roomleft"'
    if isinstance(error, TooManyTries):
        response.headers["Retry-After"] = str(max(1, int(error.retry_after_s + 0.999)))
    response.headers["Cache-Control"] = "no-store"
    return response


def _page(html: str, status: int = 200) -> Response:
    return HTMLResponse(html, status, {"cache-control": "no-store"})


def _with_principal(scope: Scope, principal: Principal) -> dict[str, Any]:
    return {**scope, "state": {**scope.get("state", {}), "principal": principal}}


def _cookie(headers: Headers, name: str) -> str:
    """The cookie's value, or nothing."""
    for part in "; ".join(headers.getlist("cookie")).split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "unknown"


def _secure(scope: Scope) -> str:
    return "; Secure" if scope.get("scheme") == "https" else ""


def _quoted(word: str) -> str:
    return word if word.startswith("'") else f"'{word}'"


def _fields(form: bytes) -> dict[str, str]:
    """The first value of each field of a query or form; nothing if it is not one."""
    try:
        return {name: values[0] for name, values in parse_qs(form.decode("latin-1"), max_num_fields=20).items()}
    except ValueError:
        return {}


def _link_in(pasted: str) -> str:
    """The secret in what somebody pasted: the whole link, or just its code."""
    text = pasted.strip()
    return _fields(urlsplit(text).query.encode()).get("link", "") if "link=" in text else text


def _replayed(body: bytes, receive: Receive) -> Receive:
    """`receive` as it was before `body` was read from it."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return again


async def _body(receive: Receive, where: str = "/sign-in") -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        body += message.get("body", b"")
        if len(body) > FORM_LIMIT_BYTES:
            raise TooLarge("this form is too large", where, f"at most {FORM_LIMIT_BYTES} bytes")
        if not message.get("more_body", False):
            return body
