"""The Explorer's line of figures: AI usage and infrastructure, what they come to, against the period before."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from dash import html

from analytics.ledger import Costs
from dashboards import wording
from dashboards.components.marks import link
from dashboards.cost_asked import FILTERS, Answered, compared_with, span_words
from dashboards.cost_tables import Statement
from dashboards.filters import Filters
from roomleft.money import MINUS, usd

ROWS = "/cost/rows"


def facts(found: Answered, lines: Statement, filters: Filters, now: datetime) -> html.Div:
    """AI usage + infrastructure = total, always, and how sure each is."""
    told, foot = found.now, lines.foot
    total = told.total
    span, _ = compared_with(filters, now)
    compared = foot.change
    if foot.before_cents is None or span is None:
        against, past = "nothing is compared", "–"
    else:
        # As the ledger counted it, in whole quarter hours.
        span = (found.before.since, found.before.until) if found.before is not None else span
        past = change_words(compared)
        against = f"{usd(foot.before_cents)}, {span_words(span, filters, now)}"
        if compared is None:
            against = f"nothing, {span_words(span, filters, now)}"
    rows = filters.href(ROWS, **{**page_filters(filters), "kind": "ai"})
    infrastructure = filters.href(ROWS, **{**page_filters(filters), "kind": "infrastructure"})
    priced = total.requests - total.unpriced_requests
    return html.Div(
        [
            _fact("AI usage", link(usd(foot.ai_cents), rows, title="The calls behind it"), _ai_note(told)),
            html.Div("+", className="plus", **{"aria-hidden": "true"}),
            _fact(
                "Infrastructure",
                link(usd(foot.infrastructure_cents), infrastructure, title="The items behind it"),
                "monthly bill, spread" + (", partly assumed" if total.assumed else ""),
            ),
            html.Div("=", className="plus", **{"aria-hidden": "true"}),
            _fact("Total", usd(foot.cost_cents), "at least: unpriced calls count nothing" if total.unpriced_requests else "to the cent", "chart-lead"),
            _fact(f"Against {found.against}" if span else "Against", past, against),
            _fact("Calls", wording.count(total.requests), f"{total.failed_requests:,} failed" if priced else "none priced"),
            _fact("Tokens", wording.count(total.tokens), f"{wording.count(total.images)} {'image' if total.images == 1 else 'images'}" if total.images else "input and output"),
        ],
        className="total-row cost-facts",
    )  # fmt: skip


def _ai_note(told: Costs) -> str:
    parts = []
    if told.total.reported_usd:
        parts.append(f"{usd(told.total.reported_usd)} as reported")
    if told.total.estimated_usd:
        parts.append(f"{usd(told.total.estimated_usd)} estimated")
    return ", ".join(parts) or "each call at its price"


def _fact(label: str, value: Any, note: str, className: str = "") -> html.Div:
    return html.Div(
        [
            html.Div(label, className="fact-label"),
            html.Div(value, className="card-value"),
            html.Div(note, className="card-context"),
        ],
        className=className or None,
    )


def change_words(changed: Decimal | None) -> str:
    """`+2 %`, `−0.4 %`, `0 %` for less than that, `new` where there was nothing."""
    if changed is None:
        return "new"
    size = wording.percent(abs(changed))
    sign = "" if size == wording.percent(0) else "+" if changed > 0 else MINUS
    return f"{sign}{size}"


def page_filters(filters: Filters) -> dict[str, str | None]:
    """What the Cost pages filter by, for links among them."""
    return {name: filters.page.get(name) for name in FILTERS}
