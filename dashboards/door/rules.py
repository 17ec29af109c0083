"""Which scope a request needs, which path a person may be sent back to, and what every answer says to the browser."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from warehouse.state import Scope

SAFE_METHODS = frozenset({"GET", "HEAD"})
READING = SAFE_METHODS | {"WEBSOCKET"}
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
PUBLIC = frozenset({"/healthz", "/readyz", "/sign-in", "/api/v1/pagerduty", "/unsubscribe"})
"""The last two check a signature of their own."""
PUBLIC_BELOW = "/s/"
"""Published status pages: the secret in the address is what lets somebody in."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests by one of `methods` to `path`, or to anything below it if it ends in `*`, need `scope`."""

    methods: frozenset[str]
    path: str
    scope: Scope

    def fits(self, method: str, path: str) -> bool:
        """Whether the rule speaks of this request."""
        below = self.path.endswith("*") and path.startswith(self.path[:-1])
        return method in self.methods and (below or path == self.path)


RULES: Sequence[Rule] = (
    Rule(frozenset({"POST"}), "/api/v1/usage", Scope.INGEST),
    Rule(frozenset({"POST"}), "/api/v1/samples", Scope.INGEST),
    Rule(frozenset({"POST"}), "/api/v1/business", Scope.INGEST),
    Rule(frozenset({"POST"}), "/v1/traces", Scope.INGEST),
    Rule(frozenset({"POST"}), "/v1/metrics", Scope.INGEST),
    Rule(frozenset({"POST"}), "/v1/litellm", Scope.INGEST),
    Rule(frozenset({"POST"}), "/api/v1/sql", Scope.READ),  # a question, through the gate that only lets one SELECT pass
    Rule(frozenset({"POST"}), "/api/v1/reports/preview", Scope.READ),  # keeps nothing
    Rule(frozenset({"POST"}), "/sign-out", Scope.READ),
    Rule(frozenset({"POST"}), "/api/v1/alerts/replay", Scope.ADMIN),  # takes a core for a while
    Rule(frozenset({"POST", "DELETE"}), "/api/v1/alerts/*", Scope.RESPOND),
    Rule(frozenset({"POST"}), "/alerts/*", Scope.RESPOND),
    Rule(frozenset({"POST"}), "/api/v1/anomalies/*", Scope.RESPOND),
    Rule(frozenset({"POST"}), "/api/v1/expected-events", Scope.RESPOND),
    Rule(frozenset({"DELETE"}), "/api/v1/expected-events/*", Scope.RESPOND),
    Rule(frozenset({"POST"}), "/api/v1/silences", Scope.RESPOND),
    Rule(frozenset({"DELETE"}), "/api/v1/silences/*", Scope.RESPOND),
    Rule(frozenset({"POST", "PUT"}), "/api/v1/budgets", Scope.FINANCE),
    Rule(frozenset({"POST", "PUT"}), "/api/v1/budgets/*", Scope.FINANCE),
    Rule(frozenset({"POST"}), "/api/v1/credits", Scope.FINANCE),
    Rule(frozenset({"POST"}), "/api/v1/contracts", Scope.FINANCE),
    Rule(frozenset({"DELETE"}), "/api/v1/decisions/*", Scope.FINANCE),
    Rule(frozenset({"POST"}), "/api/v1/allocation/*", Scope.FINANCE),
    Rule(frozenset({"POST"}), "/api/v1/closed-periods", Scope.FINANCE),
    Rule(frozenset({"POST"}), "/api/v1/closed-periods/*", Scope.FINANCE),
    Rule(frozenset({"POST"}), "/api/v1/reprice", Scope.FINANCE),
    Rule(frozenset({"POST"}), "/api/v1/reprice/allowed", Scope.FINANCE),
    Rule(frozenset({"POST"}), "/account", Scope.READ),  # of one's own alone
    Rule(frozenset({"POST", "DELETE"}), "/account/*", Scope.READ),
    Rule(frozenset({"POST", "DELETE"}), "/api/v1/account/*", Scope.READ),
    Rule(READING, "/people", Scope.ADMIN),
    Rule(READING, "/people/*", Scope.ADMIN),
    Rule(READING, "/audit", Scope.ADMIN),
    Rule(READING, "/audit/*", Scope.ADMIN),
    Rule(READING, "/export/audit*", Scope.ADMIN),
    Rule(READING, "/export/people*", Scope.ADMIN),
    Rule(READING, "/api/v1/people*", Scope.ADMIN),
    Rule(READING, "/api/v1/users*", Scope.ADMIN),
    Rule(READING, "/api/v1/sessions*", Scope.ADMIN),
    Rule(READING, "/api/v1/audit*", Scope.ADMIN),
    Rule(READING, "/api/v1/recipients*", Scope.ADMIN),
    Rule(READING, "/api/v1/status-links*", Scope.ADMIN),
    Rule(frozenset({"GET", "HEAD", "POST", "WEBSOCKET"}), "/_dash-*", Scope.READ),
    Rule(frozenset({"GET", "HEAD", "WEBSOCKET"}), "/*", Scope.READ),
)
"""The first that fits counts. What none speaks of needs admin, so that a new route is closed until somebody opens it."""


def needed_scope(rules: Sequence[Rule], method: str, path: str) -> Scope:
    """The scope that a request needs."""
    return next((rule.scope for rule in rules if rule.fits(method, path)), Scope.ADMIN)


MOST_TARGET = 8000
"""Letters of an address that one is sent on to, as many as the pages read."""


def local_path(target: str) -> str:
    """`target` if it is a path of this server, else `/`: nobody is sent elsewhere by a link that begins here."""
    plain = len(target) <= MOST_TARGET and target.startswith("/") and not target.startswith("//") and "\\" not in target
    if not plain or any(ord(letter) < 0x21 or ord(letter) == 0x7F for letter in target):
        return "/"
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or parts.path in ("/sign-in", "/sign-out"):
        return "/"
    return quote(target, safe="/:?#[]@!$&'()*+,;=%~")


def hosts_for(bound_to: str, configured: Collection[str] = ()) -> frozenset[str] | None:
    """The names a server may be called by: loopback, what it is bound to, and those configured.

    None, any name, for a server that is open to other machines and was told no names: it cannot know what they call it.
    """
    name = f"[{bound_to}]" if ":" in bound_to else bound_to
    if name not in LOOPBACK_HOSTS and not configured:
        return None
    return LOOPBACK_HOSTS | {name, *configured}


def host_name(host: str) -> str:
    """The name in a Host header, without its port, in lower case."""
    name, _, port = host.rpartition(":")
    return (name if port.isdigit() else host).lower()


def host_port(host: str, scheme: str) -> str:
    """The port in a Host header: the one the browser sees."""
    name, _, port = host.rpartition(":")
    return port if name and port.isdigit() else ("443" if scheme in ("https", "wss") else "80")


def same_origin(origin: str, host: str, scheme: str) -> bool:
    """Whether a browser's Origin is this server itself, asked by `scheme`. Where that is plain, TLS may end at a proxy that is not named as trusted;
    but who came by TLS was sent by no page that came without."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    secure = scheme in ("https", "wss")
    return bool(host) and parts.netloc.lower() == host.lower() and (parts.scheme == "https" or not secure)


def script_hash(script: str) -> str:
    """The word by which a content security policy lets this one inline script run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


DASH_RENDERER = "var renderer = new DashRenderer();"
"""The one inline script of every Dash page."""


def security_headers(script_hashes: Collection[str]) -> list[tuple[bytes, bytes]]:
    """Headers of every answer. Dash and its grid set styles inline; scripts come from here or are known by their hash."""
    scripts = " ".join(sorted({script_hash(DASH_RENDERER), *script_hashes}))
    policy = (
        f"default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"same-origin"),
    ]
