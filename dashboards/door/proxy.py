"""Proxies in front of the server: whose word counts about the client's address, the scheme, and who comes.

Only peers named in the settings are believed, and only headers named there. Everybody else's are taken away before anything reads them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from dashboards.door.answering import refusal
from dashboards.door.memory import REMEMBERED, VERIFIED_FOR_S
from roomleft.errors import InputError, Refused
from roomleft.settings_sign_in import TrustedProxies, role_of
from warehouse.state import Principal, Role, StateDb, User, Users
from warehouse.state.signing import signing_key
from warehouse.state.users import PROXY

FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded", "x-real-ip")
VOUCHED = "vouched"
"""Where the ASGI state keeps what a proxy said."""
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Vouched:
    """Who a trusted proxy says is there."""

    user: str
    groups: tuple[str, ...] = ()
    email: str = ""
    name: str = ""


class Proxies:
    """ASGI middleware before the door: makes `client` and `scheme` true, and keeps a proxy's word where the door finds it."""

    def __init__(self, app: ASGIApp, trusted: TrustedProxies) -> None:
        self._app = app
        self._trusted = trusted
        names = (trusted.user_header, trusted.groups_header, trusted.email_header, trusted.name_header)
        self._taken = frozenset({*FORWARDED, *filter(None, names)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given: dict[str, list[str]] = {}
        kept = []
        for name, value in scope["headers"]:
            text = name.decode("latin-1").lower()
            if text.replace("_", "-") not in self._taken:
                kept.append((name, value))
            elif "_" not in text:  # the other spelling is how a header is slipped past a proxy
                given.setdefault(text, []).append(value.decode("latin-1").strip())
        scope = {**scope, "headers": kept, "state": {**scope.get("state", {}), VOUCHED: None}}
        if self._is_trusted(scope["client"][0] if scope.get("client") else ""):
            self._believe(scope, given)
            try:
                scope["state"][VOUCHED] = self._vouched(given)
            except Refused as error:
                if scope["type"] == "http":
                    await refusal(error)(scope, receive, send)
                else:
                    await receive()
                    await send({"type": "websocket.close", "code": 4000 + error.status})
                return
        await self._app(scope, receive, send)

    def _is_trusted(self, address: str) -> bool:
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(peer, "ipv4_mapped", None)
        return any((mapped or peer) in network for network in self._trusted.networks)

    def _believe(self, scope: dict[str, Any], given: dict[str, list[str]]) -> None:
        """The client is the last hop that no trusted proxy made: what stands before it, the client may have written itself."""
        hops = [hop.strip() for line in given.get("x-forwarded-for", []) for hop in line.split(",") if hop.strip()]
        for hop in reversed(hops):
            address = _address_of(hop)
            if address is None:
                break
            scope["client"] = (address, 0)
            if not self._is_trusted(address):
                break
        schemes = [each.strip().lower() for line in given.get("x-forwarded-proto", []) for each in line.split(",")]
        if schemes and schemes[-1] in ("http", "https"):
            secure = schemes[-1] == "https"
            scope["scheme"] = ("wss" if secure else "ws") if scope["type"] == "websocket" else schemes[-1]

    def _vouched(self, given: dict[str, list[str]]) -> Vouched | None:
        trusted = self._trusted
        if not trusted.user_header:
            return None

        def one(header: str) -> str:
            values = given.get(header, []) if header else []
            if len(values) > 1:
                raise Refused("the proxy sent a header twice", header, "the proxy must replace what the client sends", status=400)
            return _text(values[0]) if values else ""

        user = one(trusted.user_header)
        if not user:
            return None
        groups = [_text(each) for line in given.get(trusted.groups_header, []) for each in line.split(",") if each.strip()]
        return Vouched(user, tuple(each.strip() for each in groups), one(trusted.email_header), one(trusted.name_header))


class Arrivals:
    """The people whom proxies vouch for, made on their first visit."""

    def __init__(self, state: StateDb, trusted: TrustedProxies, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._state = state
        self._trusted = trusted
        self._monotonic = monotonic
        self._key = b""
        self._known: OrderedDict[Vouched, tuple[Principal, float, int]] = OrderedDict()

    async def principal(self, vouched: Vouched) -> Principal:
        """Who it is here. Raises Refused for somebody without a role, or who was disabled."""
        kept, turn = self._known.get(vouched), self._state.access_turn
        if kept and self._monotonic() - kept[1] < VERIFIED_FOR_S and kept[2] == turn:
            return kept[0]
        found = await asyncio.to_thread(self._look, vouched)
        # The turn before the look: an answer that a change overtook is none.
        self._known[vouched] = (found, self._monotonic(), turn)
        self._known.move_to_end(vouched)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    def _look(self, vouched: Vouched) -> Principal:
        user = self._arrived(vouched)
        if user.disabled_at is not None:
            raise Refused("this account is disabled", "the proxy's header", "ask an administrator", status=403)
        self._key = self._key or signing_key(self._state)
        csrf = hmac.new(self._key, b"proxy csrf " + user.name.encode(), hashlib.sha256).hexdigest()
        return Principal(user.name, user.role.scopes, csrf, user.role, None, user.display_name)

    def _arrived(self, vouched: Vouched) -> User:
        trusted, users = self._trusted, Users(self._state)
        told: dict[str, Any] = {
            "name": vouched.user,
            "email": vouched.email,
            "email_verified": True,
            "display_name": vouched.name,
        }
        role = role_of(vouched.groups, trusted.roles, trusted.default_role)
        try:
            if trusted.roles:
                # Who has lost every group has lost the role too.
                user = users.arrive("proxy", PROXY, vouched.user, **told, role=Role(role)) if role else None
            else:
                user = users.arrive("proxy", PROXY, vouched.user, **told, role=None)
                if user is None and role:
                    user = users.arrive("proxy", PROXY, vouched.user, **told, role=Role(role))
        except InputError as error:
            raise Refused("this name cannot be a user's", "the proxy's header", error.hint, status=403) from error
        if user is None:
            ask = "ask for a group that has one" if trusted.roles else "ask an administrator"
            raise Refused("you have no role here", "the proxy's groups", ask, status=403)
        return user


def _address_of(hop: str) -> str | None:
    """An address of X-Forwarded-For, without the port and the brackets it may have; None for anything else."""
    text = hop.strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _text(value: str) -> str:
    """A header's value as text: UTF-8 where it is, which most proxies send. Raises Refused for what cannot be a name."""
    try:
        text = value.encode("latin-1").decode()
    except UnicodeError:
        text = value
    if len(text) > LONGEST or not text.isprintable():
        raise Refused("the proxy sent a strange value", "its header", f"at most {LONGEST} printable letters", status=400)
    return text.strip()
