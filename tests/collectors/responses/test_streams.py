"""Streams: whichever event tells usage last, in every framing, whole and broken off."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from collectors.records.fields import Refusal
from collectors.responses import read_response

TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")

ANTHROPIC: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "msg_1", "type": "message", "model": "claude-sonnet-4-5", "usage": {
        "input_tokens": 10, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 90, "output_tokens": 1}}},
    {"type": "ping"},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "words"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 171}},
    {"type": "message_stop"},
]  # fmt: skip
CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "model": "gpt-4o",
    "choices": [{"index": 0, "delta": {}}],
}
CHAT: list[dict[str, Any]] = [
    {**CHUNK, "usage": {"prompt_tokens": 50, "completion_tokens": 1, "total_tokens": 51}},
    {**CHUNK, "usage": None, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {
        **CHUNK,
        "choices": [],
        "usage": {"prompt_tokens": 50, "completion_tokens": 40, "prompt_tokens_details": {"cached_tokens": 30}},
    },
]
ANSWERED = {"id": "resp_1", "object": "response", "model": "gpt-5", "usage": {
    "input_tokens": 14, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 3}}}  # fmt: skip
RESPONSES: list[dict[str, Any]] = [
    {"type": "response.created", "response": {**ANSWERED, "status": "in_progress", "usage": None}},
    {"type": "response.output_text.delta", "delta": "words"},
    {"type": "response.completed", "response": ANSWERED},
]
GEMINI: list[dict[str, Any]] = [
    {"candidates": [{}], "usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 4}, "modelVersion": "gemini-2.5-flash", "responseId": "r1"},
    {"candidates": [{"finishReason": "STOP"}], "modelVersion": "gemini-2.5-flash", "usageMetadata": {
        "promptTokenCount": 8, "candidatesTokenCount": 354, "thoughtsTokenCount": 1702}},
]  # fmt: skip
CONVERSE: list[dict[str, Any]] = [
    {"messageStart": {"role": "assistant"}},
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {"usage": {"inputTokens": 22, "outputTokens": 13, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 7}}},
]
METRICS = {"inputTokenCount": 20, "outputTokenCount": 30, "cacheReadInputTokenCount": 10, "cacheWriteInputTokenCount": 0}
INVOKED: list[dict[str, Any]] = [
    {"generation": "w", "prompt_token_count": 20, "generation_token_count": 1, "stop_reason": None},
    {"generation": "w", "prompt_token_count": None, "generation_token_count": 30, "stop_reason": "stop"},
]
OLLAMA: list[dict[str, Any]] = [
    {"model": "llama3", "response": "words", "done": False},
    {"model": "llama3", "response": "", "done": True, "prompt_eval_count": 17, "eval_count": 63},
]
COHERE: list[dict[str, Any]] = [
    {"event_type": "stream-start", "generation_id": "g1"},
    {
        "event_type": "stream-end",
        "response": {"meta": {"billed_units": {"input_tokens": 7, "output_tokens": 115}, "tokens": {"input_tokens": 69}}},
    },
]
COHERE_2: list[dict[str, Any]] = [
    {"type": "message-start", "id": "c1"},
    {"type": "message-end", "delta": {"usage": {"billed_units": {"input_tokens": 3, "output_tokens": 4}}}},
]
GROQ: list[dict[str, Any]] = [
    {**CHUNK},
    {**CHUNK, "x_groq": {"id": "req", "usage": {"prompt_tokens": 18, "completion_tokens": 73}}},
]


def events(items: list[dict[str, Any]], end: str = "data: [DONE]\n\n") -> str:
    return "".join(f"data: {json.dumps(item)}\n\n" for item in items) + end


def frames(items: list[dict[str, Any]]) -> str:
    """AWS frames as a recorder keeps them that takes bytes for text."""
    return "".join(
        f"\x00\x00\x01\x0b:event-type\x07\x00\x05chunk\r:content-type\x07{json.dumps(item)}\x1c\u201d" for item in items
    )


def packed(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"chunk": {"bytes": base64.b64encode(json.dumps(item).encode()).decode()}} for item in items]


WHOLE: dict[str, tuple[str, Any, tuple[int, ...]]] = {
    "anthropic": ("anthropic", events(ANTHROPIC, ""), (1000, 900, 90, 171)),
    "openai chat, interim usage before": ("openai", events(CHAT), (50, 30, 0, 40)),
    "openai responses": ("openai", events(RESPONSES, ""), (14, 4, 0, 9)),
    "gemini": ("google", events(GEMINI, ""), (8, 0, 0, 2056)),
    "gemini as a JSON array": ("google", json.dumps(GEMINI), (8, 0, 0, 2056)),
    "converse, frames": ("aws", frames([*CONVERSE[:2], {"metrics": {}, **CONVERSE[2]["metadata"]}]), (34, 5, 7, 13)),
    "converse, events": ("aws", CONVERSE, (34, 5, 7, 13)),
    "invoke, packed, with the gateway's metrics": ("aws", packed([*INVOKED[:1], {**INVOKED[1], "amazon-bedrock-invocationMetrics": METRICS}]), (20, 0, 0, 30)),
    "claude on bedrock, packed": ("aws", packed(ANTHROPIC), (1000, 900, 90, 171)),
    "bedrock frames, base64 of all": ("aws", base64.b64encode(frames(packed(ANTHROPIC)).encode()).decode(), (1000, 900, 90, 171)),
    "ollama": ("ollama", "\n".join(map(json.dumps, OLLAMA)), (17, 0, 0, 63)),
    "cohere v1": ("cohere", "\n".join(map(json.dumps, COHERE)), (7, 0, 0, 115)),
    "cohere v2": ("cohere", events(COHERE_2, ""), (3, 0, 0, 4)),
    "groq": ("groq", events(GROQ), (18, 0, 0, 73)),
    "no empty lines between events": ("openai", "\n".join(f"data: {json.dumps(item)}" for item in CHAT) + "\ndata: [DONE]", (50, 30, 0, 40)),
    "comments and CRLF": ("openai", ": waiting\r\n\r\n" + events(CHAT).replace("\n", "\r\n"), (50, 30, 0, 40)),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_stream_gives_its_last_word(name: str) -> None:
    provider, stream, expected = WHOLE[name]
    for line in (stream, {"stream": stream}, {"body": stream}, {"response_body": stream, "status": 200}):
        reading = read_response(line, provider=provider)
        assert tuple(reading.records[0][field] for field in TOKENS) == expected
        assert (reading.tokens_known, reading.complete) == (True, True)
        assert "attributes" not in reading.records[0]


BROKEN: dict[str, tuple[str, Any, tuple[int, ...]]] = {
    "anthropic, before its output is told": ("anthropic", events(ANTHROPIC[:3], ""), (1000, 900, 90, 1)),
    "anthropic, in the middle of an event": (
        "anthropic",
        events(ANTHROPIC[:3], "") + 'data: {"type": "message_del',
        (1000, 900, 90, 1),
    ),
    "chat with interim usage": ("openai", events(CHAT[:1], ""), (50, 0, 0, 1)),
    "gemini": ("google", events(GEMINI[:1], ""), (8, 0, 0, 4)),
    "llama on bedrock": ("aws", packed(INVOKED[:1]), (20, 0, 0, 1)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_keeps_what_was_told_and_says_so(name: str) -> None:
    provider, stream, expected = BROKEN[name]
    reading = read_response(stream, provider=provider)
    assert tuple(reading.records[0][field] for field in TOKENS) == expected
    assert (reading.tokens_known, reading.complete) == (True, False)
    assert reading.records[0]["attributes"] == {"usage_estimated": "true", "usage_incomplete": "true"}


@pytest.mark.parametrize(
    "stream", [events(CHAT[1:2]), events(RESPONSES[:2], ""), "\n".join(map(json.dumps, OLLAMA[:1])), events(COHERE_2[:1], "")]
)
def test_a_stream_without_usage_is_unknown_not_nothing(stream: str) -> None:
    reading = read_response(stream, provider="openai")
    assert not reading.tokens_known
    assert reading.records[0]["attributes"]["usage_unknown"] == "true"


def test_an_explicit_zero_stays_zero() -> None:
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    reading = read_response(events([{**CHUNK, "choices": [], "usage": usage}]), provider="openai")
    assert (reading.tokens_known, reading.complete) == (True, True)
    assert "attributes" not in reading.records[0]


def test_a_realtime_session_is_one_record_a_response() -> None:
    def done(name: str, spoken: int) -> dict[str, Any]:
        usage = {"total_tokens": 100 + spoken, "input_tokens": 100, "output_tokens": spoken,
                 "input_token_details": {"text_tokens": 60, "audio_tokens": 40, "cached_tokens": 30, "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 10}},
                 "output_token_details": {"text_tokens": 1, "audio_tokens": spoken - 1}}  # fmt: skip
        return {"type": "response.done", "response": {"id": name, "usage": usage}}

    reading = read_response([done("resp_a", 20), {"type": "rate_limits.updated"}, done("resp_b", 30)], provider="openai")
    assert [(record["response_id"], record["output_tokens"]) for record in reading.records] == [("resp_a", 20), ("resp_b", 30)]
    assert reading.records[0]["other_units"] == {
        "input_text_tokens": 40, "input_audio_tokens": 30, "cache_read_text_tokens": 20, "cache_read_audio_tokens": 10,
        "output_text_tokens": 1, "output_audio_tokens": 19,
    }  # fmt: skip


def test_an_error_in_a_stream_is_a_failed_call_with_what_was_told() -> None:
    reading = read_response(
        events([*ANTHROPIC[:2], {"type": "error", "error": {"type": "overloaded_error"}}], ""), provider="anthropic"
    )
    record = reading.records[0]
    assert (record["status"], record["input_tokens"], reading.complete) == ("error", 1000, False)


def test_a_text_that_is_no_stream_is_refused() -> None:
    with pytest.raises(Refusal, match="neither JSON nor a stream"):
        read_response("Bad gateway", provider="openai")
