"""A usage record's fields by kind. The wire contract is docs/platform-api.md; the last group is for pushes and imports."""

from __future__ import annotations

TEXTS = (
    "platform", "component", "provider", "model", "operation", "request_type", "feature", "user_id", "tier", "team", "project",
    "environment", "api_key_hash", "cost_centre", "response_id", "service_tier", "region", "prompt_hash",
)  # fmt: skip
WORDS = ("status", "urgency")
COUNTS = (
    "requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "images", "characters",
)  # fmt: skip
NUMBERS = ("audio_seconds", "latency_ms", "first_token_ms", "complexity", "cost_hint")
MONEY = ("reported_cost_usd",)
INSTANTS = ("occurred_at", "period_end")
TEXT_MAPS = ("attributes", "tags")
NUMBER_MAPS = ("other_units",)
FIELDS = ("id", *INSTANTS, *TEXTS, *WORDS, *COUNTS, *NUMBERS, *MONEY, *TEXT_MAPS, *NUMBER_MAPS)
NAMED = frozenset({"id", *INSTANTS, *TEXTS, *WORDS})
"""String fields that are names, so a refused record may keep them."""
