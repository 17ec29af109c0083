"""Overview: one sentence, then every limit worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from analytics.verdict import Verdict, verdict
from dashboards import reads, wording
from dashboards.block import Pages
from dashboards.components import headroom_bar, states
from dashboards.components.limit_table import ORDERS, chips, limit_table
from dashboards.components.marks import age
from dashboards.filters import Filters, parse
from dashboards.limit_rows import LimitRow, kept, sorted_by
from dashboards.shell import Id as Shell
from roomleft.limits import Kind
from roomleft.limits import State as LimitState
from roomleft.money import usd
from roomleft.timespan import Period, Window

PATH = "/"
CSV_PATH = "/export/limits.csv"


class Id(StrEnum):
    """Ids of this page."""

    TOP = "overview-top"
    LIMITS = "overview-limits"


def layout() -> list[Any]:
    """Skeletons of the final heights."""
    return [
        html.Div(states.skeleton(84), id=Id.TOP, className="top"),
        html.Div([states.skeleton(26, "chips"), states.skeleton(620)], id=Id.LIMITS),
    ]


def csv_href(filters: Filters) -> str:
    """The CSV of the rows the page shows."""
    return filters.on(CSV_PATH).href(**{**filters.page, "limit": None, "range": None, "tz": None})


def shown(rows: Sequence[LimitRow], filters: Filters) -> list[LimitRow]:
    """The rows that pass the address's filters, in its order."""
    chosen = kept(rows, platform=filters.platform, state=filters.get("state"), kind=filters.get("kind"), words=filters.get("q"))
    return sorted_by(chosen, filters.chosen("sort", ORDERS))


def limits_block(rows: Sequence[LimitRow], filters: Filters, now: datetime) -> list[Any]:
    """Chips, table, key."""
    of_platform = kept(rows, platform=filters.platform, words=filters.get("q"))
    listed = shown(rows, filters)
    if not rows:
        body: Any = states.empty("No limits yet: no pack defines one. Add a limit to a pack in the packs folder and restart.")
    elif not listed:
        everything = html.A(
            "Show all limits",
            href=filters.href(state=None, kind=None, q=None, platform=None),
            className="button",
            **{"data-nav": "1"},
        )
        body = states.empty("No limit passes these filters.", [everything])
    else:
        body = html.Div([html.Div(limit_table(listed, filters, now), className="card flush"), headroom_bar.key()])
    return [chips(of_platform, filters, csv_href=csv_href(filters)), body]


def month_budget(rows: Sequence[LimitRow], now: datetime) -> tuple[Decimal, int] | None:
    """The sum of the calendar-month money budgets that hold now, and how many they are; None if there is none."""
    amounts = [
        row.headroom.amount
        for row in rows
        if row.limit.kind is Kind.BUDGET
        and row.limit.unit == "usd"
        and not row.limit.per_user
        and row.limit.window is not None
        and row.limit.window.period is Period.MONTH
    ]
    return (sum(amounts, Decimal(0)), len(amounts)) if amounts else None


def fact(label: str, value: Any, note: Any) -> html.Div:
    """A figure beside the verdict: label, value, what it stands against."""
    return html.Div(
        [html.Div(label, className="fact-label"), html.Div(value, className="fact-value"), html.Div(note, className="fact-note")],
        className="fact",
    )


def month_fact(month: Mapping[str, Any], rows: Sequence[LimitRow], filters: Filters, now: datetime) -> html.Div:
    """What the month cost so far, against the budgets there are."""
    label = f"{wording.month_name(now, filters.zone)} so far, AI usage"
    if month["last_at"] is None:
        return fact(label, "–", "no usage recorded this month")
    value = usd(month["cost_usd"]) if month["cost_usd"] < 1000 else wording.money(month["cost_usd"])
    budget = month_budget(rows, now)
    if month["unpriced_requests"]:
        note: Any = f"at least: {wording.plural(month['unpriced_requests'], 'call')} unpriced"
    elif budget is None:
        note = ["no monthly budget, ", age(month["last_at"], now, prefix="age ")]
    else:
        note = [f"{wording.plural(budget[1], 'monthly budget')}, ", age(month["last_at"], now, prefix="age ")]
    return fact(label, value, note)


def fresh_fact(rows: Sequence[LimitRow], now: datetime) -> html.Div:
    """How many limits have fresh figures."""
    known = [row for row in rows if row.state is not LimitState.UNKNOWN]
    newest = max((row.headroom.as_of for row in rows if row.headroom.used is not None), default=None)
    note: list[Any] = ["measured ", age(newest, now), " ago"] if newest else ["nothing measured yet"]
    return fact("Limits with fresh figures", f"{len(known)} of {len(rows)}", note)


def sources_fact(sources: Sequence[Mapping[str, Any]], late: Sequence[str], now: datetime) -> html.Div:
    """Whether sources and jobs do their work."""
    names = {row["source"] for row in sources}
    newest = max((row["recorded_at"] for row in sources), default=None)
    if late:
        return fact("Sources and jobs", html.Span(wording.plural(len(late), "job") + " behind", className="bad"), ", ".join(late))
    if not names:
        return fact("Sources and jobs", "no source yet", "no platform is being read")
    return fact(
        "Sources and jobs", f"{wording.plural(len(names), 'source')}, all jobs run", ["last read ", age(newest, now), " ago"]
    )


def verdict_block(said: Verdict, notes: Sequence[str] = ()) -> html.Div:
    """The sentence, and what comes first."""
    sentence, stop, rest = said.sentence.partition(". ")
    line: list[Any] = ["First: ", html.Strong(said.parts[0]), *(f" · {part}" for part in said.parts[1:])] if said.parts else []
    if rest:
        line += [". " if line else "", rest]
    return html.Div(
        [
            html.H1(sentence + stop.strip()),
            html.P(line) if line else None,
            *[states.note(note) for note in notes],
        ],
        className="verdict",
    )


def register(app: Dash, pages: Pages) -> None:
    """Connects the page's blocks."""
    parts = pages.parts

    async def limits(now: datetime) -> list[LimitRow]:
        rows: list[LimitRow] = await pages.read("limits", lambda: reads.limits(parts.store, parts.packs, now, parts.slack))
        return rows

    @app.callback(
        Output(Id.LIMITS, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_limits(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            return limits_block(await limits(now), filters, now)

        return await pages.guard(make)

    @app.callback(Output(Id.TOP, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname"))
    async def show_top(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            rows = kept(await limits(now), platform=filters.platform)
            month = Window(Period.MONTH, filters.zone).bounds(now)[0]
            of_platform = filters.on(PATH)
            spent = await pages.read(
                ("month", filters.platform, filters.zone.key),
                lambda: reads.cost_total(parts.store, Filters(PATH, platform=of_platform.platform), (month, now)),
            )
            sources = await pages.read("sources", lambda: reads.sources(parts.store))
            late = [job.name for job in await pages.read("jobs", parts.jobs) if job.late or job.outcome == "failed"]
            facts = [month_fact(spent, rows, filters, now), fresh_fact(rows, now), sources_fact(sources, late, now)]
            said = verdict([(row.headroom, row.limit) for row in rows], now, filters.zone)
            return [verdict_block(said, filters.problems), html.Div(facts, className="facts")]

        return await pages.guard(make)
