"""Where a page is: its breadcrumbs, what of its address was not understood, and the screen for an address that names no page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from dashboards.components import states
from dashboards.components.marks import link
from dashboards.filters import Filters
from dashboards.moved import home_of
from roomleft.packs import Pack
from roomleft.platform_names import unknown_platform_words

BELOW = {
    "/cost/rows": "Rows",
    "/cost/economics": "Unit economics",
    "/cost/allocation": "Allocation",
    "/on-call/silences": "Silences",
    "/on-call/deliveries": "Deliveries",
    "/on-call/outbox": "Outbox",
    "/capacity/forecasts": "Forecasts",
    "/capacity/track-record": "Track record",
}
"""Pages below a top page, by their names."""
KNOW_ENVIRONMENTS = ("/cost", "/cost/rows")
"""Pages whose figures are kept by environment."""
TABS = {"live": "Live", "limits": "Limits", "deploys": "Deploys"}


def trail(filters: Filters, packs: Mapping[str, Pack], tops: Mapping[str, str]) -> list[tuple[str, str]]:
    """The names from the top page down to this one, each with its address; empty on a top page. `tops`: top pages' names by path."""
    parts = filters.path.strip("/").split("/")
    top = f"/{parts[0]}"
    if len(parts) < 2 or top not in tops:
        return []
    if top == "/platforms":
        found = [
            (tops[top], filters.href(top)),
            (packs[parts[1]].title if parts[1] in packs else parts[1], filters.href(f"{top}/{parts[1]}")),
        ]
        return [*found, (TABS[parts[2]], filters.href())] if len(parts) > 2 and parts[2] in TABS else found  # fmt: skip
    if filters.path not in BELOW:
        return []
    # The rows behind a figure belong to the question that the Explorer asks.
    asked = {name: value for name, value in filters.page.items() if name not in ("page", "row")} if parts[-1] == "rows" else {}
    found = [(tops[top], filters.href(top, **asked)), (BELOW[filters.path], filters.href(row=None))]
    return [*found, ("A call", filters.href())] if parts[-1] == "rows" and filters.get("row") else found


def crumbs(filters: Filters, packs: Mapping[str, Pack], tops: Mapping[str, str]) -> list[Any]:
    """The trail as links; the last is where one is."""
    found = trail(filters, packs, tops)
    made: list[Any] = []
    for n, (name, href) in enumerate(found):
        last = n == len(found) - 1
        made.append(html.Li(html.Span(name, **{"aria-current": "page"}) if last else link(name, href)))
    return [html.Ol(made)] if made else []


def notes(filters: Filters, packs: Mapping[str, Pack]) -> list[Any]:
    """What of the address was left out, and a platform that nobody knows, with a way on."""
    said: list[Any] = [states.note([words, ". ", link("Leave it out", filters.href())]) for words in filters.problems]
    if filters.platform and filters.platform not in packs:
        words = f"{unknown_platform_words(filters.platform, packs)} "
        said.append(states.note([words, link("All platforms", filters.href(platform=None))]))
    if (names := filters.values("environment")) and filters.path not in KNOW_ENVIRONMENTS:
        cut = ", ".join(each[:60] for each in names[:5])
        words = f"Environment {cut} is kept for Cost and its rows; this page shows all environments together. "
        said.append(states.note([words, link("Leave it out", filters.href(environment=None))]))
    return said


def not_found(filters: Filters, packs: Mapping[str, Pack], tops: Mapping[str, str]) -> Sequence[Any]:
    """The screen for an address that names no page: what is wrong with it, and where to go on."""
    path = filters.path if len(filters.path) <= 80 else f"{filters.path[:80]}…"
    parts = filters.path.strip("/").split("/")
    ways = [("Overview", filters.href("/"))]
    words = f"There is no page {path}."
    if (home := home_of(filters.path, filters.href().partition("?")[2])) is not None:
        words, ways = f"The page {path} has moved.", [("Go there", home), *ways]
    elif parts[0] == "platforms" and len(parts) > 1:
        if parts[1] in packs:
            words += f" {packs[parts[1]].title} has the tabs Health, Live, Limits and Deploys."
            ways = [(packs[parts[1]].title, filters.href(f"/platforms/{parts[1]}")), *ways]
        else:
            words += f" {unknown_platform_words(parts[1], packs)}"
            ways = [("Platforms", filters.href("/platforms")), *ways]
    elif f"/{parts[0]}" in tops and parts[0]:
        ways = [(tops[f"/{parts[0]}"], filters.href(f"/{parts[0]}")), *ways]
    buttons = [html.A(name, href=href, className="button", **{"data-nav": "1"}) for name, href in ways]
    return [html.H1("Not found", className="page-title"), states.empty(words, buttons)]
