"""On call: what fires and who has it, worst first; what nobody knows; what is over; and a timeline of the last day."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from dashboards import alert_words, reads, wording
from dashboards.alert_lines import alert_lines, evaluated
from dashboards.alert_rows import Firing
from dashboards.alert_words import GROUP_WORDS, GROUPS, SEVERITIES, AlertLine
from dashboards.block import Pages
from dashboards.components import states
from dashboards.components.alert_list import alert_list
from dashboards.components.alert_timeline import timeline
from dashboards.components.marks import age, glyph, link
from dashboards.components.term import glossed
from dashboards.filters import Filters, parse
from dashboards.shell import Id as Shell
from roomleft.errors import RoomleftError
from roomleft.rules import Rule

PATH = "/on-call"
TABS = {"": "Alerts", "silences": "Silences", "deliveries": "Deliveries", "outbox": "Outbox"}
SPAN = timedelta(hours=24)
OLD = timedelta(minutes=1)


class Id(StrEnum):
    """Ids of this page."""

    TOP = "on-call-top"
    LIST = "on-call-list"
    TIMELINE = "on-call-timeline"
    TABS = "on-call-tabs"


def tab_of(path: str | None) -> str | None:
    """The tab that an address names; None for another page or an unknown tab."""
    if not (path or "").startswith(PATH):
        return None
    tab = (path or "").removeprefix(PATH).strip("/")
    return tab if tab in TABS else None


def tabs(filters: Filters, current: str, *, with_outbox: bool) -> html.Nav:
    """The tabs of On call. The outbox stands there where something goes to it."""
    shown = {key: words for key, words in TABS.items() if key != "outbox" or with_outbox or current == "outbox"}
    links = [
        link(words, filters.href(PATH + (f"/{key}" if key else "")), "home-tab", current="page" if key == current else False)
        for key, words in shown.items()
    ]
    return html.Nav(links, className="home-tabs", **{"aria-label": "Of on call"})


def layout() -> list[Any]:
    """Skeletons of the final heights."""
    return [
        html.Div(states.skeleton(56), id=Id.TOP, className="top oncall-top"),
        html.Div(states.coming(), id=Id.TABS, className="tabs-slot"),
        html.Div([states.skeleton(26, "chips"), states.skeleton(260)], id=Id.LIST),
        html.Div(states.skeleton(180), id=Id.TIMELINE),
    ]


def shown(lines: Sequence[AlertLine], filters: Filters) -> list[AlertLine]:
    """The lines that pass the address's filters."""
    group, severity, needing = filters.get("state"), filters.get("severity"), filters.get("needs")
    return [
        line
        for line in lines
        if filters.platform in (None, line.alert.platform)
        and group in ("", line.group)
        and severity in ("", line.alert.severity)
        and (not needing or line.needs_somebody)
    ]


def chips(lines: Sequence[AlertLine], filters: Filters) -> html.Div:
    """Chips by state and severity, with counts."""
    own = [line for line in lines if filters.platform in (None, line.alert.platform)]
    group, severity = filters.get("state"), filters.get("severity")
    by_group = Counter(line.group for line in own if severity in ("", line.alert.severity))
    by_severity = Counter(line.alert.severity for line in own if group in ("", line.group))
    first = [
        link(f"All {sum(by_group.values())}", filters.href(state=None, severity=None), "chip", current=not group and not severity)
    ]
    for each in GROUPS:
        if by_group[each] or group == each:
            marks = [glyph("unknown", labelled=False)] if each == "unknown" else []
            first.append(
                link(
                    [*marks, f"{by_group[each]} {each}"],
                    filters.href(state=None if group == each else each),
                    "chip",
                    current=group == each,
                )
            )
    second = [
        link(
            [glyph(alert_words.GLYPHS[each], labelled=False), f"{each} {by_severity[each]}"],
            filters.href(severity=None if severity == each else each),
            "chip",
            current=severity == each,
        )
        for each in SEVERITIES
        if by_severity[each] or severity == each
    ]
    groups = [html.Div(first, className="chip-group"), html.Div(second, className="chip-group")]
    return html.Div(groups, className="chips", role="group", **{"aria-label": "Filter alerts"})


def list_block(lines: Sequence[AlertLine], rules: Mapping[str, Rule], filters: Filters, now: datetime) -> list[Any]:
    """Chips, then the alerts by group."""
    kept = shown(lines, filters)
    if not lines:
        words = (
            f"{wording.plural(len(rules), 'rule')} {'is' if len(rules) == 1 else 'are'} watched; none fires."
            if rules
            else "No alert rule is in force."
        )
        then = "" if rules else "A pack's rules stand beside it, your own in the folder of rules (docs/alert-rules.md)."
        ways = [("Silences", "/on-call/silences"), ("Limits", "/")] if rules else [("What is read", "/sources")]
        return [states.empty(words, [link(name, filters.href(path), "button") for name, path in ways], then=then)]
    if not kept:
        everything = link("Show all alerts", filters.href(state=None, severity=None, needs=None, platform=None), "button")
        return [chips(lines, filters), states.empty("No alert passes these filters.", [everything])]
    groups = [(GROUP_WORDS[group], [line for line in kept if line.group == group]) for group in GROUPS]
    return [chips(lines, filters), *[alert_list(words, own, filters, now) for words, own in groups if own]]


def timeline_block(firings: Sequence[Firing], deploys: Sequence[Mapping[str, Any]], filters: Filters, now: datetime) -> list[Any]:
    """What fired in the last day, when and for how long."""
    own = [
        each for each in firings if filters.platform in (None, each.platform) and filters.get("severity") in ("", each.severity)
    ]
    body: Any = (
        timeline(own, deploys, (now - SPAN, now), filters)
        if own
        else states.empty("Nothing fired in the last 24 h.", then="Nothing to do.")
    )
    return [html.H2("The last 24 h", className="section-title"), body]


def register(app: Dash, pages: Pages) -> None:
    """Connects the Alerts tab and the tabs' own line."""
    parts = pages.parts

    async def lines(now: datetime) -> list[AlertLine]:
        found: list[AlertLine] = await pages.read("alert-lines", lambda: alert_lines(parts, now))
        return found

    @app.callback(Output(Id.TOP, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname"))
    async def show_top(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            own = [line for line in await lines(now) if filters.platform in (None, line.alert.platform)]
            newest, _ = await pages.read("evaluated", lambda: evaluated(parts))
            checked: list[Any] = [f"{wording.plural(len(parts.rules), 'rule')} watched"]
            checked += [", evaluated ", age(newest, now, old=OLD), " ago"] if newest else []
            return html.Div(
                [html.H1(glossed(alert_words.verdict(own, rules=len(parts.rules)))), html.P(glossed(checked))],
                className="verdict",
            )

        return await pages.guard(make)

    @app.callback(Output(Shell.FIRING, "children"), Output(Shell.FIRING, "title"), Input(Shell.TICK, "data"))
    async def show_count(_tick: int | None) -> Any:
        try:
            need = sum(line.needs_somebody for line in await lines(parts.clock.now()))
        except RoomleftError:
            return "?", "the alerts cannot be read"
        return (str(need), f"{wording.plural(need, 'alert')} {'needs' if need == 1 else 'need'} you") if need else ("", "")

    @app.callback(Output(Id.TABS, "children"), Input(Shell.URL, "search"), Input(Shell.URL, "pathname"))
    async def show_tabs(search: str | None, path: str | None) -> Any:
        with_outbox = any(channel.kind == "outbox" for each in parts.alerting().receivers for channel in each.channels)
        return tabs(parse(path, search), tab_of(path) or "", with_outbox=with_outbox)

    @app.callback(
        Output(Id.LIST, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_list(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            return list_block(alert_words.worst_first(await lines(now)), parts.rules, filters, now)

        return await pages.guard(make)

    @app.callback(
        Output(Id.TIMELINE, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show_timeline(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            span = (now - SPAN, now)
            firings, deploys = await asyncio.gather(
                pages.read("firings", lambda: parts.firings(None, *span)),
                pages.read(("deploys", filters.platform, "day"), lambda: reads.deploys(parts.store, filters.platform, span)),
            )
            return timeline_block(firings, deploys, filters, now)

        return await pages.guard(make)
