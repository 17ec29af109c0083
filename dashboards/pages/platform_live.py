"""A platform's Live tab: its live signals, then rate, errors and latency of its AI calls; pushed each second over a WebSocket, polled
where there is none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update, set_props

from analytics import signals
from dashboards import reads, wording
from dashboards.anomaly_rows import recent
from dashboards.block import Pages
from dashboards.components import states
from dashboards.components.chart_card import behind, chart_card, graph
from dashboards.components.signal_card import signal_card
from dashboards.figures.chart import Figure, Line, leads_to
from dashboards.figures.series import line_chart
from dashboards.filters import Filters, parse
from dashboards.pages.unusual import unusual_block
from dashboards.shell import Id as Shell
from dashboards.theme import Tones, tones
from roomleft.packs import Pack
from roomleft.packs_parts import Signal

NOW_SPAN = timedelta(minutes=5)
CHART_SPAN = timedelta(minutes=60)
UNUSUAL_SPAN = timedelta(days=1)
CHART_RANGE = "1h"
STEP_S = 60
PUSH_EVERY_S = 1.0
USUAL_S = 5
"""Who asks for new data as often as that, or oftener, gets what is pushed as it comes; longer intervals hold for pushes too."""
OLD = timedelta(minutes=2)
CALLS = "/cost/rows"


class Id(StrEnum):
    """Ids of this tab."""

    BODY = "live-body"
    NEWS = "live-news"
    UNUSUAL = "live-unusual"


def layout() -> list[Any]:
    """Skeletons."""
    body = html.Div(html.Div([states.skeleton(320) for _ in range(3)], className="grid3"), id=Id.BODY)
    return [body, html.Div(id=Id.UNUSUAL), dcc.Store(id=Id.NEWS)]


def slug_of(path: str | None) -> str | None:
    """The platform of `/platforms/<slug>/live`; None for another address."""
    parts = (path or "").strip("/").split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "platforms" and parts[2] == "live" else None


def live_body(
    slug: str,
    now_row: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    now: datetime,
    zone: Any,
    tone: Tones,
    deploys: Sequence[Mapping[str, Any]] = (),
) -> Any:
    """The three cards of AI calls. Fewer than one call a second are counted by the minute."""
    requests, at = now_row["requests"], now_row["last_at"]
    if not rows and not requests:
        return states.empty(
            f"No AI call of {slug} in the last {wording.age(CHART_SPAN)}.",
            then="If it should be busy, see at Sources whether its usage is read; Cost has the calls of longer ago.",
        )
    at = at or max((row["last_at"] for row in rows), default=None)
    seconds = NOW_SPAN.total_seconds()
    span = (now - CHART_SPAN, now)
    last = rows[-1]["bucket_start"] if rows else None
    filling = last is not None and (now - last).total_seconds() < STEP_S

    rows = with_empty_minutes(rows, span[0])

    def line(name: str, colour: str, value: Any, *, partial: bool = True) -> Line:
        return Line(name, [(row["bucket_start"], value(row)) for row in rows], colour, filling and partial)

    rate = requests / seconds
    per, unit_s = rate_unit(rate)

    def calls_per_unit(row: Mapping[str, Any]) -> float:
        # The bucket still filling is divided by the time it has had, so that it does not dip. By the minute it is taken as it is: a call
        # in its first second is not sixty a minute.
        elapsed = min(float(STEP_S), max(float(unit_s), (now - row["bucket_start"]).total_seconds()))
        return float(row["requests"]) / elapsed * unit_s

    def error_share(row: Mapping[str, Any]) -> float | None:
        return row["failed_requests"] / row["requests"] if row["requests"] else None

    failed = now_row["failed_requests"] / requests if requests else None
    over = f"over the last {wording.age(NOW_SPAN)}"
    rate_figure = line_chart(
        [line("calls", tone.accent, calls_per_unit)], span, zone, tone, unit=f"calls a {per}", deploys=deploys, key=f"live-rate-{per}-{slug}"
    )  # fmt: skip
    error_figure = line_chart(
        [line("errors", tone.accent, error_share)], span, zone, tone, unit="ratio", deploys=deploys, key=f"live-errors-{slug}"
    )
    p50, p95, p99 = tone.percentiles
    latency = [
        line(name, colour, lambda row, field=field: row[field])
        for name, colour, field in (("p50", p50, "p50_ms"), ("p95", p95, "p95_ms"), ("p99", p99, "p99_ms"))
    ]
    latency_figure = line_chart(latency, span, zone, tone, unit="ms", deploys=deploys, key=f"live-latency-{slug}")
    filters = Filters(path=f"/platforms/{slug}/live", zone=zone)
    query = behind("calls", filters, platform=slug, range=CHART_RANGE)

    def drawn(figure: Figure, name: str, label: str) -> html.Div:
        leads_to(figure, zone, "calls", filters.href(CALLS, platform=slug, range=None, kind="ai"), step_s=STEP_S)
        return graph(figure, name, f"{label} of {slug}", query=query, zoom=True)

    if now_row["p95_ms"] is None:
        latency_value, latency_context = "–", f"no call with a latency {over}"
    else:
        latency_value = f"p95 {wording.seconds(now_row['p95_ms'] / 1000)}"
        latency_context = (
            f"p50 {wording.seconds(now_row['p50_ms'] / 1000)} · p99 {wording.seconds(now_row['p99_ms'] / 1000)} · "
            f"{wording.plural(now_row['timed'], 'call')} {over}"
        )
    return html.Div(
        [
            chart_card("AI calls", f"per {per}", rate_words(rate), f"{wording.plural(requests, 'call')} {over}",
                       drawn(rate_figure, "live-chart-rate", f"AI calls a {per}"), at, now, old=OLD),
            chart_card("Latency of AI calls", "ms", latency_value, latency_context,
                       drawn(latency_figure, "live-chart-latency", "Latency percentiles"), at, now, old=OLD),
            chart_card("Failed AI calls", "share", wording.percent(failed, 2) if failed is not None else "–",
                       f"{wording.plural(now_row['failed_requests'], 'call')} of {requests:,} {over}",
                       drawn(error_figure, "live-chart-errors", "Share of failed AI calls"), at, now, old=OLD),
        ],
        className="grid3",
    )  # fmt: skip


def with_empty_minutes(rows: Sequence[Mapping[str, Any]], since: datetime) -> list[Mapping[str, Any]]:
    """The rows with the minutes without a call between them: no calls is zero, of no calls there is no latency and no share of errors."""
    if not rows:
        return []
    step = timedelta(seconds=STEP_S)
    found = {row["bucket_start"]: row for row in rows}
    last = rows[-1]["bucket_start"]
    first = last - (last - since) // step * step
    empty = {"requests": 0, "failed_requests": 0, "p50_ms": None, "p95_ms": None, "p99_ms": None}
    buckets = [first + step * n for n in range(int((last - first) / step) + 1)]
    return [found.get(bucket, {**empty, "bucket_start": bucket}) for bucket in buckets]


def rate_unit(per_second: float) -> tuple[str, int]:
    """The unit a rate is told in, and its seconds: the minute for less than one a second."""
    return ("second", 1) if per_second >= 1 else ("minute", 60)


def rate_words(per_second: float) -> str:
    """`4.2 /s`, `0.2 /min`."""
    return wording.rate(per_second)


def live_signals(pack: Pack) -> list[Signal]:
    """The signals a pack wants here, in its order."""
    return [signal for signal in pack.signals if signal.live]


def register(app: Dash, pages: Pages) -> None:
    """Connects the tab: a push each second, and a poll for browsers whose WebSocket does not get through."""
    parts = pages.parts

    async def deploys_of(slug: str, now: datetime) -> list[dict[str, Any]]:
        span = (now - CHART_SPAN, now)
        found: list[dict[str, Any]] = await pages.read(
            ("deploys", slug, CHART_RANGE), lambda: reads.deploys(parts.store, slug, span)
        )
        return found

    async def signal_cards(slug: str, filters: Filters, tone: Tones, now: datetime) -> list[Any]:
        """The cards of the live signals. Readers in one zone and theme share them: they are drawn in a thread, once a second."""
        pack = parts.packs[slug]
        own = live_signals(pack)
        if not own:
            return []
        names = signals.names_of(own)
        rows, step_s = await pages.read(
            ("live-samples", slug), lambda: reads.live_samples(parts.store, slug, names, now, CHART_SPAN, pack.interval)
        )
        deploys = await deploys_of(slug, now)
        fired = await pages.read(("firings", slug, CHART_RANGE), lambda: parts.firings(slug, now - CHART_SPAN, now))
        cards: list[Any] = await pages.read(
            ("live-signals", slug, filters.zone.key, tone.name),
            lambda: [signal_card(signal, pack, rows, step_s, filters, deploys, now, tone, fired) for signal in own],
        )
        return cards

    async def body(path: str | None, search: str | None, theme: str | None) -> Any:
        slug = slug_of(path)
        if slug is None or slug not in parts.packs:
            return no_update
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            now_row = await pages.read(("live-now", slug), lambda: reads.live_now(parts.store, slug, now, NOW_SPAN))
            rows = await pages.read(("live", slug), lambda: reads.live(parts.store, slug, now, CHART_SPAN, STEP_S))
            calls = live_body(slug, now_row, rows, now, filters.zone, tones(theme), await deploys_of(slug, now))
            cards = await signal_cards(slug, replace(filters, range=CHART_RANGE), tones(theme), now)
            return [html.Div(cards, className="grid3"), html.Div(calls, className="section-title")] if cards else calls

        return await pages.guard(make)

    @app.callback(
        Output(Id.BODY, "children"),
        Input(Shell.TICK, "data"),
        Input(Shell.URL, "search"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def poll(_tick: int | None, search: str | None, theme: str | None, path: str | None) -> Any:
        return await body(path, search, theme)

    @app.callback(
        Output(Id.UNUSUAL, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_unusual(search: str | None, _tick: int | None, path: str | None) -> Any:
        slug = slug_of(path)
        if slug is None or slug not in parts.packs:
            return no_update
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            found = await pages.read(
                ("unusual latency", slug),
                lambda: [each for each in recent(parts, now - UNUSUAL_SPAN, now, platform=slug) if each.metric == "latency"],
            )
            return unusual_block(found, parts.packs, now, filters)

        return await pages.guard(make)

    app.clientside_callback(ClientsideFunction("roomleft", "pushed"), Input(Id.NEWS, "data"))

    @app.callback(persistent=True, websocket=True)
    async def push() -> None:
        socket = ctx.websocket
        if socket is None:
            return
        clock_s, last_s = asyncio.get_running_loop().time, 0.0
        while not socket.is_shutdown:
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                path = await socket.get_prop(Shell.URL, "pathname")
                refresh = await socket.get_prop(Shell.REFRESH, "data")
                wanted, every_s = (refresh or {}).get("on", True), (refresh or {}).get("every_s") or 0
                if slug_of(path) is not None and wanted and (every_s <= USUAL_S or clock_s() - last_s >= every_s):
                    search, theme = await socket.get_prop(Shell.URL, "search"), await socket.get_prop(Shell.THEME, "data")
                    made = await body(path, search, theme)
                    if made is not no_update:
                        set_props(Id.NEWS, {"data": {"id": Id.BODY, "pathname": path, "children": made}})
                        last_s = clock_s()
            await asyncio.sleep(PUSH_EVERY_S)
