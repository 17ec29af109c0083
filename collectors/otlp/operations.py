"""Whether a span is a call to a model, something around calls, or does not say."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from collectors.otlp import names

CALLS: Final = frozenset(
    {
        "chat", "chat_completion", "chat_completions", "chat.completions", "completion", "completions", "text_completion", "generate_content",
        "generate", "generation", "llm", "responses", "messages", "message", "converse", "invoke_model", "embeddings", "embedding", "embed",
        "rerank", "reranker", "image_generation", "generate_image", "generate_images", "images", "image_edit", "image_variation",
        "video_generation", "generate_video", "audio_generation", "generate_audio", "speech", "text_to_speech", "speech_to_text",
        "audio_speech", "audio_transcription", "transcription", "transcriptions", "translation", "moderation", "moderations", "realtime",
        "multimodal", "batch",
    }
)  # fmt: skip
"""Operations that a provider answers and charges for."""
AROUND: Final = frozenset(
    {
        "invoke_agent", "create_agent", "invoke_workflow", "execute_tool", "fetch_response", "agent", "chain", "workflow", "task", "tool",
        "retriever", "retrieval", "guardrail", "evaluator", "prompt", "plan", "memory", "session", "step", "span", "unknown",
        "create_memory", "update_memory", "search_memory", "delete_memory", "upsert_memory", "create_memory_store", "delete_memory_store",
    }
)  # fmt: skip
"""Operations that hold calls, or hold none: usage on them repeats that of the calls."""
EMBEDDINGS: Final = frozenset({"embeddings", "embedding", "embed"})


class Kind(IntEnum):
    """What a span is: around calls, unsaid, or a call."""

    AROUND = 0
    UNSAID = 1
    CALL = 2


def operation_of(found: Mapping[str, object]) -> tuple[Kind, str | None]:
    """The kind of a span and the operation it names, from its attributes. An operation nobody knows says nothing."""
    named = _word(found, names.OPERATION)
    if named in AROUND:
        return Kind.AROUND, named
    if named in CALLS:
        return Kind.CALL, named
    if vercel := _word(found, names.VERCEL):
        # `ai.generateText` holds steps, and each step's `ai.generateText.doGenerate` is one call.
        if ".do" not in vercel:
            return Kind.AROUND, vercel
        return Kind.CALL, "embeddings" if "embed" in vercel else "chat"
    if kind := _word(found, names.OPENINFERENCE):
        called = {"llm": "chat", "embedding": "embeddings", "reranker": "rerank"}.get(kind)
        return (Kind.CALL, called) if called else (Kind.AROUND, kind)
    if (kind := _word(found, names.REQUEST_KIND)) in CALLS:
        return Kind.CALL, kind
    if kind := _word(found, names.TRACELOOP):
        return Kind.AROUND, kind
    return Kind.UNSAID, named


def _word(found: Mapping[str, object], name: str) -> str | None:
    value = found.get(name)
    return value.strip().lower() if isinstance(value, str) else None
