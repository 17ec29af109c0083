"""How the door says no."""

from __future__ import annotations

from starlette.responses import Response

from dashboards.api.answers import error_answer
from dashboards.door.refusals import whole_seconds
from roomleft.errors import RoomleftError


def refusal(error: RoomleftError) -> Response:
    """The answer to a request that does not get in; kept by no browser."""
    response = error_answer(error)
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="roomleft"'
    if (wait_s := getattr(error, "retry_after_s", None)) is not None:
        response.headers["Retry-After"] = str(whole_seconds(wait_s))
    response.headers["Cache-Control"] = "no-store"
    return response
