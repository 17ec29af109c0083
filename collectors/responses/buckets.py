"""Counts as a provider states them, taken apart into buckets that do not overlap: what each token is paid as, and no token twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.records.fields import COUNT_LIMIT, Refusal
from collectors.responses.extract import Counts

MODALITIES = ("text", "audio", "image", "video")
NOT_TEXT = ("image", "video", "audio")
COUNTED = {
    "web_searches": "web_searches",
    "storage_searches": "file_searches",
    "social_searches": "social_searches",
    "rerank_searches": "rerank_searches",
    "code_executions": "code_executions",
    "input_document_pages": "document_pages",
    "input_annotated_document_pages": "annotated_document_pages",
    "input_text_messages": "messages",
    "input_pixels": "pixels",
    "input_audio_seconds": "input_audio_seconds",
    "output_audio_seconds": "output_audio_seconds",
}
"""The library's name of what is counted on its own, and ours."""


def split(counts: Counts) -> tuple[dict[str, Any], bool]:
    """(the token fields of a usage record with its `other_units`, whether a part had to be estimated). Raises Refusal.

    `input_tokens` is the total. Modality parts in `other_units` are parts of the input that was not cached. Where the answer does not say how
    much of each modality came from the cache, text is taken to be cached first: a shared beginning is nearly always text.
    """
    told = {name: int(value) for name, value in counts.items() if name.endswith("_tokens")}
    total = told.get("input_tokens", sum(told.get(f"input_{kind}_tokens", 0) for kind in MODALITIES))
    read, write = told.get("cache_read_tokens", 0), told.get("cache_write_tokens", 0)
    output = told.get("output_tokens", sum(told.get(f"output_{kind}_tokens", 0) for kind in MODALITIES))
    reasoning = told.get("output_reasoning_tokens", 0)
    _check(total, read, write, output, reasoning)
    parts, estimated = _input_parts(told, total, read, write)
    parts |= _cache_parts(told, read, write)
    parts |= _output_parts(told, output)
    for theirs, ours in COUNTED.items():
        if counts.get(theirs):
            parts[ours] = counts[theirs]
    record: dict[str, Any] = {
        "input_tokens": total,
        "cache_read_tokens": read,
        "cache_write_tokens": write,
        "output_tokens": output,
        "reasoning_tokens": reasoning,
        "other_units": {name: value for name, value in parts.items() if value},
    }
    if counts.get("audio_seconds"):
        record["audio_seconds"] = counts["audio_seconds"]
    if counts.get("input_characters"):
        record["characters"] = int(counts["input_characters"])
    return record, estimated


def _check(total: int, read: int, write: int, output: int, reasoning: int) -> None:
    if read + write > total:
        raise Refusal(
            "input_tokens", f"cached tokens ({read:,} read + {write:,} written) are more than all input tokens ({total:,})"
        )
    if reasoning > output:
        raise Refusal("reasoning_tokens", f"{reasoning:,} are more than the output tokens ({output:,}), of which they are a part")
    if max(total, output) > COUNT_LIMIT:
        raise Refusal("input_tokens" if total > output else "output_tokens", f"absurdly large; at most {COUNT_LIMIT:,}")


def _input_parts(told: Mapping[str, int], total: int, read: int, write: int) -> tuple[dict[str, float], bool]:
    """The modalities of the input that was not cached."""
    fresh = total - read - write
    whole = {kind: told.get(f"input_{kind}_tokens", 0) for kind in MODALITIES}
    if sum(whole.values()) > total:
        raise Refusal(
            "input_tokens", f"the parts by modality ({sum(whole.values()):,}) are more than all input tokens ({total:,})"
        )
    cached = {kind: told.get(f"cache_{kind}_read_tokens", 0) + told.get(f"cache_{kind}_write_tokens", 0) for kind in MODALITIES}
    for kind in MODALITIES:
        if cached[kind] > whole[kind] and whole[kind]:
            raise Refusal(f"cache_{kind}_tokens", f"{cached[kind]:,} are more than all {kind} tokens ({whole[kind]:,})")
    left = {kind: max(whole[kind] - cached[kind], 0) for kind in MODALITIES}
    unsaid = read + write - sum(cached.values())
    unnamed = total - sum(whole.values())
    estimated = 0 < unsaid < sum(left.values()) + unnamed and any(left[kind] for kind in NOT_TEXT)
    for kind in ("text", "", *NOT_TEXT):
        have = left[kind] if kind else unnamed
        taken = min(max(unsaid, 0), have)
        unsaid -= taken
        if kind:
            left[kind] -= taken
    if sum(left.values()) > fresh:
        raise Refusal(
            "input_tokens",
            f"the uncached parts by modality ({sum(left.values()):,}) are more than the uncached input ({fresh:,})",
        )
    parts: dict[str, float] = {f"input_{kind}_tokens": value for kind, value in left.items()}
    # What a tool brought in is paid as its modality; as text, it has a name of its own.
    tool = told.get("input_tool_tokens", 0) - sum(told.get(f"input_{kind}_tool_tokens", 0) for kind in NOT_TEXT)
    if tool > 0:
        parts["input_text_tokens"] = max(parts["input_text_tokens"] - told.get("input_text_tool_tokens", 0), 0)
        parts["input_tool_tokens"] = min(tool, fresh - sum(left.values()) + told.get("input_text_tool_tokens", 0))
    return parts, estimated


def _cache_parts(told: Mapping[str, int], read: int, write: int) -> dict[str, float]:
    parts: dict[str, float] = {f"cache_read_{kind}_tokens": told.get(f"cache_{kind}_read_tokens", 0) for kind in MODALITIES}
    if sum(parts.values()) > read:
        raise Refusal(
            "cache_read_tokens", f"the parts by modality ({sum(parts.values()):,}) are more than all that was read ({read:,})"
        )
    kept: dict[str, float] = {f"cache_write_{span}_tokens": told.get(f"cache_write_{span}_tokens", 0) for span in ("5m", "1h")}
    if sum(kept.values()) > write:
        raise Refusal(
            "cache_write_tokens", f"the parts by lifetime ({sum(kept.values()):,}) are more than all that was written ({write:,})"
        )
    return parts | kept


def _output_parts(told: Mapping[str, int], output: int) -> dict[str, float]:
    names = (*(f"output_{kind}_tokens" for kind in MODALITIES), "output_citation_tokens")
    parts: dict[str, float] = {name: told.get(name, 0) for name in names}
    if sum(parts.values()) > output:
        raise Refusal("output_tokens", f"the parts ({sum(parts.values()):,}) are more than all output tokens ({output:,})")
    return parts
