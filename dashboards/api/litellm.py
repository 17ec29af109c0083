"""The door for a LiteLLM proxy: its `generic_api` callback posts what it logged here."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from fastapi import APIRouter, Request, Response

from collectors.litellm.rows import calls_of, calls_table
from collectors.records.refused import Normalised
from dashboards.api.answers import answer, error_answer
from dashboards.api.bodies import read_body
from dashboards.api.program import store_judged
from dashboards.parts import Parts
from roomleft.errors import InputError
from roomleft.platform_names import known_platform

PATH = "/v1/litellm"
SOURCE = "litellm"
"""One source for all proxies and tokens: what is sent again with a new token is still the same."""
BODIES_AT_ONCE = 4
FULL = 503
"""LiteLLM sends again what a 5xx answered (with `max_retries`), but never what a 4xx did."""
DESCRIBED = (
    "A JSON array, NDJSON or one object as LiteLLM's `generic_api` callback sends them (docs/litellm.md), gzip allowed. The parameter `platform` "
    "names whose calls they are, or a request tag `platform:SLUG` of each. Answers after commit. A response id that is stored already adds "
    "nothing. Prompts and answers in the body are not looked at. A refused line costs only itself; it is kept in `rejected` with its reason."
)


def make_litellm(parts: Parts) -> APIRouter:
    """The webhook's route."""
    router = APIRouter()
    at_once = asyncio.Semaphore(BODIES_AT_ONCE)

    def judge(body: bytes, platform: str | None, known: Collection[str]) -> Normalised:
        return calls_table(
            calls_of(body),
            source=SOURCE,
            platform=platform,
            known_platforms=known,
            now=parts.clock.now(),
            packs=dict(parts.packs),
        )

    @router.post(PATH, summary="Take what a LiteLLM proxy logged", description=DESCRIBED, tags=["push"])
    async def take(request: Request, platform: str | None = None) -> Response:
        known = {*parts.packs, *await asyncio.to_thread(parts.wake_packs, ())}
        known_platform(platform, known)
        async with at_once:
            body = await read_body(request, parts.settings.body_limit_mb * 2**20)
            judged = await asyncio.to_thread(judge, body, platform, tuple(known))
            del body
            if first := {*judged.rows.column("platform").unique().to_pylist()} - {*parts.packs}:
                await asyncio.to_thread(parts.wake_packs, first)
            counts, told, full = await store_judged(parts, SOURCE, "usage", judged)
        if full is not None:
            refusal = error_answer(full, **counts)
            refusal.status_code = FULL
            return refusal
        if judged.rejected.num_rows and not judged.rows.num_rows:
            return error_answer(
                InputError("no line was accepted", "body", "see `rejected` for each one's reason"), **counts, rejected=told
            )
        return answer({**counts, "rejected": told})

    return router
