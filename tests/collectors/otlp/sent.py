"""What an OpenTelemetry sender sends: spans and metrics in its own messages, and a pack to send them to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collectors.otlp.ancestry import Traces
from collectors.otlp.calls import Judged, usage_of
from collectors.otlp.senders import Senders
from roomleft.packs import Pack, load_pack
from roomleft.packs_otlp import OtlpSpec
from roomleft.settings import ROOT

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TINY = load_pack(ROOT / "tests" / "packs" / "good" / "tiny.yaml")
CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
}  # fmt: skip
Spec = Mapping[str, Any]


def nanos(at: datetime) -> int:
    """An instant as OTLP writes it."""
    return int((at - EPOCH).total_seconds()) * 10**9


def value_of(value: object) -> AnyValue:
    """A value of an attribute."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list | tuple):
        made = AnyValue()
        made.array_value.values.extend([value_of(each) for each in value])
        return made
    return AnyValue(string_value=str(value))


def pairs(attributes: Mapping[str, object]) -> list[KeyValue]:
    """Attributes as OTLP's key and value pairs."""
    return [KeyValue(key=key, value=value_of(value)) for key, value in attributes.items()]


def add_span(
    spans: Any, attributes: Mapping[str, object], *, number: int = 1, parent: int = 0, trace: int = 1, **more: Any
) -> Any:
    """Add a span of a second to a scope's spans, five minutes before NOW. Ids are made of small numbers; 0 is no parent."""
    start = nanos(NOW - timedelta(minutes=5))
    span = spans.add(
        trace_id=trace.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name="chat", start_time_unix_nano=start, end_time_unix_nano=start + 10**9, **more,
    )  # fmt: skip
    span.attributes.extend(pairs(attributes))
    return span


def request_of(spans: Sequence[Spec], resource: Mapping[str, object] | None = None) -> ExportTraceServiceRequest:
    """A request with these spans: each the keywords of `add_span`."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(pairs({"service.name": "tiny"} if resource is None else resource))
    scope = group.scope_spans.add()
    for span in spans:
        add_span(scope.spans, **span)
    return request


def pack_with(**otlp: Any) -> Pack:
    """The tiny pack with an `otlp` section."""
    return TINY.model_copy(update={"otlp": OtlpSpec.model_validate(otlp)})


def judged(
    request: ExportTraceServiceRequest, *, pack: Pack = TINY, asked: str | None = None, traces: Traces | None = None
) -> Judged:
    """What becomes of a request that is sent to a server with one pack."""
    senders = Senders({pack.slug: pack}, {pack.slug}, asked)
    return usage_of(request, source="otlp", sender_of=senders.of, traces=traces or Traces(), now=NOW)


def row_of(attributes: Mapping[str, object], resource: Mapping[str, object] | None = None, **more: Any) -> dict[str, Any]:
    """The usage row of a single span; it must be the only one."""
    found = judged(request_of([{"attributes": attributes}], resource), **more)
    assert found.reasons == ()
    (row,) = found.usage.rows.to_pylist()
    kept: dict[str, Any] = row
    return kept
