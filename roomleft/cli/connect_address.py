"""What a person typed as an address: its scheme filled in, its secrets taken out, and the names that follow from it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from roomleft.errors import InputError

SCHEMES = {
    "postgres": ("postgresql", "postgres"),
    "redis": ("redis", "rediss"),
    "prometheus": ("http", "https"),
    "prometheus-server": ("http", "https"),
    "platform-api": ("http", "https"),
    "probe": ("https", "http", "tcp", "tls"),
}
"""The schemes of each kind; the first is meant where none is given."""
KIND_OF_SCHEME = {"postgresql": "postgres", "postgres": "postgres", "redis": "redis", "rediss": "redis"}
EXAMPLES = {
    "postgres": "postgresql://user@host/database",
    "redis": "redis://host:6379",
    "prometheus": "http://host:9100/metrics",
    "prometheus-server": "http://host:9090",
    "platform-api": "https://host/api",
    "probe": "https://host/health, tcp://host:5432 or tls://host:443",
}
SECRET_PARAMETERS = frozenset(
    (
        "password",
        "passwd",
        "pwd",
        "sslpassword",
        "token",
        "access_token",
        "auth",
        "api_key",
        "apikey",
        "key",
        "secret",
        "signature",
    )
)
GENERIC = frozenset(
    (
        "localhost", "www", "api", "app", "db", "database", "data", "postgres", "postgresql", "pg", "pgbouncer", "redis", "cache", "prometheus",
        "prom", "metrics", "exporter", "primary", "replica", "master", "main", "template0", "template1", "host", "server", "internal", "local",
        "svc", "cluster", "default", "com", "net", "org", "io", "dev", "www2", "node", "health", "status",
    )
)  # fmt: skip
"""Words of host and database names that say nothing of the platform."""
FALLBACK_SLUG = "main"
ENCODED = "write / @ : and # of a password as %2F %40 %3A and %23, or give it with --password-stdin"


@dataclass(frozen=True, slots=True)
class Address:
    """An address without its secret, and the secret."""

    url: str
    secret: str | None
    words: tuple[str, ...]
    """Names in it that may be the platform's, likeliest first."""
    host: str

    def __repr__(self) -> str:
        return f"Address({self.url!r})"


def read_address(kind: str, typed: str, option: str = "URL") -> Address:
    """What was typed, as an address of this kind. Raises InputError, which never repeats a secret."""
    text = typed.strip()
    if "://" not in text:
        text = f"{SCHEMES[kind][0]}://{text}"
    hint = f"write for example {EXAMPLES[kind]}"
    if not text or re.search(r"[\s\x00-\x1f]", text):
        raise InputError("an address has no spaces", option, hint)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        hint = ENCODED if "@" in text else hint
        # Without `from error`: its words quote the address.
        raise InputError("this is not an address: its host or port cannot be read", option, hint) from None
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES[kind]:
        other = KIND_OF_SCHEME.get(scheme)
        if other:
            raise InputError(
                f"{scheme}:// is the address of a {other} source", option, f"bin/roomleft connect {other} {scheme}://…"
            )
        raise InputError(f"a {kind} address does not begin with {scheme[:20]}://", option, hint)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    if (not parts.hostname and "host" not in asked) or port == 0:
        raise InputError("this address names no host", option, hint)
    if kind in ("postgres", "redis") and "@" in parts.path:
        raise InputError("this address cannot be read", option, ENCODED)
    secret = unquote(parts.password) if parts.password else None
    if kind not in ("postgres", "redis") and (parts.username or secret):
        raise InputError(
            "an HTTP address with a user and password is not read",
            option,
            "leave them out; give a bearer token with --token-stdin",
        )
    if kind == "postgres" and (given := asked.pop("password", None)):
        secret = secret or given
    told = sorted(SECRET_PARAMETERS & {name.lower() for name in asked})
    if told:
        raise InputError(
            f"the parameter {told[0]!r} of this address looks like a secret",
            option,
            "leave it out: it would stand in the pack for all to read",
        )
    query = f"?{urlencode(asked, safe='/')}" if asked else ""
    bare_url = f"{scheme}://{_netloc(parts.username, parts.netloc)}{parts.path}{query}"
    return Address(bare_url, secret, _words(kind, parts.hostname or "", parts.path), parts.netloc.rpartition("@")[2] or "local")


def _netloc(user: str | None, netloc: str) -> str:
    host = netloc.rpartition("@")[2]
    return f"{quote(unquote(user), safe='')}@{host}" if user else host


def _words(kind: str, host: str, path: str) -> tuple[str, ...]:
    labels = [] if re.fullmatch(r"[\d.]+|.*:.*", host) else host.split(".")
    if len(labels) > 1:
        labels = labels[:-1]
    names = [path.strip("/").split("/")[0], *labels] if kind == "postgres" else labels
    return tuple(word for name in names if (word := slug_of(name)) and word not in GENERIC)


def slug_of(name: str) -> str:
    """A name as a slug; empty if nothing of it can be one."""
    text = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return re.sub(r"^[^a-z]+", "", text)[:40].rstrip("-")


def platform_slug(address: Address | None) -> str:
    """The platform that an address speaks of, as far as it tells."""
    return next(iter(address.words), FALLBACK_SLUG) if address else FALLBACK_SLUG


def free_name(wanted: str, taken: Collection[str], address: Address | None) -> str:
    """`wanted`, or with the host's name or a number where another source has it."""
    if wanted not in taken:
        return wanted
    host = slug_of((address.host if address else "").split(".")[0].split(":")[0])
    tried = [f"{wanted}-{host}"[:40]] if host and host not in ("localhost",) else []
    tried += [f"{wanted[:36]}-{number}" for number in range(2, 1000)]
    return next(name for name in tried if name not in taken)


def bare(url: str) -> str:
    """An address that may be shown: without user, password and parameters."""
    head, _, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{head}://{host.rpartition('@')[2]}{slash}{path}" if rest else head
