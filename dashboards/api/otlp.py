"""`/v1/traces` and `/v1/metrics`: what OpenTelemetry's SDKs and collectors send, stored before it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.otlp import messages
from collectors.otlp.ancestry import Traces
from collectors.otlp.calls import usage_of
from collectors.otlp.readings import readings_of
from collectors.otlp.running import Locks, Running
from collectors.otlp.senders import Senders
from dashboards.api.bodies import read_body
from dashboards.api.program import store_judged
from dashboards.parts import Parts
from roomleft.errors import InputError, QueueFull, RoomleftError, StoreError, TooLarge
from warehouse.writer import Batch

SOURCE = "otlp"
"""One source for all senders: a span that comes by two ways, or again with a new token, is still one call."""
BODIES_AT_ONCE = 4
SLICE_ROWS = 50_000
WAIT_S = 5
SHOWN_REASONS = 3
DESCRIBED = (
    "OTLP over HTTP: protobuf or JSON, gzip allowed (docs/otlp.md). The platform is named by the header `x-roomleft-platform`, the parameter "
    "`platform`, the resource attribute `roomleft.platform`, or by the service. Answers after commit, in the request's encoding; what was refused is "
    "counted in `partial_success`, and kept in `rejected`. Sending the same again adds nothing."
)
Asked = Annotated[str | None, Header(alias="x-roomleft-platform")]


def make_otlp(parts: Parts) -> APIRouter:
    """Both routes, at the paths that every OTLP exporter knows."""
    router = APIRouter()
    at_once = asyncio.Semaphore(BODIES_AT_ONCE)
    traces, running, locks = Traces(), Running(parts.store), Locks()

    async def take(request: Request, work: Callable[[bytes, str], Any]) -> Response:
        encoding = messages.PROTOBUF
        try:
            encoding = messages.encoding_of(request.headers.get("content-type", ""))
            async with at_once:
                body = await read_body(request, parts.settings.body_limit_mb * 2**20)
                return Response(await work(body, encoding), 200, media_type=encoding)
        except RoomleftError as error:
            return _refusal(error, encoding)

    async def senders(asked: str | None) -> Senders:
        return Senders(dict(parts.packs), {*parts.packs, *await asyncio.to_thread(parts.wake_packs, ())}, asked)

    async def judged(asked: str | None, judge: Callable[[Senders], Any]) -> Any:
        """What `judge` makes of a request; once more if a platform woke up for it, since only then its pack says how it is read."""
        done = await asyncio.to_thread(judge, await senders(asked))
        if first := set(done.platforms) - set(parts.packs):
            await asyncio.to_thread(parts.wake_packs, first)
            done = await asyncio.to_thread(judge, await senders(asked))
        return done

    @router.post("/v1/traces", summary="Send spans (OTLP)", description=DESCRIBED, tags=["push"])
    async def take_traces(request: Request, platform: str | None = None, x_roomleft_platform: Asked = None) -> Response:
        asked = x_roomleft_platform or platform

        async def work(body: bytes, encoding: str) -> bytes:
            message = await asyncio.to_thread(messages.read, body, encoding, ExportTraceServiceRequest)
            now = parts.clock.now()
            found = await judged(
                asked, lambda known: usage_of(message, source=SOURCE, sender_of=known.of, traces=traces, now=now)
            )
            counts, _, full = await store_judged(parts, SOURCE, "usage", found.usage)
            if full is not None:
                raise full
            reasons = [*found.reasons]
            if kept_out := counts["rows_rejected"] - found.refused:
                reasons.append(f"{kept_out} contradict what is stored under their id")
            return messages.traces_answer(encoding, counts["rows_rejected"], _words("span", counts["rows_rejected"], reasons))

        return await take(request, work)

    @router.post("/v1/metrics", summary="Send metrics (OTLP)", description=DESCRIBED, tags=["push"])
    async def take_metrics(request: Request, platform: str | None = None, x_roomleft_platform: Asked = None) -> Response:
        asked = x_roomleft_platform or platform

        async def work(body: bytes, encoding: str) -> bytes:
            message = await asyncio.to_thread(messages.read, body, encoding, ExportMetricsServiceRequest)
            now = parts.clock.now()
            # Differences are added to what is stored: two requests of one sender must not read the same sum.
            async with locks.held(message):
                found = await judged(
                    asked, lambda known: readings_of(message, source=SOURCE, sender_of=known.of, running=running, now=now)
                )
                refused = found.refused + await _store(parts, found)
                running.advance(found.sums)
            return messages.metrics_answer(encoding, refused, _words("data point", refused, found.reasons))

        return await take(request, work)

    return router


async def _store(parts: Parts, found: Any) -> int:
    """Store readings, the usage made of them and what was refused; how many contradict what is stored. Raises QueueFull and StoreError."""
    samples = found.samples
    # Usage goes with the readings it was taken from, or a crash between the two would lose or double it.
    step = samples.num_rows or 1 if found.usage.num_rows else SLICE_ROWS
    conflicts = 0
    batches = [Batch(SOURCE, samples=samples.slice(at, step)) for at in range(0, samples.num_rows, step)] or [Batch(SOURCE)]
    batches[0] = Batch(SOURCE, samples=batches[0].samples, usage=found.usage, rejected=found.rejected)
    for batch in batches:
        receipt = await asyncio.wrap_future(parts.writer.submit(batch))
        conflicts += receipt.conflict
    return conflicts


def _words(what: str, refused: int, reasons: Collection[str]) -> str:
    if not refused:
        return ""
    shown = list(reasons)[:SHOWN_REASONS]
    more = f"; and {len(reasons) - len(shown)} more reasons" if len(reasons) > len(shown) else ""
    return f"{refused} {what}{'s' if refused > 1 else ''} refused: {'; '.join(shown)}{more}; see `rejected`"


def _refusal(error: RoomleftError, encoding: str) -> Response:
    """A Status body, and the HTTP status that makes a client send again (429, 503) or let it be (everything else)."""
    status, code, headers = 500, messages.INTERNAL, {}
    if isinstance(error, QueueFull):
        status, code, headers = 429, messages.EXHAUSTED, {"Retry-After": str(max(1, round(error.retry_after_s)))}
    elif isinstance(error, StoreError):
        status, code, headers = 503, messages.UNAVAILABLE, {"Retry-After": str(WAIT_S)}
    elif isinstance(error, TooLarge):
        status, code = 413, messages.INVALID
    elif isinstance(error, InputError):
        status, code = 415 if error.where == "Content-Type" else 400, messages.INVALID
    words = f"{error.what} ({error.where}): {error.hint}"
    return Response(messages.status_body(encoding, code, words), status, headers, encoding)
