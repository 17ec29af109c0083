"""Who is asking, and what they may do."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a principal may do."""

    INGEST = "ingest"
    """Hand in rows, and nothing else."""
    READ = "read"
    """See every page and answer of the API."""
    RESPOND = "respond"
    """Acknowledge alerts and silence them."""
    FINANCE = "finance"
    """See what single users cost, and decide about money: budgets, credits, contracts, allocation, closed periods."""
    ADMIN = "admin"
    """Everything, the others included."""


class Role(StrEnum):
    """What a person does here: decides their scopes and the page they land on."""

    VIEWER = "viewer"
    ONCALL = "oncall"
    FINANCE = "finance"
    ADMIN = "admin"

    @property
    def scopes(self) -> frozenset[Scope]:
        """What somebody in this role may do."""
        return SCOPES_OF[self]


SCOPES_OF = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.ONCALL: frozenset({Scope.READ, Scope.RESPOND}),
    Role.FINANCE: frozenset({Scope.READ, Scope.FINANCE}),
    Role.ADMIN: frozenset({Scope.ADMIN}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person or a token's bearer. `csrf` is the word a browser must repeat in `X-CSRFToken`; None for a token. `role` is that of a
    person who is known here; a token and whoever came by a link for no user in particular have none. `session` is the id under which a browser's
    session is listed; `display_name` is how a person wants to be called.
    """

    name: str
    scopes: frozenset[Scope]
    csrf: str | None = None
    role: Role | None = None
    session: str | None = None
    display_name: str = ""

    def may(self, scope: Scope) -> bool:
        """Whether this principal has the scope; admin has all of them."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def new_secret(kind: str) -> str:
    """A secret of 256 random bits; `kind` in front tells a leak's finder what it opens."""
    return f"rl_{kind}_{secrets.token_urlsafe(32)}"


def hashed(secret: str) -> str:
    """What is stored of a secret. Plain SHA-256 will do: 256 random bits cannot be guessed however fast one hashes."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def scopes_text(scopes: Iterable[Scope]) -> str:
    """Scopes as they are stored: sorted, comma between."""
    return ",".join(sorted(Scope(scope).value for scope in scopes))


def scopes_of(text: str) -> frozenset[Scope]:
    """Scopes from their stored form."""
    return frozenset(Scope(part) for part in text.split(",") if part)
