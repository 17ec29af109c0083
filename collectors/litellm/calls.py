"""One call as LiteLLM logs it, as a usage record of docs/platform-api.md. What was asked and answered is never looked at.

A line of its webhook (`StandardLoggingPayload`) and a row of its spend logs (`LiteLLM_SpendLogs`) tell the same in two shapes. Both become
the same record, but for the id under which each tells it; the response id says that they are one call.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from collectors.litellm.tokens import EMPTY, Object, quantities_of
from collectors.litellm.words import dimensions_of, operation_of, provider_of, reported_cost, status_of
from collectors.records.fields import TEXT_LIMIT, Refusal

OWN_SUFFIX = re.compile(r"_(batch|background)_cost$")
"""What LiteLLM adds to the id of a row that settles a batch's or a background response's cost."""
CACHE_SUFFIX = re.compile(r"_cache_hit[\d.e+]*$")
INSIDE = re.compile(rb"response_id:([^;]+)$")
KEY_HASH = re.compile(r"[0-9a-f]{64}")
CACHED_BY = "litellm"
"""The provider of an answer that came from LiteLLM's own cache: nothing was asked of another, so no price of another's holds."""
KEPT = {"call_type": "call_type", "model_group": "model_group", "trace_id": "trace_id", "litellm_call_id": "litellm_call_id"}


def record_of(payload: Object, priced: Collection[str] = ()) -> dict[str, Any]:
    """A line of the webhook as a usage record. `priced`: providers that the platform's own prices name. Raises Refusal."""
    metadata = _object(payload.get("metadata"))
    call_id, started = _text(payload, "id"), _instant(payload.get("startTime"), "startTime")
    if call_id is None:
        raise Refusal("id", "is required: is this a line of LiteLLM's generic_api callback?")
    response = _object(payload.get("response"))
    usage = _usage(payload, metadata, response)
    provider = provider_of(_text(payload, "custom_llm_provider"), priced)
    record: dict[str, Any] = {
        **dimensions_of(payload, metadata),
        "id": _event_id(call_id, started, payload),
        "occurred_at": started.isoformat(),
        "status": status_of(payload, metadata),
        "provider": provider,
        "model": _model(payload, metadata),
        "operation": operation_of(_text(payload, "call_type")),
        "api_key_hash": _key_hash(metadata),
        "response_id": _response_id(call_id),
        "region": usage.get("inference_geo") if isinstance(usage.get("inference_geo"), str) else None,
        **_latencies(payload, started),
    }
    attributes = {name: text for name, key in KEPT.items() if (text := _text(payload, key)) and len(text) <= TEXT_LIMIT}
    quantities = quantities_of(usage, _object(response.get("usage")))
    _count_beside_tokens(quantities, record["operation"], payload, response)
    if _from_own_cache(payload, call_id):
        own_id = _text(payload, "litellm_call_id") or _text(metadata, "litellm_call_id")
        record |= {
            "provider": CACHED_BY,
            "response_id": f"cache:{own_id or f'{_response_id(call_id)}@{_ms(started)}'}"[:TEXT_LIMIT],
        }
        saved = {f"cached_{name}": str(quantities.get(name, 0)) for name in ("input_tokens", "output_tokens")}
        attributes |= {"litellm_cache": "hit", **({"cached_provider": provider} if provider else {}), **saved}
    else:
        cost = reported_cost(payload, any(quantities.values()))
        record |= {**quantities, "service_tier": _service_tier(payload, usage, response), "reported_cost_usd": cost}
    return {name: value for name, value in record.items() if value is not None} | {"attributes": attributes}


def record_of_row(row: Object, priced: Collection[str] = ()) -> dict[str, Any]:
    """A row of the spend logs as a usage record. The column `cache_hit` is of LiteLLM's own cache, not of a provider's. Raises Refusal."""
    metadata = dict(_object(row.get("metadata")))
    for name, column in (
        ("user_api_key_hash", "api_key"), ("user_api_key_team_id", "team_id"), ("user_api_key_org_id", "organization_id"),
        ("user_api_key_user_id", "user"),
    ):  # fmt: skip
        metadata[name] = row.get(column) or metadata.get(name)
    tags = row.get("request_tags")
    return record_of(
        {
            **row,
            "id": row.get("request_id"),
            "metadata": metadata,
            "request_tags": _parsed(tags) if isinstance(tags, str) else tags,
            "response_cost": row.get("spend"),
            "litellm_call_id": row.get("litellm_call_id") or metadata.get("litellm_call_id"),
            "status": row.get("status") or metadata.get("status"),
            "error_information": metadata.get("error_information"),
            "response": None,
            "usage": None,
        },
        priced,
    )


def started_at(row: Object) -> datetime | None:
    """When the call of a row began; None when that cannot be read."""
    try:
        return _instant(row.get("startTime"), "startTime")
    except Refusal:
        return None


def _usage(payload: Object, metadata: Object, response: Object) -> Object:
    """The usage object: the log's own, else the response's; what it leaves out is taken from the log's totals."""
    told = {
        name: payload[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens") if payload.get(name) is not None
    }
    found = _object(metadata.get("usage_object")) or _object(response.get("usage")) or _object(payload.get("usage"))
    if "input_tokens" in found and "prompt_tokens" not in found:
        return found
    return {**told, **_object(metadata.get("additional_usage_values")), **{k: v for k, v in found.items() if v is not None}}


def _count_beside_tokens(quantities: dict[str, Any], operation: str | None, payload: Object, response: Object) -> None:
    """Pictures and characters, which no usage object tells. Texts are measured, not kept."""
    if operation == "image_generation":
        made, asked = response.get("data"), _object(payload.get("model_parameters"))
        if isinstance(made, list) and made:
            quantities.setdefault("images", len(made))
        quality, size = asked.get("quality"), asked.get("size")
        if quantities.get("images") and isinstance(quality, str) and isinstance(size, str):
            quantities["other_units"] = {
                **quantities.get("other_units", {}),
                f"images.{quality}.{size}"[:60]: float(quantities["images"]),
            }
    elif operation == "speech" and isinstance(payload.get("messages"), str) and not quantities:
        quantities["characters"] = len(payload["messages"])


def _model(payload: Object, metadata: Object) -> str | None:
    """The model without the provider before it; of a batch's cost the batch's, if it is one."""
    model = _text(payload, "model")
    batch = _object(payload.get("hidden_params")).get("batch_models") or metadata.get("batch_models")
    if isinstance(batch, list) and batch:
        model = batch[0] if len(set(map(str, batch))) == 1 and isinstance(batch[0], str) else None
    provider = _text(payload, "custom_llm_provider")
    return model.removeprefix(f"{provider}/") if model and provider else model


def _response_id(call_id: str) -> str:
    """The provider's id of the answer: without what LiteLLM adds to it or wraps it in."""
    bare = OWN_SUFFIX.sub("", CACHE_SUFFIX.sub("", call_id))
    if bare.startswith("resp_"):
        try:
            inside = INSIDE.search(base64.b64decode(bare[5:] + "=" * (-len(bare[5:]) % 4), validate=True))
        except (binascii.Error, ValueError):
            inside = None
        if inside:
            bare = inside[1].decode("utf-8", "replace")
    return _short(bare)


def _short(text: str) -> str:
    """An id that fits, the same for the same text."""
    return text if len(text) <= TEXT_LIMIT - 30 else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _event_id(call_id: str, started: datetime, payload: Object) -> str:
    """What one telling is known by: the answer's id alone would make each look at a batch a contradiction of the one before."""
    told = f"{_text(payload, 'litellm_call_id')} {_text(payload, 'call_type')}"
    return f"{_short(call_id)}@{_ms(started)}-{hashlib.blake2b(told.encode(), digest_size=4).hexdigest()}"


def _from_own_cache(payload: Object, call_id: str) -> bool:
    return str(payload.get("cache_hit")).lower() == "true" or CACHE_SUFFIX.search(call_id) is not None


def _key_hash(metadata: Object) -> str | None:
    """The hash of the virtual key. A key that was logged as it is gets hashed, as LiteLLM does it."""
    key = _text(metadata, "user_api_key_hash") or _text(metadata, "user_api_key")
    if key is None or KEY_HASH.fullmatch(key) or not key.startswith("sk-"):
        return key
    return hashlib.sha256(key.encode()).hexdigest()


def _service_tier(payload: Object, usage: Object, response: Object) -> str | None:
    """What the answer says its tier was; `speed` fast is a tier with prices of its own; then what was asked for."""
    if usage.get("speed") == "fast":
        return "fast"
    asked = _object(payload.get("model_parameters")).get("service_tier")
    found = usage.get("service_tier") or response.get("service_tier") or asked
    return found if isinstance(found, str) else None


def _latencies(payload: Object, started: datetime) -> dict[str, float]:
    found: dict[str, float] = {}
    try:
        ended = _instant(payload.get("endTime"), "endTime")
    except Refusal:
        return found
    if ended >= started:
        found["latency_ms"] = round((ended - started).total_seconds() * 1000, 3)
    try:
        first = _instant(payload.get("completionStartTime"), "completionStartTime")
    except Refusal:
        return found
    if started < first < ended:  # of a call that was not streamed both are the end
        found["first_token_ms"] = round((first - started).total_seconds() * 1000, 3)
    return found


def _instant(value: object, field: str) -> datetime:
    """Epoch seconds, an ISO text or a database's time; without an offset it is UTC, as LiteLLM stores it."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except (ValueError, OverflowError, OSError):
        found = None
    if not isinstance(found, datetime):
        raise Refusal(field, "must be a time: seconds since 1970, or a text such as 2026-11-20T12:00:00Z")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _text(parent: Object, name: str) -> str | None:
    value = parent.get(name)
    return value if isinstance(value, str) and value else None


def _object(value: object) -> Object:
    found = _parsed(value) if isinstance(value, str) else value
    return found if isinstance(found, Mapping) else EMPTY


def _parsed(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
