"""The prices that the genai-prices package brings along (never fetched), in our units.

What it gets wrong for a ledger is put right here and in pricing: it counts a unit it has no price for as nothing (we call the call unpriced),
and prices what a model puts out as pictures, sound or video as text where it has no other price (we do not).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from analytics.catalogue_list import BEGINNING, Hours, Listed, Moment, Prices, Tiers
from analytics.catalogue_names import references

if TYPE_CHECKING:
    from datetime import time as clock_time

    from genai_prices.types import ModelInfo, ModelPrice, Provider

_UNIT_OF = {
    "input_tokens": "input_uncached_tokens", "output_tokens": "output_tokens", "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens", "cache_write_5m_tokens": "cache_write_5m_tokens", "cache_write_1h_tokens": "cache_write_1h_tokens",
    "input_text_tokens": "input_text_tokens", "input_audio_tokens": "input_audio_tokens", "input_image_tokens": "input_image_tokens",
    "input_video_tokens": "input_video_tokens", "input_tool_tokens": "input_tool_tokens", "cache_text_read_tokens": "cache_read_text_tokens",
    "cache_audio_read_tokens": "cache_read_audio_tokens", "cache_image_read_tokens": "cache_read_image_tokens",
    "cache_video_read_tokens": "cache_read_video_tokens", "output_text_tokens": "output_text_tokens", "output_audio_tokens": "output_audio_tokens",
    "output_image_tokens": "output_image_tokens", "output_video_tokens": "output_video_tokens", "output_reasoning_tokens": "reasoning_tokens",
    "output_citation_tokens": "output_citation_tokens", "input_characters": "characters", "input_text_messages": "messages",
    "audio_seconds": "audio_seconds", "input_audio_seconds": "input_audio_seconds", "output_audio_seconds": "output_audio_seconds",
    "input_pixels": "pixels", "input_document_pages": "document_pages", "input_annotated_document_pages": "annotated_document_pages",
    "rerank_searches": "rerank_searches", "web_searches": "web_searches", "social_searches": "social_searches",
    "storage_searches": "file_searches", "requests": "requests",
}  # fmt: skip
UNIT_OF = MappingProxyType(_UNIT_OF)
"""Our name of each of the package's units. It has others that none of its prices uses."""

CLASSES = MappingProxyType(
    {
        "batch": {"processing": "batch"},
        "flex": {"service_tier": "flex"},
        "priority": {"service_tier": "priority"},
        "scale": {"service_tier": "scale"},
        "fast": {"service_tier": "fast", "speed": "fast"},
    }
)
"""How the package asks for a service class."""
BORROWED = (
    ("cache_read_tokens", "input_uncached_tokens", "the list has no price of cache reads: as input"),
    ("cache_write_tokens", "input_uncached_tokens", "the list has no price of cache writes: as input"),
)
CHECKED = re.compile(r"(?:verified|checked)(?: on)? (20\d\d-\d\d-\d\d)")


@cache
def package() -> str:
    """The list's name, with its version."""
    return f"genai-prices@{version('genai-prices')}"


@cache
def _providers() -> Mapping[str, Provider]:
    from genai_prices.data import providers

    return {provider.id: provider for provider in providers}


@cache
def listed_on() -> date:
    """The newest day on which the list itself says that it was compared with a provider's page."""
    days = [date(2000, 1, 1)]
    for provider in _providers().values():
        for model in provider.models:
            days += [day for text in CHECKED.findall(model.price_comments or "") if (day := _day(text)) is not None]
    return max(days)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def counts() -> dict[str, int]:
    """How many models the list has of each provider."""
    return {name: len(provider.models) for name, provider in _providers().items()}


def find(provider: str, model: str) -> tuple[Provider, ModelInfo] | None:
    """The list's entry for a model as a source spells it; of the provider whose model it is where another one resells it."""
    providers = _providers()
    for whose, name in references(provider, model):
        known = providers.get(whose)
        if known is not None and (found := known.find_model(name, all_providers=list(providers.values()))) is not None:
            return known, found
    return None


def prices_of(provider: str, model: str) -> tuple[Listed, list[Moment]] | None:
    """All that the list knows of a model's prices; None when it does not know the model."""
    found = find(provider, model)
    if found is None:
        return None
    whose, info = found
    page = (whose.pricing_urls or [f"the price list of {whose.name}"])[0]
    return Listed(package(), f"{whose.id}/{info.id}", page, listed_on()), list(_moments(info))


def _constraints(model: ModelInfo) -> list[Any]:
    conditional = model.prices if isinstance(model.prices, list) else []
    return [one.constraint for one in (*conditional, *(model.price_variants or ())) if one.constraint is not None]


def _moments(model: ModelInfo) -> Iterator[Moment]:
    constraints = _constraints(model)
    days = {one.start_date for one in constraints if hasattr(one, "start_date")}
    since = [BEGINNING, *(datetime(day.year, day.month, day.day, tzinfo=UTC) for day in sorted(days))]
    edges = sorted(
        {0} | {_minute(t) for one in constraints if hasattr(one, "start_time") for t in (one.start_time, one.end_time)}
    )
    for instant in since:
        standard = _by_hours(model, instant, edges, None)
        for hours, prices in standard:
            yield Moment(instant, hours, "", prices)
        for name, asked in CLASSES.items():
            if not any(variant.when.items() <= asked.items() for variant in model.price_variants or ()):
                continue
            for hours, prices in _by_hours(model, instant, edges, asked):
                usual = dict(standard).get(hours)
                own = {u: tiers for u, tiers in prices.of.items() if usual is None or usual.of.get(u) != tiers}
                if own:
                    yield Moment(instant, hours, name, Prices(own, prices.borrowed))


def _by_hours(
    model: ModelInfo, instant: datetime, edges: list[int], asked: Mapping[str, str] | None
) -> list[tuple[Hours, Prices]]:
    slots = [
        (begin, end, _prices(model.get_prices(instant + timedelta(minutes=begin), asked)))
        for begin, end in zip(edges, [*edges[1:], 1440], strict=True)
    ]
    if all(prices == slots[0][2] for _, _, prices in slots):
        return [(None, slots[0][2])]
    return [((begin, end), prices) for begin, end, prices in slots]


def _minute(of_day: clock_time) -> int:
    utc = datetime.combine(date(2000, 1, 1), of_day if of_day.tzinfo else of_day.replace(tzinfo=UTC)).astimezone(UTC)
    return utc.hour * 60 + utc.minute


def _prices(listed: ModelPrice) -> Prices:
    from genai_prices.units import _get_registry

    registry = _get_registry()
    of: dict[str, Tiers] = {}
    for key, price in vars(listed).items():
        if price is None or key.startswith("_"):
            continue
        unit = registry.unit_for_price_key(key)
        if unit.usage_key in UNIT_OF:
            of[UNIT_OF[unit.usage_key]] = _tiers(price, Decimal(unit.per))
    borrowed: dict[str, str] = {}
    for unit_name, lender, why in (*BORROWED, *_modal(of), *_seconds(of)):
        if unit_name not in of and lender in of:
            of[unit_name] = of[lender]
            borrowed[unit_name] = why
    return Prices(of, borrowed)


def _modal(of: Mapping[str, Tiers]) -> list[tuple[str, str, str]]:
    """What is read from the cache as sound or pictures costs what it costs as input, where cache reads have no price at all."""
    if "cache_read_tokens" in of:
        return []
    kinds = ("audio", "image", "video")
    return [
        (f"cache_read_{kind}_tokens", f"input_{kind}_tokens", "the list has no price of cache reads: as input") for kind in kinds
    ]


def _seconds(of: Mapping[str, Tiers]) -> list[tuple[str, str, str]]:
    """Seconds of no direction, where the list prices those of one direction only."""
    directions = [unit for unit in ("input_audio_seconds", "output_audio_seconds") if unit in of]
    return [("audio_seconds", directions[0], "the list's price of its one direction")] if len(directions) == 1 else []


def _tiers(price: Any, per: Decimal) -> Tiers:
    if isinstance(price, Decimal):
        return ((0, price / per),)
    return ((0, price.base / per), *((tier.start, tier.price / per) for tier in price.tiers))
