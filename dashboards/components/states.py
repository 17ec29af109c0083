"""What a block shows instead of data: still loading, nothing there, unknown, failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from dashboards.components.term import glossed


def _parts(words: Any) -> list[Any]:
    return words if isinstance(words, list) else [words]


def skeleton(height: int, className: str = "") -> html.Div:
    """A grey block of the final height, so that nothing jumps when the data comes."""
    return html.Div(
        className=f"skeleton {className}".strip(), style={"height": height}, role="status", **{"aria-label": "Loading"}
    )


def coming() -> html.Div:
    """Where something may come that mostly does not: takes no room, but what stands below waits for the answer."""
    return html.Div(className="skeleton coming", **{"aria-hidden": "true"})


def empty(what: str, actions: Sequence[Any] = (), *, then: str = "") -> html.Div:
    """Nothing to show, why, and what to do about it: `then` in words, `actions` as buttons, or both. A test asks for one of them."""
    said: list[Any] = [html.Div([*_parts(glossed(what)), html.Span(f" {then}", className="dim") if then else None])]
    return html.Div([*said, *([html.Div(list(actions), className="actions")] if actions else [])], className="state-block empty")


NO_PACK = "Put a pack in the packs folder, or let bin/roomleft connect write one from what it finds (docs/connect.md)."
"""What to do where no platform is known."""


def failed(what: str, hint: str = "", error_id: str = "") -> html.Div:
    """A block that could not be made; the rest of the page goes on."""
    words = [html.Strong(what), *([f" {hint[0].upper()}{hint[1:]}."] if hint else []), " Everything else here is current."]
    actions: list[Any] = [html.Button("Try again", className="button", **{"data-act": "again"})]
    if error_id:
        actions.append(html.Button("Copy error id", className="button", **{"data-act": "copy", "data-copy": error_id}))
    return html.Div([html.Div(words), html.Div(actions, className="actions")], className="state-block failed", role="alert")


def note(words: Any) -> html.Div:
    """One line about something that was left out or is still coming."""
    return html.Div(glossed(words), className="note", role="status")
