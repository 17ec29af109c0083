"""Answers that state their tokens beside the text, with no usage object: Ollama, the models' own formats on Bedrock and Vertex, headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.records import fields
from collectors.responses.extract import Counts
from collectors.responses.streams import METRICS, dicts

BESIDE = (
    ("prompt_eval_count", "eval_count"),
    ("prompt_token_count", "generation_token_count"),
    ("inputTextTokenCount", "totalOutputTextTokenCount"),
)
"""(input, output) of Ollama, Llama on Bedrock, Titan on Bedrock."""
BEDROCK_HEADERS = (
    ("input_tokens", "x-amzn-bedrock-input-token-count"),
    ("output_tokens", "x-amzn-bedrock-output-token-count"),
    ("cache_read_tokens", "x-amzn-bedrock-cache-read-input-token-count"),
    ("cache_write_tokens", "x-amzn-bedrock-cache-write-input-token-count"),
)


def beside_the_text(body: Mapping[str, Any]) -> Counts | None:
    """Token counts that stand in the body itself, or None."""
    for asked, answered in BESIDE:
        if body.get(asked) is None and body.get(answered) is None:
            continue
        counts: Counts = {"input_tokens": fields.count(body, asked)} if body.get(asked) is not None else {}
        if body.get(answered) is not None:
            counts["output_tokens"] = fields.count(body, answered)
        results = [item for item in dicts(body.get("results")) if item.get("tokenCount") is not None]
        if results:
            counts["output_tokens"] = sum(fields.count(item, "tokenCount") for item in results)
        return counts
    return _metrics(body) or _vertex(body)


def _metrics(body: Mapping[str, Any]) -> Counts | None:
    """What Bedrock adds to the last frame of any model's stream. Cached tokens stand beside the input there."""
    told = body.get(METRICS)
    if not isinstance(told, Mapping) or told.get("inputTokenCount") is None:
        return None
    read, write = fields.count(told, "cacheReadInputTokenCount"), fields.count(told, "cacheWriteInputTokenCount")
    return {
        "input_tokens": fields.count(told, "inputTokenCount") + read + write,
        "output_tokens": fields.count(told, "outputTokenCount"),
        "cache_read_tokens": read,
        "cache_write_tokens": write,
    }


def _vertex(body: Mapping[str, Any]) -> Counts | None:
    """Vertex's `:predict`: totals in the metadata, or a count with each embedding."""
    metadata = body.get("metadata")
    told = metadata.get("tokenMetadata") if isinstance(metadata, Mapping) else None
    if isinstance(told, Mapping):
        counts: Counts = {}
        for name, key in (("input_tokens", "inputTokenCount"), ("output_tokens", "outputTokenCount")):
            if isinstance(told.get(key), Mapping) and told[key].get("totalTokens") is not None:
                counts[name] = fields.count(told[key], "totalTokens")
        return counts or None
    found = []
    for prediction in dicts(body.get("predictions")):
        embedding = prediction.get("embeddings")
        statistics = embedding.get("statistics") if isinstance(embedding, Mapping) else None
        if isinstance(statistics, Mapping) and statistics.get("token_count") is not None:
            found.append(fields.count(statistics, "token_count"))
    return {"input_tokens": sum(found)} if found else None


def in_headers(headers: Mapping[str, str]) -> Counts | None:
    """Token counts in Bedrock's headers, or None. Cached tokens stand beside the input there."""
    counts: Counts = {}
    for name, header in BEDROCK_HEADERS:
        if headers.get(header, "").isdigit():
            counts[name] = int(headers[header])
    if counts:
        cached = counts.get("cache_read_tokens", 0) + counts.get("cache_write_tokens", 0)
        counts["input_tokens"] = counts.get("input_tokens", 0) + cached
    return counts or None
