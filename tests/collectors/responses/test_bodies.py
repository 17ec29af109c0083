"""Bodies of every kind, a case a row: what is counted, in which bucket, and what is told beside it."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.responses import read_response

CASES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "anthropic: the input excludes the cache": (
        "anthropic",
        {"id": "msg_1", "type": "message", "model": "claude-sonnet-4-5", "usage": {
            "input_tokens": 3, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 50, "output_tokens": 7,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30}, "service_tier": "priority", "inference_geo": "us",
            "server_tool_use": {"web_search_requests": 2}}},
        {"input_tokens": 153, "cache_read_tokens": 100, "cache_write_tokens": 50, "output_tokens": 7, "service_tier": "priority", "region": "us",
         "other_units": {"cache_write_5m_tokens": 20, "cache_write_1h_tokens": 30, "web_searches": 2}, "response_id": "msg_1"}),
    "anthropic: only the breakdown of cache writes": (
        "anthropic", {"model": "claude-x", "usage": {"input_tokens": 3, "output_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 30}}},
        {"input_tokens": 33, "cache_write_tokens": 30, "other_units": {"cache_write_1h_tokens": 30}}),
    "anthropic through a gateway of OpenAI's form: cache inside": (
        "anthropic",
        {"model": "claude-x", "usage": {"prompt_tokens": 153, "completion_tokens": 7, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 50}},
        {"input_tokens": 153, "cache_read_tokens": 100, "cache_write_tokens": 50, "output_tokens": 7}),
    "deepseek": ("deepseek", {"model": "deepseek-chat", "usage": {"prompt_tokens": 563, "prompt_cache_hit_tokens": 512, "prompt_cache_miss_tokens": 51,
                 "completion_tokens": 9}}, {"input_tokens": 563, "cache_read_tokens": 512}),
    "xai: reasoning beside the completion": (
        "x-ai", {"model": "grok-4", "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115,
                 "completion_tokens_details": {"reasoning_tokens": 100}}}, {"output_tokens": 105, "reasoning_tokens": 100}),
    "xai through a gateway: reasoning inside, as its total says": (
        "x-ai", {"model": "grok-4", "usage": {"prompt_tokens": 10, "completion_tokens": 105, "total_tokens": 115,
                 "completion_tokens_details": {"reasoning_tokens": 100}}}, {"output_tokens": 105, "reasoning_tokens": 100}),
    "xai on another host: reasoning beside, as its total says": (
        "azure", {"model": "grok-4", "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115,
                  "completion_tokens_details": {"reasoning_tokens": 100}}}, {"output_tokens": 105, "reasoning_tokens": 100}),
    "openai audio": (
        "openai", {"model": "gpt-4o-audio", "usage": {"prompt_tokens": 100, "completion_tokens": 50, "prompt_tokens_details": {"audio_tokens": 80, "cached_tokens": 0},
                   "completion_tokens_details": {"audio_tokens": 40}}},
        {"input_tokens": 100, "output_tokens": 50, "other_units": {"input_audio_tokens": 80, "output_audio_tokens": 40}}),
    "openai images by tokens": (
        "openai", {"created": 1, "data": [{"b64_json": "x"}, {"b64_json": "y"}], "quality": "high", "size": "1024x1536", "usage": {
            "input_tokens": 60, "input_tokens_details": {"text_tokens": 10, "image_tokens": 50}, "output_tokens": 200, "total_tokens": 260}},
        {"images": 2, "input_tokens": 60, "output_tokens": 200,
         "other_units": {"images.high.1024x1536": 2, "input_text_tokens": 10, "input_image_tokens": 50}}),
    "dall-e: quality and size from the request": (
        "openai", {"uri": "https://api.openai.com/v1/images/generations", "request_body": {"model": "dall-e-3", "quality": "hd", "size": "1792x1024"},
                   "response_body": '{"created": 1, "data": [{"url": "https://x"}]}', "status": 200},
        {"images": 1, "model": "dall-e-3", "operation": "image", "other_units": {"images.hd.1792x1024": 1}}),
    "elevenlabs: characters in a header, sound in the body": (
        "elevenlabs", {"uri": "https://api.elevenlabs.io/v1/text-to-speech/voice", "request_body": '{"text": "hello", "model_id": "eleven_multilingual_v2"}',
                       "response_body": "\u0000ID3", "response_headers": {"Character-Cost": ["42"]}, "status": 200},
        {"characters": 42, "model": "eleven_multilingual_v2", "operation": "speech", "input_tokens": 0}),
    "openai speech: characters of the request": (
        "openai", {"request": {"url": "https://api.openai.com/v1/audio/speech", "body": {"model": "tts-1", "input": "hello"}}, "response": {"status": 200, "body": None}},
        {"characters": 5, "model": "tts-1"}),
    "whisper: seconds": ("openai", {"uri": "https://api.openai.com/v1/audio/transcriptions", "request_body": '{"model": "whisper-1"}', "status": 200,
                                    "response_body": '{"text": "x", "usage": {"type": "duration", "seconds": 9}}'}, {"audio_seconds": 9.0, "model": "whisper-1"}),
    "whisper: verbose": ("groq", {"task": "transcribe", "duration": "8.47", "text": "x", "model": "whisper-large-v3"}, {"audio_seconds": 8.47}),
    "transcription by tokens": (
        "openai", {"text": "x", "usage": {"type": "tokens", "input_tokens": 14, "input_token_details": {"text_tokens": 0, "audio_tokens": 14}, "output_tokens": 101, "total_tokens": 115}},
        {"input_tokens": 14, "output_tokens": 101, "other_units": {"input_audio_tokens": 14}}),
    "gemini: thoughts and tools, two entries of one modality": (
        "google", {"modelVersion": "models/gemini-2.5-pro", "responseId": "r", "usageMetadata": {
            "promptTokenCount": 1000, "cachedContentTokenCount": 400, "candidatesTokenCount": 70, "thoughtsTokenCount": 30, "toolUsePromptTokenCount": 20,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 300}, {"modality": "TEXT", "tokenCount": 100}, {"modality": "AUDIO", "tokenCount": 600}],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 150}, {"modality": "AUDIO", "tokenCount": 250}],
            "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}], "serviceTier": "flex"}},
        {"model": "gemini-2.5-pro", "input_tokens": 1020, "cache_read_tokens": 400, "output_tokens": 100, "reasoning_tokens": 30, "service_tier": "flex",
         "other_units": {"input_text_tokens": 250, "input_audio_tokens": 350, "input_tool_tokens": 20, "cache_read_text_tokens": 150, "cache_read_audio_tokens": 250}}),
    "gemini: snake case and numbered modalities": (
        "google", {"model_version": "gemini-2.5-pro", "usage_metadata": {"prompt_token_count": 74, "candidates_token_count": 16, "thoughts_token_count": 200,
                   "prompt_tokens_details": [{"modality": 1, "token_count": 74}]}},
        {"input_tokens": 74, "output_tokens": 216, "reasoning_tokens": 200, "other_units": {"input_text_tokens": 74}}),
    "imagen": ("google", {"uri": "https://x.googleapis.com/v1/projects/p/models/imagen-4:predict", "response_body": {"predictions": [{"bytesBase64Encoded": "x"}]}},
               {"images": 1, "model": "imagen-4"}),
    "vertex embeddings": ("google", {"predictions": [{"embeddings": {"values": [0.1], "statistics": {"token_count": 4}}}, {"embeddings": {"statistics": {"token_count": 5}}}]},
                          {"input_tokens": 9}),
    "bedrock converse": ("aws", {"usage": {"inputTokens": 22, "outputTokens": 13, "totalTokens": 2527, "cacheWriteInputTokens": 2492,
                                           "cacheDetails": [{"ttl": "1h", "inputTokens": 2492}]}, "serviceTier": {"type": "flex"}},
                         {"input_tokens": 2514, "cache_write_tokens": 2492, "service_tier": "flex", "other_units": {"cache_write_1h_tokens": 2492}}),
    "bedrock nova, the longer names": ("aws", {"usage": {"inputTokens": 7, "outputTokens": 53, "cacheReadInputTokenCount": 20}}, {"input_tokens": 27, "cache_read_tokens": 20}),
    "bedrock titan": ("aws", {"inputTextTokenCount": 30, "results": [{"tokenCount": 29, "outputText": "x"}, {"tokenCount": 1}]}, {"input_tokens": 30, "output_tokens": 30}),
    "bedrock: only headers": ("aws", {"uri": "https://bedrock-runtime.us-east-1.amazonaws.com/model/cohere.command-text-v14/invoke", "status": 200,
                                      "response_body": '{"generations": [{"text": "x"}]}', "response_headers": {"X-Amzn-Bedrock-Input-Token-Count": "11",
                                      "X-Amzn-Bedrock-Output-Token-Count": "12", "x-amzn-RequestId": "req-1"}},
                              {"input_tokens": 11, "output_tokens": 12, "model": "cohere.command-text-v14", "response_id": "req-1"}),
    "cohere: what is billed, not what was read": (
        "cohere", {"id": "c", "usage": {"billed_units": {"input_tokens": 41, "output_tokens": 28}, "tokens": {"input_tokens": 1442, "output_tokens": 29}, "cached_tokens": 1040}},
        {"input_tokens": 41, "output_tokens": 28, "cache_read_tokens": 0}),
    "cohere rerank": ("cohere", {"id": "c", "results": [], "meta": {"billed_units": {"search_units": 2}}}, {"other_units": {"rerank_searches": 2}}),
    "mistral ocr": ("mistral", {"model": "mistral-ocr-latest", "pages": [], "usage_info": {"pages_processed": 12, "doc_size_bytes": 5}}, {"other_units": {"document_pages": 12}}),
    "voyage: only a total": ("voyageai", {"object": "list", "data": [{"embedding": [1]}], "model": "voyage-3", "usage": {"total_tokens": 10}}, {"input_tokens": 10, "operation": "embeddings"}),
    "ollama": ("ollama", {"model": "llama3", "done": True, "response": "x", "prompt_eval_count": 17, "eval_count": 3}, {"input_tokens": 17, "output_tokens": 3}),
    "perplexity: its own cost, citations beside": (
        "perplexity", {"model": "sonar", "usage": {"prompt_tokens": 10, "completion_tokens": 20, "citation_tokens": 5, "num_search_queries": 3, "cost": {"total_cost": 0.005}}},
        {"output_tokens": 25, "other_units": {"output_citation_tokens": 5, "web_searches": 3}, "reported_cost_usd": "0.005000000"}),
    "openrouter: the cost it states, in full digits": (
        "openrouter", {"model": "x/y", "usage": {"prompt_tokens": 1, "completion_tokens": 2, "cost": 9e-07, "is_byok": False}},
        {"reported_cost_usd": "0.000000900", "attributes": {"cost_source": "provider"}}),
    "openrouter with one's own key: its fee and the cost behind it": (
        "openrouter", {"model": "x/y", "usage": {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.00002, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.0003}}},
        {"reported_cost_usd": "0.000320000"}),
    "a litellm proxy's header": ("openai", {"response_body": {"model": "gpt-4o", "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
                                            "response_headers": {"x-litellm-response-cost": "2.5e-05"}},
                                 {"reported_cost_usd": "0.000025000", "attributes": {"cost_source": "litellm"}}),
    "searches that a model ran": (
        "openai", {"id": "resp", "object": "response", "model": "gpt-5", "output": [{"type": "web_search_call", "action": {"type": "search"}}, {"type": "file_search_call"},
                   {"type": "web_search_call", "action": {"type": "open_page"}}, {"type": "message"}], "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}},
        {"other_units": {"web_searches": 1, "file_searches": 1}, "operation": "chat"}),
    "openai batch line": ("openai", {"id": "batch_req", "custom_id": "a", "response": {"status_code": 200, "body": {"id": "chatcmpl-1", "model": "gpt-4o",
                          "usage": {"prompt_tokens": 5, "completion_tokens": 6}}}, "error": None}, {"service_tier": "batch", "response_id": "chatcmpl-1", "input_tokens": 5}),
    "anthropic batch line": ("anthropic", {"custom_id": "a", "result": {"type": "succeeded", "message": {"id": "msg", "type": "message", "model": "claude-x",
                             "usage": {"input_tokens": 5, "output_tokens": 6}}}}, {"service_tier": "batch", "input_tokens": 5}),
    "a batch line that failed": ("anthropic", {"custom_id": "a", "result": {"type": "errored", "error": {"type": "error", "error": {"type": "api_error"}}}}, {"status": "error", "input_tokens": 0}),
    "HTTP 429": ("openai", {"uri": "https://api.openai.com/v1/chat/completions", "request_body": '{"model": "gpt-4o"}', "response_body": '{"error": {"message": "slow down"}}', "status": 429},
                 {"status": "error", "model": "gpt-4o", "input_tokens": 0, "output_tokens": 0}),
    "HTTP 504": ("openai", {"response_body": "<html>", "status": 504}, {"status": "timeout"}),
    "a thread's run": ("openai", {"id": "run_1", "object": "thread.run", "status": "completed", "model": "gpt-4o", "usage": {"prompt_tokens": 5, "completion_tokens": 6}},
                       {"input_tokens": 5, "response_id": "run_1"}),
    "cloudflare": ("cloudflare", {"result": {"response": "x", "usage": {"prompt_tokens": 5, "completion_tokens": 6}}, "success": True}, {"input_tokens": 5, "output_tokens": 6}),
    "details that are null, unknown fields": ("openai", {"model": None, "new": [1], "usage": {"prompt_tokens": 5, "completion_tokens": 6, "prompt_tokens_details": None,
                                              "completion_tokens_details": [], "novel_tokens": "many"}}, {"input_tokens": 5, "output_tokens": 6}),
    "a usage block alone": ("openai", {"prompt_tokens": 5, "completion_tokens": 6}, {"input_tokens": 5, "output_tokens": 6}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_body_is_counted(name: str) -> None:
    provider, line, expected = CASES[name]
    reading = read_response(line, provider=provider)
    record = reading.records[0]
    assert {key: record.get(key) for key in expected} == expected
    assert reading.tokens_known
    assert record["provider"] == provider


def test_cached_tokens_of_unsaid_modality_are_taken_from_the_text_first_and_the_record_says_that_it_estimates() -> None:
    usage = {"prompt_tokens": 110, "completion_tokens": 1, "prompt_tokens_details": {"image_tokens": 100, "cached_tokens": 60}}
    record = read_response({"model": "m", "usage": usage}, provider="openai").records[0]
    assert record["other_units"] == {"input_image_tokens": 50}
    assert record["attributes"] == {"usage_estimated": "true"}
    whole = {**usage, "prompt_tokens_details": {"image_tokens": 100, "cached_tokens": 110}}
    record = read_response({"model": "m", "usage": whole}, provider="openai").records[0]
    assert "other_units" not in record
    assert "attributes" not in record


def test_what_a_call_used_of_other_models_is_a_record_of_its_own() -> None:
    def used(kind: str, tokens: int, **more: str) -> dict[str, Any]:
        return {
            "type": kind,
            "input_tokens": tokens,
            "output_tokens": 1,
            "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 0,
            **more,
        }

    usage = {"input_tokens": 30, "output_tokens": 3, "cache_read_input_tokens": 0,
             "iterations": [used("message", 10), used("advisor_message", 500, model="claude-opus-4-8"), used("message", 20), used("compaction", 70)]}  # fmt: skip
    records = read_response(
        {"id": "msg_1", "type": "message", "model": "claude-sonnet-5", "usage": usage}, provider="anthropic"
    ).records
    assert [(r["id"], r["model"], r["input_tokens"], r["operation"]) for r in records] == [
        ("msg_1", "claude-sonnet-5", 30, "chat"),
        ("msg_1#2", "claude-opus-4-8", 500, "advisor_message"),
        ("msg_1#4", "claude-sonnet-5", 70, "compaction"),
    ]


@pytest.mark.parametrize(
    ("uri", "provider"),
    [
        ("https://api.openai.com/v1/chat/completions", "openai"),
        ("https://x.openai.azure.com/openai/deployments/d/chat/completions", "azure"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com/model/us.amazon.nova-lite-v1%3A0/converse", "aws"),
        ("https://api.groq.com/openai/v1/chat/completions", "groq"),
        ("http://127.0.0.1:11434/v1/chat/completions", "ollama"),
    ],
)
def test_the_address_says_who_answered(uri: str, provider: str) -> None:
    record = read_response({"uri": uri, "response_body": {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}}).records[0]
    assert record["provider"] == provider
    if provider == "aws":
        assert record["model"] == "us.amazon.nova-lite-v1:0"
