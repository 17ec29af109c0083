"""The first look at a source: what its kind's `discover` finds, and, when it is not of that kind, which kind it is."""

from __future__ import annotations

import importlib
import importlib.util
import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from pydantic import TypeAdapter, ValidationError

from collectors.found import Found
from roomleft.cli.connect_address import bare
from roomleft.errors import CollectError, InputError
from roomleft.packs_sources import SourceEntry

ENTRY: TypeAdapter[SourceEntry] = TypeAdapter(SourceEntry)
LOOKS = {
    "postgres": "collectors.postgres.discover",
    "redis": "collectors.redis.discover",
    "probe": "collectors.probes.discover",
    "prometheus": "collectors.prometheus.discover",
    "prometheus-server": "collectors.prometheus.discover_server",
}
"""The module of each kind whose `discover(entry, secret, now)` takes the first look. Imported only when it is needed."""
WANTS_SECRET = re.compile(r"password|noauth|wrongpass|authenticat|answered 401|no valid token|answered 403", re.IGNORECASE)
NOBODY = re.compile(r"connection failed: (?!server disconnected)|in time|timed out", re.IGNORECASE)
WORDS = {
    "prometheus-server": "a Prometheus server",
    "prometheus": "a page of metrics",
    "platform-api": "a platform API",
    "page": "a web page",
    "redis": "a Redis server",
    "postgres": "a PostgreSQL server",
}
SNIFF_S = 2.0
DEFAULT_PORTS = {"postgresql": 5432, "postgres": 5432, "redis": 6379, "http": 80}
FIRST_WORDS = (
    (b"PING\r\n\r\n", (b"+PONG", b"-NOAUTH", b"-DENIED", b"-ERR"), "redis"),
    (b"GET / HTTP/1.0\r\n\r\n", (b"HTTP/",), "http"),
    # PostgreSQL's request to go on in TLS: it answers S or N.
    (struct.pack("!ii", 8, 80877103), (b"S", b"N"), "postgres"),
)
PAGE_BYTES = 65_536
METRICS_PAGE = re.compile(r"^(# (HELP|TYPE|UNIT) [A-Za-z_:]|[A-Za-z_:][A-Za-z0-9_:]*(\{[^\n]*\})? [-+0-9NI])", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a first look found, and the components it speaks of where the source knows them itself."""

    found: Found
    components: tuple[dict[str, Any], ...] = ()


def entry_of(data: dict[str, Any]) -> SourceEntry:
    """A source as the pack will hold it. Raises InputError naming the option that does not fit."""
    try:
        return ENTRY.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][-1]) if first["loc"] else "URL"
        todo = str((first.get("ctx") or {}).get("todo", "see docs/packs.md, section sources"))
        raise InputError(str(first["msg"]), f"--{name.replace('_', '-')}", todo) from None


def look(entry: SourceEntry, secret: str | None, now: datetime) -> Looked:
    """Take the first look. Raises CollectError for what is not there, refuses, or is of another kind."""
    if importlib.util.find_spec(LOOKS[entry.kind]) is None:
        raise InputError(f"this program cannot look at a {entry.kind} source yet", f"connect {entry.kind}", "update it")
    discover = importlib.import_module(LOOKS[entry.kind]).discover
    try:
        found: Found = discover(entry, secret, now)
    except CollectError as error:
        raise other_kind(entry.kind, entry.url, error) or error from None
    return Looked(found)


def wants_secret(error: CollectError) -> bool:
    """Whether a source says no for want of the right password or token."""
    return bool(WANTS_SECRET.search(error.what))


def other_kind(kind: str, url: str, error: CollectError) -> CollectError | None:
    """The same refusal saying which kind of source the address is of, if what answers there tells."""
    if wants_secret(error) or NOBODY.search(error.what):
        return None
    over_http = urlsplit(url).scheme in ("http", "https")
    found = kind_at(url) if over_http else None
    if found is None:
        spoken = speaks(url)
        found = kind_at(spoken[1]) or ("page", spoken[1]) if spoken and spoken[0] == "http" and not over_http else spoken
    if found is None or found[0] in (kind, "http"):
        return None
    said = f"this is {WORDS[found[0]]}, not {'a platform API' if kind == 'platform-api' else f'what `connect {kind}` reads'}"
    named = "probe" if found[0] == "page" else found[0]
    return CollectError(said, bare(url), f"bin/roomleft connect {named} {found[1]}", retryable=False)


def speaks(url: str) -> tuple[str, str] | None:
    """Which of redis, postgres and http the server at an address speaks, by its first words, and the address to give for it."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme in ("https", "rediss", "tls"):
        return None
    place = (parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme, 80))
    host = f"{f'[{place[0]}]' if ':' in place[0] else place[0]}:{place[1]}"
    for said, answers, found in FIRST_WORDS:
        with suppress(OSError), socket.create_connection(place, SNIFF_S) as line:
            line.settimeout(SNIFF_S)
            line.sendall(said)
            if line.recv(64).startswith(answers):
                return found, {"postgres": f"postgresql://{host}/DATABASE", "redis": f"redis://{host}", "http": f"http://{host}"}[
                    found
                ]
    return None


def kind_at(url: str) -> tuple[str, str] | None:
    """What answers at an address over HTTP, and the address to give for it; None when nothing there is known."""
    parts = urlsplit(url)
    root = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    base = url.split("?")[0].rstrip("/")
    try:
        return _answering(url, root, base)
    except httpx.TransportError:
        return None


def _answering(url: str, root: str, base: str) -> tuple[str, str] | None:
    with httpx.Client(timeout=5.0, trust_env=False, follow_redirects=False) as http:
        for server in dict.fromkeys((re.sub(r"/(metrics|api(/v1)?|graph|query)$", "", base), root)):
            _, text = _page(http, f"{server}/api/v1/status/buildinfo")
            if '"status":"success"' in text.replace(" ", ""):
                return "prometheus-server", server
        status, text = _page(http, f"{base}/health")
        if '"status"' in text and ('"checks"' in text or "health+json" in status):
            return "platform-api", base
        for page in dict.fromkeys((url, f"{base}/metrics")):
            kind, text = _page(http, page)
            if METRICS_PAGE.search(text) and "html" not in kind:
                return "prometheus", page
        kind, text = _page(http, url)
        return ("page", url) if "html" in kind else None


def _page(http: httpx.Client, url: str) -> tuple[str, str]:
    """The content type and the beginning of an answer; empty texts for a refusal. Raises httpx.TransportError where nobody answers."""
    try:
        with http.stream("GET", url, headers={"accept-encoding": "identity"}) as answer:
            if answer.status_code not in (200, 503):
                return "", ""
            body = bytearray()
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > PAGE_BYTES:
                    break
            return answer.headers.get("content-type", ""), bytes(body).decode("utf-8", "replace")
    except (httpx.DecodingError, httpx.InvalidURL):
        return "", ""
