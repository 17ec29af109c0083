"""Arrow schemas of what goes into the warehouse, and the ids that no two nodes need to agree on.

Instants are timestamp[us, UTC]; money is decimal128(18, 9) US dollars. `docs/schema.md` says what one row of each is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
USD = pa.decimal128(18, 9)
SECONDS = pa.decimal128(18, 3)
AMOUNT = pa.decimal128(38, 9)
TEXTS = pa.map_(pa.string(), pa.string())
UNIT_SEPARATOR = "\x1f"


def _schema(required: Mapping[str, pa.DataType], optional: Mapping[str, pa.DataType]) -> pa.Schema:
    fields = [pa.field(name, kind, nullable=False) for name, kind in required.items()]
    return pa.schema(fields + [pa.field(name, kind) for name, kind in optional.items()])


QUANTITIES = (
    "input_uncached_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "images",
    "characters",
    "audio_seconds",
)
"""The disjoint quantities a price may be of, beside `requests`. `reasoning_tokens` is a part of `output_tokens`, never added."""

USAGE = _schema(
    {
        "event_id": pa.string(),
        "source": pa.string(),
        "occurred_at": INSTANT,
        "requests": pa.int64(),
        "platform": pa.string(),
        "status": pa.string(),
        "input_uncached_tokens": pa.int64(),
        "cache_read_tokens": pa.int64(),
        "cache_write_tokens": pa.int64(),
        "output_tokens": pa.int64(),
        "reasoning_tokens": pa.int64(),
        "images": pa.int64(),
        "characters": pa.int64(),
        "audio_seconds": SECONDS,
    },
    {
        "period_end": INSTANT,
        "component": pa.string(),
        "provider": pa.string(),
        "model": pa.string(),
        "operation": pa.string(),
        "request_type": pa.string(),
        "feature": pa.string(),
        "user_id": pa.string(),
        "tier": pa.string(),
        "team": pa.string(),
        "project": pa.string(),
        "environment": pa.string(),
        "api_key_hash": pa.string(),
        "cost_centre": pa.string(),
        "tags": TEXTS,
        "other_units": pa.map_(pa.string(), pa.float64()),
        "response_id": pa.string(),
        "service_tier": pa.string(),
        "region": pa.string(),
        "latency_ms": pa.float64(),
        "first_token_ms": pa.float64(),
        "urgency": pa.string(),
        "complexity": pa.float64(),
        "prompt_hash": pa.string(),
        "cost_hint": pa.float64(),
        "reported_cost_usd": USD,
        "attributes": TEXTS,
    },
)
"""One AI call a row (or one pre-aggregated row, `requests` > 1). The writer adds ingested_at, id_hash and content_hash."""

SAMPLES = _schema(
    {"platform": pa.string(), "component": pa.string(), "name": pa.string(), "observed_at": INSTANT},
    {"labels": TEXTS, "value": pa.float64()},
)
"""One reading a row, in the form it is handed in: `value` NULL marks the end of a series (stale); NaN and ±Inf are values."""

SERIES = _schema(
    {"series_id": pa.uint64(), "platform": pa.string(), "component": pa.string(), "name": pa.string(), "seen_at": INSTANT},
    {"labels": TEXTS},
)
"""A series seen."""

HEALTH = _schema(
    {"platform": pa.string(), "component": pa.string(), "check_name": pa.string(), "observed_at": INSTANT, "status": pa.string()},
    {"value": pa.float64(), "unit": pa.string(), "words": pa.string()},
)
"""One check's answer: status pass, warn, fail or unknown (it could not be made), and its words."""

BUSINESS = _schema(
    {
        "platform": pa.string(),
        "source": pa.string(),
        "day": pa.date32(),
        "tier": pa.string(),
        "active_users": pa.int64(),
        "new_users": pa.int64(),
        "returning_users": pa.int64(),
        "converted_users": pa.int64(),
        "revenue_usd": USD,
    },
    {"satisfaction": pa.float64()},
)
"""A business day of a tier; the newest answer for a day replaces the older one."""

DEPLOYS = _schema(
    {"platform": pa.string(), "deploy_id": pa.string(), "deployed_at": INSTANT, "title": pa.string(), "kind": pa.string()},
    {"component": pa.string(), "version": pa.string()},
)
"""A marker: kind deploy, launch or rollback."""

REJECTED = _schema(
    {"source": pa.string(), "stream": pa.string(), "reason": pa.string()},
    {"field": pa.string(), "event_id": pa.string(), "line": pa.int64(), "content": pa.string()},
)
"""A refused row: why, which field, where it stood, and what it held (never prompt or response texts). The writer adds rejected_at."""

CURSORS = _schema(
    {"source": pa.string(), "stream": pa.string(), "position": pa.string(), "caught_up": pa.bool_(), "recorded_at": INSTANT},
    {"read_to": INSTANT, "newest_at": INSTANT, "oldest_at": INSTANT, "read_from": INSTANT, "live": pa.bool_()},
)
"""How far a stream of a source had been read; the newest `recorded_at` wins. `read_from`: from there to `read_to` everything was read (null:
from the oldest record). `live`: its newest record had been reached (null: where `caught_up`)."""

RATES = _schema(
    {
        "price_id": pa.string(),
        "provider": pa.string(),
        "model": pa.string(),
        "platform": pa.string(),
        "unit": pa.string(),
        "usd_per_unit": pa.decimal128(18, 12),
        "valid_from": INSTANT,
        "catalogue": pa.string(),
        "source": pa.string(),
        "resolved_at": INSTANT,
    },
    {
        "valid_to": INSTANT,
        "context": pa.string(),
        "input_over": pa.int64(),
        "minute_from": pa.int16(),
        "minute_to": pa.int16(),
        "list_usd_per_unit": pa.decimal128(18, 12),
        "checked_on": pa.date32(),
    },
)
"""A resolved price. `unit` is one of QUANTITIES, `requests` or one of roomleft.units; `platform` a slug, or '' for everyone; `context` a
service class (`batch`, `flex`, `priority` …), '' for the standard one. It holds for calls with more than `input_over` input tokens (cache
included), from minute `minute_from` of the UTC day until `minute_to` (null: all day). `list_usd_per_unit` is the list price where a contract
changed it, `checked_on` the day the list was last compared with the provider's."""

HEADROOM = _schema(
    {
        "limit_id": pa.string(),
        "platform": pa.string(),
        "kind": pa.string(),
        "unit": pa.string(),
        "amount": AMOUNT,
        "state": pa.string(),
        "reason": pa.string(),
        "subject": pa.string(),
        "basis": pa.string(),
        "lower_bound": pa.bool_(),
        "freshness": pa.string(),
        "as_of": INSTANT,
    },
    {
        "used": AMOUNT,
        "remaining": AMOUNT,
        "fraction_left": pa.float64(),
        "burn_rate": pa.float64(),
        "exhausts_p10": INSTANT,
        "exhausts_p50": INSTANT,
        "exhausts_p90": INSTANT,
        "p_breach": pa.float64(),
        "window_start": INSTANT,
        "window_end": INSTANT,
        "observed_at": INSTANT,
        "stored_at": INSTANT,
        "about_to": INSTANT,
        "order_by": INSTANT,
        "ends_p10": AMOUNT,
        "ends_p50": AMOUNT,
        "ends_p90": AMOUNT,
        "no_date": pa.string(),
        "forecast_run": pa.string(),
    },
)
"""A limit's room left, as the measure job stores it."""

EVALUATIONS = _schema(
    {
        "evaluated_at": INSTANT,
        "read_to": INSTANT,
        "took_ms": pa.int64(),
        "rules": pa.int64(),
        "findings": pa.int64(),
        "pending": pa.int64(),
        "firing": pa.int64(),
        "unknown": pa.int64(),
        "missed": pa.int64(),
        "words": pa.string(),
    },
    {},
)
"""One evaluation of the alert rules, and up to when what had arrived was seen."""


def series_id(platform: str, component: str, name: str, labels: Mapping[str, str]) -> int:
    """The id of a series: an unsigned 64-bit hash of what names it, the same on every node and after every restart."""
    words = [platform, component, name]
    for key in sorted(labels):
        words += [key, labels[key]]
    # Lengths go in too, so that no text in a label can imitate the border between two.
    text = UNIT_SEPARATOR.join(f"{len(word)}:{word}" for word in words)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


FORECAST_RUNS = _schema(
    {
        "run_id": pa.string(),
        "target": pa.string(),
        "platform": pa.string(),
        "made": pa.string(),
        "model": pa.string(),
        "unit": pa.string(),
        "zone": pa.string(),
        "shape": pa.string(),
        "fitted_at": INSTANT,
        "days": pa.int64(),
        "no_date": pa.string(),
        "provisional": pa.bool_(),
        "words": pa.string(),
        "details": pa.string(),
    },
    {"history_from": INSTANT, "history_to": INSTANT},
)
"""One fitting of the forecaster to a target."""

FORECAST_POINTS = _schema(
    {
        "run_id": pa.string(),
        "target": pa.string(),
        "about_at": INSTANT,
        "about_to": INSTANT,
        **{name: pa.float64() for name in ("p05", "p10", "p50", "p90", "p95")},
    },
    {},
)
"""What a run says of one day."""

FORECAST_PATHS = _schema(
    {
        "run_id": pa.string(),
        "target": pa.string(),
        "fitted_at": INSTANT,
        "first_day": pa.date32(),
        "draws": pa.int64(),
        "days": pa.int64(),
        "futures": pa.binary(),
        "past": pa.binary(),
    },
    {},
)
"""A run's sampled futures; kept for the newest runs only."""

FORECAST_CLAIMS = _schema(
    {
        "claim_id": pa.string(),
        "run_id": pa.string(),
        "target": pa.string(),
        "platform": pa.string(),
        "made": pa.string(),
        "subject": pa.string(),
        "metric": pa.string(),
        "claim": pa.string(),
        "horizon_days": pa.int64(),
        "about_from": INSTANT,
        "about_to": INSTANT,
        "said_at": INSTANT,
    },
    {name: pa.float64() for name in ("amount", "probability", "low", "middle", "high", "naive", "scale")},
)
"""One thing said about the future, to be scored when it is past."""

FORECAST_SCORES = _schema(
    {
        "claim_id": pa.string(),
        "run_id": pa.string(),
        "target": pa.string(),
        "claim": pa.string(),
        "measure": pa.string(),
        "outcome": pa.float64(),
        "score": pa.float64(),
        "scored_at": INSTANT,
    },
    {},
)
"""How a claim came out, by one measure."""

ANOMALIES = _schema(
    {
        "anomaly_id": pa.string(),
        "platform": pa.string(),
        "target": pa.string(),
        "form": pa.string(),
        "unit": pa.string(),
        "about_at": INSTANT,
        "about_to": INSTANT,
        **{name: pa.float64() for name in ("value", "expected", "low", "high", "p_value")},
        "known_as": pa.string(),
        "causes": pa.string(),
        "found_at": INSTANT,
    },
    {},
)
"""A reading that its series' past does not explain."""
