"""The HTTP API of forgetting a person. The id stands in the body, since addresses are logged."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from dashboards.api.answers import answer
from dashboards.door.asking import who_asks
from dashboards.parts import Parts
from warehouse.forget import forget

DESCRIBED = (
    "Erases the link from the person to the pseudonym of their calls, and every text that names them: attributes, tags, refused rows, cursors, "
    "labels, words. Calls and sums stay. The files are written anew, so nothing of it is left in their bytes; everybody waits meanwhile. "
    "Cannot be undone; again is safe. Answers what was erased by table, and in `left` what still names them."
)


class ForgetBody(BaseModel):
    """Whom."""

    model_config = ConfigDict(extra="forbid")
    user: str = Field(min_length=1, max_length=20_000, description="The person as the platform names them.")


def make_forget_api(parts: Parts) -> APIRouter:
    """The route /api/v1/users/forget."""
    router = APIRouter()

    @router.post("/api/v1/users/forget", summary="Forget a person (admin)", description=DESCRIBED, tags=["self"])
    async def forget_user(body: ForgetBody, request: Request) -> Response:
        who = who_asks(request)
        done = await asyncio.to_thread(lambda: forget(parts.store, parts.state, body.user, who, parts.settings.data_dir))
        return answer(asdict(done))

    return router
