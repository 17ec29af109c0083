"""Who may not pass, and the pages of the door."""

from __future__ import annotations

import hmac
import math

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from dashboards.door.rules import same_origin
from roomleft.errors import Refused
from warehouse.state import Principal

SIGN_IN_HINT = "open the sign-in link Roomleft printed, or send a token: Authorization: Bearer TOKEN (bin/roomleft token add)"


class TooManyTries(Refused):
    """Too many wrong secrets from one address, or for one name; try again after `retry_after_s`."""

    def __init__(self, where: str, retry_after_s: float) -> None:
        super().__init__("too many wrong tries", where, f"wait {retry_after_s:.0f} s", status=429)
        self.retry_after_s = retry_after_s


def whole_seconds(wait_s: float) -> int:
    """A wait as Retry-After says it: never too short."""
    return max(1, math.ceil(wait_s))


def page(html: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A page of the door."""
    return HTMLResponse(html, status, {"cache-control": "no-store", **(headers or {})})


def check_origin(headers: Headers, scope: Scope) -> None:
    """Raises Refused for a request that a page of another site makes."""
    origin = headers.get("origin")
    if origin is not None and not same_origin(origin, headers.get("host", ""), scope.get("scheme", "http")):
        raise Refused("a page of another site may not do this", scope["path"], "do it from Roomleft's own pages", status=403)


def check_csrf(headers: Headers, given: str, principal: Principal, scope: Scope) -> None:
    """Raises Refused unless the browser repeats its session's word."""
    check_origin(headers, scope)
    if principal.csrf is not None and not hmac.compare_digest(given.encode(), principal.csrf.encode()):
        raise Refused(
            "the X-CSRFToken header is missing or wrong",
            scope["path"],
            "reload the page; a program sends a token instead",
            status=403,
        )
