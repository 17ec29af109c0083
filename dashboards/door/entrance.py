"""Signing in and out: the page, the link, the name with its password, and the session that begins."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from argon2 import PasswordHasher
from starlette.background import BackgroundTask
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope

from dashboards.door import pages as door_pages
from dashboards.door.answering import refusal
from dashboards.door.cookies import (
    CSRF_COOKIE,
    KNOWN_FOR_S,
    address_of,
    body_of,
    cookie,
    cookie_text,
    fields,
    known_cookie,
    neighbourhood,
    session_cookie,
)
from dashboards.door.failures import WINDOW_S, Failures
from dashboards.door.hashing import check_room, hashed_in_turn
from dashboards.door.landing import landing_of
from dashboards.door.memory import Attempts
from dashboards.door.refusals import TooManyTries, check_csrf, check_origin, page, whole_seconds
from dashboards.door.rules import SAFE_METHODS, local_path
from dashboards.door.throttle import Throttle, known_browser, known_word
from roomleft.errors import InputError, Refused, StoreError
from warehouse.state import Audit, Principal, Sessions, SignIn, User, Users
from warehouse.state.passwords import HASHER, Passwords
from warehouse.state.signing import signing_key

log = logging.getLogger("roomleft.sign_in")

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"


class Entrance:
    """What happens at /sign-in and /sign-out. `providers` are (slug, title) of those who vouch for people, each at /sign-in/oidc/SLUG."""

    def __init__(
        self,
        sign_in: SignIn,
        sessions: Sessions,
        *,
        providers: Sequence[tuple[str, str]] = (),
        hasher: PasswordHasher = HASHER,
        csrf_cookie: str = CSRF_COOKIE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sign_in, self._sessions = sign_in, sessions
        self._providers = tuple(providers)
        self._csrf_cookie = csrf_cookie
        self._users, self._passwords = Users(sign_in.db), Passwords(sign_in.db, hasher)
        self._links, self._throttle = Attempts(monotonic), Throttle(monotonic)
        self.failures = Failures(Audit(sign_in.db), monotonic)
        self._key = b""
        self._telling: asyncio.TimerHandle | None = None

    # The page

    async def show(self, scope: Scope, headers: Headers, principal: Principal | None) -> Response:
        """The page of /sign-in for whoever asks."""
        query = fields(scope.get("query_string", b""))
        target = local_path(query["next"]) if query.get("next") else ""
        if query.get("link"):
            return page(door_pages.link_page(query["link"], target, principal))
        if principal is not None:
            return page(door_pages.signed_in_page(principal, target or landing_of(principal)))
        return await self._ask(target)

    async def _ask(
        self, target: str, trouble: str = "", status: int = 200, *, name: str = "", at_link: bool = False, wait_s: float = 0
    ) -> Response:
        passwords = await asyncio.to_thread(self._users.any_password)
        told = {"retry-after": str(whole_seconds(wait_s))} if wait_s else None
        html = door_pages.ask_page(target, trouble, passwords=passwords, at_link=at_link, name=name, providers=self._providers)
        return page(html, status, told)

    # Signing in

    async def enter(self, scope: Scope, headers: Headers, receive: Receive) -> Response:
        """What a filled-in form of /sign-in gets."""
        check_origin(headers, scope)
        form = fields(await body_of(receive))
        target = local_path(form["next"]) if form.get("next") else ""
        if "name" in form or "password" in form:
            return await self._by_password(scope, headers, form.get("name", ""), form.get("password", ""), target)
        return await self._by_link(scope, headers, _link_in(form.get("link", "")), target)

    async def _by_link(self, scope: Scope, headers: Headers, link: str, target: str) -> Response:
        address = address_of(scope)
        near = neighbourhood(address)
        if (pause_s := self._links.pause_s(near)) > 0:
            return await self._wait(target, pause_s, at_link=True)
        agent = headers.get("user-agent", "")
        secret = await asyncio.to_thread(lambda: self._sign_in.redeem(link, agent=agent, address=address))
        if secret is None:
            self._links.failed(near)
            await self._note_failure(None, "link", near)
            return await self._ask(target, door_pages.SPENT, 403, at_link=True)
        return await self._begin(scope, headers, secret, target)

    async def _by_password(self, scope: Scope, headers: Headers, name: str, password: str, target: str) -> Response:
        near = neighbourhood(address_of(scope))
        browser = known_browser(await self._signing(), name, cookie(headers, known_cookie(scope, headers)))
        if (pause_s := self._throttle.pause_s(name, near, browser)) > 0:
            return await self._wait(target, pause_s, name=name)
        try:
            check_room(known=bool(browser))
            # Counted before it is known whether it is right, so that many at once are not many for the price of one.
            self._throttle.tried(name, near, browser)
            user = await hashed_in_turn(lambda: self._passwords.verify(name, password), known=bool(browser))
        except TooManyTries as busy:
            return await self._wait(target, busy.retry_after_s, name=name)
        if user is None:
            response = await self._ask(target, door_pages.WRONG, 403, name=name)
            # Noted once the answer is out: how long that takes would tell whether there is such a person.
            response.background = BackgroundTask(self._note_failure, name, "password", near)
            return response
        self._throttle.succeeded(name, near, browser)
        return await self.start_session(user, "password", Request(scope), target)

    async def start_session(self, user: User, how: str, request: Request, target: str = "") -> Response:
        """Let a person in who has proved who they are: a new session, its cookies, and on to `target` or their role's first page. `how` is one of
        HOWS. Somebody disabled meanwhile gets the page of /sign-in and 403."""
        scope, headers = request.scope, request.headers
        agent, address = headers.get("user-agent", ""), address_of(scope)
        try:
            secret = await asyncio.to_thread(lambda: self._sign_in.start(user, how, agent=agent, address=address))
        except InputError:
            return await self._ask(target, door_pages.WRONG, 403)
        return await self._begin(scope, headers, secret, target)

    async def refused(self, words: str, address: str, target: str = "", status: int = 403) -> Response:
        """The page of /sign-in with `words` on top: what a provider's answer came to, for example. One that nobody could give is no failure of who
        asked."""
        if status == 403:
            await self._note_failure(None, "oidc", neighbourhood(address))
        return await self._ask(target, words, status)

    async def _begin(self, scope: Scope, headers: Headers, secret: str, target: str) -> Response:
        before = cookie(headers, session_cookie(scope, headers))
        if before:
            # The browser forgets this one now: nobody should find it still open in the list.
            await asyncio.to_thread(self._sessions.revoke, before)
        principal = await asyncio.to_thread(self._sessions.verify, secret)
        response = RedirectResponse(target or landing_of(principal), 303, {"cache-control": "no-store"})
        lifetime_s = self.lifetime_s
        response.headers.append("set-cookie", cookie_text(session_cookie(scope, headers), secret, lifetime_s, scope))
        if principal is not None and principal.csrf:
            response.headers.append("set-cookie", self.csrf_cookie_text(scope, principal.csrf))
        if principal is not None and principal.role is not None:
            key, kept = await self._signing(), known_cookie(scope, headers)
            browser = known_browser(key, principal.name, cookie(headers, kept))
            word = known_word(key, principal.name, browser)
            response.headers.append("set-cookie", cookie_text(kept, word, KNOWN_FOR_S, scope, path=SIGN_IN))
        return response

    async def _wait(self, target: str, pause_s: float, *, name: str = "", at_link: bool = False) -> Response:
        at = self._sign_in.db.clock.now() + timedelta(seconds=whole_seconds(pause_s))
        return await self._ask(target, too_many(pause_s, at), 429, name=name, at_link=at_link, wait_s=pause_s)

    # Signing out

    async def leave(self, scope: Scope, headers: Headers, receive: Receive, principal: Principal) -> Response:
        """End this browser's session."""
        name = session_cookie(scope, headers)
        secret = cookie(headers, name)
        if principal.csrf is None or not secret:
            raise Refused(
                "there is no session to end", SIGN_OUT, "a token is ended by bin/roomleft token revoke NAME", status=403
            )
        given = headers.get("x-csrftoken") or fields(await body_of(receive)).get(CSRF_COOKIE, "")
        check_csrf(headers, given, principal, scope)
        await asyncio.to_thread(self._sessions.revoke, secret)
        response = RedirectResponse(SIGN_IN, 303, {"cache-control": "no-store"})
        for each in (name, self._csrf_cookie):
            response.headers.append("set-cookie", f"{each}=; Path=/; Max-Age=0; SameSite=Lax")
        return response

    # Small things

    @property
    def lifetime_s(self) -> int:
        """How long a session lasts."""
        return int(self._sign_in.session_lifetime.total_seconds())

    def csrf_cookie_text(self, scope: Scope, csrf: str) -> str:
        """The line that tells a browser the word of its session, which its scripts must repeat."""
        return cookie_text(self._csrf_cookie, csrf, self.lifetime_s, scope, script=True)

    async def _signing(self) -> bytes:
        if not self._key:
            self._key = await asyncio.to_thread(signing_key, self._sign_in.db)
        return self._key

    async def _note_failure(self, name: str | None, how: str, address: str) -> None:
        try:
            await asyncio.to_thread(self._failed, name, how, address)
        except StoreError as error:
            log.warning("a failed sign-in could not be noted: %s", error.what)
        if self._telling is None or self._telling.cancelled() or self._telling.when() < asyncio.get_running_loop().time():
            loop = asyncio.get_running_loop()
            self._telling = loop.call_later(WINDOW_S, lambda: loop.run_in_executor(None, self.failures.tell))

    def close(self) -> None:
        """Note the failures that were only counted so far: the server stops."""
        try:
            self.failures.tell()
        except StoreError as error:
            log.warning("failed sign-ins could not be noted: %s", error.what)

    def _failed(self, name: str | None, how: str, address: str) -> None:
        known = self._users.get(name) if name is not None else None
        self.failures.failed(known.name if known is not None else None, how, address)


def method_not_understood() -> Response:
    """For anything but GET, HEAD and POST of /sign-in."""
    return refusal(Refused("only GET and POST are understood here", SIGN_IN, "open /sign-in in a browser", status=405))


def understood(method: str) -> bool:
    """Whether /sign-in knows the method."""
    return method in SAFE_METHODS or method == "POST"


def too_many(pause_s: float, at: datetime) -> str:
    """What the page says to whoever must wait."""
    wait = whole_seconds(pause_s)
    words = f"{wait} s" if wait < 120 else f"{-(-wait // 60)} min"
    return f"Too many tries. Try again in {words}, at {at:%H:%M:%S} UTC. A sign-in link works meanwhile."


def sign_in_href(target: str) -> str:
    """The address of the sign-in page that leads on to `target`."""
    return SIGN_IN if target == "/" else f"{SIGN_IN}?next={quote(target, safe='/')}"


def _link_in(pasted: str) -> str:
    """The secret in what somebody pasted: the whole link, or just its code."""
    text = pasted.strip()
    return fields(urlsplit(text).query.encode()).get("link", "") if "link=" in text else text
