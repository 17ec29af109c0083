"""A platform's Limits and Deploys tabs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from analytics.targets import target_rows
from dashboards import reads, wording
from dashboards.block import Pages
from dashboards.components import headroom_bar, states
from dashboards.components.limit_table import ORDERS, chips, limit_table
from dashboards.components.marks import age, badge, glyph
from dashboards.components.target_table import targets_table
from dashboards.filters import Filters, parse
from dashboards.limit_rows import LimitRow, kept, sorted_by
from dashboards.shell import Id as Shell
from roomleft.limits import WORST_FIRST

EVER = timedelta(days=36_500)
"""A deploy does not go stale."""
KIND_BADGES = {"rollback": "warn", "launch": "", "deploy": ""}


class Id(StrEnum):
    """Ids of these tabs."""

    LIMITS = "platform-limits"
    TARGETS = "platform-targets"
    DEPLOYS = "platform-deploys"


def layout() -> list[Any]:
    """A skeleton."""
    return [
        html.Div(states.skeleton(320), id=Id.LIMITS),
        html.Div(states.skeleton(320), id=Id.TARGETS, className="section-title"),
    ]


def deploys_layout() -> list[Any]:
    """A skeleton."""
    return [html.Div(states.skeleton(320), id=Id.DEPLOYS)]


def state_counts(rows: Sequence[LimitRow]) -> html.Div:
    """A platform's limits by state, as marks and words."""
    counts = Counter(row.state for row in rows)
    marks = [
        html.Span([glyph(state, labelled=False), f" {counts[state]} {state}"], style={"marginRight": 14})
        for state in WORST_FIRST
        if counts[state]
    ]
    return html.Div(marks or "no limits", className="dim")


def deploy_table(deploys: Sequence[Mapping[str, Any]], filters: Filters, now: datetime) -> html.Div:
    """Deploys, launches and rollbacks, newest first."""
    rows = [
        html.Tr(
            [
                html.Td(wording.moment(each["deployed_at"], now, filters.zone)),
                html.Td(badge(each["kind"], KIND_BADGES.get(each["kind"], ""))),
                html.Td(each["component"] or "–"),
                html.Td(each["version"] or "–", className="mono"),
                html.Td(each["title"], style={"whiteSpace": "normal"}),
                html.Td(age(each["deployed_at"], now, old=EVER), className="num dim"),
            ]
        )
        for each in deploys
    ]
    heads = [html.Th(name, scope="col") for name in ("When", "Kind", "Component", "Version", "What")]
    heads.append(html.Th("Age", className="num", scope="col"))
    return html.Div(
        html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="plain-table"), className="card flush table-scroll"
    )


def register(app: Dash, pages: Pages) -> None:
    """Connects both tabs."""
    parts = pages.parts

    @app.callback(
        Output(Id.LIMITS, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_limits(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now, slug = parse(path, search), parts.clock.now(), (path or "").split("/")[2]

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
                html.Div(limit_table(listed, filters, now), className="card flush"),
                headroom_bar.key(),
            ]

        return await pages.guard(make)

    @app.callback(
        Output(Id.TARGETS, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_targets(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now, slug = parse(path, search), parts.clock.now(), (path or "").split("/")[2]

        async def make() -> Any:
            rows = await pages.read("limits", lambda: reads.limits(parts.store, parts.packs, now, parts.slack))
            headrooms = {row.key: row.headroom for row in rows if row.limit.platform == slug}
            return targets_table(target_rows(parts.packs[slug], headrooms), filters, now)

        return await pages.guard(make)

    @app.callback(
        Output(Id.DEPLOYS, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_deploys(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now, slug = parse(path, search), parts.clock.now(), (path or "").split("/")[2]

        async def make() -> Any:
            deploys = await pages.read(
                ("deploys", slug, filters.range, filters.zone.key), lambda: reads.deploys(parts.store, slug, filters.span(now))
            )
            if not deploys:
                wider = html.A("Last 90 d", href=filters.href(range="90d"), className="button", **{"data-nav": "1"})
                return states.empty(f"No deploy of {slug} in this range ({filters.range_words.lower()}).", [wider])
            return deploy_table(deploys, filters, now)

        return await pages.guard(make)
