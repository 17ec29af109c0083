"""Prices: what each model costs now or at a date and where that comes from; and first, which models in use have no price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, dcc, html

from dashboards import wording
from dashboards.api.prices import ALL_CLASSES, CSV_PATH, STANDARD, Row, asked_instant, in_class, prices, unpriced
from dashboards.block import Pages
from dashboards.components import states
from dashboards.components.marks import age, glyph, link
from dashboards.components.price_table import PATH as PRICES
from dashboards.components.price_table import price_table
from dashboards.components.search_form import search_form
from dashboards.components.tables import table_card
from dashboards.components.term import glossed
from dashboards.filters import Filters, parse
from dashboards.shell import Id as Shell
from dashboards.shell import menu

PATH = PRICES


class Id(StrEnum):
    """Ids of this page."""

    UNPRICED = "prices-unpriced"
    LIST = "prices-list"


def layout() -> list[Any]:
    """Skeletons."""
    return [
        html.H1("Prices", className="page-title"),
        html.Div(states.skeleton(60), id=Id.UNPRICED),
        html.Div([states.skeleton(26, "chips"), states.skeleton(480)], id=Id.LIST),
    ]


def sentence(rows: Sequence[Row], missing: Sequence[Row]) -> str:
    """The page in one sentence."""
    models = len({(row["provider"], row["model"]) for row in rows})
    if missing:
        tokens = sum(row["unpriced_tokens"] for row in missing)
        calls = sum(row["unpriced_requests"] for row in missing)
        what = f"{tokens:,} tokens" if tokens else f"{wording.plural(calls, 'call')}"
        one = len(missing) == 1
        return f"{wording.plural(len(missing), 'model')} in use {'has' if one else 'have'} no price for {what}: every total with {'it' if one else 'them'} is a lower bound."
    old = {row["catalogue"] for row in rows if row["stale"]}
    if old:
        return (
            f"Every model in use has a price. {wording.plural(len(old), 'price list')} {'is' if len(old) == 1 else 'are'} stale."
        )
    return f"Every model in use has a price: {wording.plural(models, 'model')}." if rows else "No model has been used yet."


def unpriced_table(missing: Sequence[Row], filters: Filters, now: datetime) -> Any:
    """The models without a price, most tokens first."""
    rows = []
    for row in missing:
        rows.append(
            [
                html.Span(
                    [glyph("tight", labelled=False), html.Span(row["model"] or "no model named", className="strong")],
                    className="status",
                ),
                f"{row['unpriced_tokens']:,}",
                f"{row['unpriced_requests']:,} of {row['requests']:,}",
                wording.day(row["unpriced_since"], now, filters.zone),
                age(row["last_at"], now),
                link(row["platform"], filters.href(PATH, platform=row["platform"])),
                row["provider"] or "–",
                "A unit it uses has no price, or its usage was not told" if row["has_prices"] else "No price list knows it",
            ]
        )
    return table_card(
        "In use without a price",
        ("Model", "Tokens", "Calls", "Since", "Newest", "Platform", "Provider", "Why"),
        rows,
        numbers=(1, 2, 3, 4),
        under="To price one, add it to the pack's prices or to a price list: what waits is then priced as of its own time, and its totals are "
        "marked restated.",
    )


def controls(rows: Sequence[Row], filters: Filters) -> html.Div:
    """Service classes as chips with counts, the provider, a day, words to look for, and the file of what is shown."""
    counts = Counter(row["service_class"] or STANDARD for row in rows)
    chosen = filters.get("class")
    chips = [link(f"All {len(rows)}", filters.href(**{"class": None}), "chip", current=not chosen or chosen == ALL_CLASSES)]
    chips += [
        link(f"{name.capitalize()} {count}", filters.href(**{"class": name}), "chip", current=chosen == name)
        for name, count in sorted(counts.items(), key=lambda item: (item[0] != STANDARD, item[0]))
    ]
    providers = sorted({row["provider"] for row in rows} | ({filters.get("provider")} - {""}))
    options = [link("Every provider", filters.href(provider=None), "menu-item", current=not filters.get("provider"))]
    options += [
        link(name, filters.href(provider=name), "menu-item", current=filters.get("provider") == name) for name in providers
    ]
    day = dcc.Input(
        type="text", name="at", value=filters.get("at"), placeholder="YYYY-MM-DD", className="text-field day", id="prices-at"
    )
    of_day = html.Label(["Prices of", day], className="date-label")
    form = search_form(filters, "Model, unit, source", "prices", more=[of_day], asks=("at",), words="Show")
    csv = html.A("CSV", href=filters.href(CSV_PATH, **filters.page), className="chip", download="prices.csv")
    return html.Div(
        [
            html.Div([*chips, csv], className="chip-group"),
            html.Div([menu("Provider", filters.get("provider") or "every", options, "provider"), form], className="price-tools"),
        ],
        className="price-controls",
    )


def register(app: Dash, pages: Pages) -> None:
    """Connects the page."""
    parts = pages.parts

    @app.callback(
        Output(Id.UNPRICED, "children"),
        Output(Id.LIST, "children"),
        Input(Shell.URL, "search"),
        Input(Shell.TICK, "data"),
        State(Shell.URL, "pathname"),
    )
    async def show(search: str | None, _tick: int | None, path: str | None) -> Any:
        filters, now = parse(path or PATH, search), parts.clock.now()
        every = parse(
            path or PATH, "&".join(each for each in (search or "").lstrip("?").split("&") if not each.startswith("class="))
        )

        async def first() -> Any:
            missing = await pages.read(("unpriced", filters.platform), lambda: unpriced(parts.store, filters.platform))
            rows = await pages.read(("prices", every.href()), lambda: prices(parts.store, every, now))
            said = (
                html.P(
                    [*glossed([sentence(rows, missing)]), " ", html.Span("Token prices are per million.", className="dim")],
                    className="page-sub",
                )
                if not filters.get("price")
                else None
            )
            return [said, unpriced_table(missing, filters, now) if missing and not filters.get("price") else None]

        async def table() -> Any:
            rows = await pages.read(("prices", every.href()), lambda: prices(parts.store, every, now))
            if filters.get("price"):
                back = link("All prices", filters.href(price=None), "button")
                if not rows:
                    return states.empty(f"There is no price {filters.get('price')[:200]} here.", [back])
                return [
                    html.Div([html.P("The price a cost was made of.", className="page-sub"), back], className="price-one"),
                    price_table(rows, filters, now),
                ]
            shown = [row for row in rows if in_class(row, filters.get("class"))]
            at = asked_instant(filters, now)
            when = "now" if not filters.get("at") else f"on {wording.day(at, now, filters.zone)}"
            if not shown:
                return [
                    controls(rows, filters),
                    states.empty(
                        f"No price in force {when} fits.",
                        [link("All prices", filters.href(PATH, q=None, at=None, provider=None, **{"class": None}), "button")],
                    ),
                ]
            return [controls(rows, filters), price_table(shown, filters, now)]

        return await pages.guard(first), await pages.guard(table)
