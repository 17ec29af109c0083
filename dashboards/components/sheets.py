"""What opens over a page by a key: the help sheet, and the search whose list the browser fills."""

from __future__ import annotations

import json
from typing import Any

from dash import html

from dashboards import keys
from dashboards.components.marks import link
from dashboards.places import PLACES

KIOSK_HELP = "For a wall screen: no controls, larger type, the clock and the data's age always in sight. Esc leaves it."


def buttons() -> list[html.Button]:
    """Search and help, for the header."""
    return [
        html.Button(
            [html.Span(className="search-icon", **{"aria-hidden": "true"}), html.Kbd("/", className="wide-only")],
            className="button search-button",
            title="Search (/)",
            **{"data-act": "search", "aria-label": "Search", "aria-keyshortcuts": "/", "aria-haspopup": "dialog"},
        ),
        html.Button(
            "?",
            className="button icon wide-only",
            title="Keys and help (?)",
            **{"data-act": "help", "aria-label": "Keys and help", "aria-keyshortcuts": "?", "aria-haspopup": "dialog"},
        ),
    ]


def sheets() -> list[Any]:
    """The dialogs, closed, and the tooltip; behind every page."""
    return [help_sheet(), search_sheet(), html.Div(id="gloss", role="tooltip", hidden=True)]


def help_sheet() -> html.Dialog:
    """Every key, where the words are explained, and the way to a wall screen."""
    groups = [
        html.Section(
            [
                html.H3(title),
                html.Dl([part for key in group for part in (html.Dt([html.Kbd(each) for each in key.keys]), html.Dd(key.does))]),
            ]
        )
        for title, group in keys.TABLE
    ]
    return html.Dialog(
        [
            html.Div(
                [
                    html.H2("Keys and help", id="help-title"),
                    html.Button("Close", className="button", **{"data-act": "close-sheet"}),
                ],
                className="sheet-head",
            ),
            html.Div(groups, className="key-groups"),
            html.P(keys.OFF, className="dim"),
            html.Div(
                [
                    link("What the words mean", "/glossary", "button", **{"data-keep": "1"}),
                    html.Button("Wall screen", className="button", title=KIOSK_HELP, **{"data-act": "kiosk"}),
                    html.Span(KIOSK_HELP, className="dim"),
                ],
                className="sheet-foot",
            ),
        ],
        id="help-sheet",
        className="sheet",
        **{"aria-labelledby": "help-title", "data-going": json.dumps(keys.going())},
    )


def search_sheet() -> html.Dialog:
    """The frame of the search; the places it knows without asking stand in it."""
    return html.Dialog(
        id="search-sheet",
        className="sheet",
        **{
            "aria-label": "Search",
            "data-places": json.dumps([[place.name, place.href, place.group, place.also] for place in PLACES]),
        },
    )
