"""Spans over OTLP beside the same calls as NDJSON: both to a real server, priced and acknowledged."""

from __future__ import annotations

import statistics
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from collectors.otlp import messages
from collectors.otlp.ancestry import Traces
from collectors.otlp.calls import usage_of
from collectors.otlp.senders import Senders
from collectors.records.usage_rows import usage_table
from roomleft.packs import load_packs
from roomleft.settings import ROOT
from tests.benchmarks.rows import records
from tests.benchmarks.timing import Result, seconds
from tests.chaos.server import Server
from tests.collectors.otlp.sent import pairs

SPANS = 1000
TURNS = 12
HTTP_TURNS = 5
IN_A_TURN = 3
"""Requests, one after the other: one alone waits longer for its commit than it takes to read."""


def otlp(folder: Path, now: datetime) -> list[Result]:
    """1 000 spans a request: judging alone, and over HTTP to a server, each against the same calls as NDJSON, in turn."""
    packs = load_packs(ROOT / "packs", ["scribe"])
    judge_spans, judge_lines = [], []
    for turn in range(TURNS):
        made = records(SPANS, now, turn)
        body, lines = spans_of(made, turn).SerializeToString(), _ndjson(made)
        senders, traces = Senders(packs, packs, None), Traces()

        def spans(body: bytes = body, senders: Senders = senders, traces: Traces = traces) -> None:
            message = messages.read(body, messages.PROTOBUF, ExportTraceServiceRequest)
            found = usage_of(message, source="otlp", sender_of=senders.of, traces=traces, now=now)
            assert (found.usage.rows.num_rows, found.refused) == (SPANS, 0), found.reasons

        def ndjson(lines: bytes = lines) -> None:
            found = usage_table(lines, source="bench", platform=None, known_platforms=["scribe"], now=now)
            assert found.rows.num_rows == SPANS

        judge_spans.append(seconds(spans))
        judge_lines.append(seconds(ndjson))
    alone = SPANS / statistics.median(judge_spans[2:])
    share = statistics.median(line / span for line, span in zip(judge_lines[2:], judge_spans[2:], strict=True))
    proto, json_, lines_ = _over_http(folder, now)
    return [
        Result(f"OTLP protobuf, {SPANS:,} spans a request: read and judged alone", f"{alone:,.0f} spans/s, {share:.0%} of NDJSON", "report", None),
        Result("the same over HTTP, priced and acknowledged, one sender", f"{proto:,.0f} spans/s, {proto / lines_:.0%} of NDJSON", "report", None),
        Result("the same in OTLP JSON", f"{json_:,.0f} spans/s, {json_ / lines_:.0%} of NDJSON", "report", None),
    ]  # fmt: skip


def _over_http(folder: Path, now: datetime) -> tuple[float, float, float]:
    """Spans a second in protobuf and JSON, and records a second in NDJSON."""
    server = Server(folder / "otlp", {})
    (folder / "otlp").mkdir()
    server.start()
    assert server.http is not None
    http = server.http
    rates: dict[str, list[float]] = {"protobuf": [], "json": [], "ndjson": []}
    try:
        for turn in range(HTTP_TURNS):
            for number, form in enumerate(rates):
                bodies = []
                for part in range(IN_A_TURN):
                    seed = 1_000_000 + 1000 * turn + 100 * number + part
                    made = records(SPANS, now, seed)
                    request = spans_of(made, seed)
                    bodies.append(
                        {"protobuf": request.SerializeToString, "json": lambda r=request: _json(r), "ndjson": lambda m=made: _ndjson(m)}[form]()  # type: ignore[misc]
                    )  # fmt: skip
                path = "/api/v1/usage" if form == "ndjson" else "/v1/traces"
                kind = messages.PROTOBUF if form == "protobuf" else messages.JSON

                def push(bodies: list[bytes] = bodies, path: str = path, kind: str = kind) -> None:
                    for body in bodies:
                        response = http.post(path, content=body, headers={"content-type": kind})
                        assert response.status_code == 200, response.text
                        assert kind != messages.PROTOBUF or response.content == b"", ExportTraceServiceResponse.FromString(
                            response.content
                        )

                rates[form].append(SPANS * IN_A_TURN / seconds(push))
    finally:
        server.stop()
    proto, json_, lines = (statistics.median(found[1:]) for found in rates.values())
    return proto, json_, lines


def spans_of(made: list[dict[str, object]], seed: int) -> ExportTraceServiceRequest:
    """Usage records as the spans that an instrumented application sends."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(
        pairs({"service.name": "scribe", "telemetry.sdk.language": "python", "deployment.environment.name": "production"})
    )
    spans = group.scope_spans.add().spans
    for number, record in enumerate(made):
        at = datetime.fromisoformat(str(record["occurred_at"]))
        start = int(at.timestamp()) * 10**9
        span = spans.add(
            trace_id=(seed * 10**7 + number + 1).to_bytes(16, "big"), span_id=(number + 1).to_bytes(8, "big"), name="chat flash", kind=3,
            start_time_unix_nano=start, end_time_unix_nano=start + int(timedelta(seconds=1).total_seconds() * 10**9),
        )  # fmt: skip
        span.attributes.extend(
            pairs(
                {
                    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "gcp.gemini", "gen_ai.request.model": str(record["model"]),
                    "gen_ai.request.temperature": 0.2, "gen_ai.request.max_tokens": 800, "server.address": "generativelanguage.googleapis.com",
                    "server.port": 443, "gen_ai.response.id": f"r-{seed}-{number}", "gen_ai.response.finish_reasons": ["stop"],
                    "gen_ai.usage.input_tokens": int(str(record["input_tokens"])), "gen_ai.usage.output_tokens": int(str(record["output_tokens"])),
                    "gen_ai.usage.cache_read.input_tokens": int(str(record["cache_read_tokens"])), "enduser.id": str(record["user_id"]),
                }
            )
        )  # fmt: skip
    return request


def _json(request: ExportTraceServiceRequest) -> bytes:
    tree = json_format.MessageToDict(request)
    for group, told in zip(request.resource_spans, tree["resourceSpans"], strict=True):
        for scope, said in zip(group.scope_spans, told["scopeSpans"], strict=True):
            for span, words in zip(scope.spans, said["spans"], strict=True):
                words |= {"traceId": span.trace_id.hex(), "spanId": span.span_id.hex(), "kind": int(span.kind)}
    return orjson.dumps(tree)


def _ndjson(made: list[dict[str, object]]) -> bytes:
    return b"\n".join(orjson.dumps(record) for record in made)
