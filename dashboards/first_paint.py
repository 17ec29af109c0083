"""The frame and the page's grey fields, on the screen before any script has run: in the page itself, and again in the first layout Dash asks for.

Nothing is drawn twice: the page's copy goes when Dash has drawn its own, which stands at the same place.
"""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import plotly
from dash import Dash
from dash.backends._fastapi import get_current_request
from dash.development.base_component import Component
from dash.fingerprint import build_fingerprint

from dashboards.components.still import markup

log = logging.getLogger("roomleft.pages")

Layout = Callable[[str | None, str], Any]
"""The whole layout for an address: its path and its query, with the question mark. None: the address is not known."""
ENTRY = '<div id="react-entry-point">'
AT = "at"
EARLY = ("_dash-dependencies",)
LONGEST = 4000
WITH_CHARTS = re.compile(r"/platforms/[^/]+(/live)?|/cost|/capacity(/track-record)?")
"""Pages that always draw one."""


def _versioned(package: ModuleType, path: str) -> str:
    file = Path(str(package.__file__)).parent / path
    return f"/_dash-component-suites/{build_fingerprint(f'{package.__name__}/{path}', package.__version__, int(file.stat().st_mtime))}"


CHART_SCRIPT = _versioned(plotly, "package_data/plotly.min.js")


class Painted(Dash):
    """Dash, whose pages show their frame before their scripts are there. Set `lay_out` before the first request."""

    lay_out: Layout | None = None

    def _config(self) -> dict[str, Any]:
        # By its version, so that browsers keep it; without, they ask after it at every page. Only what is not "served locally" may be named:
        # the browser's side reads this word for nothing else, and the file is this server's own.
        return {**super()._config(), "serve_locally": False, "plotlyjs_url": CHART_SCRIPT}

    def interpolate_index(self, **parts: Any) -> str:
        page = str(super().interpolate_index(**parts))
        found = asked_address()
        if self.lay_out is None or found is None:
            return page
        path, search = found
        try:
            still = f'<div id="first-paint" aria-hidden="true" inert>{markup(drawn(self.lay_out(path, search)))}</div>{ENTRY}'
        except Exception:  # without its first paint a page comes a little later, but it comes
            log.exception("the first paint of %s could not be made", path)
            still = ENTRY
        at = f"/_dash-layout?{AT}={quote(path + search, safe='')}"
        links = [
            f'<link rel="preload" as="fetch" crossorigin href="{escape(href)}">' for href in (at, *(f"/{each}" for each in EARLY))
        ]
        if WITH_CHARTS.fullmatch(path.rstrip("/")):
            # Dash asks for it only when it draws the first chart: by then it is there.
            links.append(f'<link rel="preload" as="script" fetchpriority="low" href="{CHART_SCRIPT}">')
        return page.replace(ENTRY, still, 1).replace("</head>", "".join(links) + "</head>", 1)

    def layout_asked(self) -> Any:
        """The layout for the address that the browser is at, which `first.js` adds to its question."""
        assert self.lay_out is not None
        return self.lay_out(*(_named_address() or (None, "")))


def asked_address() -> tuple[str, str] | None:
    """Path and query of the page that is asked for; None outside of a request."""
    try:
        url = get_current_request().url
    except RuntimeError:
        return None
    return str(url.path), f"?{url.query}" if url.query else ""


def _named_address() -> tuple[str, str] | None:
    found = asked_address()
    told = parse_qs(found[1].lstrip("?"), max_num_fields=20).get(AT, [""])[0][:LONGEST] if found else ""
    if not told.startswith("/") or told.startswith("//"):
        return None
    split = urlsplit(told)
    return split.path, f"?{split.query}" if split.query else ""


def filled(node: Any, children: Mapping[str, Any]) -> Any:
    """`node` with the children of the elements named in `children` set; changes what it is given."""
    if isinstance(node, (list, tuple)):
        for each in node:
            filled(each, children)
    elif isinstance(node, Component):
        name = getattr(node, "id", None)
        if isinstance(name, str) and name in children:
            node.children = children[name]
        else:
            filled(getattr(node, "children", None), children)
    return node


def drawn(node: Any) -> Any:
    """A tree of elements alone, without ids, which it tells as `data-was`: what is no element is left out, and the copy must not be taken
    for the page.
    """
    if isinstance(node, (list, tuple)):
        return [found for found in map(drawn, node) if found is not None]
    if not isinstance(node, Component):
        return node
    if node.__module__.partition(".")[2].partition(".")[0] != "html":
        return None
    made = copy.copy(node)
    if getattr(made, "id", None) is not None:
        setattr(made, "data-was", made.id)
        del made.id
    if getattr(made, "children", None) is not None:
        made.children = drawn(made.children)
    return made
