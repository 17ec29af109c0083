"""The Budgets page: every budget, quota and prepaid credit, what was decided about each, and the forms to decide something else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from dash import Dash, Input, Output, State, html

from analytics.budget_periods import past_periods
from analytics.month_cost import Month, MonthCost
from analytics.reports.month_words import month_content
from dashboards import wording
from dashboards.block import Pages
from dashboards.budget_contracts import stored_before
from dashboards.budget_rows import BudgetRow, Budgets, budgets, decided_so_far, shown
from dashboards.components import headroom_bar, states
from dashboards.components.budget_forms import contract_button, credit_button, new_budget_button, take_back_button
from dashboards.components.budget_list import budget_list, credit_list, decision_words
from dashboards.components.budget_panel import budget_panel, credit_panel
from dashboards.components.limit_table import KIND_WORDS
from dashboards.components.marks import badge, glyph, link
from dashboards.components.tables import table_card
from dashboards.components.term import glossed
from dashboards.cost_tables import in_cents
from dashboards.filters import Filters, parse
from dashboards.reads import month_expected
from dashboards.shell import Id as Shell
from roomleft.limits import WORST_FIRST, Kind
from roomleft.limits import State as Standing
from roomleft.money import CENT, shares, shares_to, usd

PATH = "/budgets"
WORDS = {
    Standing.EXHAUSTED: ("has run out", "have run out"),
    Standing.TIGHT: ("is tight", "are tight"),
    Standing.UNKNOWN: ("cannot be told", "cannot be told"),
}


class Id(StrEnum):
    """Ids of this page."""

    LIST = "budgets-list"
    PANEL = "budgets-panel"


def layout() -> list[Any]:
    """Skeletons."""
    return [
        html.H1("Budgets", className="page-title"),
        html.Div(states.coming(), id=Id.PANEL),
        html.Div(states.skeleton(320), id=Id.LIST),
    ]


def sentence(rows: Sequence[BudgetRow]) -> str:
    """The page in one sentence."""
    if not rows:
        return "There are no budgets or quotas."
    counts = Counter(each.row.state for each in rows)
    parts = [f"{counts[state]} {one if counts[state] == 1 else many}" for state, (one, many) in WORDS.items() if counts[state]]
    if not parts:
        return f"All {len(rows)} have room left." if len(rows) > 1 else "The one budget has room left."
    return f"Of {len(rows)} budgets and quotas {', '.join(parts)}."


def _chips(rows: Sequence[BudgetRow], filters: Filters) -> html.Div:
    state, kind = filters.get("state"), filters.get("kind")
    by_state = Counter(each.row.state for each in rows if kind in ("", each.row.limit.kind))
    by_kind = Counter(each.row.limit.kind for each in rows if state in ("", each.row.state))
    first = [link(f"All {len(rows)}", filters.href(state=None, kind=None), "chip", current=not state and not kind)]
    for each in WORST_FIRST:
        if by_state[each] or state == each:
            words = [glyph(each, labelled=False), f"{by_state[each]} {each}"]
            first.append(link(words, filters.href(state=None if state == each else each), "chip", current=state == each))
    second = [
        link(
            f"{KIND_WORDS[each]} {by_kind[each]}", filters.href(kind=None if kind == each else each), "chip", current=kind == each
        )
        for each in (Kind.BUDGET, Kind.QUOTA)
        if by_kind[each] or kind == each
    ]
    # The file holds what the chips leave; the YAML what was decided, of a platform or of all.
    csv = filters.on("/export/budgets.csv").href(range=None, tz=None, compare=None, budget=None, credit=None, environment=None)
    query = f"?platform={quote(filters.platform)}" if filters.platform else ""
    files = [
        html.A("CSV", href=csv, className="chip", download="budgets.csv"),
        html.A("YAML", href=f"/api/v1/budgets.yaml{query}", className="chip", download="budgets.yaml"),
    ]
    groups = [html.Div(first, className="chip-group"), html.Div([*second, *files], className="chip-group")]
    return html.Div(groups, className="chips", role="group", **{"aria-label": "Filter budgets"})


def month_card(month: Month, filters: Filters, now: datetime) -> html.Div:
    """What the month costs in all, AI and infrastructure: so far, at its end, last month and the budget, of all platforms and of each."""
    told = month_content(month, now, filters.zone)
    several = bool(told["platforms"])
    total = in_cents(month.total.cost_usd)
    parts = [each.cost_usd for each in month.platforms]
    # Where each platform's month is of its own zone's days, they are not the parts of one month.
    cents = shares_to(parts, total) if abs(sum(parts, Decimal(0)) - total) <= CENT else shares(parts)
    every = (
        [(told, month.total, total), *zip(told["platforms"], month.platforms, cents, strict=True)]
        if several
        else [(told, month.total, total)]
    )
    rows = [
        [
            each["title"] if several else "In all",
            html.Span(("at least " if own.lower_bound else "") + usd(shown), title=_split(own, shown)),
            each["likely"].removeprefix("likely "),
            [usd(in_cents(own.last_usd)), *([] if own.last_whole else [" ", badge("partial", title="There is no data of all of it")])],
            ", ".join(part for part in (each["budget"].removeprefix("budget "), each["chance"]) if part)
            or html.Span("none for all of it", className="dim"),
        ]
        for each, own, shown in every
    ]  # fmt: skip
    before = month.total.since.astimezone(month.total.zone) - timedelta(days=1)
    note = f"AI + infrastructure; last month: {before:%B}"
    heads = ["Platform", f"{told['month']} so far", "Likely, 80\u202f% range", "Last month", "Budget of all of it"]
    return table_card(
        f"{told['month']} in all",
        heads,
        rows,
        numbers=(1, 2, 3, 4),
        note=f"{note}. {told['counted']}" if told["counted"] else note,
        marked={0} if several else (),
        name="month",
        cards=True,
    )


def _split(own: MonthCost, shown: Decimal) -> str:
    """`$8,931.20 AI + $5,400.00 infrastructure`, which add up to what is shown."""
    ai, infrastructure = shares_to([own.ai_usd, own.infrastructure_usd], shown)
    return f"{usd(ai)} AI + {usd(infrastructure)} infrastructure"


def _nothing_listed(filters: Filters, others: bool) -> html.Div:
    """Where the list would be: no budget at all, or none that passes the chips."""
    if not others and filters.platform is None:
        words = "There is no budget or quota yet. A pack names them: they appear here as soon as a platform is connected."
        return states.empty(words, [link("Sources", filters.href("/sources"), "button")])
    everything = link("Show all budgets", filters.href(state=None, kind=None, platform=None), "button")
    return states.empty("No budget passes these filters.", [everything])


def page(found: Budgets, month: Month, pages: Pages, filters: Filters, now: datetime) -> list[Any]:
    """The whole list."""
    parts = pages.parts
    rows = shown(found.rows, filters)
    misfits = [
        states.note(f"What was decided about {each.limit_id} does not fit its pack any more ({each.why}); the pack's own holds.")
        for each in parts.misfits()
    ]
    forms = (
        [new_budget_button(parts.packs, filters.platform), credit_button(), contract_button(parts.packs)] if parts.packs else []
    )
    return [
        html.Div(
            [html.P(glossed(sentence(found.rows)), className="page-sub"), html.Div(forms, className="budget-acts")],
            className="budget-top",
        ),
        *misfits,
        *([month_card(month, filters, now)] if month.platforms else []),
        _chips(found.rows, filters),
        budget_list(rows, filters, now) if rows else _nothing_listed(filters, bool(found.rows)),
        headroom_bar.key() if rows else None,
        *_coming(found, filters, now),
        *_contracts(found, filters, now),
        html.H2("Prepaid credits", className="section-title"),
        credit_list(found.credits, filters, now)
        if found.credits
        else states.empty(
            "No prepaid credit is noted.",
            then="Note one with New credit above: it is drawn down by its provider's cost, in the order it happens.",
        ),
    ]


def _coming(found: Budgets, filters: Filters, now: datetime) -> list[Any]:
    if not found.future:
        return []
    rows = [
        html.Li(
            [
                badge(f"from {wording.day(term.valid_from, now, filters.zone)}", "warn"),
                html.Strong(
                    f" {term.platform} · {(term.content.get('own') or {}).get('limit', {}).get('title', term.subject)}: "
                ),
                decision_words(term.content, (term.content.get("own") or {}).get("limit", {}).get("unit", "")),
                html.Span(f" · by {term.made_by}", className="dim"),
            ]
        )
        for term in found.future
    ]
    return [html.H2("Coming", className="section-title"), html.Ul(rows, className="card budget-coming")]


def _contracts(found: Budgets, filters: Filters, now: datetime) -> list[Any]:
    if not found.contracts:
        return []
    rows = []
    for term in found.contracts:
        said = term.content
        off = (
            f"{said['percent_off']}{wording.THIN}% off"
            if said.get("percent_off")
            else "agreed prices: " + ", ".join(said.get("usd") or {})
        )
        until = f" until {wording.day(term.valid_to, now, filters.zone)}" if term.valid_to else ""
        state = "holds" if term.holds_at(now) else "coming" if term.valid_from > now else "over"
        rows.append(
            html.Li(
                [
                    badge(state, "warn" if state == "coming" else ""),
                    html.Strong(f" {said.get('provider')} · {said.get('model') or 'all models'}: "),
                    f"{off}, from {wording.day(term.valid_from, now, filters.zone)}{until}, {term.platform or 'all platforms'} ",
                    html.Span(f"· {said['note']} " if said.get("note") else "", className="dim"),
                    html.Span(f"· by {term.made_by} ", className="dim"),
                    take_back_button(term.id, f"the contract with {said.get('provider')}"),
                    html.Div(stored.words, className="dim") if (stored := stored_before(term, now)) else None,
                ]
            )
        )
    return [html.H2("Contracts", className="section-title"), html.Ul(rows, className="card budget-coming")]


def register(app: Dash, pages: Pages) -> None:
    """Connects the page."""
    parts = pages.parts

    async def read(filters: Filters, now: datetime) -> Budgets:
        key = await asyncio.to_thread(decided_so_far, parts)
        found: Budgets = await pages.read(("budgets", filters.platform, key), lambda: budgets(parts, now, filters.platform))
        return found

    @app.callback(
        Output(Id.LIST, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            found = await read(filters, now)
            month = await pages.read(
                ("month-expected", filters.platform, filters.zone.key),
                lambda: month_expected(parts, filters.platform, filters.zone, now, [each.row for each in found.rows]),
            )
            return page(found, month, pages, filters, now)

        return await pages.guard(make)

    @app.callback(
        Output(Id.PANEL, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def opened(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()
        key, credit = filters.get("budget"), filters.get("credit")
        if not key and not credit:
            return None

        async def make() -> Any:
            found: Budgets = await read(filters, now)
            if credit:
                drawn = next((one for one in found.credits if one.credit.name == credit), None)
                return (
                    credit_panel(drawn, filters, now)
                    if drawn
                    else _gone(f"There is no credit {credit[:100]}: it may have been taken back.", filters)
                )
            each = next((one for one in found.rows if one.row.key == key), None)
            if each is None:
                return _gone(f"There is no budget {key[:100]}: it may have ended, or be of another platform.", filters)
            pack = parts.packs[each.row.limit.platform]
            past = await pages.read(("periods", each.row.limit), lambda: past_periods(parts.store, pack, each.row.limit, now))
            return budget_panel(each, past, pack, filters, now)

        return await pages.guard(make)


def _gone(words: str, filters: Filters) -> html.Div:
    return states.empty(words, [link("All budgets", filters.href(budget=None, credit=None, platform=None), "button")])
