"""What stands around every page: header, navigation, the phone's bottom bar, the drawer, and the stores the browser side uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from dash import dcc, html

from dashboards import wording
from dashboards.components.marks import badge, link
from dashboards.filters import RANGES, Filters
from roomleft.packs import Pack

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


def shell(*, demo: bool) -> html.Div:
    """The whole frame, before any data."""
    header = html.Header(
        [
            link("Roomleft", "/", "brand"),
            badge("Demo data", "demo", "Every figure here comes from stand-in platforms") if demo else None,
            html.Div(id=Id.CONTROLS, className="controls"),
            html.Div(
                [
                    gear(),
                    html.Button("Copy link", className="button wide-only", **{"data-act": "copy-link"}),
                    html.Button(
                        html.Span(className="theme-icon", **{"aria-hidden": "true"}),
                        className="button icon",
                        title="Light or dark",
                        **{"data-act": "theme", "aria-label": "Switch between light and dark"},
                    ),
                ],
                className="header-right",
            ),
        ],
        className="header",
    )
    return html.Div(
        [
            dcc.Location(id=Id.URL, refresh=False),
            dcc.Store(id=Id.TICK),
            dcc.Store(id=Id.THEME),
            dcc.Store(id=Id.CLOCK),
            html.A("Skip to the content", href="#main", className="skip"),
            header,
            html.Nav(
                [html.Div(id=Id.NAV), html.Div(id=Id.FOOT, className="nav-foot")], className="nav", **{"aria-label": "Pages"}
            ),
            html.Main([html.Div(id=Id.NOTICES), html.Div(id=Id.PAGE)], id="main", className="main", tabIndex=-1),
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
            html.Div([link(name, path, "menu-item") for path, name in BEHIND_THE_GEAR], className="menu right"),
        ],
        className="menu-holder gear",
        **{"data-menu": "gear"},
    )


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
    rest = [(path, name) for path, name in (*NAVIGATION, *BEHIND_THE_GEAR) if path not in AT_THE_THUMB]
    items = [
        link(name, filters.href(path), "menu-item", current="page" if _within(filters.path, path) else False)
        for path, name in rest
    ]
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


def menu(label: str, value: Any, options: Sequence[Any], name: str) -> html.Details:
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
        **{"data-menu": name},
    )


def controls(filters: Filters, packs: Mapping[str, Pack], now: datetime) -> list[Any]:
    """The header's platform and range menus, and how live the page is."""
    on_home = filters.path.startswith("/platforms")
    known = [link("All platforms", filters.href(platform=None), "menu-item", current=filters.platform is None)]
    known += [link(slug, filters.href(platform=slug), "menu-item", current=filters.platform == slug) for slug in packs]
    shown = filters.platform or f"All {len(packs)}"
    named = html.Span(className="sr", **{"data-page-title": page_title(filters, packs)})
    parts: list[Any] = [named] if on_home else [named, menu("Platform", shown, known, "platform")]
    parts += [range_menu(filters, packs, now) if has_range(filters.path) else zone_menu(filters, packs, now)]
    parts.append(
        html.Span(
            [html.Span("Live", className="live-word"), html.Span(className="live-age")],
            className="live",
            id="live",
            role="status",
        )
    )
    return parts


def page_title(filters: Filters, packs: Mapping[str, Pack]) -> str:
    """What the browser's tab says before the product's name: `Overview`, `Scribe · Limits`."""
    parts = [part for part in filters.path.split("/") if part]
    name = next((words for path, words in reversed(NAVIGATION) if _within(filters.path, path)), "")
    if len(parts) > 1 and parts[1] in packs:
        return f"{packs[parts[1]].title} · {parts[2].capitalize() if len(parts) > 2 else 'Health'}"
    tail = [part.replace("-", " ").capitalize() for part in parts[1:]]
    return " · ".join([name or (parts[0].capitalize() if parts else "Overview"), *tail])


def range_menu(filters: Filters, packs: Mapping[str, Pack], now: datetime) -> html.Details:
    """The range and the zone its days begin in."""
    zone = wording.zone_name(filters.zone, now)
    items: list[Any] = [
        link(words, filters.href(range=key), "menu-item", current=filters.range == key) for key, words in RANGES.items()
    ]
    items.append(
        html.Div(
            [
                html.Label(["From", html.Span(**{"data-date": "from"}, className="date-slot")], className="date-label"),
                html.Label(["To", html.Span(**{"data-date": "to"}, className="date-slot")], className="date-label"),
                html.Button("Show", className="button", **{"data-act": "dates"}),
            ],
            className="menu-dates",
        )
    )
    items.append(html.Div("Days begin in", className="menu-heading"))
    return menu(
        "", [filters.range_words, " ", html.Span(zone, className="dim zone")], [*items, *_zones(filters, packs, now)], "range"
    )


def has_range(path: str) -> bool:
    """Whether the page at `path` shows a range of time; the others show how things are now."""
    return (path.startswith("/cost") and not path.startswith("/cost/economics")) or (
        path.startswith("/platforms/") and not path.endswith(("/live", "/limits"))
    )


def zone_menu(filters: Filters, packs: Mapping[str, Pack], now: datetime) -> html.Details:
    """The zone alone, for pages that show how things are now."""
    heading = html.Div("Times are in", className="menu-heading first")
    return menu("", wording.zone_name(filters.zone, now), [heading, *_zones(filters, packs, now)], "range")


def _zones(filters: Filters, packs: Mapping[str, Pack], now: datetime) -> list[Any]:
    zones = dict.fromkeys(["UTC", *(pack.zone for pack in packs.values()), filters.zone.key])
    links = [
        link(wording.zone_name(ZoneInfo(key), now), filters.href(tz=key), "menu-item", current=filters.zone.key == key)
        for key in zones
    ]
    return [*links, html.Span(**{"data-own-zone": "1"})]
