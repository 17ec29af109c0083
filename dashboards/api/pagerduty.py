"""The door for PagerDuty's webhooks. Nobody signs in here: each message carries its own signature."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from alerts.pagerduty_webhook import read_event, signed, take
from dashboards.api.answers import answer, error_answer
from dashboards.api.bodies import read_body
from dashboards.parts import Parts
from roomleft.credentials import Credentials
from roomleft.errors import DeliveryError, Refused

PATH = "/api/v1/pagerduty"
LIMIT_BYTES = 1024 * 1024
DESCRIBED = (
    "A webhook v3 of PagerDuty, signed with the secret that alerting.yaml names (docs/alerting.md). An acknowledgement made there shows here. "
    "The same message again changes nothing."
)


def make_pagerduty_api(parts: Parts) -> APIRouter:
    """The webhook's route. Without `pagerduty_webhook` in alerting.yaml there is none."""
    router = APIRouter()

    @router.post(PATH, summary="Take what PagerDuty tells of an incident", description=DESCRIBED, tags=["alerts"])
    async def taken(request: Request) -> Response:
        given = parts.alerting().pagerduty_webhook
        if given is None:
            raise Refused("nothing listens here", PATH, "name a secret under pagerduty_webhook in alerting.yaml", status=404)
        secret = await asyncio.to_thread(Credentials(parts.settings.data_dir).get, given.secret_env)
        if not secret:
            refusal = error_answer(DeliveryError(f"the variable {given.secret_env} is not set", PATH, "set it for the server"))
            refusal.status_code = 503
            return refusal
        body = await read_body(request, LIMIT_BYTES)
        if not signed(body, request.headers.get("x-pagerduty-signature", ""), secret):
            raise Refused("no signature fits this message", PATH, f"is {given.secret_env} the subscription's secret?")
        event = read_event(body)
        count = await asyncio.to_thread(take, parts.state, event, parts.clock.now())
        if count:
            parts.responded()
        return answer({"alerts": count})

    return router
