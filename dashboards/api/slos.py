"""The HTTP API of SLOs: how much of each error budget is left, how fast it burns, how it went, and the incidents that spent it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response

from dashboards.api.answers import answer
from dashboards.parts import Parts
from dashboards.slo_rows import Incident, Recovery, SloRow, history, incidents, recoveries, slo_rows
from dashboards.slo_words import window_words
from roomleft.errors import InputError
from roomleft.packs_yaml import nearest
from roomleft.platform_names import known_platform
from roomleft.slos import span_text

ROUTE = "/api/v1/slos"
DESCRIBED = (
    "`left` is the share of the error budget that is left of the present window, below 0 when more is gone; `bad` of `total` events (minutes, "
    "slices) were bad, `allowed` may be. `burn` has the burn rates by window: 1 uses the budget up evenly. `low` and `high` are the 95 % interval "
    "of the share of bad events. `recovery` has how long critical incidents lasted that were over in the last 30 days, by platform."
)
DESCRIBED_ONE = (
    "`history` is the share of the budget that was left, over the last window. `incidents` are the alerts' episodes in which anything bad was "
    "counted, the costliest first, with the share of the budget each took and the newest deploy in the hour before."
)


def make_slo_api(parts: Parts) -> APIRouter:
    """Routes /api/v1/slos and /api/v1/slos/{slo_id}."""
    router = APIRouter()

    @router.get(ROUTE, summary="Every SLO: error budget left and burn rates", description=DESCRIBED, tags=["read"])
    async def listed(platform: str | None = None) -> Response:
        known_platform(platform, parts.packs)
        now = parts.clock.now()
        rows = await asyncio.to_thread(slo_rows, parts, now, platform)
        told = await asyncio.to_thread(recoveries, parts, now, platform)
        return answer(
            {"as_of": now, "slos": [slo_answer(row) for row in rows], "recovery": [recovery_answer(each) for each in told]}
        )

    @router.get(
        ROUTE + "/{slo_id}", summary="One SLO, its budget over time and its incidents", description=DESCRIBED_ONE, tags=["read"]
    )
    async def one(slo_id: str) -> Response:
        slos = parts.slos()
        if slo_id not in slos:
            raise InputError(f"there is no SLO {slo_id[:100]!r}", ROUTE, nearest(slo_id, slos, "SLOs"))
        now, slo = parts.clock.now(), slos[slo_id]
        rows = await asyncio.to_thread(slo_rows, parts, now, slo.platform)
        row = next(each for each in rows if each.slo.slo_id == slo_id)
        points = await asyncio.to_thread(history, parts, slo, now)
        taken = await asyncio.to_thread(incidents, parts, row, now)
        return answer(
            {
                "as_of": now,
                "slo": slo_answer(row),
                "history": [{"at": at, "left": left} for at, left in points],
                "incidents": [incident_answer(each) for each in taken],
            }
        )

    return router


def slo_answer(row: SloRow) -> dict[str, Any]:
    """An SLO as the API tells it."""
    slo, budget = row.slo, row.budget
    return {
        "slo_id": slo.slo_id,
        "platform": slo.platform,
        "title": slo.title,
        "category": slo.category,
        "objective": slo.objective,
        "window": window_words(slo),
        "window_start": budget.start,
        "window_end": budget.end,
        "method": slo.method,
        "owner": slo.owner,
        "limit_id": slo.limit_id or None,
        "where": slo.where,
        "state": row.state,
        "left": budget.left,
        "bad": budget.bad,
        "total": budget.total,
        "allowed": budget.allowed,
        "unit": row.unit,
        "budget_seconds": slo.budget_s,
        "reason": row.words,
        "observed_at": budget.observed_at,
        "burn": {
            span_text(each.window).replace(" ", ""): None
            if each.unknown is not None
            else {
                "rate": each.rate(slo),
                "bad": each.bad,
                "total": each.total,
                "ratio": each.ratio,
                "low": each.low,
                "high": each.high,
            }
            for each in row.burns
        },
    }


def incident_answer(each: Incident) -> dict[str, Any]:
    """An incident as the API tells it."""
    episode = each.episode
    return {
        "episode": episode.episode,
        "rule_id": episode.rule_id,
        "title": each.title,
        "severity": episode.severity,
        "began_at": episode.pending_at,
        "fired_at": episode.started,
        "ended_at": episode.ended,
        "bad": each.spent.bad,
        "share_of_budget": each.spent.share,
        "deploy": None
        if each.deploy is None
        else {name: each.deploy[name] for name in ("deploy_id", "deployed_at", "component", "version", "title", "kind")},
    }


def recovery_answer(each: Recovery) -> dict[str, Any]:
    """How long a platform's critical incidents lasted, as the API tells it."""

    def whole(span: timedelta | None) -> float | None:
        return None if span is None else span.total_seconds()

    return {
        "platform": each.platform,
        "incidents": each.incidents,
        "open": each.open,
        "median_seconds": whole(each.median),
        "mean_seconds": whole(each.mean),
    }
