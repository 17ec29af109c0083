"""The HTTP API for programs: push usage, read headroom and usage, ask SQL, and say how the server itself is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
import pyarrow as pa
from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import exposition
from starlette.exceptions import HTTPException

from collectors.platform_api.start_over import start_over
from collectors.records.fields import shown
from collectors.records.json_array import is_array, read_array
from collectors.records.refused import Normalised
from collectors.records.samples_rows import samples_table
from collectors.records.small_rows import business_table
from collectors.records.usage_rows import usage_table
from dashboards.api.answers import answer, error_answer
from dashboards.api.bodies import read_body
from dashboards.api.sources import add_source_routes
from dashboards.door.asking import asking, may_see_users
from dashboards.headroom_rows import headroom_rows
from dashboards.parts import Parts
from roomleft.errors import InputError, QueueFull, RoomleftError
from roomleft.limits import State
from roomleft.metrics import REGISTRY
from roomleft.platform_names import known_platform
from roomleft.timespan import parse_instant
from warehouse.state import Audit, SignIn
from warehouse.usage import DIMENSIONS, usage_summary
from warehouse.writer import Batch

SLICE_ROWS = 10_000
BODIES_AT_ONCE = 4
"""How many pushed bodies are in memory at the same time; the next sender waits."""
SHOWN_REJECTS = 100
KEPT_OUT = (
    "{} contradict what is stored under their id, or cost an absurd amount: each is in the table `rejected` with its reason"
)
FIRST_YEAR, LAST_YEAR = 1970, 2200
DESCRIBED_PUSH = (
    "A JSON array or NDJSON of {rows} (docs/platform-api.md), gzip allowed. Each names its platform, or the parameter `platform` names it "
    "for all. Answers after commit. Sending the same again adds nothing. A refused record costs only itself; it is listed and kept in `rejected`."
)

DESCRIBED_SUMMARY = (
    "`rows` add up to `total`, to the last digit; `label` is null where the dimension was not given. Where `unpriced_requests` is above 0 the "
    "cost is a lower bound. Counted in whole quarter hours, by user in whole UTC days: `covers` says which. Users are pseudonyms; beyond the "
    "1,000 dearest all others are one row, `(others)`."
)


def make_api(parts: Parts) -> APIRouter:
    """All routes that are not pages."""
    router = APIRouter()
    _push(router, parts)
    _read(router, parts)
    _self(router, parts)
    add_source_routes(router, parts)
    return router


def close_api(router: APIRouter) -> None:
    """Say 404 to every other address under /api: the pages' catch-all would answer it with a page. Include it last."""

    @router.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def unknown(request: Request, rest: str) -> Response:
        allowed = [method.upper() for method in request.app.openapi()["paths"].get(request.url.path, {})]
        raise HTTPException(405 if allowed else 404, headers={"Allow": ", ".join(sorted(allowed))} if allowed else None)


def install_errors(app: FastAPI) -> None:
    """Every RoomleftError, unknown route and malformed parameter answers in the one error shape."""

    @app.exception_handler(RoomleftError)
    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, RoomleftError)
        return error_answer(error)

    @app.exception_handler(HTTPException)
    async def routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        told = RoomleftError(str(error.detail), f"{request.method} {request.url.path}", "see /api/docs")
        return answer({"error": told.as_dict()}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        # The server logs it with its traceback; the sender learns no more than that it was not their fault.
        place = f"{request.method} {request.url.path}"
        return error_answer(
            RoomleftError("something unexpected went wrong here", place, "see the server's log; please report it")
        )

    @app.exception_handler(RequestValidationError)
    async def parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return error_answer(InputError(str(first["msg"]), f"{request.url.path}: {where}", "see /api/docs"))


def _push(router: APIRouter, parts: Parts) -> None:
    at_once = asyncio.Semaphore(BODIES_AT_ONCE)

    async def take(request: Request, platform: str | None, kind: str) -> Response:
        # Packs that come with the program wait until there is something of theirs: these rows may be the first.
        known = {*parts.packs, *await asyncio.to_thread(parts.wake_packs, ())}
        known_platform(platform, known)
        async with at_once:
            body = await read_body(request, parts.settings.body_limit_mb * 2**20)
            source = _source_of(request)
            judged = await asyncio.to_thread(
                READERS[kind], body, source=source, platform=platform, known_platforms=tuple(known), now=parts.clock.now()
            )
            del body
            if first := {*judged.rows.column("platform").unique().to_pylist()} - {*parts.packs}:
                await asyncio.to_thread(parts.wake_packs, first)
            return await _store(parts, source, kind, judged)

    @router.post(
        "/api/v1/usage", summary="Push usage records", description=DESCRIBED_PUSH.format(rows="usage records"), tags=["push"]
    )
    async def push_usage(request: Request, platform: str | None = None) -> Response:
        return await take(request, platform, "usage")

    @router.post("/api/v1/samples", summary="Push samples", description=DESCRIBED_PUSH.format(rows="samples"), tags=["push"])
    async def push_samples(request: Request, platform: str | None = None) -> Response:
        return await take(request, platform, "samples")

    @router.post(
        "/api/v1/business", summary="Push business days", description=DESCRIBED_PUSH.format(rows="business days"), tags=["push"]
    )
    async def push_business(request: Request, platform: str | None = None) -> Response:
        return await take(request, platform, "business")


def _business(body: bytes, **who: Any) -> Normalised:
    """Business days come a few hundred at a time; they are read record by record."""
    if is_array(body):
        return business_table(read_array(body), **who)
    records = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        try:
            records += [orjson.loads(line)] if line.strip() else []
        except orjson.JSONDecodeError as error:
            raise InputError(
                f"line {number} is not JSON: {error}", f"body: line {number}", "send a JSON array, or one JSON object a line"
            ) from error
    return business_table(records, **who)


READERS: dict[str, Callable[..., Normalised]] = {"usage": usage_table, "samples": samples_table, "business": _business}


def _source_of(request: Request) -> str:
    """Who sent this: the token's name, or what an administrator says in X-Roomleft-Source (used by `import`)."""
    principal = request.scope.get("state", {}).get("principal")
    name = getattr(principal, "name", "push")
    said = request.headers.get("x-roomleft-source", "")
    if said and "admin" in {str(scope) for scope in getattr(principal, "scopes", ())}:
        return said
    return f"push:{name}"


async def _store(parts: Parts, source: str, kind: str, judged: Normalised) -> Response:
    counts, told, full = await store_judged(parts, source, kind, judged)
    if full is not None:
        return error_answer(full, **counts)
    if judged.rejected.num_rows and not judged.rows.num_rows:
        return error_answer(
            InputError("no record was accepted", "body", "see `rejected` for each line's reason"), **counts, rejected=told
        )
    return answer({**counts, "rejected": told})


async def store_judged(
    parts: Parts, source: str, kind: str, judged: Normalised
) -> tuple[dict[str, int], list[dict[str, Any]], QueueFull | None]:
    """Store what was accepted and what was refused: the counts, the first refusals, and the fault if the queue had no room for all."""
    rows, rejected = judged.rows, judged.rejected
    counts = {
        "rows_read": rows.num_rows + rejected.num_rows,
        "rows_added": 0,
        "rows_duplicate": 0,
        "rows_rejected": rejected.num_rows,
    }
    tables: list[dict[str, pa.Table]] = [{kind: rows.slice(at, SLICE_ROWS)} for at in range(0, rows.num_rows, SLICE_ROWS)]
    if rejected.num_rows:
        tables.append({"rejected": rejected})
    for table in tables:
        try:
            receipt = await asyncio.wrap_future(parts.writer.submit(Batch(source, **table)))
        except QueueFull as error:
            return counts, [], error
        counts["rows_added"] += receipt.added
        counts["rows_duplicate"] += receipt.duplicate
        counts["rows_rejected"] += receipt.conflict
    told = rejected.slice(0, SHOWN_REJECTS).select(["line", "field", "reason"]).to_pylist()
    if kept_out := counts["rows_rejected"] - rejected.num_rows:
        told.append({"line": None, "field": None, "reason": KEPT_OUT.format(kept_out)})
    return counts, told, None


def _read(router: APIRouter, parts: Parts) -> None:
    @router.get("/api/v1/headroom", summary="Every limit with its headroom, worst first", tags=["read"])
    async def headroom(platform: str | None = None, state: str | None = None) -> Response:
        known_platform(platform, parts.packs)
        if state is not None and state not in set(State):
            raise InputError(f"unknown state {shown(state)}", "the parameter state", f"one of {', '.join(State)}")
        rows = await asyncio.to_thread(headroom_rows, parts.store, parts.packs, parts.clock.now(), parts.slack)
        kept = [row for row in rows if platform in (None, row["platform"]) and state in (None, row["state"])]
        return answer(kept)

    @router.get(
        "/api/v1/usage/summary",
        summary="Usage and cost by one dimension between two instants, and their total",
        description=DESCRIBED_SUMMARY,
        tags=["read"],
    )
    async def summary_of_usage(
        since: str | None = None,
        until: str | None = None,
        by: Annotated[str, Query(description=f"one of {', '.join(DIMENSIONS)}")] = "provider",
        platform: str | None = None,
    ) -> Response:
        known_platform(platform, parts.packs)
        start, end = _range(since, until, parts.clock.now())
        found = await asyncio.to_thread(
            usage_summary, parts.store, start, end, by=by, platform=platform, see_users=may_see_users()
        )
        covers = {"since": found.since, "until": found.until, "grain": found.grain}
        about = {"since": start, "until": end, "by": by, "platform": platform, "covers": covers}
        return answer({**about, "rows": found.rows, "total": found.total})

    @router.post("/api/v1/sql", summary="Ask one read-only SELECT", tags=["read"])
    async def sql(request: Request) -> Response:
        body = await read_body(request, 2**20)
        try:
            query = orjson.loads(body)["query"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError('the body must be {"query": "SELECT …"}', "/api/v1/sql", "send JSON") from error
        limits = parts.settings
        table = await asyncio.to_thread(
            parts.store.ask,
            str(query),
            row_limit=limits.query_row_limit,
            time_limit_s=limits.query_time_limit_s,
            see_users=may_see_users(),
        )
        return answer({"columns": table.column_names, "rows": table.to_pylist()})


def _range(since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    end = _instant("until", until) if until else now
    start = _instant("since", since) if since else end - timedelta(days=1)
    if start >= end:
        raise InputError("since must be before until", f"since={start.isoformat()}", "ranges are half-open: [since, until)")
    return start, end


def _instant(name: str, text: str) -> datetime:
    try:
        at = parse_instant(text)
        if not FIRST_YEAR <= at.year <= LAST_YEAR:
            raise InputError(f"{text} is absurd", hint=f"years {FIRST_YEAR} to {LAST_YEAR}")
        return at
    except InputError as error:
        raise InputError(error.what, f"the parameter {name}", error.hint) from error


def _self(router: APIRouter, parts: Parts) -> None:
    @router.post("/api/v1/start-over", summary="Read a stream of a source again from its beginning (admin)", tags=["self"])
    async def read_again(request: Request) -> Response:
        body = await read_body(request, 2**16)
        try:
            asked = orjson.loads(body)
            platform, stream = str(asked["platform"]), str(asked["stream"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError('the body must be {"platform": "…", "stream": "…"}', "/api/v1/start-over", "send JSON") from error
        await asyncio.to_thread(start_over, parts.writer, platform, stream, tuple(parts.packs))
        await asyncio.to_thread(Audit(parts.state).add, asking().name, "start over", {"platform": platform, "stream": stream})
        return answer({"platform": platform, "stream": stream})

    @router.post("/api/v1/sign-in-link", summary="A new one-time sign-in link (admin)", tags=["self"])
    async def sign_in_link(request: Request) -> Response:
        who = asking().name
        secret = await asyncio.to_thread(lambda: SignIn(parts.state).issue(by=who))
        return answer({"url": f"{request.base_url}sign-in?link={secret}"})

    @router.get("/healthz", summary="Whether the process answers", tags=["self"])
    async def healthz() -> Response:
        return answer({"status": "ok", "time": parts.clock.now()})

    @router.get("/readyz", summary="200 only after back-fill, roll-up and first headroom", tags=["self"])
    async def readyz() -> Response:
        steps = await asyncio.to_thread(parts.readiness.steps)
        ready = all(step.done for step in steps)
        return answer(
            {"ready": ready, "steps": [{"name": s.name, "done": s.done, "words": s.words} for s in steps]}, 200 if ready else 503
        )

    @router.get("/metrics", summary="Roomleft's own metrics, Prometheus text or OpenMetrics", tags=["self"])
    async def metrics(request: Request) -> Response:
        encoder, content_type = exposition.choose_encoder(request.headers.get("accept", ""))
        body = await asyncio.to_thread(encoder, REGISTRY)
        return Response(body, media_type=content_type)
