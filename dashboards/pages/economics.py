"""Cost, Unit economics: what an active user costs and brings, by tier, by persona, over the weeks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from dash import Dash, Input, Output, State, html

from analytics.economics import Economics
from analytics.economics_answer import cents, token_calls, verdict
from analytics.economics_periods import BY_DEFAULT, NAMES
from analytics.economics_read import Told, wanted_share
from dashboards import wording
from dashboards.api.economics import read_economics
from dashboards.block import Pages
from dashboards.components import states
from dashboards.components.chart_card import behind, chart_card, graph
from dashboards.components.marks import age, badge, link
from dashboards.components.term import glossed
from dashboards.economics_tables import money, percent, personas_table, platforms_table, tiers_table
from dashboards.figures.chart import Line, Mark, leads_to
from dashboards.figures.series import line_chart
from dashboards.filters import Filters, parse
from dashboards.pages import cost_tabs
from dashboards.pages.cost_facts import ROWS
from dashboards.shell import Id as Shell
from dashboards.shell import menu
from dashboards.snapshot import Snapshots
from dashboards.theme import Tones, tones
from roomleft.platform_names import unknown_platform_words
from roomleft.timespan import midnight

PATH = "/cost/economics"
STEPS = {"week": "Weeks", "month": "Months"}
KEEP_S = 30.0
"""Figures of whole days do not change by the second; working them out takes most of one."""
KEPT = timedelta(days=36_500)
"""A week that is over does not go stale."""


class Id(StrEnum):
    """Ids of this page."""

    CHOICES = "economics-choices"
    BODY = "economics-body"


def layout() -> list[Any]:
    """Skeletons of about the final heights."""
    return [
        *cost_tabs.head(),
        html.Div(states.skeleton(30), id=Id.CHOICES, className="filter-bar"),
        html.Div([states.skeleton(120), states.skeleton(220), states.skeleton(220)], id=Id.BODY, className="economics"),
    ]


def choices(filters: Filters) -> list[Any]:
    """Which period, and weeks or months."""
    period, by = filters.chosen("period", NAMES, BY_DEFAULT), filters.chosen("by", STEPS, "week")
    periods = [link(words, filters.href(period=name), "menu-item", current=name == period) for name, words in NAMES.items()]
    steps = [link(words, filters.href(by=name), "menu-item", current=name == by) for name, words in STEPS.items()]
    return [menu("Period", NAMES[period], periods, "period"), menu("Over", STEPS[by], steps, "by")]


def fact(label: str, value: Any, note: Any) -> html.Div:
    """A figure with what it is and what stands beside it."""
    return html.Div(
        [
            html.Div(label, className="fact-label"),
            html.Div(value, className="card-value"),
            html.Div(note, className="card-context"),
        ]
    )


def head_block(told: Told, now: datetime) -> html.Div:
    """The sentence, what to know to read it, and the facts."""
    return html.Div(
        [
            html.Div([html.H1(glossed(verdict(told))), html.P(glossed(growth_words(told)))], className="verdict"),
            html.Div(provenance(told, now), className="economics-marks"),
            html.Div(facts(told), className="total-row economics-facts") if told.now.covered.days > 0 else None,
        ],
        className="card",
    )


def growth_words(told: Told) -> str:
    """Whether cost runs ahead of revenue."""
    found = told.growth
    if found.cost is None:
        return f"Growth is not told: {found.reason}."
    cost = f"Cost a day was {_higher(found.cost)} in {told.before.span.words()}"
    if found.gap is None or found.revenue is None:
        return f"{cost}; {found.reason}."
    # Of the two as they are said: whoever subtracts them finds the same.
    gap = _tenths(found.cost) - _tenths(found.revenue)
    points = f"{abs(gap):.1f} percentage points"
    ahead = f"cost grew {points} {'more' if gap > 0 else 'less'} than revenue" if gap else "both changed alike"
    return f"{cost}, revenue a day {_higher(found.revenue)} then: {ahead}."


def _tenths(ratio: Decimal) -> Decimal:
    """A ratio in per cent, to the place that is said."""
    return (ratio * 100).quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN)


def _higher(ratio: Decimal) -> str:
    """How a day's mean compares with the period before: the change from one to the other, not a growth by the day."""
    size = wording.percent(abs(ratio))
    return "the same as" if size == wording.percent(0) else f"{size} {'higher' if ratio > 0 else 'lower'} than"


def provenance(told: Told, now: datetime) -> list[Any]:
    """How many users and days are behind it, how old it is, and what it lacks."""
    one, marks = told.now, told.marks
    zone = ZoneInfo(told.pack.zone)
    words = f"{wording.plural(one.users, 'active user')}, {wording.plural(max(one.covered.days, 0), 'whole day')} of {wording.zone_name(zone, now)}"
    found: list[Any] = [html.Span(words), age(told.read_to, now, prefix="usage read ")]
    if not one.whole:
        found.append(badge(f"partial: {max(one.covered.days, 0)} of {(one.span.ends - one.span.first).days} days", "warn"))
    if marks.provisional:
        found.append(
            badge("provisional", "", f"Late calls may still come in until {wording.moment(marks.settled_from, now, zone)}")
        )
    if marks.restated_requests:
        found.append(
            badge(f"restated: {wording.plural(marks.restated_requests, 'call')}", "", "They were priced again after the fact")
        )
    if one.lower_bound:
        tokens = f"{wording.count(marks.unpriced_tokens)} tokens"
        found.append(
            badge(
                f"at least: {wording.plural(one.unpriced_requests, 'call')} unpriced",
                "warn",
                f"No price is known for them ({tokens}), so they count nothing here",
            )
        )
    if one.revenue_days and one.known_revenue_usd is None:
        found.append(badge(f"revenue of {one.revenue_days} of {one.covered.days} days", "warn"))
    if not told.infrastructure_known:
        found.append(badge("no infrastructure cost", "warn", "The pack names none, so costs are those of AI alone"))
    elif told.pack.costs and told.pack.costs.assumed:
        found.append(badge("infrastructure assumed", "", told.pack.costs.source))
    return found


def facts(told: Told) -> list[html.Div]:
    """The figures finance asks for."""
    one, least = told.now, told.now.lower_bound
    users, requests = one.per(one.users), one.per(one.requests)
    tokens = one.per(Decimal(one.tokens) / 1_000_000)
    top = one.providers[0] if one.providers else None
    allowed = wanted_share(told.pack)
    return [
        fact("An active user", money(users["total_usd"], least=least), _split(users, 2)),
        fact("A request", money(requests["total_usd"], least=least, places=4), _split(requests, 4)),
        fact(
            "A million tokens",
            money(tokens["total_usd"], least=least),
            [f"{_split(tokens, 2)}; ", money(token_calls(one)), " calls with tokens alone"],
        ),
        fact(
            "AI of revenue",
            percent(one.api_share, least=least),
            f"allowed: {wording.percent(allowed)}" if allowed else _revenue(one),
        ),
        fact("Margin", money(cents(one)["margin"]), _revenue(one)),
        fact(
            "Infrastructure ROI",
            "unknown" if one.infrastructure_roi is None else f"{one.infrastructure_roi:.2f}",
            "revenue for each dollar of infrastructure",
        ),
        fact(
            "Largest provider", percent(top.share) if top else "–", f"of AI cost: {top.name or 'not given'}" if top else "no cost"
        ),
    ]


def _split(parts: dict[str, Decimal | None], places: int) -> str:
    return f"AI {money_words(parts['ai_usd'], places)}, infrastructure {money_words(parts['infrastructure_usd'], places)}"


def money_words(amount: Decimal | None, places: int) -> str:
    """Dollars as text."""
    found = money(amount, places=places)
    return found if isinstance(found, str) else "unknown"


def _revenue(one: Economics) -> str:
    return f"of {money_words(one.known_revenue_usd, 2)} revenue" if one.known_revenue_usd is not None else "revenue unknown"


def trend_cards(told: Told, by: str, now: datetime, tone: Tones, filters: Filters) -> html.Div | None:
    """Cost of an active user, and AI cost of revenue, over the weeks or months."""
    trend = told.trend
    if len(trend) < 2:
        return states.empty(
            f"There is no trend yet: two whole {by}s of usage are needed.",
            then="It comes by itself; earlier usage can be imported: bin/roomleft import FILE --as usage.",
        )
    zone = ZoneInfo(told.pack.zone)
    span = (midnight(trend[0].span.first, zone), midnight(trend[-1].span.ends, zone))
    users = [(midnight(each.span.first, zone), _float(each.per(each.users)["total_usd"])) for each in trend]
    api = [(midnight(each.span.first, zone), _float(each.api_share)) for each in trend]
    partial = not trend[-1].whole
    # A cost that is still adding up is no lower than the weeks before: only what is whole is drawn. A share is one at any time.
    whole = users[:-1] if partial else users
    last = trend[-2] if partial else trend[-1]
    allowed = wanted_share(told.pack)
    limit = [Mark("allowed", float(allowed), tone.dim)] if allowed else []
    query = behind("economics", filters, platform=told.pack.slug, by=by, period=told.name)
    user_chart = line_chart([Line("cost", whole, tone.accent)], span, zone, tone, unit="usd", key=f"u{by}")
    share_chart = line_chart(
        [Line("share", api, tone.accent, partial)], span, zone, tone, unit="ratio", thresholds=limit, key=f"a{by}"
    )
    ends = {midnight(each.span.first, zone): min(midnight(each.span.ends, zone), now) for each in trend}
    for figure, kind in ((user_chart, None), (share_chart, "ai")):
        leads_to(
            figure,
            zone,
            f"the rows of the {by}",
            filters.href(ROWS, platform=told.pack.slug, kind=kind, tz=zone.key, range=None),
            ends=ends,
        )
    cards = [
        chart_card(
            f"Cost of an active user a {by}", "US dollars", money_words(last.per(last.users)["total_usd"], 2),
            f"{last.span.words()}, AI and infrastructure; whole {by}s alone",
            graph(user_chart, "economics-user-chart", f"Cost of an active user by {by}", query=query),
            last.last_at, now, old=KEPT, prefix="newest call ",
        ),
        chart_card(
            "AI cost of revenue", "%", _percent_words(trend[-1].api_share),
            f"{trend[-1].span.words()}{', the ' + by + ' is not over' if partial else ''}",
            graph(share_chart, "economics-share-chart", f"AI cost as a share of revenue by {by}", query=query),
            trend[-1].last_at, now, old=KEPT, prefix="newest call ",
        ),
    ]  # fmt: skip
    return html.Div(cards, className="economics-charts")


def _percent_words(ratio: Decimal | None) -> str:
    return "unknown" if ratio is None else wording.percent(ratio)


def _float(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def platforms_block(found: Sequence[Told], filters: Filters) -> list[Any]:
    """All platforms: which pay for themselves, and a line for each."""
    known = [told for told in found if told.now.margin_usd is not None]
    losing = [told for told in known if told.now.margin_usd is not None and told.now.margin_usd < 0]
    unknown = len(found) - len(known)
    said = f"{wording.plural(len(losing), 'platform')} of {len(found)} cost more than {'they bring' if len(losing) != 1 else 'it brings'}"
    if not losing:
        said = (
            f"{wording.plural(len(known), 'platform')} of {len(found)} paid for {'themselves' if len(known) != 1 else 'itself'}"
        )
    said += f"; of {unknown} that is unknown" if unknown else ""
    return [
        html.Div(html.Div([html.H1(f"{said}."), html.P("Choose a platform for its tiers, personas and weeks.")], className="verdict"), className="card"),
        platforms_table(found, filters),
    ]  # fmt: skip


def register(app: Dash, pages: Pages) -> None:
    """Connects the page's blocks."""
    parts = pages.parts
    kept = Snapshots(keep_s=KEEP_S)

    async def read(slug: str, period: str, by: str, *, kinds: bool = True) -> Told:
        now, pack = parts.clock.now(), parts.packs[slug]
        key = (slug, period, by, kinds, id(pack))
        found: Told = await kept.get(key, lambda: read_economics(parts, pack, now, period, by, kinds=kinds))
        return found

    @app.callback(Output(Id.CHOICES, "children"), Input(Shell.URL, "search"), State(Shell.URL, "pathname"))
    async def show_choices(search: str | None, path: str | None) -> Any:
        filters = parse(path, search)
        wrong = [
            *filters.wrong("period", NAMES, NAMES[BY_DEFAULT]),
            *filters.wrong("by", STEPS, STEPS["week"]),
        ]
        return [*choices(filters), *(states.note(words) for words in wrong)]

    @app.callback(
        Output(Id.BODY, "children"),
        Input(Shell.URL, "search"),
        Input(Shell.TICK, "data"),
        Input(Shell.THEME, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show(search: str | None, _tick: int | None, theme: str | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()
        period, by = filters.chosen("period", NAMES, BY_DEFAULT), filters.chosen("by", STEPS, "week")

        async def make() -> Any:
            slugs = list(parts.packs)
            if not slugs:
                return states.empty("No pack is loaded.", then=states.NO_PACK)
            if filters.platform is not None and filters.platform not in slugs:
                return states.empty(
                    unknown_platform_words(filters.platform, slugs),
                    [link("All platforms", filters.href(platform=None), "button")],
                )
            if filters.platform is None and len(slugs) > 1:
                return platforms_block(await asyncio.gather(*(read(slug, period, by, kinds=False) for slug in slugs)), filters)
            told = await read(filters.platform or slugs[0], period, by)
            return body(told, by, now, tones(theme), filters)

        return await pages.guard(make)


def body(told: Told, by: str, now: datetime, tone: Tones, filters: Filters) -> list[Any]:
    """One platform."""
    if told.read_to is None:
        return [states.empty(verdict(told), [link("Sources", filters.href("/sources"), "button")])]
    if told.now.covered.days < 1:
        return [head_block(told, now), trend_cards(told, by, now, tone, filters)]
    return [head_block(told, now), tiers_table(told), personas_table(told), trend_cards(told, by, now, tone, filters)]
