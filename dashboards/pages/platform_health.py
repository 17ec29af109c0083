"""A platform's Health tab: the golden row, each component with its reasons, how it works inside, and its signals with their lines."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html
from dash.exceptions import PreventUpdate

from analytics import signals
from analytics.health import RANK, PlatformHealth, platform_health, silent_after
from analytics.reports import golden, hops, scaling, tiers
from dashboards import reads
from dashboards.block import Pages, calm
from dashboards.components import states
from dashboards.components.golden_row import golden_row
from dashboards.components.health_card import component_card, score_line
from dashboards.components.marks import badge, link
from dashboards.components.signal_card import signal_card
from dashboards.components.still import still
from dashboards.filters import Filters, parse
from dashboards.limit_rows import LimitRow
from dashboards.pages import platform_inside as inside
from dashboards.shell import Id as Shell
from dashboards.theme import tones
from roomleft.limits import Headroom
from roomleft.packs import Pack


class Id(StrEnum):
    """Ids of this tab."""

    GOLDEN = "health-golden"
    COMPONENTS = "health-components"
    INSIDE = "health-inside"
    PLANS = "health-plans"
    SIGNALS = "health-signals"


def layout() -> list[Any]:
    """Skeletons."""
    return [
        html.Div(html.Div([states.skeleton(150) for _ in range(6)], className="golden"), id=Id.GOLDEN),
        html.Div(
            html.Div([states.skeleton(150) for _ in range(3)], className="grid3"), id=Id.COMPONENTS, className="section-title"
        ),
        html.Div(states.coming(), id=Id.INSIDE, className="stack section-title"),
        html.Div(html.Div([states.skeleton(320) for _ in range(3)], className="grid3"), id=Id.SIGNALS, className="section-title"),
        html.Div(states.coming(), id=Id.PLANS, className="stack section-title"),
    ]


def chosen_component(pack: Pack, health: PlatformHealth, asked: str) -> str:
    """The component whose signals are shown: the asked one, else the worst that has signals."""
    having = {signal.component for signal in pack.signals}
    if asked in having:
        return asked
    ranked = sorted((part for part in health.components if part.component_id in having), key=lambda part: RANK[part.status])
    if ranked:
        return ranked[0].component_id
    return next(iter(sorted(having)), "")


def slug_of(path: str | None, packs: Container[str]) -> str:
    """The platform of `/platforms/<slug>…`. Raises PreventUpdate for another address: the page is being left while its blocks are asked."""
    slug = (path or "").split("/")[2] if (path or "").startswith("/platforms/") else ""
    if slug not in packs:
        raise PreventUpdate
    return slug


async def health_of(pages: Pages, slug: str, now: datetime, filters: Filters) -> PlatformHealth:
    """The platform's health; its checks are read once for every block that asks."""
    store = pages.parts.store
    checks = await pages.read(("health", slug), lambda: reads.health(store, slug, now))
    begun = await pages.read(("since", slug), lambda: reads.health_since(store, slug, now))
    return platform_health(pages.parts.packs[slug], checks, now, begun=begun.get(slug), zone=filters.zone)


def headrooms_of(rows: Sequence[LimitRow]) -> Mapping[str, Headroom]:
    """The rows' headroom by limit id."""
    return {row.key: row.headroom for row in rows}


def recent_names(pack: Pack) -> list[str]:
    """The series behind the golden row, the layers and scaling: read together."""
    chosen = golden.golden_signals(pack)
    return signals.names_of([*(chosen.each() if chosen else ()), *inside.layer_signals(pack), *scaling.signals_of(pack)])


def register(app: Dash, pages: Pages) -> None:
    """Connects the tab."""
    parts = pages.parts
    _register_golden(app, pages)
    _register_inside(app, pages)

    @app.callback(
        Output(Id.COMPONENTS, "children"), Input(Shell.TICK, "data"), Input(Shell.URL, "search"), State(Shell.URL, "pathname")
    )
    async def show_components(_tick: int | None, search: str | None, path: str | None) -> Any:
        filters, now, slug = parse(path, search), parts.clock.now(), slug_of(path, parts.packs)

        async def make() -> Any:
            health = await health_of(pages, slug, now, filters)
            # Worst first; what is well stays in the pack's order.
            ranked = sorted(health.components, key=lambda part: RANK[part.status])
            cards = [component_card(part, now, filters.zone) for part in ranked]
            return [score_line(health), still(cards, "grid3")]

        return await pages.guard(make)

    @app.callback(
        Output(Id.SIGNALS, "children"),
        Input(Shell.URL, "search"),
        Input(Shell.TICK, "data"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show_signals(search: str | None, tick: int | None, theme: str | None, path: str | None) -> Any:
        calm(tick)
        filters, now, slug = parse(path, search), parts.clock.now(), slug_of(path, parts.packs)

        async def make() -> Any:
            pack = parts.packs[slug]
            component = chosen_component(pack, await health_of(pages, slug, now, filters), filters.get("component"))
            own = [signal for signal in pack.signals if signal.component == component]
            if not own:
                return states.empty(
                    f"{pack.title}'s pack names no signals of this component.",
                    [link("What is read", filters.href("/sources"), "button")],
                    then="A pack's section `signals` says which series are drawn here (docs/packs.md).",
                )
            span = filters.span(now)
            names = signals.names_of(own)
            rows, step_s = await pages.read(
                ("samples", slug, component, filters.when), lambda: reads.samples(parts.store, slug, names, span)
            )
            earlier: Sequence[Mapping[str, Any]] = ()
            if filters.compare:
                past = filters.previous(now)
                key = ("samples before", slug, component, filters.when)
                earlier, _ = await pages.read(key, lambda: reads.samples(parts.store, slug, names, past, step_s))
            deploys = await pages.read(("deploys", slug, filters.when), lambda: reads.deploys(parts.store, slug, span))
            fired = await pages.read(("firings", slug, filters.when), lambda: parts.firings(slug, *span))
            tone = tones(theme)
            cards = [signal_card(signal, pack, rows, step_s, filters, deploys, now, tone, fired, earlier) for signal in own]
            titles = {part.id: part.title for part in pack.components}
            having = list(dict.fromkeys(signal.component for signal in pack.signals))
            chips = [
                link(titles.get(each, each), filters.href(component=each), "chip", current=each == component) for each in having
            ]
            note = badge(f"{len(deploys)} deploys marked") if deploys else None
            return [
                html.Div([html.Div(chips, className="chip-group"), note], className="chips"),
                html.Div(cards, className="grid3"),
            ]

        return await pages.guard(make)


def _register_golden(app: Dash, pages: Pages) -> None:
    parts = pages.parts

    @app.callback(
        Output(Id.GOLDEN, "children"),
        Input(Shell.TICK, "data"),
        Input(Shell.URL, "search"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show_golden(_tick: int | None, search: str | None, theme: str | None, path: str | None) -> Any:
        filters, now, slug = parse(path, search), parts.clock.now(), slug_of(path, parts.packs)

        async def make() -> Any:
            pack = parts.packs[slug]
            names = recent_names(pack)
            rows = await pages.read(("recent", slug), lambda: reads.recent_samples(parts.store, slug, names, now))
            calls = await pages.read(("ai-calls", slug), lambda: reads.ai_calls(parts.store, slug, now))
            span = (now - reads.RECENT_SPAN, now)
            deploys = await pages.read(("deploys", slug, "day"), lambda: reads.deploys(parts.store, slug, span))
            tiles = [*golden.api_tiles(pack, rows, reads.RECENT_STEP_S), *golden.ai_tiles(calls)]
            return golden_row(tiles, now, filters.zone, tones(theme), deploys, silent_after(pack))

        return await pages.guard(make)


def _register_inside(app: Dash, pages: Pages) -> None:
    parts = pages.parts

    @app.callback(
        Output(Id.INSIDE, "children"),
        Input(Shell.URL, "search"),
        Input(Shell.TICK, "data"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show_inside(search: str | None, tick: int | None, theme: str | None, path: str | None) -> Any:
        calm(tick)
        filters, now, slug = parse(path, search), parts.clock.now(), slug_of(path, parts.packs)

        async def make() -> Any:
            pack, old = parts.packs[slug], silent_after(parts.packs[slug])
            blocks: list[Any] = []
            if pack.request_paths:
                span, names = filters.span(now), hops.names_of(pack)
                hour = await pages.read(("hops", slug), lambda: reads.hop_samples(parts.store, slug, names, now))
                over = await pages.read(("hops", slug, filters.when), lambda: reads.samples(parts.store, slug, names, span))
                deploys = await pages.read(("deploys", slug, filters.when), lambda: reads.deploys(parts.store, slug, span))
                blocks += [
                    inside.path_block(row, pack, over, deploys, filters, now, tones(theme)) for row in hops.path_rows(pack, hour)
                ]
            recent = await pages.read(("recent", slug), lambda: reads.recent_samples(parts.store, slug, recent_names(pack), now))
            step_s = reads.RECENT_STEP_S
            small = [inside.layers_block(pack, signal, recent, step_s, now, old) for signal in inside.layer_signals(pack)]
            if pack.scores:
                ranked = await pages.read(("scores", slug), lambda: reads.component_scores(parts.store, pack, now))
                for score_id, spec in pack.scores.items():
                    own = [row for row in ranked if row.score_id == score_id]
                    small += [inside.scores_block(spec.title, own, now)] if own else []
            blocks += [html.Div([block for block in small if block], className="grid-pair")] if any(small) else []
            if pack.scaling:
                limits = await pages.read("limits", lambda: reads.limits(parts.store, parts.packs, now, parts.slack))
                rows = scaling.scaling_rows(pack, recent, step_s, headrooms_of(limits), now=now)
                blocks.append(inside.scaling_block(rows, now, old))
            return blocks

        return await pages.guard(make)

    # Without a tick: what is opened to be read must not close by itself.
    @app.callback(Output(Id.PLANS, "children"), Input(Shell.URL, "search"), State(Shell.URL, "pathname"))
    async def show_plans(search: str | None, path: str | None) -> Any:
        filters, now, slug = parse(path, search), parts.clock.now(), slug_of(path, parts.packs)

        async def make() -> Any:
            pack = parts.packs[slug]
            blocks: list[Any] = []
            if pack.cost_tiers:
                blocks.append(inside.tiers_block(tiers.tier_rows(pack)))
            if pack.alternatives:
                blocks.append(inside.alternatives_block(tiers.alternative_rows(pack)))
            if pack.risks:
                limits = await pages.read("limits", lambda: reads.limits(parts.store, parts.packs, now, parts.slack))
                blocks.append(
                    inside.risks_block(tiers.risk_rows(pack, headrooms_of(limits)), filters, f"/platforms/{slug}/limits")
                )
            return blocks

        return await pages.guard(make)
