"""Counts that cannot be are refused with the reason; nothing else than a refusal ever comes out of a strange body."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.records.fields import Refusal
from collectors.responses import read_response

CHAT = {"prompt_tokens": 100, "completion_tokens": 10}
REFUSED: dict[str, tuple[Any, str]] = {
    "cache over the input": ({"usage": {**CHAT, "prompt_tokens_details": {"cached_tokens": 101}}}, "cached tokens .* more than all input"),
    "negative": ({"usage": {**CHAT, "completion_tokens": -1}}, "must not be negative"),
    "negative cache": ({"usage": {**CHAT, "prompt_tokens_details": {"cached_tokens": -5}}}, "must not be negative"),
    "a fraction": ({"usage": {**CHAT, "prompt_tokens": 10.5}}, "whole number"),
    "a text": ({"usage": {**CHAT, "prompt_tokens": "100"}}, "whole number, not '100'"),
    "a text in a detail": ({"usage": {**CHAT, "prompt_tokens_details": {"cached_tokens": "5"}}}, "prompt_tokens_details.cached_tokens"),
    "a truth": ({"usage": {**CHAT, "completion_tokens": True}}, "whole number"),
    "absurdly large": ({"usage": {**CHAT, "prompt_tokens": 10**15}}, "absurdly large"),
    "usage that is a list": ({"usage": [1]}, "must be an object"),
    "details that are a text": ({"usage": {**CHAT, "prompt_tokens_details": "none"}}, "must be an object"),
    "reasoning over the output": ({"usage": {**CHAT, "completion_tokens_details": {"reasoning_tokens": 11}}}, "more than the output tokens"),
    "modalities over the input": ({"usage": {**CHAT, "prompt_tokens_details": {"audio_tokens": 101}}}, "parts by modality"),
    "modalities over the output": ({"usage": {**CHAT, "completion_tokens_details": {"audio_tokens": 11}}}, "more than all output tokens"),
    "cache writes by lifetime over all": (
        {"type": "message", "usage": {"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 5, "cache_creation": {"ephemeral_5m_input_tokens": 6}}},
        "parts by lifetime",
    ),
    "a negative cost": ({"usage": {**CHAT, "cost": -0.1}}, "must not be negative"),
    "a thread": ({"id": "t", "object": "thread"}, "no model's answer"),
    "a run that goes on": ({"id": "r", "object": "thread.run", "status": "in_progress", "usage": None}, "finished"),
    "anything else": ({"hello": "world"}, "no model's answer"),
    "a number": (7, "a response is a JSON object"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_reason(name: str) -> None:
    line, reason = REFUSED[name]
    with pytest.raises(Refusal) as refused:
        read_response(line, provider="openai")
    assert re.search(reason, f"{refused.value.field} {refused.value.reason}")


NAMES = ["usage", "usageMetadata", "meta", "body", "response", "response_body", "request", "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens",
         "total_tokens", "prompt_tokens_details", "input_tokens_details", "cached_tokens", "audio_tokens", "cache_creation", "iterations", "inputTokens", "outputTokens",
         "cacheDetails", "promptTokenCount", "promptTokensDetails", "modality", "tokenCount", "choices", "data", "output", "error", "status", "type", "message", "chunk",
         "bytes", "stream", "results", "predictions", "billed_units", "cost", "model", "id", "result", "custom_id", "metadata", "delta", "headers", "created",
         "x_groq", "server_tool_use", "embeddings", "images", "duration", "event_type", "usage_info", "seconds"]  # fmt: skip
WORDS = [
    "message_start",
    "message_delta",
    "response.done",
    "response.completed",
    "stream-end",
    "duration",
    "TEXT",
    "5m",
    "error",
    "message",
    "data: {}\n\n",
    "in_progress",
    "",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(line=VALUES, provider=st.sampled_from(["openai", "anthropic", "google", "aws", "x-ai", "perplexity", "nobody"]))
def test_whatever_comes_is_read_or_refused_and_its_parts_never_exceed_the_whole(line: Any, provider: str) -> None:
    try:
        reading = read_response(line, provider=provider)
    except Refusal:
        return
    for record in reading.records:
        units = record.get("other_units", {})
        fresh = record["input_tokens"] - record["cache_read_tokens"] - record["cache_write_tokens"]
        assert fresh >= sum(units.get(f"input_{kind}_tokens", 0) for kind in ("text", "audio", "image", "video", "tool"))
        assert record["cache_write_tokens"] >= sum(units.get(f"cache_write_{span}_tokens", 0) for span in ("5m", "1h"))
        assert record["output_tokens"] >= record["reasoning_tokens"] >= 0
        json.dumps(record, default=str)
