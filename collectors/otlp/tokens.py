"""The tokens of a call from its attributes, whichever names they have: totals with their parts, as usage records want them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.otlp import names
from collectors.otlp.operations import EMBEDDINGS
from collectors.records.fields import Refusal

ESTIMATED = "usage_estimated"
Found = Mapping[str, Any]


def number(found: Found, candidates: names.Names) -> int | float | None:
    """The first that is a number. A text of digits is one; a whole fraction is whole."""
    for name in candidates:
        value = found.get(name)
        if isinstance(value, str):
            value = int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
        if value is None or isinstance(value, bool):
            continue
        return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
    return None


def has_usage(found: Found) -> bool:
    """Whether a span says how much was used."""
    quantities = (names.INPUT, names.OUTPUT, names.TOTAL, names.IMAGES, names.CHARACTERS, names.AUDIO_SECONDS)
    return any(number(found, candidates) for candidates in quantities)


def quantities(found: Found, operation: str | None) -> tuple[dict[str, Any], dict[str, float], dict[str, str]]:
    """(fields of a usage record, its other units, its notes). Raises Refusal where parts are more than the whole they are parts of.

    Input includes what was cached and output what was reasoned. Emitters that leave these out give themselves away where their total is
    input + cached + output: then they are added.
    """
    input_, output, total = (number(found, each) for each in (names.INPUT, names.OUTPUT, names.TOTAL))
    read, write, reasoning = (number(found, each) or 0 for each in (names.CACHE_READ, names.CACHE_WRITE, names.REASONING))
    units: dict[str, float] = {}
    notes: dict[str, str] = {}
    if input_ is None and output is None and total:
        input_ = total
        if operation not in EMBEDDINGS:
            notes[ESTIMATED] = "true"
    input_, output = input_ or 0, output or 0
    # Most calls have none of the rarer quantities, and looking for each of them takes longer than all the rest.
    rare = not names.RARE.isdisjoint(found)
    for unit, candidates in names.WRITE_PARTS.items() if rare else ():
        if part := number(found, candidates):
            units[unit] = float(part)
    write = write or _whole(sum(units.values()))
    if total:
        if (read or write) and total == input_ + read + write + output and total != input_ + output:
            input_ += read + write
        elif reasoning and total == input_ + output + reasoning:
            output += reasoning
    if rare:
        _modalities(found, units, notes, input_, read, write, output)
    for unit, candidates in names.COUNTED.items() if rare else ():
        if count := number(found, candidates):
            units[unit] = float(count)
    fields = {
        "input_tokens": input_, "cache_read_tokens": read, "cache_write_tokens": write, "output_tokens": output, "reasoning_tokens": reasoning,
        "images": number(found, names.IMAGES) or 0, "characters": number(found, names.CHARACTERS) or 0,
        "audio_seconds": number(found, names.AUDIO_SECONDS),
    }  # fmt: skip
    return fields, units, notes


def _modalities(
    found: Found, units: dict[str, float], notes: dict[str, str], input_: Any, read: Any, write: Any, output: Any
) -> None:
    """Tokens that are not text. Those of the input are split into fresh and cached ones, as their prices are."""
    fresh = input_ - read - write
    for kind in names.MODALITIES:
        whole, cached = number(found, names.OF_INPUT[kind]) or 0, number(found, names.OF_CACHE[kind]) or 0
        told = number(found, names.OF_OUTPUT[kind])
        if told:
            units[f"output_{kind}_tokens"] = float(told)
        if not whole and not cached:
            continue
        own = max(0, whole - cached)
        # More than is fresh: at least the rest of them came out of the cache, though nobody said how many did.
        surplus = max(0, min(own - max(0, fresh), own))
        if surplus:
            notes[ESTIMATED] = "true"
        for unit, count in ((f"input_{kind}_tokens", own - surplus), (f"cache_read_{kind}_tokens", cached + surplus)):
            if count:
                units[unit] = float(count)
        fresh -= own - surplus
    parts = sum(count for unit, count in units.items() if unit.startswith("output_"))
    if parts > output:
        raise Refusal(
            "output_tokens",
            f"{parts:,.0f} tokens of other kinds are more than output_tokens ({output:,}), of which they are a part",
        )
    cached_parts = sum(count for unit, count in units.items() if unit.startswith("cache_read_"))
    if cached_parts > read:
        raise Refusal(
            "input_tokens", f"{cached_parts:,.0f} cached tokens of other kinds are more than cache_read_tokens ({read:,})"
        )


def _whole(value: float) -> int | float:
    return int(value) if float(value).is_integer() else value
