"""Cost, the Explorer: what AI usage cost in a range, against the period before, by any dimension, and who used most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from dashboards import cost_tables, reads, wording
from dashboards.block import Pages
from dashboards.components import states
from dashboards.components.chart_card import graph
from dashboards.components.marks import age, badge, link
from dashboards.cost_tables import CostSummary, summarise
from dashboards.figures.cost_chart import NO_NAME, OTHER, colours, cost_chart, groups
from dashboards.filters import Filters, parse
from dashboards.reads import COST_FILTERS, DIMENSIONS
from dashboards.shell import Id as Shell
from dashboards.shell import menu
from dashboards.theme import Tones, tones
from roomleft.money import usd

PATH = "/cost"
BY_DEFAULT = "provider"


class Id(StrEnum):
    """Ids of this page."""

    FILTERS = "cost-filters"
    TOTAL = "cost-total"
    GROUPS = "cost-groups"
    USERS = "cost-users"


def layout() -> list[Any]:
    """Skeletons of the final heights."""
    return [
        html.H1("Cost", className="page-title"),
        html.Div(states.skeleton(30), id=Id.FILTERS, className="filter-bar"),
        html.Div(states.skeleton(420), id=Id.TOTAL),
        html.Div(
            [html.Div(states.skeleton(240), id=Id.GROUPS), html.Div(states.skeleton(240), id=Id.USERS)],
            className="grid2",
            style={"marginTop": 12},
        ),
    ]


def by_of(filters: Filters) -> str:
    """The dimension to group by."""
    return filters.chosen("by", DIMENSIONS, BY_DEFAULT)


def filter_bar(filters: Filters, choices: Mapping[str, Sequence[str]]) -> list[Any]:
    """Group by, and a menu for each dimension to narrow by."""
    by = by_of(filters)
    grouping = [
        link(words.capitalize(), filters.href(by=name), "menu-item", current=name == by) for name, words in DIMENSIONS.items()
    ]
    bar: list[Any] = [menu("Group by", DIMENSIONS[by], grouping, "by")]
    for name in COST_FILTERS:
        chosen = filters.page.get(name)
        values = list(choices.get(name, ()))
        if chosen and chosen not in values:
            values.append(chosen)
        if not values:
            continue
        words = DIMENSIONS[name].capitalize()
        options = [link("Any", filters.href(**{name: None}), "menu-item", current=not chosen)]
        options += [link(value, filters.href(**{name: value}), "menu-item", current=value == chosen) for value in values]
        bar.append(menu(words, chosen or "any", options, name))
    if any(filters.page.get(name) for name in COST_FILTERS):
        bar.append(link("Clear filters", filters.href(**dict.fromkeys(COST_FILTERS)), "button"))
    return bar


def total_block(
    summary: CostSummary, before: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], edges: Sequence[datetime],
    deploys: Sequence[Mapping[str, Any]], filters: Filters, now: datetime, tone: Tones,
) -> html.Div:  # fmt: skip
    """The total, the period before, cost per request, tokens, and the chart."""
    since, until = filters.span(now)
    partial = (edges[0] < reads.whole_buckets(since), until >= now)
    compared = cost_tables.change(summary.total_usd, before["cost_usd"])
    if compared is None:
        against = "nothing in the period before"
    else:
        direction = "more" if compared > 0 else "less"
        against = f"{wording.percent(abs(compared))} {direction} than {usd(before['cost_usd'])} in the period before"
    marks = []
    if summary.unpriced_requests:
        marks.append(
            badge(
                f"at least: {summary.unpriced_requests:,} of {summary.requests:,} calls unpriced",
                "warn",
                "No price is known for them, so they count nothing here",
            )
        )
    priced = summary.requests - summary.unpriced_requests
    each = usd(summary.total_usd / priced, 4) if priced else "–"
    facts = [
        _fact("Total", [usd(cost_tables.in_cents(summary.total_usd)), " ", *marks], against),
        _fact("Calls", wording.count(summary.requests), f"{summary.failed_requests:,} failed"),
        _fact("A priced call", each, f"{priced:,} calls"),
        _fact(
            "Tokens",
            wording.count(summary.tokens),
            f"{wording.count(summary.images)} images" if summary.images else "input and output",
        ),
    ]
    figure = cost_chart(rows, edges, (since, until), filters.zone, tone, partial=partial, deploys=deploys, key=filters.href())
    first = f"{wording.moment(since, now, filters.zone)}–{wording.moment(until, now, filters.zone)}, {wording.zone_name(filters.zone, now)}"
    context: list[Any] = [first]
    if partial[0]:
        context.append(" · the pale first bar began before the range")
    if partial[1]:
        context.append(f" · the pale last bar is still filling, {wording.age(now - edges[-1])} of {wording.age(_length(edges))}")
    head = html.Div(
        [html.H2(["AI usage cost", html.Span("US dollars", className="unit")]), age(summary.last_at, now, prefix="newest call ")],
        className="card-head",
    )
    label = f"Cost by {DIMENSIONS[by_of(filters)]} over {filters.range_words.lower()}: {usd(summary.total_usd)} in all"
    return html.Div(
        [
            head,
            html.Div(facts, className="total-row", style={"margin": "8px 0"}),
            html.Div(context, className="card-context"),
            graph(figure, "cost-chart", label),
        ],
        className="card",
    )


def _length(edges: Sequence[datetime]) -> timedelta:
    return edges[-1] - edges[-2] if len(edges) > 1 else timedelta(hours=1)


def _fact(label: str, value: Any, note: str) -> html.Div:
    return html.Div(
        [
            html.Div(label, className="fact-label"),
            html.Div(value, className="card-value"),
            html.Div(note, className="card-context"),
        ]
    )


def groups_table(
    summary: CostSummary, rows: Sequence[Mapping[str, Any]], filters: Filters, now: datetime, tone: Tones
) -> html.Div:
    """One line a group; shares and dollars add up to the foot."""
    by = by_of(filters)
    tint = colours(list(groups(rows)), tone)
    body = []
    for group in summary.groups:
        name = group.name or NO_NAME
        colour = tint.get(name, tint.get(OTHER, tone.dim))
        label: Any = link(name, filters.href(**{by: group.name})) if by in (*COST_FILTERS, "platform") and group.name else name
        unpriced = badge(f"{group.unpriced_requests:,} unpriced", "warn") if group.unpriced_requests else None
        body.append(
            html.Tr(
                [
                    html.Td([html.Span(className="swatch", style={"background": colour}), label, " ", unpriced]),
                    html.Td(usd(group.shown_usd), className="num strong"),
                    html.Td(
                        [
                            html.Span(className="share-bar", style={"width": f"{float(group.share_percent) * 0.6:.1f}px"}),
                            f" {group.share_percent}{wording.THIN}%",
                        ],
                        className="num",
                    ),
                    html.Td(wording.count(group.requests), className="num"),
                    html.Td(_each(group.per_request_usd), className="num"),
                    html.Td(wording.count(group.tokens), className="num"),
                    html.Td(age(group.last_at, now, old=timedelta(days=36_500)), className="num dim"),
                ]
            )
        )
    percent = "100" if summary.total_usd else "0"
    foot = html.Tr(
        [
            html.Td("Total"),
            html.Td(usd(cost_tables.in_cents(summary.total_usd)), className="num"),
            html.Td(f"{percent}{wording.THIN}%", className="num"),
            html.Td(wording.count(summary.requests), className="num"),
            html.Td("", className="num"),
            html.Td(wording.count(summary.tokens), className="num"),
            html.Td(""),
        ]
    )
    return _table(
        f"By {DIMENSIONS[by]}",
        (DIMENSIONS[by].capitalize(), "Cost", "Share", "Calls", "A priced call", "Tokens", "Newest"),
        body,
        foot,
    )


def _each(amount: Decimal | None) -> str:
    return "unpriced" if amount is None else usd(amount, 4) if amount else "$0"


def users_table(users: Sequence[Mapping[str, Any]], now: datetime) -> html.Div:
    """Who cost most, by pseudonym."""
    if not users:
        return states.empty("No user is named in this range's usage.")
    body = [
        html.Tr(
            [
                html.Td(_short(user["user_id"]), className="mono", title=user["user_id"]),
                html.Td(user["tier"] or "–"),
                html.Td([usd(user["cost_usd"]), " +" if user["unpriced_requests"] else ""], className="num strong"),
                html.Td(wording.count(user["requests"]), className="num"),
                html.Td(wording.count(user["tokens"]), className="num"),
            ]
        )
        for user in users
    ]
    return _table("Top users", ("User", "Tier", "Cost", "Calls", "Tokens"), body, None, note="whole UTC days, by pseudonym")


def _short(user: str) -> str:
    return user if len(user) <= 12 else f"{user[:11]}…"


def _table(title: str, heads: Sequence[str], body: Sequence[Any], foot: Any, note: str = "") -> html.Div:
    # The first column is text; so is a second one called Tier.
    head = [html.Th(name, className="" if n == 0 or name == "Tier" else "num", scope="col") for n, name in enumerate(heads)]
    return html.Div(
        [
            html.Div(
                [html.H2(title), html.Span(note, className="dim") if note else None],
                className="card-head",
                style={"padding": "10px 14px 4px"},
            ),
            html.Div(
                html.Table(
                    [html.Thead(html.Tr(head)), html.Tbody(list(body)), *([html.Tfoot(foot)] if foot else [])],
                    className="plain-table",
                ),
                className="table-scroll",
            ),
        ],
        className="card flush",
    )


def nothing(span: Mapping[str, Any], filters: Filters, now: datetime) -> html.Div:
    """Why there is no cost in the range, and where there is some."""
    whose = filters.platform or "any platform"
    if span["last_at"] is None:
        return states.empty(
            f"No AI usage of {whose} has arrived yet. Connect a source, or import a file: roomleft import FILE --as usage."
        )
    first, last = (wording.moment(span[name], now, filters.zone) for name in ("first_at", "last_at"))
    actions = [link("Last 90 d", filters.href(range="90d"), "button")]
    if any(filters.page.get(name) for name in COST_FILTERS):
        actions.append(link("Clear filters", filters.href(**dict.fromkeys(COST_FILTERS)), "button"))
    return states.empty(
        f"No AI usage in this range under these filters. There is some of {whose} from {first} to {last}.", actions
    )


def register(app: Dash, pages: Pages) -> None:
    """Connects the page's blocks."""
    parts = pages.parts

    async def cost(filters: Filters, now: datetime) -> tuple[list[dict[str, Any]], list[datetime]]:
        by = by_of(filters)
        key = ("cost", filters.on(PATH).href(), by)
        found: tuple[list[dict[str, Any]], list[datetime]] = await pages.read(
            key, lambda: reads.cost_by(parts.store, filters, by, now)
        )
        return found

    @app.callback(Output(Id.FILTERS, "children"), Input(Shell.URL, "search"), State(Shell.URL, "pathname"))
    async def show_filters(search: str | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            choices = await pages.read(
                ("choices", filters.range, filters.platform), lambda: reads.cost_choices(parts.store, filters, now)
            )
            return [*filter_bar(filters, choices), *(states.note(problem) for problem in filters.problems)]

        return await pages.guard(make)

    @app.callback(
        Output(Id.TOTAL, "children"),
        Input(Shell.URL, "search"),
        Input(Shell.TICK, "data"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show_total(search: str | None, _tick: int | None, theme: str | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            rows, edges = await cost(filters, now)
            if not rows:
                span = await pages.read(("span", filters.platform), lambda: reads.usage_span(parts.store, filters.platform))
                return nothing(span, filters, now)
            address = filters.href()
            before = await pages.read(("before", address), lambda: reads.cost_total(parts.store, filters, filters.previous(now)))
            deploys = await pages.read(
                ("deploys", filters.platform, address), lambda: reads.deploys(parts.store, filters.platform, filters.span(now))
            )
            # Five platforms' deploys on one chart would hide it: they are drawn for one platform.
            return total_block(
                summarise(rows), before, rows, edges, deploys if filters.platform else (), filters, now, tones(theme)
            )

        return await pages.guard(make)

    @app.callback(
        Output(Id.GROUPS, "children"),
        Input(Shell.URL, "search"),
        Input(Shell.TICK, "data"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show_groups(search: str | None, _tick: int | None, theme: str | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            rows, _ = await cost(filters, now)
            return groups_table(summarise(rows), rows, filters, now, tones(theme)) if rows else None

        return await pages.guard(make)

    @app.callback(
        Output(Id.USERS, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_users(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            users = await pages.read(("users", filters.href()), lambda: reads.top_users(parts.store, filters, now))
            return users_table(users, now)

        return await pages.guard(make)
