"""Why a page is not taken."""

from __future__ import annotations

from roomleft.errors import InputError


class PageRefused(InputError):
    """A page breaks its format. `line` counts from 1 (0: the page as a whole), `reason` is in words."""

    def __init__(self, line: int, reason: str, hint: str = "") -> None:
        super().__init__(reason, f"line {line}" if line else "page", hint)
        self.line = line
        self.reason = reason


def shown(text: str, limit: int = 60) -> str:
    """A piece of a page, quoted and short enough for a sentence."""
    return repr(text if len(text) <= limit else text[:limit] + "…")
