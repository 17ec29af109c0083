"""The audit: who did what and when, newest first, a page at a time. For administrators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from dashboards import audit_asked, wording
from dashboards.audit_asked import CSV_PATH, asked_of, number
from dashboards.block import Pages, calm
from dashboards.components import states
from dashboards.components.marks import link
from dashboards.components.menus import menu
from dashboards.components.search_form import search_form
from dashboards.components.tables import table_card
from dashboards.deed_words import GROUPS, deed_words, group_of
from dashboards.door.asking import asking
from dashboards.filters import CARRIED, Filters, parse
from dashboards.pages.people import not_for_you
from dashboards.shell import Id as Shell
from warehouse.state import Audit, AuditEntry, Scope

PATH = audit_asked.PATH
PAGE_ROWS = 50
FAILED_HEAVY = 10


class Id(StrEnum):
    """Ids of this page."""

    LIST = "audit-list"


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries; how many there are in all; who ever did something; whether there is more on either side."""

    entries: Sequence[AuditEntry]
    total: int
    people: Sequence[str]
    older: bool
    newer: bool


def layout() -> list[Any]:
    """Skeletons."""
    return [html.H1("Audit", className="page-title"), html.Div([states.skeleton(66), states.skeleton(640)], id=Id.LIST)]


def read(audit: Audit, filters: Filters, wall: datetime) -> Found:
    """One page of what the address asks for."""
    asked = asked_of(filters, audit, wall)
    before, after = number(filters.get("before")), number(filters.get("after"))
    found = audit.page(asked, PAGE_ROWS + 1, before=before, after=after)
    more = len(found) > PAGE_ROWS
    if after is not None:
        shown, older, newer = found[-PAGE_ROWS:], True, more
    else:
        shown, older, newer = found[:PAGE_ROWS], more, before is not None
    return Found(shown, audit.count(asked), audit.names()[0], older, newer)


def body(found: Found, filters: Filters, now: datetime) -> list[Any]:
    """The sentence, the filters, the entries, the way to older ones."""
    head: list[Any] = [
        html.P(sentence(found, filters), className="page-sub"),
        *[states.note(each) for each in filters.told(now)],
        _controls(found, filters),
    ]
    if not found.entries:
        acts = [
            link("Last 90 d", filters.href(range="90d", before=None, after=None), "button"),
            link("Everything of a year", filters.href(**plain_of(filters), range="365d"), "button"),
        ]
        return [*head, states.empty("Nobody did anything of this kind in this range.", acts)]
    zone = wording.zone_name(filters.zone, now)
    rows = [_row(each, filters, now) for each in found.entries]
    table = table_card("Newest first", ("When", "Who", "What"), rows, name="audit", cards=True, note=f"Times in {zone}")
    return [*head, table, _ways(found, filters)]


def plain_of(filters: Filters) -> dict[str, str | None]:
    """The page's own filters, each left out."""
    return {name: None for name in filters.page if name not in CARRIED}


def sentence(found: Found, filters: Filters) -> str:
    """The page in one sentence."""
    who = f" by {filters.get('who')}" if filters.get("who") else ""
    return f"{wording.plural(found.total, 'entry', 'entries')}{who}, {filters.range_words.lower()}."


def _row(entry: AuditEntry, filters: Filters, now: datetime) -> list[Any]:
    loud = entry.what == "sign-in failed" and int(str(entry.detail.get("tries", 1))) >= FAILED_HEAVY
    words = deed_words(entry)
    at = entry.at.astimezone(filters.zone)
    return [
        html.Span(wording.when(entry.at, now, filters.zone), className="nowrap", title=f"{at:%Y-%m-%d %H:%M:%S}"),
        html.Bdi(link(entry.who, filters.href(who=entry.who, before=None, after=None), "row-link"), className="wrap"),
        html.Div(
            [
                html.Span(f"{words[:1].upper()}{words[1:]}", className="bad wrap" if loud else "wrap"),
                html.Span(f" {group_of(entry.what)}", className="dim small"),
            ],
            className="said",
        ),
    ]


def _controls(found: Found, filters: Filters) -> html.Div:
    plain: dict[str, str | None] = {"before": None, "after": None}
    chosen, who = filters.get("what"), filters.get("who")
    chips = [link("All", filters.href(**{**plain, "what": None}), "chip", current=not chosen)]
    chips += [link(group, filters.href(**{**plain, "what": group}), "chip", current=chosen == group) for group in GROUPS]
    if chosen and chosen not in GROUPS:
        chips.append(link(chosen, filters.href(**{**plain, "what": None}), "chip", current=True))
    csv = html.A("CSV", href=filters.href(CSV_PATH, **filters.page), className="chip", download="audit.csv")
    people = [link("Everybody", filters.href(**{**plain, "who": None}), "menu-item", current=not who)]
    people += [
        link(name, filters.href(**{**plain, "who": name}), "menu-item", current=name == who) for name in found.people[:200]
    ]
    form = search_form(filters, "Words anywhere", "audit", drops=("before", "after"))
    return html.Div(
        [
            html.Div([*chips, csv], className="chip-group"),
            html.Div([menu("Who", who or "everybody", people, "who"), form], className="price-tools"),
        ],
        className="price-controls",
    )


def _ways(found: Found, filters: Filters) -> html.Nav:
    first, last = found.entries[0].id, found.entries[-1].id
    ways = []
    if found.newer:
        ways.append(link("Newest", filters.href(before=None, after=None), "button"))
        ways.append(link("Newer", filters.href(before=None, after=str(first)), "button"))
    if found.older:
        ways.append(link("Older", filters.href(before=str(last), after=None), "button"))
    return html.Nav(ways, className="budget-acts audit-ways", **{"aria-label": "More of the audit"})


def register(app: Dash, pages: Pages) -> None:
    """Connects the page."""
    parts = pages.parts
    audit = Audit(parts.state)

    @app.callback(
        Output(Id.LIST, "children"), Input(Shell.URL, "search"), Input(Shell.TICK, "data"), State(Shell.URL, "pathname")
    )
    async def show(search: str | None, tick: int | None, path: str | None) -> Any:
        if not asking().may(Scope.ADMIN):
            return not_for_you(parse(path, search))
        calm(tick)
        filters, wall = parse(path or PATH, search), parts.state.clock.now()

        async def make() -> Any:
            found = await pages.read(("audit", filters.href()), lambda: read(audit, filters, wall))
            return body(found, filters, wall)

        return await pages.guard(make)
