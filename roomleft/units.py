"""The quantities that AI usage is counted and priced in, beside the stored columns: parts of a token bucket, and things counted on their own.

A part (`input_audio_tokens`) is counted inside its bucket (`input_uncached_tokens`) and never added to it. Priced, it takes its tokens out of
the bucket; without a price of its own it costs what the bucket costs, except for what a model puts out that is not text, which nobody
may price as text: that is unpriced. All of these are kept in `ai_usage.other_units`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

BUCKETS: Final = ("input_uncached_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
"""The disjoint token buckets."""

_PARTS = {
    "input_text_tokens": "input_uncached_tokens",
    "input_audio_tokens": "input_uncached_tokens",
    "input_image_tokens": "input_uncached_tokens",
    "input_video_tokens": "input_uncached_tokens",
    "input_tool_tokens": "input_uncached_tokens",
    "cache_read_text_tokens": "cache_read_tokens",
    "cache_read_audio_tokens": "cache_read_tokens",
    "cache_read_image_tokens": "cache_read_tokens",
    "cache_read_video_tokens": "cache_read_tokens",
    "cache_write_5m_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_tokens",
    "output_text_tokens": "output_tokens",
    "output_audio_tokens": "output_tokens",
    "output_image_tokens": "output_tokens",
    "output_video_tokens": "output_tokens",
    "output_citation_tokens": "output_tokens",
}
PART_OF: Final = MappingProxyType(_PARTS)
"""Which bucket each part is counted in. Parts of one bucket do not overlap one another. `reasoning_tokens` has a column of its own."""

OWN_PRICE_ONLY: Final = frozenset({"output_audio_tokens", "output_image_tokens", "output_video_tokens"})
"""Parts that are unpriced, not text, where a model's price list says nothing of them."""

COUNTED: Final = (
    "web_searches", "file_searches", "social_searches", "rerank_searches", "document_pages", "annotated_document_pages", "messages", "pixels",
    "input_audio_seconds", "output_audio_seconds",
)  # fmt: skip
"""Things with a price of their own that are counted beside tokens. `input_audio_seconds` and `output_audio_seconds` are parts of `audio_seconds`
where both are told."""

IMAGE_KIND: Final = "images."
"""`images.<quality>.<size>` counts images of one quality and size: a part of `images`, with a price of its own."""

SERVICE_CLASSES: Final = ("batch", "flex", "priority", "fast", "scale")
"""Service classes with prices of their own. Everything else a provider calls a tier (standard, default, auto, on_demand) is the standard one, ''."""


def service_class(service_tier: str | None, operation: str | None = None) -> str:
    """The class whose prices hold for a call, from what the provider calls its tier: '' is the standard one."""
    word = (service_tier or "").strip().lower()
    if word in SERVICE_CLASSES:
        return word
    return "batch" if (operation or "").strip().lower() == "batch" else ""
