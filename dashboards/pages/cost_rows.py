"""The rows behind a figure of the Explorer, newest first; a row opens to every price it was charged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from dash import Dash, Input, Output, State, html

from analytics.infrastructure import InfrastructureRow
from analytics.ledger_rows import UsageRows, explained
from dashboards import reads, wording
from dashboards.block import Pages
from dashboards.components import states
from dashboards.components.marks import badge, link
from dashboards.components.tables import table_card
from dashboards.cost_asked import FILTERS, CostRows, kept, span_words, wrong_of
from dashboards.cost_tables import KINDS, WORDS, label_of
from dashboards.door.asking import may_see_users
from dashboards.filters import Filters, parse
from dashboards.pages import cost_tabs
from dashboards.pages.cost_notes import ahead
from dashboards.pages.cost_row import Key, key_text, no_row, parse_key, row_drawer
from dashboards.reads import ROWS_A_PAGE
from dashboards.shell import Id as Shell
from roomleft.errors import NEEDS_FINANCE
from roomleft.money import CENT, shares, shares_to, usd
from roomleft.packs import Pack

PATH = "/cost/rows"
STATES = {"priced": "", "free": "free", "unpriced": "unpriced", "reported": "reported", "estimated": "estimated"}
HEADS = ("Time", "Model", "What", "User", "Calls", "Input", "Cached", "Written", "Output", "Other", "State", "Cost")


class Id(StrEnum):
    """Ids of this page."""

    BODY = "cost-rows"
    ROW = "cost-row"


def layout() -> list[Any]:
    """Skeletons of the final heights."""
    return [*cost_tabs.head(), html.Div(states.skeleton(600), id=Id.BODY, className="stack"), html.Div(id=Id.ROW)]


def body(found: CostRows, packs: Mapping[str, Pack], filters: Filters, page: int, now: datetime) -> list[Any]:
    """What is asked for, what it comes to, the calls and the items."""
    told = found.told
    ai, infrastructure = shares([told.total.ai_usd, told.total.infrastructure_usd])
    asked = [
        html.Span([f"{WORDS[name]}: ", html.Strong(" or ".join(_value(name, value) for value in filters.values(name)))])
        for name in FILTERS
        if filters.values(name)
    ]
    if filters.platform:
        asked.insert(0, html.Span(["platform: ", html.Strong(filters.platform)]))
    words = f"{span_words((told.since, min(told.until, now)), filters, now)}, {wording.zone_name(filters.zone, now)}"
    back = filters.href("/cost", **{name: value for name, value in filters.page.items() if name not in ("page", "row")})
    blocks: list[Any] = [
        *(states.note(words) for words in wrong_of(filters)),
        html.Div(
            [
                html.Div([html.H2("Behind the figure"), link("Back to the Explorer", back, "button")], className="card-head"),
                html.Div([html.Span(words), *asked], className="asked"),
                html.Div(
                    [
                        html.Strong(usd(ai + infrastructure)),
                        f" = {usd(ai)} AI usage + {usd(infrastructure)} infrastructure",
                        " ",
                        badge("at least", "warn", f"{wording.plural(told.total.unpriced_requests, 'call')} without a price")
                        if told.total.unpriced_requests
                        else None,
                    ],
                    className="sum",
                ),
            ],
            className="card",
        ),
    ]
    if found.calls is not None:
        blocks.append(calls_card(found.calls, told.total.ai_usd, filters, page, now))
    if found.items:
        blocks.append(items_card(found.items, packs, infrastructure))
    elif told.left_out is not None:
        names = " or ".join(WORDS[name] for name in told.left_out.dimensions)
        blocks.append(
            states.note(f"Infrastructure is not split by {names}: {usd(told.left_out.usd)} left out under this filter.")
        )
    return blocks


def calls_card(calls: UsageRows, ai_usd: Decimal, filters: Filters, page: int, now: datetime) -> Any:
    """A page of calls, with the way to the older and newer ones."""
    if not calls.page:
        return states.empty(
            "No call in this range under these filters is kept row by row. Rows are kept for a time; sums for ever.",
            [
                link("The sums", filters.href("/cost", **kept(filters)), "button"),
                link("Last 7 d", filters.href(range="7d", page=None), "button"),
            ],
        )
    rows = [_row(row, filters, now) for row in calls.page]
    first = page * ROWS_A_PAGE + 1
    last = first + len(rows) - 1
    note = f"{first:,} to {last:,} of {calls.rows:,}, newest first"
    moves: list[Any] = []
    if page:
        moves.append(link("Newer", filters.href(page=str(page - 1) if page > 1 else None, row=None), "button"))
    if last < calls.rows:
        moves.append(link("Older", filters.href(page=str(page + 1), row=None), "button"))
    under: list[Any] = [
        f"{wording.plural(calls.requests, 'call')} {'comes' if calls.requests == 1 else 'come'} to {usd(ai_usd, 9)}. ",
        *moves,
    ]
    if calls.shared:
        names = ", ".join(WORDS[name] for name in calls.shared)
        under.insert(0, f"Rules share out the {names}, so a row has several: rows of all of them are listed. ")
    card = table_card("Calls", HEADS, rows, numbers=(4, 5, 6, 7, 8, 11), note=note, under=under, name="calls")
    card.className = "card flush rows-card"
    return card


def _row(row: Mapping[str, Any], filters: Filters, now: datetime) -> list[Any]:
    key = Key(row["source"], row["event_id"], row["occurred_at"])
    other = [
        wording.plural(row["images"], "image") if row["images"] else "",
        wording.plural(row["characters"], "character") if row["characters"] else "",
    ]
    other.append(f"{row['audio_seconds']:f}{wording.THIN}s" if row["audio_seconds"] else "")
    at = row["occurred_at"].astimezone(filters.zone)
    state = STATES.get(row["cost_state"], row["cost_state"])
    user = row.get("user_id") or ""
    whose: Any = html.Span(f"{user[:8]}…" if len(user) > 9 else user or "–", className="mono", title=user or None)
    said = (row["feature"] if row["request_type"] else "", "" if row["status"] == "ok" else row["status"])
    return [
        html.Span(f"{wording.day(row['occurred_at'], now, filters.zone)} {at:%H:%M:%S}", title=row["occurred_at"].isoformat()),
        _two(f"{row['provider'] or '–'} / {row['model'] or '–'}", row["platform"]),
        _two(row["request_type"] or row["feature"] or "–", " · ".join(part for part in said if part)),
        whose if "user_id" in row else html.Span("hidden", className="dim", title=f"{NEEDS_FINANCE}: whose call it was"),
        f"{row['requests']:,}",
        f"{row['input_uncached_tokens']:,}",
        f"{row['cache_read_tokens']:,}",
        f"{row['cache_write_tokens']:,}",
        f"{row['output_tokens']:,}",
        ", ".join(filter(None, other)) or "–",
        [
            badge(state, "warn" if state == "unpriced" else "") if state else "priced",
            " ",
            badge("restated") if row["restated"] else None,
        ],
        link(usd(row["cost_usd"], 9), filters.href(row=key_text(key)), "row-link", title="Its prices"),
    ]


def _two(first: str, second: str) -> html.Div:
    """What a call was, and under it what that belongs to."""
    return html.Div([html.Div(first), html.Div(second, className="dim small") if second else None])


def items_card(items: Sequence[InfrastructureRow], packs: Mapping[str, Pack], whole_usd: Decimal) -> Any:
    """The infrastructure's items with their monthly price and where it comes from; `whole_usd`: the sum of them that the page says, to the cent."""
    monthly = {(slug, item.id): item.usd_per_month for slug, pack in packs.items() for item in pack.cost_items()}
    sources = {slug: pack.costs.source for slug, pack in packs.items() if pack.costs is not None}
    total = sum((row.cost_usd for row in items), Decimal(0))
    exact = [row.cost_usd for row in items]
    # To the cent, so that the column adds up to the sum above it; the exact amount on hover.
    cents = shares_to(exact, whole_usd) if abs(total - whole_usd) <= CENT else shares(exact)
    rows = [
        [
            row.platform,
            html.Span([row.title, " ", badge("assumed", title="Nobody confirmed this price") if row.assumed else None,
                       badge("idle", title="What its models' usage did not pay for") if row.idle else None]),
            row.component or "shared",
            usd(monthly.get((row.platform, row.item_id), Decimal(0))),
            html.Span(sources.get(row.platform, ""), className="wrap"),
            html.Span(usd(shown), title=f"exactly {usd(row.cost_usd, 9)}"),
        ]
        for row, shown in zip(items, cents, strict=True)
    ]  # fmt: skip
    under = f"A month's price is spread evenly over the seconds of that calendar month. These items come to {usd(total, 9)}."
    heads = ("Platform", "Item", "Component", "A month", "Source", "Cost in the range")
    card = table_card(
        "Infrastructure", heads, rows, numbers=(3, 5), note=wording.plural(len(rows), "item"), under=under, name="items"
    )
    card.className = "card flush rows-card"
    return card


def _value(name: str, value: str) -> str:
    return KINDS.get(value, value) if name == "kind" else label_of(name, value)


def page_of(filters: Filters) -> int:
    """Which page of rows, from 0."""
    text = filters.get("page")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


def register(app: Dash, pages: Pages) -> None:
    """Connects the page's blocks."""
    parts = pages.parts

    @app.callback(Output(Id.BODY, "children"), Input(Shell.URL, "search"), State(Shell.URL, "pathname"))
    async def show(search: str | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()

        async def make() -> Any:
            if filters.ahead(now):
                return ahead(filters.on(PATH))
            page = page_of(filters)
            key = ("cost rows", filters.on(PATH).href(row=None))
            found = await pages.read(key, lambda: reads.cost_rows(parts, filters, now, page))
            return body(found, parts.packs, filters, page, now)

        return await pages.guard(make)

    @app.callback(Output(Id.ROW, "children"), Input(Shell.URL, "search"), State(Shell.URL, "pathname"))
    async def show_row(search: str | None, path: str | None) -> Any:
        filters, now = parse(path, search), parts.clock.now()
        asked = filters.get("row")
        if not asked:
            return None

        async def make() -> Any:
            key = parse_key(asked)
            if key is None:
                return no_row(filters)
            found = await pages.read(
                ("row", asked), lambda: explained(parts.store, key.source, key.event_id, key.at, see_users=may_see_users())
            )
            return row_drawer(found, filters, now)

        return await pages.guard(make)
