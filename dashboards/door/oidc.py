"""Signing in with somebody else's provider of identities: OpenID Connect, authorization code with PKCE, state and nonce.

What a flow must remember until the browser comes back stands in a signed cookie of that browser, so nobody can be made to finish a flow that
somebody else began. Who comes is known by issuer and subject alone.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers

from dashboards.door.cookies import cookie
from dashboards.door.oidc_provider import HINT, Provider, as_texts, claim_at
from roomleft.errors import InputError, Refused, StoreError
from roomleft.settings_sign_in import LOCAL_NAMES, OidcProvider, role_of
from warehouse.state import Role, StateDb, User, Users
from warehouse.state.names import checked_name
from warehouse.state.signing import signing_key

log = logging.getLogger("roomleft.sign_in")

PATH = "/sign-in/oidc/"
FLOW_S = 600
"""How long somebody may take to sign in at their provider."""
USED_STATES = 4096


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser, and the cookie it must bring back."""

    location: str
    cookie_name: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Who signed in, the path to go on to (empty: the first page of their role), and the cookie that has done its work."""

    user: User
    target: str
    cookie_name: str


class Oidc:
    """The providers in the settings. `public_url`: where browsers find this server, for the address the provider sends them back to."""

    def __init__(
        self,
        providers: Sequence[OidcProvider],
        state: StateDb,
        *,
        public_url: str = "",
        make: Callable[[OidcProvider], Provider] = Provider,
    ) -> None:
        self._settings = {each.slug: each for each in providers}
        self._providers = {each.slug: make(each) for each in providers}
        self._state = state
        self._public_url = public_url.rstrip("/")
        self._key = b""
        self._used: OrderedDict[str, None] = OrderedDict()

    @property
    def offered(self) -> list[tuple[str, str]]:
        """Slug and title of every provider, for the sign-in page."""
        return [(each.slug, each.title) for each in self._settings.values()]

    async def begin(self, slug: str, target: str, *, scheme: str, host: str) -> Begun:
        """The first step. `target` is a checked path of this server; `host` the request's Host header. Raises Refused."""
        provider = self._provider(slug)
        back = self._back(slug, scheme, host)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        location = await provider.authorization_url(back, state, nonce, verifier)
        flow = {
            "slug": slug,
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "next": target,
            "back": back,
            "until": self._now() + FLOW_S,
        }
        return Begun(location, _cookie_name(state, host), await asyncio.to_thread(self._signed, flow))

    async def finish(self, slug: str, query: bytes, headers: Headers) -> Finished:
        """The last step: the browser is back with a code. Raises Refused saying why nobody is signed in."""
        provider, given = self._provider(slug), _once(query)
        state = given.get("state", "")
        name = _cookie_name(state, headers.get("host", ""))
        flow = await asyncio.to_thread(self._opened, cookie(headers, name))
        if flow is None or flow["slug"] != slug or not state or not hmac.compare_digest(flow["state"].encode(), state.encode()):
            raise Refused("this sign-in was not begun in this browser, or took too long", PATH + slug, "begin again", status=403)
        if state in self._used:
            raise Refused("this sign-in was finished before", PATH + slug, "begin again", status=403)
        self._used[state] = None
        if len(self._used) > USED_STATES:
            self._used.popitem(last=False)
        if given.get("error") or not given.get("code"):
            log.warning(
                "provider %s refused a sign-in: %s", slug, given.get("error", "no code")[:100].encode("ascii", "replace").decode()
            )
            raise Refused("the provider did not sign you in", PATH + slug, HINT, status=403)
        claims = await provider.claims(given["code"], given.get("iss"), flow["back"], flow["verifier"], flow["nonce"])
        user = await asyncio.to_thread(self._arrived, self._settings[slug], claims)
        return Finished(user, str(flow["next"]), name)

    def _provider(self, slug: str) -> Provider:
        found = self._providers.get(slug)
        if found is None:
            raise Refused("there is no such provider", PATH, "open /sign-in: it lists those there are", status=404)
        return found

    def _back(self, slug: str, scheme: str, host: str) -> str:
        """Where the provider sends the browser back to: what the settings say. What a request says counts on this machine alone."""
        if self._public_url:
            return f"{self._public_url}{PATH}{slug}/callback"
        if host.rpartition(":")[0] not in LOCAL_NAMES and host not in LOCAL_NAMES:
            raise Refused("this server was not told its own address", "public_url", "set public_url in roomleft.toml", status=503)
        return f"{scheme}://{host}{PATH}{slug}/callback"

    def _arrived(self, settings: OidcProvider, claims: Mapping[str, Any]) -> User:
        where = f"{PATH}{settings.slug}"
        email = claims.get("email") if isinstance(claims.get("email"), str) else ""
        verified = claims.get("email_verified") in (True, "true")
        if settings.email_domains and not (verified and str(email).rpartition("@")[2].casefold() in settings.email_domains):
            raise Refused(
                "your verified e-mail address is of no domain that may sign in here", where, "ask an administrator", status=403
            )
        said = as_texts(claim_at(claims, settings.role_claim)) if settings.role_claim else ()
        role = role_of(said, settings.roles, settings.default_role)
        display_name = claims.get("name") if isinstance(claims.get("name"), str) else ""
        told: dict[str, Any] = {"name": _name(claims, settings.slug), "email": email if verified else "", "email_verified": verified,
                "display_name": str(display_name)[:100]}  # fmt: skip
        users, issuer, subject = Users(self._state), settings.issuer, str(claims["sub"])
        try:
            if settings.roles:
                # Who has lost what gave them a role has lost the role too.
                user = users.arrive("oidc", issuer, subject, **told, role=Role(role)) if role else None
            else:
                user = users.arrive("oidc", issuer, subject, **told, role=None)
                if user is None and role:
                    user = users.arrive("oidc", issuer, subject, **told, role=Role(role))
        except InputError as error:
            raise Refused(error.what, where, error.hint, status=403) from error
        if user is None:
            ask = (
                "ask for one of the groups that have one"
                if settings.roles
                else "ask an administrator to add you, with your e-mail address"
            )
            raise Refused("you have no role here", where, ask, status=403)
        if user.disabled_at is not None:
            raise Refused("this account is disabled", where, "ask an administrator", status=403)
        return user

    # The cookie of a flow

    def _now(self) -> float:
        return self._state.clock.now().timestamp()

    def _mac(self, text: bytes) -> str:
        self._key = self._key or signing_key(self._state)
        return hmac.new(self._key, b"oidc flow " + text, hashlib.sha256).hexdigest()

    def _signed(self, flow: Mapping[str, Any]) -> str:
        text = base64.urlsafe_b64encode(json.dumps(flow).encode())
        return f"{text.decode()}.{self._mac(text)}"

    def _opened(self, kept: str) -> dict[str, Any] | None:
        text, _, mac = kept.partition(".")
        try:
            if not text or not hmac.compare_digest(mac.encode(), self._mac(text.encode()).encode()):
                return None
            flow: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text))
        except (ValueError, StoreError):
            return None
        return flow if flow["until"] > self._now() else None


def _cookie_name(state: str, host: str) -> str:
    """A cookie for each flow, so that two tabs do not disturb each other; of the port the browser sees."""
    port = host.rpartition(":")[2]
    return f"roomleft_oidc_{port if port.isdigit() else '0'}_{hashlib.sha256(state.encode('utf-8', 'replace')).hexdigest()[:12]}"


def _once(query: bytes) -> dict[str, str]:
    """The parameters of an answer. One that is given twice is taken as not given."""
    try:
        found = parse_qs(query.decode("latin-1"), max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _name(claims: Mapping[str, Any], slug: str) -> str:
    """A name that somebody may have here: what the provider calls them, without what a name cannot have."""
    for key in ("preferred_username", "email", "name", "sub"):
        said = claims.get(key)
        if not isinstance(said, str):
            continue
        try:
            return checked_name("".join(letter for letter in said if letter not in '/\\<>"')[:90])
        except InputError:
            continue
    return f"{slug} user"
