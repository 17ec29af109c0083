"""Calls as LiteLLM 1.106 logs them: lines of its webhook and rows of its spend logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from collectors.litellm.calls import record_of_row
from collectors.litellm.rows import calls_table
from collectors.records.refused import Normalised
from roomleft.packs import Pack, pack_of
from roomleft.packs_yaml import read_yaml_text

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STARTED = NOW - timedelta(minutes=5)
MARKER = "a text that nobody may keep"
KEY = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"
PACK = """
slug: shop
title: Shop
summary: Its AI calls go through a proxy.
states: {today: {title: Today, summary: Now.}}
components: [{id: gateway, title: Gateway, summary: The proxy}]
prices: [{provider: openai, source: a test, checked_on: 2026-01-01, models: {gpt-4o: {prices: [{from: 2025-01-01, usd_per_token: "0.000002"}]}}}]
meters: {spent: {kind: cost, unit: usd}}
limits: [{id: spent, kind: budget, title: AI, amount: 1000, unit: usd, meter: spent, owner: finance, window: month}]
"""
USAGE = {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500}


def line(usage: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A line of the webhook: a call to gpt-4o of 1 200 and 300 tokens, unless said otherwise."""
    used = USAGE if usage is None else usage
    made = {
        "id": "chatcmpl-1", "litellm_call_id": "call-1", "trace_id": "trace-1", "call_type": "acompletion", "cache_hit": None, "stream": None,
        "status": "success", "custom_llm_provider": "openai", "model": "openai/gpt-4o", "model_group": "wise", "response_cost": 0.0135,
        "startTime": STARTED.timestamp(), "endTime": STARTED.timestamp() + 1.5, "completionStartTime": STARTED.timestamp() + 1.5,
        "end_user": "ada", "request_tags": ["feature:checkout", "canary", "User-Agent: curl"], "messages": [{"role": "user", "content": MARKER}],
        "response": {"id": "chatcmpl-1", "choices": [{"message": {"content": MARKER}}], "usage": used},
        "model_parameters": {}, "hidden_params": {}, "error_str": MARKER,
        "metadata": {
            "user_api_key_hash": KEY, "user_api_key_alias": "web", "user_api_key_team_id": "t-1", "user_api_key_team_alias": "blue",
            "user_api_key_user_id": "default_user_id", "usage_object": used, "requester_metadata": {"environment": "live", "note": MARKER},
        },
        **{name: used[name] for name in USAGE if name in used},
    }  # fmt: skip
    return {**made, **more}


def row(usage: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The same call as a row of the spend logs."""
    used = USAGE if usage is None else usage
    made = {
        "request_id": "chatcmpl-1", "litellm_call_id": "call-1", "call_type": "acompletion", "cache_hit": "None", "status": "success",
        "custom_llm_provider": "openai", "model": "openai/gpt-4o", "model_group": "wise", "spend": 0.0135, "api_key": KEY, "team_id": "t-1",
        "startTime": STARTED, "endTime": STARTED + timedelta(seconds=1.5), "completionStartTime": STARTED + timedelta(seconds=1.5),
        "end_user": "ada", "user": "default_user_id", "request_tags": ["feature:checkout", "canary", "User-Agent: curl"],
        "metadata": {"user_api_key_team_alias": "blue", "usage_object": used, "requester_metadata": {"environment": "live", "note": MARKER}},
        **{name: used[name] for name in USAGE if name in used},
    }  # fmt: skip
    return {**made, **more}


def shop(extra: str = "") -> Pack:
    """The platform whose calls they are."""
    return pack_of(read_yaml_text(PACK + extra, "packs/shop.yaml"), Path("packs/shop.yaml"))


def judged(*calls: object, rows: bool = False, platform: str | None = "shop") -> Normalised:
    """What becomes of logged calls."""
    who = {"source": "litellm", "platform": platform, "known_platforms": ("shop",), "now": NOW, "packs": {"shop": shop()}}
    return calls_table(list(calls), **who, **({"read": record_of_row} if rows else {}))  # type: ignore[arg-type]


def stored_row(call: object, rows: bool = False) -> dict[str, Any]:
    """The one usage row that a call becomes."""
    found = judged(call, rows=rows)
    assert found.rejected.to_pylist() == []
    (one,) = found.rows.to_pylist()
    return {name: dict(value) if isinstance(value, list) else value for name, value in one.items()}
