"""Overview: one sentence, then every limit worst first."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from dash import Dash, Input, Output, State, html

from analytics.health import RANK, PlatformHealth, platform_health
from analytics.ledger import Costs
from analytics.month_cost import MonthCost
from analytics.reports import month_words
from analytics.verdict import verdict
from dashboards import reads, wording
from dashboards.alert_lines import alert_lines
from dashboards.alert_words import AlertLine
from dashboards.anomaly_rows import recent
from dashboards.block import Pages
from dashboards.components import headroom_bar, states
from dashboards.components.alert_list import firing_line
from dashboards.components.limit_table import ORDERS, chips, limit_table
from dashboards.components.marks import age, glyph, link
from dashboards.components.still import still
from dashboards.components.term import glossed
from dashboards.cost_tables import statement
from dashboards.filters import Filters, parse
from dashboards.health_words import STATUS_STATE
from dashboards.limit_rows import LimitRow, kept, sorted_by
from dashboards.pages.unusual import ON_OVERVIEW, unusual_line
from dashboards.shell import Id as Shell
from dashboards.verdict_lines import down_words, href_of, verdict_block
from roomleft.limits import Kind
from roomleft.limits import State as LimitState
from roomleft.money import usd
from roomleft.packs import Pack
from roomleft.timespan import Period

log = logging.getLogger(__name__)
PATH = "/"
CSV_PATH = "/export/limits.csv"
NOTHING_YET = (
    "Nothing is connected yet. In a shell beside the server, one of these looks at what you have and begins to watch it:"
)
CONNECT = """bin/roomleft connect postgres postgresql://user@host/database
bin/roomleft connect redis redis://host:6379
bin/roomleft connect prometheus-server http://host:9090
bin/roomleft connect --help"""
CHIP_RANK = ("exhausted", "tight", "unknown", "ok")
"""What a platform's chip shows first."""
FOLD_ABOVE = 40
"""With more limits than this, most of those that are ok are folded until somebody asks for them."""
AT_FIRST = 18
"""How many limits are listed then: one screen of them, those that are ok by what comes next."""


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


def platform_chips(
    rows: Sequence[LimitRow],
    packs: Mapping[str, Pack],
    health: Mapping[str, PlatformHealth],
    filters: Filters,
    alerts: Sequence[AlertLine] = (),
) -> Any:
    """A chip for each platform with the worst of its services, limits and alerts, and how many of its limits need somebody; None for a single platform."""
    if len(packs) < 2:
        return None
    needing = Counter(row.limit.platform for row in rows if row.state is not LimitState.OK)
    firing = Counter(each.alert.platform for each in alerts if each.fires)
    worst = {slug: worst_of(slug, rows, health[slug], alerts) for slug in packs}
    chosen = filters.platform
    links = [link(f"All {len(packs)} platforms", filters.href(platform=None), "chip", current=chosen is None)]
    ranked = sorted(packs, key=lambda slug: (CHIP_RANK.index(worst[slug]), RANK[health[slug].status], -needing[slug], slug))
    for slug in ranked:
        count = f" {needing[slug]}" if needing[slug] else ""
        limits = f"{wording.plural(needing[slug], 'limit')} {'needs' if needing[slug] == 1 else 'need'} somebody"
        fires = f", {wording.plural(firing[slug], 'alert')} {'fires' if firing[slug] == 1 else 'fire'}" if firing[slug] else ""
        said = f"{packs[slug].title}: {health[slug].sentence} {limits}{fires}"
        href = filters.href(platform=None if slug == chosen else slug)
        links.append(
            link(
                [glyph(worst[slug], said=f"worst of services, limits and alerts: {worst[slug]}"), f"{packs[slug].title}{count}"],
                href,
                "chip",
                current=slug == chosen,
                title=said,
            )
        )
    return html.Div(
        html.Div(links, className="chip-group"),
        className="chips platform-chips",
        role="group",
        **{"aria-label": "Filter by platform"},
    )


def worst_of(slug: str, rows: Sequence[LimitRow], health: PlatformHealth, alerts: Sequence[AlertLine]) -> str:
    """The worst state of a platform's services, limits and firing alerts."""
    states_of = {STATUS_STATE[health.status]}
    states_of |= {str(row.state) for row in rows if row.limit.platform == slug}
    states_of |= {each.glyph for each in alerts if each.alert.platform == slug and (each.fires or each.is_unknown)}
    return next(state for state in CHIP_RANK if state in states_of)


def folded(rows: Sequence[LimitRow], filters: Filters) -> tuple[list[LimitRow], list[LimitRow]]:
    """The rows to list and those to fold: with many limits, of the ones that are ok those beyond the first screen fold until somebody asks for them."""
    asked = filters.get("state") or filters.get("q") or filters.get("kind") or filters.get("sort") or filters.get("ok") == "shown"
    if asked or len(rows) <= FOLD_ABOVE:
        return list(rows), []
    calm = [row for row in rows if row.state is LimitState.OK]
    kept_calm = calm[: max(0, AT_FIRST - (len(rows) - len(calm)))]
    listed = [row for row in rows if row.state is not LimitState.OK] + kept_calm
    return (listed, calm[len(kept_calm) :]) if len(calm) > len(kept_calm) else (listed, [])


def limits_block(rows: Sequence[LimitRow], filters: Filters, now: datetime) -> list[Any]:
    """Chips, table, key."""
    of_platform = kept(rows, platform=filters.platform, words=filters.get("q"))
    listed = shown(rows, filters)
    if not rows:
        body: Any = states.empty(NOTHING_YET, [html.Pre(CONNECT)])
    elif not listed:
        everything = html.A(
            "Show all limits",
            href=filters.href(state=None, kind=None, q=None, platform=None),
            className="button",
            **{"data-nav": "1"},
        )
        body = states.empty("No limit passes these filters.", [everything])
    else:
        listed, away = folded(listed, filters)
        table: list[Any] = [limit_table(listed, filters, now)] if listed else []
        if away:
            more = "more " if any(row.state is LimitState.OK for row in listed) else ""
            words = f"{wording.plural(len(away), f'{more}limit')} {'is' if len(away) == 1 else 'are'} ok, folded: show {'it' if len(away) == 1 else 'them'}"
            table.append(link(words, filters.href(ok="shown"), "fold"))
        elif filters.get("ok") == "shown" and not filters.get("state"):
            table.append(link("Fold the limits that are ok", filters.href(ok=None), "fold"))
        body = html.Div([still(table, "card flush"), headroom_bar.key()])
    return [chips(of_platform, filters, csv_href=csv_href(filters)), body] if rows else [body]


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
        [
            html.Div(label, className="fact-label"),
            html.Div(value, className="fact-value"),
            html.Div(glossed(note), className="fact-note"),
        ],
        className="fact",
    )


def month_fact(month: Costs, rows: Sequence[LimitRow], filters: Filters, now: datetime, zone: ZoneInfo | None = None) -> html.Div:
    """What the month has cost so far, AI usage and infrastructure apart; its parts add up to the cent, as on the Explorer. `zone`: whose days it is
    counted in, where not the reader's."""
    own = filters.zone if zone is None else zone
    counted = "" if own.key == filters.zone.key else f", {own}"
    label = f"{wording.month_name(now, own)} so far, AI + infrastructure{counted}"
    total = month.total
    if total.last_at is None and not total.cost_usd:
        return fact(label, "–", "no cost recorded this month")
    foot = statement(month, None).foot
    value = link(usd(foot.cost_cents), filters.href("/cost", range="month", environment=None), title="What it is made of")
    budget = month_budget(rows, now)
    note: list[Any] = [html.Div(f"{usd(foot.ai_cents)} AI + {usd(foot.infrastructure_cents)} infrastructure")]
    if total.unpriced_requests:
        note.append(f"at least: {wording.plural(total.unpriced_requests, 'call')} unpriced")
    else:
        note.append("no monthly budget" if budget is None else wording.plural(budget[1], "monthly budget"))
    if total.last_at is not None:
        note += [", ", age(total.last_at, now, prefix="age ")]
    return fact(label, value, note)


def expected_fact(month: MonthCost, filters: Filters, now: datetime) -> html.Div:
    """What the month will cost in all, as a range, beside the last month and the budget."""
    label = f"{month_words.month_name(month)}, expected in all" + (
        "" if month.zone.key == filters.zone.key else f", {month.zone}"
    )
    budget = " · ".join(part for part in (month_words.budget(month), month_words.chance(month)) if part)
    note = [html.Div(month_words.last_month(month)), budget or "no budget covers all of it"]
    if month.ends_p10 is None or month.ends_p90 is None:
        return fact(label, "–", [html.Div(month_words.likely(month, now)), *note])
    value = month_words.amount_range(month)
    return fact(label, link(value, filters.href("/budgets"), title="By platform"), note)


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


def register(app: Dash, pages: Pages) -> None:
    """Connects the page's blocks."""
    parts = pages.parts

    async def limits(now: datetime) -> list[LimitRow]:
        rows: list[LimitRow] = await pages.read("limits", lambda: reads.limits(parts.store, parts.packs, now, parts.slack))
        return rows

    async def health(now: datetime, filters: Filters) -> dict[str, PlatformHealth]:
        checks = await pages.read("health", lambda: reads.health(parts.store, None, now))
        begun = await pages.read("since", lambda: reads.health_since(parts.store, None, now))
        return {
            slug: platform_health(
                pack, [row for row in checks if row["platform"] == slug], now, begun=begun.get(slug), zone=filters.zone
            )
            for slug, pack in parts.packs.items()
        }

    async def odd(filters: Filters, now: datetime) -> Any:
        try:
            found = await pages.read(
                ("unusual", filters.platform, "overview"),
                lambda: [
                    each for each in recent(parts, now - ON_OVERVIEW, now, platform=filters.platform) if each.metric == "cost"
                ],
            )
        except Exception:  # the verdict must be told whatever becomes of this line
            log.exception("what is unusual could not be read")
            return None
        return unusual_line(found, parts.packs, now, filters)

    async def expected(rows: Sequence[LimitRow], filters: Filters, now: datetime) -> html.Div:
        try:
            month = await pages.read(
                ("month-expected", filters.platform, filters.zone.key),
                lambda: reads.month_expected(parts, filters.platform, filters.zone, now, rows),
            )
            return expected_fact(month.total, filters, now)
        except Exception:  # the verdict must be told whatever becomes of this figure
            log.exception("what the month will cost could not be worked out")
            return fact(
                f"{wording.month_name(now, filters.zone)}, expected in all",
                "–",
                "could not be worked out: refresh in a minute; the log says why",
            )

    @app.callback(
        Output(Id.LIMITS, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_limits(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            rows = await limits(now)
            lines = await pages.read("alert-lines", lambda: alert_lines(parts, now))
            chosen = platform_chips(rows, parts.packs, await health(now, filters), filters, lines)
            return [chosen, *limits_block(rows, filters, now)]

        return await pages.guard(make)

    @app.callback(Output(Id.TOP, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname"))
    async def show_top(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            rows = kept(await limits(now), platform=filters.platform)
            coming = asyncio.create_task(expected(rows, filters, now))
            zone = reads.month_zone_of(parts, filters)
            spent = await pages.read(("month", filters.platform, zone.key), lambda: reads.month_cost(parts, filters, now))
            sources = await pages.read("sources", lambda: reads.sources(parts.store))
            late = [job.name for job in await pages.read("jobs", parts.jobs) if job.late or job.outcome == "failed"]
            facts = [
                month_fact(spent, rows, filters, now, zone),
                await coming,
                fresh_fact(rows, now),
                sources_fact(sources, late, now),
            ]
            said = verdict([(row.headroom, row.limit) for row in rows], now, filters.zone)
            hrefs = href_of(said.of, rows, filters), href_of(said.next_of, rows, filters)
            every = await health(now, filters)
            shown_health = {slug: each for slug, each in every.items() if filters.platform in (None, slug)}
            down = down_words(parts.packs, shown_health, now, filters.zone)
            alerts = [
                each
                for each in await pages.read("alert-lines", lambda: alert_lines(parts, now))
                if filters.platform in (None, each.alert.platform)
            ]
            lines = html.Div([firing_line(alerts, filters), await odd(filters, now)], className="verdict-lines")
            long = " long" if said.next_parts else ""
            return [
                html.Div(
                    [verdict_block(said, (), down, None, hrefs), lines, html.Div(facts, className="facts")],
                    className=f"told{long}",
                )
            ]

        return await pages.guard(make)
