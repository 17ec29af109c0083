"""A platform's Health tab: status and score in words, each component with its reasons, and its signals with their threshold lines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, dcc, html

from dashboards import health_words, reads, signals, wording
from dashboards.block import Pages
from dashboards.components import states
from dashboards.components.marks import age, badge, glyph, link
from dashboards.components.signal_card import signal_card
from dashboards.filters import parse
from dashboards.health_words import STATUS_STATE, STATUS_WORDS, ComponentHealth, PlatformHealth
from dashboards.shell import Id as Shell
from dashboards.theme import tones
from roomleft.packs import Pack

SLOW_TICK_MS = 30_000
MOST_REASONS = 5
said = health_words.platform_health


class Id(StrEnum):
    """Ids of this tab."""

    COMPONENTS = "health-components"
    SIGNALS = "health-signals"
    TICK = "health-tick"


def layout() -> list[Any]:
    """Skeletons."""
    return [
        html.Div(html.Div([states.skeleton(150) for _ in range(3)], className="grid3"), id=Id.COMPONENTS),
        html.Div(html.Div([states.skeleton(320) for _ in range(3)], className="grid3"), id=Id.SIGNALS, className="section-title"),
        dcc.Interval(id=Id.TICK, interval=SLOW_TICK_MS),
    ]


def status_mark(status: str) -> html.Span:
    """Shape and word of a status."""
    return html.Span([glyph(STATUS_STATE[status], labelled=False), STATUS_WORDS[status]], className="status")


def heading(pack: Pack, health: PlatformHealth, now: datetime) -> html.Div:
    """The platform's name, how it is, and from when that is."""
    score = f"score {health.score * 100:.0f} of 100" if health.score is not None else "no score"
    return html.Div(
        [
            html.H1([pack.title, "\u2002", status_mark(health.status)], className="page-title"),
            html.P(
                [health.sentence, f" {score[0].upper()}{score[1:]}. ", age(health.observed_at, now, prefix="Checked ")],
                className="page-sub",
            ),
        ]
    )


def component_card(part: ComponentHealth, now: datetime) -> html.Div:
    """A component: status, score, and its checks worst first."""
    listed = part.checks[:MOST_REASONS]
    rest = len(part.checks) - len(listed)
    reasons = [
        html.Li(
            [
                glyph(STATUS_STATE.get(check["status"], "unknown")),
                html.Span([health_words.reason(check), html.Span(f" {_value(check)}", className="dim")]),
                age(check["observed_at"], now),
            ]
        )
        for check in listed
    ]
    score = f"{part.score * 100:.0f} of 100" if part.score is not None else "no score"
    return html.Div(
        [
            html.Div(
                [
                    html.H2([part.title, html.Span("critical", className="unit") if part.critical else None]),
                    status_mark(part.status),
                ],
                className="card-head",
            ),
            html.Div(f"{part.summary} · {score}", className="card-context"),
            html.Ul(reasons, className="reasons") if reasons else html.Div("No check of it was ever read.", className="dim"),
            html.Div(f"and {wording.plural(rest, 'more check')}", className="card-context") if rest else None,
        ],
        className=f"card component-card {part.status}",
    )


def _value(check: Mapping[str, Any]) -> str:
    if not check["words"] or check["value"] is None:
        return ""
    return f"({health_words.reading(check['value'], check['unit'])})"


def chosen_component(pack: Pack, health: PlatformHealth, asked: str) -> str:
    """The component whose signals are shown: the asked one, else the worst that has signals."""
    having = {signal.component for signal in pack.signals}
    if asked in having:
        return asked
    ranked = sorted(
        (part for part in health.components if part.component_id in having), key=lambda part: health_words.RANK[part.status]
    )
    if ranked:
        return ranked[0].component_id
    return next(iter(sorted(having)), "")


def register(app: Dash, pages: Pages) -> None:
    """Connects the tab."""
    parts = pages.parts

    def slug_of(path: str | None) -> str:
        return (path or "").split("/")[2] if (path or "").count("/") >= 2 else ""

    async def health_of(slug: str, now: datetime) -> PlatformHealth:
        checks = await pages.read(("health", slug), lambda: reads.health(parts.store, slug, now))
        return said(parts.packs[slug], checks, now)

    @app.callback(Output(Id.COMPONENTS, "children"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname"))
    async def show_components(_tick: int | None, path: str | None) -> Any:
        now = parts.clock.now()

        async def make() -> Any:
            health = await health_of(slug_of(path), now)
            return html.Div([component_card(part, now) for part in health.components], className="grid3")

        return await pages.guard(make)

    @app.callback(
        Output(Id.SIGNALS, "children"),
        Input(Shell.URL, "search"),
        Input(Id.TICK, "n_intervals"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show_signals(search: str | None, _tick: int | None, theme: str | None, path: str | None) -> Any:
        filters, now, slug = parse(path, search), parts.clock.now(), slug_of(path)

        async def make() -> Any:
            pack = parts.packs[slug]
            component = chosen_component(pack, await health_of(slug, now), filters.get("component"))
            own = [signal for signal in pack.signals if signal.component == component]
            if not own:
                return states.empty(f"{pack.title}'s pack names no signals to draw.")
            span = filters.span(now)
            names = signals.names_of(own)
            rows, step_s = await pages.read(
                ("samples", slug, component, filters.range), lambda: reads.samples(parts.store, slug, names, span)
            )
            deploys = await pages.read(("deploys", slug, filters.range), lambda: reads.deploys(parts.store, slug, span))
            cards = [signal_card(signal, pack, rows, step_s, filters, deploys, now, tones(theme)) for signal in own]
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
