"""The rows of Room left: each limit with its chance, its dates, the last day to order and the next step. On a phone they are cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html

from analytics.ahead import LIKELY
from dashboards import capacity_words, limit_words
from dashboards.components.headroom_bar import headroom_bar
from dashboards.components.limit_sort import sort_values
from dashboards.components.limit_table import KIND_WORDS
from dashboards.components.marks import age, glyph, link
from dashboards.filters import Filters
from dashboards.limit_rows import LimitRow
from roomleft.limits import State

HEADS = ("", "Limit", "Room left", "Chance", "Runs out", "Order by", "Next step", "Age")
CLASSES = ("c-state", "r-limit", "c-bar", "r-chance", "r-out", "r-order", "r-step", "c-age")
OF_LIST = {"c-limit": "r-limit", "c-out": "r-out", "c-pace": "r-chance", "c-order": "r-order", "c-step": "r-step"}
"""The columns that the list of limits has too, under another name."""
TITLES = {
    "Chance": "Chance that it runs out before it refills; of what never refills, within 30 days",
    "Runs out": "Most likely date, then its 80 % range",
    "Age": "Age of the newest data behind the row",
    "Order by": "The middle date less the next step's lead time",
}


def room_table(rows: Sequence[LimitRow], filters: Filters, now: datetime) -> html.Div:
    """The rows as they come, a darker rule wherever the state changes."""
    heads = [
        html.Div(name or html.Span("State", className="sr"), className=kind, role="columnheader", title=TITLES.get(name))
        for name, kind in zip(HEADS, CLASSES, strict=True)
    ]
    body, previous = [], None
    for row in rows:
        rule = " rule" if previous not in (None, row.state) else ""
        previous = row.state
        body.append(_row(row, filters, now, rule))
    return html.Div(
        [html.Div(heads, className="room-row head", role="row"), *body],
        className="room-table",
        role="table",
        **{"aria-label": "Room left"},
    )


def _row(row: LimitRow, filters: Filters, now: datetime, rule: str) -> html.Div:
    zone, limit = filters.zone, row.limit
    opened = filters.get("fan") == row.key
    under = " · ".join(part for part in (limit.platform, KIND_WORDS[limit.kind], limit.owner or "nobody named") if part)
    name = [
        link(limit.title, filters.href(fan=None if opened else row.key), "limit-link", current="true" if opened else False),
        html.Div(under, className="dim small"),
    ]
    chance, until = _chance(row, now, filters)
    out = _out(row, filters, now)
    order, pressing = capacity_words.order_words(row, now, zone)
    step, lead = limit_words.next_step(limit.next_step), capacity_words.lead_words(row)
    cells: list[Any] = [
        glyph(row.state, said=limit_words.state_since(row, now, zone)),
        name,
        headroom_bar(row, now, zone),
        [html.Div(chance, className="strong" if _likely(row) else None), html.Div(until, className="dim small")],
        [html.Div(out[0]), html.Div(out[1], className="dim small")],
        html.Span(order, className="strong" if pressing else None) if order else html.Span("–", className="dim"),
        [html.Div(step.plain() or "–"), html.Div(lead, className="dim small")],
        age(row.headroom.observed_at, now),
    ]
    by = {OF_LIST.get(name, name): {"data-sort": value} for name, value in sort_values(row).items()}
    return html.Div(
        [
            html.Div(
                cell,
                className=f"{kind} dim" if kind == "c-age" else kind,
                role="cell",
                **{"data-label": head, **by.get(kind, {})},
            )
            for cell, kind, head in zip(cells, CLASSES, HEADS, strict=True)
        ],
        className=f"room-row {row.state.value}{rule}" + (" opened" if opened else ""),
        role="row",
        **{"data-limit": row.key, "data-key": row.key},
    )


def _likely(row: LimitRow) -> bool:
    return row.state is State.EXHAUSTED or (row.headroom.p_breach or 0.0) >= LIKELY


def _chance(row: LimitRow, now: datetime, filters: Filters) -> tuple[str, str]:
    said = limit_words.chance(row)
    return said, "" if said in ("out", limit_words.DASH) else capacity_words.until_words(row, now, filters.zone).replace(
        "before it refills on", "before"
    )


def _out(row: LimitRow, filters: Filters, now: datetime) -> tuple[Any, str]:
    """The date and its range, dim where it hardly ever comes; or why there is none."""
    h = row.headroom
    if h.no_date and row.state not in (State.EXHAUSTED, State.UNKNOWN) and h.exhausts_p50 is None:
        lead, _, rest = capacity_words.no_date_sentence(row).partition(": ")
        return html.Span(lead, className="dim"), rest
    said = limit_words.runs_out(row, now, filters.zone)
    return html.Span(said.strong, className="dim" if row.is_remote else None), said.dim
