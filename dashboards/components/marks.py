"""Small marks used everywhere: the state's shape, an age that keeps counting, badges, links that keep the address."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from dash import html

from dashboards import wording

OLD = timedelta(minutes=5)


def glyph(state: str, *, labelled: bool = True, said: str = "") -> html.Span:
    """The shape of a state: ■ exhausted, ▲ tight, hatch unknown, ○ ok. Read out, as `said`, unless the word stands beside it."""
    words = said or state
    extra: dict[str, Any] = {"role": "img", "aria-label": words, "title": words} if labelled else {"aria-hidden": "true"}
    return html.Span(className=f"glyph {state}", **extra)


def age(at: datetime | None, now: datetime, *, old: timedelta = OLD, prefix: str = "") -> html.Span:
    """How old a figure is. The browser keeps counting from `data-at`; past `old` it turns semibold."""
    if at is None:
        return html.Span("–", className="age")
    return html.Span(
        f"{prefix}{wording.age(now - at)}",
        className="age old" if now - at > old else "age",
        **{"data-at": f"{at.timestamp():.0f}", "data-old": f"{old.total_seconds():.0f}", "data-prefix": prefix},
    )


def badge(words: str, kind: str = "", title: str = "") -> html.Span:
    """A short word in a frame: `assumed`, `Demo data`, `lower bound`."""
    return html.Span(words, className=f"badge {kind}".strip(), title=title or None)


def link(children: Any, href: str, className: str = "", *, current: str | bool = False, **extra: Any) -> html.A:
    """A link inside the app: the browser changes the address without loading the page again."""
    if current:
        extra["aria-current"] = current if isinstance(current, str) else "true"
    return html.A(children, href=href, className=className or None, **{"data-nav": "1"}, **extra)
