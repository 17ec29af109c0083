"""Platforms: a list of all, and for each a home with the tabs Health, Live, Limits, Deploys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, dcc, html

from analytics.health import RANK, PlatformHealth
from analytics.health import platform_health as health_of
from dashboards import limit_words, reads
from dashboards.block import Pages
from dashboards.components import states
from dashboards.components.health_card import heading, status_mark
from dashboards.components.marks import link
from dashboards.components.still import still
from dashboards.filters import Filters, parse
from dashboards.limit_rows import LimitRow, kept
from dashboards.pages import platform_deploys, platform_health, platform_limits, platform_live
from dashboards.shell import Id as Shell
from roomleft.limits import State as LimitState
from roomleft.packs import Pack

PATH = "/platforms"
TABS = {"health": "Health", "live": "Live", "limits": "Limits", "deploys": "Deploys"}


class Id(StrEnum):
    """Ids of these pages."""

    LIST = "platform-list"
    HEAD = "platform-head"


def address(path: str) -> tuple[str, str]:
    """The platform and tab of `/platforms/<slug>[/<tab>]`; both empty for the list."""
    parts = [part for part in path.removeprefix(PATH).split("/") if part]
    return (parts[0] if parts else ""), (parts[1] if len(parts) > 1 else "health" if parts else "")


def layout(path: str, packs: Mapping[str, Pack]) -> Sequence[Any] | None:
    """The list, or a platform's home; None if the address names neither."""
    slug, tab = address(path)
    if not slug:
        return [html.H1("Platforms", className="page-title"), html.Div(states.skeleton(180), id=Id.LIST, style={"marginTop": 12})]
    if slug not in packs or tab not in TABS:
        return None
    body = {
        "health": platform_health.layout,
        "live": platform_live.layout,
        "limits": platform_limits.layout,
        "deploys": platform_deploys.layout,
    }[tab]
    return [html.Div(states.skeleton(102), id=Id.HEAD), dcc.Store(id="platform-tab", data=tab), *body()]


def tabs(filters: Filters, slug: str, current: str) -> html.Nav:
    """The tabs of a platform's home."""
    links = [
        link(
            words,
            filters.href(f"{PATH}/{slug}" + ("" if tab == "health" else f"/{tab}")),
            "home-tab",
            current="page" if tab == current else False,
        )
        for tab, words in TABS.items()
    ]
    # Made on the server: the browser loads it as a page of its own.
    links.append(html.A("Status page", href=filters.href(f"/status/{slug}"), className="home-tab"))
    return html.Nav(links, className="home-tabs", **{"aria-label": "Of this platform"})


def platform_card(pack: Pack, said: PlatformHealth, rows: Sequence[LimitRow], filters: Filters, now: datetime) -> html.A:
    """One platform in the list: how it is, its limits by state, and which of them comes first."""
    first = rows[0] if rows else None
    out = limit_words.runs_out(first, now, filters.zone) if first else None
    return link(
        [
            html.Div(
                [html.H2(pack.title), html.Span([html.Span("Services ", className="dim"), status_mark(said.status)])],
                className="card-head",
            ),
            html.Div(pack.summary, className="card-context"),
            html.Div(said.sentence, style={"margin": "8px 0 6px"}),
            platform_limits.state_counts(rows),
            html.Div(
                [html.Span("First: ", className="dim"), first.limit.title, html.Span(f", {out.strong}", className="dim")],
                className="card-context",
            )
            if first and out
            else None,
        ],
        filters.href(f"{PATH}/{pack.slug}"),
        "card platform-card",
    )


def register(app: Dash, pages: Pages) -> None:
    """Connects the list, the head and the tabs."""
    parts = pages.parts

    @app.callback(
        Output(Id.LIST, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_list(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            checks = await pages.read("health", lambda: reads.health(parts.store, None, now))
            rows = await pages.read("limits", lambda: reads.limits(parts.store, parts.packs, now, parts.slack))
            begun = await pages.read("since", lambda: reads.health_since(parts.store, None, now))
            cards = []
            for slug, pack in parts.packs.items():
                own = [row for row in checks if row["platform"] == slug]
                health = health_of(pack, own, now, begun=begun.get(slug), zone=filters.zone)
                limits = kept(rows, platform=slug)
                needing = sum(row.state is not LimitState.OK for row in limits)
                cards.append(((RANK[health.status], -needing), platform_card(pack, health, limits, filters, now)))
            cards = [card for _, card in sorted(cards, key=lambda each: each[0])]
            return still(cards, "platform-list") if cards else states.empty("No pack is loaded.", then=states.NO_PACK)

        return await pages.guard(make)

    @app.callback(
        Output(Id.HEAD, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_head(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now, slug = parse(path, search), parts.clock.now(), platform_health.slug_of(path, parts.packs)
        _, tab = address(path or "")

        async def make() -> Any:
            pack = parts.packs[slug]
            health = await platform_health.health_of(pages, slug, now, filters)
            return [heading(pack, health, now), tabs(filters, slug, tab)]

        return await pages.guard(make)

    platform_health.register(app, pages)
    platform_live.register(app, pages)
    platform_limits.register(app, pages)
    platform_deploys.register(app, pages)
