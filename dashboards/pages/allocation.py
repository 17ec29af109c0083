"""Cost, Allocation: to whom cost belongs; what is shared, idle and unallocated, and the rules that assign it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from analytics.allocated_cost import Allocation, Unallocated, allocation, unallocated
from analytics.allocation import ASSIGNABLE, rules_of
from dashboards import wording
from dashboards.block import Pages, calm
from dashboards.components import states
from dashboards.components.marks import age, badge, link
from dashboards.components.term import glossed
from dashboards.cost_books import books_of
from dashboards.filters import Filters, parse
from dashboards.pages import cost_tabs
from dashboards.pages.allocation_rules import DIMENSIONS, OLD, assign_button, rule_list, short
from dashboards.pages.cost_notes import ahead
from dashboards.shell import Id as Shell
from dashboards.shell import menu
from roomleft.mapping_rules import KIND
from roomleft.money import shares, shares_grid, shares_to, usd
from roomleft.packs import Pack
from warehouse.state.terms import Terms

PATH = "/cost/allocation"
BY_DEFAULT = "team"
KINDS = (
    ("Allocated", "own", "Usage and infrastructure that has a value, or that a rule gave one"),
    ("Shared", "shared", "Infrastructure that no rule assigns"),
    ("Idle", "idle", "What usage did not pay for of servers that models run on"),
    ("Unallocated", "open", "Usage that says no value and fits no rule"),
)
MOST_SHOWN = 60
MOST_OPEN = 25
"""The browser builds every cell anew at each reading: with many more of them it would be busy all the time, and deaf to clicks."""


class Id(StrEnum):
    """Ids of this page."""

    BAR = "allocation-bar"
    WHOLE = "allocation-whole"
    OPEN = "allocation-open"
    RULES = "allocation-rules"


def layout() -> list[Any]:
    """Skeletons of the final heights."""
    return [
        *cost_tabs.head(),
        html.Div(states.skeleton(30), id=Id.BAR, className="filter-bar"),
        html.Div(states.skeleton(320), id=Id.WHOLE),
        html.Div(states.skeleton(240), id=Id.OPEN),
        html.Div(states.skeleton(120), id=Id.RULES),
    ]


def dimension_of(filters: Filters) -> str:
    """The dimension to allocate by."""
    return filters.chosen("by", DIMENSIONS, BY_DEFAULT)


def bar(filters: Filters, packs: Mapping[str, Pack]) -> list[Any]:
    """By which dimension, and a rule from nothing."""
    by = dimension_of(filters)
    options = [
        link(words[0].upper() + words[1:], filters.href(by=name), "menu-item", current=name == by)
        for name, words in DIMENSIONS.items()
    ]
    # The form offers these platforms, whichever button opens it.
    offered = html.Span(
        assign_button("New rule", by, filters.platform or "", {}),
        **{"data-rule-platforms": json.dumps({slug: pack.title for slug, pack in packs.items()})},
    )
    return [menu("Allocate by", DIMENSIONS[by], options, "by"), offered]


def whole(found: Sequence[Allocation], filters: Filters, packs: Mapping[str, Pack], now: datetime) -> Any:
    """The cost of every platform, and whose it is. The parts of each line, and the lines of each table, add up."""
    if not found:
        return states.empty("No cost in this range.", [link("Last 90 d", filters.href(range="90d"), "button")])
    by = DIMENSIONS[dimension_of(filters)]
    total, kinds = shown_kinds(found)
    unpriced = sum(each.unpriced_requests for each in found)
    since, until = filters.span(now)
    span = f"{wording.moment(since, now, filters.zone)}–{wording.moment(until, now, filters.zone)}, {wording.zone_name(filters.zone, now)}"
    loose = kinds[-1]
    said = f"{usd(loose)} of {usd(total)} has no {by} yet." if loose else f"Every dollar of AI usage has a {by}."
    marks = (
        [
            badge(
                f"at least: {wording.plural(unpriced, 'call')} unpriced",
                "warn",
                "They have no cost yet, so they count nothing here",
            )
        ]
        if unpriced
        else []
    )
    return [
        html.P(
            [*glossed([said]), " ", *marks, " ", html.Span(f"{span}, whole quarter hours", className="dim")], className="page-sub"
        ),
        html.Div([_platforms(found, filters, packs), _values(found, by)], className="grid-pair allocation-pair"),
    ]


def _platforms(found: Sequence[Allocation], filters: Filters, packs: Mapping[str, Pack]) -> html.Div:
    heads = ["Platform", "Whole", *(name for name, _, _ in KINDS)]
    total, kinds = shown_kinds(found)
    wholes = shares_to([each.whole_usd for each in found], total)
    grid = shares_grid([_kinds(each) for each in found], wholes, kinds)
    rows = []
    for each, cents, shown in zip(found, wholes, grid, strict=True):
        exact = _kinds(each)
        title = packs[each.platform].title if each.platform in packs else each.platform
        name = [
            link(title, filters.href(platform=each.platform)),
            *([" ", badge("assumed", title="Nobody gave the prices of its infrastructure")] if each.assumed else []),
        ]
        rows.append(
            html.Tr(
                [
                    html.Td([html.Div(name), _stack(exact)]),
                    *(
                        html.Td(usd(part), className="num", **{"data-label": head})
                        for head, part in zip(heads[1:], (cents, *shown), strict=True)
                    ),
                ]
            )
        )
    sums = [total, *kinds]
    foot = html.Tr(
        [
            html.Td("Total"),
            *(html.Td(usd(part), className="num", **{"data-label": head}) for head, part in zip(heads[1:], sums, strict=True)),
        ]
    )
    titles = {name: words for name, _, words in KINDS}
    head = html.Tr(
        [html.Th(name, scope="col", className="num" if n else "", title=titles.get(name)) for n, name in enumerate(heads)]
    )
    return _card(
        "By platform",
        html.Table([html.Thead(head), html.Tbody(rows), html.Tfoot(foot)], className="plain-table cards"),
        _legend(),
    )


def _values(found: Sequence[Allocation], by: str) -> html.Div:
    parts: dict[str, list[Decimal]] = {}
    for each in found:
        for part in each.parts:
            own = parts.setdefault(part.value, [Decimal(0), Decimal(0)])
            own[0] += part.ai_usd
            own[1] += part.infrastructure_usd
    ranked = sorted(parts.items(), key=lambda item: (-sum(item[1]), item[0]))
    lines: list[tuple[Any, list[Decimal]]] = [(name, amounts) for name, amounts in ranked[:MOST_SHOWN]]
    if rest := ranked[MOST_SHOWN:]:
        lines.append((html.Em(f"{len(rest):,} more"), [sum((amounts[n] for _, amounts in rest), Decimal(0)) for n in (0, 1)]))
    open_lines = []
    for kind, words, place in ((1, "Shared", "shared_usd"), (2, "Idle", "idle_usd")):
        amount = sum((getattr(each, place) for each in found), Decimal(0))
        if amount:
            lines.append((html.Em(words), [Decimal(0), amount]))
            open_lines.append(kind)
    loose = sum((each.unallocated_usd for each in found), Decimal(0))
    requests = sum(each.unallocated_requests for each in found)
    if loose or requests:
        lines.append((html.Em("Unallocated"), [loose, Decimal(0)]))
        open_lines.append(3)
    _, kinds = shown_kinds(found)
    whose = len(lines) - len(open_lines)
    shown = [*shares_to([sum(amounts, Decimal(0)) for _, amounts in lines[:whose]], kinds[0]), *(kinds[n] for n in open_lines)]
    rows = []
    split = [_cents(amounts, cents) for (_, amounts), cents in zip(lines, shown, strict=True)]
    for (name, _), cents, (ai, servers) in zip(lines, shown, split, strict=True):
        cells = [
            html.Td(part_usd(part), className="num dim", **{"data-label": head})
            for head, part in (("AI", ai), ("Infrastructure", servers))
        ]
        rows.append(html.Tr([html.Td(name, className="allocation-value"), *cells, html.Td(usd(cents), className="num strong")]))
    heads = (by[0].upper() + by[1:], "AI", "Infrastructure", "Cost")
    head = html.Tr([html.Th(name, scope="col", className="num" if n else "") for n, name in enumerate(heads)])
    sums = [sum(column, Decimal(0)) for column in zip(*split, strict=True)] if split else [Decimal(0)] * 2
    foot = html.Tr(
        [html.Td("Total"), *(html.Td(part_usd(part), className="num") for part in sums), html.Td(usd(sum(shown, Decimal(0))), className="num")]
    )  # fmt: skip
    return _card(f"By {by}", html.Table([html.Thead(head), html.Tbody(rows), html.Tfoot(foot)], className="plain-table"))


def part_usd(amount: Decimal) -> str:
    """An amount that may be none at all."""
    return usd(amount) if amount else "–"


def shown_kinds(found: Sequence[Allocation]) -> tuple[Decimal, list[Decimal]]:
    """The whole in cents and what each of KINDS has of it, for every sentence and table of the page: they add up."""
    exact = [sum(amounts, Decimal(0)) for amounts in zip(*(_kinds(each) for each in found), strict=True)] or [Decimal(0)] * len(
        KINDS
    )
    total = shares([sum((each.whole_usd for each in found), Decimal(0))])[0]
    return total, shares_to(exact, total)


def _kinds(each: Allocation) -> list[Decimal]:
    return [each.allocated_usd, each.shared_usd, each.idle_usd, each.unallocated_usd]


def _cents(exact: Sequence[Decimal], whole_usd: Decimal) -> list[Decimal]:
    """Parts in cents that add up to a whole already shown, which may be a cent beside their own."""
    if not any(exact):
        return list(exact)
    # What is nothing gets no cent that another part can take.
    some = iter(shares_to([part for part in exact if part], whole_usd))
    return [next(some) if part else part for part in exact]


def _stack(parts: Sequence[Decimal]) -> html.Div:
    """The parts of a line as lengths; what is below nothing has none."""
    total = sum((part for part in parts if part > 0), Decimal(0))
    widths = [float(max(part, Decimal(0)) / total * 100) if total else 0.0 for part in parts]
    return html.Div(
        [
            html.Span(className=f"stack-{kind}", style={"width": f"{width:.2f}%"})
            for (_, kind, _), width in zip(KINDS, widths, strict=True)
            if width
        ],
        className="allocation-stack",
        **{"aria-hidden": "true"},
    )


def _legend() -> html.Div:
    return html.Div(
        [html.Span([html.Span(className=f"stack-key stack-{kind}"), name], title=words) for name, kind, words in KINDS],
        className="allocation-legend",
    )


def open_list(
    rows: Sequence[Unallocated], found: Sequence[Allocation], filters: Filters, packs: Mapping[str, Pack], now: datetime
) -> Any:
    """The usage that nothing assigns, newest first, each with a form that assigns it."""
    dimension = dimension_of(filters)
    by = DIMENSIONS[dimension]
    if not rows:
        return [
            html.H2("Unallocated", className="section-title"),
            states.empty(f"All AI usage of this range has a {by}.", then="Nothing to do."),
        ]
    body = []
    for row in rows:
        given = {name: value for name, value in row.given.items() if value and name != "platform"}
        says = " · ".join(f"{DIMENSIONS.get(name, name)} {short(value)}" for name, value in given.items())
        platform = str(row.given["platform"])
        cost = [usd(row.cost_usd, 2 if row.cost_usd >= Decimal("0.01") or not row.cost_usd else 6)]
        if row.unpriced_requests:
            cost.append(badge(f"{row.unpriced_requests:,} unpriced", "warn"))
        button = assign_button("Assign", dimension, platform, row.given, row.first_at) if dimension in ASSIGNABLE else None
        cells: list[tuple[str, Any, str]] = [
            ("Platform", packs[platform].title if platform in packs else platform, ""),
            ("Says of itself", says or "nothing", "allocation-says"),
            ("Cost", html.Div(cost), "num strong"),
            ("Calls", wording.count(row.requests), "num"),
            ("Newest", age(row.last_at, now, old=OLD), "num dim"),
            ("", button, "num"),
        ]
        body.append(html.Tr([html.Td(cell, className=kind or None, **{"data-label": head}) for head, cell, kind in cells]))
    heads = ("Platform", "Says of itself", "Cost", "Calls", "Newest", "")
    head = html.Tr([html.Th(name, scope="col", className="num" if name in ("Cost", "Calls", "Newest") else "") for name in heads])
    whole_usd = shown_kinds(found)[1][-1]
    rest = whole_usd - sum((row.cost_usd for row in rows), Decimal(0))
    note = (
        f"newest first; {usd(rest)} more is of kinds beyond the first {len(rows)}"
        if len(rows) == MOST_OPEN and rest
        else "newest first"
    )
    return [
        html.H2(
            ["Unallocated ", html.Span(f"{usd(whole_usd)} has no {by}; {note}", className="dim note-beside")],
            className="section-title",
        ),
        html.Div(
            html.Div(
                html.Table([html.Thead(head), html.Tbody(body)], className="plain-table cards unallocated"),
                className="table-scroll",
            ),
            className="card flush",
        ),
    ]


def _card(title: str, table: html.Table, beside: Any = None) -> html.Div:
    return html.Div(
        [html.Div([html.H2(title), beside], className="card-head table-head"), html.Div(table, className="table-scroll")],
        className="card flush",
    )


def register(app: Dash, pages: Pages) -> None:
    """Connects the page's blocks."""
    parts = pages.parts

    async def decisions() -> tuple[int, int]:
        """Changes with every rule, so that whoever has just made one is not shown what was read before."""
        if parts.state is None:
            return 0, 0
        found = await asyncio.to_thread(lambda: Terms(parts.state).all(KIND))
        return len(found), sum(term.withdrawn_at is not None for term in found)

    async def allocated(filters: Filters, now: datetime) -> list[Allocation]:
        since, until = filters.span(now)
        work = lambda: allocation(books_of(parts), dimension_of(filters), since, until, now, filters.platform)  # noqa: E731
        found: list[Allocation] = await pages.read(("allocation", filters.on(PATH).href(), await decisions()), work)
        return found

    @app.callback(Output(Id.BAR, "children"), Input(Shell.URL, "search"), State(Shell.URL, "pathname"))
    async def show_bar(search: str | None, path: str | None) -> Any:
        filters = parse(path, search)
        wrong = [*filters.told(parts.clock.now()), *filters.wrong("by", DIMENSIONS, DIMENSIONS[BY_DEFAULT])]
        return [*bar(filters, parts.packs), *(states.note(words) for words in wrong)]

    @app.callback(
        Output(Id.WHOLE, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_whole(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            if filters.ahead(now):
                return ahead(filters)
            return whole(await allocated(filters, now), filters, parts.packs, now)

        return await pages.guard(make)

    @app.callback(
        Output(Id.OPEN, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_open(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            if filters.ahead(now):
                return None
            since, until = filters.span(now)
            work = lambda: unallocated(books_of(parts), dimension_of(filters), since, until, filters.platform, most=MOST_OPEN)  # noqa: E731
            rows = await pages.read(("unallocated", filters.on(PATH).href(), await decisions()), work)
            return open_list(rows, await allocated(filters, now), filters, parts.packs, now)

        return await pages.guard(make)

    @app.callback(Output(Id.RULES, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"))
    async def show_rules(_search: str | None, _tick: int | None) -> Any:
        async def make() -> Any:
            rules = await pages.read(("mapping rules", await decisions()), lambda: rules_of(Terms(parts.state)))
            return rule_list(rules, parts.packs, parts.clock.now())

        return await pages.guard(make)
