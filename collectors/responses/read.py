"""One response into usage records of the platform API's form, or the reason it is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from collectors.records.fields import Refusal, shown
from collectors.responses import facts
from collectors.responses.buckets import split
from collectors.responses.counted import count_things
from collectors.responses.exchange import Exchange, exchange_of
from collectors.responses.extract import Counts, counts_of, find_usage
from collectors.responses.native import beside_the_text, in_headers
from collectors.responses.streams import Told, events_of, fold

UNFINISHED = ("queued", "in_progress", "requires_action", "cancelling", "validating")
ANSWERS = (
    "choices", "candidates", "content", "output", "completion", "completions", "generations", "generation", "text", "message", "results",
    "result", "response", "outputs", "data", "embeddings", "embedding", "predictions", "images", "artifacts", "delta", "outputText",
    "is_finished", "promptFeedback",
)  # fmt: skip
"""Any of these makes a body a model's answer, even when it says nothing of tokens."""
NO_ANSWERS = (
    "thread",
    "thread.message",
    "thread.deleted",
    "assistant",
    "assistant.deleted",
    "file",
    "model",
    "batch",
    "vector_store",
)
UNTOLD = "untold_usage"
"""A unit that nobody can price: it keeps a response whose usage is not told from being taken for one that used nothing."""
SPLIT_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one line holds: the call's usage record first, then those of other models that the same call used.

    `tokens_known` is False when the answer says nothing of what it used: the record then counts nothing and has no price. `complete` is False
    when a stream broke off, so that more may have been used than is told.
    """

    records: tuple[dict[str, Any], ...]
    tokens_known: bool
    complete: bool


def read_response(value: object, *, provider: str | None = None) -> Reading:
    """The usage of one response: a body, a recorded exchange or a stream. `provider` (genai-prices' id) is told from the exchange when absent.

    Raises Refusal for what is no model's answer, and for counts that cannot be: cached tokens over the input, negative, fractional.
    """
    exchange = exchange_of(value)
    told = _told(exchange)
    readings = [_one(exchange, each, provider) for each in told]
    records = [record for reading in readings for record in reading.records]
    return Reading(tuple(records), all(r.tokens_known for r in readings), all(r.complete for r in readings))


def _told(exchange: Exchange) -> list[Told]:
    answer = exchange.answer
    if isinstance(answer, Mapping):
        return [Told(dict(answer), complete=True)]
    if isinstance(answer, list):
        return fold(answer)
    if isinstance(answer, str):
        events, done = events_of(answer)
        if events:
            return fold(events, done)
    # An empty body, or bytes that are no JSON (sound): the headers and the request may still tell.
    return [Told({}, complete=True)]


def _one(exchange: Exchange, told: Told, given: str | None) -> Reading:
    body = told.body
    found = find_usage(body)
    family, usage = found or (None, {})
    streamed = not isinstance(exchange.answer, Mapping)
    status = facts.status_of(exchange, body)
    inner = body.get("response")
    holder = inner if isinstance(inner, Mapping) and str(body.get("type", "")).startswith("response.") else body
    model = facts.model_of(exchange, holder)
    provider = facts.provider_of(given, family, model, exchange.uri)
    counts = counts_of(family, usage, provider) if family else beside_the_text(body) or in_headers(exchange.headers)
    things = count_things(exchange, holder)
    record: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "response_id": facts.response_id_of(exchange, holder),
        "operation": facts.operation_of(exchange, holder, family),
        "status": status,
        "service_tier": facts.tier_of(exchange, holder, usage),
        "region": facts.region_of(usage),
        "occurred_at": facts.occurred_at(exchange, holder),
    }
    units = things.pop("other_units")
    known = counts is not None or bool(things) or status != "ok"
    if not known:
        _check_is_answer(exchange, holder)
    parts, estimated = split(counts or {})
    parts["other_units"] = {**units, **parts["other_units"], **({} if known else {UNTOLD: 1})}
    complete = not (streamed and told.body and not told.complete) and not _half(body, counts)
    attributes = {} if (complete and not estimated) or not known else {"usage_estimated": "true"}
    if not complete:
        attributes["usage_incomplete"] = "true"
    if not known:
        attributes["usage_unknown"] = "true"
    cost = facts.stated_cost(exchange, usage)
    if cost is not None:
        record["reported_cost_usd"] = f"{cost[0]:f}"
        attributes["cost_source"] = cost[1]
    record |= {**parts, **things, "attributes": attributes}
    record["id"] = record["response_id"] or _fingerprint(exchange)
    return Reading((_lean(record), *_others(record, usage, provider)), known, complete)


def _half(body: Mapping[str, Any], counts: Counts | None) -> bool:
    """Ollama leaves the prompt out of the count when it had it in its cache."""
    return bool(counts) and body.get("eval_count") is not None and body.get("prompt_eval_count") is None


def _others(record: Mapping[str, Any], usage: Mapping[str, Any], provider: str) -> list[dict[str, Any]]:
    """Records of what an Anthropic call used beside the model asked for: an advisor, a compaction. Its totals leave them out."""
    iterations = usage.get("iterations")
    if not isinstance(iterations, list):
        return []
    others = []
    for place, each in enumerate(iterations, start=1):
        if not isinstance(each, Mapping) or each.get("type") in (None, "message"):
            continue
        found = find_usage({"type": "message", "usage": each})
        if found is None:
            continue
        parts, _ = split(counts_of("exclusive", found[1], provider))
        kept = ("provider", "response_id", "status", "service_tier", "region", "occurred_at")
        other = {key: record[key] for key in kept} | parts
        other |= {"id": f"{record['id']}#{place}", "model": each.get("model") or record["model"], "operation": str(each["type"])}
        # Two records of one response are two calls, not one call told twice.
        other["response_id"] = f"{record['response_id']}#{place}" if record["response_id"] else None
        others.append(_lean({**other, "attributes": {}}))
    return others


def _check_is_answer(exchange: Exchange, body: Mapping[str, Any]) -> None:
    kind = _object_of(body)
    if kind in NO_ANSWERS:
        raise Refusal(None, f"this is no model's answer (object {shown(kind)}): nothing was billed for it")
    if body.get("status") in UNFINISHED and isinstance(exchange.answer, Mapping):
        raise Refusal("status", f"the answer is {shown(body['status'])}: what it uses is told when it is finished")
    if not any(key in body for key in ANSWERS) and isinstance(exchange.answer, Mapping):
        raise Refusal(None, "this is no model's answer: it states no usage and holds no output")
    if isinstance(exchange.answer, str) and not body and not exchange.uri:
        raise Refusal(None, "this text is neither JSON nor a stream of events")


def _object_of(body: Mapping[str, Any]) -> object:
    """What a body calls itself; of a list, what its first item does."""
    items = body.get("data")
    if body.get("object") == "list" and isinstance(items, list) and items and isinstance(items[0], Mapping):
        return items[0].get("object")
    return body.get("object")


def _fingerprint(exchange: Exchange) -> str:
    try:
        held = orjson.dumps(exchange.answer, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        held = repr(exchange.answer).encode()
    return hashlib.sha256(held + exchange.uri.encode()).hexdigest()[:32]


def _lean(record: Mapping[str, Any]) -> dict[str, Any]:
    """Without what nobody told; the token fields stay, a zero too."""
    return {key: value for key, value in record.items() if key in SPLIT_TOKENS or value not in (None, {}, 0)}
