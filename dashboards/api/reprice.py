"""The HTTP API of the books: pricing the past again, closing periods and opening them."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from analytics.reprice import Asked, Repriced, refuse_settled, reprice
from analytics.reprice_rates import rates_known
from dashboards.api.answers import answer
from dashboards.door.asking import who_asks
from dashboards.parts import Parts
from roomleft.errors import InputError
from roomleft.platform_names import known_platform
from roomleft.timespan import parse_instant
from warehouse.state.audit import Audit
from warehouse.state.closed_periods import ClosedPeriods

MOST_DAYS = 31
DESCRIBED = (
    "Prices the calls of [since, until), at most 31 days, by the prices as known now for the time they happened. Without `apply` nothing changes. With it each "
    "call that differs gets a revision; closed books and time whose calls are past keeping refuse. Twice adds nothing."
)


class SpanBody(BaseModel):
    """A span of calls, narrowed by platform, provider or model."""

    model_config = ConfigDict(extra="forbid")
    since: str = Field(description="RFC 3339")
    until: str = Field(description="RFC 3339, not included")
    platform: str | None = None
    provider: str | None = None
    model: str | None = None


class RepriceBody(SpanBody):
    """The same, and whether to append what differs."""

    apply: bool = False


class CloseBody(BaseModel):
    """A span to close; of all platforms unless one is named."""

    model_config = ConfigDict(extra="forbid")
    since: str
    until: str
    platform: str = ""
    note: str = Field("", max_length=400)


def make_reprice_api(parts: Parts) -> APIRouter:
    """Routes below /api/v1/reprice and /api/v1/closed-periods."""
    router = APIRouter()
    periods = ClosedPeriods(parts.state)

    @router.post("/api/v1/reprice/allowed", summary="Whether a span may be priced again (finance)", tags=["self"])
    async def allowed(body: SpanBody) -> Response:
        await asyncio.to_thread(lambda: refuse_settled(parts.store, _asked(parts, body), periods.closed()))
        return answer({"allowed": True})

    @router.post("/api/v1/reprice", summary="Price the past again (finance)", description=DESCRIBED, tags=["self"])
    async def price_again(body: RepriceBody, request: Request) -> Response:
        asked, who, now = _asked(parts, body), who_asks(request), parts.clock.now()
        if asked.until - asked.since > timedelta(days=MOST_DAYS):
            raise InputError(f"at most {MOST_DAYS} days at once", "reprice", "ask month by month")

        def work() -> Repriced:
            rates = rates_known(parts.catalogue, now)
            done = reprice(parts.store, rates, asked, now, apply=body.apply, closed=periods.closed())
            if body.apply:
                note(Audit(parts.state), who, asked, done)
            return done

        return answer(told(await asyncio.to_thread(work)))

    @router.get("/api/v1/closed-periods", summary="Which books are closed", tags=["read"])
    async def closed() -> Response:
        return answer([asdict(each) for each in await asyncio.to_thread(periods.closed)])

    @router.post("/api/v1/closed-periods", summary="Close the books of a span (finance)", tags=["self"])
    async def close(body: CloseBody, request: Request) -> Response:
        if body.platform:
            known_platform(body.platform, parts.packs, "platform")
        since, until, who = parse_instant(body.since), parse_instant(body.until), who_asks(request)
        made = await asyncio.to_thread(lambda: periods.close(since, until, who=who, platform=body.platform, note=body.note))
        return answer({"id": made}, 201)

    @router.post("/api/v1/closed-periods/{period_id}/reopen", summary="Open closed books again (finance)", tags=["self"])
    async def reopen(period_id: int, request: Request) -> Response:
        who = who_asks(request)
        await asyncio.to_thread(lambda: periods.reopen(period_id, who=who))
        return answer({"reopened": period_id})

    return router


def note(audit: Audit, who: str, asked: Asked, done: Repriced) -> None:
    """Says in the audit what was priced again, and by how much it changed."""
    stored, listed, difference = done.totals()
    narrowed = {name: value for name, value in asdict(asked).items() if value is not None}
    audit.add(
        who,
        "reprice",
        {**narrowed, "revisions": done.revisions, "stored_usd": stored, "listed_usd": listed, "difference_usd": difference},
    )


def told(done: Repriced) -> dict[str, Any]:
    """What re-pricing found, as the API and the command tell it."""
    stored, listed, difference = done.totals()
    lines = [asdict(line) | {"difference_usd": line.difference_usd} for line in done.lines]
    total = {
        "requests": sum(line.requests for line in done.lines),
        "stored_usd": stored,
        "listed_usd": listed,
        "difference_usd": difference,
    }
    return {"lines": lines, "total": total, "revisions": done.revisions, "left_alone": done.left_alone}


def _asked(parts: Parts, body: SpanBody) -> Asked:
    if body.platform:
        known_platform(body.platform, parts.packs, "platform")
    return Asked(parse_instant(body.since), parse_instant(body.until), body.platform, body.provider, body.model).checked()
