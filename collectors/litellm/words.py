"""LiteLLM's words for providers, operations, statuses and dimensions, as Roomleft's."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from collectors.records.fields import TEXT_LIMIT
from roomleft.money import stored

Object = Mapping[str, Any]

PROVIDERS = {
    "azure_ai": "azure", "azure_text": "azure", "bedrock": "aws", "bedrock_converse": "aws", "bedrock_mantle": "aws", "sagemaker": "aws",
    "amazon_nova": "aws", "gemini": "google", "vertex_ai": "google", "vertex_ai_beta": "google", "palm": "google", "xai": "x-ai",
    "together_ai": "together", "fireworks_ai": "fireworks", "cohere_chat": "cohere", "moonshot": "moonshotai", "mistralai": "mistral",
    "codestral": "mistral", "text-completion-openai": "openai", "custom_openai": "openai", "text-completion-codestral": "mistral",
    "meta_llama": "meta", "voyage": "voyageai", "github_copilot": "github-copilot",
}  # fmt: skip
"""LiteLLM's names of providers, where price lists call them otherwise."""
OPERATIONS = {
    "completion": "chat", "responses": "chat", "anthropic_messages": "chat", "generate_content": "chat", "generate_content_stream": "chat",
    "text_completion": "text_completion", "embedding": "embeddings", "image_generation": "image_generation", "image_edit": "image_generation",
    "image_variation": "image_generation", "speech": "speech", "transcription": "transcription", "rerank": "rerank",
    "moderation": "moderation", "create_batch": "batch", "retrieve_batch": "batch",
}  # fmt: skip
DIMENSIONS = {
    "component": "component", "feature": "feature", "request_type": "request_type", "tier": "tier", "team": "team", "project": "project",
    "environment": "environment", "cost_centre": "cost_centre", "cost_center": "cost_centre",
}  # fmt: skip
"""What a tag `name:value`, or a value of the request's or the key's metadata, says of a call."""
ADDED_TAGS = ("User-Agent:",)
"""Tags that LiteLLM adds by itself."""
NOBODY = "default_user_id"
"""The user that LiteLLM names where a key has none."""
TAGS_LIMIT = 32


def provider_of(name: str | None, priced: Collection[str] = ()) -> str | None:
    """A provider by the name its prices are listed under; names in `priced` are the platform's own and stay."""
    return name if name is None or name in priced else PROVIDERS.get(name, name)


def operation_of(call_type: str | None) -> str | None:
    """What was asked for. LiteLLM's own word with or without the `a` of its asynchronous form; an unknown one stays as it is."""
    return None if call_type is None else OPERATIONS.get(call_type) or OPERATIONS.get(call_type.removeprefix("a"), call_type)


def status_of(payload: Object, metadata: Object) -> str:
    """How the call ended. What is neither success nor failure is what the tokens say: a call that went well."""
    if payload.get("status") != "failure":
        return "ok"
    told = payload.get("error_information") or metadata.get("error_information")
    kind = str(told.get("error_class") or "") if isinstance(told, Mapping) else ""
    code = str(told.get("error_code") or "") if isinstance(told, Mapping) else ""
    if "Timeout" in kind or code in ("408", "504"):
        return "timeout"
    return "refused" if "ContentPolicy" in kind or code in ("401", "403", "429") else "error"


def reported_cost(payload: Object, used: bool) -> str | None:
    """LiteLLM's own estimate in dollars. $0 for a call that `used` something is no price: LiteLLM says so of models it has none for."""
    cost = payload.get("response_cost")
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not math.isfinite(cost) or cost < 0 or (used and cost == 0):
        return None
    return format(stored(Decimal(str(cost))), "f")


def dimensions_of(payload: Object, metadata: Object) -> dict[str, Any]:
    """Whom a call is for: the key's team, project and user, and what the request's metadata, its tags and the key's metadata say."""
    found: dict[str, Any] = {}
    tags: dict[str, str] = {}
    _say(found, metadata.get("spend_logs_metadata"))
    _say(found, metadata.get("requester_metadata"))
    said = payload.get("request_tags")
    for tag in said if isinstance(said, list) else ():
        if not isinstance(tag, str) or tag.startswith(ADDED_TAGS):
            continue
        name, _, value = tag.partition(":")
        if value and name in DIMENSIONS:
            _say(found, {name: value.strip()})
        elif len(tag) <= TEXT_LIMIT and len(tags) < TAGS_LIMIT:
            tags[name if value else tag] = value.strip()
    _say(found, metadata.get("user_api_key_auth_metadata"))
    for field, names in (
        ("team", ("user_api_key_team_alias", "user_api_key_team_id", "team_alias", "team_id")),
        ("project", ("user_api_key_project_alias", "user_api_key_project_id")),
    ):
        _say(found, {field: _first(metadata, names)})
    user = _first(payload, ("end_user",)) or _first(metadata, ("user_api_key_end_user_id", "user_api_key_user_id"))
    return {**found, "user_id": None if user == NOBODY else user, "tags": tags or None}


def _say(found: dict[str, Any], told: object) -> None:
    """Note the dimensions in `told` that nothing before has said."""
    for name, value in told.items() if isinstance(told, Mapping) else ():
        field = DIMENSIONS.get(name)
        if field and isinstance(value, str) and 0 < len(value) <= TEXT_LIMIT:
            found.setdefault(field, value)


def _first(parent: Object, names: Collection[str]) -> str | None:
    return next((value for name in names if isinstance(value := parent.get(name), str) and value), None)
