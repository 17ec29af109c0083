"""A stream's events as the one body that the same call would have been answered with, had it not been streamed.

Server-sent events, one JSON document a line, a JSON array that arrives piece by piece, and AWS event streams as recorders keep them (frames
whose payloads are JSON). A provider tells usage once at the end, or again and again: the last word counts, and what was told stays told when
the stream breaks off.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

DONE = "[DONE]"
METRICS = "amazon-bedrock-invocationMetrics"
ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done")
KEPT = (
    "id", "object", "model", "created", "created_at", "modelVersion", "responseId", "response_id", "generation_id", "service_tier",
    "serviceTier", "type", "status", "output", "quality", "size", "predictions",
    "prompt_eval_count", "eval_count", "prompt_token_count", "generation_token_count", "inputTextTokenCount", "totalOutputTextTokenCount",
)  # fmt: skip
"""What of an event belongs to the call, usage apart."""


@dataclass(slots=True)
class Told:
    """What a stream has told so far. `complete`: its end came."""

    body: dict[str, Any] = field(default_factory=dict)
    complete: bool = False


def events_of(text: str) -> tuple[list[dict[str, Any]], bool]:
    """(events, whether an end marker came) of a recorded stream. A last event that was cut off is left out."""
    lines = text.splitlines()
    if any(line.startswith(("data:", "event:")) for line in lines):
        return _server_sent(lines)
    events = []
    for line in lines:
        if not line.strip():
            continue
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            break
        events += [event] if isinstance(event, dict) else []
    else:
        if events:
            return events, False
    return list(_documents(text)), False


def _server_sent(lines: Iterable[str]) -> tuple[list[dict[str, Any]], bool]:
    events: list[dict[str, Any]] = []
    done, data = False, list[str]()
    for line in [*lines, ""]:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
            continue
        if line.strip():
            continue
        text, data = "\n".join(data), []
        if text.strip() == DONE:
            done = True
        elif text:
            # Not every server puts an empty line between two events.
            for part in (text,) if _is_json(text) else text.split("\n"):
                done |= part.strip() == DONE
                events += [event for event in (_loaded(part),) if isinstance(event, dict)]
    return events, done


def _is_json(text: str) -> bool:
    return _loaded(text) is not None


def _loaded(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _documents(text: str) -> Iterable[dict[str, Any]]:
    """Every JSON object in a text, outermost ones, whatever stands between them."""
    if "{" not in text:
        try:
            text = base64.b64decode(text, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return
    decoder, place = json.JSONDecoder(), text.find("{")
    while place >= 0:
        try:
            document, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            if isinstance(document, dict):
                yield document
        place = text.find("{", end)


def fold(events: Iterable[object], done: bool = False) -> list[Told]:
    """What a stream's events told: one body for each response in it (a realtime session has several). Never empty."""
    finished: list[Told] = []
    told = Told(complete=done)
    for each in events:
        event = _inner(each)
        if event is None:
            continue
        _take(told, event)
        if event.get("type") == "response.done":
            finished.append(told)
            told = Told(complete=done)
    if told.body or not finished:
        finished.append(told)
    return finished


def _inner(event: object) -> dict[str, Any] | None:
    """An event without the wrapping that a gateway, an SDK or a recorder put around it."""
    while isinstance(event, dict):
        packed = event.get("chunk") if isinstance(event.get("chunk"), dict) else event
        text = packed.get("bytes") if packed else None
        if isinstance(text, str):
            try:
                event = _loaded(base64.b64decode(text).decode("utf-8", "replace"))
            except (binascii.Error, ValueError):
                return None
        elif isinstance(event.get("data"), dict) and not {"usage", "object", "id"} & event.keys():
            event = event["data"]
        else:
            return event
    return None


def _take(told: Told, event: dict[str, Any]) -> None:
    kind = str(event.get("type") or event.get("event_type") or "")
    body = told.body
    response = event.get("response")
    if isinstance(event.get("error"), Mapping) or kind == "error":
        body["error"] = event.get("error") or {"type": "error"}
    if kind == "message_start" and isinstance(event.get("message"), dict):
        _keep(body, event["message"])
        _add(body, "usage", event["message"].get("usage"), merge=True)
    elif kind == "message_delta":
        delta = _object(event.get("delta"))
        _add(body, "usage", event.get("usage"), merge=True)
        told.complete |= bool(delta.get("stop_reason"))
    elif kind.startswith("response.") and isinstance(response, dict):
        _keep(body, response)
        _add(body, "usage", response.get("usage"))
        told.complete |= kind in ENDS
    elif kind in ("message-end", "stream-end"):
        told.complete = True
        end = _object(event.get("delta")) or _object(response)
        _keep(body, end)
        _add(body, "usage", end.get("usage"))
        _add(body, "meta", end.get("meta"))
    else:
        _plain(told, event, kind)
    if isinstance(event.get(METRICS), dict):
        body[METRICS] = event[METRICS]
        told.complete = True


def _plain(told: Told, event: dict[str, Any], kind: str) -> None:
    """An event that is a body in small: chat chunks, Gemini's, Ollama's, and the frames of Bedrock."""
    body = told.body
    _keep(body, {key: value for key, value in event.items() if key != "type" or kind != "message_stop"})
    metadata = event.get("metadata")
    extra = event.get("x_groq")
    for usage in (
        metadata.get("usage") if isinstance(metadata, dict) else None,
        extra.get("usage") if isinstance(extra, dict) else None,
        event.get("usage"),
    ):
        told.complete |= _add(body, "usage", usage) and usage is not event.get("usage")
    _add(body, "usageMetadata", event.get("usageMetadata") or event.get("usage_metadata"), merge=True)
    choices = [*dicts(event.get("choices")), *dicts(event.get("candidates"))]
    told.complete |= any(choice.get("finish_reason") or choice.get("finishReason") for choice in choices)
    told.complete |= event.get("choices") == [] and isinstance(event.get("usage"), dict)
    told.complete |= event.get("done") is True or kind.endswith((".done", ".completed", "message_stop"))
    told.complete |= bool(event.get("completionReason") or event.get("stopReason"))
    told.complete |= bool(event.get("stop_reason")) and "generation_token_count" in event
    told.complete |= "metrics" in event and isinstance(event.get("usage"), dict)


def _keep(body: dict[str, Any], event: Mapping[str, Any]) -> None:
    for key in KEPT:
        if event.get(key) is not None:
            body[key] = event[key]


def _add(body: dict[str, Any], key: str, usage: object, merge: bool = False) -> bool:
    """Take a newer usage; merged field by field where each event tells only some of them."""
    if not isinstance(usage, dict) or not usage:
        return False
    before = body.get(key)
    if not (merge and isinstance(before, dict)):
        body[key] = dict(usage)
        return True
    for name, value in usage.items():
        old = before.get(name)
        # Counts run up. A later zero in a field that the first event had counted is a gateway's default.
        if value is None or (type(value) is int and type(old) is int and 0 <= value < old):
            continue
        before[name] = value
    return True


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def dicts(items: object) -> list[dict[str, Any]]:
    """The objects of a list; none of what is no list."""
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
