"""Who asks: the principal of the request or the WebSocket in whose course code runs, page callbacks and their threads included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from starlette.requests import Request

from warehouse.state import Principal, Scope

NOBODY = Principal("nobody", frozenset())
"""Who asks where no door stands before the pages: may nothing that is asked for."""
_ASKING: ContextVar[Principal] = ContextVar("roomleft_asking", default=NOBODY)


def asking() -> Principal:
    """The principal whom the door let in; NOBODY outside of a request."""
    return _ASKING.get()


def may_see_users() -> bool:
    """Whether who asks may see what single users cost. A part of the key of every kept answer that depends on it."""
    return asking().may(Scope.FINANCE)


@contextmanager
def asked_by(principal: Principal) -> Iterator[None]:
    """What runs within is asked by `principal`."""
    token = _ASKING.set(principal)
    try:
        yield
    finally:
        _ASKING.reset(token)


def who_asks(request: Request) -> str:
    """The name of who asks, for the audit."""
    return str(getattr(request.scope.get("state", {}).get("principal"), "name", "somebody"))


def csrf_asked(request: Request) -> str:
    """The word that a form of a page without scripts must carry; empty for a token."""
    return str(getattr(request.scope.get("state", {}).get("principal"), "csrf", None) or "")
