"""One row of usage: what was used, and every revision of its cost as quantity × price, each price with its source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from dash import html

from analytics.ledger_rows import Explained, PriceLine, Revision
from dashboards import wording
from dashboards.components import states
from dashboards.components.marks import badge, link
from dashboards.cost_tables import WORDS
from dashboards.filters import Filters
from roomleft.errors import NEEDS_FINANCE, InputError
from roomleft.money import usd
from roomleft.timespan import parse_instant

REASONS = {
    "ingest": "when it arrived",
    "late price": "a late price",
    "measured": "the server's day was over",
    "reprice": "priced again",
}
TOLD = (
    "platform", "component", "provider", "model", "operation", "request_type", "feature", "status", "tier", "team", "project", "environment",
    "cost_centre", "service_tier", "response_id",
)  # fmt: skip


class Key(NamedTuple):
    """What finds a row."""

    source: str
    event_id: str
    at: datetime


def key_text(key: Key) -> str:
    """A row's key as an address has it: the time first, because it holds no separator."""
    return f"{key.at.isoformat()}~{len(key.source)}~{key.source}~{key.event_id}"


def parse_key(text: str) -> Key | None:
    """The key that `key_text` wrote; None for any other text."""
    at, _, rest = text.partition("~")
    length, _, rest = rest.partition("~")
    try:
        size = int(length)
        return Key(rest[:size], rest[size + 1 :], parse_instant(at))
    except (ValueError, InputError, OverflowError):
        return None


def no_row(filters: Filters) -> html.Aside:
    """The drawer where the address names no row: what to do instead."""
    close = link("Close", filters.href(row=None), "button", title="Back to the rows")
    return html.Aside(
        [states.empty("This address names no row of usage. Close this, and open one from the list.", [close])],
        className="drawer cost-drawer",
        **{"aria-label": "No row of usage"},
    )


def row_drawer(found: Explained | None, filters: Filters, now: datetime) -> html.Aside:
    """The open drawer."""
    close = link("Close", filters.href(row=None), "button", title="Back to the rows")
    if found is None:
        return html.Aside(
            [states.empty("This row is not kept any more: rows are kept for a time, sums for ever.", [close])],
            className="drawer cost-drawer",
        )
    row, revisions = found.row, found.revisions
    cost = revisions[-1].cost_usd if revisions else Decimal(0)
    state = revisions[-1].state if revisions else "unpriced"
    at = row["occurred_at"].astimezone(filters.zone)
    facts: list[tuple[str, Any]] = [
        ("Time", f"{at:%-d %b %Y %H:%M:%S.%f}, {wording.zone_name(filters.zone, now)}"),
        *((WORDS.get(name, name.replace("_", " ")).capitalize(), row[name]) for name in TOLD if row.get(name)),
        ("User", (row["user_id"] or "none named") if "user_id" in row else NEEDS_FINANCE),
        ("Event", html.Span(f"{row['source']} / {row['event_id']}", className="mono")),
    ]
    return html.Aside(
        [
            html.Div([html.H2(f"{row['provider'] or '–'} / {row['model'] or '–'}"), close], className="drawer-head"),
            html.Div(
                [html.Strong(usd(cost, 9)), badge(state, "warn" if state == "unpriced" else ""), _calls(row)],
                className="drawer-sub",
            ),
            *[block for number, revision in enumerate(revisions) for block in _revision(revision, row, number, filters, now)],
            states.note("No cost was ever noted for it: it counts as unpriced.") if not revisions else None,
            html.H2("The call"),
            html.Dl([piece for name, value in facts for piece in (html.Dt(name), html.Dd(value))], className="facts-list"),
        ],
        className="drawer cost-drawer",
        **{"aria-label": "A row of usage and its prices"},
    )


def _calls(row: Mapping[str, Any]) -> str:
    return f"{row['requests']:,} calls in one row" if row["requests"] != 1 else ""


def _revision(revision: Revision, row: Mapping[str, Any], number: int, filters: Filters, now: datetime) -> list[Any]:
    when = wording.moment(revision.recorded_at, now, filters.zone)
    reason = REASONS.get(revision.reason, revision.reason)
    added = "" if number == 0 else f", {'+' if revision.added_usd >= 0 else ''}{usd(revision.added_usd, 9)}"
    lines = [_line(line, filters) for line in revision.lines]
    rest = revision.unexplained_usd
    if rest:
        words = "as the source said" if revision.state in ("reported", "estimated") else "not explained by the prices known here"
        lines.append(html.Tr([html.Td(words, colSpan=3), html.Td(usd(rest, 9), className="num")]))
    foot = html.Tr(
        [html.Td("Cost, rounded once to nano-dollars", colSpan=3), html.Td(usd(revision.cost_usd, 9), className="num")]
    )
    head = html.Tr(
        [
            html.Th(name, scope="col", className="num" if n else "")
            for n, name in enumerate(("Quantity", "Amount", "Price", "Dollars"))
        ]
    )
    return [
        html.H2(
            ["Price" if number == 0 else f"Revision {revision.number}", html.Span(f"{reason}, {when}{added}", className="unit")]
        ),
        html.Table([html.Thead(head), html.Tbody(lines), html.Tfoot(foot)], className="plain-table arithmetic"),
    ]


def _line(line: PriceLine, filters: Filters) -> html.Tr:
    price: Mapping[str, Any] | None = line.price
    if price is None:
        return html.Tr(
            [html.Td(_unit(line.unit)), html.Td(_plain(line.quantity), className="num"), html.Td("no price", className="num"),
             html.Td(badge("unpriced", "warn"), className="num")]
        )  # fmt: skip
    rate = line.usd_per_unit or Decimal(0)
    checked = f", checked {price['checked_on']}" if price.get("checked_on") else ""
    listed = price.get("list_usd_per_unit")
    discount = f", list price {_plain(listed)}" if listed is not None and listed != rate else ""
    where = f"{price['catalogue']}: {price['source']}, from {price['valid_from']:%-d %b %Y}{checked}{discount}"
    return html.Tr(
        [
            html.Td([_unit(line.unit), html.Div(link(where, filters.href("/prices", price=price["price_id"]), title=price["price_id"]), className="source")]),
            html.Td(_plain(line.quantity), className="num"),
            html.Td(["× ", _plain(rate)], className="num"),
            html.Td(["= ", _plain(line.usd)], className="num"),
        ]
    )  # fmt: skip


def _unit(unit: str) -> str:
    return unit.replace("_", " ")


def _plain(value: Decimal) -> str:
    """All digits of a number and no more: `1,200`, `0.0000025`."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
