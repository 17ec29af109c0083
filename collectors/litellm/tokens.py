"""A usage object as LiteLLM tells it, as the quantities of a usage record.

LiteLLM puts every provider's usage into OpenAI's form: `prompt_tokens` with cached tokens inside, whatever the provider's own count leaves out
(`AnthropicConfig.calculate_usage`, `AmazonConverseConfig`). Two ways round that reach the log as they came and are told apart here: an
Anthropic body, whose `input_tokens` is without cache, and providers that count reasoning beside `completion_tokens`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from collectors.records.fields import Refusal

Object = Mapping[str, Any]
EMPTY: Object = {}
AUDIO_SPLIT = ("audio_tokens", "image_tokens", "video_tokens")


def quantities_of(usage: Object, raw: Object = EMPTY) -> dict[str, Any]:
    """Tokens, images and other units of a usage object. `raw` is the provider's own, where the log carries it.

    `input_tokens` is the total with cache, as in docs/platform-api.md. Raises Refusal for what is no count.
    """
    details, made = _object(usage, "prompt_tokens_details"), _object(usage, "completion_tokens_details")
    read = _most(usage, "cache_read_input_tokens", "prompt_cache_hit_tokens", details=details, inside=("cached_tokens",))
    write = _most(usage, "cache_creation_input_tokens", details=details, inside=("cache_creation_tokens", "cache_write_tokens"))
    prompt, output = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if "prompt_tokens" not in usage and "input_tokens" in usage:
        prompt, output = _count(usage, "input_tokens"), _count(usage, "output_tokens")
        raw = raw or usage
    if _leaves_cache_out(prompt, read + write, details, raw):
        prompt += read + write
    reasoning = _count(made, "reasoning_tokens")
    if reasoning and _count(usage, "total_tokens") == prompt + output + reasoning:
        output += reasoning
    found: dict[str, Any] = {
        "input_tokens": prompt,
        "cache_read_tokens": read,
        "cache_write_tokens": write,
        "output_tokens": output,
        "reasoning_tokens": reasoning,
        "images": _count(usage, "output_image_count"),
    }
    seconds = usage.get("seconds") or details.get("audio_length_seconds") or usage.get("audio_transcription_duration")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
        found["audio_seconds"] = float(seconds)
    units = _units(usage, details, made, found)
    return {name: value for name, value in found.items() if value} | ({"other_units": units} if units else {})


def _leaves_cache_out(prompt: int, cached: int, details: Object, raw: Object) -> bool:
    """Whether `prompt` is without the cached tokens."""
    if not cached:
        return False
    parts = [_count(details, name) for name in ("text_tokens", *AUDIO_SPLIT)]
    if details.get("text_tokens") is not None and prompt in (sum(parts), sum(parts) + cached):
        return prompt == sum(parts)
    told_apart = any(raw.get(name) is not None for name in ("cache_read_input_tokens", "cache_creation_input_tokens"))
    return told_apart and "prompt_tokens" not in raw and _count(raw, "input_tokens") == prompt


def _units(usage: Object, details: Object, made: Object, found: Mapping[str, int]) -> dict[str, float]:
    """Parts of the buckets and things counted on their own. A part is never larger than what it is a part of."""
    uncached = found["input_tokens"] - found["cache_read_tokens"] - found["cache_write_tokens"]
    cached = _object(details, "cached_tokens_details")
    units: dict[str, float] = {}
    left = max(0, uncached)
    for name in AUDIO_SPLIT:
        kind = name.removesuffix("_tokens")
        from_cache = min(_count(cached, name), found["cache_read_tokens"])
        part = min(max(0, _count(details, name) - from_cache), left)
        left -= part
        units[f"cache_read_{kind}_tokens"], units[f"input_{kind}_tokens"] = from_cache, part
        units[f"output_{kind}_tokens"] = min(_count(made, name), found["output_tokens"])
    spans = _object(details, "cache_creation_token_details") or _object(usage, "cache_creation")
    short, long = _count(spans, "ephemeral_5m_input_tokens"), _count(spans, "ephemeral_1h_input_tokens")
    if short + long <= found["cache_write_tokens"]:
        # What neither names stays in the bucket, at the price of the bucket.
        units["cache_write_5m_tokens"], units["cache_write_1h_tokens"] = short, long
    tools = _object(usage, "server_tool_use")
    units["web_searches"] = _count(tools, "web_search_requests") or _count(details, "web_search_requests")
    units["rerank_searches"] = _count(usage, "search_units")
    units["document_pages"] = _count(usage, "pages_processed")
    return {name: float(value) for name, value in units.items() if value}


def _object(parent: Object, name: str) -> Object:
    found = parent.get(name)
    return found if isinstance(found, Mapping) else EMPTY


def _most(usage: Object, *names: str, details: Object, inside: tuple[str, ...]) -> int:
    """One count that stands in several places."""
    return max([_count(usage, name) for name in names] + [_count(details, name) for name in inside])


def _count(parent: Object, name: str) -> int:
    """A whole number; absent is 0. Raises Refusal."""
    value = parent.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(name, f"must be a whole number, not {type(value).__name__}")
    if not math.isfinite(value) or value < 0 or value != int(value):
        raise Refusal(name, f"must be a whole number of 0 or more, not {str(value)[:40]}")
    return int(value)
