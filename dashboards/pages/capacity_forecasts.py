"""Capacity, Forecasts: everything that is forecast, and of one what it says, what it rests on and what was odd."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from analytics.anomalies.finding import Anomaly
from dashboards import capacity_words, forecast_words, wording
from dashboards.block import Pages, calm
from dashboards.components import states
from dashboards.components.chart_card import behind, graph
from dashboards.components.marks import age, badge, link
from dashboards.components.tables import table_card
from dashboards.components.term import glossed
from dashboards.fan_rows import days_past, series_fan
from dashboards.figures.fan_chart import Fan, fan_chart
from dashboards.filters import Filters, parse
from dashboards.forecast_rows import ForecastRow, anomalies, forecasts, futures_of, points, rests_on
from dashboards.pages import capacity_tabs, unusual
from dashboards.record_rows import apart_words
from dashboards.shell import Id as Shell
from dashboards.theme import Tones
from dashboards.theme import tones as tones_of
from roomleft.packs import Pack

OLD = timedelta(hours=36)
"""Forecasts are made every night."""
DAY = timedelta(days=1)
BACK_DAYS = 90
TALL = 280
ODD_LISTED = 20
UNUSUAL = "unusual-lately"
"""Where on the page the search leads to."""
HEADS = ("What", "Unit", "Next 30 days", "Range, 80 %", "Growth", "Error against last week's", "Last whole day", "Fitted")
NOTHING_YET = "Nothing has been forecast yet. The first forecasts are made at night, once a series has seven complete days."


class Id(StrEnum):
    """Ids of this page."""

    TOP = "forecasts-top"
    OPEN = "forecasts-open"
    LIST = "forecasts-list"


def layout() -> list[Any]:
    """Skeletons of the final heights."""
    return [
        html.Div(states.skeleton(56), id=Id.TOP, className="top oncall-top"),
        capacity_tabs.nav(),
        html.Div(states.coming(), id=Id.OPEN),
        html.Div(className="forecast-tops", **{"data-search": "q", "data-label": "Search what is forecast"}),
        html.Div(states.skeleton(420), id=Id.LIST),
    ]


def top(rows: Sequence[ForecastRow], filters: Filters, now: datetime) -> html.Div:
    """The sentence, and when the forecasts were made."""
    newest = max((row.run["fitted_at"] for row in rows), default=None)
    said: list[Any] = (
        ["Fitted ", age(newest, now, old=OLD), " ago, every night and when a budget or a price changes."] if newest else []
    )
    return html.Div(
        [html.H1(glossed(forecast_words.sentence(rows, now, filters.zone))), html.P(glossed(said)) if said else None],
        className="verdict",
    )


def kept(rows: Sequence[ForecastRow], filters: Filters) -> list[ForecastRow]:
    """The rows that the search finds, those that say something first."""
    needle = filters.get("q").casefold().strip()
    found = [row for row in rows if needle in f"{row.target} {row.title} {row.run['unit']}".casefold()]
    return sorted(found, key=lambda row: (bool(row.refused), row.run["platform"], row.title, row.target))


def list_block(rows: Sequence[ForecastRow], odd: Sequence[Anomaly], filters: Filters, now: datetime) -> list[Any]:
    """The search, every target, and what was odd lately."""
    if not rows:
        return [
            states.empty(NOTHING_YET, [link("Sources", filters.href("/sources"), "button")]),
            *odd_block(odd, rows, filters, now),
        ]
    found = kept(rows, filters)
    count = html.Div(f"{len(found)} of {len(rows)} shown" if len(found) < len(rows) else "", className="dim small")
    if not found:
        clear = link("Show all", filters.href(q=None), "button")
        return [count, states.empty(f"No forecast is called {filters.get('q')[:60]}.", [clear])]
    table = table_card(
        "What is forecast", HEADS, [_row(row, filters, now) for row in found], numbers=(2, 3, 4, 5), name="forecasts", cards=True, long=True,
        under="Of what adds up by day, the total of the next 30 days; of a level, where it stands after them. "
        "Error against last week's: ours over that of repeating last week; from a backtest at the horizon used; below 1 it beats repeating last week.",
    )  # fmt: skip
    return [count, table, *odd_block(odd, rows, filters, now)]


def _row(row: ForecastRow, filters: Filters, now: datetime) -> list[Any]:
    middle, spread = forecast_words.ahead_words(row)
    error, loses = forecast_words.error_words(row)
    name = html.Div(
        [
            link(row.title, filters.href(target=row.target), "row-link", title=row.target),
            html.Div([str(row.run["platform"]), *_part(row)], className="dim small"),
            html.Div([badge("provisional", "warn", "Rests on less than four weeks")]) if row.run["provisional"] else None,
        ]
    )
    if middle == forecast_words.NONE:
        spread = row.refused or "by day only"
    last = row.last_day
    return [
        name,
        capacity_words.unit_words(str(row.run["unit"])) if row.run["unit"] else "–",
        html.Span(middle, className="strong" if middle != forecast_words.NONE else "dim"),
        [
            html.Span(spread, className="wrap dim" if spread == row.refused else "wrap"),
            html.Div(f"no date: {row.refused}", className="dim small wrap") if row.refused and spread != row.refused else None,
        ],
        forecast_words.growth_words(row),
        html.Span(error, className="bad" if loses else None),
        wording.day(last - timedelta(seconds=1), now, row.zone) if last else "–",
        age(row.run["fitted_at"], now, old=OLD),
    ]


def _part(row: ForecastRow) -> list[str]:
    """What sets a target apart from others of its title."""
    apart = "" if "=" in row.target else apart_words(row.target)
    return [f" · {apart}"] if apart else []


def odd_block(odd: Sequence[Anomaly], rows: Sequence[ForecastRow], filters: Filters, now: datetime) -> list[Any]:
    """What its past does not explain, the newest first."""
    if not odd:
        return [
            html.H2("Unusual lately", className="section-title", id=UNUSUAL),
            states.empty("Nothing unusual was read in the last 45 days.", then="Nothing to do."),
        ]
    events = unusual.shown(odd)
    listed = [
        [
            wording.when(each.about_at, now, filters.zone),
            html.Div(
                [
                    forecast_words.odd_title(each),
                    html.Div(f"{each.platform}, {forecast_words.FORMS.get(each.form, each.form)}", className="dim small"),
                ]
            ),
            html.Span(forecast_words.odd_words(each), className="wrap"),
            html.Span(forecast_words.cause_words(each) or "–", className="wrap"),
            _known(each),
            age(each.found_at, now, old=timedelta(days=2)),
        ]
        for each in events[:ODD_LISTED]
    ]
    note = f"the newest {ODD_LISTED} of {len(events)}" if len(events) > ODD_LISTED else None
    heads = ("When", "What", "Read", "What makes it up", "", "Found")
    return [
        html.Div(
            table_card("Unusual lately", heads, listed, name="odd", note=note, cards=True, long=True),
            className="section-title",
            id=UNUSUAL,
        )
    ]


def _known(each: Anomaly) -> Any:
    """What was announced that explains it, or the button by which somebody says so."""
    if each.known_as:
        return badge(f"expected: {each.known_as}", "good")
    told = json.dumps({"id": each.anomaly_id, "name": f"{each.platform}: {forecast_words.odd_title(each)}"})
    return html.Button("Mark as expected", className="button small", **{"data-act": "expected", "data-anomaly": told})


def marked(odd: Sequence[Anomaly], past: Sequence[tuple[datetime, float | None]]) -> list[tuple[datetime, float, str]]:
    """Odd readings on a chart of days: each at its day, on the line, as its own value may be of an hour."""
    known = [(at, value) for at, value in past if value is not None]
    found = []
    for each in odd:
        middle = each.about_at + (each.about_to - each.about_at) / 2
        near = min(known, key=lambda point: abs(point[0] - middle), default=None)
        if near is not None and abs(near[0] - middle) <= DAY:
            found.append((near[0], near[1], forecast_words.odd_words(each)))
    return found


def opened(
    row: ForecastRow,
    days: Sequence[dict[str, Any]],
    past: Sequence[tuple[datetime, float | None]],
    odd: Sequence[Anomaly],
    pack: Pack | None,
    filters: Filters,
    now: datetime,
    tones: Tones,
) -> html.Div:
    """One forecast."""
    run, unit = row.run, str(row.run["unit"])
    own = [each for each in odd if each.target in (row.target, row.watched_as)]
    chart: Any = states.empty(
        f"No forecast: {row.refused.rstrip('.')}." if row.refused else "Its days are not stored yet.",
        then="Forecasts are made every night; Sources says what is read of it.",
    )
    if days or any(value is not None for _, value in past):
        fan = series_fan(list(past), list(days), unit, flow=row.flow)
        figure = fan_chart(
            fan,
            now,
            filters.zone,
            tones,
            height=TALL,
            key=f"target-{row.target}",
            odd=marked(own, past),
            middle_name=_last_words(fan, unit),
        )
        query = behind("forecast", filters, target=row.target, platform=str(run["platform"]))
        chart = graph(figure, "forecast-chart", f"{row.title}: {forecast_words.future_words(row, now)}", query=query)
    per_day = " a day" if row.flow else ""
    notes = [f"{capacity_words.unit_words(unit)}{per_day}, shaded: 80{wording.THIN}% of the futures"]
    notes += [f"◇ {wording.plural(len(own), 'unusual reading')}"] if own else []
    head = [
        html.H2(
            [
                row.title,
                html.Span(str(run["platform"]), className="unit"),
                badge("provisional", "warn", "Rests on less than four weeks") if run["provisional"] else None,
            ]
        ),
        html.Div(
            [age(run["fitted_at"], now, old=OLD, prefix="fitted "), link("Close", filters.href(target=None), "button")],
            className="a-acts",
        ),
    ]
    return html.Div(
        [
            html.Div(head, className="card-head"),
            html.P(forecast_words.future_words(row, now), className="room-said"),
            html.Div("; ".join(notes), className="card-context"),
            chart,
            html.Div([*_grounds(row, now, filters), *_uses(row, pack, filters)], className="forecast-parts"),
        ],
        className="card forecast-open",
        **{"data-target": row.target},
    )


def _last_words(fan: Fan, unit: str) -> str:
    """The middle of the last day, beside the line's end."""
    if not fan.ahead:
        return "middle"
    return capacity_words.amount_range(fan.ahead[-1][2], fan.ahead[-1][2], unit).removesuffix(f" {wording.unit_word(unit)}")


def _grounds(row: ForecastRow, now: datetime, filters: Filters) -> list[Any]:
    rests = [
        str(row.run["words"]) if not row.refused else f"Refused: {row.refused}",
        forecast_words.history_words(row, now, filters.zone),
        forecast_words.backtest_words(row),
        forecast_words.clipped_words(row),
    ]
    return [
        _part_list("Rests on", rests),
        _part_list("Made of", forecast_words.members_words(row) or [str(row.run["model"])]),
        _part_list("Level shifts", forecast_words.shifts_words(row, now) or ["none found"]),
        _part_list("Known drivers, and what each adds", forecast_words.drivers_words(row) or ["none that helps"]),
    ]


def _part_list(title: str, lines: Sequence[Any]) -> html.Div:
    return html.Div([html.H3(title), html.Ul([html.Li(line) for line in lines if line])])


def _uses(row: ForecastRow, pack: Pack | None, filters: Filters) -> list[Any]:
    subjects = rests_on(pack, row.target)
    if not subjects:
        return []
    lines = [
        link(each.title, filters.on(capacity_tabs.FORECASTS).href(capacity_tabs.PATH, fan=each.name))
        if each.limit
        else f"{each.title}, capacity report"
        for each in subjects
    ]
    return [_part_list("Read by", lines)]


def register(app: Dash, pages: Pages) -> None:
    """Connects the page."""
    parts = pages.parts

    async def read(filters: Filters) -> list[ForecastRow]:
        found: list[ForecastRow] = await pages.read(("forecasts", filters.platform), lambda: forecasts(parts, filters.platform))
        return found

    async def odd_of(filters: Filters, now: datetime) -> list[Anomaly]:
        found: list[Anomaly] = await pages.read(("odd", filters.platform), lambda: anomalies(parts, filters.platform, now))
        return found

    @app.callback(Output(Id.TOP, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname"))
    async def show_top(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            return top(await read(filters), filters, now)

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
        wanted = filters.get("target")
        if not wanted:
            return None

        async def make() -> Any:
            row = next((each for each in await read(filters) if each.target == wanted), None)
            if row is None:
                return states.empty(
                    f"Nothing is forecast under {wanted[:100]} here.",
                    [link("All forecasts", filters.href(target=None, platform=None), "button")],
                )
            days, odd = await asyncio.gather(
                pages.read(("points", wanted, row.run["run_id"]), lambda: points(parts, row)), odd_of(filters, now)
            )
            futures = futures_of(parts, wanted)
            past = days_past(futures, BACK_DAYS) if futures is not None else []
            return opened(row, days, past, odd, parts.packs.get(str(row.run["platform"])), filters, now, tones_of(theme))

        return await pages.guard(make)

    @app.callback(
        Output(Id.LIST, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_list(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            rows, odd = await asyncio.gather(read(filters), odd_of(filters, now))
            return list_block(rows, odd, filters, now)

        return await pages.guard(make)
