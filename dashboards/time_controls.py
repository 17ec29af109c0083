"""The header's time: the range and its zone, how live the page is, and the links that share it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from dashboards import ranges, wording
from dashboards.components.marks import link
from dashboards.components.menus import menu
from dashboards.filters import PREVIOUS, Filters
from dashboards.ranges import RANGES
from roomleft.packs import Pack

REFRESH_S = (5, 30, 60, 300, 0)
"""How often a page may ask for new data, in seconds; 0 is never. The first is the usual one; each browser remembers its own."""
LIVE_TAB = "/live"


def has_range(path: str) -> bool:
    """Whether the page at `path` shows a range of time; the others show how things are now."""
    return (
        path == "/audit"
        or (path.startswith("/cost") and not path.startswith("/cost/economics"))
        or (path.startswith("/platforms/") and not path.endswith((LIVE_TAB, "/limits")))
    )


def has_compare(path: str) -> bool:
    """Whether the page at `path` can draw the period before beside its range."""
    return path == "/cost" or (has_range(path) and path.startswith("/platforms/") and path.count("/") == 2)


def time_controls(filters: Filters, packs: Mapping[str, Pack], now: datetime) -> list[Any]:
    """The range or, on a page of now, the zone; the way out of a zoom; what it is compared with; how live it is."""
    ranged = has_range(filters.path)
    parts: list[Any] = [range_menu(filters, packs, now) if ranged else zone_menu(filters, packs, now)]
    if ranged and ranges.is_absolute(filters.range):
        words = "Zoom out: the range before, else twice as long (or double-click a chart)"
        sign = html.Span("−", **{"aria-hidden": "true"})
        parts.append(html.Button(sign, className="button icon zoom-out", title=words, **{"data-act": "zoom-out", "aria-label": "Zoom out"}))  # fmt: skip
    if filters.compare and has_compare(filters.path):
        words = f"against {span_words(filters.previous(now), filters.zone, now)}"
        gone = html.Span(" ×", **{"aria-hidden": "true"})
        parts.append(
            link([words, gone], filters.href(compare=None), "button on wide-only compare-chip", title="Compare with nothing")
        )
    return [*parts, refresh_menu(over=ranged and filters.is_over(now))]


def range_menu(filters: Filters, packs: Mapping[str, Pack], now: datetime) -> html.Details:
    """The range and the zone its days begin in."""
    zone = wording.zone_name(filters.zone, now)
    items: list[Any] = [
        link(words, filters.href(range=key), "menu-item", current=filters.range == key) for key, words in RANGES.items()
    ]
    if has_compare(filters.path):
        words = f"Compare with {span_words(filters.previous(now), filters.zone, now)}"
        toggle = link(words, filters.href(compare=None if filters.compare else PREVIOUS), "menu-item", current=filters.compare)
        items.append(html.Div(toggle, className="menu-part"))
    last = [html.Span("Last"), html.Span(**{"data-slot": "last"}, className="date-slot")]
    items += [
        html.Div([*last, html.Button("Show", className="button", **{"data-act": "last"})], className="menu-part menu-last"),
        html.Div([_end("From", "from"), _end("To", "to"), html.Button("Show", className="button", **{"data-act": "dates"})], className="menu-dates"),
        html.Div("Times and days are of", className="menu-heading"),
        *_zones(filters, packs, now),
    ]  # fmt: skip
    since, until = filters.span(now)
    length = ranges.length_of(filters.range)
    return menu(
        "", [html.Span(filters.range_words, className="range-words"), " ", html.Span(zone, className="dim zone")], items, "range",
        **{
            "data-ranged": "1", "data-zone": filters.zone.key, "data-since": f"{since.timestamp():.0f}", "data-until": f"{until.timestamp():.0f}",
            "data-length": f"{length.total_seconds():.0f}" if length else "", "data-moving": "" if filters.is_over(now) else "1",
            **_fixed(filters, now),
        },
    )  # fmt: skip


def zone_menu(filters: Filters, packs: Mapping[str, Pack], now: datetime) -> html.Details:
    """The zone alone, for pages that show how things are now, which it says."""
    why = html.Div(
        f"This page shows how things are now. Pages with a range show: {filters.range_words}.", className="menu-heading first"
    )
    heading = html.Div("Times are in", className="menu-heading")
    zone = wording.zone_name(filters.zone, now)
    live = filters.path.startswith("/platforms/") and filters.path.endswith(LIVE_TAB)
    return menu(
        "", [html.Span("Now", className="range-words"), " ", html.Span(zone, className="dim zone")], [why, heading, *_zones(filters, packs, now)], "range",
        **{"data-zone": filters.zone.key, **_fixed(filters, now), **({"data-zoom-to": filters.path.removesuffix(LIVE_TAB)} if live else {})},
    )  # fmt: skip


def _fixed(filters: Filters, now: datetime) -> dict[str, str]:
    """Of a range that names its days or times: where it begins and ends, also after now, in seconds since 1970."""
    if not ranges.is_absolute(filters.range):
        return {}
    since, end = ranges.bounds(filters.range, filters.zone, now)
    return {"data-begin": f"{since.timestamp():.0f}", "data-end": f"{end.timestamp():.0f}"}


def refresh_menu(*, over: bool) -> html.Details:
    """How live the page is, in the browser's words; pause, ask at once, how often. `over`: nothing new comes into the range but late rows."""
    said = html.Span(
        [html.Span("Live", className="live-word", role="status"), html.Span(className="live-age")],
        className="live", id="live", **({"data-over": "1"} if over else {}),
    )  # fmt: skip
    every = [
        html.Button(every_words(each), className="menu-item", **{"data-act": "every", "data-every": str(each), "aria-pressed": "false"})
        for each in REFRESH_S
    ]  # fmt: skip
    items = [
        html.Button("Pause", className="menu-item", **{"data-act": "pause", "aria-keyshortcuts": "Space"}),
        html.Button("Refresh now", className="menu-item", **{"data-act": "again", "aria-keyshortcuts": "r"}),
        html.Div("Ask for new data", className="menu-heading"),
        *every,
    ]
    return menu("", [said], items, "refresh")


def every_words(seconds: int) -> str:
    """`every 5 s`, `every min`, `only when asked`."""
    if not seconds:
        return "only when asked"
    return f"every {wording.age(timedelta(seconds=seconds))}"


def share_items() -> list[html.Button]:
    """The two links to what is on screen: one that stays at these times, one that moves on with the clock."""
    return [
        html.Button("Copy link to these times", className="menu-item", **{"data-act": "share", "aria-keyshortcuts": "c"}),
        html.Button("Copy link that stays up to date", className="menu-item", **{"data-act": "copy-link"}),
    ]


def share_menu() -> html.Details:
    """`share_items` behind a button of the header."""
    made = menu("", "Share", share_items(), "share")
    made.children[1].className = "menu right"
    return made


def span_words(span: tuple[datetime, datetime], zone: ZoneInfo, now: datetime) -> str:
    """`13 Nov 14:05–20 Nov 14:05`."""
    return "–".join(wording.moment(at, now, zone) for at in span)


def _end(words: str, name: str) -> html.Label:
    slots = [html.Span(**{f"data-{kind}": name}, className="date-slot") for kind in ("date", "time")]
    return html.Label([words, html.Span(slots, className="date-pair")], className="date-label")


def _zones(filters: Filters, packs: Mapping[str, Pack], now: datetime) -> list[Any]:
    zones = dict.fromkeys(["UTC", *(pack.zone for pack in packs.values()), filters.zone.key])
    links = [
        link(wording.zone_name(ZoneInfo(key), now), filters.href(tz=key), "menu-item", current=filters.zone.key == key)
        for key in zones
    ]
    return [*links, html.Span(**{"data-own-zone": "1"})]
