"""What the attributes of an AI call are called, in every generation of names: the first that is there counts.

Newest first: OpenTelemetry's GenAI conventions as they are, as they were, what instrumentations made before them (OpenLLMetry,
OpenInference, Pydantic AI, the Vercel AI SDK), and our own (`roomleft.…`) for what nobody else has a name for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

Names = Sequence[str]

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Names = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider", "llm.vendor")
ANSWERED_MODEL: Names = (
    "gen_ai.response.model", "llm.response.model", "ai.response.model", "llm.model_name", "embedding.model_name", "reranker.model_name",
)  # fmt: skip
ASKED_MODEL: Names = ("gen_ai.request.model", "llm.request.model", "ai.model.id")
RESPONSE_ID: Names = ("gen_ai.response.id", "llm.response.id", "ai.response.id")
SERVICE_TIER: Names = (
    "openai.response.service_tier", "gen_ai.openai.response.service_tier", "gen_ai.response.service_tier",
    "openai.request.service_tier", "gen_ai.openai.request.service_tier", "gen_ai.request.service_tier",
)  # fmt: skip
FINISH: Names = (
    "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason",
    "ai.response.finishReason",
    "llm.finish_reason",
)

INPUT: Names = (
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.input_tokens", "llm.usage.prompt_tokens", "llm.token_count.prompt",
    "ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens",
)  # fmt: skip
OUTPUT: Names = (
    "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.output_tokens", "llm.usage.completion_tokens",
    "llm.token_count.completion", "ai.usage.outputTokens", "ai.usage.completionTokens",
)  # fmt: skip
TOTAL: Names = ("gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total", "ai.usage.totalTokens")
CACHE_READ: Names = (
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_read_tokens",
    "gen_ai.usage.input_tokens.cached", "gen_ai.usage.cached_tokens", "gen_ai.usage.prompt_tokens_details.cached_tokens",
    "gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.details.cache_read_input_tokens", "gen_ai.usage.details.cached_tokens",
    "llm.usage.cache_read_input_tokens", "llm.usage.cache_read_tokens", "llm.token_count.prompt_details.cache_read",
    "ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens",
)  # fmt: skip
CACHE_WRITE: Names = (
    "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.cache_write_tokens", "gen_ai.usage.input_tokens.cache_write", "gen_ai.usage.details.cache_write_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens", "llm.usage.cache_creation_input_tokens", "llm.token_count.prompt_details.cache_write",
    "ai.usage.inputTokenDetails.cacheWriteTokens",
)  # fmt: skip
REASONING: Names = (
    "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "gen_ai.usage.output_tokens.reasoning",
    "gen_ai.usage.details.reasoning_tokens", "llm.usage.reasoning_tokens", "llm.token_count.completion_details.reasoning",
    "ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens",
)  # fmt: skip

MODALITIES: Final = ("audio", "image", "video")
"""What is counted apart from text. Text is the rest, and costs what its bucket costs."""
OF_INPUT: Mapping[str, Names] = MappingProxyType(
    {
        kind: (f"gen_ai.usage.{kind}.input_tokens", f"gen_ai.usage.details.input_{kind}_tokens", f"llm.token_count.prompt_details.{kind}")
        for kind in MODALITIES
    }
)  # fmt: skip
"""Tokens of a modality in the whole input, cached ones included."""
OF_CACHE: Mapping[str, Names] = MappingProxyType(
    {
        kind: (f"gen_ai.usage.{kind}.cache_read.input_tokens", f"gen_ai.usage.details.cache_{kind}_read_tokens")
        for kind in MODALITIES
    }
)
OF_OUTPUT: Mapping[str, Names] = MappingProxyType(
    {
        kind: (f"gen_ai.usage.{kind}.output_tokens", f"gen_ai.usage.details.output_{kind}_tokens", f"llm.token_count.completion_details.{kind}")
        for kind in MODALITIES
    }
)  # fmt: skip
WRITE_PARTS: Mapping[str, Names] = MappingProxyType(
    {
        f"cache_write_{span}_tokens": (
            f"gen_ai.usage.cache_creation.ephemeral_{span}_input_tokens",
            f"gen_ai.usage.cache_write.ephemeral_{span}_input_tokens",
            f"gen_ai.usage.details.ephemeral_{span}_input_tokens",
        )
        for span in ("5m", "1h")
    }
)
COUNTED: Mapping[str, Names] = MappingProxyType(
    {
        "web_searches": (
            "gen_ai.usage.web_search_requests", "gen_ai.usage.server_tool_use.web_search_requests", "gen_ai.usage.details.web_search_requests",
        ),
    }
)  # fmt: skip
IMAGES: Names = ("roomleft.images",)
CHARACTERS: Names = ("roomleft.characters",)
AUDIO_SECONDS: Names = ("roomleft.audio_seconds",)

FIRST_TOKEN_S: Names = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.server.time_to_first_token",
    "gen_ai.response.time_to_first_token",
)
FIRST_TOKEN_MS: Names = ("ai.response.msToFirstChunk",)
FIRST_TOKEN_EVENTS: Final = frozenset(
    {"ai.stream.firstChunk", "First Token Stream Event", "gen_ai.first_token", "gen_ai.response.first_chunk"}
)

COST: Names = (
    "gen_ai.usage.cost.amount", "gen_ai.usage.cost", "gen_ai.usage.total_cost", "llm.usage.total_cost", "llm.cost.total", "operation.cost",
)  # fmt: skip
CURRENCY: Final = "gen_ai.usage.cost.currency"
COST_SOURCE: Final = "gen_ai.usage.cost.source"
ERROR: Final = "error.type"
VERCEL: Final = "ai.operationId"
OPENINFERENCE: Final = "openinference.span.kind"
TRACELOOP: Final = "traceloop.span.kind"
REQUEST_KIND: Final = "llm.request.type"

ATTRIBUTION: Mapping[str, Names] = MappingProxyType(
    {
        "user_id": (
            "roomleft.user",
            "enduser.id",
            "user.id",
            "ai.telemetry.metadata.userId",
            "traceloop.association.properties.user_id",
        ),
        "tier": ("roomleft.tier", "user.tier", "tenant.tier", "enduser.tier"),
        "team": ("roomleft.team", "team", "team.id", "team.name", "tenant.id", "tenant.name", "tenant"),
        "feature": ("roomleft.feature", "feature", "feature.name", "ai.telemetry.functionId"),
        "project": ("roomleft.project", "project", "project.id", "project.name"),
        "environment": ("deployment.environment.name", "deployment.environment"),
        "cost_centre": ("roomleft.cost_centre", "service.instance.cost_center.id", "cost_center.id"),
        "request_type": ("roomleft.request_type",),
        "component": ("roomleft.component", "service.name"),
        "session": ("gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id"),
    }
)
"""Who a call is for, unless the pack names other attributes."""
PLATFORM: Final = "roomleft.platform"
SERVICE: Names = ("service.namespace", "service.name")


_RARER = (OF_INPUT, OF_CACHE, OF_OUTPUT, WRITE_PARTS, COUNTED)
RARE: Final = frozenset(name for group in _RARER for candidates in group.values() for name in candidates)
"""The attributes of quantities that few calls have."""


def _all() -> frozenset[str]:
    lists = [
        PROVIDER, ANSWERED_MODEL, ASKED_MODEL, RESPONSE_ID, SERVICE_TIER, FINISH, INPUT, OUTPUT, TOTAL, CACHE_READ, CACHE_WRITE, REASONING,
        IMAGES, CHARACTERS, AUDIO_SECONDS, FIRST_TOKEN_S, FIRST_TOKEN_MS, COST,
    ]  # fmt: skip
    single = {OPERATION, CURRENCY, COST_SOURCE, ERROR, VERCEL, OPENINFERENCE, TRACELOOP, REQUEST_KIND}
    return frozenset(single.union(RARE, *lists))


OF_CALLS: Final = _all()
"""Every attribute of a span that is read, beside those that say whom it is for. Nothing else of a span is looked at, so no text can be kept."""
