"""Wrong money that users of other systems met where a provider's answer becomes usage: each case, and the rule that avoids it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collectors.records.fields import Refusal
from collectors.records.usage_rows import usage_table
from collectors.responses import read_response
from roomleft.cli.price import run_price

NOW = datetime(2026, 11, 21, tzinfo=UTC)
CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "model": "gpt-4o",
    "choices": [{"index": 0, "delta": {"content": "x"}}],
}


def events(*items: dict[str, Any]) -> str:
    return "".join(f"data: {json.dumps(item)}\n\n" for item in items)


@pytest.fixture
def cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Prices responses by the command, as at an instant."""

    def price(body: object, provider: str, at: str = "2026-03-01") -> dict[str, Any]:
        file = tmp_path / "responses.jsonl"
        file.write_text(json.dumps(body) + "\n")
        run_price(str(file), provider, at, as_json=True)
        (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
        return dict(line)

    return price


def test_litellm_14849_cached_tokens_are_counted_once(cost: Any) -> None:
    """The same call told in Anthropic's form, whose input excludes the cache, and in OpenAI's, whose input holds it: one cost."""
    own = {"type": "message", "model": "claude-sonnet-4-5", "usage": {
        "input_tokens": 1_000, "cache_read_input_tokens": 190_000, "cache_creation_input_tokens": 5_000, "output_tokens": 500}}  # fmt: skip
    copied = {"model": "claude-sonnet-4-5", "usage": {
        "prompt_tokens": 196_000, "completion_tokens": 500,
        "prompt_tokens_details": {"cached_tokens": 190_000}, "cache_creation_input_tokens": 5_000, "cache_read_input_tokens": 190_000}}  # fmt: skip
    told = [cost(body, "anthropic") for body in (own, copied)]
    expected = (
        1_000 * Decimal("3.00") + 190_000 * Decimal("0.30") + 5_000 * Decimal("3.75") + 500 * Decimal("15.00")
    ) / 1_000_000
    assert [Decimal(each["cost_usd"]) for each in told] == [expected, expected]
    twice = expected + 190_000 * Decimal("3.00") / 1_000_000
    assert expected * 4 < twice


def test_langfuse_10592_input_and_cache_are_disjoint_for_every_provider() -> None:
    shapes = {
        "openai": {"usage": {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 60}, "output_tokens": 1, "total_tokens": 101}},
        "google": {"usageMetadata": {"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 1}},
        "anthropic": {"type": "message", "usage": {"input_tokens": 40, "cache_read_input_tokens": 60, "output_tokens": 1}},
        "aws": {"usage": {"inputTokens": 40, "cacheReadInputTokens": 60, "outputTokens": 1}},
        "deepseek": {"usage": {"prompt_tokens": 100, "prompt_cache_hit_tokens": 60, "prompt_cache_miss_tokens": 40, "completion_tokens": 1}},
    }  # fmt: skip
    for provider, body in shapes.items():
        record = read_response({"model": "m", **body}, provider=provider).records[0]
        stored = usage_table(
            [{**record, "id": provider, "occurred_at": NOW.isoformat()}],
            source="s",
            platform="p",
            known_platforms=("p",),
            now=NOW,
        ).rows.to_pylist()[0]
        assert (stored["input_uncached_tokens"], stored["cache_read_tokens"], stored["output_tokens"]) == (40, 60, 1), provider


def test_litellm_37407_cached_image_tokens_are_not_image_input_again(cost: Any) -> None:
    """A picture that came from the cache is paid as cache, and the parts of what was not cached never exceed it."""
    body = {"modelVersion": "gemini-2.5-flash", "usageMetadata": {
        "promptTokenCount": 345, "cachedContentTokenCount": 230, "candidatesTokenCount": 51,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 87}, {"modality": "IMAGE", "tokenCount": 258}],
        "cacheTokensDetails": [{"modality": "IMAGE", "tokenCount": 172}, {"modality": "TEXT", "tokenCount": 58}]}}  # fmt: skip
    record = read_response(body, provider="google").records[0]
    assert record["other_units"] == {
        "input_text_tokens": 29, "input_image_tokens": 86, "cache_read_text_tokens": 58, "cache_read_image_tokens": 172,
    }  # fmt: skip
    assert 29 + 86 == 345 - 230
    told = cost(body, "google")
    assert Decimal(told["input_usd"]) == (115 * Decimal("0.30") + 230 * Decimal("0.03")) / 1_000_000


@pytest.mark.parametrize("number", ["37923", "40100"])
def test_litellm_37923_40100_a_stream_that_tells_no_usage_is_unpriced_never_zero(cost: Any, number: str) -> None:
    stream = events(CHUNK, {**CHUNK, "choices": [{"delta": {}, "finish_reason": "stop"}], "usage": None}) + "data: [DONE]\n\n"
    lines = {
        "37923": {"stream": stream},
        "40100": {"uri": "https://api.openai.com/v1/chat/completions", "status": 200, "response_body": stream},
    }
    told = cost(lines[number], "openai")
    assert (told["state"], told["cost_usd"], told["usage"]["input_tokens"]) == ("unpriced", None, None)


def test_litellm_36168_the_final_chunks_usage_is_the_calls_usage() -> None:
    """Four times too little, had an interim usage been kept."""
    interim = {**CHUNK, "usage": {"prompt_tokens": 100, "completion_tokens": 25, "total_tokens": 125}}
    final = {**CHUNK, "choices": [], "usage": {"prompt_tokens": 400, "completion_tokens": 100, "total_tokens": 500}}
    record = read_response(events(interim, final) + "data: [DONE]\n\n", provider="openai").records[0]
    assert (record["input_tokens"], record["output_tokens"]) == (400, 100)


def test_litellm_14457_what_was_told_before_a_client_left_is_kept_and_marked(cost: Any) -> None:
    start = {
        "type": "message_start",
        "message": {"id": "msg_1", "model": "claude-sonnet-4-5", "usage": {"input_tokens": 4_000, "output_tokens": 1}},
    }
    told = cost({"stream": f'{events(start)}data: {{"type": "content_bl'}, "anthropic")
    assert told["usage"]["input_tokens"] == 4_000
    assert told["usage"]["attributes"]["usage_incomplete"] == "true"
    assert (told["state"], Decimal(told["input_usd"])) == ("estimated", Decimal("0.012"))


def test_litellm_37992_an_explicit_zero_is_not_replaced_by_an_estimate(cost: Any) -> None:
    final = {**CHUNK, "choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 0, "total_tokens": 12}}
    told = cost({"stream": events(CHUNK, CHUNK, final)}, "openai")
    assert told["usage"]["output_tokens"] == 0
    assert "attributes" not in told["usage"]
    assert (told["state"], Decimal(told["output_usd"])) == ("priced", Decimal(0))


def test_codex_observability_plugin_22_every_name_of_a_bucket_finds_its_price(cost: Any) -> None:
    """The cached slice under five names: never free, never dearer than input."""
    spellings = [
        {"prompt_tokens": 1_000, "completion_tokens": 0, **spelt}
        for spelt in (
            {"prompt_tokens_details": {"cached_tokens": 800}},
            {"prompt_cache_hit_tokens": 800},
            {"cached_tokens": 800},
            {"cache_read_input_tokens": 800},
        )
    ]
    spellings.append({"input_tokens": 1_000, "output_tokens": 0, "input_tokens_details": {"cached_tokens": 800}})
    costs = {Decimal(cost({"model": "gpt-4o", "usage": usage}, "openai")["cost_usd"]) for usage in spellings}
    assert costs == {(200 * Decimal("2.50") + 800 * Decimal("1.25")) / 1_000_000}


def test_headroom_2757_a_cached_slice_over_the_input_is_refused_and_kept_never_a_negative_cost_nor_nothing(cost: Any) -> None:
    usage = {"prompt_tokens": 1_000, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 1_200}}
    told = cost({"model": "gpt-4o", "usage": usage}, "openai")
    assert told["cost_usd"] is None
    assert "cached tokens (1,200 read + 0 written) are more than all input tokens (1,000)" in told["error"]
    record = {"id": "e1", "occurred_at": NOW.isoformat(), "provider": "openai", "model": "gpt-4o",
              "input_tokens": 1_000, "cache_read_tokens": 1_200, "output_tokens": 10}  # fmt: skip
    normalised = usage_table([record], source="push", platform="p", known_platforms=("p",), now=NOW)
    assert normalised.rows.num_rows == 0
    (kept,) = normalised.rejected.to_pylist()
    assert "1,200" in kept["reason"]
    assert kept["line"] == 1


def test_claude_spend_31_rows_of_one_response_share_its_id_and_an_unknown_model_is_unpriced_not_the_dearest(cost: Any) -> None:
    """A log repeats a message once for each block of its content; each copy is the same response."""
    message = {
        "id": "msg_01",
        "type": "message",
        "model": "claude-next-99",
        "usage": {"input_tokens": 1_000, "output_tokens": 100},
    }
    copies = [
        read_response({**message, "content": [block]}, provider="anthropic").records[0]
        for block in ({"type": "text"}, {"type": "tool_use"})
    ]
    assert {(record["id"], record["response_id"]) for record in copies} == {("msg_01", "msg_01")}
    told = cost(message, "anthropic")
    assert (told["state"], told["cost_usd"], told["usage"]["input_tokens"]) == ("unpriced", None, 1_000)


def test_koku_1180_the_same_responses_read_again_are_the_same_records() -> None:
    """Ids come from what was answered, not from when it is read: taken in twice, counted once."""
    bodies: list[Any] = [
        {"id": "chatcmpl-1", "model": "gpt-4o", "usage": {"prompt_tokens": 5, "completion_tokens": 6}},
        {"inputTextTokenCount": 30, "results": [{"tokenCount": 29}]},
        events({**CHUNK, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 6}}),
    ]
    first, again = ([read_response(body, provider="openai").records[0]["id"] for body in bodies] for _ in range(2))
    assert first == again
    assert len(set(first)) == 3 - 1  # the stream is of the first body's response


@pytest.mark.parametrize("bad", [-5, 1.5, "12", True, 10**20])
def test_headroom_2757_no_count_is_clamped_or_passed_over(bad: object) -> None:
    with pytest.raises(Refusal):
        read_response(
            {
                "model": "m",
                "usage": {"prompt_tokens": 100, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": bad}},
            },
            provider="openai",
        )
