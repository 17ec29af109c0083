"""Rows to measure with: usage events as records, and millions of them made inside the engine."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from warehouse.store import Store, Transaction

MILLION = 1_000_000
SERIES = 100

# Made by the engine itself, because the measurement is of reading: hash() stands in for a random generator. Days are spread evenly over 90 days.
MANY_EVENTS = """
INSERT INTO ai_usage BY NAME
SELECT 'bench-' || i AS event_id, 'bench' AS source, made_at AS occurred_at, made_at AS ingested_at, 1 AS requests, 'scribe' AS platform,
    'ai_services' AS component, CASE WHEN h % 10 < 7 THEN 'gemini' ELSE 'openrouter' END AS provider,
    CASE WHEN h % 10 < 4 THEN 'flash' WHEN h % 10 < 7 THEN 'flash-lite' ELSE 'paid' END AS model,
    CASE h % 3 WHEN 0 THEN 'npc_dialogue' WHEN 1 THEN 'quest_text' ELSE 'world_generation' END AS request_type,
    CASE WHEN h % 997 = 0 THEN 'error' ELSE 'ok' END AS status, 'u' || (h % 2000) AS user_id,
    CASE WHEN h % 5 = 0 THEN 'premium' ELSE 'free' END AS tier,
    h % 2000 AS input_uncached_tokens, 0 AS cache_read_tokens, 0 AS cache_write_tokens, h % 700 AS output_tokens, 0 AS reasoning_tokens,
    0 AS images, 0 AS characters, 0 AS audio_seconds,
    -- A sum of uniform hashes is near normal: latencies come out log-normal with a median of 600 ms.
    exp(6.4 + 0.7 * ((h % 1000 + (h // 1000) % 1000 + (h // 1000000) % 1000 + (h // 1000000000) % 1000) / 1000.0 - 2)) AS latency_ms,
    h AS id_hash, h AS content_hash
FROM (SELECT i, hash(i) // 2 AS h, $until::TIMESTAMPTZ - to_microseconds((($total - i)::HUGEINT * 7776000000000 // $total)::BIGINT) AS made_at
      FROM range($low, $high) AS made(i))
"""
THEIR_COSTS = """
INSERT INTO cost_entries BY NAME
SELECT event_id, source, id_hash, occurred_at, 0 AS revision, 'bench' AS price_id,
    ((input_uncached_tokens + output_tokens) * 0.000002::DECIMAL(18, 12))::DECIMAL(18, 9) AS cost_usd, 'priced' AS cost_state, ingested_at AS recorded_at
FROM ai_usage WHERE source = 'bench' AND occurred_at >= $since AND occurred_at < $until
"""


def fill(store: Store, total: int, until: datetime) -> None:
    """Store `total` events of the 90 days before `until`, with their costs, and mark their buckets dirty."""
    for low in range(0, total, MILLION):
        span = {"low": low, "high": min(low + MILLION, total), "total": total, "until": until}
        store.run(lambda tx, span=span: _one(tx, MANY_EVENTS, span))
    for week in range(13):
        since = until - timedelta(days=7 * (week + 1))
        store.run(lambda tx, since=since: _one(tx, THEIR_COSTS, {"since": since, "until": since + timedelta(days=7)}))
    mark = (
        "INSERT INTO dirty_buckets SELECT DISTINCT 'usage', make_timestamptz(epoch_us(occurred_at) // 900000000 * 900000000), $until::TIMESTAMPTZ"
        " FROM ai_usage"
    )
    store.run(lambda tx: _one(tx, mark, {"until": until}))


def _one(tx: Transaction, sql: str, params: dict[str, object]) -> None:
    tx.execute(sql, params)


def records(count: int, until: datetime, seed: int, span: timedelta = timedelta(hours=6)) -> list[dict[str, Any]]:
    """Usage records as a platform sends them, over the `span` before `until`, with ids that no other seed makes."""
    rng = random.Random(seed)
    return [
        {
            "id": f"bench-{seed}-{n}", "occurred_at": (until - span + span * (n / count)).isoformat(timespec="milliseconds"),
            "platform": "scribe", "component": "ai_services", "provider": "gemini", "model": rng.choice(("flash", "flash-lite")), "operation": "chat",
            "request_type": "npc_dialogue", "feature": "dialogue", "status": "ok", "user_id": f"u-{rng.randrange(2000)}", "tier": "free",
            "input_tokens": rng.randrange(10, 3000), "cache_read_tokens": rng.randrange(0, 10), "output_tokens": rng.randrange(1, 900),
            "latency_ms": round(rng.lognormvariate(6.4, 0.6), 3), "urgency": "normal", "complexity": round(rng.random(), 3),
        }
        for n in range(count)
    ]  # fmt: skip


def samples(count: int, until: datetime, seed: int) -> pa.Table:
    """Samples of a hundred series, `count` in all, a second apart, over the time before `until`."""
    from warehouse.tables import SAMPLES

    rng = random.Random(seed)
    steps = count // SERIES
    labels = [(("instance", f"i-{n}"),) for n in range(SERIES)]
    rows = [
        {
            "platform": "scribe", "component": "application", "name": f"bench_{seed}", "labels": list(labels[n % SERIES]),
            "observed_at": until - timedelta(seconds=steps - n // SERIES), "value": rng.random(),
        }
        for n in range(count)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SAMPLES)
