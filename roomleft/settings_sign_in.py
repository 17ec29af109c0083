"""Settings of sign-in by somebody else: providers of identities (`[oidc.SLUG]`), and proxies in front of the server that say who comes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from roomleft.errors import SettingsError

ROLES = ("admin", "finance", "oncall", "viewer")
"""The highest first: of several mapped ones the first counts."""
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
TEXTS = ("issuer", "client_id", "client_secret", "client_secret_env", "title", "scopes", "role_claim", "default_role")
KEYS = (*TEXTS, "roles", "email_domains")
OWN_HEADERS = frozenset(
    {"authorization", "cookie", "host", "origin", "x-csrftoken", "content-type", "content-length", "user-agent", "accept"}
)
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """A provider of identities. `roles` maps a value of `role_claim` (a dotted path into the claims) to a role; whoever has none of them gets
    `default_role`, or is refused where that is empty. `email_domains`: when given, only a verified address of one of them gets in.
    """

    slug: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    title: str
    scopes: str = "openid email profile"
    role_claim: str = ""
    roles: tuple[tuple[str, str], ...] = ()
    default_role: str = ""
    email_domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Proxies that are believed. Without `user_header` they are asked for the client's address and scheme alone. Header names are in lower case;
    `roles` maps a group to a role.
    """

    networks: tuple[Network, ...] = ()
    user_header: str = ""
    groups_header: str = ""
    email_header: str = ""
    name_header: str = ""
    roles: tuple[tuple[str, str], ...] = ()
    default_role: str = ""


def oidc_providers(table: Any, place: str, env: Mapping[str, str]) -> tuple[OidcProvider, ...]:
    """The providers of a settings file. Raises SettingsError; a secret is never part of its text."""
    if not isinstance(table, dict) or not all(isinstance(keys, dict) for keys in table.values()):
        raise SettingsError("oidc must be tables", place, 'write [oidc.NAME] and issuer = "…" under it')
    return tuple(_provider(slug, keys, f"{place}.{slug}", env) for slug, keys in table.items())


def _provider(slug: str, keys: Mapping[str, Any], place: str, env: Mapping[str, str]) -> OidcProvider:
    if not SLUG.fullmatch(slug):
        raise SettingsError(f"{slug[:40]!r} cannot name a provider", place, "lower-case letters, digits and - between them")
    for key, value in keys.items():
        if key not in KEYS:
            raise SettingsError(f"unknown setting {key}", f"{place}.{key}", f"known: {', '.join(KEYS)}")
        if key in TEXTS and not isinstance(value, str):
            raise SettingsError("must be text", f"{place}.{key}", "put it in quotes")
    for key in ("issuer", "client_id"):
        if not keys.get(key):
            raise SettingsError(f"{key} is missing", place, "a provider needs issuer, client_id and client_secret_env")
    issuer = keys["issuer"]
    if not is_safe_address(issuer):
        raise SettingsError(
            f"{issuer[:200]!r} is no issuer", f"{place}.issuer", "an https address without query; http is for this machine alone"
        )
    secret = keys.get("client_secret", "")
    if variable := keys.get("client_secret_env"):
        if secret:
            raise SettingsError("client_secret is given twice", place, "give client_secret_env alone")
        if not env.get(variable):
            raise SettingsError(f"the variable {variable} is not set", f"{place}.client_secret_env", f"export {variable}=SECRET")
        secret = env[variable]
    roles = role_map(keys.get("roles", {}), f"{place}.roles")
    if bool(roles) != bool(keys.get("role_claim")):
        raise SettingsError("role_claim and roles belong together", place, 'role_claim = "groups" and roles = {staff = "viewer"}')
    default_role = checked_role(keys.get("default_role", ""), f"{place}.default_role")
    domains = keys.get("email_domains", [])
    if not isinstance(domains, list) or not all(isinstance(each, str) and each and "@" not in each for each in domains):
        raise SettingsError("email_domains must be a list of domains", f"{place}.email_domains", '["example.org"]')
    scopes = keys.get("scopes", "openid email profile")
    if "openid" not in scopes.split():
        raise SettingsError("scopes must have openid", f"{place}.scopes", '"openid email profile"')
    return OidcProvider(
        slug, issuer, keys["client_id"], secret, keys.get("title") or slug.capitalize(), scopes, keys.get("role_claim", ""), roles,
        default_role, tuple(each.casefold() for each in domains),
    )  # fmt: skip


def trusted_proxies(values: Mapping[str, Any]) -> TrustedProxies:
    """The settings `trusted_proxies` and `proxy_*`. Raises SettingsError."""
    networks = []
    for text in values["trusted_proxies"]:
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError as error:
            raise SettingsError(
                f"{text[:60]!r} is no network", "trusted_proxies", "write for example 10.0.0.5 or 10.0.0.0/24"
            ) from error
        if networks[-1].prefixlen == 0:
            raise SettingsError("every address would be a trusted proxy", "trusted_proxies", "name the proxies' own addresses")
    headers = {}
    for what in ("user", "groups", "email", "name"):
        setting = f"proxy_{what}_header"
        name = str(values[setting]).lower()
        if name and (not HEADER.fullmatch(name) or name in OWN_HEADERS):
            raise SettingsError(f"{name[:60]!r} cannot be that header", setting, "write for example X-Forwarded-User")
        headers[what] = name
    named = [name for name in headers.values() if name]
    if len(set(named)) < len(named):
        raise SettingsError("two of the proxy's headers are the same", "proxy_user_header", "each says one thing")
    if named and not (headers["user"] and networks):
        raise SettingsError(
            "the proxy's headers are believed from nobody", "trusted_proxies", "name the proxies, and the header of the user"
        )
    pairs = dict(pair.partition("=")[::2] for pair in values["proxy_roles"])
    roles = role_map({group.strip(): role.strip() for group, role in pairs.items()}, "proxy_roles")
    default_role = checked_role(values["proxy_default_role"], "proxy_default_role")
    return TrustedProxies(
        tuple(networks), headers["user"], headers["groups"], headers["email"], headers["name"], roles, default_role
    )


def role_map(given: Any, place: str) -> tuple[tuple[str, str], ...]:
    """What somebody is said to be → the role here."""
    if not isinstance(given, dict):
        raise SettingsError("roles must be a table", place, '{staff = "viewer"}')
    return tuple((str(value), checked_role(role, f"{place}.{value}", needed=True)) for value, role in given.items())


def checked_role(given: Any, place: str, *, needed: bool = False) -> str:
    """A role's name; empty for none unless one is needed."""
    if given in ROLES or (given == "" and not needed):
        return str(given)
    raise SettingsError(f"there is no role {str(given)[:40]!r}", place, f"one of {', '.join(ROLES)}")


def role_of(said: tuple[str, ...] | list[str], roles: tuple[tuple[str, str], ...], default_role: str) -> str:
    """The highest role that one of the values maps to, else the default, which may be empty."""
    found = {role for value, role in roles if value in said}
    return next((role for role in ROLES if role in found), default_role)


def is_safe_address(address: str) -> bool:
    """Whether it is https, or http on this very machine, and a plain address: no query, no user, no fragment."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = (
        bool(host)
        and port != 0
        and not (parts.query or parts.fragment or parts.username or parts.password)
        and not re.search(r"\s", address)
    )
    return plain and (parts.scheme == "https" or (parts.scheme == "http" and host in ("127.0.0.1", "localhost", "::1")))
