"""Wrong money that users of other systems met in traces: each is a test named after its thread."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from collectors.otlp.ancestry import Traces
from jobs.price import price
from roomleft.clock import FixedClock
from tests.collectors.otlp.sent import CALL, NOW, TINY, judged, request_of, row_of
from warehouse.store import Store
from warehouse.writer import Batch, Writer

CACHED = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 300,
}  # fmt: skip


def totals(*requests: list[dict[str, Any]]) -> tuple[int, int, int]:
    """(calls, input tokens, output tokens) over requests that come one after the other."""
    traces = Traces()
    rows = [row for spans in requests for row in judged(request_of(spans), traces=traces).usage.rows.to_pylist()]
    inputs = sum(row["input_uncached_tokens"] + row["cache_read_tokens"] + row["cache_write_tokens"] for row in rows)
    return len(rows), inputs, sum(row["output_tokens"] for row in rows)


def used(input_: int, output: int) -> dict[str, int]:
    return {"gen_ai.usage.input_tokens": input_, "gen_ai.usage.output_tokens": output}


def span(number: int, parent: int, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"number": number, "parent": parent, "attributes": attributes}


@pytest.mark.parametrize("together", [True, False], ids=["in one request", "the agent in a later one"])
def test_langfuse_14754_an_agent_span_that_repeats_its_calls_is_not_counted(together: bool) -> None:
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper"} | used(300, 60)
    calls = [span(2, 1, CALL | used(100, 20)), span(3, 1, CALL | used(200, 40))]
    sent = [[*calls, span(1, 0, agent)]] if together else [calls, [span(1, 0, agent)]]
    assert totals(*sent) == (2, 300, 60)


@pytest.mark.parametrize("together", [True, False], ids=["in one request", "the run in a later one"])
def test_pydantic_ai_3995_an_agent_run_with_its_calls_usage_and_no_operation_is_not_counted(together: bool) -> None:
    run = {"agent_name": "helper", "model_name": "gpt-4o"} | used(300, 60)
    calls = [span(2, 1, CALL | used(100, 20)), span(3, 1, CALL | used(200, 40))]
    sent = [[*calls, span(1, 0, run)]] if together else [calls, [span(1, 0, run)]]
    assert totals(*sent) == (2, 300, 60)


def test_vercel_generate_text_over_its_steps_is_counted_once() -> None:
    step = {"ai.operationId": "ai.generateText.doGenerate", "ai.usage.promptTokens": 100, "ai.usage.completionTokens": 20}
    whole = {"ai.operationId": "ai.generateText", "ai.usage.promptTokens": 200, "ai.usage.completionTokens": 40}
    assert totals([span(1, 0, whole), span(2, 1, step), span(3, 1, step)]) == (2, 200, 40)


@pytest.mark.parametrize(
    "name", ["gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.details.cached_tokens"]
)
def test_openllmetry_2819_cached_tokens_on_a_span_are_counted_once(name: str) -> None:
    row = row_of(CACHED | {name: 1000})
    assert (row["input_uncached_tokens"], row["cache_read_tokens"], row["output_tokens"]) == (200, 1000, 300)


def test_langfuse_10592_a_total_with_its_cached_part_is_split_and_not_added() -> None:
    row = row_of(CACHED | {"gen_ai.usage.total_tokens": 1500, "llm.token_count.prompt_details.cache_read": 1000})
    assert row["input_uncached_tokens"] + row["cache_read_tokens"] == 1200


def test_phoenix_10036_tokens_written_to_the_cache_are_a_bucket_of_their_own() -> None:
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.token_count.prompt": 5000,
        "llm.token_count.prompt_details.cache_write": 4900,
    }
    row = row_of(attributes)
    assert (row["input_uncached_tokens"], row["cache_write_tokens"]) == (100, 4900)


def test_litellm_37923_a_stream_that_tells_no_usage_is_unpriced_and_not_free() -> None:
    call = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "acme", "gen_ai.request.model": "big"}
    told = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10}
    provider = {"gen_ai.usage.cost": 0.5, "gen_ai.usage.cost.source": "provider"}
    spans = [
        span(1, 0, call),
        span(2, 0, call | told),
        span(3, 0, call | told | provider),
        span(4, 0, call | {"error.type": "RateLimitError"}),
    ]
    store = Store.open("duckdb:///:memory:", now=FixedClock(NOW))
    writer = Writer(store, FixedClock(NOW), group_ms=0)
    writer.start()
    try:
        price(store, {"tiny": TINY}, NOW)
        writer.write(Batch("otlp", usage=judged(request_of(spans)).usage.rows))
        found = store.select("SELECT cost_state, cost_usd FROM cost_entries ORDER BY event_id").to_pylist()
    finally:
        writer.close()
        store.close()
    # 100 tokens in at $1.50 and 10 out at $6.00 a million; what the provider says it charged wins over that.
    assert [(row["cost_state"], row["cost_usd"]) for row in found] == [
        ("unpriced", 0), ("priced", Decimal("0.00021")), ("reported", Decimal("0.5")), ("free", 0),
    ]  # fmt: skip


def test_headroom_2757_more_cached_than_input_is_refused_aloud_and_never_negative() -> None:
    found = judged(request_of([{"attributes": CACHED | {"gen_ai.usage.cache_read_input_tokens": 1201}}]))
    assert (found.refused, found.usage.rows.num_rows, found.usage.rejected.num_rows) == (1, 0, 1)
    assert "cached tokens (1,201 read" in found.reasons[0]


def test_litellm_17814_a_span_that_is_sent_twice_has_one_id() -> None:
    first, again = (row_of(CACHED) for _ in range(2))
    assert first == again


def test_litellm_8867_a_reported_cost_has_no_float_dust() -> None:
    row = row_of(CACHED | {"gen_ai.usage.cost": 0.1 + 0.2})
    assert str(row["reported_cost_usd"]) == "0.300000000"
