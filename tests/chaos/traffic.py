"""The traffic of a chaos run: seeded usage batches with late events, re-sent events and several users."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson

MODELS = (("gemini", "flash", "npc_dialogue"), ("gemini", "flash-lite", "quest_text"), ("openrouter", "paid", "world_generation"))


def batches(seed: int, count: int, rows: int, until: datetime) -> Iterator[list[dict[str, Any]]]:
    """`count` batches of `rows` records of the 20 days before `until`, in an order that is mostly time's.

    Some records are days late, and some were already in an earlier batch, letter for letter.
    """
    rng = random.Random(seed)
    sent: list[dict[str, Any]] = []
    start = until - timedelta(days=20)
    for number in range(count):
        batch = []
        for row in range(rows):
            if sent and rng.random() < 0.02:
                batch.append(rng.choice(sent))
                continue
            share = (number + rng.random()) / count if rng.random() > 0.03 else rng.random() * (number + 1) / count
            batch.append(_record(rng, f"e-{number}-{row}", start + timedelta(days=20) * share))
        sent += batch[:50]
        yield batch


def _record(rng: random.Random, event_id: str, at: datetime) -> dict[str, Any]:
    provider, model, request_type = rng.choice(MODELS)
    return {
        "id": event_id, "occurred_at": at.isoformat(timespec="milliseconds"), "platform": "scribe", "component": "ai_services",
        "provider": provider, "model": model, "operation": "chat", "request_type": request_type, "status": "ok" if rng.random() > 0.01 else "error",
        "user_id": f"user-{rng.randrange(200)}", "tier": rng.choice(("free", "premium")), "input_tokens": rng.randrange(10, 3000),
        "output_tokens": rng.randrange(1, 900), "latency_ms": round(rng.lognormvariate(6.5, 0.6), 3),
    }  # fmt: skip


def ndjson(batch: list[dict[str, Any]]) -> bytes:
    """A batch as it is pushed."""
    return b"\n".join(orjson.dumps(record) for record in batch)
