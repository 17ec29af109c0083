"""The made-up world's AI usage: by the hour, by user and day, and single calls."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any


def usage_rows(rng: random.Random, now: datetime, span: timedelta = timedelta(days=45)) -> list[dict[str, Any]]:
    """Rows of usage_15m, one an hour for each platform and model."""
    models = (
        ("openrouter", "flux-free", "image", "free", "0"), ("gemini", "flash", "text", "premium", "0.11"), ("gemini", "lite", "text", "free", "0.04"),
        ("elevenlabs", "turbo-v2", "voice", "premium", "0.09"), ("anthropic", "claude-haiku", "text", "premium", "0.13"), ("selfhost", "llama", "text", "free", "0.02"),
    )  # fmt: skip
    rows = []
    hour = (now - span).replace(minute=0, second=0, microsecond=0)
    while hour < now:
        busy = 1 + 0.6 * (9 <= hour.hour <= 20)
        for platform in ("scribe", "tabletop", "coach"):
            for provider, model, kind, tier, price in models:
                calls = int(rng.uniform(20, 60) * busy)
                unpriced = calls if model == "llama" and platform == "coach" else 0
                rows.append(
                    {
                        "bucket": hour, "platform": platform, "component": "ai", "provider": provider, "model": model, "request_type": kind, "tier": tier,
                        "status": "ok" if rng.random() < 0.9 else "error", "requests": calls, "input_uncached_tokens": calls * 800, "cache_read_tokens": calls * 90,
                        "cache_write_tokens": 0, "output_tokens": calls * 240, "images": calls if kind == "image" else 0, "characters": 0,
                        "audio_seconds": Decimal(0), "cost_usd": Decimal(0) if unpriced else (Decimal(price) * calls).quantize(Decimal("0.000000001")),
                        "unpriced_requests": unpriced, "unpriced_tokens": unpriced * 1000, "latency_ms_sum": calls * 900.0, "latency_count": calls,
                        "last_at": min(hour + timedelta(minutes=59), now - timedelta(seconds=9)),
                    }
                )  # fmt: skip
        hour += timedelta(hours=1)
    return rows


def user_rows(rng: random.Random, now: datetime) -> list[dict[str, Any]]:
    """Rows of usage_user_1d."""
    return [
        {
            "zone": "UTC", "day": (now - timedelta(days=back)).date(), "platform": "scribe", "user_id": f"{(n + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}",
            "tier": "premium" if n % 3 else "free", "provider": "gemini", "model": "flash", "request_type": "text", "status": "ok", "requests": 40 + n,
            "tokens": 90_000 + n * 991, "images": 0, "characters": 0, "cost_usd": Decimal(n * 7 + 3) / 8, "unpriced_requests": 0, "last_at": now - timedelta(days=back, minutes=5),
        }
        for back in range(3)
        for n in range(30)
    ]  # fmt: skip


def call_rows(rng: random.Random, now: datetime) -> list[dict[str, Any]]:
    """Rows of ai_usage over the last hour, scribe only."""
    rows = []
    for n in range(2400):
        at = now - timedelta(seconds=1.5 * n + 2)
        zero = (
            "input_uncached_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "output_tokens",
            "reasoning_tokens",
            "images",
            "characters",
        )
        rows.append(
            {
                "event_id": f"e{n}", "source": "scribe", "occurred_at": at, "ingested_at": at, "requests": 1, "platform": "scribe", "component": "ai",
                "provider": "gemini", "model": "flash", "status": "ok" if rng.random() < 0.985 else "error", **dict.fromkeys(zero, 0), "audio_seconds": Decimal(0),
                "latency_ms": rng.lognormvariate(6.6, 0.5), "id_hash": n, "content_hash": n,
            }
        )  # fmt: skip
    return rows
