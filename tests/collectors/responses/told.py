"""The recorded usage cases, and our records in the words of their expected answers."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

MODALITIES = ("text", "audio", "image", "video")
SAME = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
COUNTED = ("cache_write_5m_tokens", "cache_write_1h_tokens", "web_searches", "output_citation_tokens")

Counts = dict[str, int]


def lines(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a gzipped NDJSON file."""
    with gzip.open(file) as packed:
        for line in packed:
            yield orjson.loads(line)


def whole_counts(record: Mapping[str, Any]) -> Counts:
    """A record's counts where parts overlap: cached audio is in the audio, and what a tool brought in is in the text."""
    units = record.get("other_units", {})
    counts = {name: record[name] for name in SAME} | {name: units.get(name, 0) for name in COUNTED}
    counts["output_reasoning_tokens"] = record["reasoning_tokens"]
    for kind in MODALITIES:
        cached = units.get(f"cache_read_{kind}_tokens", 0)
        counts[f"cache_{kind}_read_tokens"] = cached
        counts[f"input_{kind}_tokens"] = units.get(f"input_{kind}_tokens", 0) + cached
        counts[f"output_{kind}_tokens"] = units.get(f"output_{kind}_tokens", 0)
    counts["input_tool_tokens"] = units.get("input_tool_tokens", 0)
    return {name: int(count) for name, count in counts.items() if count}


def comparable(expected: Mapping[str, int]) -> Counts:
    """The expected counts with a tool's text apart from the text, as our parts are."""
    counts = {
        name: count for name, count in expected.items() if not name.startswith("input_") or not name.endswith("_tool_tokens")
    }
    tool = expected.get("input_text_tool_tokens", 0)
    if "input_text_tokens" in counts and tool:
        counts["input_text_tokens"] -= tool
    if "input_tool_tokens" in expected:
        counts["input_tool_tokens"] = expected["input_tool_tokens"]
    return {name: count for name, count in counts.items() if count}


def numbers_in(value: object) -> Iterator[int]:
    """Every whole number that stands anywhere in a body."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from numbers_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from numbers_in(each)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value
