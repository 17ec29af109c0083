"""SLOs: how much of each error budget is left, how fast it burns, and, opened, how it went and which incidents spent it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from dashboards import reads, slo_words, wording
from dashboards.block import Pages, calm
from dashboards.components import states
from dashboards.components.chart_card import behind, graph
from dashboards.components.marks import age, badge, glyph, link
from dashboards.components.still import still
from dashboards.components.term import glossed
from dashboards.figures.chart import Line, Mark, local
from dashboards.figures.series import line_chart
from dashboards.filters import Filters, parse
from dashboards.shell import Id as Shell
from dashboards.slo_rows import Incident, Recovery, SloRow, history, incidents, recoveries, slo_rows
from dashboards.theme import Tones
from dashboards.theme import tones as tones_of
from roomleft.limits import State as LimitState

PATH = "/slos"
FULL = 1.25
HEADS = ("", "SLO", "Error budget", "Left", "Burn, 1 h", "6 h", "3 d", "Owner", "Age")


class Id(StrEnum):
    """Ids of this page."""

    TOP = "slos-top"
    LIST = "slos-list"
    OPEN = "slos-open"
    RECOVERY = "slos-recovery"


def layout() -> list[Any]:
    """Skeletons of the final heights."""
    return [
        html.Div(states.skeleton(56), id=Id.TOP, className="top"),
        html.Div(states.coming(), id=Id.OPEN),
        html.Div(states.skeleton(320), id=Id.LIST),
        html.Div(states.skeleton(90), id=Id.RECOVERY),
    ]


def budget_bar(row: SloRow) -> html.Div:
    """What is gone of the budget; the whole of it stands at 80 % of the width, as a limit does in every bar."""
    said = f"{slo_words.left_words(row)} of the error budget left: {slo_words.spent_words(row)}"
    pieces: list[html.Div] = [html.Div(className="bar-track" + (" hatch" if row.state is LimitState.UNKNOWN else ""))]
    if row.budget.left is not None and row.state is not LimitState.UNKNOWN:
        used = min(max(1 - row.budget.left, 0.0), FULL)
        inside, beyond = min(used, 1.0), max(used - 1.0, 0.0)
        pieces.append(html.Div(className="bar-piece", style={"left": "0%", "width": f"{inside / FULL * 100:.2f}%"}))
        if beyond:
            style = {"left": f"{100 / FULL:g}%", "width": f"{beyond / FULL * 100:.2f}%"}
            pieces.append(html.Div(className="bar-piece beyond", style=style))
    pieces.append(html.Div(className="bar-limit"))
    return html.Div(pieces, className=f"bar {row.state.value}", role="img", **{"aria-label": said})


def slo_list(rows: Sequence[SloRow], filters: Filters, now: datetime) -> html.Section:
    """A row an SLO; cards on a phone."""
    head = html.Div(
        [html.Div(name or html.Span("State", className="sr"), className=f"c{n}") for n, name in enumerate(HEADS)],
        className="slo-row head",
    )
    return still([head, *[_row(row, filters, now) for row in rows]], "card flush slo-list")


def _row(row: SloRow, filters: Filters, now: datetime) -> html.Div:
    slo = row.slo
    opened = filters.get("slo") == slo.slo_id
    name = link(slo.title, filters.href(slo=None if opened else slo.slo_id), "limit-link", current="true" if opened else False)
    about = [slo.platform, slo_words.objective_words(slo), slo_words.window_words(slo), slo_words.counted_words(slo)]
    title = html.Div([name, html.Div(" · ".join(filter(None, about)), className="dim small")])
    fast = next((words for each in row.burns if (words := slo_words.lasts_words(slo, each, row.budget.left))), "")
    rates = {each.window: each for each in row.burns}
    cells: list[Any] = [
        html.Div(glyph(row.state.value), className="c0"),
        html.Div(title, className="c1"),
        html.Div(
            [
                budget_bar(row),
                html.Div([slo_words.spent_words(row), html.Span(f" · {fast}") if fast else None], className="dim small"),
            ],
            className="c2",
        ),
        html.Div(slo_words.left_words(row), className="c3 num"),
    ]
    for n, (hours, label) in enumerate(((1, "burn 1 h"), (6, "6 h"), (72, "3 d"))):
        burn = rates.get(timedelta(hours=hours))
        said = slo_words.rate_words(burn, slo) if burn is not None else "–"
        hot = burn is not None and burn.unknown is None and burn.rate(slo) > 1
        cells.append(html.Div(said, className=f"c{4 + n} num" + (" hot" if hot else " dim"), **{"data-label": label}))
    observed = row.budget.observed_at or next((each.observed_at for each in row.burns if each.observed_at), None)
    cells += [html.Div(slo.owner or "–", className="c7"), html.Div(age(observed, now), className="c8")]
    return html.Div(cells, className=f"slo-row {row.state.value}" + (" opened" if opened else ""))


def opened_card(
    row: SloRow,
    points: Sequence[tuple[datetime, float | None]],
    found: Sequence[Incident],
    filters: Filters,
    now: datetime,
    tones: Tones,
    deploys: Sequence[Mapping[str, Any]] = (),
) -> html.Div:
    """One SLO: its budget over time with the incidents and the deploys in it, and what each took."""
    slo = row.slo
    known = [at for at, left in points if left is not None]
    # A chart of what is known, not of the time before.
    span = (max(points[0][0], known[0] - (now - known[0]) / 12), now) if known else (now - slo.period, now)
    chart: Any = states.empty(
        "Nothing has been counted in this window yet.",
        then="The budget is drawn once its meter has been read: Sources says whether it is.",
    )
    if known:
        figure = line_chart(
            [Line("budget left", points, tones.accent)], span, filters.zone, tones, unit="ratio",
            thresholds=[Mark("used up", 0.0, tones.exhausted)], deploys=deploys,
            key=f"slo-{slo.slo_id}",
        )  # fmt: skip
        figure["layout"]["shapes"] += [_band(each, span, now, filters, tones) for each in found]
        chart = graph(
            figure,
            "slo-budget-chart",
            f"Error budget left of {slo.title}, {slo_words.window_words(slo)}: {slo_words.left_words(row)} now",
            query=behind("slo", filters, slo=slo.slo_id, platform=slo.platform),
        )
    facts = [
        ("Objective", f"{slo_words.objective_words(slo)}, {slo_words.window_words(slo)}"),
        ("Budget", slo_words.spent_words(row)),
        ("Measures", f"{slo.category}" + (f", {slo_words.counted_words(slo)}" if slo_words.counted_words(slo) else "")),
        ("Written in", slo.where),
    ]
    close = link("Close", filters.href(slo=None), "button")
    return html.Div(
        [
            html.Div([html.H2([glyph(row.state.value, labelled=False), f" {slo.title}"]), close], className="card-head"),
            html.Div(f"{slo_words.left_words(row)} left" if row.budget.left is not None else row.words, className="card-value"),
            html.Dl([part for name, words in facts for part in (html.Dt(name), html.Dd(words))], className="slo-facts"),
            chart,
            html.H3("Incidents that spent it", className="section-title"),
            incident_table(row, found, filters, now),
        ],
        className="card slo-open",
    )


def _band(each: Incident, span: tuple[datetime, datetime], now: datetime, filters: Filters, tones: Tones) -> dict[str, Any]:
    since, until = max(each.episode.pending_at, span[0]), each.episode.ended or now
    # A stretch of some minutes would be thinner than a line in a month.
    since = min(since, until - (span[1] - span[0]) / 200)
    return {
        "type": "rect", "xref": "x", "yref": "paper", "x0": local(since, filters.zone), "x1": local(until, filters.zone), "y0": 0, "y1": 1,
        "fillcolor": tones.exhausted, "opacity": 0.18, "line": {"width": 0}, "layer": "below",
    }  # fmt: skip


def incident_table(row: SloRow, found: Sequence[Incident], filters: Filters, now: datetime) -> Any:
    """What each incident took of the budget."""
    if not found:
        return states.empty(
            "No alert fired while this budget was spent.",
            then="It went too slowly for one, or before alerts were evaluated here: the marks above show the deploys of that time.",
        )
    heads = [html.Th(name, scope="col") for name in ("Incident", "Began", "Lasted", "Took", "Deploy before it")]
    rows = []
    for each in found:
        episode = each.episode
        deploy = (
            "–"
            if each.deploy is None
            else f"{each.deploy['version'] or each.deploy['title']}, {wording.moment(each.deploy['deployed_at'], now, filters.zone)}"
        )
        lasted = None if episode.ended is None else episode.ended - episode.pending_at
        rows.append(
            html.Tr(
                [
                    html.Td(
                        [
                            html.A(each.title, href=filters.href(f"/alerts/{episode.episode}")),
                            html.Div(each.of, className="dim small") if each.of else None,
                        ],
                        className="wrap-cell",
                    ),
                    html.Td(wording.moment(episode.pending_at, now, filters.zone), **{"data-label": "Began"}),
                    html.Td(slo_words.lasted_words(lasted), **{"data-label": "Lasted"}),
                    html.Td(slo_words.took_words(row, each.spent.bad, each.spent.share), **{"data-label": "Took"}),
                    html.Td(deploy, **{"data-label": "Deploy"}),
                ]
            )
        )
    return html.Div(
        html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="plain-table cards"), className="table-scroll"
    )


def recovery_block(found: Sequence[Recovery]) -> list[Any]:
    """How long critical incidents lasted, by platform."""
    lines = [html.Li([badge(each.platform), f" {slo_words.recovery_words(each)}"]) for each in found]
    return [
        html.H2("Time to recover, 30 d", className="section-title"),
        html.Ul(lines, className="card slo-recovery") if lines else states.empty("No platform is watched.", then=states.NO_PACK),
    ]


def register(app: Dash, pages: Pages) -> None:
    """Connects the page."""
    parts = pages.parts

    async def rows(filters: Filters, now: datetime) -> list[SloRow]:
        found: list[SloRow] = await pages.read(("slos", filters.platform), lambda: slo_rows(parts, now, filters.platform))
        return found

    @app.callback(Output(Id.TOP, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname"))
    async def show_top(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            found = await rows(filters, now)
            words = (
                f"{wording.plural(len(found), 'SLO')} of {wording.plural(len({row.slo.platform for row in found}), 'platform')}"
            )
            return html.Div([html.H1(glossed(slo_words.verdict(found))), html.P(glossed(words))], className="verdict")

        return await pages.guard(make)

    @app.callback(
        Output(Id.LIST, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_list(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            found = await rows(filters, now)
            if not found:
                return states.empty(
                    "No SLO is in force.",
                    then="A limit with objective_percent is one, and so is an OpenSLO file in the folder of SLOs (docs/slos.md).",
                )
            return slo_list(found, filters, now)

        return await pages.guard(make)

    @app.callback(
        Output(Id.OPEN, "children"),
        Input(Shell.URL, "search"),
        Input(Shell.TICK, "data"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show_open(search: str | None, tick: int | None, theme: str | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()
        wanted = filters.get("slo")
        if not wanted:
            return []

        async def make() -> Any:
            found = {row.slo.slo_id: row for row in await rows(filters, now)}
            row = found.get(wanted)
            if row is None:
                return states.empty(
                    f"There is no SLO {wanted[:100]} here.", [link("All SLOs", filters.href(slo=None, platform=None), "button")]
                )
            span = (now - row.slo.period, now)
            points, deploys, taken = await asyncio.gather(
                pages.read(("slo-history", wanted), lambda: history(parts, row.slo, now)),
                pages.read(("slo-deploys", wanted), lambda: reads.deploys(parts.store, row.slo.platform, span)),
                pages.read(("slo-incidents", wanted), lambda: incidents(parts, row, now)),
            )
            return opened_card(row, points, taken, filters, now, tones_of(theme), deploys)

        return await pages.guard(make)

    @app.callback(
        Output(Id.RECOVERY, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_recovery(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            return recovery_block(
                await pages.read(("recoveries", filters.platform), lambda: recoveries(parts, now, filters.platform))
            )

        return await pages.guard(make)
