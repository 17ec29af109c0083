"""The table of prices: a heading a model, a line for the prices that hold together, and how a price is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from dash import html

from dashboards import wording
from dashboards.api.prices import Row, age_of_list
from dashboards.components.marks import badge, link
from dashboards.filters import Filters
from roomleft.units import IMAGE_KIND

PATH = "/prices"
COLUMN_OF = {
    "input_uncached_tokens": "Input",
    "cache_read_tokens": "Cache read",
    "cache_write_tokens": "Cache write",
    "output_tokens": "Output",
}
HEADS = ("Holds for", *COLUMN_OF.values(), "Other", "Since", "Source", "Checked")
NAMES = {
    "input_uncached_tokens": "Input", "cache_read_tokens": "Input, cache read", "cache_write_tokens": "Input, cache write",
    "cache_write_5m_tokens": "Input, cache write kept 5 min", "cache_write_1h_tokens": "Input, cache write kept 1 h", "output_tokens": "Output",
    "reasoning_tokens": "Output, reasoning", "input_tool_tokens": "Input, tool results", "output_citation_tokens": "Output, citations",
    "requests": "Request", "images": "Image", "characters": "Characters spoken", "audio_seconds": "Audio", "input_audio_seconds": "Audio in",
    "output_audio_seconds": "Audio out", "web_searches": "Web search", "file_searches": "File search", "social_searches": "Social search",
    "rerank_searches": "Rerank search", "document_pages": "Document page", "annotated_document_pages": "Annotated document page",
    "messages": "Message", "pixels": "Pixels",
}  # fmt: skip
PER = (
    ("_tokens", 1_000_000, "1M tokens"),
    ("characters", 1_000, "1,000 characters"),
    ("pixels", 1_000_000, "1M pixels"),
    ("_seconds", 60, "minute"),
    ("_searches", 1_000, "1,000 searches"),
    ("_pages", 1_000, "1,000 pages"),
    ("requests", 1_000, "1,000 requests"),
    ("messages", 1_000, "1,000 messages"),
)


def unit_name(unit: str) -> str:
    """A priced unit in words."""
    if unit in NAMES:
        return NAMES[unit]
    if unit.startswith(IMAGE_KIND):
        return "Image, " + ", ".join(part for part in unit.removeprefix(IMAGE_KIND).split(".") if part)
    words = unit.removesuffix("_tokens").split("_")
    if words[0] == "cache":
        return f"Input, {words[-1]}, cache {words[1]}"
    return f"{words[0].capitalize()}, {' '.join(words[1:])}" if len(words) > 1 else unit.replace("_", " ").capitalize()


def unit_price(usd_per_unit: Decimal, unit: str) -> tuple[str, str]:
    """A price as people quote it, for example (`$3.00`, `1M tokens`)."""
    times, per = next(((times, per) for end, times, per in PER if unit.endswith(end)), (1, "image"))
    return exact_usd(usd_per_unit * times), per


def exact_usd(amount: Decimal) -> str:
    """Every digit of a price, and at least cents."""
    text = f"{amount:,f}"
    whole, _, digits = text.partition(".")
    return f"${whole}.{digits.rstrip('0').ljust(2, '0')}"


def price_table(rows: Sequence[Row], filters: Filters, now: datetime) -> Any:
    """A line for each list of one model's prices that hold together: its usual units side by side, the others by name."""
    wanted = bool(filters.get("price"))
    body: list[Any] = []
    for (provider, model), of_model in groupby(rows, key=lambda row: (row["provider"], row["model"])):
        name = html.Th(
            [html.Span(model, className="strong"), html.Span(f" {provider}", className="dim")],
            colSpan=len(HEADS),
            scope="rowgroup",
        )
        body.append(html.Tr(name, className="price-model"))
        for _, together in groupby(sorted(of_model, key=_line_key), key=_line_key):
            body.append(_line(list(together), filters, now, wanted))
    heads = [html.Th(name, scope="col", className="num" if name in COLUMN_OF.values() else None) for name in HEADS]
    return html.Div(
        html.Table([html.Thead(html.Tr(heads)), html.Tbody(body)], className="plain-table cards prices"),
        className="card flush table-scroll",
    )


def _line_key(row: Row) -> tuple[str, ...]:
    """What prices of one line have in common."""
    held = ("hours_utc", "valid_from", "valid_to", "catalogue", "checked_on", "in_force")
    first = (row["platform"], row["service_class"], f"{row['input_over']:>15}")
    return (*first, *(str(row[name] or "") for name in held), _said(row)[0])


def _said(row: Row) -> tuple[str, str]:
    """A price's source, and the list's remark on this one unit, which ends it in parentheses."""
    source, _, remark = row["source"].partition(" (the list ")
    return source, remark.removesuffix(")").rpartition(": ")[2]


def _line(rows: Sequence[Row], filters: Filters, now: datetime, wanted: bool) -> html.Tr:
    row = rows[0]
    usual = {COLUMN_OF[each["unit"]]: _price(each, filters, short=True) for each in rows if each["unit"] in COLUMN_OF}
    others = [html.Div(_price(each, filters, short=False)) for each in rows if each["unit"] not in COLUMN_OF]
    cells = {
        "Holds for": _holds_for(row),
        **{name: usual.get(name, "") for name in COLUMN_OF.values()},
        "Other": others or "",
        "Since": _since(row, filters, now),
        "Source": [_source(_said(row)[0]), html.Div(row["catalogue"], className="dim")],
        "Checked": _checked(row, now),
    }
    kinds = {
        **dict.fromkeys(COLUMN_OF.values(), "num"),
        "Source": "source-words",
        "Holds for": "holds-words",
        "Other": "other-words",
    }
    drawn = [
        html.Td(cell, className=kinds.get(name), **({"data-label": name} if cell != "" else {})) for name, cell in cells.items()
    ]
    return html.Tr(drawn, className=None if row["in_force"] or not wanted else "past")


def _price(row: Row, filters: Filters, *, short: bool) -> list[Any]:
    """A unit's price, a link to itself; with a contract, what the list asks and what that takes off."""
    price, per = unit_price(row["usd_per_unit"], row["unit"])
    own = {"price": row["price_id"], "q": None, "at": None, "provider": None, "class": None}
    shown: list[Any] = [link("free" if not row["usd_per_unit"] else price, filters.href(PATH, **own), title=row["price_id"])]
    if not short:
        shown = [f"{unit_name(row['unit'])} ", *shown, html.Span(f" / {per}", className="dim")]
    if _said(row)[1]:
        shown.append(html.Div(_said(row)[1], className="dim", title=row["source"]))
    if row["list_usd_per_unit"] is not None and row["list_usd_per_unit"] != row["usd_per_unit"]:
        listed = unit_price(row["list_usd_per_unit"], row["unit"])[0]
        shown.append(html.Div(f"list {listed}, {_off(row['discount'])}", className="dim"))
    return shown


def _off(discount: Decimal | None) -> str:
    if not discount:
        return ""
    return f"{wording.percent(abs(discount))} {'off' if discount > 0 else 'more'}"


def _holds_for(row: Row) -> Any:
    """Whom and what a price holds for; the usual case in as few words as it has."""
    parts = [row["platform"] or "every platform"]
    if row["service_class"]:
        parts.append(f"{row['service_class']} tier")
    if row["input_over"]:
        parts.append(f"calls over {row['input_over']:,} input tokens")
    if row["hours_utc"]:
        parts.append(f"{row['hours_utc']} UTC")
    return ", ".join(parts)


def _since(row: Row, filters: Filters, now: datetime) -> Any:
    begun = "the beginning" if row["valid_from"].year < 2020 else wording.day(row["valid_from"], now, filters.zone)
    if row["valid_to"] is not None:
        return [begun, html.Div(f"until {wording.day(row['valid_to'], now, filters.zone)}", className="dim")]
    return begun if row["in_force"] else [begun, html.Div("replaced since", className="dim")]


def _source(source: str) -> Any:
    """A list's own words; an address at their beginning is a link."""
    if not source.startswith(("https://", "http://")):
        return source
    address, _, rest = source.partition(" ")
    shown = html.A(urlsplit(address).netloc, href=address, target="_blank", rel="noopener noreferrer", title=address)
    return html.Span([shown, f" {rest}"])


def _checked(row: Row, now: datetime) -> Any:
    since = age_of_list(row, now)
    if since is None:
        return html.Span("not told", className="dim")
    words = html.Span(f"{wording.plural(max(since.days, 0), 'day')} ago", title=str(row["checked_on"]))
    return (
        [words, " ", badge("stale", "", "Nobody compared this list with the provider's for more than 45 days")]
        if row["stale"]
        else words
    )
