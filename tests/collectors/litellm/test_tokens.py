"""LiteLLM's usage objects, as its providers' adapters make them, in disjoint buckets."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.litellm.tokens import quantities_of

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "OpenAI, cached inside": (
        {"prompt_tokens": 1200, "completion_tokens": 300, "prompt_tokens_details": {"cached_tokens": 1000}},
        {"input_tokens": 1200, "cache_read_tokens": 1000, "output_tokens": 300},
    ),
    "Anthropic through its adapter": (
        {
            "prompt_tokens": 2103, "completion_tokens": 90, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 2000, "cache_creation_tokens": 100, "text_tokens": 3,
                "cache_creation_token_details": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40}},
        },
        {"input_tokens": 2103, "cache_read_tokens": 2000, "cache_write_tokens": 100, "output_tokens": 90,
         "other_units": {"cache_write_5m_tokens": 60.0, "cache_write_1h_tokens": 40.0}},
    ),
    "a breakdown that leaves some out": (
        {"prompt_tokens": 110, "prompt_tokens_details": {"cache_creation_tokens": 100,
            "cache_creation_token_details": {"ephemeral_5m_input_tokens": 60}}},
        {"input_tokens": 110, "cache_write_tokens": 100, "other_units": {"cache_write_5m_tokens": 60.0}},
    ),
    "a breakdown larger than its whole": (
        {"prompt_tokens": 110, "prompt_tokens_details": {"cache_creation_tokens": 100,
            "cache_creation_token_details": {"ephemeral_5m_input_tokens": 160}}},
        {"input_tokens": 110, "cache_write_tokens": 100},
    ),
    "an Anthropic body as it came": (
        {"input_tokens": 3, "output_tokens": 90, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 100},
        {"input_tokens": 2103, "cache_read_tokens": 2000, "cache_write_tokens": 100, "output_tokens": 90},
    ),
    "the same, put into OpenAI's form without its cache": (
        {"prompt_tokens": 3000, "completion_tokens": 90, "prompt_tokens_details": {"cached_tokens": 2000, "text_tokens": 3000}},
        {"input_tokens": 5000, "cache_read_tokens": 2000, "output_tokens": 90},
    ),
    "DeepSeek": (
        {"prompt_tokens": 500, "completion_tokens": 9, "prompt_cache_hit_tokens": 400, "prompt_cache_miss_tokens": 100},
        {"input_tokens": 500, "cache_read_tokens": 400, "output_tokens": 9},
    ),
    "reasoning inside": (
        {"prompt_tokens": 10, "completion_tokens": 200, "total_tokens": 210, "completion_tokens_details": {"reasoning_tokens": 150}},
        {"input_tokens": 10, "output_tokens": 200, "reasoning_tokens": 150},
    ),
    "reasoning beside": (
        {"prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 210, "completion_tokens_details": {"reasoning_tokens": 150}},
        {"input_tokens": 10, "output_tokens": 200, "reasoning_tokens": 150},
    ),
    "audio, some of it cached": (
        {"prompt_tokens": 100, "completion_tokens": 40, "completion_tokens_details": {"audio_tokens": 30},
         "prompt_tokens_details": {"audio_tokens": 80, "cached_tokens": 50, "cached_tokens_details": {"audio_tokens": 45}}},
        {"input_tokens": 100, "cache_read_tokens": 50, "output_tokens": 40,
         "other_units": {"input_audio_tokens": 35.0, "cache_read_audio_tokens": 45.0, "output_audio_tokens": 30.0}},
    ),
    "searches and pages": (
        {"prompt_tokens": 1, "server_tool_use": {"web_search_requests": 2}, "pages_processed": 7},
        {"input_tokens": 1, "other_units": {"web_searches": 2.0, "document_pages": 7.0}},
    ),
    "nothing": ({}, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_usage_object_is_put_into_disjoint_buckets(case: str) -> None:
    usage, expected = CASES[case]
    assert quantities_of(usage) == expected


def test_a_raw_body_says_that_its_cache_was_left_out() -> None:
    usage = {"prompt_tokens": 3000, "completion_tokens": 90, "cache_read_input_tokens": 2000}
    raw = {"input_tokens": 3000, "output_tokens": 90, "cache_read_input_tokens": 2000}
    assert quantities_of(usage, raw)["input_tokens"] == 5000
    assert quantities_of(usage)["input_tokens"] == 3000
