"""Usage that several spans of a trace tell is counted once: calls to models count, what is around them does not."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.otlp.ancestry import Traces
from tests.collectors.otlp.sent import CALL, judged, request_of

USED = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
BARE = {name: value for name, value in CALL.items() if name != "gen_ai.operation.name"}
TWICE = CALL | {"gen_ai.usage.input_tokens": 200, "gen_ai.usage.output_tokens": 40}
VERCEL = {"ai.operationId": "ai.generateText", "ai.usage.promptTokens": 100, "ai.usage.completionTokens": 20}
STEP = VERCEL | {"ai.operationId": "ai.generateText.doGenerate"}


def span(number: int, parent: int, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"number": number, "parent": parent, "attributes": attributes}


def counted(*requests: list[dict[str, Any]]) -> list[int]:
    """The numbers of the spans that became usage, over requests that come one after the other."""
    traces = Traces()
    found = [judged(request_of(spans), traces=traces) for spans in requests]
    assert all(each.refused == 0 for each in found)
    ids = [row["event_id"] for each in found for row in each.usage.rows.to_pylist()]
    return sorted(int(event_id.rpartition("-")[2], 16) for event_id in ids)


@pytest.mark.parametrize(
    "operation",
    ["invoke_agent", "create_agent", "invoke_workflow", "execute_tool", "fetch_response", "retrieval", "INVOKE_AGENT"],
)
def test_what_is_around_calls_is_not_counted(operation: str) -> None:
    around = {"gen_ai.operation.name": operation} | USED
    assert counted([span(1, 0, around), span(2, 1, CALL)]) == [2]
    assert counted([span(1, 0, around)]) == []


@pytest.mark.parametrize(
    "operation",
    [
        "chat",
        "text_completion",
        "generate_content",
        "embeddings",
        "rerank",
        "image_generation",
        "text_to_speech",
        "transcription",
        "Chat",
    ],
)
def test_every_call_is_counted(operation: str) -> None:
    assert counted([span(1, 0, CALL | {"gen_ai.operation.name": operation})]) == [1]


@pytest.mark.parametrize("kind", ["CHAIN", "AGENT", "TOOL", "RETRIEVER", "GUARDRAIL", "EVALUATOR"])
def test_openinference_kinds_around_calls(kind: str) -> None:
    tokens = {"llm.token_count.prompt": 100, "llm.token_count.completion": 20}
    assert counted(
        [span(1, 0, {"openinference.span.kind": kind} | tokens), span(2, 1, {"openinference.span.kind": "LLM"} | tokens)]
    ) == [2]


@pytest.mark.parametrize("kind", ["workflow", "task", "agent", "tool"])
def test_traceloop_kinds_around_calls(kind: str) -> None:
    assert counted([span(1, 0, {"traceloop.span.kind": kind} | USED), span(2, 1, CALL)]) == [2]


TREES: dict[str, tuple[list[dict[str, Any]], list[int]]] = {
    "the Vercel parent, its step and a tool between": (
        [span(1, 0, VERCEL), span(2, 1, STEP), span(3, 1, {"ai.operationId": "ai.toolCall"}), span(4, 1, STEP)], [2, 4],
    ),
    "a parent that names nothing, over two calls": ([span(1, 0, BARE), span(2, 1, CALL), span(3, 1, CALL)], [2, 3]),
    "spans of other kinds in between": ([span(1, 0, BARE), span(2, 1, {}), span(3, 2, {}), span(4, 3, CALL)], [4]),
    "two that name nothing: the inner one": ([span(1, 0, BARE), span(2, 1, BARE)], [2]),
    "below a call": ([span(1, 0, CALL), span(2, 1, BARE)], [1]),
    "side by side": ([span(1, 0, BARE), span(2, 0, BARE)], [1, 2]),
    "an operation nobody knows, over a call": ([span(1, 0, CALL | {"gen_ai.operation.name": "my_step"}), span(2, 1, CALL)], [2]),
    "an operation nobody knows, alone": ([span(1, 0, CALL | {"gen_ai.operation.name": "my_step"})], [1]),
    "a call told by two instrumentations": (
        [span(1, 0, CALL | {"gen_ai.response.id": "r"}), span(2, 1, CALL | {"gen_ai.response.id": "r"})], [2],
    ),
    "the same without ids, and the same tokens": ([span(1, 0, CALL), span(2, 1, CALL)], [2]),
    "a sum of the calls below": ([span(1, 0, TWICE), span(2, 1, CALL), span(3, 1, CALL)], [2, 3]),
    "two calls, one below the other, of other tokens": ([span(1, 0, TWICE), span(2, 1, CALL)], [1, 2]),
    "two calls of other ids": (
        [span(1, 0, CALL | {"gen_ai.response.id": "a"}), span(2, 1, CALL | {"gen_ai.response.id": "b"})], [1, 2],
    ),
    "a call without usage over one with": ([span(1, 0, {"gen_ai.operation.name": "chat"}), span(2, 1, CALL)], [2]),
    "three deep, each repeating": ([span(1, 0, CALL), span(2, 1, CALL), span(3, 2, CALL)], [3]),
    "no usage and no operation": ([span(1, 0, {"gen_ai.request.model": "m"})], []),
    "a span that is its own parent": ([span(1, 1, CALL)], [1]),
    "two that are each other's parents": ([span(1, 2, {}), span(2, 1, CALL)], [2]),
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
def test_within_a_request(name: str) -> None:
    spans, expected = TREES[name]
    assert counted(spans) == expected
    assert counted(list(reversed(spans))) == expected


@pytest.mark.parametrize("name", [name for name in TREES if name != "below a call"])
def test_across_requests_when_children_come_first(name: str) -> None:
    spans, expected = TREES[name]
    assert counted(*[[each] for each in reversed(spans)]) == expected


def test_a_request_sent_again_is_judged_the_same() -> None:
    spans = [span(1, 0, BARE), span(2, 1, CALL)]
    assert counted(spans, spans) == [2, 2]


def test_other_traces_are_none_of_its_business() -> None:
    request = request_of([span(1, 0, BARE) | {"trace": 1}, span(2, 1, CALL) | {"trace": 2}])
    assert judged(request).usage.rows.num_rows == 2


def test_memory_is_bounded() -> None:
    traces = Traces(most_spans=100)
    for trace in range(1, 300):
        judged(request_of([span(number, number - 1, CALL) | {"trace": trace} for number in range(1, 11)]), traces=traces)
    assert traces.spans_kept <= 110
