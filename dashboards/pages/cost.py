"""Cost, the Explorer: what AI usage and infrastructure cost together in a range, by any dimensions, against another period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from analytics.anomalies.finding import Anomaly
from analytics.catalogue import PriceList
from analytics.ledger import Costs
from analytics.ledger_cost import INFRASTRUCTURE, OTHERS
from dashboards import reads, wording
from dashboards.alert_marks import about_money
from dashboards.alert_rows import Firing
from dashboards.anomaly_rows import recent
from dashboards.block import Pages
from dashboards.charts.money import bar_ends, series_address
from dashboards.components import states
from dashboards.components.chart_card import behind, graph
from dashboards.components.marks import age, badge, link
from dashboards.components.still import still
from dashboards.cost_asked import Answered, kept, span_words, unmet_of, wrong_of
from dashboards.cost_tables import WORDS, Line, Statement, label_of, statement
from dashboards.figures.chart import leads_to
from dashboards.figures.cost_chart import OTHER, colours, cost_chart, groups
from dashboards.figures.earlier import add_earlier, earlier_cost, values_of
from dashboards.figures.odd_bands import odd_bands
from dashboards.filters import Filters, bucket_edges, parse
from dashboards.pages import cost_tabs, unusual
from dashboards.pages.cost_bar import filter_bar, narrowed
from dashboards.pages.cost_facts import ROWS, change_words, facts, page_filters
from dashboards.pages.cost_notes import ahead, left_out, nothing, stale_note, sure_marks
from dashboards.shell import Id as Shell
from dashboards.theme import Tones, tones
from roomleft.money import usd

PATH = "/cost"


class Id(StrEnum):
    """Ids of this page."""

    FILTERS = "cost-filters"
    TOTAL = "cost-total"
    UNUSUAL = "cost-unusual"
    GROUPS = "cost-groups"


def layout() -> list[Any]:
    """Skeletons of the final heights."""
    return [
        *cost_tabs.head(),
        html.Div(states.skeleton(30), id=Id.FILTERS, className="filter-bar cost-bar"),
        html.Div(states.skeleton(438), id=Id.TOTAL),
        html.Div(states.coming(), id=Id.UNUSUAL),
        html.Div(states.skeleton(300), id=Id.GROUPS, style={"marginTop": 12}),
    ]


def total_block(
    found: Answered,
    lines: Statement,
    deploys: Sequence[Mapping[str, Any]],
    filters: Filters,
    now: datetime,
    tone: Tones,
    stale: Sequence[PriceList] = (),
    odd: Sequence[Anomaly] = (),
    firings: Sequence[Firing] = (),
) -> html.Div:
    """AI and infrastructure and what they come to, against the period before, and the chart. `stale`: lists of prices long not compared."""
    told = found.now
    rows = chart_rows(told)
    until = min(told.until, now)
    filling = told.until > now or until == now
    compared = filters.compare and found.before is not None
    past = (
        earlier_cost(found.before.edges, told.edges, edge_sums(found.before), found.before.until)
        if compared and found.before
        else []
    )
    figure = cost_chart(
        rows, told.edges, (told.since, until), filters.zone, tone, partial=(False, filling), deploys=deploys, firings=firings,
        key=filters.href(), addresses=addresses(told, filters), beside=values_of({"": past}),
    )  # fmt: skip
    leads_to(
        figure, filters.zone, "calls", filters.href(ROWS, **{**page_filters(filters), "range": None}),
        ends=dict(zip(told.edges, bar_ends(told, now), strict=True)),
    )  # fmt: skip
    marks = [piece for mark in sure_marks(told, filters) for piece in (mark, " ")]
    context: list[Any] = [*marks, span_words((told.since, until), filters, now), f", {wording.zone_name(filters.zone, now)}"]
    if told.grain != "15 minutes":
        context.append(f" · counted in whole days of {told.grain.removeprefix('day of ')}")
    if told.edges and bucket_edges(told.since, until, filters.zone)[0] < told.since:
        context.append(" · the first bar begins with the range")
    if filling and told.edges:
        context.append(f" · the hollow last bar is still filling, {wording.age(now - told.edges[-1])} so far")
    if past:
        add_earlier(figure, {"": past}, timedelta(0), filters.zone, tone, hover="$%{y:,.4~f}")
        context.append(f" · dotted: {found.against}")
    elif compared:
        context.append(f" · {found.against}: not as long, so not drawn beside")
    odd_bands(figure, odd, filters.zone, tone)
    head = html.Div(
        [
            html.H2(["AI usage and infrastructure", html.Span("US dollars", className="unit")]),
            age(told.total.last_at, now, prefix="newest call "),
        ],
        className="card-head",
    )
    label = f"Cost by {WORDS[told.by[0]]} over {filters.range_words.lower()}: {usd(lines.foot.cost_cents)} in all"
    return html.Div(
        [
            head,
            facts(found, lines, filters, now),
            left_out(told),
            stale_note(stale, filters),
            html.Div(context, className="card-context"),
            graph(figure, "cost-chart", label, query=behind("cost", filters, **kept(filters)), ranged=True),
        ],
        className="card",
    )


def addresses(told: Costs, filters: Filters) -> dict[str, str]:
    """Where a click on a group's bars leads, by the group's words on the chart."""
    by = told.by[0]
    found = {value: series_address(filters, by, value) for _, value in told.series}
    return {label_of(by, value): address for value, address in found.items() if address is not None}


def edge_sums(told: Costs) -> dict[datetime, Decimal]:
    """The cost of each bucket, over all groups."""
    sums: dict[datetime, Decimal] = {}
    for (edge, _), cost in told.series.items():
        sums[edge] = sums.get(edge, Decimal(0)) + cost
    return sums


def chart_rows(told: Costs) -> list[dict[str, Any]]:
    """The series as the chart takes them, with the words of their values."""
    name = told.by[0]
    return [
        {"name": OTHER if value == OTHERS else label_of(name, value), "bucket_start": edge, "cost_usd": cost}
        for (edge, value), cost in told.series.items()
    ]


def groups_table(told: Costs, lines: Statement, filters: Filters, now: datetime, tone: Tones) -> html.Section:
    """One line a group; every column adds up to its foot, and AI and infrastructure to the cost."""
    tint = colours(list(groups(chart_rows(told))), tone)
    names = [WORDS[name] for name in told.by]
    compared = lines.foot.before_cents is not None
    heads = [f"{name[:1].upper()}{name[1:]}" for name in names] + ["AI usage", "Infrastructure", "Cost", "Share"]
    heads += ["Before", "Change"] if compared else []
    heads += ["Calls", "A priced call", "Tokens", "Newest"]
    body = [html.Tr(_cells(line, told, filters, now, tint, tone, compared)) for line in lines.lines]
    foot = html.Tr(
        [
            html.Td("Total", colSpan=len(names)),
            *_amounts(lines.foot, filters.href(ROWS, **page_filters(filters)), compared),
            html.Td(wording.count(told.total.requests), className="num", **{"data-label": "Calls"}),
            html.Td(_each(lines.foot), className="num", **{"data-label": "A priced call"}),
            html.Td(wording.count(told.total.tokens), className="num", **{"data-label": "Tokens"}),
            html.Td(""),
        ]
    )
    text = len(names)
    head = html.Tr([html.Th(name, className="" if n < text else "num", scope="col") for n, name in enumerate(heads)])
    title = f"By {' and '.join(names)}"
    note = f"{wording.plural(len(lines.lines), 'group')}; click a cost for the rows behind it"
    # A thousand users are twelve thousand cells.
    return still(
        [
            html.Div([html.H2(title), html.Span(note, className="dim note-beside")], className="card-head table-head"),
            html.Div(
                html.Table([html.Thead(head), html.Tbody(body), html.Tfoot(foot)], className="plain-table cost-table"),
                className="table-scroll",
            ),
        ],
        "card flush",
    )


def _cells(
    line: Line, told: Costs, filters: Filters, now: datetime, tint: Mapping[str, str], tone: Tones, compared: bool
) -> list[Any]:
    cost = line.cost
    colour = tint.get(line.labels[0], tint.get(OTHER, tone.dim))
    own = OTHERS not in cost.key
    of_infrastructure = INFRASTRUCTURE in cost.key
    changes = {**page_filters(filters), **narrowed(filters, told.by, cost.key)} if own else {}
    if of_infrastructure:
        changes = {**page_filters(filters), "kind": "infrastructure"}
        changes |= {n: v for n, v in narrowed(filters, told.by, cost.key).items() if v != INFRASTRUCTURE}
    rows = filters.href(ROWS, **changes) if own else None
    unpriced = badge(f"{cost.unpriced_requests:,} unpriced", "warn", _unpriced_words(line)) if cost.unpriced_requests else None
    restated = (
        badge("restated", title=f"{wording.plural(cost.restated_requests or 0, 'call')} priced again")
        if cost.restated_requests
        else None
    )
    first: list[Any] = [html.Span(className="swatch", style={"background": colour}), _short(told.by[0], line.labels[0])]
    labels = [html.Td([*first, " ", unpriced, restated], className="label", title=line.labels[0])]
    labels += [
        html.Td(_short(name, label), className="label", title=label)
        for name, label in zip(told.by[1:], line.labels[1:], strict=True)
    ]
    return [
        *labels,
        *_amounts(line, rows, compared),
        html.Td(_count(cost.requests, line), className="num", **{"data-label": "Calls"}),
        html.Td(_each(line), className="num", **{"data-label": "A priced call"}),
        html.Td(_count(cost.tokens, line), className="num", **{"data-label": "Tokens"}),
        html.Td(age(cost.last_at, now, old=timedelta(days=36_500)), className="num dim", **{"data-label": "Newest"}),
    ]


def _share_words(line: Line) -> str:
    """`12.3 %`; what is little is not nothing."""
    little = not line.share_percent and line.cost_cents > 0
    return f"{'<' + wording.THIN + '0.1' if little else line.share_percent}{wording.THIN}%"


def _amounts(line: Line, rows: str | None, compared: bool) -> list[Any]:
    plus = " +" if line.cost.unpriced_requests else ""
    shown = f"{usd(line.cost_cents)}{plus}"
    cells = [
        html.Td(usd(line.ai_cents), className="num", **{"data-label": "AI usage"}),
        html.Td(usd(line.infrastructure_cents), className="num", **{"data-label": "Infrastructure"}),
        html.Td(
            link(shown, rows, title="The rows behind it") if rows else shown, className="num strong", **{"data-label": "Cost"}
        ),
        html.Td(_share_words(line), className="num", **{"data-label": "Share"}),
    ]
    if compared:
        before = line.before_cents
        words = change_words(line.change) if before or line.cost_cents else "–"
        cells.append(html.Td(usd(before) if before is not None else "–", className="num", **{"data-label": "Before"}))
        cells.append(html.Td(words, className="num", **{"data-label": "Change"}))
    return cells


def _unpriced_words(line: Line) -> str:
    tokens = line.cost.unpriced_tokens
    return f"{tokens:,} tokens have no price: the cost is at least this" if tokens else "The cost is at least this"


def _each(line: Line) -> str:
    if not line.cost.requests:
        return "–"
    amount: Decimal | None = line.per_request_usd
    return "unpriced" if amount is None else usd(amount, 4) if amount else "$0"


def _count(number: int, line: Line) -> str:
    """A count; nothing for infrastructure, which makes no calls."""
    return wording.count(number) if line.cost.requests or not line.cost.infrastructure_usd else "–"


def _short(name: str, label: str) -> str:
    return f"{label[:11]}…" if name in ("user", "api_key_hash") and len(label) > 24 else label


def register(app: Dash, pages: Pages) -> None:
    """Connects the page's blocks."""
    parts = pages.parts

    async def answer(filters: Filters, now: datetime) -> Answered:
        found: Answered = await pages.read(("cost", filters.on(PATH).href()), lambda: reads.cost(parts, filters, now))
        return found

    async def choices(filters: Filters, now: datetime) -> Mapping[str, Sequence[str]]:
        key = ("choices", filters.range, filters.zone.key, filters.platform)
        found: Mapping[str, Sequence[str]] = await pages.read(key, lambda: reads.cost_choices(parts, filters, now))
        return found

    @app.callback(Output(Id.FILTERS, "children"), Input(Shell.URL, "search"), State(Shell.URL, "pathname"))
    async def show_filters(search: str | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            found = await choices(filters, now)
            return [
                *filter_bar(filters, found, now),
                *(states.note(words) for words in (*filters.told(now), *wrong_of(filters), *unmet_of(filters, found))),
            ]

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
            if filters.ahead(now):
                return ahead(filters)
            found = await answer(filters, now)
            if not found.now.groups:
                span = await pages.read(("span", filters.platform), lambda: reads.usage_span(parts.store, filters.platform))
                return nothing(span, filters, now)
            deploys = await pages.read(
                ("deploys", filters.platform, filters.href()),
                lambda: reads.deploys(parts.store, filters.platform, filters.span(now)),
            )
            # Five platforms' deploys on one chart would hide it: they are drawn for one platform.
            shown = deploys if filters.platform else ()
            used = (await choices(filters, now)).get("provider", ())
            stale = await pages.read(
                ("stale lists", filters.platform, filters.range), lambda: reads.stale_lists(parts, used, filters.platform, now)
            )
            odd = unusual.shown(await unusual_now(filters, now)) if filters.platform else ()
            fired = await alerts_of(filters, now)
            return total_block(found, statement(found.now, found.before), shown, filters, now, tones(theme), stale, odd, fired)

        return await pages.guard(make)

    async def alerts_of(filters: Filters, now: datetime) -> Sequence[Firing]:
        pack = parts.packs.get(filters.platform or "")
        if pack is None:
            return ()
        key = ("firings", pack.slug, filters.on(PATH).href())
        return about_money(await pages.read(key, lambda: parts.firings(pack.slug, *filters.span(now))), pack)

    async def unusual_now(filters: Filters, now: datetime) -> Sequence[Anomaly]:
        since, until = filters.span(now)
        found: Sequence[Anomaly] = await pages.read(
            ("unusual", filters.platform, filters.range, filters.zone.key),
            lambda: [each for each in recent(parts, since, until, platform=filters.platform) if each.metric == "cost"],
        )
        return found

    @app.callback(
        Output(Id.UNUSUAL, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_unusual(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            if filters.ahead(now):
                return None
            return unusual.unusual_block(await unusual_now(filters, now), parts.packs, now, filters)

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
            if filters.ahead(now):
                return None
            found = await answer(filters, now)
            if not found.now.groups:
                return None
            return groups_table(found.now, statement(found.now, found.before), filters, now, tones(theme))

        return await pages.guard(make)
