"""The real OpenTelemetry SDK sends to a real server that is killed and started again meanwhile: every call is counted once, to the nano-dollar."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import set_span_in_context

from roomleft.clock import Clock
from roomleft.packs import load_packs
from roomleft.settings import ROOT
from tests.chaos.server import Server
from warehouse.state import Scope, StateDb, Tokens

CALLS = 10_000
AGENTS = 500
KILLED_AFTER = (1_500, 5_000)
"""How many calls are stored when the server is killed."""
WAIT_S = 50.0


class KeepsTrying(SpanExporter):
    """The real exporter, and what it gave up on is given to it again, as a collector's queue does."""

    def __init__(self, exporter: OTLPSpanExporter, until: float) -> None:
        self.exporter = exporter
        self.until = until
        self.gave_up = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        while (result := self.exporter.export(spans)) is not SpanExportResult.SUCCESS and time.monotonic() < self.until:
            self.gave_up += 1
        return result

    def shutdown(self) -> None:
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.exporter.force_flush(timeout_millis)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def asked(server: Server, sql: str) -> list[dict[str, Any]]:
    assert server.http is not None
    response = server.http.post("/api/v1/sql", json={"query": sql})
    response.raise_for_status()
    rows: list[dict[str, Any]] = response.json()["rows"]
    return rows


def until(done: Callable[[], bool], deadline: float) -> None:
    while not done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


@pytest.mark.peers
@pytest.mark.chaos
def test_ten_thousand_calls_through_two_kills_are_counted_once(tmp_path: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    data = tmp_path / "data"
    data.mkdir()
    state = StateDb.open(f"sqlite:///{data / 'state.db'}", Clock())
    token = Tokens(state).add("sdk", {Scope.INGEST})
    state.close()
    port = free_port()
    server = Server(data, {"ROOMLEFT_PORT": str(port)})
    server.start()
    sent = KeepsTrying(
        OTLPSpanExporter(
            f"http://127.0.0.1:{port}/v1/traces", headers={"Authorization": f"Bearer {token}"}, timeout=20, compression=Compression.Gzip
        ),
        deadline,
    )  # fmt: skip
    provider = TracerProvider(resource=Resource({"service.name": "scribe"}), shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(sent, max_queue_size=CALLS * 2, max_export_batch_size=512, schedule_delay_millis=100, export_timeout_millis=40_000)
    )  # fmt: skip
    expected = _emit(provider)
    try:
        for stored in KILLED_AFTER:
            until(lambda stored=stored: asked(server, "SELECT count(*) AS n FROM ai_usage")[0]["n"] >= stored, deadline)  # type: ignore[misc]
            assert asked(server, "SELECT count(*) AS n FROM ai_usage")[0]["n"] < CALLS, "everything was stored before the kill"
            server.kill()
            server.start()
        assert provider.force_flush(round(1000 * max(1.0, deadline - time.monotonic())))
        until(lambda: asked(server, "SELECT count(*) AS n FROM ai_usage")[0]["n"] >= CALLS, deadline)
        (found,) = asked(
            server,
            "SELECT count(*) AS n, count(DISTINCT event_id) AS ids, sum(cost_usd)::VARCHAR AS usd, min(cost_state) AS least, max(cost_state) AS most "
            "FROM cost_entries",
        )
        (usage,) = asked(server, "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM ai_usage")
        rejected = asked(server, "SELECT reason FROM rejected")
    finally:
        provider.shutdown()
        server.stop()
    assert usage == {"n": CALLS, "ids": CALLS}
    assert rejected == []
    assert (found["n"], found["ids"], found["least"], found["most"]) == (CALLS, CALLS, "priced", "priced")
    assert Decimal(found["usd"]) == expected


def _emit(provider: TracerProvider) -> Decimal:
    """End `CALLS` spans of calls, under agents that repeat what their calls used, and say what the calls cost."""
    now = datetime.now(UTC)  # the real server lives on the real clock
    rates = {
        (rate.model, rate.unit): rate.usd_per_unit
        for rate in load_packs(ROOT / "packs", ["scribe"])["scribe"].rates(now)
        if rate.provider == "gemini" and rate.valid_from <= now
    }
    tracer = provider.get_tracer("calls")
    began = round((now - timedelta(hours=1)).timestamp()) * 10**9
    total = Decimal(0)
    each = CALLS // AGENTS
    for number in range(AGENTS):
        agent = tracer.start_span("agent", start_time=began, attributes={"gen_ai.operation.name": "invoke_agent"})
        sums = [0, 0]
        for step in range(each):
            place = number * each + step
            model = ("flash", "flash-lite")[place % 2]
            tokens = (100 + place % 997, 10 + place % 89)
            at = began + place * 10**8
            call = tracer.start_span(
                "chat",
                context=set_span_in_context(agent),
                start_time=at,
                attributes={
                    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "gcp.gemini", "gen_ai.request.model": model,
                    "gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1], "gen_ai.response.id": f"r-{place}",
                },
            )  # fmt: skip
            call.end(at + 5 * 10**8)
            sums = [sums[0] + tokens[0], sums[1] + tokens[1]]
            total += tokens[0] * rates[model, "input_uncached_tokens"] + tokens[1] * rates[model, "output_tokens"]
        agent.set_attributes({"gen_ai.usage.input_tokens": sums[0], "gen_ai.usage.output_tokens": sums[1]})
        agent.end(began + 10**12)
    return total
