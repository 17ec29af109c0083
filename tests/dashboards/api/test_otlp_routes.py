"""`/v1/traces` and `/v1/metrics` over HTTP: stored before answered, what clients send again, and no text ever kept."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collectors.otlp import messages
from dashboards.api.otlp import make_otlp
from dashboards.api.program import install_errors
from dashboards.parts import Parts
from dashboards.readiness import Readiness
from roomleft.clock import FixedClock
from roomleft.errors import DiskFull
from tests.collectors.otlp.sent import CALL, NOW, TINY, judged, nanos, pairs, request_of
from warehouse.store import Store
from warehouse.writer import Batch, Writer

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PROTOBUF = {"content-type": messages.PROTOBUF}
JSON = {"content-type": messages.JSON}
MARKER = "the quick brown fox said a secret"


class Served:
    """The routes over a real store in a file."""

    def __init__(self, folder: Path, queue_rows: int = 200_000, start: bool = True) -> None:
        self.file = folder / "warehouse.duckdb"
        clock = FixedClock(NOW)
        self.store = Store.open(f"duckdb:///{self.file}", now=clock)
        self.writer = Writer(self.store, clock, group_ms=0, max_queued_rows=queue_rows)
        if start:
            self.writer.start()
        settings: Any = SimpleNamespace(body_limit_mb=1)
        state: Any = None
        packs = {TINY.slug: TINY}
        parts = Parts(
            settings, clock, packs, self.store, self.writer, state, tuple, Readiness({}), wake_packs=lambda slugs: packs
        )
        app = FastAPI()
        install_errors(app)
        app.include_router(make_otlp(parts))
        self.http = TestClient(app)

    def close(self) -> None:
        self.writer.close()
        self.store.close()

    def one(self, sql: str) -> Any:
        """The one value that a question has for an answer."""
        (row,) = self.store.select(sql).to_pylist()
        (value,) = row.values()
        return value


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def metrics_request(service: str = "tiny") -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(pairs({"service.name": service}))
    group.scope_metrics.add().metrics.add(name="queue").gauge.data_points.add(as_int=3, time_unix_nano=nanos(NOW))
    return request


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_protobuf_is_stored_before_it_is_answered(served: Served, packed: bool) -> None:
    body = request_of([{"attributes": CALL}]).SerializeToString()
    headers = PROTOBUF | ({"content-encoding": "gzip"} if packed else {})
    response = served.http.post("/v1/traces", content=gzip.compress(body) if packed else body, headers=headers)
    assert (response.status_code, response.headers["content-type"], response.content) == (200, messages.PROTOBUF, b"")
    assert served.one("SELECT count(*) FROM ai_usage") == 1
    assert served.one("SELECT count(*) FROM cost_entries") == 1


def test_the_same_again_adds_nothing(served: Served) -> None:
    body = request_of([{"attributes": CALL}]).SerializeToString()
    for _ in range(3):
        assert served.http.post("/v1/traces", content=body, headers=PROTOBUF).content == b""
    assert served.one("SELECT count(*) FROM ai_usage") == 1


def test_json_is_answered_in_json(served: Served, shared_data: Path) -> None:
    body = (shared_data / "otlp" / "proto_examples" / "trace.json").read_bytes()
    response = served.http.post("/v1/traces", content=body, headers=JSON)
    assert (response.status_code, response.headers["content-type"], response.json()) == (200, messages.JSON, {})


@pytest.mark.parametrize("how", ["header", "parameter"])
def test_the_platform_may_be_named_by_the_request(served: Served, how: str) -> None:
    body = request_of([{"attributes": CALL}], {"service.name": "web"}).SerializeToString()
    headers = PROTOBUF | ({"x-roomleft-platform": "tiny"} if how == "header" else {})
    path = "/v1/traces" if how == "header" else "/v1/traces?platform=tiny"
    assert served.http.post(path, content=body, headers=headers).content == b""
    assert served.one("SELECT platform FROM ai_usage") == "tiny"


@pytest.mark.parametrize("encoding", [messages.PROTOBUF, messages.JSON])
def test_what_is_refused_is_counted_kept_and_explained(served: Served, encoding: str) -> None:
    request = request_of([{"attributes": CALL}, {"attributes": CALL | {"gen_ai.usage.input_tokens": -5}, "number": 2}])
    body = request.SerializeToString()
    if encoding == messages.JSON:
        tree = json_format.MessageToDict(request)
        for span in tree["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            span |= {"traceId": f"{1:032x}", "spanId": f"{2 if 'Ag' in span['spanId'] else 1:016x}"}
        body = orjson.dumps(tree)
    response = served.http.post("/v1/traces", content=body, headers={"content-type": encoding})
    assert response.status_code == 200
    told = ExportTraceServiceResponse()
    if encoding == messages.JSON:
        json_format.Parse(response.content, told)
    else:
        told.ParseFromString(response.content)
    assert told.partial_success.rejected_spans == 1
    assert "1 span refused: input_tokens: must not be negative (-5); see `rejected`" in told.partial_success.error_message
    assert served.one("SELECT reason FROM rejected") == "input_tokens: must not be negative (-5)"
    assert served.one("SELECT count(*) FROM ai_usage") == 1


def test_another_content_under_a_stored_id_is_told(served: Served) -> None:
    for tokens in (100, 101):
        body = request_of([{"attributes": CALL | {"gen_ai.usage.input_tokens": tokens}}]).SerializeToString()
        response = served.http.post("/v1/traces", content=body, headers=PROTOBUF)
    told = ExportTraceServiceResponse.FromString(response.content)
    assert told.partial_success.rejected_spans == 1
    assert "contradict what is stored under their id" in told.partial_success.error_message


def test_metrics_are_stored_and_unknown_senders_are_told(served: Served) -> None:
    assert served.http.post("/v1/metrics", content=metrics_request().SerializeToString(), headers=PROTOBUF).content == b""
    assert served.one("SELECT value FROM samples") == 3.0
    response = served.http.post("/v1/metrics", content=metrics_request("web").SerializeToString(), headers=PROTOBUF)
    told = ExportMetricsServiceResponse.FromString(response.content)
    assert (response.status_code, told.partial_success.rejected_data_points) == (200, 1)
    assert "no pack knows the service 'web'" in told.partial_success.error_message


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics"])
@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"\xff\xff", PROTOBUF, 400),
        (b"{", JSON, 400),
        (b"x", PROTOBUF | {"content-encoding": "gzip"}, 400),
        (b"x", PROTOBUF | {"content-encoding": "br"}, 400),
        (b"x" * (2**20 + 1), PROTOBUF, 413),
        (gzip.compress(b"0" * 2**24), PROTOBUF | {"content-encoding": "gzip"}, 413),
        (b"x", {"content-type": "text/plain"}, 415),
    ],
    ids=["protobuf", "json", "gzip", "brotli", "too large", "bomb", "type"],
)
def test_garbage_is_answered_with_a_status_that_no_client_sends_again(
    served: Served, path: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    response = served.http.post(path, content=content, headers=headers)
    assert response.status_code == status
    if headers["content-type"] == messages.JSON:
        assert response.json()["code"] == messages.INVALID
    else:
        assert response.content[:2] == bytes([0x08, messages.INVALID])


def test_a_full_queue_says_when_to_come_again(tmp_path: Path) -> None:
    made = Served(tmp_path, queue_rows=1, start=False)
    try:
        made.writer.submit(Batch("otlp", usage=judged(request_of([{"attributes": CALL}])).usage.rows))
        for path, body in (("/v1/traces", request_of([{"attributes": CALL, "number": 2}])), ("/v1/metrics", metrics_request())):
            response = made.http.post(path, content=body.SerializeToString(), headers=PROTOBUF)
            assert (response.status_code, response.content[:2]) == (429, bytes([0x08, messages.EXHAUSTED]))
            assert int(response.headers["retry-after"]) >= 1
    finally:
        made.writer.start()
        made.close()


def test_a_store_that_cannot_write_is_worth_another_try(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(batch: object) -> None:
        raise DiskFull("the disk is full", "warehouse")

    monkeypatch.setattr(served.writer, "submit", full)
    response = served.http.post("/v1/traces", content=request_of([{"attributes": CALL}]).SerializeToString(), headers=PROTOBUF)
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")


def test_no_text_of_a_span_or_a_metric_is_stored(served: Served) -> None:
    written = (
        "gen_ai.prompt", "gen_ai.completion", "gen_ai.prompt.0.content", "gen_ai.completion.0.content", "gen_ai.input.messages",
        "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.tool.definitions",
        "llm.prompts", "llm.completions", "llm.input_messages.0.message.content", "llm.output_messages.0.message.content", "input.value",
        "output.value", "ai.prompt", "ai.prompt.messages", "ai.response.text", "ai.response.toolCalls", "ai.toolCall.args", "traceloop.entity.input",
        "traceloop.entity.output", "all_messages_events", "events", "logfire.msg", "exception.message", "anything.else",
        # Attributes that are read, but whose value is no name.
        "gen_ai.response.model", "gen_ai.response.id", "gen_ai.response.finish_reasons", "error.type", "gen_ai.openai.response.service_tier",
        "gen_ai.usage.cost", "gen_ai.usage.cost.currency", "gen_ai.usage.cost.source", "gen_ai.usage.cache_read_input_tokens",
    )  # fmt: skip
    request = request_of([{"attributes": CALL | dict.fromkeys(written, MARKER)}, {"attributes": CALL | dict.fromkeys(written, MARKER) | {"gen_ai.usage.input_tokens": -1}, "number": 2}])  # fmt: skip
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.name = MARKER
        span.trace_state = MARKER
        span.status.message = MARKER
        span.events.add(name=MARKER, time_unix_nano=span.start_time_unix_nano).attributes.extend(pairs({"gen_ai.prompt": MARKER}))
        span.links.add(trace_id=b"1" * 16).attributes.extend(pairs({"gen_ai.prompt": MARKER}))
    request.resource_spans[0].scope_spans[0].scope.name = MARKER
    request.resource_spans[0].resource.attributes.extend(pairs({"process.command_line": MARKER}))
    response = served.http.post("/v1/traces", content=request.SerializeToString(), headers=PROTOBUF)
    assert ExportTraceServiceResponse.FromString(response.content).partial_success.rejected_spans == 1
    metrics = metrics_request()
    point = metrics.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    point.attributes.extend(pairs({"gen_ai.input.messages": MARKER, "prompt": MARKER}))
    metrics.resource_metrics[0].scope_metrics[0].metrics[0].description = MARKER
    assert served.http.post("/v1/metrics", content=metrics.SerializeToString(), headers=PROTOBUF).content == b""
    assert (served.one("SELECT count(*) FROM ai_usage"), served.one("SELECT count(*) FROM samples")) == (1, 1)
    for table in ("ai_usage", "rejected", "series", "cost_entries"):
        assert served.one(f"SELECT count(*) FROM {table} AS t WHERE CAST(t AS VARCHAR) ILIKE '%quick brown%'") == 0
    served.close()
    stored = b"".join(path.read_bytes() for path in served.file.parent.iterdir())
    assert b"openai" in stored, "what is kept can be found in the bytes"
    assert b"quick brown" not in stored
    assert MARKER.encode() not in response.content
