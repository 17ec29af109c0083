"""Anthropic's organisation reports, read with an admin key: messages and costs. Buckets are of UTC, times in RFC 3339, costs in cents.

https://docs.claude.com/en/api/usage-cost-api. The cost report leaves the priority tier out: its use is told, its cost is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from collectors.fetch import Fetcher
from collectors.providers.entries import Entry, amount, count, hashed, pages, told
from roomleft.errors import CollectError, InputError
from roomleft.timespan import parse_instant

PROVIDER = "anthropic"
BASE = "/v1/organizations"
VERSION = "2023-06-01"
HOURS, DAYS = 168, 31
GROUPS = ("api_key_id", "workspace_id", "model", "service_tier", "context_window")
STANDARD_WINDOW, LONG_WINDOW = 200_000, 1_000_000
"""The most input tokens of a call in each context window."""
CENTS = Decimal(100)


@dataclass(frozen=True)
class Messages:
    """`/v1/organizations/usage_report/messages`."""

    name: str = "messages"
    billed: bool = False

    def read(self, fetcher: Fetcher, since: datetime, until: datetime, hourly: bool) -> list[Entry]:
        path = f"{BASE}/usage_report/messages"
        params = [*_span(since, until), ("bucket_width", "1h" if hourly else "1d"), ("limit", str(HOURS if hourly else DAYS))]
        params += [("group_by[]", group) for group in GROUPS]
        return [self._entry(bucket, result, path) for bucket, result in pages(fetcher, path, params)]

    def _entry(self, bucket: Mapping[str, Any], result: Mapping[str, Any], path: str) -> Entry:
        dims = {**told(result, "model", "service_tier", "context_window"), "operation": "messages"}
        if key := hashed(result.get("api_key_id")):
            dims["api_key_hash"] = key
        if result.get("workspace_id"):
            dims["project_id"] = str(result["workspace_id"])[:200]
        written = result.get("cache_creation") or {}
        tools = result.get("server_tool_use") or {}
        short, long = count(written, "ephemeral_5m_input_tokens", path), count(written, "ephemeral_1h_input_tokens", path)
        read = count(result, "cache_read_input_tokens", path)
        total = count(result, "uncached_input_tokens", path) + read + short + long
        counts = {
            "input_tokens": total,
            "cache_read_tokens": read,
            "cache_write_tokens": short + long,
            "output_tokens": count(result, "output_tokens", path),
        }
        other = {
            "cache_write_5m_tokens": short,
            "cache_write_1h_tokens": long,
            "web_searches": count(tools, "web_search_requests", path),
        }
        start, end = _bucket(bucket, path)
        window = LONG_WINDOW if dims.get("context_window", "").startswith("200k-") else STANDARD_WINDOW
        return Entry(
            start,
            end,
            dims,
            {name: number for name, number in counts.items() if number},
            {name: float(number) for name, number in other.items() if number},
            # The report tells no number of calls: the least that can have been, so that no call looks longer than its window.
            requests=max(1, -(-total // window)),
            words="at least",
        )


@dataclass(frozen=True)
class Costs:
    """`/v1/organizations/cost_report`, by day, description and workspace."""

    name: str = "costs"
    billed: bool = True

    def read(self, fetcher: Fetcher, since: datetime, until: datetime, hourly: bool) -> list[Entry]:
        path = f"{BASE}/cost_report"
        params = [*_span(since, until), ("bucket_width", "1d"), ("limit", str(DAYS))]
        params += [("group_by[]", group) for group in ("workspace_id", "description")]
        return [self._entry(bucket, result, path) for bucket, result in pages(fetcher, path, params)]

    def _entry(self, bucket: Mapping[str, Any], result: Mapping[str, Any], path: str) -> Entry:
        dims = told(result, "description", "cost_type", "model", "service_tier", "token_type", "context_window", "inference_geo")
        if result.get("workspace_id"):
            dims["project_id"] = str(result["workspace_id"])[:200]
        start, end = _bucket(bucket, path)
        return Entry(
            start,
            end,
            dims,
            cost=amount(result.get("amount"), path) / CENTS,
            currency=str(result.get("currency") or "USD").upper()[:3],
            words=str(result.get("description") or "not itemised")[:500],
        )


REPORTS = (Messages(), Costs())


def headers(token: str) -> dict[str, str]:
    """What says who asks, and which form of the answers is meant."""
    return {"x-api-key": token, "anthropic-version": VERSION}


def _span(since: datetime, until: datetime) -> list[tuple[str, str]]:
    return [("starting_at", f"{since:%Y-%m-%dT%H:%M:%SZ}"), ("ending_at", f"{until:%Y-%m-%dT%H:%M:%SZ}")]


def _bucket(bucket: Mapping[str, Any], path: str) -> tuple[datetime, datetime]:
    try:
        return parse_instant(str(bucket.get("starting_at"))), parse_instant(str(bucket.get("ending_at")))
    except InputError as error:
        raise CollectError("a bucket has no time", path, "the report's form has changed", retryable=False) from error
