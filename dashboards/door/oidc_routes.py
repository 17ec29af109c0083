"""The two addresses of a provider of identities: off to it, and back from it."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from dashboards.door.answering import refusal
from dashboards.door.cookies import address_of, cookie_text, fields, neighbourhood
from dashboards.door.entrance import Entrance
from dashboards.door.memory import Attempts
from dashboards.door.oidc import FLOW_S, PATH, Oidc
from dashboards.door.refusals import TooManyTries
from dashboards.door.rules import SAFE_METHODS, local_path
from roomleft.errors import Refused

MOST_IN_A_COOKIE = 2000
"""Letters of an address that fit a cookie with the rest of a flow; of a longer one the page is kept, without what it asks."""

BEGINS = 60
"""How often one address may set off within a minute: a whole office at nine o'clock, but not without end."""


class OidcRoutes:
    """Answers /sign-in/oidc/SLUG and /sign-in/oidc/SLUG/callback."""

    def __init__(self, oidc: Oidc, entrance: Entrance, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._oidc = oidc
        self._entrance = entrance
        self._attempts, self._begun = Attempts(monotonic), Attempts(monotonic, BEGINS)

    async def answer(self, scope: Scope, headers: Headers) -> Response:
        """What a request below /sign-in/oidc/ gets. Raises Refused."""
        slug, _, step = scope["path"].removeprefix(PATH).partition("/")
        if step not in ("", "callback"):
            return refusal(Refused("there is nothing here", scope["path"], "open /sign-in", status=404))
        if scope["method"] not in SAFE_METHODS:
            return refusal(Refused("only GET is understood here", scope["path"], "open /sign-in", status=405))
        who = neighbourhood(address_of(scope))
        if (pause_s := max(self._attempts.pause_s(who), 0 if step else self._begun.pause_s(who))) > 0:
            raise TooManyTries(scope["path"], pause_s)
        if not step:
            self._begun.failed(who)
        try:
            return await (self._back(slug, scope, headers) if step else self._off(slug, scope, headers))
        except Refused as error:
            if error.status == 404:
                raise
            if error.status == 403:
                self._attempts.failed(who)
            words = f"{error.what[:1].upper()}{error.what[1:]}: {error.hint}."
            return await self._entrance.refused(words, address_of(scope), status=error.status)

    async def _off(self, slug: str, scope: Scope, headers: Headers) -> Response:
        given = fields(scope.get("query_string", b"")).get("next", "")
        scheme, host = scope.get("scheme", "http"), headers.get("host", "")
        target = local_path(given) if given else ""
        if len(target) > MOST_IN_A_COOKIE:
            target = target.partition("?")[0][:MOST_IN_A_COOKIE]
        begun = await self._oidc.begin(slug, target, scheme=scheme, host=host)
        response = RedirectResponse(begun.location, 303, {"cache-control": "no-store"})
        response.headers.append("set-cookie", cookie_text(begun.cookie_name, begun.cookie, FLOW_S, scope, path=PATH))
        return response

    async def _back(self, slug: str, scope: Scope, headers: Headers) -> Response:
        done = await self._oidc.finish(slug, scope.get("query_string", b""), headers)
        response = await self._entrance.start_session(done.user, "oidc", Request(scope), done.target)
        response.headers.append("set-cookie", cookie_text(done.cookie_name, "", 0, scope, path=PATH))
        return response
