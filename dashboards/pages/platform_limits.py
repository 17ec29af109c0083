"""A platform's Limits tab."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from dash import Dash, html

from analytics.targets import target_rows
from dashboards import reads
from dashboards.block import Pages
from dashboards.components import headroom_bar, states
from dashboards.components.limit_table import ORDERS, chips, limit_table
from dashboards.components.marks import glyph, link
from dashboards.components.still import still
from dashboards.components.target_table import targets_table
from dashboards.filters import Filters
from dashboards.limit_rows import LimitRow, kept, sorted_by
from dashboards.pages.platform_tab import of_platform
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

    async def every() -> list[LimitRow]:
        rows: list[LimitRow] = await pages.read(
            "limits", lambda: reads.limits(parts.store, parts.packs, parts.clock.now(), parts.slack)
        )
        return rows

    async def limits(filters: Filters, now: datetime, slug: str) -> Any:
        rows = kept(await every(), platform=slug)
        listed = sorted_by(kept(rows, state=filters.get("state"), kind=filters.get("kind")), filters.chosen("sort", ORDERS))
        csv = filters.on("/export/limits.csv").href(platform=slug, limit=None, range=None, tz=None)
        if not listed:
            everything = link("Show all limits", filters.href(state=None, kind=None), "button")
            return [chips(rows, filters, csv_href=csv), states.empty("No limit passes these filters.", [everything])]
        table = still(limit_table(listed, filters, now), "card flush")
        return [chips(rows, filters, csv_href=csv), table, headroom_bar.key()]

    async def targets(filters: Filters, now: datetime, slug: str) -> Any:
        headrooms = {row.key: row.headroom for row in await every() if row.limit.platform == slug}
        return targets_table(target_rows(parts.packs[slug], headrooms), filters, now)

    of_platform(app, pages, Id.LIMITS, limits)
    of_platform(app, pages, Id.TARGETS, targets)
