"""What LiteLLM logs of a call becomes one usage row, the same from its webhook and from its spend logs."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.collectors.litellm.logged import KEY, MARKER, STARTED, judged, line, row, stored_row

OF_ONE_WAY = {"source", "attributes"}


def test_a_line_of_the_webhook_is_a_usage_row() -> None:
    found = stored_row(line())
    assert found["occurred_at"] == STARTED
    assert (found["provider"], found["model"], found["operation"], found["status"]) == ("openai", "gpt-4o", "chat", "ok")
    assert (found["input_uncached_tokens"], found["output_tokens"]) == (1200, 300)
    assert (found["response_id"], found["api_key_hash"], found["reported_cost_usd"]) == ("chatcmpl-1", KEY, Decimal("0.0135"))
    assert (found["user_id"], found["team"], found["feature"], found["environment"]) == ("ada", "blue", "checkout", "live")
    assert (found["latency_ms"], found["first_token_ms"], found["tags"]) == (1500.0, None, {"canary": ""})
    assert found["attributes"] == {
        "call_type": "acompletion", "model_group": "wise", "trace_id": "trace-1", "litellm_call_id": "call-1",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a plain call", "a cached one", "from its own cache", "a failure", "an encoded id", "a batch"])
def test_both_ways_tell_the_same(name: str) -> None:
    usage: dict[str, Any] | None = None
    line_more: dict[str, Any] = {}
    row_more: dict[str, Any] = {}
    if name == "a cached one":
        usage = {
            "prompt_tokens": 900,
            "completion_tokens": 5,
            "total_tokens": 905,
            "prompt_tokens_details": {"cached_tokens": 800},
        }
    elif name == "from its own cache":
        line_more = {"id": "chatcmpl-1_cache_hit1795264218.58", "cache_hit": True, "response_cost": 0.0}
        row_more = {"request_id": "chatcmpl-1_cache_hit1795264218.59", "cache_hit": "True", "spend": 0.0}
    elif name == "a failure":
        usage = {}
        line_more = {"status": "failure", "response_cost": 0.0}
        row_more = {"status": "failure", "spend": 0.0}
    elif name == "an encoded id":
        inside = base64.b64encode(b"litellm:custom_llm_provider:openai;model_id:m;response_id:resp_abc").decode()
        line_more, row_more = {"id": "resp_abc"}, {"request_id": f"resp_{inside}"}
    elif name == "a batch":
        line_more = {"id": "batch_1", "call_type": "aretrieve_batch"}
        row_more = {"request_id": "batch_1_batch_cost", "call_type": "aretrieve_batch"}
    by_line, by_row = stored_row(line(usage, **line_more)), stored_row(row(usage, **row_more), rows=True)
    told_apart = OF_ONE_WAY | ({"event_id"} if line_more.get("id") else set())
    assert {key: by_line[key] for key in by_line if key not in told_apart} == {
        key: by_row[key] for key in by_row if key not in told_apart
    }


def test_what_litellms_own_cache_answered_asked_nothing_of_the_provider() -> None:
    found = stored_row(line(cache_hit=True, id="chatcmpl-1_cache_hit1795264218.58", response_cost=0.0))
    assert (found["input_uncached_tokens"], found["output_tokens"], found["reported_cost_usd"]) == (0, 0, None)
    assert (found["provider"], found["response_id"]) == ("litellm", "cache:call-1")
    assert found["attributes"]["litellm_cache"] == "hit"
    assert found["attributes"]["cached_input_tokens"] == "1200"


def test_zero_dollars_for_tokens_is_no_price() -> None:
    assert stored_row(line(response_cost=0.0))["reported_cost_usd"] is None
    assert stored_row(line(response_cost=1e-10))["reported_cost_usd"] == Decimal(0)
    assert stored_row(line(response_cost=None))["reported_cost_usd"] is None


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"error_class": "Timeout", "error_code": "408"}, "timeout"),
        ({"error_class": "RateLimitError", "error_code": "429"}, "refused"),
        ({"error_class": "ContentPolicyViolationError", "error_code": "400"}, "refused"),
        ({"error_class": "InternalServerError", "error_code": "500"}, "error"),
        (None, "error"),
    ],
)
def test_a_failure_is_told_by_its_kind(told: dict[str, str] | None, status: str) -> None:
    failed = line({}, status="failure", error_information=told, response=None)
    assert stored_row(failed)["status"] == status


def test_a_key_that_was_logged_as_it_is_is_hashed() -> None:
    metadata = {**line()["metadata"], "user_api_key_hash": "sk-secret"}
    assert stored_row(line(metadata=metadata))["api_key_hash"] == hashlib.sha256(b"sk-secret").hexdigest()


def test_a_stream_has_a_first_token() -> None:
    found = stored_row(line(stream=True, completionStartTime=STARTED.timestamp() + 0.25))
    assert found["first_token_ms"] == 250.0


def test_a_long_id_fits_and_stays_itself() -> None:
    long = "resp_" + "x" * 400
    one, again = stored_row(line(id=long)), stored_row(row(request_id=long), rows=True)
    assert one["response_id"] == again["response_id"] == f"sha256:{hashlib.sha256(long.encode()).hexdigest()}"


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("vertex_ai", "vertex_ai/gemini-2.5-pro", ("google", "gemini-2.5-pro")),
        ("bedrock", "bedrock/us.anthropic.claude-sonnet-4-5-v1:0", ("aws", "us.anthropic.claude-sonnet-4-5-v1:0")),
        ("openrouter", "openrouter/openai/gpt-4o", ("openrouter", "openai/gpt-4o")),
        ("someone_new", "their-model", ("someone_new", "their-model")),
    ],
)
def test_providers_have_the_names_their_prices_have(provider: str, model: str, expected: tuple[str, str]) -> None:
    found = stored_row(line(custom_llm_provider=provider, model=model))
    assert (found["provider"], found["model"]) == expected


def test_a_batchs_cost_is_of_the_batchs_model() -> None:
    found = stored_row(line(call_type="aretrieve_batch", model="", hidden_params={"batch_models": ["gpt-4o-mini"]}))
    assert (found["model"], found["operation"]) == ("gpt-4o-mini", "batch")
    mixed = stored_row(line(call_type="aretrieve_batch", model="x", hidden_params={"batch_models": ["gpt-4o-mini", "gpt-4o"]}))
    assert mixed["model"] is None


def test_pictures_are_counted_by_quality_and_size() -> None:
    made = line(
        {}, call_type="aimage_generation", response={"data": [{"url": "x"}, {"url": "y"}]}, model="dall-e-3",
        model_parameters={"quality": "hd", "size": "1024x1024"},
    )  # fmt: skip
    found = stored_row(made)
    assert (found["images"], found["other_units"], found["operation"]) == (2, {"images.hd.1024x1024": 2.0}, "image_generation")


def test_what_is_spoken_is_measured_not_kept() -> None:
    found = stored_row(line({}, call_type="aspeech", messages=MARKER, response=None, model="tts-1"))
    assert found["characters"] == len(MARKER)
    assert MARKER not in str(found)


ODD = {
    "not an object": (17, "a call is a JSON object"),
    "nothing": (None, "a call is a JSON object"),
    "no id": ({"startTime": 1, "messages": [MARKER]}, "id: is required"),
    "no time": (line(startTime=MARKER), "startTime: must be a time"),
    "negative tokens": (line({"prompt_tokens": -5}), "prompt_tokens: must be a whole number"),
    "a fraction of a token": (line({"prompt_tokens": 1.5}), "prompt_tokens: must be a whole number"),
    "tokens in words": (line({"prompt_tokens": MARKER}), "prompt_tokens: must be a whole number"),
    "more cached than asked": (line({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}}), "cached tokens"),
    "from the future": (line(startTime=STARTED.timestamp() + 1e7), "occurred_at"),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_no_call_is_refused_with_its_reason_and_the_others_go_on(case: str) -> None:
    call, reason = ODD[case]
    found = judged(line(), call, line(id="chatcmpl-2"))
    assert found.rows.column("response_id").to_pylist() == ["chatcmpl-1", "chatcmpl-2"]
    (refused,) = found.rejected.to_pylist()
    assert refused["line"] == 2
    assert reason in refused["reason"]
    assert MARKER not in str(refused)


def test_nothing_that_was_asked_or_answered_is_kept() -> None:
    found = judged(line(), line(startTime=None))
    assert MARKER not in str(found.rows.to_pylist()) + str(found.rejected.to_pylist())


def test_a_tag_may_name_the_platform() -> None:
    found = judged(line(request_tags=["platform:shop"]), line(id="chatcmpl-2"), platform=None)
    assert found.rows.column("platform").to_pylist() == ["shop"]
    assert [refused["field"] for refused in found.rejected.to_pylist()] == ["platform"]


def test_times_of_every_form_are_read() -> None:
    told = [STARTED.timestamp(), STARTED.isoformat(), STARTED.replace(tzinfo=None), f"{STARTED:%Y-%m-%dT%H:%M:%S}.000"]
    assert {stored_row(row(startTime=time), rows=True)["occurred_at"] for time in told} == {STARTED}
    assert stored_row(row(startTime=STARTED + timedelta(milliseconds=7)), rows=True)["occurred_at"].microsecond == 7000
