"""Recorded exchanges of nine providers give exactly the tokens that their bodies state, streams included."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collectors.records.fields import Refusal
from collectors.responses import read_response
from tests.collectors.responses.told import lines

RECORDED = "otlp/llm_api_cassettes.jsonl.gz"


@pytest.fixture(scope="module")
def exchanges(shared_data: Path) -> list[dict[str, Any]]:
    return list(lines(shared_data / RECORDED))


def documents(body: str) -> Iterator[Any]:
    """Every JSON document of a body: the whole, its lines, or the data of its events."""
    try:
        yield json.loads(body)
        return
    except ValueError:
        pass
    for line in body.splitlines():
        try:
            yield json.loads(line.removeprefix("data:").strip())
        except ValueError:
            continue


def usages(value: object) -> Iterator[dict[str, Any]]:
    """Every usage object in a document, in order; a guardrail's is no usage of a model."""
    if isinstance(value, list):
        for each in value:
            yield from usages(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, dict) and "billed_units" in each:
                yield each["billed_units"]
            elif key in ("usage", "usageMetadata") and isinstance(each, dict) and any("oken" in name for name in each):
                yield each
            elif key not in ("trace", "amazon-bedrock-trace"):
                yield from usages(each)


def stated(exchange: dict[str, Any]) -> tuple[int, int, int, int] | None:
    """(input with cache, cache read, output, reasoning) as the body states it; a stream's later word wins over its earlier one."""
    merged: dict[str, Any] = {}
    for document in documents(exchange["response_body"]):
        for usage in usages(document):
            merged |= {name: value for name, value in usage.items() if value is not None}
    if not merged:
        return None

    def get(*names: str) -> int:
        return next((int(merged[name]) for name in names if name in merged), 0)

    read = get("cache_read_input_tokens", "cacheReadInputTokens", "cacheReadInputTokenCount", "cachedContentTokenCount")
    written = get("cache_creation_input_tokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    details = merged.get("prompt_tokens_details") or merged.get("input_tokens_details") or {}
    answer = merged.get("completion_tokens_details") or merged.get("output_tokens_details") or {}
    thoughts = get("thoughtsTokenCount")
    return (
        get("prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount")
        + get("toolUsePromptTokenCount")
        + (written + read if {"cache_read_input_tokens", "inputTokens"} & merged.keys() else 0),
        read or details.get("cached_tokens", 0),
        get("completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount") + thoughts,
        thoughts or answer.get("reasoning_tokens", 0),
    )


def test_recorded_exchanges_give_the_tokens_that_their_bodies_state(exchanges: list[dict[str, Any]]) -> None:
    with_usage = [each for each in exchanges if "usage" in each["response_body"]]
    outcomes: Counter[str] = Counter()
    wrong: list[object] = []
    for exchange in with_usage:
        expected = stated(exchange)
        try:
            reading = read_response(exchange, provider=None if "localhost" not in exchange["uri"] else "vllm")
        except Refusal as refusal:
            outcomes[f"refused: {refusal.reason.split(' (')[0]}"] += 1
            if expected is not None:
                wrong.append((exchange["uri"], refusal.reason))
            continue
        record = reading.records[0]
        got = tuple(record[name] for name in ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens"))
        if expected is None:
            outcomes["unknown" if not reading.tokens_known else "told elsewhere in the body"] += 1
        else:
            outcomes["equal"] += 1
            if got != expected or not reading.tokens_known:
                wrong.append((exchange["uri"], got, expected))
    print(dict(outcomes))
    assert not wrong
    assert outcomes["equal"] > len(with_usage) * 2 // 3


def test_streams_without_usage_are_unknown_and_errors_use_nothing(exchanges: list[dict[str, Any]]) -> None:
    unknown = failed = 0
    for exchange in exchanges:
        try:
            reading = read_response(exchange, provider="openai")
        except Refusal:
            continue
        record = reading.records[0]
        tokens = record["input_tokens"] + record["output_tokens"]
        if exchange["status"] >= 400:
            failed += 1
            assert (record["status"], tokens, reading.tokens_known) == ("error", 0, True)
        elif not reading.tokens_known:
            unknown += 1
            assert tokens == 0
            assert record["attributes"]["usage_unknown"] == "true"
            assert stated(exchange) is None
    assert failed == sum(exchange["status"] >= 400 for exchange in exchanges)
    assert unknown > 0


def test_no_text_of_a_prompt_or_an_answer_is_in_a_record(exchanges: list[dict[str, Any]]) -> None:
    """Texts of more than six words of any exchange never appear in what is made of it."""
    for exchange in exchanges:
        try:
            reading = read_response(exchange, provider="openai")
        except Refusal as refusal:
            made = refusal.reason
        else:
            made = json.dumps(reading.records, default=str)
        for document in (*documents(exchange["response_body"]), *documents(exchange["request_body"] or "")):
            for text in _texts(document):
                assert text not in made


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
    elif isinstance(value, str) and value.count(" ") >= 6:
        yield value
