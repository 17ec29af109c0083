"""Secrets while something is sent: read from the variables that the configuration names, and struck out of whatever is said afterwards."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from urllib.parse import quote, urlsplit

SHORTEST = 4
"""Shorter texts are no secrets, and striking them out would leave no word whole."""
SHORTEST_PART = 8
STRUCK = "***"


class MissingVariable(Exception):
    """A variable that the configuration names says nothing. `name` is the variable's."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Variables:
    """Hands out secrets by their variable's name, and remembers them for `strike`. One belongs to one attempt."""

    def __init__(self, get: Callable[[str], str | None]) -> None:
        self._get = get
        self._given: set[str] = set()

    def __repr__(self) -> str:
        return "Variables()"

    def need(self, name: str) -> str:
        """The secret. Raises MissingVariable."""
        value = (self._get(name) or "").strip()
        if not value:
            raise MissingVariable(name)
        self.hide(value)
        return value

    def hide(self, value: str) -> None:
        """Strike this text out too."""
        self._given.update(form for form in _forms(value) if len(form) >= SHORTEST)

    def strike(self, text: str) -> str:
        """`text` without the secrets handed out, however they may be written."""
        for form in sorted(self._given, key=len, reverse=True):
            text = text.replace(form, STRUCK)
        return text


def _forms(value: str) -> Iterable[str]:
    """A secret as it may come back: as it is, quoted, in base64; of an address also its path, its parts, its user and password."""
    yield value
    yield quote(value)
    yield quote(value, safe="")
    yield base64.b64encode(value.encode()).decode().rstrip("=")
    try:
        parts = urlsplit(value)
    except ValueError:
        return
    if not parts.scheme or not parts.netloc:
        return
    yield value.partition("://")[2]
    user, _, _ = parts.netloc.rpartition("@")
    pieces = [parts.path, parts.query, *parts.path.split("/"), *parts.query.replace("=", "&").split("&"), *user.split(":"), user]
    # Hosts of known services are no secrets, those of `slack://token/token` are: a host without a dot is a part like others.
    pieces += [parts.hostname or "", parts.netloc] if "." not in (parts.hostname or ".") and parts.hostname != "localhost" else []
    for piece in pieces:
        if len(piece) >= SHORTEST_PART:
            yield piece
            yield piece.lower()
