"""Tables as one piece: HTML that the server makes whole and the browser puts in, instead of a component for every cell.

The renderer looks at every component whenever anything on a page changes; a table of some thousand cells would hold the tab for seconds. What is in a
still block is not looked at: its links, rows and buttons are heard by the document, as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Any

from dash import html
from dash.development.base_component import Component

VOID = frozenset({"br", "hr", "img", "input"})
NAMES = {"className": "class", "htmlFor": "for", "srcSet": "srcset"}
UNITLESS = frozenset(
    {"flex", "flexGrow", "flexShrink", "fontWeight", "lineHeight", "opacity", "order", "zIndex", "gridRow", "gridColumn"}
)
CAPITAL = re.compile("[A-Z]")


def still(children: Any, className: str = "", **more: Any) -> html.Section:
    """A block of HTML elements that is updated as a whole. Raises TypeError for what is not HTML, such as a chart."""
    return html.Section(className=className or None, **{"data-html": markup(children), **more})


def markup(node: Any) -> str:
    """HTML of a tree of elements; every word and every value is escaped. Raises TypeError for components that are not elements."""
    if node is None or isinstance(node, bool):
        return ""
    if isinstance(node, (str, int, float, Decimal)):
        return escape(str(node), quote=False)
    if isinstance(node, Sequence):
        return "".join(markup(each) for each in node)
    if not isinstance(node, Component) or node.__module__.partition(".")[2].partition(".")[0] != "html":
        raise TypeError(f"{type(node).__name__} is not an element: only HTML can be still")
    tag = type(node).__name__.lower()
    props = node.to_plotly_json()["props"]
    children = props.pop("children", None)
    attributes = "".join(_attribute(name, value) for name, value in props.items())
    return f"<{tag}{attributes}>" + ("" if tag in VOID else f"{markup(children)}</{tag}>")


def only_html(node: Any) -> bool:
    """Whether a tree can be still."""
    try:
        markup(node)
    except TypeError:
        return False
    return True


def _attribute(name: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = NAMES.get(name, name if name.startswith(("data-", "aria-")) else name.lower())
    if value is True:
        value = "true" if name.startswith(("data-", "aria-")) else ""
    if name == "style":
        value = ";".join(f"{_dashed(key)}:{_length(key, each)}" for key, each in value.items() if each is not None)
    return f' {name}="{escape(str(value))}"'


def _dashed(name: str) -> str:
    return name if name.startswith("--") else CAPITAL.sub(lambda found: f"-{found[0].lower()}", name)


def _length(name: str, value: Any) -> str:
    return (
        f"{value}px"
        if isinstance(value, (int, float)) and value and name not in UNITLESS and not name.startswith("--")
        else str(value)
    )
