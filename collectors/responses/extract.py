"""Where each provider's answers state what was used: genai-prices' extractors, read strictly, and what they leave out.

The library knows which path of which provider's answer means what. Its own reader passes over a count of the wrong type and takes the first
of several entries of one modality; here a count that is no count is refused, and all entries count. The names in a `Counts` are the
library's: parts overlap (`input_audio_tokens` holds cached audio too), which `collectors.responses.buckets` takes apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from genai_prices import types
from genai_prices.data import providers as PROVIDERS
from genai_prices.data_snapshot import find_provider_by_id

from collectors.records import fields
from collectors.records.fields import Refusal, shown

Path = tuple[Any, ...]
Counts = dict[str, float]

MODALITIES = ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT")
"""Google's modalities by their number, as protobuf's JSON may write them."""
SECONDS = ("audio_seconds", "input_audio_seconds", "output_audio_seconds")

FAMILIES = {
    "chat": (("openai", "chat"),),
    "input": (("openai", "responses"), ("openai", "images"), ("openai", "realtime")),
    "exclusive": (("anthropic", "default"),),
    "gemini": (("google", "default"),),
    "converse": (("aws", "default"),),
    "billed": (("cohere", "default"),),
    "pages": (("mistral", "ocr"),),
    "total": (),
    "duration": (("openai", "live"),),
    "cursor": (("cursor", "usage-event"),),
}
"""How a usage object counts, and the extractors that read it so. `chat`: prompt and completion tokens; `input`: input and output tokens, cached
ones included; `exclusive`: cached ones beside the input."""

GAPS: dict[str, tuple[tuple[Path, str], ...]] = {
    "chat": (
        (("prompt_cache_hit_tokens",), "cache_read_tokens"),
        (("cached_tokens",), "cache_read_tokens"),
        (("cache_read_input_tokens",), "cache_read_tokens"),
        (("cache_creation_input_tokens",), "cache_write_tokens"),
        (("prompt_tokens_details", "cache_creation_tokens"), "cache_write_tokens"),
        (("prompt_tokens_details", "image_tokens"), "input_image_tokens"),
        (("prompt_tokens_details", "video_tokens"), "input_video_tokens"),
        (("prompt_tokens_details", "cached_tokens_details", "audio_tokens"), "cache_audio_read_tokens"),
        (("prompt_tokens_details", "cached_tokens_details", "image_tokens"), "cache_image_read_tokens"),
        (("completion_tokens_details", "image_tokens"), "output_image_tokens"),
        (("completion_tokens_details", "video_tokens"), "output_video_tokens"),
        (("reasoning_tokens",), "output_reasoning_tokens"),
        (("server_tool_use", "web_search_requests"), "web_searches"),
        (("num_search_queries",), "web_searches"),
        (("prompt_audio_seconds",), "input_audio_seconds"),
    ),
    "input": (
        (("input_tokens_details", "audio_tokens"), "input_audio_tokens"),
        (("input_tokens_details", "video_tokens"), "input_video_tokens"),
        (("input_tokens_details", "cache_creation_tokens"), "cache_write_tokens"),
        (("output_tokens_details", "audio_tokens"), "output_audio_tokens"),
        (("output_token_details", "image_tokens"), "output_image_tokens"),
        (("output_token_details", "reasoning_tokens"), "output_reasoning_tokens"),
        (("cache_read_input_tokens",), "cache_read_tokens"),
        (("cache_creation_input_tokens",), "cache_write_tokens"),
        (("server_tool_use", "web_search_requests"), "web_searches"),
    ),
    "gemini": ((("responseTokenCount",), "output_tokens"),),
    "billed": ((("billed_units", "search_units"), "rerank_searches"), (("billed_units", "image_tokens"), "input_image_tokens")),
    "total": ((("total_tokens",), "input_tokens"),),
}
"""What answers say and no extractor of their family reads; taken only where nothing else told it."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """One extractor: the paths it reads and what each counts."""

    pairs: tuple[tuple[Path, str], ...]
    first_names: frozenset[str]
    exclusive: bool


def find_usage(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """(family, usage object) of a body, or None when it states no usage. Raises Refusal when what stands there is no object."""
    for holder in _holders(body):
        for key in ("usage", "usageMetadata", "usage_metadata", "usage_info", "tokenUsage", "meta"):
            usage = holder.get(key)
            if usage is None or usage == {} or usage == []:
                continue
            if not isinstance(usage, Mapping):
                if key == "meta":
                    continue
                raise Refusal(key, f"must be an object with token counts, not {shown(usage)}")
            family = _family(usage, holder)
            if family is not None:
                return family, usage
    family = _family(body, body)
    return (family, body) if family else None


def _holders(body: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield body
    for key in ("response", "result", "x_groq"):
        if isinstance(body.get(key), Mapping):
            yield body[key]


def _family(usage: Mapping[str, Any], holder: Mapping[str, Any]) -> str | None:
    told = {key for key, value in usage.items() if value is not None}
    if {"promptTokenCount", "candidatesTokenCount", "prompt_token_count", "candidates_token_count", "responseTokenCount"} & told:
        # Llama on Bedrock also says prompt_token_count, beside its answer and not in an object of its own.
        return "gemini" if usage is not holder else None
    if {"prompt_tokens", "completion_tokens"} & told:
        return "chat"
    if "cacheReadTokens" in told and "inputTokens" in told:
        return "cursor"
    if {"inputTokens", "outputTokens"} & told:
        return "converse"
    if isinstance(usage.get("billed_units"), Mapping):
        return "billed"
    if {"input_tokens", "output_tokens"} & told:
        inclusive = {"input_tokens_details", "input_token_details", "total_tokens"} & told
        own = {"cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation"} & told
        return "exclusive" if (own and not inclusive) or holder.get("type") == "message" else "input"
    if "pages_processed" in told:
        return "pages"
    if usage.get("type") == "duration" or ("seconds" in told and usage is not holder):
        return "duration"
    return "total" if "total_tokens" in told else None


def counts_of(family: str, usage: Mapping[str, Any], provider: str) -> Counts:
    """What a usage object counts, in the library's names. Raises Refusal for a count that is none."""
    usage = _tidy(family, usage)
    counts: Counts = {}
    own, references = _readers(family, provider)
    # Of a provider's several extractors the one that finds most of its paths is meant.
    best = max(own, key=lambda mapped: _hits(mapped.pairs, usage), default=None)
    for mapped in (best, *references) if best else references:
        counts = {**_read(mapped.pairs, usage), **counts}
    for path, name in GAPS.get(family, ()):
        if name not in counts:
            counts |= _read(((path, name),), usage)
    if family == "chat":
        _reasoning_by_total(usage, counts)
    if family == "billed":
        _billed(counts)
    return counts


@cache
def _readers(family: str, provider: str) -> tuple[tuple[Mapped, ...], tuple[Mapped, ...]]:
    """(the provider's own extractors for a family, those of the API that others copy)."""
    references = tuple(_mapped(_extractor(*name)) for name in FAMILIES[family])
    found = find_provider_by_id(PROVIDERS, provider)
    if family not in ("chat", "input", "exclusive") or found is None:
        return (), references
    wanted = {"chat": {"prompt_tokens", "completion_tokens"}}.get(family, {"input_tokens", "output_tokens"})
    own = (_mapped(extractor) for extractor in found.extractors or ())
    fitting = tuple(m for m in own if m.first_names >= wanted and m.exclusive == (family == "exclusive"))
    return fitting, references


def _extractor(provider: str, flavour: str) -> types.UsageExtractor:
    found = next(each for each in PROVIDERS if each.id == provider)
    return next(each for each in found.extractors or () if each.api_flavor == flavour)


def _mapped(extractor: types.UsageExtractor) -> Mapped:
    root = (extractor.root,) if isinstance(extractor.root, str) else tuple(extractor.root)
    # Cohere's root lies one step inside the usage object.
    inside = root[1:] if root[0] in ("usage", "meta") else ()
    pairs = tuple(
        ((*inside, *((each.path,) if isinstance(each.path, str) else each.path)), each.dest) for each in extractor.mappings
    )
    inputs = [dest for _, dest in pairs if dest == "input_tokens"]
    return Mapped(pairs, frozenset(str(path[0]) for path, _ in pairs), len(inputs) > 1)


def _read(pairs: Iterable[tuple[Path, str]], usage: Mapping[str, Any]) -> Counts:
    counts: Counts = {}
    for path, name in pairs:
        value = _at(path, usage, whole=name not in SECONDS)
        if value is not None:
            counts[name] = counts.get(name, 0) + value
    return counts


def _hits(pairs: Iterable[tuple[Path, str]], usage: Mapping[str, Any]) -> int:
    """How many of the paths hold something, a count or not."""
    return sum(_present(path, usage) for path, _ in pairs)


def _present(path: Path, usage: Mapping[str, Any]) -> bool:
    try:
        return _at(path, usage, whole=False) is not None
    except Refusal:
        return True


def _at(path: Path, holder: Any, whole: bool, so_far: str = "") -> float | None:
    """The count at a path, None where nothing is told."""
    if holder is None:
        return None
    step, rest = path[0], path[1:]
    if isinstance(step, types.ArrayMatch):
        if not isinstance(holder, Sequence) or isinstance(holder, str):
            raise Refusal(so_far, f"must be a list, not {shown(holder)}")
        told = [_at(rest, item, whole, so_far) for item in holder if isinstance(item, Mapping) and _matches(step, item)]
        counts = [value for value in told if value is not None]
        return sum(counts) if counts else None
    if not isinstance(holder, Mapping):
        if holder == []:
            return None
        raise Refusal(so_far, f"must be an object with token counts, not {shown(holder)}")
    name = f"{so_far}.{step}" if so_far else str(step)
    if rest:
        return _at(rest, holder.get(step), whole, name)
    if holder.get(step) is None or holder[step] == {}:
        return None
    held = {name: holder[step]}
    return fields.count(held, name) if whole else fields.number(held, name)


def _matches(step: types.ArrayMatch, item: Mapping[str, Any]) -> bool:
    word = item.get(step.field)
    return isinstance(word, str) and step.match.is_match(word)


def _tidy(family: str, usage: Mapping[str, Any]) -> Mapping[str, Any]:
    """Spellings that SDKs and other endpoints of the same provider use."""
    if family == "gemini":
        tidy = {_camel(key): value for key, value in usage.items()}
        for key, value in tidy.items():
            if key.endswith("TokensDetails") and isinstance(value, list):
                tidy[key] = [_modality(item) if isinstance(item, Mapping) else item for item in value]
        return tidy
    if family == "converse":
        longer = {"cacheReadInputTokens": "cacheReadInputTokenCount", "cacheWriteInputTokens": "cacheWriteInputTokenCount"}
        return {**{short: usage.get(name) for short, name in longer.items()}, **_told(usage)}
    if (
        family == "exclusive"
        and usage.get("cache_creation_input_tokens") is None
        and isinstance(usage.get("cache_creation"), Mapping)
    ):
        parts = [
            fields.count(usage["cache_creation"], name) for name in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
        ]
        return {**usage, "cache_creation_input_tokens": sum(parts)}
    return usage


def _told(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in usage.items() if value is not None}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _modality(item: Mapping[str, Any]) -> dict[str, Any]:
    word = item.get("modality")
    if isinstance(word, int) and not isinstance(word, bool) and 0 <= word < len(MODALITIES):
        word = MODALITIES[word]
    return {
        "modality": word.upper() if isinstance(word, str) else word,
        "tokenCount": item.get("tokenCount", item.get("token_count")),
    }


def _reasoning_by_total(usage: Mapping[str, Any], counts: Counts) -> None:
    """Whether reasoning is part of the completion differs by server, not only by provider: where the total settles it, the total is right."""
    reasoning = counts.get("output_reasoning_tokens", 0)
    told = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    if not reasoning or not all(type(value) is int for value in told.values()):
        return
    prompt, completion, total = (int(str(value)) for value in told.values())
    citations = counts.get("output_citation_tokens", 0)
    if total == prompt + completion:
        counts["output_tokens"] = completion + (citations if counts.get("output_tokens", 0) >= completion + citations else 0)
    elif total == prompt + completion + reasoning:
        counts["output_tokens"] = completion + reasoning


def _billed(counts: Counts) -> None:
    """Cohere bills images' tokens beside the text's."""
    images = counts.get("input_image_tokens", 0)
    if images:
        counts["input_tokens"] = counts.get("input_tokens", 0) + images
