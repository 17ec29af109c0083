"""A plain table in a card: a title, a note beside it, heads, rows, and a foot whose sums the rows add up to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from dash import html

from dashboards.components.still import only_html, still
from dashboards.components.term import glossed

MANY = 60
"""Cells above which the renderer would be slow to look at every one."""


@dataclass(frozen=True, slots=True)
class Sortable:
    """A cell that is sorted by something else than its words: `by` is a number or a text, empty for what nobody knows."""

    shown: Any
    by: str


def sortable(shown: Any, value: datetime | Decimal | float | int | str | None) -> Sortable:
    """A cell that shows `shown` and is sorted by `value`; None, which nobody knows, comes last either way."""
    if value is None:
        return Sortable(shown, "")
    return Sortable(shown, f"{value.timestamp() * 1000:.0f}" if isinstance(value, datetime) else str(value))


def table_card(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    numbers: Collection[int] = (),
    note: Any = None,
    under: Any = None,
    marked: Collection[int] = (),
    name: str = "",
    cards: bool = False,
    long: bool | None = None,
) -> html.Div:
    """Columns named in `numbers` stand right; rows named in `marked` are set off. `under` is a line below the table. With `cards` each row is a card
    on a phone, each cell beside its head. A `long` one is sent as one still block: its cells are nothing but HTML; one of more than MANY cells is
    sent so unasked. The browser sorts, filters, pages and exports it; a cell made by `sortable` is sorted by its value, others by what they show."""

    def kind(column: int) -> str:
        return "num" if column in numbers else ""

    def label(column: int) -> dict[str, str]:
        return {"data-label": heads[column]} if cards and heads[column] else {}

    head = html.Tr([html.Th(each, scope="col", className=kind(n)) for n, each in enumerate(heads)])
    body = [
        html.Tr(
            [
                html.Td(cell.shown, className=kind(n), **label(n), **{"data-sort": cell.by})
                if isinstance(cell, Sortable)
                else html.Td(cell, className=kind(n), **label(n))
                for n, cell in enumerate(row)
            ],
            className="marked" if number in marked else None,
        )
        for number, row in enumerate(rows)
    ]
    table = html.Table([html.Thead(head), html.Tbody(body)], className="plain-table cards" if cards else "plain-table")
    return html.Div(
        [
            html.Div(
                [html.H2(title), html.Span(glossed(note), className="dim note-beside") if note else None],
                className="card-head table-head",
            ),
            still(table, "table-scroll")
            if long or (long is None and len(rows) * len(heads) > MANY and only_html(table))
            else html.Div(table, className="table-scroll"),
            html.Div(glossed(under), className="card-context table-under") if under else None,
        ],
        className="card flush",
        **({"data-block": name} if name else {}),
    )
