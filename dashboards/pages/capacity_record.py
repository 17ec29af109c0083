"""Capacity, Track record: how well what was forecast came true, live claims and replayed ones apart."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from analytics.forecasting.track_record import Line
from dashboards import capacity_words, record_words, wording
from dashboards.block import Pages, calm
from dashboards.components import states
from dashboards.components.chart_card import behind, graph
from dashboards.components.marks import age, badge, link
from dashboards.components.tables import table_card
from dashboards.components.term import glossed
from dashboards.exports import safe
from dashboards.figures.reliability_chart import reliability_chart
from dashboards.filters import Filters, parse
from dashboards.pages import capacity_tabs
from dashboards.parts import Parts
from dashboards.record_rows import FEW, Record, record, scored
from dashboards.shell import Id as Shell
from dashboards.theme import Tones
from dashboards.theme import tones as tones_of
from roomleft.outlook import Made
from roomleft.packs import Pack

CSV_PATH = "/export/track-record.csv"
OLD = timedelta(hours=36)
HEADS = (
    "Of what",
    "Said",
    "Ahead",
    "80 % ranges that held",
    "Bias",
    "Error of chances (Brier)",
    "Error of ranges (pinball)",
    "Error against last week's",
)
UNDER = (
    "Bias: mean of what was said less what came, in usual errors of repeating last week; above 0, too much was said. Brier: mean squared error of the chances, "
    "0 is perfect, against always saying the share that happened. Pinball: loss of the 10, 50 and 90 % points, in the same usual errors. "
    "Error against last week's: ours over that of repeating last week; below 1 the forecast beats repeating last week."
)
COLUMNS = (
    "claim_id", "made", "platform", "target", "subject", "metric", "claim", "horizon_days", "said_at", "about_from", "about_to", "unit", "amount",
    "probability", "low", "middle", "high", "naive", "outcome", "covered", "brier", "pinball", "error", "naive_error", "bias", "scored_at",
)  # fmt: skip


class Id(StrEnum):
    """Ids of this page."""

    TOP = "record-top"
    CHARTS = "record-charts"
    BODY = "record-body"


def layout() -> list[Any]:
    """Skeletons of the final heights."""
    return [
        html.Div(states.skeleton(56), id=Id.TOP, className="top oncall-top"),
        capacity_tabs.nav(),
        html.Div(states.skeleton(380), id=Id.CHARTS),
        html.Div(states.skeleton(320), id=Id.BODY),
    ]


def top(found: Record, filters: Filters, now: datetime) -> html.Div:
    """The sentence, how much there is, and how fresh."""
    track, zone = found.track, filters.zone
    told = []
    for made in Made:
        total = track.total(made)
        if total.scored and total.since is not None:
            claims = wording.plural(total.scored, "claim")
            told.append(f"{claims} {record_words.made_words(made)} since {wording.day(total.since, now, zone)}")
    waiting = track.waiting
    if waiting and found.first_at is not None:
        told.append(
            f"{waiting:,} {'waits' if waiting == 1 else 'wait'}, the first until {wording.when(found.first_at, now, zone)}"
        )
    said: list[Any] = [f"{', '.join(told)}; "] if told else []
    said += ["scored last ", age(found.scored_at, now, old=OLD), " ago."] if found.scored_at else ["nothing is scored yet."]
    return html.Div(
        [
            html.H1(glossed(capacity_words.record_sentence(track, found.first_at, now, zone))),
            html.P(glossed(said)),
        ],
        className="verdict",
    )


def charts(found: Record, filters: Filters, now: datetime, tones: Tones) -> list[Any]:
    """A reliability diagram for each way of making that has scored chances."""
    cards = []
    for made in Made:
        bins = found.bins(made)
        if not bins:
            continue
        claims = sum(each.claims for each in bins)
        few = sum(each.claims < FEW for each in bins)
        told = record_words.MADE_NOTES[made]
        note = f"{told[0].upper()}{told[1:]}. Dashed: as said; numbers: how many claims; whiskers: 90{wording.THIN}%"
        note += f"; hollow: fewer than {FEW}." if few else "."
        label = "; ".join(f"said {each.said:.0%}, happened {each.happened:.0%}, {each.claims} times" for each in bins)
        cards.append(
            html.Div(
                [
                    html.Div(
                        [html.H2(record_words.MADE_TITLES[made]), age(found.scored_at, now, old=OLD, prefix="scored ")],
                        className="card-head",
                    ),
                    html.Div(f"{wording.plural(claims, 'chance')} against what happened", className="card-context strong"),
                    html.Div(note, className="card-context"),
                    graph(
                        reliability_chart(bins, made, tones),
                        f"reliability-{made}",
                        f"{record_words.MADE_TITLES[made]}: {label}",
                        query=behind("chances", filters, made=made.value),
                    ),
                ],
                className="card",
            )
        )
    return [html.Div(cards, className="grid-pair")] if cards else []


def body(found: Record, packs: Mapping[str, Pack], filters: Filters, now: datetime) -> list[Any]:
    """The table by metric and horizon, and the newest claims that are over."""
    if not found.track.lines and not found.newest:
        first = found.first_at
        when = (
            f"The first is over {wording.when(first, now, filters.zone)}."
            if first
            else "Claims are made with the first forecasts, at night."
        )
        return [
            states.empty(
                f"Nothing was scored yet. Every chance and range that is said is kept and scored when its time is over. {when}",
                [link("Forecasts", filters.href(capacity_tabs.FORECASTS), "button")],
            )
        ]
    export = html.A("CSV", href=filters.on(CSV_PATH).href(range=None), className="chip", download="track-record.csv")
    tables: list[Any] = [html.Div([html.Span("Every scored claim", className="dim"), export], className="record-file")]
    known = [made for made in Made if any(line.made == made for line in found.track.lines)]
    for made in known:
        own = [line for line in found.track.lines if line.made == made]
        tables.append(_lines(made, own, UNDER if made is known[-1] else None))
    if found.newest:
        tables.append(_newest(found.newest, packs, filters, now))
    return [html.Div(tables, className="stack")]


def _lines(made: Made, lines: Sequence[Line], under: str | None) -> html.Div:
    rows = []
    for line in lines:
        held, odd = record_words.coverage_words(line)
        ratio, lost = record_words.ratio_words(line)
        brier, worse = record_words.brier_words(line)
        rows.append(
            [
                record_words.metric_words(line.metric),
                record_words.CLAIM_WORDS.get(line.claim, line.claim),
                record_words.ahead_words(line.horizon_days),
                html.Span(held, className="strong bad" if odd else None),
                record_words.bias_words(line.bias),
                html.Span(brier, className="strong bad" if worse else None),
                record_words.NONE if line.pinball is None else f"{line.pinball:.2f}",
                html.Span(ratio, className="strong bad" if lost else None),
            ]
        )
    return table_card(
        record_words.MADE_TITLES[made], HEADS, rows, numbers=range(2, 8), note=record_words.MADE_NOTES[made], under=under,
        name=f"record-{made}", cards=True, long=True,
    )  # fmt: skip


def _newest(claims: Sequence[Mapping[str, Any]], packs: Mapping[str, Pack], filters: Filters, now: datetime) -> html.Div:
    rows = []
    for row in claims:
        unit = record_words.unit_of(row, packs)
        came, held = record_words.came_words(row, unit, now, filters.zone)
        verdict: Any = "" if held is None else badge("within", "good") if held else badge("outside", "warn")
        rows.append(
            [
                wording.day(row["about_to"] - timedelta(seconds=1), now, filters.zone),
                html.Div([record_words.subject_words(row, packs), html.Div(row["platform"], className="dim small")]),
                f"{record_words.ahead_words(row['horizon_days'])} ahead",
                record_words.said_words(row, unit, now, filters.zone),
                html.Span([came, " ", verdict]),
                record_words.made_words(row["made"]),
            ]
        )
    heads = ("Over", "What", "When said", "Said", "Came", "How")
    return table_card(
        "Newest that are over", heads, rows, name="record-newest", note="all of them are in the CSV", cards=True, long=True
    )


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a scored claim, as stored."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([safe(row[name]) for name in COLUMNS])
    return out.getvalue()


def add_routes(server: FastAPI, parts: Parts) -> None:
    """The CSV of every scored claim, under the page's platform."""

    @server.get(CSV_PATH, include_in_schema=False)
    async def claims_csv(request: Request) -> Response:
        filters = parse(CSV_PATH, request.url.query)
        rows = await run_in_threadpool(scored, parts.store, filters.platform)
        headers = {"content-disposition": 'attachment; filename="track-record.csv"', "cache-control": "no-store"}
        return Response(as_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)


def register(app: Dash, pages: Pages) -> None:
    """Connects the page."""
    parts = pages.parts

    async def read(filters: Filters, now: datetime) -> Record:
        found: Record = await pages.read(("record", filters.platform), lambda: record(parts.store, filters.platform, now))
        return found

    @app.callback(Output(Id.TOP, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname"))
    async def show_top(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            return top(await read(filters, now), filters, now)

        return await pages.guard(make)

    @app.callback(
        Output(Id.CHARTS, "children"),
        Input(Shell.URL, "search"),
        Input(Shell.TICK, "data"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show_charts(search: str | None, tick: int | None, theme: str | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            return charts(await read(filters, now), filters, now, tones_of(theme))

        return await pages.guard(make)

    @app.callback(
        Output(Id.BODY, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_body(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            return body(await read(filters, now), parts.packs, filters, now)

        return await pages.guard(make)
