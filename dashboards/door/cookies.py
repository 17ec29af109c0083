"""The door's cookies, and the small questions to a request that every part of the door asks."""

from __future__ import annotations

import ipaddress
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from dashboards.door.rules import host_port
from roomleft.errors import TooLarge

FORM_LIMIT_BYTES = 32_768
CSRF_COOKIE = "_csrf_token"
KNOWN_FOR_S = 365 * 86_400
"""How long a browser is remembered as one its person has signed in with."""


def session_cookie(scope: Scope, headers: Headers) -> str:
    """Browsers send a host's cookies to all its ports, so the port the browser sees is part of the name."""
    return f"roomleft_session_{host_port(headers.get('host', ''), scope.get('scheme', 'http'))}"


def known_cookie(scope: Scope, headers: Headers) -> str:
    """The cookie of a browser that its person has signed in with before."""
    return f"roomleft_known_{host_port(headers.get('host', ''), scope.get('scheme', 'http'))}"


def cookie_text(name: str, value: str, lifetime_s: int, scope: Scope, *, script: bool = False, path: str = "/") -> str:
    """A Set-Cookie line. Only with `script` may the page's own scripts read it."""
    closed = "" if script else "; HttpOnly"
    return f"{name}={value}; Path={path}; Max-Age={lifetime_s}{closed}; SameSite=Lax{secure(scope)}"


def cookie(headers: Headers, name: str) -> str:
    """The cookie's value, or nothing."""
    for part in "; ".join(headers.getlist("cookie")).split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def secure(scope: Scope) -> str:
    """What a cookie says of itself where the browser came by TLS."""
    return "; Secure" if scope.get("scheme") == "https" else ""


def address_of(scope: Scope) -> str:
    """Where a request comes from, as the audit and the list of sessions say it."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def neighbourhood(address: str) -> str:
    """What counts as one sender: an IPv4 address, or the /64 of an IPv6 one, of which one household has them all."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped is not None else str(ipaddress.ip_network((found, 64), strict=False))


def fields(form: bytes) -> dict[str, str]:
    """The first value of each field of a query or form; nothing if it is not one."""
    try:
        return {name: values[0] for name, values in parse_qs(form.decode("latin-1"), max_num_fields=20).items()}
    except ValueError:
        return {}


async def body_of(receive: Receive, where: str = "/sign-in") -> bytes:
    """A form's bytes. Raises TooLarge."""
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


def replayed(body: bytes, receive: Receive) -> Receive:
    """`receive` as it was before `body` was read from it."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return again
