"""Our costs against a calculation from LiteLLM's price list: the same usage, the same prices, or a reason."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from analytics.catalogue import Catalogue
from analytics.quote import Quote, quote
from roomleft.money import stored
from roomleft.settings import ROOT
from tests.warehouse.rows import make_usage

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PROVIDERS = (
    "openai",
    "anthropic",
    "gemini",
    "groq",
    "xai",
    "deepseek",
    "moonshot",
    "zai",
    "cerebras",
    "cohere_chat",
    "perplexity",
    "voyage",
)
CALL = {"input_uncached_tokens": 1200, "cache_read_tokens": 300, "output_tokens": 500}

CHEAP_HOURS = "the provider's list has cheaper hours, LiteLLM's the price of the dear ones only"
OLD_LIST = "the price before the provider merged its models; genai-prices keeps the old model's list"
NO_CACHE = "genai-prices lists no price of cache reads: as input, where LiteLLM has a discount"
ROUNDED = "the same price, in LiteLLM's list cut to three digits"
RETIRED = "LiteLLM gives the price of the model that took its place"
NO_DISCOUNT = "LiteLLM lists no price of cache reads, where genai-prices has a discount"
FEE = "a fee for each request, which LiteLLM has by how much is searched"
TWO_MODELS = "the name of a model and, with its provider before it, of another one of theirs"
REASONS = {
    "ft:gpt-4o-2024-08-06": NO_CACHE,
    "ft:gpt-4o-mini-2024-07-18": NO_CACHE,
    "gpt-4o-search-preview": NO_CACHE,
    "gpt-4o-search-preview-2025-03-11": NO_CACHE,
    "gemini/gemini-2.5-pro-preview-tts": NO_CACHE,
    "deepseek-chat": OLD_LIST,
    "deepseek-reasoner": OLD_LIST,
    "deepseek/deepseek-chat": OLD_LIST,
    "deepseek/deepseek-reasoner": OLD_LIST,
    "groq/openai/gpt-oss-safeguard-20b": ROUNDED,
    "xai/grok-code-fast": RETIRED,
    "xai/grok-code-fast-1": RETIRED,
    "xai/grok-code-fast-1-0825": RETIRED,
    "perplexity/sonar": TWO_MODELS,
    "perplexity/sonar-pro": FEE,
    "perplexity/sonar-reasoning": FEE,
    "perplexity/sonar-reasoning-pro": FEE,
    "deepseek/deepseek-v3.2": OLD_LIST,
    **dict.fromkeys(("zai/glm-4.5", "zai/glm-4.5v", "zai/glm-4.5-x", "zai/glm-4.5-air", "zai/glm-4.5-airx"), NO_DISCOUNT),
    **{
        prefix + name: CHEAP_HOURS
        for prefix in ("", "deepseek/")
        for name in ("deepseek-flash", "deepseek-v4-flash", "deepseek-v4-flash-vision-exp", "deepseek-v4-pro")
    },
}
"""Why a model's cost is not the one that LiteLLM's list gives."""


def test_costs_agree_with_litellm_s_list_or_there_is_a_reason(shared_data: Path) -> None:
    listed = _listed(shared_data)
    usage = make_usage(
        [
            {"event_id": name, "provider": entry["litellm_provider"], "model": name, "occurred_at": NOON, **CALL}
            for name, entry in listed.items()
        ]
    )
    quotes = dict(zip(listed, quote(usage, Catalogue(ROOT / "packs" / "prices"), NOON), strict=True))
    known = {name: found for name, found in quotes.items() if found.price_id is not None}
    agreeing = {name for name, found in known.items() if found.state == "priced" and found.cost_usd == _cost(listed[name])}
    unexplained = {
        name: (found.cost_usd, _cost(listed[name])) for name, found in known.items() if name not in agreeing | REASONS.keys()
    }
    assert len(agreeing) >= 150
    assert unexplained == {}
    assert {name for name in REASONS if name in agreeing} == set()
    _check_reasons({name: (found, listed[name]) for name, found in known.items() if name in REASONS})


def _listed(shared_data: Path) -> dict[str, dict[str, Any]]:
    """LiteLLM's models that are priced by text tokens, of the providers compared."""
    path = shared_data / "llm_prices" / "litellm_1.109.1_model_prices.json.gz"
    with gzip.open(path, "rt") as file:
        entries: dict[str, dict[str, Any]] = json.load(file, parse_float=Decimal)
    return {
        name: entry
        for name, entry in entries.items()
        if entry.get("litellm_provider") in PROVIDERS
        and entry.get("mode") in ("chat", "responses")
        and entry.get("input_cost_per_token")
        and entry.get("output_cost_per_token")
        and not any("per_image" in key or "per_audio" in key or "per_request" in key for key in entry)
    }


def _cost(entry: dict[str, Any]) -> Decimal:
    """The call by LiteLLM's prices; a cache read without one costs what input costs, as LiteLLM's own calculation has it."""
    put_in = Decimal(entry["input_cost_per_token"])
    read = Decimal(entry.get("cache_read_input_token_cost", put_in))
    cost = CALL["input_uncached_tokens"] * put_in + CALL["cache_read_tokens"] * read
    return stored(cost + CALL["output_tokens"] * Decimal(entry["output_cost_per_token"]))


def _check_reasons(differing: dict[str, tuple[Quote, dict[str, Any]]]) -> None:
    """A reason must be true of the figures."""
    for name, (found, entry) in differing.items():
        put_in, came_out = Decimal(entry["input_cost_per_token"]), Decimal(entry["output_cost_per_token"])
        reason = REASONS[name]
        if reason == NO_CACHE:
            assert found.cost_usd == stored(1500 * put_in + 500 * came_out), name
        elif reason == ROUNDED:
            assert abs(found.cost_usd - _cost(entry)) < Decimal("0.000001"), name
        elif reason == CHEAP_HOURS:
            assert found.cost_usd * 2 == _cost(entry), name
        elif reason == FEE:
            assert found.cost_usd - _cost(entry) in (Decimal("0.012"), Decimal("0.014")), name
        elif reason == NO_DISCOUNT:
            assert "cache_read_input_token_cost" not in entry, name
            assert found.output_usd == stored(500 * came_out), name
        else:
            assert found.output_usd != stored(500 * came_out), name
