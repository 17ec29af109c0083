"""A platform's Limits tab."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from analytics.targets import target_rows
from dashboards import reads
from dashboards.block import Pages
from dashboards.components import headroom_bar, states
from dashboards.components.limit_table import ORDERS, chips, limit_table
from dashboards.components.marks import glyph
from dashboards.components.still import still
from dashboards.components.target_table import targets_table
from dashboards.filters import parse
from dashboards.limit_rows import LimitRow, kept, sorted_by
from dashboards.pages.platform_health import slug_of
from dashboards.shell import Id as Shell
from roomleft.limits import WORST_FIRST


class Id(StrEnum):
    """Ids of this tab."""

    LIMITS = "platform-limits"
    TARGETS = "platform-targets"


def layout() -> list[Any]:
    """A skeleton."""
    return [
        html.Div(states.skeleton(320), id=Id.LIMITS),
        html.Div(states.skeleton(320), id=Id.TARGETS, className="section-title"),
    ]


def state_counts(rows: Sequence[LimitRow]) -> html.Div:
    """A platform's limits by state, as marks and words."""
    counts = Counter(row.state for row in rows)
    marks = [
        html.Span([glyph(state, labelled=False), f" {counts[state]} {state}"], style={"marginRight": 14})
        for state in WORST_FIRST
        if counts[state]
    ]
    return html.Div(marks or "no limits", className="dim")


def register(app: Dash, pages: Pages) -> None:
    """Connects the tab."""
    parts = pages.parts

    @app.callback(
        Output(Id.LIMITS, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_limits(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now, slug = parse(path, search), parts.clock.now(), slug_of(path, parts.packs)

        async def make() -> Any:
            rows = kept(
                await pages.read("limits", lambda: reads.limits(parts.store, parts.packs, now, parts.slack)), platform=slug
            )
            listed = sorted_by(kept(rows, state=filters.get("state"), kind=filters.get("kind")), filters.chosen("sort", ORDERS))
            csv = filters.on("/export/limits.csv").href(platform=slug, limit=None, range=None, tz=None)
            if not listed:
                return [chips(rows, filters, csv_href=csv), states.empty("No limit passes these filters.")]
            return [
                chips(rows, filters, csv_href=csv),
                still(limit_table(listed, filters, now), "card flush"),
                headroom_bar.key(),
            ]

        return await pages.guard(make)

    @app.callback(
        Output(Id.TARGETS, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_targets(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now, slug = parse(path, search), parts.clock.now(), slug_of(path, parts.packs)

        async def make() -> Any:
            rows = await pages.read("limits", lambda: reads.limits(parts.store, parts.packs, now, parts.slack))
            headrooms = {row.key: row.headroom for row in rows if row.limit.platform == slug}
            return targets_table(target_rows(parts.packs[slug], headrooms), filters, now)

        return await pages.guard(make)
