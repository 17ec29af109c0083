"""A button that opens a list, without a script and by keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html


def menu(label: str, value: Any, options: Sequence[Any], name: str, **extra: str) -> html.Details:
    """A button that opens a list of links: works without scripts, by keyboard, and leaves the choice in the address."""
    return html.Details(
        [
            html.Summary(
                [
                    html.Span(f"{label}\u00a0", className="dim menu-label") if label else None,
                    *(value if isinstance(value, list) else [value]),
                ],
                className="button",
            ),
            html.Div(list(options), className="menu"),
        ],
        className=f"menu-holder {name}",
        **{"data-menu": name, **extra},
    )
