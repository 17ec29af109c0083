"""The HTTP API of published status pages: make a link, list links, revoke one."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from dashboards.api.answers import answer
from dashboards.door.asking import who_asks
from dashboards.parts import Parts
from dashboards.status_links import PREFIX, StatusLinks
from roomleft.platform_names import known_platform

ROUTE = "/api/v1/status-links"


class LinkBody(BaseModel):
    """What to publish."""

    model_config = ConfigDict(extra="forbid")
    platform: str = Field(max_length=60)
    note: str = Field(default="", max_length=200, description="For whom the link is.")


def make_status_api(parts: Parts) -> APIRouter:
    """Routes below /api/v1/status-links."""
    router = APIRouter()
    links = StatusLinks(parts.state)

    @router.get(ROUTE, summary="The links that publish status pages, without their secrets (admin)", tags=["read"])
    async def listed(platform: str | None = None) -> Response:
        known_platform(platform, parts.packs, "platform")
        return answer([asdict(each) for each in await asyncio.to_thread(links.of, platform)])

    @router.post(ROUTE, summary="Publish a platform's status page by a new link (admin)", tags=["decide"])
    async def made(body: LinkBody, request: Request) -> Response:
        known_platform(body.platform, parts.packs, "platform")
        secret = await asyncio.to_thread(lambda: links.add(body.platform, who=who_asks(request), note=body.note))
        base = (parts.settings.public_url or str(request.base_url)).rstrip("/")
        return answer({"platform": body.platform, "url": f"{base}/s/{secret}", "prefix": secret[:PREFIX]})

    @router.post(ROUTE + "/{prefix}/revoke", summary="Revoke a published link (admin)", tags=["decide"])
    async def revoked(prefix: str, request: Request) -> Response:
        platform = await asyncio.to_thread(lambda: links.revoke(prefix, who=who_asks(request)))
        return answer({"platform": platform, "prefix": prefix})

    return router
