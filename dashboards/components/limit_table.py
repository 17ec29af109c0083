"""The table of limits, worst first; on a phone the same rows are cards. And the chips above it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from dash import html

from analytics.ahead import LIKELY
from dashboards import capacity_words, limit_words, wording
from dashboards.components.headroom_bar import headroom_bar
from dashboards.components.limit_sort import sort_values
from dashboards.components.marks import age, glyph, link
from dashboards.filters import Filters
from dashboards.limit_rows import LimitRow
from roomleft.limits import WORST_FIRST, Kind, State

KIND_WORDS = {Kind.BUDGET: "Budgets", Kind.SLO: "SLOs", Kind.CAPACITY: "Capacity", Kind.QUOTA: "Quotas", Kind.RATIO: "Ratios"}
ORDERS = {"": "Worst first", "left": "Least room", "runs-out": "Runs out first", "platform": "By platform", "age": "Oldest data"}


def chips(rows: Sequence[LimitRow], filters: Filters, *, csv_href: str) -> html.Div:
    """Counts by state and by kind that filter, the order, and the CSV link. `rows` are those before state and kind are applied."""
    state, kind = filters.get("state"), filters.get("kind")
    # A chip counts what choosing it would show.
    states = Counter(row.state for row in rows if not kind or row.limit.kind == kind)
    kinds = Counter(row.limit.kind for row in rows if not state or row.state == state)
    first = [link(f"All {len(rows)}", filters.href(state=None, kind=None), "chip", current=not state and not kind)]
    for each in WORST_FIRST:
        if states[each] or state == each:
            first.append(
                link(
                    [glyph(each, labelled=False), f"{states[each]} {each}"],
                    filters.href(state=None if state == each else each),
                    "chip",
                    current=state == each,
                )
            )
    second = [
        link(f"{words} {kinds[each]}", filters.href(kind=None if kind == each else each), "chip", current=kind == each)
        for each, words in KIND_WORDS.items()
        if kinds[each] or kind == each
    ]
    order = filters.chosen("sort", ORDERS)
    sort = html.Details(
        [
            html.Summary(ORDERS[order], className="chip"),
            html.Div(
                [link(words, filters.href(sort=key), "menu-item", current=key == order) for key, words in ORDERS.items()],
                className="menu right",
            ),
        ],
        className="menu-holder",
        **{"data-menu": "sort"},
    )
    csv = html.A("CSV", href=csv_href, className="chip", download="limits.csv")
    return html.Div(
        [html.Div(first, className="chip-group"), html.Div([*second, sort, csv], className="chip-group")],
        className="chips",
        role="group",
        **{"aria-label": "Filter limits"},
    )


def limit_table(rows: Sequence[LimitRow], filters: Filters, now: datetime) -> html.Div:
    """The rows as they come, a darker rule wherever the state changes."""
    # What has run out needs no forecast to be certain.
    by_chance = any(row.headroom.p_breach is not None and row.state is not State.EXHAUSTED for row in rows)
    names = ("", "Limit", "Room left", "Left", "Runs out", "Chance" if by_chance else "Pace", "Next step", "Owner", "Age")
    classes = ("c-state", "c-limit", "c-bar", "c-left", "c-out", "c-pace", "c-step", "c-owner", "c-age")
    titles = {
        "Runs out": "Middle date, then its 80 % range; of a window: if it runs out at all",
        "Pace": "Use against an even use of the window: at 1× it just lasts",
        "Chance": "Chance of running out before the window ends; what never refills, within 30 days",
        "Next step": "What more room costs a month, by when it must be ordered, and what it is",
        "Age": "Age of the newest data behind the row",
    }
    head = html.Div(
        [
            html.Div(name or html.Span("State", className="sr"), className=kind, role="columnheader", title=titles.get(name))
            for name, kind in zip(names, classes, strict=True)
        ],
        className="limit-row head",
        role="row",
    )
    body = []
    previous = None
    for row in rows:
        rule = " rule" if previous is not None and previous is not row.state else ""
        previous = row.state
        body.append(_row(row, filters, now, rule, by_chance))
    return html.Div([head, *body], className="limit-table", role="table", **{"aria-label": "Limits"})


def _row(row: LimitRow, filters: Filters, now: datetime, rule: str, by_chance: bool) -> html.Div:
    zone: ZoneInfo = filters.zone
    left, out, step = limit_words.left(row), limit_words.runs_out(row, now, zone), limit_words.next_step(row.limit.next_step)
    unit, made_of = wording.unit_word(row.limit.unit), limit_words.amount_made_of(row)
    pressing = row.state in (State.EXHAUSTED, State.TIGHT) or row.headroom.exhausts_p50 is not None
    pressing = pressing and not row.is_remote
    pace = limit_words.chance(row) if by_chance else limit_words.pace(row)
    order, due = capacity_words.order_words(row, now, zone)
    fast = row.headroom.burn_rate is not None and row.headroom.burn_rate >= 1
    loud = (row.headroom.p_breach or 0.0) >= LIKELY if by_chance else fast and row.state is not State.OK
    named = " · ".join(
        part for part in (row.limit.title, row.headroom.subject, "assumed amount" if row.limit.assumed else "") if part
    )
    bound = " · part of the use has no price, so there may be less" if row.headroom.lower_bound else ""
    cells = [
        html.Div(glyph(row.state, said=limit_words.state_since(row, now, zone)), className="c-state", role="cell"),
        html.Div(
            [
                html.Span(row.limit.platform, className="dim platform"),
                link(row.limit.title, filters.href(limit=row.key), "limit-link", title=named),
            ],
            className="c-limit",
            role="cell",
        ),
        html.Div(headroom_bar(row, now, zone), className="c-bar", role="cell"),
        html.Div(
            [
                html.Span(left.strong, className="strong" if row.headroom.remaining is not None else "dim"),
                html.Span(left.dim, className="dim"),
            ],
            className="c-left",
            role="cell",
            title=f"{left.plain()} {unit}".strip() + (f" = {made_of}" if made_of else "") + bound,
        ),
        html.Div(
            [html.Span(out.strong, className="strong" if pressing else "dim"), html.Span(out.dim, className="dim")],
            className="c-out",
            role="cell",
            title=out.plain(),
        ),
        html.Div(
            html.Span(pace, className="strong" if loud else "dim"), className="c-pace", role="cell", title=_chance_title(row, now)
        ),
        html.Div(
            [
                html.Span(step.strong),
                html.Span(order, className="due" if due else "") if order else None,
                html.Span(step.dim, className="dim"),
            ],
            className="c-step",
            role="cell",
            title=", ".join(part for part in (step.plain(), order) if part),
        ),
        html.Div(row.limit.owner or "–", className="c-owner dim", role="cell", title=row.limit.owner or None),
        html.Div(age(row.headroom.observed_at, now), className="c-age dim", role="cell"),
        html.Div(
            " · ".join(
                part for part in (pace if by_chance else "", row.limit.platform, step.strong) if part and part not in ("–", "out")
            ),
            className="c-foot dim",
            role="cell",
        ),
        html.Div(
            ", ".join(part for part in (step.dim, order) if part) if row.state is not State.OK or due else "",
            className="c-note dim",
            role="cell",
        ),
    ]
    # What a column is sorted by is its value, not its words.
    by = sort_values(row, by_chance=by_chance)
    for cell in cells:
        if cell.className.partition(" ")[0] in by:
            setattr(cell, "data-sort", by[cell.className.partition(" ")[0]])
    return html.Div(cells, className=f"limit-row {row.state.value}{rule}", role="row", **{"data-key": row.key})


def _chance_title(row: LimitRow, now: datetime) -> str | None:
    """What the chance speaks of, and what will have been used by then."""
    if row.headroom.p_breach is None or row.state in (State.EXHAUSTED, State.UNKNOWN):
        return None
    zone = row.limit.window.zone if row.limit.window is not None else ZoneInfo("UTC")
    parts = (f"{capacity_words.chance_words(row)} {capacity_words.until_words(row, now, zone)}", capacity_words.likely_end(row))
    return "; ".join(part for part in parts if part)
