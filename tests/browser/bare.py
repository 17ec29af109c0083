"""A page of a few elements with some of the product's own scripts and styles: for what these do by themselves, without a server behind them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import plotly
from playwright.sync_api import Page, Route

import dashboards

ASSETS = Path(dashboards.__file__).parent / "assets"
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
HERE, UNSAFE = "http://localhost", "http://bare.test"
"""An origin that browsers trust, and one that they do not."""
TOLD = "window.told = []; window.dash_clientside = { set_props: (id, props) => { window.told.push([id, props]); } };"
LIVE = """<details class="menu-holder refresh" data-menu="refresh"><summary><span id="live"><span class="live-word" role="status"></span>
<span class="live-age"></span></span></summary><div class="menu"><button data-act="pause" aria-keyshortcuts="Space">Pause</button></div></details>
<div id="toast" class="toast"></div>"""
"""What every page has of which the scripts take it for laid out."""


def bare(
    page: Page, path: str, body: str, *names: str, origin: str = HERE, figure: dict[str, Any] | None = None, before: str = ""
) -> Page:
    """Opens `path` as a page of `body` and LIVE with the assets `names`, scripts in the order in which the product loads them. What the scripts set in
    Dash is in `window.told`. `before`: a script that runs first. `figure` is drawn in `#chart` as the product draws it; its table is empty.
    """
    sheets = "".join(f"<style>{(ASSETS / name).read_text()}</style>" for name in sorted(names) if name.endswith(".css"))
    scripts = [f"<script>{TOLD}{before}</script>", *(["<script src=/plotly.min.js></script>"] if figure else [])]
    scripts += [f"<script>{(ASSETS / name).read_text()}</script>" for name in sorted(names) if name.endswith(".js")]
    if figure:
        scripts.append(
            f"<script>Plotly.newPlot('chart', {json.dumps(figure['data'])}, {json.dumps(figure['layout'])}, {json.dumps(figure['config'])})</script>"
        )
    whole = f"<!doctype html><html><head><meta charset=utf-8>{sheets}</head><body>{body}{LIVE}{''.join(scripts)}</body></html>"

    def answer(route: Route) -> None:
        if route.request.url.endswith("plotly.min.js"):
            route.fulfill(path=PLOTLY, content_type="text/javascript")
        elif "/export/chart" in route.request.url:
            route.fulfill(json={"title": "Table", "note": "", "zone": "UTC", "columns": [], "rows": [], "links": [], "count": 0})
        else:
            route.fulfill(content_type="text/html", body=whole)

    page.route(f"{origin}/**", answer)
    page.goto(origin + path, timeout=60_000)
    return page


def hear(page: Page, now: float) -> None:
    """The server's clock, as an answer brings it: `now` in epoch seconds."""
    page.evaluate("now => window.dash_clientside.roomleft.clock({ now: now, speed: 1 })", now)
