"""The drawer beside a table of limits: everything known about one limit. `?limit=ID` opens it, so it can be linked to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import Dash, Input, Output, State, html

from dashboards import capacity_words, limit_words, meter_words, reads, wording
from dashboards.alert_marks import about_limit
from dashboards.alert_rows import Firing
from dashboards.block import Pages
from dashboards.components import states
from dashboards.components.chart_card import behind, graph
from dashboards.components.headroom_bar import headroom_bar
from dashboards.components.limit_table import KIND_WORDS
from dashboards.components.marks import age, badge, glyph, link
from dashboards.figures.sparkline import room_line
from dashboards.filters import Filters, parse
from dashboards.limit_rows import LimitRow
from dashboards.shell import Id as Shell
from dashboards.theme import Tones, tones
from roomleft.limits import Freshness, Kind, Limit
from roomleft.timespan import Period

HISTORY = timedelta(days=7)
SHORT_OF = timedelta(hours=12)
"""As much may lack at the beginning of a week that counts as whole."""
KIND_ONE = {Kind.BUDGET: "budget", Kind.SLO: "SLO", Kind.CAPACITY: "capacity", Kind.QUOTA: "quota", Kind.RATIO: "ratio"}
FRESHNESS_WORDS = {
    Freshness.PROVISIONAL: "provisional: late data may still change it",
    Freshness.RECONCILED: "reconciled with the bill",
    Freshness.RESTATED: "restated since it was first shown",
}
assert set(KIND_ONE) == set(KIND_WORDS)


def window_words(limit: Limit) -> str:
    """`each month, from midnight in UTC`; `the last 30 d`; without a window what that means of a limit of its kind."""
    window = limit.window
    if window is None:
        # A promise or a share is not used up: what it reads now is all there is to it.
        return "none: what it reads now counts" if limit.kind in (Kind.SLO, Kind.RATIO) else "none: it never refills"
    if window.span is not None:
        return f"the last {wording.age(window.span)}, rolling"
    starts = ", fiscal" if window.year_starts != 1 and window.period in (Period.QUARTER, Period.YEAR) else ""
    return f"each {window.period.value}{starts}, from midnight in {window.zone.key}"


def details(row: LimitRow, filters: Filters, now: datetime, meter: str = "") -> html.Dl:
    """What the limit is, where it stands and on what grounds."""
    limit, headroom, zone = row.limit, row.headroom, filters.zone
    unit = wording.unit_word(limit.unit)
    amount = f"{'at least' if row.is_floor else 'at most'} {wording.amount(headroom.amount, limit.unit)} {unit}".strip()
    used = f"{wording.amount(headroom.used, limit.unit)} {unit}".strip() if headroom.used is not None else "no reading"
    made_of = limit_words.amount_made_of(row)
    step = limit_words.next_step(limit.next_step)
    lead = f", takes {wording.age(limit.next_step.lead_time)}" if limit.next_step and limit.next_step.lead_time else ""
    order, due = capacity_words.order_words(row, now, zone)
    # A window's date holds only if it runs out at all.
    date = limit_words.runs_out(row, now, zone)
    out = date.plain() if headroom.p_breach is None else ", ".join(part for part in date if part)
    if_so = capacity_words.about_date(row, now, zone) if headroom.p_breach is not None and not row.is_remote else ""
    entries: list[tuple[str, Any]] = [
        (
            "Limit",
            [
                amount,
                f" = {made_of}" if made_of else "",
                " for each user" if limit.per_user else "",
                " ",
                badge("assumed", title="Nobody confirmed it") if limit.assumed else None,
            ],
        ),
        ("Window", window_words(limit)),
        ("Reading" if row.is_floor else "Used", [("at least " if headroom.lower_bound else ""), used]),
        ("Left", limit_words.left(row).plain()),
        ("Runs out", if_so or out),
        ("Pace", f"{limit_words.pace(row)} of an even use" if headroom.burn_rate is not None else "–"),
        ("Why", headroom.reason or "–"),
        ("Grounds", headroom.basis or "–"),
        ("Worst user", headroom.subject or "–") if limit.per_user else ("Of", headroom.subject or "the whole platform"),
        ("Next step", f"{step.plain()}{lead}"),
        *([("Order", html.Strong(order) if due else order)] if order else []),
        ("Owner", limit.owner or "nobody named"),
        ("Meter", [html.Span(limit.meter_id, className="mono"), f": {meter}" if meter else ""]),
        ("Data", [age(headroom.observed_at, now, prefix="newest "), ", ", FRESHNESS_WORDS[headroom.freshness]]),
        ("Measured", [age(headroom.as_of, now), " ago"]),
    ]
    if chance := capacity_words.chance_words(row):
        until = capacity_words.until_words(row, now, zone)
        likely = capacity_words.likely_end(row)
        entries.insert(5, ("Chance", [f"{chance} {until}", html.Br(), likely] if likely else f"{chance} {until}"))
    if headroom.window_start and headroom.window_end and limit.window and limit.window.span is None:
        words = f"{wording.moment(headroom.window_start, now, zone)}–{wording.moment(headroom.window_end, now, zone)}"
        entries.insert(2, ("This window", words))
    return html.Dl([piece for name, value in entries for piece in (html.Dt(name), html.Dd(value))], className="facts-list")


def drawer(
    row: LimitRow,
    history: Sequence[Mapping[str, Any]],
    filters: Filters,
    now: datetime,
    tone: Tones,
    meter: str = "",
    deploys: Sequence[Mapping[str, Any]] = (),
    firings: Sequence[Firing] = (),
) -> html.Aside:
    """The open drawer of one limit."""
    limit = row.limit
    if len(history) >= 2:
        # What was measured before this server began was not kept: the axis begins where the readings do, and says so.
        begun = max(history[0]["bucket_start"], now - HISTORY)
        whole = begun - (now - HISTORY) < SHORT_OF
        over = "last 7 days" if whole else f"since {wording.moment(begun, now, filters.zone)}, when it was first measured here"
        figure = room_line(
            history, (now - HISTORY if whole else begun, now), filters.zone, tone, deploys=deploys, firings=firings
        )
        past: Any = [
            html.H2(f"Room left, {over}"),
            graph(figure, "drawer-chart", f"Room left of {limit.title}, {over}", query=behind("room", filters, limit=row.key)),
        ]
    else:
        past = html.Div("The line of the last days appears after two hours of readings.", className="dim")
    back = filters.href(limit=None)
    return html.Aside(
        [
            html.Div([html.H2(limit.title), link("Close", back, "button", title="Esc")], className="drawer-head"),
            html.Div(
                [
                    glyph(row.state, labelled=False),
                    html.Strong(limit_words.state_since(row, now, filters.zone)),
                    f"{limit.platform} · {KIND_ONE[limit.kind]}",
                ],
                className="drawer-sub",
            ),
            headroom_bar(row, now, filters.zone),
            *(past if isinstance(past, list) else [past]),
            details(row, filters, now, meter),
            html.Div(
                [
                    link(f"{limit.platform}'s home", filters.href(f"/platforms/{limit.platform}"), "button"),
                    link("Its cost", filters.href("/cost", platform=limit.platform), "button")
                    if limit.unit.startswith("usd")
                    else None,
                ],
                className="links",
            ),
        ],
        className="drawer",
        **{"aria-label": f"{limit.title}, {limit.platform}"},
    )


def register(app: Dash, pages: Pages) -> None:
    """Connects the drawer to the address."""
    parts = pages.parts

    @app.callback(
        Output(Shell.DRAWER, "children"),
        Input(Shell.URL, "search"),
        Input(Shell.TICK, "data"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show(search: str | None, _tick: int | None, theme: str | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()
        key = filters.get("limit")
        if not key:
            return None

        async def make() -> Any:
            rows = await pages.read("limits", lambda: reads.limits(parts.store, parts.packs, now, parts.slack))
            row = next((each for each in rows if each.key == key), None)
            if row is None:
                closed = link("Close", filters.href(limit=None), "button")
                return html.Aside(
                    [
                        states.empty(
                            f"No pack has a limit {key[:100]}.",
                            [closed],
                            then="Its pack may have been changed; / searches all limits.",
                        )
                    ],
                    className="drawer",
                )
            history = await pages.read(("history", key), lambda: reads.limit_history(parts.store, key, now, HISTORY))
            meter = meter_words.said(parts.packs[row.limit.platform], row.limit.meter_id)
            span, platform = (now - HISTORY, now), row.limit.platform
            deploys = await pages.read(("deploys", platform, "7d"), lambda: reads.deploys(parts.store, platform, span))
            fired = await pages.read(("firings", platform, "7d"), lambda: parts.firings(platform, *span))
            return drawer(row, history, filters, now, tones(theme), meter, deploys, about_limit(fired, row.limit))

        return await pages.guard(make)
