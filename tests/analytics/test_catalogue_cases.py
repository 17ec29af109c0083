"""The recorded responses' usage at the prices of 2026-03-01, against what each provider whose list knows the model should charge for it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from analytics.catalogue import Catalogue
from analytics.quote import quote
from roomleft.settings import ROOT
from tests.warehouse.rows import make_usage

AT = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
NANO = Decimal("1e-9")
TIER_WAS_DROPPED = (
    "on Vertex calls above 200 000 input tokens cost more until the list dropped that; the expected figure is of later"
)
REASONS = {("google", "claude-sonnet-4-5-20250929"): TIER_WAS_DROPPED}
"""Where another figure than the expected one is right on that day."""


def test_every_case_costs_what_its_provider_charges(shared_data: Path) -> None:
    cases = list(_cases(shared_data / "llm_prices" / "usage_cases_with_expected_price.jsonl.gz"))
    quotes = quote(make_usage([call for call, _, _ in cases]), Catalogue(ROOT / "packs" / "prices"), NOW)
    wrong = [
        (call["provider"], call["model"], call["event_id"])
        for (call, put_in, came_out), found in zip(cases, quotes, strict=True)
        if max(abs(found.input_usd - put_in), abs(found.output_usd - came_out)) > NANO
    ]
    assert len(cases) > 1000
    assert {(provider, model) for provider, model, _ in wrong} <= REASONS.keys()
    # What a reason excuses must be above the size it speaks of.
    large = {call["event_id"] for call, _, _ in cases if call["input_uncached_tokens"] > 200_000}
    assert {event_id for _, _, event_id in wrong} <= large


def _cases(path: Path) -> Iterator[tuple[dict[str, Any], Decimal, Decimal]]:
    with gzip.open(path, "rt") as file:
        for line in file:
            case = json.loads(line)
            for told in case["extracted"]:
                for number, extractor in enumerate(told["extractors"]):
                    if "input_price" in extractor:
                        name = f"{case['case']}-{extractor['provider_id']}-{extractor['api_flavor']}-{number}"
                        call = _call(name, extractor["provider_id"], case["model"], told["usage"])
                        yield call, Decimal(extractor["input_price"]), Decimal(extractor["output_price"])


def _call(name: str, provider: str, model: str, told: Mapping[str, int]) -> dict[str, Any]:
    """A row of usage: totals that hold cached tokens become disjoint buckets, and so do their kinds."""
    read, written = told.get("cache_read_tokens", 0), told.get("cache_write_tokens", 0)
    others: dict[str, float] = {}
    for kind in ("audio", "image", "video"):
        cached = told.get(f"cache_{kind}_read_tokens", 0)
        others[f"cache_read_{kind}_tokens"] = cached
        others[f"input_{kind}_tokens"] = told.get(f"input_{kind}_tokens", 0) - cached
        others[f"output_{kind}_tokens"] = told.get(f"output_{kind}_tokens", 0)
    for unit in ("cache_write_5m_tokens", "cache_write_1h_tokens", "web_searches"):
        others[unit] = told.get(unit, 0)
    return {
        "event_id": name, "occurred_at": AT, "provider": provider, "model": model, "cache_read_tokens": read, "cache_write_tokens": written,
        "input_uncached_tokens": told.get("input_tokens", 0) - read - written, "output_tokens": told.get("output_tokens", 0),
        "reasoning_tokens": told.get("output_reasoning_tokens", 0), "other_units": [(unit, float(n)) for unit, n in others.items() if n],
    }  # fmt: skip
