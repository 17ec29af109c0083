"""OpenAI's organisation reports, read with an admin key: use by endpoint, and costs. Buckets are of UTC, times in Unix seconds.

https://platform.openai.com/docs/api-reference/usage
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collectors.fetch import Fetcher
from collectors.providers.entries import Entry, amount, count, hashed, pages, told

PROVIDER = "openai"
BASE = "/v1/organization"
GROUPS = ("project_id", "api_key_id", "model")
HOURS, DAYS, COST_DAYS = 168, 31, 180
"""Most buckets a page gives of each width."""


@dataclass(frozen=True)
class Use:
    """`/v1/organization/usage/<name>`. Its `groups` are what one entry is told apart by."""

    name: str
    groups: tuple[str, ...] = GROUPS
    billed: bool = False

    def read(self, fetcher: Fetcher, since: datetime, until: datetime, hourly: bool) -> list[Entry]:
        path = f"{BASE}/usage/{self.name}"
        params = [*_span(since, until), ("bucket_width", "1h" if hourly else "1d"), ("limit", str(HOURS if hourly else DAYS))]
        params += [("group_by[]", group) for group in self.groups]
        return [self._entry(bucket, result, path) for bucket, result in pages(fetcher, path, params)]

    def _entry(self, bucket: Mapping[str, Any], result: Mapping[str, Any], path: str) -> Entry:
        dims = {**told(result, "project_id", "model", "service_tier", "size", "source"), "operation": self.name}
        if key := hashed(result.get("api_key_id")):
            dims["api_key_hash"] = key
        if result.get("batch") is True:
            dims["service_tier"] = "batch"
        other: dict[str, float] = {}
        # The totals are of text; audio is told beside them.
        audio_in, audio_out = count(result, "input_audio_tokens", path), count(result, "output_audio_tokens", path)
        if audio_in:
            other["input_audio_tokens"] = float(audio_in)
        if audio_out:
            other["output_audio_tokens"] = float(audio_out)
        counts = {
            "input_tokens": count(result, "input_tokens", path) + audio_in,
            "cache_read_tokens": count(result, "input_cached_tokens", path),
            "output_tokens": count(result, "output_tokens", path) + audio_out,
            "images": count(result, "images", path),
            "characters": count(result, "characters", path),
        }
        start, end = _bucket(bucket, path)
        requests = result.get("num_model_requests")
        return Entry(
            start,
            end,
            dims,
            {name: number for name, number in counts.items() if number},
            other,
            float(count(result, "seconds", path)),
            None if requests is None else count(result, "num_model_requests", path),
        )


@dataclass(frozen=True)
class Costs:
    """`/v1/organization/costs`, by day, line item and project."""

    name: str = "costs"
    billed: bool = True

    def read(self, fetcher: Fetcher, since: datetime, until: datetime, hourly: bool) -> list[Entry]:
        path = f"{BASE}/costs"
        params = [*_span(since, until), ("bucket_width", "1d"), ("limit", str(COST_DAYS))]
        params += [("group_by[]", group) for group in ("line_item", "project_id")]
        return [self._entry(bucket, result, path) for bucket, result in pages(fetcher, path, params)]

    def _entry(self, bucket: Mapping[str, Any], result: Mapping[str, Any], path: str) -> Entry:
        told_amount = result.get("amount")
        money: Mapping[str, Any] = told_amount if isinstance(told_amount, dict) else {}
        start, end = _bucket(bucket, path)
        quantity = result.get("quantity")
        return Entry(
            start,
            end,
            told(result, "line_item", "project_id"),
            cost=amount(money.get("value"), path),
            currency=str(money.get("currency") or "usd").upper()[:3],
            quantity=None if quantity is None else amount(quantity, path),
            words=str(result.get("line_item") or "not itemised")[:500],
        )


REPORTS = (
    Use("completions", (*GROUPS, "batch", "service_tier")),
    Use("embeddings"),
    Use("moderations"),
    Use("images", (*GROUPS, "size", "source")),
    Use("audio_speeches"),
    Use("audio_transcriptions"),
    Costs(),
)
"""What is stored and run in vector stores and sessions is billed, not used by calls: it stands in the costs."""


def headers(token: str) -> dict[str, str]:
    """What says who asks."""
    return {"Authorization": f"Bearer {token}"}


def _span(since: datetime, until: datetime) -> list[tuple[str, str]]:
    return [("start_time", str(int(since.timestamp()))), ("end_time", str(int(until.timestamp())))]


def _bucket(bucket: Mapping[str, Any], path: str) -> tuple[datetime, datetime]:
    start, end = (datetime.fromtimestamp(count(bucket, name, path), UTC) for name in ("start_time", "end_time"))
    return start, end
