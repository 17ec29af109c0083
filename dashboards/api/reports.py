"""Reports over HTTP: the same rows as the pages, for programs and for the command line."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response

from analytics.reports import health, hops
from analytics.reports.health import Given
from dashboards import reads
from dashboards.api.answers import answer
from dashboards.headroom_rows import headroom_rows
from dashboards.pages.platform_health import recent_names
from dashboards.parts import Parts
from roomleft.packs import Pack
from roomleft.platform_names import known_platform


def make_report_api(parts: Parts) -> APIRouter:
    """The routes of reports."""
    router = APIRouter()

    @router.get("/api/v1/reports/health", summary="The health report of one platform, or of each", tags=["read"])
    async def health_report(platform: str | None = None) -> Response:
        packs = dict(parts.packs)  # a reload meanwhile changes those in force
        known_platform(platform, packs)
        slugs = [platform] if platform is not None else list(packs)
        now = parts.clock.now()
        return answer([await asyncio.to_thread(read_health, parts, packs[slug], now) for slug in slugs])

    return router


def read_health(parts: Parts, pack: Pack, now: datetime) -> dict[str, Any]:
    """One platform's health report, from the warehouse. Raises StoreError."""
    store, slug = parts.store, pack.slug
    limits = headroom_rows(store, {slug: pack}, now, parts.slack)
    rows = reads.limits(store, {slug: pack}, now, parts.slack)
    given = Given(
        checks=reads.health(store, slug, now),
        begun=reads.health_since(store, slug, now).get(slug, {}),
        headrooms={row.key: row.headroom for row in rows},
        limits=[
            {**row, "since": since} for row in limits for since in (next(r.since for r in rows if r.key == row["limit_id"]),)
        ],
        recent=reads.recent_samples(store, slug, recent_names(pack), now),
        step_s=reads.RECENT_STEP_S,
        hour=reads.hop_samples(store, slug, hops.names_of(pack), now) if pack.request_paths else [],
        calls=reads.ai_calls(store, slug, now),
        scores=reads.component_scores(store, pack, now) if pack.scores else [],
        deploys=reads.deploys(store, slug, (now - reads.RECENT_SPAN, now)),
    )
    return health.content(pack, given, now)
