"""What a call was, beside its tokens: provider, model, ids, operation, tier, when, and the cost that the provider itself states."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

from genai_prices.data import providers as PROVIDERS
from genai_prices.data_snapshot import find_provider_by_id

from collectors.records import fields
from collectors.records.fields import EARLIEST, TEXT_LIMIT, Refusal
from collectors.responses.exchange import Exchange
from roomleft.errors import InputError
from roomleft.timespan import parse_instant

OF_FAMILY = {
    "exclusive": "anthropic",
    "gemini": "google",
    "converse": "aws",
    "billed": "cohere",
    "pages": "mistral",
    "cursor": "cursor",
}
OPERATIONS = (
    (r"/embeddings|/embed\b|:embedContent|:batchEmbed", "embeddings"),
    (r"/rerank", "rerank"),
    (r"/images?/|/generate-image|:generateImages", "image"),
    (r"/audio/transcriptions|/audio/translations|/speech-to-text", "transcription"),
    (r"/audio/speech|/text-to-speech|text:synthesize", "speech"),
    (r"/ocr\b", "ocr"),
    (r"/realtime", "realtime"),
    (r"/chat|/messages|/responses|/converse|/runs", "chat"),
    (r":(stream)?generateContent", "generate_content"),
    (r"/completions?$|/complete$|/api/generate|/v1/generate$", "text_completion"),
)
OBJECTS = {
    "chat.completion": "chat", "chat.completion.chunk": "chat", "response": "chat", "thread.run": "chat", "message": "chat",
    "text_completion": "text_completion", "completion": "text_completion", "embedding": "embeddings",
}  # fmt: skip
MODEL_IN_PATH = (r"/model/([^/]+)/", r"/models/([^/:?]+)", r"/deployments/([^/?]+)")
TIMEOUTS = (408, 504, 524)
STANDARD = ("standard", "default", "auto", "on_demand")


def provider_of(given: str | None, family: str | None, model: str | None, uri: str) -> str:
    """The provider by genai-prices' id: the one given, or told by the address, the shape or the model. Raises Refusal."""
    if given:
        found = find_provider_by_id(PROVIDERS, given)
        return found.id if found else given
    if uri:
        for provider in PROVIDERS:
            if re.match(provider.api_pattern, uri):
                return provider.id
        if ":11434/" in uri:
            return "ollama"
    if family in OF_FAMILY:
        return OF_FAMILY[family]
    if model and (own := whose(model)):
        return own
    raise Refusal("provider", "cannot be told from this response; name it")


def whose(model: str) -> str | None:
    """The provider whose models are called so, by genai-prices' id; None where no provider claims the name."""
    return next(
        (each.id for each in PROVIDERS if each.model_match is not None and each.model_match.is_match(model.lower())), None
    )


def known(provider: str) -> bool:
    """Whether genai-prices knows a provider by this id or another of its names."""
    return find_provider_by_id(PROVIDERS, provider) is not None


def model_of(exchange: Exchange, body: Mapping[str, Any]) -> str | None:
    """The model that answered, else the one that was asked for."""
    result = body.get("result")
    named = [body.get("model"), body.get("modelVersion"), body.get("model_version")]
    named += [result.get("model")] if isinstance(result, Mapping) else []
    named += [exchange.request.get(key) for key in ("model", "model_id", "modelId")]
    said = next((name for name in named if isinstance(name, str) and name), None)
    path = unquote(urlsplit(exchange.uri).path) if "%2F" not in exchange.uri.upper() else urlsplit(exchange.uri).path
    asked = next((unquote(found[1]) for pattern in MODEL_IN_PATH if (found := re.search(pattern, path))), None)
    if asked and "bedrock" in exchange.uri:
        # Bedrock's own id says in which regions the model ran, which the body's does not; an endpoint of one's own has no such id.
        said = (
            said if asked.startswith("arn:") and not re.search("foundation-model/|inference-profile/", asked) and said else asked
        )
    name = said or asked
    if name is None:
        return None
    name = name.rsplit("/", 1)[-1] if name.startswith(("arn:", "models/", "publishers/", "projects/")) else name
    return name[:TEXT_LIMIT] or None


def operation_of(exchange: Exchange, body: Mapping[str, Any], family: str | None) -> str | None:
    """What was asked for, in the words of OpenTelemetry where it has one."""
    path = urlsplit(exchange.uri).path
    for pattern, operation in OPERATIONS:
        if path and re.search(pattern, path):
            return operation
    kind = body.get("object") or body.get("type")
    items = body.get("data")
    if isinstance(items, list) and items and isinstance(items[0], Mapping) and "embedding" in items[0]:
        return "embeddings"
    if family == "gemini":
        return "generate_content"
    return OBJECTS.get(kind) if isinstance(kind, str) else None


def response_id_of(exchange: Exchange, body: Mapping[str, Any]) -> str | None:
    """The provider's id of the response."""
    named = [body.get(key) for key in ("id", "responseId", "response_id", "generation_id")]
    named.append(exchange.headers.get("x-amzn-requestid"))
    found = next((name for name in named if isinstance(name, str) and name), None)
    return found if found is None or len(found) <= TEXT_LIMIT else found[:TEXT_LIMIT]


def tier_of(exchange: Exchange, body: Mapping[str, Any], usage: Mapping[str, Any]) -> str | None:
    """What the provider calls the service tier; `batch` for an answer out of a batch."""
    if exchange.batch:
        return "batch"
    speed = usage.get("speed")
    nested = body.get("serviceTier")
    told = [speed if speed == "fast" else None, usage.get("service_tier"), usage.get("serviceTier"), body.get("service_tier")]
    told += [nested.get("type") if isinstance(nested, Mapping) else nested, usage.get("trafficType")]
    found = [word.lower() for word in told if isinstance(word, str) and word]
    return next((word for word in found if word not in STANDARD), found[0] if found else None)


def region_of(usage: Mapping[str, Any]) -> str | None:
    """Where the model ran, when the provider says so and asks more for it."""
    where = usage.get("inference_geo")
    return where if isinstance(where, str) and where not in ("", "global", "not_available") else None


def status_of(exchange: Exchange, body: Mapping[str, Any]) -> str:
    """`ok`, or how the call failed."""
    code = exchange.status or 200
    if code in TIMEOUTS:
        return "timeout"
    error = body.get("error")
    return "error" if code >= 400 or error or body.get("type") == "error" or body.get("status") == "failed" else "ok"


def occurred_at(exchange: Exchange, body: Mapping[str, Any]) -> datetime | None:
    """When the provider says that it answered, UTC; None when it does not."""
    for key in ("created", "created_at", "createTime"):
        told = body.get(key)
        try:
            if isinstance(told, int | float) and not isinstance(told, bool):
                at = datetime.fromtimestamp(told, UTC)
            elif isinstance(told, str):
                at = parse_instant(told)
            else:
                continue
        except (InputError, ValueError, OverflowError, OSError):
            continue
        if at >= EARLIEST:
            return at
    return None


def stated_cost(exchange: Exchange, usage: Mapping[str, Any]) -> tuple[Decimal, str] | None:
    """(US dollars, who says so) of the call, or None. Where the caller's own key was used, the cost behind the gateway is added to its fee."""
    cost = usage.get("cost")
    if isinstance(cost, Mapping):
        cost = cost.get("total_cost")
    if cost is not None:
        amount = fields.money({"usage.cost": cost}, "usage.cost", required=True)
        details = usage.get("cost_details")
        if usage.get("is_byok") is True and isinstance(details, Mapping):
            behind = fields.money({"upstream_inference_cost": details.get("upstream_inference_cost")}, "upstream_inference_cost")
            amount = (amount or Decimal(0)) + (behind or Decimal(0))
        return (amount or Decimal(0)), "provider"
    proxied = exchange.headers.get("x-litellm-response-cost")
    if proxied:
        try:
            return fields.money({"cost": proxied}, "cost", required=True) or Decimal(0), "litellm"
        except Refusal:
            return None
    return None
