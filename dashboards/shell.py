"""What stands around every page: header, navigation, the phone's bottom bar, the drawer, and the stores the browser side uses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from dash import dcc, html

from dashboards import way
from dashboards.account_menu import ACCOUNT_PAGE, FOR_ADMINS, for_admins
from dashboards.components.marks import badge, link
from dashboards.components.menus import menu
from dashboards.components.sheets import buttons
from dashboards.filters import Filters
from dashboards.time_controls import has_range, share_items, share_menu, time_controls
from roomleft.packs import Pack

__all__ = ["Id", "bottom_links", "controls", "gear", "has_range", "menu", "nav_links", "page_title", "shell"]

NAVIGATION = (
    ("/", "Overview"),
    ("/platforms", "Platforms"),
    ("/on-call", "On call"),
    ("/slos", "SLOs"),
    ("/cost", "Cost"),
    ("/budgets", "Budgets"),
    ("/capacity", "Capacity"),
    ("/reports", "Reports"),
)
"""Only what exists."""
ON_CALL = "/on-call"
AT_THE_THUMB = ("/", ON_CALL, "/platforms", "/cost")
"""What stands in the phone's bottom bar; the rest is behind More."""


class Id(StrEnum):
    """Ids of the shell."""

    URL = "url"
    TICK = "tick"
    THEME = "theme"
    CLOCK = "clock"
    CONTROLS = "header-controls"
    NAV = "nav-links"
    BOTTOM = "bottom-links"
    PAGE = "page"
    NOTICES = "notices"
    DRAWER = "drawer"
    FOOT = "nav-foot"
    FIRING = "nav-firing"
    BRAND = "brand"
    GEAR = "gear-links"
    CRUMBS = "crumbs"
    WAY = "address-notes"
    REFRESH = "refresh"
    ACCOUNT = "account-slot"


def shell(*, demo: bool, at: tuple[str, str] | None = None) -> html.Div:
    """The whole frame, before any data. `at`: path and query of the page, where they are known already."""
    here = {"pathname": at[0], "search": at[1]} if at else {}
    header = html.Header(
        [
            html.Span(link("Roomleft", "/", "brand"), id=Id.BRAND, className="brand-slot"),
            badge("Demo data", "demo", "Every figure here comes from stand-in platforms") if demo else None,
            html.Div(id=Id.CONTROLS, className="controls"),
            html.Div(
                [
                    *buttons(),
                    gear(),
                    share_menu(),
                    html.Button(
                        html.Span(className="theme-icon", **{"aria-hidden": "true"}),
                        className="button icon wide-only",
                        title="Light or dark",
                        **{"data-act": "theme", "aria-label": "Switch between light and dark"},
                    ),
                    html.Div(id=Id.ACCOUNT, className="account-slot"),
                ],
                className="header-right",
            ),
        ],
        className="header",
    )
    return html.Div(
        [
            dcc.Location(id=Id.URL, refresh=False, **here),
            dcc.Store(id=Id.TICK),
            dcc.Store(id=Id.THEME),
            dcc.Store(id=Id.CLOCK),
            dcc.Store(id=Id.REFRESH),
            html.A("Skip to the content", href="#main", className="skip"),
            header,
            html.Nav(
                [html.Div(id=Id.NAV), html.Div(id=Id.FOOT, className="nav-foot")], className="nav", **{"aria-label": "Pages"}
            ),
            html.Main(
                [
                    html.Nav(id=Id.CRUMBS, className="crumbs", **{"aria-label": "Breadcrumbs"}),
                    html.Div(id=Id.WAY),
                    html.Div(id=Id.NOTICES),
                    html.Div(id=Id.PAGE),
                ],
                id="main",
                className="main",
                tabIndex=-1,
            ),
            html.Nav(id=Id.BOTTOM, className="bottom", **{"aria-label": "Pages"}),
            html.Div(id=Id.DRAWER),
            html.Div(id="toast", className="toast", role="status", **{"aria-live": "polite"}),
        ],
        className="frame",
    )


BEHIND_THE_GEAR = (("/sources", "Sources"), ("/prices", "Prices"))


def gear() -> html.Details:
    """The menu of pages for whoever runs this."""
    return html.Details(
        [
            html.Summary("⚙\ufe0e", className="button icon", title="Behind the figures", **{"aria-label": "Behind the figures"}),
            html.Div(id=Id.GEAR, className="menu right"),
        ],
        className="menu-holder gear",
        **{"data-menu": "gear"},
    )


def brand_link(filters: Filters) -> html.A:
    """The product's name, which leads home with the filters."""
    return link("Roomleft", filters.href("/"), "brand")


def gear_links(filters: Filters) -> list[html.A]:
    """The pages behind the gear, with the filters kept."""
    return [
        link(name, filters.href(path), "menu-item", current="page" if _within(filters.path, path) else False)
        for path, name in (*BEHIND_THE_GEAR, *for_admins())
    ]


def nav_links(filters: Filters) -> list[html.A]:
    """The navigation with the address's range, platform and zone kept. Beside On call: how many alerts need somebody."""
    return [
        link(
            [name, html.Span(id=Id.FIRING, className="nav-count")] if path == ON_CALL else name,
            filters.href(path),
            "nav-link",
            current="page" if _within(filters.path, path) else False,
        )
        for path, name in NAVIGATION
    ]


def bottom_links(filters: Filters) -> list[Any]:
    """The phone's bottom bar: four pages, and a menu of the others."""
    names = dict(NAVIGATION)
    links = [
        link(names[path], filters.href(path), "nav-link", current="page" if _within(filters.path, path) else False)
        for path in AT_THE_THUMB
    ]
    rest = [(path, name) for path, name in (*NAVIGATION, *BEHIND_THE_GEAR, *for_admins()) if path not in AT_THE_THUMB]
    items = [
        link(name, filters.href(path), "menu-item", current="page" if _within(filters.path, path) else False)
        for path, name in rest
    ]
    items += [*share_items(), html.Button("Light or dark", className="menu-item", **{"data-act": "theme"})]
    here = any(_within(filters.path, path) for path, _ in rest)
    more = html.Details(
        [
            html.Summary("More", className="nav-link", **({"aria-current": "true"} if here else {})),
            html.Div(items, className="menu right"),
        ],
        className="menu-holder more",
        **{"data-menu": "more"},
    )
    return [*links, more]


def _within(path: str, entry: str) -> bool:
    return path == entry if entry == "/" else path == entry or path.startswith(f"{entry}/")


def controls(filters: Filters, packs: Mapping[str, Pack], now: datetime) -> list[Any]:
    """The header's platform and range menus, and how live the page is."""
    on_home = filters.path.startswith("/platforms")
    known = [link("All platforms", filters.href(platform=None), "menu-item", current=filters.platform is None)]
    known += [
        link(pack.title, filters.href(platform=slug), "menu-item", current=filters.platform == slug)
        for slug, pack in packs.items()
    ]
    chosen = packs.get(filters.platform or "")
    shown = chosen.title if chosen else f"All {len(packs)}"
    named = html.Span(className="sr", **{"data-page-title": page_title(filters, packs)})
    parts: list[Any] = [named] if on_home else [named, menu("Platform", shown, known, "platform")]
    return [*parts, *time_controls(filters, packs, now)]


def top_names() -> dict[str, str]:
    """The names of all pages that have no page above them, by path."""
    return {path: name for path, name in (*NAVIGATION, *BEHIND_THE_GEAR, *FOR_ADMINS, ACCOUNT_PAGE) if path != "/"}


def page_title(filters: Filters, packs: Mapping[str, Pack]) -> str:
    """What the browser's tab says before the product's name: `Overview`, `Scribe · Limits`."""
    parts = [part for part in filters.path.split("/") if part]
    if len(parts) > 1 and parts[1] in packs:
        return f"{packs[parts[1]].title} · {parts[2].capitalize() if len(parts) > 2 else 'Health'}"
    if found := way.trail(filters, packs, top_names()):
        return " · ".join(name for name, _ in found)
    name = next((words for path, words in (*NAVIGATION, *BEHIND_THE_GEAR) if _within(filters.path, path) and path != "/"), "")
    tail = [part.replace("-", " ").capitalize() for part in parts[1:]]
    return " · ".join([name or (parts[0].capitalize() if parts else "Overview"), *tail])
