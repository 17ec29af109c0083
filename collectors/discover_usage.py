"""The parts of a pack that watch AI usage, however it comes in: a budget, an error budget, calls a day."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from decimal import Decimal
from typing import Any

from collectors.found import Found

ASSUMED_BUDGET_USD = Decimal(1000)
ASSUMED_CALLS_A_DAY = 100_000
FAILED = ["error", "timeout", "refused"]
COMPONENT = "ai"
SHOWN_MODELS = 5


def usage_parts(
    budget_usd: Decimal | None,
    stale_after: timedelta | None = None,
    seen: Collection[tuple[str, str]] = (),
    component: str = COMPONENT,
) -> Found:
    """Meters and limits over a platform's usage. `stale_after`: how long a figure holds without new rows; None for a source that is read.

    Without a budget one is assumed, and marked so. `seen` are the (provider, model) pairs that are known to be used.
    """
    keep: dict[str, Any] = {} if stale_after is None else {"stale_after": stale_after}
    meters: dict[str, dict[str, Any]] = {
        "ai_cost": {"kind": "cost", "title": "Cost of AI calls", "unit": "usd", **keep},
        "ai_calls": {"kind": "count", "title": "AI calls", "unit": "requests", "of": "requests", **keep},
        "failed_ai_calls": {
            "kind": "count",
            "title": "AI calls that failed",
            "unit": "requests",
            "of": "requests",
            "where": {"status": FAILED},
            **keep,
        },
    }
    budget: dict[str, Any] = {
        "id": "ai_budget",
        "kind": "budget",
        "title": "AI cost this month",
        "component": component,
        "amount": ASSUMED_BUDGET_USD if budget_usd is None else budget_usd,
        "unit": "usd",
        "meter": "ai_cost",
        "window": "month",
        "owner": "you",
        "state": "today",
    }
    if budget_usd is None:
        budget["assumed"] = True
    limits: tuple[dict[str, Any], ...] = (
        budget,
        {
            "id": "ai_success",
            "kind": "slo",
            "title": "AI calls that succeed, 99 %",
            "component": component,
            "objective_percent": "99",
            "unit": "requests",
            "meter": "failed_ai_calls",
            "amount_per": "ai_calls",
            "window": {"rolling": timedelta(days=30)},
            "owner": "you",
            "assumed": True,
            "state": "today",
        },
        {
            "id": "ai_calls_a_day",
            "kind": "quota",
            "title": "AI calls today",
            "component": component,
            "amount": ASSUMED_CALLS_A_DAY,
            "unit": "requests",
            "meter": "ai_calls",
            "window": "day",
            "owner": "you",
            "assumed": True,
            "state": "today",
        },
    )
    warnings = []
    if seen:
        names = ", ".join(f"{provider} {model}" for provider, model in sorted(seen)[:SHOWN_MODELS])
        more = f" and {len(seen) - SHOWN_MODELS} more" if len(seen) > SHOWN_MODELS else ""
        warnings.append(
            f"no price is known for {names}{more}: until the pack has a `prices:` section, what they cost is not in any figure "
            "(docs/packs.md)"
        )
    return Found((), meters, limits, (), tuple(warnings))
