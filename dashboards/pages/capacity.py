"""Capacity, Room left: one sentence, then every limit with its chance, its dates, the last day to order, and where it is going."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from analytics.forecasting.futures import Futures
from analytics.forecasting.track_record import TrackRecord, track_record
from analytics.room_cost import room_cost
from analytics.verdict import verdict
from dashboards import capacity_words, limit_words, reads, wording
from dashboards.alert_marks import NOTHING, Happened
from dashboards.block import Pages, calm
from dashboards.components import headroom_bar, states
from dashboards.components.chart_card import behind, chart_card, graph
from dashboards.components.limit_table import chips
from dashboards.components.marks import age, badge, glyph, link
from dashboards.components.room_table import room_table
from dashboards.components.still import still
from dashboards.components.term import glossed
from dashboards.fan_rows import BACK_DAYS, limit_fan
from dashboards.figures.chart import Figure
from dashboards.figures.fan_chart import SMALL, Fan, Upright, fan_chart
from dashboards.filters import Filters, parse
from dashboards.limit_rows import LimitRow, kept
from dashboards.meter_address import leads_to_rows
from dashboards.pages import capacity_tabs
from dashboards.pages.overview import csv_href, fact, shown
from dashboards.parts import Parts
from dashboards.shell import Id as Shell
from dashboards.theme import Tones
from dashboards.theme import tones as tones_of
from roomleft.limits import State as Standing
from roomleft.outlook import Made
from roomleft.packs import Pack

PATH = capacity_tabs.PATH
SHOWN = 6
TALL = 300
OLD = timedelta(minutes=5)
NO_PACKS: Mapping[str, Pack] = {}
NOTHING_YET = "No limit is known yet. A pack's limits appear here as soon as a platform is connected (Sources, behind the gear)."


class Id(StrEnum):
    """Ids of this page."""

    TOP = "room-top"
    OPEN = "room-open"
    FANS = "room-fans"
    LIST = "room-list"


def layout() -> list[Any]:
    """Skeletons of the final heights."""
    return [
        html.Div(states.skeleton(84), id=Id.TOP, className="top room-head"),
        capacity_tabs.nav(),
        html.Div(states.coming(), id=Id.OPEN),
        html.Div(
            [
                html.Div(states.skeleton(252), id=Id.FANS),
                html.Div([states.skeleton(26, "chips"), states.skeleton(420)], id=Id.LIST),
            ],
            className="room-page",
        ),
    ]


def top(rows: Sequence[LimitRow], track: TrackRecord, filters: Filters, now: datetime) -> list[Any]:
    """The sentence of the Overview, and three facts: what room costs, what must be ordered first, how well forecasts keep their word."""
    said = verdict([(row.headroom, row.limit) for row in rows], now, filters.zone)
    line: list[Any] = ["First: ", html.Strong(said.parts[0]), *(f" · {part}" for part in said.parts[1:])] if said.parts else []
    value, made_of = capacity_words.room_cost_words(room_cost((row.headroom, row.limit) for row in rows))
    measured = max((row.headroom.as_of for row in rows if row.headroom.used is not None), default=None)
    facts = [
        fact("30 days' room would cost", value, [f"{made_of}, ", age(measured, now, prefix="age ")]),
        _order_fact(rows, filters, now),
        fact("Track record", link(_short(track), filters.href(capacity_tabs.TRACK_RECORD)), track.words),
    ]
    return [
        html.Div([html.H1(glossed(said.sentence)), html.P(glossed(line)) if line else None], className="verdict"),
        html.Div(facts, className="facts"),
    ]


def _order_fact(rows: Sequence[LimitRow], filters: Filters, now: datetime) -> html.Div:
    ordered = sorted((row for row in rows if row.headroom.order_by is not None), key=lambda row: row.headroom.order_by or now)
    if not ordered:
        return fact("To order first", "nothing", "no limit has a last day to order")
    words, pressing = capacity_words.order_words(ordered[0], now, filters.zone)
    step = limit_words.next_step(ordered[0].limit.next_step).plain()
    return fact("To order first", html.Span(words, className="bad" if pressing else None), f"{ordered[0].limit.title}: {step}")


def _short(track: TrackRecord) -> str:
    scored = sum(track.total(made).scored for made in Made)
    return wording.plural(scored, "claim") + " scored" if scored else "none yet"


def large(
    row: LimitRow, fan: Fan | None, track: TrackRecord | None, filters: Filters, now: datetime, tones: Tones, happened: Happened = NOTHING,
    packs: Mapping[str, Pack] = NO_PACKS,
) -> html.Div:  # fmt: skip
    """One limit, opened: its future in a sentence, the large chart, and what it rests on."""
    limit, h, zone = row.limit, row.headroom, filters.zone
    step, lead = limit_words.next_step(limit.next_step), capacity_words.lead_words(row)
    order, _ = capacity_words.order_words(row, now, zone)
    facts = [
        ("Owner", limit.owner or "nobody named"),
        ("Order by", order or "no date"),
        ("Next step", ", ".join(part for part in (step.plain(), lead) if part and part != limit_words.DASH) or "none named"),
        ("At the end", capacity_words.likely_end(row) or "not forecast"),
        ("Rests on", h.basis or "–"),
    ]
    if fan is None:
        chart: Any = states.empty(
            capacity_words.no_date_sentence(row) if h.p_breach is None else "The futures behind this chance are not at hand.",
            [link("Forecasts", filters.href(capacity_tabs.FORECASTS), "button")],
        )
    else:
        figure = room_figure(row, fan, filters, now, tones, TALL, happened, packs)
        chart = [html.Div(fan_note(fan, row), className="card-context"), _graph(figure, "room-large", row, filters, now)]
    acts = [
        link("All about it", filters.href(limit=row.key), "button"),
        link("Its forecast", filters.on(capacity_tabs.FORECASTS).href(q=limit.meter_id, platform=limit.platform), "button"),
        link("Close", filters.href(fan=None), "button"),
    ]
    title = [
        glyph(row.state, labelled=False),
        f" {limit.title}",
        html.Span(limit.platform, className="unit"),
        badge("assumed", title="Nobody confirmed the amount") if limit.assumed else None,
        badge("provisional", "warn", "Rests on less than four weeks") if is_provisional(row) else None,
    ]
    return html.Div(
        [
            html.Div([html.H2(title), html.Div(acts, className="a-acts")], className="card-head"),
            html.P(
                [capacity_words.future_sentence(row, track, now, zone), " ", age(h.as_of, now, prefix="measured ")],
                className="room-said",
            ),
            *(chart if isinstance(chart, list) else [chart]),
            html.Dl([part for name, words in facts for part in (html.Dt(name), html.Dd(words))], className="facts-list"),
        ],
        className="card room-large",
        **{"data-fan": row.key},
    )


def is_provisional(row: LimitRow) -> bool:
    """Whether a limit's future rests on few days: its grounds say so."""
    return row.headroom.p_breach is not None and "provisional" in row.headroom.basis


def fan_note(fan: Fan, row: LimitRow) -> str:
    """One line about what is drawn."""
    far = f"; the limit of {wording.with_unit(row.headroom.amount, row.limit.unit)} is far above" if fan.limit_is_far else ""
    return f"{capacity_words.unit_words(row.limit.unit)}, {fan.note}{far}; shaded: 80{wording.THIN}% of the futures"


def room_figure(
    row: LimitRow,
    fan: Fan,
    filters: Filters,
    now: datetime,
    tones: Tones,
    height: int,
    happened: Happened = NOTHING,
    packs: Mapping[str, Pack] = NO_PACKS,
) -> Figure:
    """The chart of a limit with the last day to order, and what happened meanwhile."""
    uprights = []
    order_by = row.headroom.order_by
    if order_by is not None and fan.span[0] <= order_by <= fan.span[1]:
        uprights.append(Upright(order_by, "order by", tones.tight if tones.name == "dark" else "#985000"))
    kind, ends = "floor" if row.is_floor else "limit", row.headroom.ends_p50
    small_one = height == SMALL
    name = kind if small_one else f"{kind} {wording.amount(row.headroom.amount, row.limit.unit)}"
    middle = capacity_words.amount_range(ends, ends, row.limit.unit) if ends is not None else "middle"
    middle = middle.removesuffix(f" {wording.unit_word(row.limit.unit)}")
    figure = fan_chart(
        fan,
        now,
        filters.zone,
        tones,
        uprights=uprights,
        limit_name=name,
        middle_name=middle,
        height=height,
        key=f"fan-{row.key}-{height}",
        deploys=happened.deploys_of(row.limit),
        firings=happened.firings_of(row.limit),
    )
    leads_to_rows(figure, row, fan.past, packs.get(row.limit.platform), filters, now)
    return figure


def _said(row: LimitRow, filters: Filters, now: datetime) -> str:
    return f"{row.limit.title}: {capacity_words.future_sentence(row, None, now, filters.zone)}"


def _graph(figure: Figure, name: str, row: LimitRow, filters: Filters, now: datetime) -> html.Div:
    return graph(figure, name, _said(row, filters, now), query=behind("fan", filters, limit=row.key))


def small(
    row: LimitRow,
    fan: Fan,
    filters: Filters,
    now: datetime,
    tones: Tones,
    happened: Happened = NOTHING,
    packs: Mapping[str, Pack] = NO_PACKS,
) -> html.Div:
    """One of the worst six."""
    h, zone = row.headroom, filters.zone
    value = "out" if row.state is Standing.EXHAUSTED else wording.chance(h.p_breach) if h.p_breach is not None else "no date yet"
    parts = (capacity_words.likely_end(row), capacity_words.about_date(row, now, zone))
    if row.state is Standing.EXHAUSTED:
        out = limit_words.runs_out(row, now, zone)
        parts = (out.strong, out.dim)
    context = "; ".join(part for part in parts if part) or capacity_words.until_words(row, now, zone)
    figure = room_figure(row, fan, filters, now, tones, SMALL, happened, packs)
    title: Any = html.Span(
        [
            glyph(row.state, said=limit_words.state_since(row, now, zone)),
            " ",
            link(row.limit.title, filters.href(fan=row.key), "limit-link"),
        ]
    )
    chart = _graph(figure, f"room-fan-{row.key.replace('.', '-')}", row, filters, now)
    return chart_card(title, row.limit.platform, value, context, chart, h.observed_at, now, old=OLD)


def fans(
    rows: Sequence[LimitRow],
    found: dict[str, Fan],
    filters: Filters,
    now: datetime,
    tones: Tones,
    happened: Happened = NOTHING,
    packs: Mapping[str, Pack] = NO_PACKS,
) -> list[Any]:
    """Small multiples of the worst six."""
    cards = [small(row, found[row.key], filters, now, tones, happened, packs) for row in rows if row.key in found]
    return [html.Div(cards, className="grid3 room-fans")] if cards else []


def list_block(rows: Sequence[LimitRow], filters: Filters, now: datetime) -> list[Any]:
    """Chips, rows, key."""
    of_platform = kept(rows, platform=filters.platform, words=filters.get("q"))
    if not rows:
        return [states.empty(NOTHING_YET, [link("Sources", filters.href("/sources"), "button")])]
    listed = shown(rows, filters)
    head = chips(of_platform, filters, csv_href=csv_href(filters))
    if not listed:
        everything = link("Show all limits", filters.href(state=None, kind=None, q=None, platform=None), "button")
        return [head, states.empty("No limit passes these filters.", [everything])]
    asked = any(filters.get(key) for key in ("state", "kind", "q", "sort")) or filters.get("ok") == "shown"
    away = [] if asked else [row for row in listed if lasts(row)]
    near = [row for row in listed if row not in away]
    table: list[Any] = [room_table(near, filters, now)] if near else []
    if away:
        words = f"{wording.plural(len(away), 'limit')} will probably last: show {'it' if len(away) == 1 else 'them'}"
        table.append(link(words, filters.href(ok="shown"), "fold"))
    elif filters.get("ok") == "shown" and not filters.get("state"):
        table.append(link("Fold the limits that will probably last", filters.href(ok=None), "fold"))
    return [head, still(table, "card flush"), headroom_bar.key()]


def lasts(row: LimitRow) -> bool:
    """Whether a limit has room and hardly any chance of running out."""
    h = row.headroom
    return row.state is Standing.OK and row.is_remote and h.order_by is None


def futures_of(parts: Parts, row: LimitRow) -> Futures | None:
    """The futures of a limit; None where there are none."""
    pack = parts.packs.get(row.limit.platform)
    found = parts.forecasts.of(pack, row.limit) if pack is not None and parts.forecasts is not None else None
    return found if isinstance(found, Futures) else None


def fans_of(parts: Parts, rows: Sequence[LimitRow], now: datetime, most: int = SHOWN) -> dict[str, Fan]:
    """The fans of the first `most` rows that have one."""
    found: dict[str, Fan] = {}
    for row in rows:
        if len(found) == most:
            break
        if row.headroom.p_breach is None and row.state is not Standing.EXHAUSTED:
            continue
        futures = futures_of(parts, row)
        fan = limit_fan(row, futures, now) if futures is not None else None
        if fan is not None:
            found[row.key] = fan
    return found


def register(app: Dash, pages: Pages) -> None:
    """Connects the page."""
    parts = pages.parts

    async def limits(now: datetime) -> list[LimitRow]:
        rows: list[LimitRow] = await pages.read("limits", lambda: reads.limits(parts.store, parts.packs, now, parts.slack))
        return rows

    async def happened(now: datetime) -> Happened:
        span = (now - timedelta(days=BACK_DAYS), now)
        found: Happened = await pages.read(
            "happened", lambda: Happened(reads.deploys(parts.store, None, span), parts.firings(None, *span))
        )
        return found

    async def track(platform: str | None) -> TrackRecord:
        only = None if platform is None else [platform]
        found: TrackRecord = await pages.read(("track", platform), lambda: track_record(parts.store, platforms=only))
        return found

    @app.callback(Output(Id.TOP, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname"))
    async def show_top(search: str | None, tick: int | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            rows = kept(await limits(now), platform=filters.platform)
            return top(rows, await track(filters.platform), filters, now)

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
        key = filters.get("fan")
        if not key:
            return None

        async def make() -> Any:
            row = next((each for each in await limits(now) if each.key == key), None)
            if row is None:
                closed = link("Close", filters.href(fan=None), "button")
                return states.empty(
                    f"No pack has a limit {key[:100]}.", [closed], then="Its pack may have been changed; / searches all limits."
                )
            known = await pages.read(("fan", key), lambda: fans_of(parts, [row], now))
            return large(
                row,
                known.get(key),
                await track(row.limit.platform),
                filters,
                now,
                tones_of(theme),
                await happened(now),
                parts.packs,
            )

        return await pages.guard(make)

    @app.callback(
        Output(Id.FANS, "children"),
        Input(Shell.URL, "search"),
        Input(Shell.TICK, "data"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show_fans(search: str | None, tick: int | None, theme: str | None, path: str | None) -> Any:
        calm(tick)
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            rows = shown(await limits(now), filters)
            keys = tuple(row.key for row in rows)
            known = await pages.read(("fans", keys), lambda: fans_of(parts, rows, now))
            return fans(rows, known, filters, now, tones_of(theme), await happened(now), parts.packs)

        return await pages.guard(make)

    @app.callback(
        Output(Id.LIST, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_list(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            return list_block(await limits(now), filters, now)

        return await pages.guard(make)
