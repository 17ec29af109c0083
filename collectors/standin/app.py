"""The HTTP face of the stand-ins: the platform API under `/{platform}/`, and the switches of the faults."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import orjson
import yaml
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from collectors.standin.feed import FOREVER, CursorUnknown, Range
from collectors.standin.instants import to_us
from collectors.standin.standin import BUSINESS_DAYS_MAX, StandIn
from roomleft.errors import InputError, Refused, RoomleftError
from roomleft.timespan import parse_instant

CONTRACT = Path(__file__).parents[2] / "docs" / "openapi.yaml"
LIMIT_DEFAULT, LIMIT_MAX = 1_000, 10_000
HANG_POLL_S = 0.25
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
GARBAGE = b'{"after": null, "records": [{"id": "c1", "occ\x00\xff'
WORKERS = ThreadPoolExecutor(4, "standin")
"""Few threads: more would not be faster, and each keeps the memory of its largest answer."""
T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


class FaultAnswer(Exception):
    """The answer of a fault that is on, in place of the route's own."""

    def __init__(self, response: Response) -> None:
        self.response = response


def build(platforms: Mapping[str, StandIn], token: str, sleep: Sleep = asyncio.sleep) -> FastAPI:
    """The ASGI app. `sleep` waits real seconds for the faults that are slow."""
    app = FastAPI(title="Roomleft stand-in platforms", openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=1)
    contract = _contract()

    async def authorise(request: Request) -> None:
        given = request.headers.get("authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            raise Refused("no valid token", request.url.path, "send Authorization: Bearer TOKEN")

    for name, standin in platforms.items():
        app.include_router(_routes(name, standin, contract, sleep), prefix=f"/{name}", dependencies=[Depends(authorise)])

    app.add_exception_handler(RoomleftError, _refuse)
    app.add_exception_handler(HTTPException, _refuse_http)
    app.add_exception_handler(FaultAnswer, _answer_fault)
    return app


@cache
def _contract() -> bytes:
    """docs/openapi.yaml as JSON."""
    return orjson.dumps(yaml.safe_load(CONTRACT.read_text(encoding="utf-8")))


def _routes(name: str, standin: StandIn, contract: bytes, sleep: Sleep) -> APIRouter:
    router = APIRouter()

    def faulty(route: str) -> Any:
        async def gate(request: Request) -> None:
            await _suffer(standin, route, request, sleep)

        return Depends(gate)

    def paged(stream: str) -> None:
        @router.get(f"/{stream}", name=f"{name} {stream}", dependencies=[faulty(stream)])
        async def answer(request: Request) -> Response:
            after, limit, wanted = request.query_params.get("after"), _limit(request), _range(request)
            return _json(await _worked_out(lambda: standin.page(stream, after, limit, wanted).encode()))

    for stream in ("usage", "samples", "health-history", "deploys"):
        paged(stream)

    @router.get("/business", dependencies=[faulty("business")])
    async def business(request: Request) -> Response:
        from_day, to_day = _day(request, "from"), _day(request, "to")
        if not 0 < (to_day - from_day).days <= BUSINESS_DAYS_MAX:
            raise InputError("from must come before to, by at most 366 days", "business?from=&to=", "ask for fewer days")
        return _json(await _worked_out(lambda: orjson.dumps(standin.business(from_day, to_day))))

    @router.get("/health", dependencies=[faulty("health")])
    async def health() -> Response:
        body, fails = await _worked_out(standin.health)
        return Response(orjson.dumps(body), 503 if fails else 200, media_type="application/health+json")

    @router.get("/metrics", dependencies=[faulty("metrics")])
    async def metrics() -> Response:
        return Response(await _worked_out(standin.metrics), headers={"content-type": METRICS_TYPE})

    @router.get("/openapi.json")
    def openapi() -> Response:
        return _json(contract)

    @router.get("/faults")
    def faults() -> Response:
        now, log = standin.now_us(), standin.faults
        rows = [{"name": n, "on": log.is_on(n, now), "description": shape.description} for n, shape in log.shapes.items()]
        return _json(orjson.dumps(rows))

    @router.put("/faults/{fault}")
    async def switch(fault: str, request: Request) -> Response:
        if fault not in standin.faults.shapes:
            raise HTTPException(404, f"unknown fault {fault!r}; known: {', '.join(sorted(standin.faults.shapes))}")
        try:
            on = orjson.loads(await request.body())["on"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            on = None
        if not isinstance(on, bool):
            raise InputError("the body is not a switch", f"faults/{fault}", 'send {"on": true} or {"on": false}')
        standin.faults.switch(fault, on, standin.now_us())
        return _json(orjson.dumps({"name": fault, "on": on}))

    return router


async def _worked_out(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(WORKERS, work)


async def _suffer(standin: StandIn, route: str, request: Request, sleep: Sleep) -> None:
    """What the faults that are on do to a request before its route answers. Raises FaultAnswer."""
    effects = standin.faults.http_effects(route, standin.now_us())
    if wait := sum(e.slow_s for e in effects):
        await sleep(wait)
    while any(e.hang for e in effects) and not await request.is_disconnected():
        await sleep(HANG_POLL_S)
        effects = standin.faults.http_effects(route, standin.now_us())
    for effect in effects:
        if effect.status is not None:
            error = {"what": f"status {effect.status} by a fault", "where": request.url.path, "hint": "try again later"}
            headers = {} if effect.retry_after_s is None else {"Retry-After": str(effect.retry_after_s)}
            raise FaultAnswer(_json(orjson.dumps({"error": error}), effect.status, headers))
        if effect.garbage:
            raise FaultAnswer(_json(GARBAGE))


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(LIMIT_DEFAULT))
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= LIMIT_MAX):
        raise InputError(f"limit {text!r} is not a whole number from 1 to {LIMIT_MAX}", "limit", "leave it out for 1000")
    return int(text)


def _range(request: Request) -> Range:
    since, until = request.query_params.get("since"), request.query_params.get("until")
    wanted = Range(_instant(since, "since", 0), _instant(until, "until", FOREVER), since, until)
    if wanted.since_us >= wanted.until_us:
        raise InputError("since must come before until", "since", "leave one of them out, or ask for a range")
    return wanted


def _instant(text: str | None, name: str, absent: int) -> int:
    if text is None:
        return absent
    try:
        return to_us(parse_instant(text))
    except InputError as error:
        raise InputError(f"{name} {error.what}", name, error.hint) from error


def _day(request: Request, name: str) -> date:
    text = request.query_params.get(name, "")
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{name} {text!r} is not a day", f"business?{name}=", "write YYYY-MM-DD") from error
    return found


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, RoomleftError)
    status = error.status if isinstance(error, Refused) else 410 if isinstance(error, CursorUnknown) else 400
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return _json(orjson.dumps({"error": error.as_dict()}), status, headers)


async def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = {"what": str(error.detail), "where": request.url.path, "hint": "see openapi.json"}
    return _json(orjson.dumps({"error": body}), error.status_code, dict(error.headers or {}))


async def _answer_fault(request: Request, answer: Exception) -> Response:
    assert isinstance(answer, FaultAnswer)
    return answer.response
