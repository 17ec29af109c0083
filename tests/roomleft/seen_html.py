"""What a browser would make of a report's file."""

from __future__ import annotations

from collections.abc import Collection
from html.parser import HTMLParser


class Seen(HTMLParser):
    """What a file would load, and whether its tags close. Those in `unclosed` have no end, those in `drawn` are written as `<line/>`."""

    def __init__(self, unclosed: Collection[str] = ("meta",), drawn: Collection[str] = ()) -> None:
        super().__init__()
        self.unclosed, self.drawn = unclosed, drawn
        self.loads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "data", "action", "srcset")]
        if tag not in self.unclosed and tag not in self.drawn:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.drawn:
            assert self.open.pop() == tag
