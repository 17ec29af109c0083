"""What is counted without tokens: images, characters, seconds, searches. From the answer, its headers, or what was asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from collectors.responses.exchange import Exchange
from roomleft.units import IMAGE_KIND

CHARACTER_HEADERS = ("character-cost", "x-character-cost", "dg-char-count")
SPEECH = r"/audio/speech|/text-to-speech|text:synthesize"
TRANSCRIPTION = r"/audio/transcriptions|/audio/translations|/speech-to-text"
DEFAULT_SIZE = "1024x1024"


def count_things(exchange: Exchange, body: Mapping[str, Any]) -> dict[str, Any]:
    """`images`, `characters`, `audio_seconds` and `other_units` of a usage record, those that were counted."""
    things: dict[str, Any] = {}
    units: dict[str, float] = {}
    images = _images(body)
    if images:
        things["images"] = images
        kind = _image_kind(exchange, body)
        if kind:
            units[kind] = images
    characters = _characters(exchange)
    if characters is not None:
        things["characters"] = characters
    seconds = _seconds(exchange, body)
    if seconds is not None:
        things["audio_seconds"] = seconds
    units |= _tool_calls(body)
    return {**things, "other_units": units}


def _images(body: Mapping[str, Any]) -> int:
    for key, marks in (
        ("data", ("b64_json", "url")),
        ("predictions", ("bytesBase64Encoded", "gcsUri")),
        ("artifacts", ("base64",)),
    ):
        items = body.get(key)
        if isinstance(items, list):
            found = sum(isinstance(item, Mapping) and any(item.get(mark) for mark in marks) for item in items)
            if found:
                return found
    images = body.get("images")
    return sum(isinstance(image, str) for image in images) if isinstance(images, list) else 0


def _image_kind(exchange: Exchange, body: Mapping[str, Any]) -> str | None:
    """`images.<quality>.<size>`, as far as either side of the call names them."""
    quality = body.get("quality") or exchange.request.get("quality")
    size = body.get("size") or exchange.request.get("size")
    if not isinstance(quality, str) and not isinstance(size, str):
        return None
    return f"{IMAGE_KIND}{quality if isinstance(quality, str) else 'standard'}.{size if isinstance(size, str) else DEFAULT_SIZE}"


def _characters(exchange: Exchange) -> int | None:
    for header in CHARACTER_HEADERS:
        if exchange.headers.get(header, "").isdigit():
            return int(exchange.headers[header])
    if not re.search(SPEECH, exchange.uri):
        return None
    spoken = exchange.request.get("input", exchange.request.get("text"))
    if isinstance(spoken, Mapping):
        spoken = spoken.get("text")
    return len(spoken) if isinstance(spoken, str) else None


def _seconds(exchange: Exchange, body: Mapping[str, Any]) -> float | None:
    if not (re.search(TRANSCRIPTION, exchange.uri) or ("text" in body and body.get("task") in ("transcribe", "translate"))):
        return None
    try:
        seconds = float(body.get("duration") or "nan")
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _tool_calls(body: Mapping[str, Any]) -> dict[str, float]:
    """Searches that a model ran by itself: items of the output, each billed."""
    items = body.get("output")
    calls = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
    web = [call for call in calls if call.get("type") == "web_search_call" and _searched(call.get("action"))]
    files = [call for call in calls if call.get("type") == "file_search_call"]
    return {name: len(found) for name, found in (("web_searches", web), ("file_searches", files)) if found}


def _searched(action: object) -> bool:
    """Opening a page that was found is no search."""
    return not isinstance(action, Mapping) or action.get("type", "search") == "search"
