"""Every generation of names for an AI call gives the same usage row: cached tokens counted once, reasoning inside output."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.collectors.otlp.sent import CALL, judged, pack_with, request_of, row_of

TOKENS = ("input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
SAME = (60, 30, 10, 20, 5)
GENERATIONS: dict[str, tuple[dict[str, Any], str | None, str | None, tuple[int, ...]]] = {
    "GenAI now": (
        {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.response.model": "claude-sonnet-4-5-20250929", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 30, "gen_ai.usage.cache_write.input_tokens": 10, "gen_ai.usage.reasoning.output_tokens": 5,
        }, "anthropic", "claude-sonnet-4-5-20250929", SAME,
    ),
    "GenAI with cache_creation": (
        {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20, "gen_ai.usage.cache_read.input_tokens": 30, "gen_ai.usage.cache_creation.input_tokens": 10,
            "gen_ai.usage.reasoning_tokens": 5,
        }, "aws", "m", SAME,
    ),
    "gen_ai.system and prompt tokens": (
        {
            "gen_ai.operation.name": "text_completion", "gen_ai.system": "az.ai.openai", "gen_ai.request.model": "gpt-4",
            "gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.completion_tokens": 20,
        }, "azure", "gpt-4", (100, 0, 0, 20, 0),
    ),
    "OpenLLMetry": (
        {
            "llm.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.completion_tokens": 20, "llm.usage.total_tokens": 120,
            "gen_ai.usage.cache_read_input_tokens": 30, "gen_ai.usage.cache_creation_input_tokens": 10, "llm.usage.reasoning_tokens": 5,
        }, "openai", "gpt-4o-2024-08-06", SAME,
    ),
    "OpenLLMetry, all llm.": (
        {
            "llm.request.type": "completion", "llm.vendor": "Cohere", "llm.request.model": "command", "llm.usage.prompt_tokens": 100,
            "llm.usage.completion_tokens": 20,
        }, "cohere", "command", (100, 0, 0, 20, 0),
    ),
    "OpenInference": (
        {
            "openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "gpt-4o", "llm.token_count.prompt": 100,
            "llm.token_count.completion": 20, "llm.token_count.total": 120, "llm.token_count.prompt_details.cache_read": 30,
            "llm.token_count.prompt_details.cache_write": 10, "llm.token_count.completion_details.reasoning": 5,
        }, "openai", "gpt-4o", SAME,
    ),
    "OpenInference embedding": (
        {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "text-embedding-3-small", "llm.token_count.total": 100},
        None, "text-embedding-3-small", (100, 0, 0, 0, 0),
    ),
    "Pydantic AI": (
        {
            "gen_ai.operation.name": "chat", "gen_ai.system": "google-gla", "gen_ai.request.model": "gemini-2.5-pro",
            "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20, "gen_ai.usage.details.cache_read_tokens": 30,
            "gen_ai.usage.details.cache_write_tokens": 10, "gen_ai.usage.details.reasoning_tokens": 5,
        }, "google", "gemini-2.5-pro", SAME,
    ),
    "Vercel AI SDK": (
        {
            "ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "openai.chat", "ai.model.id": "gpt-4o",
            "ai.response.model": "gpt-4o-2024-08-06", "ai.usage.promptTokens": 100, "ai.usage.completionTokens": 20,
            "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
        }, "openai", "gpt-4o-2024-08-06", (100, 0, 0, 20, 0),
    ),
    "Vercel AI SDK 5": (
        {
            "ai.operationId": "ai.streamText.doStream", "ai.model.provider": "google.generative-ai", "ai.model.id": "gemini-2.5-flash",
            "ai.usage.inputTokens": 100, "ai.usage.outputTokens": 20, "ai.usage.cachedInputTokens": 30, "ai.usage.reasoningTokens": 5,
        }, "google", "gemini-2.5-flash", (70, 30, 0, 20, 5),
    ),
    "numbers as texts and fractions": (
        CALL | {"gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": 20.0}, "openai", "gpt-4o", (100, 0, 0, 20, 0),
    ),
    "a total that shows the cache was left out": (
        CALL | {"gen_ai.usage.input_tokens": 60, "gen_ai.usage.total_tokens": 120, "gen_ai.usage.cache_read_input_tokens": 30,
                "gen_ai.usage.cache_creation_input_tokens": 10}, "openai", "gpt-4o", (60, 30, 10, 20, 0),
    ),
    "a total that shows the reasoning was left out": (
        CALL | {"gen_ai.usage.output_tokens": 15, "gen_ai.usage.total_tokens": 120, "gen_ai.usage.reasoning_tokens": 5},
        "openai", "gpt-4o", (100, 0, 0, 20, 5),
    ),
    "cache writes by how long they are kept": (
        CALL | {"gen_ai.usage.cache_creation.ephemeral_5m_input_tokens": 4, "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens": 6},
        "openai", "gpt-4o", (90, 0, 10, 20, 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GENERATIONS)
def test_a_call_by_any_name(name: str) -> None:
    attributes, provider, model, tokens = GENERATIONS[name]
    row = row_of(attributes)
    assert (row["provider"], row["model"], tuple(row[column] for column in TOKENS)) == (provider, model, tokens)


@pytest.mark.parametrize(
    ("more", "units"),
    [
        ({"gen_ai.usage.audio.input_tokens": 40, "gen_ai.usage.audio.output_tokens": 8}, {"input_audio_tokens": 40, "output_audio_tokens": 8}),
        ({"gen_ai.usage.image.output_tokens": 20}, {"output_image_tokens": 20}),
        ({"llm.token_count.prompt_details.audio": 40}, {"input_audio_tokens": 40}),
        (
            {"gen_ai.usage.cache_read.input_tokens": 50, "gen_ai.usage.audio.input_tokens": 40, "gen_ai.usage.details.cache_audio_read_tokens": 10},
            {"input_audio_tokens": 30, "cache_read_audio_tokens": 10},
        ),
        ({"gen_ai.usage.cache_read.input_tokens": 80, "gen_ai.usage.image.input_tokens": 50}, {"input_image_tokens": 20, "cache_read_image_tokens": 30}),
        ({"gen_ai.usage.server_tool_use.web_search_requests": 3}, {"web_searches": 3}),
        ({"gen_ai.usage.text.input_tokens": 100}, {}),
    ],
    ids=["audio both ways", "image out", "OpenInference audio", "cached audio told", "more images than are fresh", "searches", "text is the rest"],
)  # fmt: skip
def test_parts_of_other_kinds_are_kept_apart_and_never_added(more: dict[str, Any], units: dict[str, float]) -> None:
    row = row_of(CALL | more)
    assert dict(row["other_units"] or ()) == units
    assert row["input_uncached_tokens"] + row["cache_read_tokens"] == 100
    assert row["output_tokens"] == 20


def test_an_overlap_that_was_worked_out_is_an_estimate() -> None:
    row = row_of(CALL | {"gen_ai.usage.cache_read.input_tokens": 80, "gen_ai.usage.image.input_tokens": 50})
    assert dict(row["attributes"])["usage_estimated"] == "true"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"gen_ai.usage.cache_read.input_tokens": 101}, "cached tokens (101 read + 0 written) are more than input_tokens (100)"),
        ({"gen_ai.usage.input_tokens": -1}, "input_tokens: must not be negative (-1)"),
        ({"gen_ai.usage.input_tokens": 1.5}, "input_tokens"),
        ({"gen_ai.usage.reasoning_tokens": 21}, "reasoning_tokens"),
        ({"gen_ai.usage.audio.output_tokens": 21}, "output_tokens: 21 tokens of other kinds are more than output_tokens (20)"),
    ],
    ids=["cache over input", "negative", "fractional", "reasoning over output", "audio over output"],
)
def test_what_cannot_be_is_refused_with_the_reason(more: dict[str, Any], words: str) -> None:
    found = judged(request_of([{"attributes": CALL | more}, {"attributes": CALL, "number": 2}]))
    assert (found.refused, found.usage.rows.num_rows) == (1, 1)
    assert words in found.reasons[0]
    (row,) = found.usage.rejected.to_pylist()
    assert row["event_id"].endswith("-0000000000000001")


def test_times_ids_and_what_a_span_says_of_itself() -> None:
    row = row_of(
        CALL | {
            "gen_ai.response.id": "r-1", "gen_ai.openai.response.service_tier": "flex", "gen_ai.response.time_to_first_chunk": 0.25,
            "gen_ai.response.finish_reasons": ["stop"], "gen_ai.conversation.id": "s-1", "gen_ai.response.model": "gpt-4o-2024-08-06",
        }
    )  # fmt: skip
    assert row["event_id"] == f"{1:032x}-{1:016x}"
    assert row["occurred_at"].isoformat() == "2026-11-21T11:55:00+00:00"
    assert (row["latency_ms"], row["first_token_ms"], row["response_id"], row["service_tier"]) == (1000.0, 250.0, "r-1", "flex")
    assert dict(row["attributes"]) == {"asked_model": "gpt-4o", "finish_reason": "stop", "service": "tiny", "session": "s-1"}
    assert (row["status"], row["requests"], row["operation"]) == ("ok", 1, "chat")


def test_the_first_token_may_be_an_event() -> None:
    request = request_of([{"attributes": CALL}])
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.events.add(name="ai.stream.firstChunk", time_unix_nano=span.start_time_unix_nano + 400_000_000)
    (row,) = judged(request).usage.rows.to_pylist()
    assert row["first_token_ms"] == 400.0


@pytest.mark.parametrize(
    ("code", "more", "status"),
    [(0, {}, "ok"), (1, {}, "ok"), (2, {}, "error"), (0, {"error.type": "RateLimitError"}, "error"), (2, {"error.type": "APITimeoutError"}, "timeout")],
)  # fmt: skip
def test_status(code: int, more: dict[str, Any], status: str) -> None:
    request = request_of([{"attributes": CALL | more}])
    request.resource_spans[0].scope_spans[0].spans[0].status.code = code  # type: ignore[assignment]
    (row,) = judged(request).usage.rows.to_pylist()
    assert row["status"] == status


@pytest.mark.parametrize(
    ("more", "usd", "notes"),
    [
        ({"gen_ai.usage.cost.amount": 0.0123, "gen_ai.usage.cost.currency": "USD", "gen_ai.usage.cost.source": "provider"}, "0.0123", {"cost_source": "provider"}),
        ({"gen_ai.usage.cost.amount": 0.0123, "gen_ai.usage.cost.source": "local"}, "0.0123", {}),
        ({"gen_ai.usage.cost.amount": "0.5", "gen_ai.usage.cost.currency": "EUR", "gen_ai.usage.cost.source": "provider"}, None, {"cost_not_used": "0.5 EUR"}),
        ({"llm.usage.total_cost": 1e-7}, "0.0000001", {}),
        ({"llm.cost.total": 0.25}, "0.25", {}),
        ({"gen_ai.usage.cost": -1.0}, None, {"cost_not_used": "not an amount"}),
        ({"gen_ai.usage.cost": float("nan")}, None, {"cost_not_used": "not an amount"}),
    ],
)  # fmt: skip
def test_a_cost_that_is_told(more: dict[str, Any], usd: str | None, notes: dict[str, str]) -> None:
    row = row_of(CALL | more)
    assert row["reported_cost_usd"] == (None if usd is None else Decimal(usd))
    assert {name: value for name, value in row["attributes"] if name.startswith("cost")} == notes


def test_a_call_that_says_nothing_of_its_usage_is_unpriced_and_never_free() -> None:
    row = row_of({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"})
    assert dict(row["other_units"]) == {"unreported_usage": 1.0}


def test_a_call_that_failed_used_nothing() -> None:
    row = row_of({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "error.type": "RateLimitError"})
    assert (row["other_units"], row["status"]) == (None, "error")


def test_what_has_no_tokens_is_counted_by_our_own_names() -> None:
    row = row_of(
        {"gen_ai.operation.name": "text_to_speech", "gen_ai.provider.name": "elevenlabs", "gen_ai.request.model": "m", "roomleft.characters": 120}
    )  # fmt: skip
    assert (row["characters"], row["other_units"]) == (120, None)


@pytest.mark.parametrize(
    ("provider", "asked", "answered", "expected"),
    [
        ("gcp.gemini", "g-1", None, ("gemini", "g-1")),
        ("gcp.gemini", "g-1", "g-1-001", ("gemini", "g-1")),
        ("gcp.gemini", "g-2", "g-2-001", ("gemini", "g-2-001")),
        ("x_ai", "grok-4", None, ("x-ai", "grok-4")),
        ("My Own", "m", None, ("my own", "m")),
    ],
)
def test_names_of_the_packs_own_price_list_go_first(
    provider: str, asked: str, answered: str | None, expected: tuple[str, str]
) -> None:
    pack = pack_with()
    group = pack.prices[0].model_copy(update={"provider": "gemini", "models": {"g-1": pack.prices[0].models["big"]}})
    more = {"gen_ai.response.model": answered} if answered else {}
    row = row_of(
        CALL | {"gen_ai.provider.name": provider, "gen_ai.request.model": asked} | more, pack=pack.model_copy(update={"prices": [group]})
    )  # fmt: skip
    # A provider's name with a blank is no name that programs give.
    assert (row["provider"], row["model"]) == (expected if " " not in provider else (None, "m"))
